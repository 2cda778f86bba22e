//! The Hearth host: everything a team's server does, as a library for both binaries.
//!
//! [`Server::start`] takes the port, opens the vault, serves and announces; the handle it returns tells where and who
//! the host is, and stops it. This crate refuses to read configuration files, to know a window, and to acknowledge
//! what is not on disk.
//!
//! A message's way: `listener` → `http` → `connection` → `dispatch` → `handler` (asking `permissions`) →
//! `committer` → `hub` → every `connection` of the room.

mod config;
mod error;
mod second_factor;
mod server;

mod acme;
mod http;
mod listener;
mod mentions;
mod tls;

pub mod admin;
mod admission;
mod connection;
mod dispatch;
mod handler;
mod permissions;

mod committer;
mod hub;
mod store;

mod budget;
mod discovery;
mod enrolment;
mod forward;
mod hashing;
mod host;
mod identity;
mod lately;
mod live;
mod metrics;
mod names;
mod network;
mod offload;
mod outgoing;
mod pictures;
mod programs;
mod public_name;
mod reports;
mod retention;
mod snapshots;
mod statuses;
mod token;
mod typing;

pub use config::{
    Acme, AcmeChallenge, Config, ExternalAccount, HostKey, Limits, SecondFactor, Snapshots, Timeouts,
    TlsFiles,
};
pub use error::{Refusal, ReloadError, StartError};
pub use host::is_host;
pub use http::{NotAnOrigin, origin};
pub use ipnet::IpNet;
pub use live::check_files;
pub use network::in_a_browser;
pub use public_name::{NotAName, PublicName};
pub use server::Server;
pub use snapshots::newest_snapshot;
/// What a host's vault is made of, step by step: for whoever looks into one that is older than this host.
pub use store::SCHEMA;
