//! Says nothing. Building it makes cargo count the features of development dependencies, so that `cargo build` of one
//! program shares every compiled crate with the tests.
fn main() {}
