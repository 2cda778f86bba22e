//! Why no host is found, in plain words. Each finding comes from a real check of this computer; what can't be seen from
//! here is said to be so.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, UdpSocket};

use if_addrs::Interface;

use super::interfaces::{is_tunnel, is_virtual};

/// The group and port of mDNS (RFC 6762).
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);

/// A question for `_hearth._tcp.local` (RFC 6762, 18): header with one question, name, type PTR, class IN.
const QUESTION: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x07_hearth\x04_tcp\x05local\0\0\x0c\0\x01";

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name, for translations and scripts: `unreadable`, `no_interface`, `only_virtual`, `no_address`, `tunnel`,
    /// `no_multicast`, `multicast_refused` or `nothing_wrong_here`.
    pub code: &'static str,
    /// Whether it alone explains that no host is found.
    pub blocking: bool,
    /// What it is and what to do, in English.
    pub message: String,
    /// The interface it is about.
    pub interface: Option<String>,
}

/// Checks this computer. Takes milliseconds; sends one small question per interface.
#[must_use]
pub fn doctor() -> Vec<Finding> {
    let Ok(interfaces) = if_addrs::get_if_addrs() else {
        return vec![finding(
            "unreadable",
            "this computer's network interfaces can't be listed; type the host's address or paste an invite",
            None,
        )];
    };
    let mut findings = diagnose(&interfaces);
    let usable = interfaces.iter().filter(|interface| is_usable(interface));
    findings.extend(usable.filter_map(|interface| match interface.ip() {
        IpAddr::V4(ip) => ask(ip).err().map(|error| refused(&interface.name, &error)),
        IpAddr::V6(_) => None,
    }));
    if findings.iter().all(|finding| finding.code == "tunnel") {
        findings.push(finding(
            "nothing_wrong_here",
            "nothing is wrong on this computer; check that the host is running and on the same network, that its \
             firewall lets Hearth in, and that the Wi-Fi is no guest network that keeps devices apart; or type the \
             host's address or paste an invite",
            None,
        ));
    }
    findings
}

/// What the list of interfaces alone says.
fn diagnose(interfaces: &[Interface]) -> Vec<Finding> {
    let up: Vec<_> =
        interfaces.iter().filter(|interface| interface.is_oper_up() && !interface.is_loopback()).collect();
    let mut findings = Vec::new();
    if up.is_empty() {
        findings.push(finding(
            "no_interface",
            "this computer is not connected to any network; switch Wi-Fi on or plug a cable in",
            None,
        ));
    } else if up.iter().all(|interface| is_virtual(&interface.name)) {
        findings.push(finding(
            "only_virtual",
            "only tunnels, containers or virtual machines are connected; join the network the host is on",
            None,
        ));
    } else if !up.iter().any(|interface| is_usable(interface)) {
        findings.push(finding(
            "no_address",
            "the network gave this computer no address; reconnect, or check the router",
            None,
        ));
    }
    let mut tunnels: Vec<_> = up.iter().filter(|interface| is_tunnel(&interface.name)).collect();
    tunnels.dedup_by_key(|interface| &interface.name);
    findings.extend(tunnels.into_iter().map(|interface| {
        let message =
            "a VPN is on and may hide the local network; allow local connections in it, or pause it";
        finding("tunnel", message, Some(&interface.name))
    }));
    findings
}

fn is_usable(interface: &Interface) -> bool {
    let given_by_no_router = interface.ip().is_ipv4() && interface.is_link_local();
    interface.is_oper_up() && !interface.is_loopback() && !is_virtual(&interface.name) && !given_by_no_router
}

/// Really asks for hosts from the address `from`, without waiting for answers.
fn ask(from: Ipv4Addr) -> std::io::Result<()> {
    let socket = UdpSocket::bind(SocketAddrV4::new(from, 0))?;
    socket.join_multicast_v4(GROUP.ip(), &from)?;
    socket.send_to(QUESTION, GROUP).map(drop)
}

fn refused(interface: &str, error: &std::io::Error) -> Finding {
    match error.kind() {
        ErrorKind::PermissionDenied => finding(
            "multicast_refused",
            "this computer's firewall or settings keep Hearth from asking the network; allow it local network access",
            Some(interface),
        ),
        _ => finding(
            "no_multicast",
            "this network does not carry the question for hosts; type the host's address or paste an invite",
            Some(interface),
        ),
    }
}

fn finding(code: &'static str, message: &str, interface: Option<&str>) -> Finding {
    let blocking = !matches!(code, "tunnel" | "nothing_wrong_here");
    Finding { code, blocking, message: message.to_owned(), interface: interface.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr};

    fn interface(name: &str, ip: [u8; 4]) -> Interface {
        let addr = Ifv4Addr { ip: ip.into(), netmask: Ipv4Addr::BROADCAST, prefixlen: 32, broadcast: None };
        Interface {
            name: name.into(),
            addr: IfAddr::V4(addr),
            index: Some(1),
            oper_status: IfOperStatus::Up,
            is_p2p: false,
        }
    }

    fn codes(interfaces: &[Interface]) -> Vec<&'static str> {
        diagnose(interfaces).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn each_cause_is_told_apart() {
        let lo = interface("lo", [127, 0, 0, 1]);
        let wifi = interface("wlan0", [192, 168, 1, 4]);
        let lost = interface("wlan0", [169, 254, 1, 4]);
        let docker = interface("docker0", [172, 17, 0, 1]);
        let vpn = interface("wg0", [10, 9, 0, 1]);
        assert_eq!(codes(std::slice::from_ref(&lo)), ["no_interface"]);
        assert_eq!(codes(&[lo.clone(), docker.clone()]), ["only_virtual"]);
        assert_eq!(codes(&[lo.clone(), lost]), ["no_address"]);
        assert_eq!(codes(&[lo.clone(), wifi.clone(), vpn]), ["tunnel"]);
        assert_eq!(codes(&[lo, wifi, docker]), [""; 0]);
    }
}
