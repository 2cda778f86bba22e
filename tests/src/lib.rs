//! What the stories stand on: real programs in folders of their own, links that speak the bare protocol, and the
//! ledger that judges what came of it.
//!
//! It refuses to replace any part of Hearth by something of its own, and to wait without a bound.

pub mod authority;
pub mod crowd;
pub mod disk;
pub mod drill;
pub mod faults;
pub mod http;
pub mod ledger;
pub mod link;
pub mod network;
pub mod raw_socket;
pub mod search;
pub mod wait;
pub mod world;
