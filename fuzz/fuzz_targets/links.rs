//! Invite links: what is read as one is written as one again, and says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::InviteLink;

fuzz_target!(|text: &str| {
    let Ok(link) = InviteLink::parse(text) else { return };
    assert_eq!(InviteLink::parse(&link.to_app_link()).expect("our own link"), link);
    let _ = link.host.words();
});
