//! Golden frames: what is on the wire, one file per variant, for this crate and for whoever writes another client.
// Every function here is part of a test; clippy sees only the attributed ones as such.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use protocol::{
    Change, ClientFrame, CloseCode, ErrorCode, Picture, Reply, Request, RoomId, ServerFrame, SignIn,
    decode_client, decode_server, encode, limits,
};
use serde_json::Value;
use ts_rs::TS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The golden frames of one side: the file's stem and its one line.
fn golden(side: &str) -> Vec<(String, String)> {
    let folder = root().join("tests/wire").join(side);
    let read = |entry: fs::DirEntry| {
        let name = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(entry.path()).unwrap().trim_end().to_owned())
    };
    fs::read_dir(folder).unwrap().map(Result::unwrap).map(read).collect()
}

/// The values of `tag` in a type, as its TypeScript spells them: no list to keep by hand.
fn variants<T: TS>(tag: &str) -> BTreeSet<String> {
    let text = T::inline(&ts_rs::Config::default());
    let marker = format!("\"{tag}\": \"");
    let found: BTreeSet<String> =
        text.split(&marker).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    assert!(!found.is_empty(), "{text}");
    found
}

/// All but `unknown`, which is what this side reads where it knows nothing better, and never said.
fn error_codes() -> BTreeSet<String> {
    let text = ErrorCode::inline(&ts_rs::Config::default());
    let words = text.split('"').filter(|word| word.starts_with(|letter: char| letter.is_ascii_lowercase()));
    words.filter(|word| *word != "unknown").map(str::to_owned).collect()
}

fn values<'a>(frames: &'a [(String, String)], pointer: &'a str) -> BTreeSet<String> {
    let value = |(_, line): &(String, String)| {
        let frame: Value = serde_json::from_str(line).unwrap();
        frame.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    };
    frames.iter().filter_map(value).collect()
}

fn same(line: &str, again: &str) -> bool {
    let value = |text| serde_json::from_str::<Value>(text).unwrap();
    value(line) == value(again)
}

#[test]
fn every_request_and_every_sign_in_has_a_golden_frame() {
    let frames = golden("client");
    assert_eq!(values(&frames, "/type"), variants::<ClientFrame>("type"));
    assert_eq!(values(&frames, "/by/kind"), variants::<SignIn>("kind"));
}

#[test]
fn every_reply_and_every_change_has_a_golden_frame() {
    let frames = golden("host");
    assert_eq!(values(&frames, "/type"), variants::<ServerFrame>("type"));
    assert_eq!(values(&frames, "/event/change/kind"), variants::<Change>("kind"));
}

#[test]
fn golden_frames_are_read_and_written_without_loss() {
    for (name, line) in golden("client") {
        let frame = decode_client(&line).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(same(&line, &encode(&frame)), "{name}: {}", encode(&frame));
    }
    for (name, line) in golden("host") {
        let frame = decode_server(&line).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(same(&line, &encode(&frame)), "{name}: {}", encode(&frame));
    }
}

#[test]
fn golden_frames_are_named_after_their_type() {
    for (name, line) in golden("client").into_iter().chain(golden("host")) {
        let frame: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(name.split('.').next(), frame["type"].as_str());
    }
}

