//! Lets the host be built before the web page is: the folder to embed must exist.

fn main() {
    let dist = std::path::Path::new("../ui/dist");
    // Where it can't be made, the embedding says so itself.
    let _ = std::fs::create_dir_all(dist);
    println!("cargo::rerun-if-changed=../ui/dist");
}
