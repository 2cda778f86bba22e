//! All SQL of the bench.

pub(crate) mod fill;
