//! Prepares what Tauri's macros read at compile time. It refuses to build the UI: `xtask` and `npm` do that.

fn main() {
    // The macros panic when the folder is missing, even for `cargo check` on a fresh clone.
    let ui = std::path::Path::new("../ui/dist");
    if !ui.exists()
        && let Err(error) = std::fs::create_dir_all(ui)
    {
        println!("cargo::error=the folder ui/dist is missing and cannot be made: {error}");
    }
    // The UI is embedded: a new one makes a new program.
    println!("cargo::rerun-if-changed=../ui/dist");
    tauri_build::build();
}
