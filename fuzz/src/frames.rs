//! The frame decoder of both directions: it never falls over, and what it has read it writes so that it reads the same.

use protocol::{decode_client, decode_server, encode};

pub(crate) fn read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(frame) = decode_client(text) {
        assert_eq!(decode_client(&encode(&frame)).expect("our own frame"), frame);
    }
    if let Ok(frame) = decode_server(text) {
        assert_eq!(decode_server(&encode(&frame)).expect("our own frame"), frame);
    }
}
