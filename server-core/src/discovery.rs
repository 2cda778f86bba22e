//! Announcing the host on the local network by mDNS.
//!
//! An announcement proves nothing: clients recognise a host by its key. A host that can't announce still serves.

use std::net::SocketAddr;
use std::time::Duration;

use mdns_sd::{IfKind, IfPredicate, ServiceDaemon, ServiceInfo};
use protocol::{HostId, MDNS_SERVICE};

use crate::network::is_virtual;

/// For the goodbye to leave.
const GOODBYE: Duration = Duration::from_secs(1);

/// Longest instance name in bytes (RFC 6763, 4.1.1).
const INSTANCE_BYTES: usize = 63;

/// A host's presence on the local network.
pub(crate) struct Announcement {
    daemon: ServiceDaemon,
    instance: String,
}

impl Announcement {
    /// Announces a host that listens at `bound`. `None` when that is not possible; the log says why.
    pub(crate) fn begin(id: &HostId, name: &str, bound: SocketAddr) -> Option<Self> {
        match announce(id, name, bound) {
            Ok(announcement) => Some(announcement),
            Err(error) => {
                tracing::warn!(%error, "the host is not announced on the local network; addresses and invites still work");
                None
            }
        }
    }

    /// Takes the announcement back, and waits a moment for that to be heard.
    pub(crate) async fn withdraw(self) {
        if let Ok(heard) = self.daemon.unregister(&self.instance) {
            let _ = tokio::time::timeout(GOODBYE, heard.recv_async()).await;
        }
        if let Ok(ended) = self.daemon.shutdown() {
            let _ = tokio::time::timeout(GOODBYE, ended.recv_async()).await;
        }
    }
}

fn announce(id: &HostId, name: &str, bound: SocketAddr) -> mdns_sd::Result<Announcement> {
    let daemon = ServiceDaemon::new()?;
    daemon.disable_interface(IfKind::Predicate(IfPredicate::new(|interface| is_virtual(&interface.name))))?;
    if bound.is_ipv4() {
        daemon.disable_interface(IfKind::IPv6)?;
    }
    let properties = [
        ("id", id.prefix()),
        ("name", name.to_owned()),
        ("v", env!("CARGO_PKG_VERSION").to_owned()),
        ("port", bound.port().to_string()),
    ];
    let machine = format!("hearth-{}.local.", id.prefix());
    let service =
        ServiceInfo::new(MDNS_SERVICE, &instance(name), &machine, "", bound.port(), &properties[..])?;
    let service = service.enable_addr_auto();
    let instance = service.get_fullname().to_owned();
    daemon.register(service)?;
    Ok(Announcement { daemon, instance })
}

/// The name as it fits one label.
fn instance(name: &str) -> String {
    let mut label = String::new();
    for character in name.chars() {
        if label.len() + character.len_utf8() > INSTANCE_BYTES {
            break;
        }
        label.push(character);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_name_fits_one_label() {
        assert_eq!(instance("Studio"), "Studio");
        assert_eq!(instance(&"周".repeat(64)).len(), 63);
    }
}
