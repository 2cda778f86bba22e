//! WebSocket frames as they lie on the wire (RFC 6455, 5.2): one encoding serves every receiver.
//!
//! Knows only what a host sends: whole text frames, never masked. Reading is tungstenite's part.

use serde::Serialize;
use tokio_tungstenite::tungstenite::Bytes;

const TEXT: u8 = 0x81;

/// An empty ping.
pub(crate) static PING: Bytes = Bytes::from_static(&[0x89, 0]);

/// `reply` as one text frame.
pub(crate) fn text_frame<F: Serialize>(reply: &F) -> Bytes {
    let text = protocol::encode(reply);
    let mut frame = Vec::with_capacity(text.len() + 10);
    frame.push(TEXT);
    match text.len() {
        length @ 0..=125 => frame.push(u8::try_from(length).expect("at most 125")),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(length).expect("at most 65535").to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(text.as_bytes());
    frame.into()
}

/// How many bytes of the frame that byte `written` lies in are still to be written; 0 between two frames. `frames`
/// are whole frames but for the first, of which `begun` bytes are left.
pub(crate) fn rest_of_frame(frames: &[u8], begun: usize, written: usize) -> usize {
    let mut end = begun;
    while end < written {
        end += frame_length(frames.get(end..).unwrap_or_default());
    }
    end - written
}

/// The text of the first frame of `frames`.
pub(crate) fn text_of(frames: &[u8]) -> Option<&str> {
    let start = match frames.get(1)? & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    std::str::from_utf8(frames.get(start..frame_length(frames))?).ok()
}

/// The texts of all text frames of `frames`.
#[cfg(test)]
pub(crate) fn texts_of(mut frames: &[u8]) -> Vec<&str> {
    let mut texts = Vec::new();
    while !frames.is_empty() {
        texts.extend(text_of(frames).filter(|_| frames[0] == TEXT));
        frames = &frames[frame_length(frames)..];
    }
    texts
}

/// The length of the unmasked frame at the start of `frames`, head and all.
fn frame_length(frames: &[u8]) -> usize {
    let byte = |at: usize| frames.get(at).copied().unwrap_or_default();
    let long =
        |bytes: std::ops::Range<usize>| bytes.fold(0, |length, at| length << 8 | usize::from(byte(at)));
    match byte(1) & 0x7f {
        126 => 4 + long(2..4),
        127 => 10 + long(2..10),
        short => 2 + usize::from(short),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::FrameSocket;

    use super::*;

    #[test]
    fn frames_of_every_length_are_read_back_by_another_implementation() {
        for length in [0, 1, 123, 124, 125, 126, 65_533, 65_534, 70_000] {
            let frame = text_frame(&"x".repeat(length));
            assert_eq!(frame_length(&frame), frame.len());
            assert_eq!(text_of(&frame).unwrap().len(), length + 2);
            let read = FrameSocket::new(&frame[..]).read(None).unwrap().unwrap();
            assert_eq!(read.into_text().unwrap().len(), length + 2);
        }
    }

    proptest! {
        #[test]
        fn any_cut_is_mended_at_the_next_frame(lengths in prop::collection::vec(0usize..300, 1..6), cut in 0usize..2000) {
            let frames = lengths.iter().map(|length| text_frame(&"x".repeat(*length))).collect::<Vec<_>>();
            let all = frames.concat();
            let written = cut.min(all.len());
            let mut ends = frames.iter().scan(0, |end, frame| { *end += frame.len(); Some(*end) });
            let expected = if written == 0 { 0 } else { ends.find(|end| *end >= written).unwrap() - written };
            prop_assert_eq!(rest_of_frame(&all, 0, written), expected);
        }
    }
}
