//! A name by which others reach a host, as the operator says it: `chat.example.org`, with a port where it is unusual.
//!
//! Plain text, no lookup. Refuses what no browser would ever ask for, so that a slip is noticed before anybody stands
//! before a closed door.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use url::Host;

/// The port of HTTPS, which nobody has to name.
const HTTPS: u16 = 443;

/// A name or an address, and the port if it is not the one that the host has anyway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicName {
    name: String,
    port: Option<u16>,
}

/// The text is no name by which a host can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no name of a host; write it like chat.example.org, and a port behind it only if it is unusual")]
pub struct NotAName;

impl PublicName {
    /// The name alone: in lower case, in ASCII, an address without brackets.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where a host is reached by this name if it listens at `bound`. A proxy before it has the port of HTTPS.
    pub(crate) fn address(&self, bound: SocketAddr, behind_a_proxy: bool) -> String {
        let usual = if behind_a_proxy { HTTPS } else { bound.port() };
        let port = self.port.unwrap_or(usual);
        match self.name.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, port).to_string(),
            Err(_) => format!("{}:{port}", self.name),
        }
    }
}

impl FromStr for PublicName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let text = text.trim();
        if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self { name: ip.to_string(), port: None });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { name: address.ip().to_string(), port: Some(address.port()) });
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok().filter(|port| *port != 0).ok_or(NotAName)?)),
            None => (text, None),
        };
        match Host::parse(name.trim_end_matches('.')) {
            Ok(Host::Domain(name)) if is_name(&name) => Ok(Self { name, port }),
            _ => Err(NotAName),
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<u16>)> {
        text.parse().ok().map(|PublicName { name, port }| (name, port))
    }

    #[test]
    fn names_are_read_as_browsers_will_say_them() {
        for (text, name, port) in [
            ("chat.example.org", "chat.example.org", None),
            (" Chat.Example.org. ", "chat.example.org", None),
            ("chat.example.org:8443", "chat.example.org", Some(8443)),
            ("bücher.example", "xn--bcher-kva.example", None),
            ("studio", "studio", None),
            ("my_nas", "my_nas", None),
            ("203.0.113.9", "203.0.113.9", None),
            ("203.0.113.9:8443", "203.0.113.9", Some(8443)),
            ("[2001:db8::1]:8443", "2001:db8::1", Some(8443)),
            ("2001:db8::1", "2001:db8::1", None),
        ] {
            assert_eq!(read(text), Some((name.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn what_no_browser_asks_for_is_no_name() {
        for text in [
            "",
            "https://chat.example.org",
            "*.example.org",
            "chat.example.org/",
            "chat.example.org:",
            "chat.example.org:0",
            "chat.example.org:65536",
            "chat..example.org",
            "a b",
            "user@chat.example.org",
            "[",
            "2130706433",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn its_address_has_the_hosts_port_or_that_of_the_proxy_before_it() {
        let bound = SocketAddr::from(([0, 0, 0, 0], 7717));
        let address = |text: &str, behind| text.parse::<PublicName>().unwrap().address(bound, behind);
        assert_eq!(address("chat.example.org", false), "chat.example.org:7717");
        assert_eq!(address("chat.example.org", true), "chat.example.org:443");
        assert_eq!(address("chat.example.org:8443", true), "chat.example.org:8443");
        assert_eq!(address("2001:db8::1", false), "[2001:db8::1]:7717");
    }
}
