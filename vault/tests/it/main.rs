//! Stories of a vault, through its public API alone.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, though clippy looks at test functions only"
)]

mod disk;
mod keyring;
mod migrating;
mod opening;
mod privacy;
mod reading;
mod slots;
mod snapshots;
mod support;
mod writing;
