//! Lets the host be built before the web page is: the folder to embed must exist. And keeps the program small.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // Half a megabyte of addresses that are written down one by one otherwise, all of them read at every start.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    let dist = std::path::Path::new("../ui/dist");
    // Where it can't be made, the embedding says so itself.
    let _ = std::fs::create_dir_all(dist);
    println!("cargo::rerun-if-changed=../ui/dist");
}
