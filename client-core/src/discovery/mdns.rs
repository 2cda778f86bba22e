//! Listening for announcements by mDNS. The daemon closes a receiver that is too slow, so a task drains it and browses
//! again when it was closed all the same.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use mdns_sd::{IfKind, IfPredicate, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use protocol::{HostId, MDNS_SERVICE};
use thiserror::Error;
use tokio::sync::watch;

use super::FoundHost;
use super::interfaces::is_virtual;
use super::sightings::{Announcement, Sightings};

/// Before listening again after the daemon has closed the receiver.
const AGAIN: Duration = Duration::from_secs(1);

/// Why nothing can be listened to.
#[derive(Debug, Error)]
pub enum BrowseError {
    /// The system gave no socket.
    #[error(
        "this computer can't listen for hosts on the network ({0}); type the host's address or paste an invite"
    )]
    NoSocket(String),
    /// The profile could not be read.
    #[error("the known hosts could not be read; check the disk")]
    Profile,
}

/// Starts to listen on every usable interface, until every receiver is dropped. `known` marks the hosts already joined;
/// [`Profile::browse`](crate::Profile::browse) fills it. Needs a tokio runtime.
///
/// # Errors
/// When the system gives no socket.
pub fn browse(known: Vec<HostId>) -> Result<watch::Receiver<Vec<FoundHost>>, BrowseError> {
    let daemon = ServiceDaemon::new().map_err(|error| BrowseError::NoSocket(error.to_string()))?;
    let virtual_ones = IfKind::Predicate(IfPredicate::new(|interface| is_virtual(&interface.name)));
    daemon.disable_interface(virtual_ones).map_err(|error| BrowseError::NoSocket(error.to_string()))?;
    let (publish, found) = watch::channel(Vec::new());
    tokio::spawn(async move {
        tokio::select! {
            () = publish.closed() => {}
            () = listen(&daemon, &known, &publish) => {}
        }
        // The daemon's thread ends by itself once it has heard this.
        drop(daemon.shutdown());
    });
    Ok(found)
}

async fn listen(daemon: &ServiceDaemon, known: &[HostId], publish: &watch::Sender<Vec<FoundHost>>) {
    let mut sightings = Sightings::default();
    loop {
        match daemon.browse(MDNS_SERVICE) {
            Ok(events) => {
                while let Ok(event) = events.recv_async().await {
                    take(&mut sightings, event);
                    let now = sightings.hosts(known);
                    publish.send_if_modified(|before| {
                        let changed = *before != now;
                        *before = now;
                        changed
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "could not listen for hosts"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn take(sightings: &mut Sightings, event: ServiceEvent) {
    match event {
        ServiceEvent::ServiceResolved(service) => sightings.see(&service.fullname, announced(&service)),
        ServiceEvent::ServiceRemoved(_, fullname) => sightings.lose(&fullname),
        _ => {}
    }
}

fn announced(service: &ResolvedService) -> Announcement {
    let text = |key| service.get_property_val_str(key).unwrap_or_default().to_owned();
    Announcement {
        id: text("id"),
        name: text("name"),
        version: text("v"),
        sockets: service.addresses.iter().map(|ip| socket(ip, service.port)).collect(),
    }
}

fn socket(ip: &ScopedIp, port: u16) -> SocketAddr {
    match (ip.to_ip_addr(), ip) {
        (IpAddr::V6(v6), ScopedIp::V6(scoped)) if v6.is_unicast_link_local() => {
            SocketAddrV6::new(v6, port, 0, scoped.scope_id().index).into()
        }
        (ip, _) => SocketAddr::new(ip, port),
    }
}
