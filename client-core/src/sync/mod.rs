//! Catching up: which numbers are held, which are missing, what to ask the host for.
//!
//! Events arrive from three sides (pushed, synced, paged) in any order and more than once; every stretch is taken
//! idempotently. What a sync leaves out is a hole, kept as such and paged when somebody looks at it.

pub(crate) mod plan;
