//! Stories over real programs and real sockets.
// Every function here is part of a test; clippy sees only the attributed ones as such.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod imports;
mod kill;
