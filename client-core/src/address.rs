//! Addresses as people type them: pure text, no lookup.

use std::net::{IpAddr, SocketAddr};

use protocol::DEFAULT_PORT;

/// Longest address looked at: the longest DNS name, a port and brackets.
const LONGEST: usize = 270;

/// A place to dial.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// A DNS name, or an IP address without brackets (with its scope, if it has one).
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host`, `host:port`, `[v6]:port`, a bare v6 address, and any of them as an `https://` or `wss://` link.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (link, rest) = match text.split_once("://") {
            Some(("https" | "wss", rest)) => (true, rest),
            Some(_) => return None,
            None => (false, text),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.is_empty() || authority.len() > LONGEST {
            return None;
        }
        let default = if link { 443 } else { DEFAULT_PORT };
        if let Ok(ip) = authority.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Self { host: ip.to_string(), port: default });
        }
        if let Ok(address) = authority.parse::<SocketAddr>() {
            return Some(Self::of_socket(address));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (authority, default),
        };
        is_name(host).then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    pub(crate) fn of_socket(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => address.ip().to_string(),
        };
        Self { host, port: address.port() }
    }

    /// The address as an IP address, if it is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.split('%').next().and_then(|ip| ip.parse().ok())
    }

    /// Only this computer can reach it.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// A name that the web's certificate authorities can vouch for.
    pub(crate) fn is_public_name(&self) -> bool {
        self.ip().is_none()
            && self.host.contains('.')
            && !self.host.ends_with(".local")
            && self.host != "localhost"
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn is_name(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<String> {
        Address::parse(text).map(|address| address.to_string())
    }

    #[test]
    fn addresses_are_read_as_people_type_them() {
        assert_eq!(read(" 192.168.1.4 "), Some("192.168.1.4:7717".into()));
        assert_eq!(read("192.168.1.4:80"), Some("192.168.1.4:80".into()));
        assert_eq!(read("fe80::1"), Some("[fe80::1]:7717".into()));
        assert_eq!(read("[fe80::1%3]:9"), Some("[fe80::1%3]:9".into()));
        assert_eq!(read("Chat.Example.org"), Some("chat.example.org:7717".into()));
        assert_eq!(read("https://chat.example.org/join"), Some("chat.example.org:443".into()));
        assert_eq!(read("localhost:1"), Some("localhost:1".into()));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "a b", "http://x", "x:0", "x:99999", "x..y", "hearth://join/x", "ü.example"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_reads_back(text in ".{0,60}") {
            if let Some(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()), Some(address));
            }
        }
    }
}
