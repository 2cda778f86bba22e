//! Finding hosts on the local network, and saying why none is found.
//!
//! What the network says is a hint and never proof: an entry only tells where to dial; whoever answers proves its key.

mod doctor;
mod interfaces;
mod mdns;
mod sightings;

pub use doctor::{Finding, doctor};
pub use mdns::{BrowseError, browse};

use protocol::HostId;

/// One host as announced on the local network, however many interfaces and addresses it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundHost {
    /// The first 16 hex digits of its id. Recognises, proves nothing.
    pub id_prefix: String,
    /// Its name, cleaned; proves nothing.
    pub name: String,
    /// Where to dial, best first; all of them are tried at once.
    pub addresses: Vec<String>,
    /// The software version it says it is; may be empty.
    pub version: String,
    /// The known host it says it is.
    pub known: Option<HostId>,
}
