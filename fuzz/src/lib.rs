//! What is done with each input that is made up: plain functions, which the ordinary tests of the crates they are about
//! run over the seeds and over what was kept of earlier runs.
//!
//! Nothing here knows of libFuzzer; the targets do.

mod config;
mod frames;
mod hooks;
mod links;

/// A frame of either direction.
pub fn frames(bytes: &[u8]) {
    frames::read(bytes);
}

/// A body of an incoming webhook.
pub fn hooks(bytes: &[u8]) {
    hooks::read(bytes);
}

/// An invite link.
pub fn links(text: &str) {
    links::read(text);
}

/// Settings.
pub fn config(text: &str) {
    config::read(text);
}
