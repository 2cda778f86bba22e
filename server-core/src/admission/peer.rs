//! Who speaks, as far as the socket tells. It decides what a stranger may try and how often, never who somebody is.

use std::net::IpAddr;

use crate::budget::Source;
use crate::error::Refusal;
use crate::host::Host;
use crate::network::{is_here, is_near};
use crate::offload::Asker;

/// Who speaks, as far as the socket tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// Where from.
    pub(crate) address: IpAddr,
    /// Whether a proxy passed this on, so that the address tells nothing of the person.
    pub(crate) proxied: bool,
}

impl Peer {
    pub(super) fn is_near(&self) -> bool {
        !self.proxied && is_near(self.address)
    }

    /// Whether it is a program on this computer.
    fn is_here(&self) -> bool {
        !self.proxied && is_here(self.address)
    }

    /// Whether it could be anybody: a proxy of which the operator has said nothing does not say who speaks.
    pub(crate) fn is_anyone(&self) -> bool {
        self.proxied && is_here(self.address)
    }

    /// Whether it has the host to itself.
    pub(crate) fn is_spared(&self, host: &Host) -> bool {
        self.is_here() && host.limits().spare_this_computer
    }

    /// Takes one of the attempts that strangers of its address have.
    pub(super) fn attempt(&self, host: &Host) -> Result<(), Refusal> {
        if self.is_spared(host) { Ok(()) } else { host.attempt_from(self.address) }
    }

    /// From which place, if that can be told.
    pub(super) fn source(&self) -> Option<Source> {
        (!self.is_anyone()).then(|| self.address.into())
    }

    pub(super) fn asker(&self) -> Asker {
        if self.is_here() { Asker::Here } else { Asker::Source(self.address.into()) }
    }
}
