//! A host that has moved: the old place keeps the key only to say, signed, where to.
//!
//! It signs nobody in any more, so that nothing is written here that the new place would miss.

use protocol::{ErrorCode, Moved, UnixMillis, invite_link, moved_message};

use crate::error::Refusal;
use crate::identity::Identity;

/// The note that this host is at `addresses` since `at`.
pub(crate) fn note(identity: &Identity, addresses: Vec<String>, at: UnixMillis) -> Option<Moved> {
    let signature = identity.sign(&moved_message(&addresses, at))?;
    Some(Moved { addresses, at, signature })
}

/// Checks where a host is said to be.
pub(crate) fn check(addresses: &[String]) -> Result<(), Refusal> {
    let good = |address: &String| {
        let port = address.rsplit_once(':').filter(|(name, _)| !name.is_empty());
        let port = port.and_then(|(_, port)| port.parse::<u16>().ok());
        invite_link::is_address(address) && port.is_some_and(|port| port != 0)
    };
    match addresses {
        [] => Err(Refusal::field("to", "is empty; say where the host is now, as name:port")),
        more if more.len() > invite_link::ADDRESSES => {
            Err(Refusal::field("to", format!("are too many: at most {}", invite_link::ADDRESSES)))
        }
        all if !all.iter().all(good) => Err(Refusal::field("to", "must be name:port or ip:port")),
        _ => Ok(()),
    }
}

/// What whoever wants to sign in at the old place hears. Old apps wait and try again.
pub(crate) fn refusal(moved: &Moved) -> Refusal {
    let to = moved.addresses.first().map(String::as_str).unwrap_or_default();
    Refusal::new(ErrorCode::Stopping, format!("this host has moved to {to}; connect there"))
}

/// What the operator hears who wants to change something at the old place.
pub(crate) fn elsewhere(moved: &Moved) -> Refusal {
    let to = moved.addresses.first().map(String::as_str).unwrap_or_default();
    let message =
        format!("this host has moved to {to}; say it there, or take the host back by `forward --undo`");
    Refusal::forbidden(&message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_name_and_a_port() {
        let check = |texts: &[&str]| check(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        for good in [&["chat.example.org:443"][..], &["192.168.1.4:7717", "[fd00::1]:7717"]] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in
            [&[][..], &["chat.example.org"], &[":443"], &["a b:1"], &["chat:65536"], &["chat:0"], &["x:1"; 9]]
        {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
