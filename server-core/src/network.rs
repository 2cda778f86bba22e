//! Which addresses this computer can be reached at, and which peers are near.

use std::net::{IpAddr, SocketAddr};

/// Names of interfaces that lead nowhere a colleague could come from.
const VIRTUAL: [&str; 12] =
    ["docker", "br-", "virbr", "vmnet", "vboxnet", "tun", "tap", "wg", "utun", "tailscale", "podman", "zt"];

/// Whether an interface of this name leads to containers, virtual machines or tunnels.
pub(crate) fn is_virtual(name: &str) -> bool {
    VIRTUAL.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a peer is on this computer or its local network. `open` registration is for those only.
pub(crate) fn is_near(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether a peer is on this computer.
pub(crate) fn is_here(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

/// How a browser says where it goes: the scheme, and the address with the port it would show. A page from this computer
/// comes plain, and the port of HTTPS goes without saying.
#[must_use]
pub fn in_a_browser(address: &str) -> (&'static str, &str) {
    if address.parse().is_ok_and(|address: SocketAddr| address.ip().is_loopback()) {
        return ("http", address);
    }
    ("https", address.strip_suffix(":443").unwrap_or(address))
}

/// Where others can reach a listener bound to `bound`, best first, as `ip:port`.
pub(crate) fn reachable(bound: SocketAddr) -> Vec<String> {
    if !bound.ip().is_unspecified() {
        return vec![bound.to_string()];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let usable =
        interfaces.iter().filter(|interface| !is_virtual(&interface.name)).map(if_addrs::Interface::ip);
    choose(usable.collect(), bound)
}

fn choose(mut addresses: Vec<IpAddr>, bound: SocketAddr) -> Vec<String> {
    addresses.retain(|ip| match ip {
        IpAddr::V4(_) => true,
        // Without its zone a link-local address means nothing to others.
        IpAddr::V6(v6) => bound.is_ipv6() && !v6.is_unicast_link_local(),
    });
    if addresses.iter().any(|ip| !ip.is_loopback()) {
        addresses.retain(|ip| !ip.is_loopback());
    }
    addresses.sort_by_key(|ip| (ip.is_ipv6(), !is_near(*ip), *ip));
    addresses.dedup();
    addresses.into_iter().map(|ip| SocketAddr::new(ip, bound.port()).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn private_v4_comes_first_and_loopback_only_when_alone() {
        let all = ips(&["127.0.0.1", "2001:db8::1", "203.0.113.9", "192.168.1.4", "fe80::1", "::1"]);
        let both: SocketAddr = "[::]:7717".parse().unwrap();
        assert_eq!(choose(all.clone(), both), ["192.168.1.4:7717", "203.0.113.9:7717", "[2001:db8::1]:7717"]);
        let v4: SocketAddr = "0.0.0.0:7717".parse().unwrap();
        assert_eq!(choose(all, v4), ["192.168.1.4:7717", "203.0.113.9:7717"]);
        assert_eq!(choose(ips(&["127.0.0.1", "::1"]), v4), ["127.0.0.1:7717"]);
    }

    #[test]
    fn a_browser_goes_by_https_but_for_this_computer() {
        assert_eq!(in_a_browser("127.0.0.1:7717"), ("http", "127.0.0.1:7717"));
        assert_eq!(in_a_browser("chat.example.org:443"), ("https", "chat.example.org"));
        assert_eq!(in_a_browser("[2001:db8::1]:7717"), ("https", "[2001:db8::1]:7717"));
    }

    #[test]
    fn near_is_this_computer_and_its_network() {
        for near in [
            "127.0.0.1",
            "::1",
            "10.1.2.3",
            "192.168.0.9",
            "169.254.3.4",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in ["8.8.8.8", "2001:db8::1", "::ffff:8.8.8.8", "100.64.0.1"] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }

    #[test]
    fn interfaces_of_containers_and_tunnels_are_virtual() {
        for name in ["docker0", "br-12ab", "virbr0", "wg0", "tun1", "tailscale0"] {
            assert!(is_virtual(name), "{name}");
        }
        for name in ["eth0", "enp3s0", "wlan0", "wlp2s0", "bridge0", "brp", "lo"] {
            assert!(!is_virtual(name), "{name}");
        }
    }
}