#[test]
fn what_a_newer_host_says_is_read_as_unknown() {
    for (name, line) in golden("newer") {
        let frame = decode_server(&line).unwrap_or_else(|error| panic!("{name}: {error}"));
        match (name.as_str(), frame.reply) {
            ("host_type", Reply::Unknown) | ("extra_fields", Reply::Pong) => {}
            ("event_kind", Reply::Event { event }) => assert_eq!(event.change, Change::Unknown),
            ("error_code", Reply::Error(failure)) => assert_eq!(failure.code, ErrorCode::Unknown),
            (_, other) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_frame_without_its_fields_is_refused_with_its_number() {
    for line in [r#"{"req":5,"type":"post","room":"x"}"#, r#"{"req":5,"type":"shout"}"#, r#"{"req":5}"#] {
        let Err(protocol::DecodeError::Malformed { req, .. }) = decode_client(line) else { panic!("{line}") };
        assert_eq!(req, Some(5));
    }
    for line in ["", "[]", "{", "nul", r#"{"req":-1,"type":"ping"}"#, r#"{"req":4294967296,"type":"ping"}"#] {
        let Err(protocol::DecodeError::Malformed { req, .. }) = decode_client(line) else { panic!("{line}") };
        assert_eq!(req, None);
    }
}

#[test]
fn a_debug_print_shows_no_secret_and_no_text() {
    let secrets = ["correct horse", "battery staple", "Good **morning**", "AAAAAAAA"];
    for (name, line) in golden("client") {
        let print = format!("{:?}", decode_client(&line).unwrap());
        assert!(secrets.iter().all(|secret| !print.contains(secret)), "{name}: {print}");
    }
    for (name, line) in golden("host").into_iter().filter(|(name, _)| name != "welcome") {
        let print = format!("{:?}", decode_server(&line).unwrap());
        assert!(secrets.iter().all(|secret| !print.contains(secret)), "{name}: {print}");
    }
}

#[test]
fn the_document_names_every_variant_code_and_limit() {
    let document = fs::read_to_string(root().join("../docs/protocol.md")).unwrap();
    let words = [
        variants::<ClientFrame>("type"),
        variants::<ServerFrame>("type"),
        variants::<SignIn>("kind"),
        variants::<Change>("kind"),
        error_codes(),
    ];
    for word in words.iter().flatten() {
        assert!(document.contains(&format!("`{word}`")), "docs/protocol.md does not name {word}");
    }
    let codes = [
        CloseCode::ComeBack,
        CloseCode::LeaseOver,
        CloseCode::SignInDeadline,
        CloseCode::Resync,
        CloseCode::SignInAgain,
        CloseCode::SessionEnded,
        CloseCode::Abuse,
        CloseCode::Version,
    ];
    for code in codes {
        assert!(
            document.contains(&format!("| {} |", code.code())),
            "docs/protocol.md does not name {code:?}"
        );
    }
    let numbers = [
        limits::CLIENT_FRAME_BYTES,
        limits::SERVER_FRAME_BYTES,
        limits::TEXT_BYTES,
        limits::NAME_CHARS,
        limits::TOPIC_CHARS,
        limits::EMOJI_BYTES,
        limits::EMOJI_KINDS,
        limits::AVATAR_BYTES,
        limits::AVATAR_SIDE as usize,
        limits::AVATAR_PIXELS as usize,
        limits::PINS as usize,
        limits::MENTIONS,
        limits::UNREAD as usize,
        limits::THREADS as usize,
        limits::SEEN_MEMBERS,
        limits::SEARCH_BYTES,
        limits::SEARCH_ITEMS as usize,
        limits::PASSWORD_MAX_BYTES,
        limits::RECOVERY_CODES,
        limits::CODE_BYTES,
        limits::PAGE_EVENTS as usize,
        limits::PAGE_BYTES,
        limits::SYNC_ROOM_EVENTS as usize,
        limits::SYNC_ROOM_CHANGED as usize,
        limits::SYNC_ROOMS,
        limits::LIST_ITEMS as usize,
        limits::INVITE_USES as usize,
    ];
    let section = document.split("## 11. Limits").nth(1).unwrap();
    for number in numbers {
        assert!(section.contains(&number.to_string()), "docs/protocol.md does not name the limit {number}");
    }
}

#[test]
fn the_largest_picture_fits_into_a_frame() {
    let image = Picture("A".repeat(limits::AVATAR_BYTES.div_ceil(3) * 4));
    let room = RoomId(uuid::Uuid::max());
    let frame = ClientFrame { req: u32::MAX, request: Request::SetRoomAvatar { room, image: Some(image) } };
    assert!(encode(&frame).len() <= limits::CLIENT_FRAME_BYTES);
}

proptest! {
    #[test]
    fn a_spoilt_frame_is_refused_or_is_one_that_can_be_said(
        host in any::<bool>(),
        which in any::<prop::sample::Index>(),
        spoils in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
    ) {
        let frames = golden(if host { "host" } else { "client" });
        let mut bytes = which.get(&frames).1.clone().into_bytes();
        for (at, byte, how) in spoils {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(frame) = decode_client(&text) {
            prop_assert_eq!(decode_client(&encode(&frame)).unwrap(), frame);
        }
        if let Ok(frame) = decode_server(&text) {
            prop_assert_eq!(decode_server(&encode(&frame)).unwrap(), frame);
        }
    }
}
