//! Rights that end while something is under way, each moment of it forced: a question, an act or a sign-in is held at one
//! of its waits after the other, the right is taken away to the end, and only then it goes on.
#![allow(clippy::large_futures, reason = "what is held is held on the stack of a test")]

mod acts;
mod hold;
mod programs;
mod questions;
mod scene;
mod sign_ins;

/// The number of the request under way.
const REQ: u32 = 7;
