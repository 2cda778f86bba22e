//! What may change while the host runs: taken as a whole, so that nothing is ever half changed.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use crate::config::{Acme, Config, Limits, SecondFactor, TlsFiles};
use crate::error::StartError;
use crate::outgoing::Outgoing;
use crate::public_name::PublicName;
use crate::tls;

/// The part of the configuration that a reload replaces.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    /// How the host is called.
    pub(crate) name: String,
    /// Names by which browsers may reach it, best first.
    pub(crate) public_names: Vec<PublicName>,
    /// Origins of other sites whose pages may speak to it.
    pub(crate) allowed_origins: Vec<String>,
    /// Who may speak for others.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Who must have a second factor.
    pub(crate) second_factor: SecondFactor,
    /// A certificate from files.
    pub(crate) tls: Option<TlsFiles>,
    /// The authority that is asked for a certificate.
    pub(crate) acme: Option<Arc<Acme>>,
    /// How the host itself goes out.
    pub(crate) outgoing: Arc<Outgoing>,
    /// How much it takes on at once.
    pub(crate) limits: Limits,
}

impl Live {
    /// Takes what may change from `config`.
    ///
    /// # Errors
    /// When the file with authorities can't be read.
    pub(crate) fn new(name: String, config: &Config) -> Result<Self, StartError> {
        let mut public_names = config.public_names.clone();
        // Who has a certificate for a name answers to it.
        let certified = config.acme.iter().flat_map(|acme| &acme.names);
        public_names.extend(certified.filter_map(|name| name.parse().ok()));
        let private_networks = config.private_networks.iter().map(|net| canonical(*net)).collect();
        let outgoing = Outgoing::new(config.authorities.as_deref(), private_networks)?;
        Ok(Self {
            name,
            public_names,
            tls: config.tls.clone(),
            acme: config.acme.clone().map(Arc::new),
            outgoing: Arc::new(outgoing),
            allowed_origins: config.allowed_origins.clone(),
            trusted_proxies: config.trusted_proxies.iter().map(|net| canonical(*net)).collect(),
            second_factor: config.second_factor,
            limits: config.limits,
        })
    }

    /// Whether a peer is a proxy that the operator has named.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    /// The first address, from the nearest on, that no trusted proxy has: who is really speaking. `passed_on` are
    /// the values of `X-Forwarded-For`, in which each proxy adds at the end whom it heard.
    pub(crate) fn speaker(&self, peer: IpAddr, passed_on: &str) -> IpAddr {
        let mut speaker = peer.to_canonical();
        for heard in passed_on.rsplit(',').map(str::trim) {
            if !self.trusts(speaker) {
                break;
            }
            let Some(address) = address(heard) else { break };
            speaker = address;
        }
        speaker
    }
}

/// Looks at the files that `config` names, as a start or a reload would.
///
/// # Errors
/// When a certificate, its key or the file with authorities can't be used.
pub fn check_files(config: &Config) -> Result<(), StartError> {
    Live::new(String::new(), config)?;
    tls::read(config.tls.as_ref()).map(drop)
}

/// Peers are compared as what they are: an address of version 4 in the clothes of version 6 is one of version 4.
fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let bits = v6.prefix_len().checked_sub(96);
    let mapped = v6.addr().to_ipv4_mapped().zip(bits).and_then(|(v4, bits)| Ipv4Net::new(v4, bits).ok());
    mapped.map_or(net, IpNet::V4)
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let ip = text.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<std::net::SocketAddr>().ok()?.ip()));
    Some(ip?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(proxies: &[&str]) -> Live {
        let mut config = Config::new("host", ([127, 0, 0, 1], 0).into());
        config.trusted_proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
        Live::new("Studio".into(), &config).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_a_trusted_proxy_speaks_for_others() {
        let live = live(&["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"]);
        for (peer, passed_on, speaker) in [
            ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("::ffff:127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
            ("127.0.0.1", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
            ("fd00::1", "2001:db8::1", "2001:db8::1"),
            ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "unknown", "127.0.0.1"),
            ("127.0.0.1", "\u{fffd}, 203.0.113.9", "203.0.113.9"),
            ("127.0.0.1", "203.0.113.9, garbage", "127.0.0.1"),
        ] {
            assert_eq!(live.speaker(ip(peer), passed_on), ip(speaker), "{peer} {passed_on}");
        }
    }

    #[test]
    fn a_proxy_may_be_named_as_a_log_shows_it() {
        let live = live(&["::ffff:127.0.0.1/128", "::ffff:10.0.0.0/104"]);
        assert!(live.trusts(ip("127.0.0.1")) && live.trusts(ip("::ffff:10.9.9.9")));
        assert!(!live.trusts(ip("127.0.0.2")) && !live.trusts(ip("11.0.0.1")));
    }

    #[test]
    fn nobody_is_trusted_unless_named() {
        assert_eq!(live(&[]).speaker(ip("127.0.0.1"), "203.0.113.9"), ip("127.0.0.1"));
    }
}
