//! Where somebody speaks from, as coarse as addresses are given out: one IPv4 address, or one IPv6 network of 64 bits,
//! which is what a single customer has all addresses of (RFC 6177).

use std::net::{IpAddr, Ipv6Addr};

/// Whoever shares one can not be told apart by addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn one_v4_address_and_one_v6_network_are_one_source() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_ne!(source("203.0.113.9"), source("203.0.113.10"));
        assert_eq!(source("::ffff:203.0.113.9"), source("203.0.113.9"));
    }
}
