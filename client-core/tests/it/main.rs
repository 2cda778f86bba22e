//! Stories of the client with a real host on loopback: real sockets, real vaults, no sleeping.

// The functions that set the stage are test code too; a failure there is told by its line.
#![allow(clippy::unwrap_used)]

mod bare;
mod catching_up;
mod counting;
mod joining;
mod sending;
mod stage;
mod trusting;
