//! Announcements put together into one entry per host: pure, bounded, and cleaned of what a hostile neighbour may say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use protocol::HostId;
use protocol::limits::check_name;

use super::FoundHost;
use crate::address::Address;

/// Most announcements kept: a large office, not a flood.
const ANNOUNCEMENTS: usize = 256;
/// Most addresses of one host.
const ADDRESSES: usize = 12;

/// One announcement, as the network said it.
#[derive(Debug, Clone, Default)]
pub(super) struct Announcement {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sockets: Vec<SocketAddr>,
}

#[derive(Debug)]
struct Sighting {
    name: String,
    version: String,
    sockets: BTreeSet<SocketAddr>,
}

/// All that is announced now.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    // By host id prefix, then by the full name of the announcement.
    hosts: BTreeMap<String, BTreeMap<String, Sighting>>,
}

impl Sightings {
    /// Takes what `fullname` announces now, instead of what it announced before.
    pub(super) fn see(&mut self, fullname: &str, announcement: Announcement) {
        let Announcement { id, name, version, sockets } = announcement;
        if !is_prefix(&id) || sockets.is_empty() {
            return;
        }
        self.lose(fullname);
        if self.hosts.values().map(BTreeMap::len).sum::<usize>() >= ANNOUNCEMENTS {
            return;
        }
        let name = check_name(&name).unwrap_or(&id).to_owned();
        let version = if is_version(&version) { version } else { String::new() };
        let sockets = sockets.into_iter().filter(|socket| socket.port() != 0).take(ADDRESSES).collect();
        self.hosts.entry(id).or_default().insert(fullname.to_owned(), Sighting { name, version, sockets });
    }

    /// `fullname` is announced no longer.
    pub(super) fn lose(&mut self, fullname: &str) {
        for sightings in self.hosts.values_mut() {
            sightings.remove(fullname);
        }
        self.hosts.retain(|_, sightings| !sightings.is_empty());
    }

    /// One entry per host, by name.
    pub(super) fn hosts(&self, known: &[HostId]) -> Vec<FoundHost> {
        let mut found: Vec<_> =
            self.hosts.iter().filter_map(|(prefix, sightings)| entry(prefix, sightings, known)).collect();
        found.sort_by(|a, b| (&a.name, &a.id_prefix).cmp(&(&b.name, &b.id_prefix)));
        found
    }
}

fn entry(prefix: &str, sightings: &BTreeMap<String, Sighting>, known: &[HostId]) -> Option<FoundHost> {
    let first = sightings.values().next()?;
    let sockets: BTreeSet<_> =
        sightings.values().flat_map(|sighting| sighting.sockets.iter().copied()).collect();
    let mut sockets: Vec<_> = sockets.into_iter().collect();
    sockets.sort_by_key(|socket| (rank(socket), *socket));
    sockets.truncate(ADDRESSES);
    Some(FoundHost {
        id_prefix: prefix.to_owned(),
        name: first.name.clone(),
        addresses: sockets.into_iter().map(|socket| Address::of_socket(socket).to_string()).collect(),
        version: first.version.clone(),
        known: known.iter().find(|id| id.prefix() == prefix).cloned(),
    })
}

/// Which address most likely works: the order only matters to people who read it, all are tried at once.
fn rank(socket: &SocketAddr) -> u8 {
    match socket.ip() {
        ip if ip.is_loopback() => 5,
        IpAddr::V4(ip) if ip.is_link_local() => 3,
        IpAddr::V4(ip) if ip.is_private() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 4,
        IpAddr::V6(_) => 2,
    }
}

fn is_prefix(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_version(version: &str) -> bool {
    version.len() <= 32
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn announcement(id: &str, name: &str, sockets: &[&str]) -> Announcement {
        Announcement {
            id: id.into(),
            name: name.into(),
            version: "0.1.0".into(),
            sockets: sockets.iter().map(|socket| socket.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn one_host_on_five_addresses_is_one_entry_best_first() {
        let mut sightings = Sightings::default();
        let id = HostId::from_digest([0xab; 32]);
        let all = ["127.0.0.1:1", "[fe80::1%2]:1", "[fd00::1]:1", "169.254.1.1:1", "192.168.1.4:1"];
        sightings.see("studio", announcement(&id.prefix(), "Studio", &all[..3]));
        sightings.see("studio (2)", announcement(&id.prefix(), "Studio", &all[2..]));
        let found = sightings.hosts(std::slice::from_ref(&id));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].known, Some(id));
        assert_eq!(
            found[0].addresses,
            ["192.168.1.4:1", "[fd00::1]:1", "169.254.1.1:1", "[fe80::1%2]:1", "127.0.0.1:1"]
        );
        sightings.lose("studio");
        assert_eq!(sightings.hosts(&[])[0].addresses.len(), 3);
        sightings.lose("studio (2)");
        assert!(sightings.hosts(&[]).is_empty());
    }

    #[test]
    fn a_name_that_disguises_itself_is_replaced_by_the_id() {
        let mut sightings = Sightings::default();
        sightings.see("x", announcement("00112233aabbccdd", "Stu\u{202e}dio", &["10.0.0.1:1"]));
        assert_eq!(sightings.hosts(&[])[0].name, "00112233aabbccdd");
    }

    proptest! {
        #[test]
        fn any_announcement_gives_bounded_clean_entries(
            said in proptest::collection::vec((".{0,8}", ".{0,40}", ".{0,99}", ".{0,50}", 0u16..9), 0..60),
        ) {
            let mut sightings = Sightings::default();
            for (fullname, id, name, version, port) in said {
                let sockets = (0..20u8).map(|last| SocketAddr::from(([10, 0, 0, last], port))).collect();
                let id = if id.len() % 2 == 0 { "0123456789abcdef".into() } else { id };
                sightings.see(&fullname, Announcement { id, name, version, sockets });
            }
            let found = sightings.hosts(&[]);
            prop_assert!(found.len() <= 1);
            for host in found {
                prop_assert!(host.addresses.len() <= ADDRESSES);
                prop_assert!(check_name(&host.name).is_ok());
                prop_assert!(is_version(&host.version));
            }
        }
    }
}
