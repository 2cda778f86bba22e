//! Invite links: what is read as one is written as one again, and says the same.

use protocol::InviteLink;

pub(crate) fn read(text: &str) {
    let Ok(link) = InviteLink::parse(text) else { return };
    assert_eq!(InviteLink::parse(&link.to_app_link()).expect("our own link"), link);
    let _ = link.host.words();
}
