//! Where frames end in the bytes of a peer that pass by (RFC 6455, 5.2): pure, keeps none of them.
//!
//! Refuses to judge: what breaks the protocol is tungstenite's to say.

/// The end of the bytes that have passed, as far as frames go.
#[derive(Debug, Default)]
pub(super) struct Border {
    /// The head of a frame that has come in part, and how much of it.
    head: ([u8; 14], usize),
    /// Bytes of a frame's body still to come.
    body: u64,
    /// Whether a message in several frames is still to be ended.
    in_parts: bool,
    begun: u32,
}

impl Border {
    /// `bytes` pass by.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.body > 0 {
                let passed = bytes.len().min(usize::try_from(self.body).unwrap_or(usize::MAX));
                self.body -= passed as u64;
                bytes = &bytes[passed..];
                continue;
            }
            let (head, have) = &mut self.head;
            head[*have] = bytes[0];
            *have += 1;
            bytes = &bytes[1..];
            if *have == head_length(head, *have) {
                self.begin();
            }
        }
    }

    /// Whether what has passed ends with a whole message.
    pub(super) fn is_at_rest(&self) -> bool {
        self.head.1 == 0 && self.body == 0 && !self.in_parts
    }

    /// How many frames have begun since the last call.
    pub(super) fn take_begun(&mut self) -> u32 {
        std::mem::take(&mut self.begun)
    }

    /// A frame has begun: its head is whole.
    fn begin(&mut self) {
        let (head, _) = std::mem::take(&mut self.head);
        self.body = body_length(&head);
        self.begun = self.begun.saturating_add(1);
        let is_control = head[0] & 0x08 != 0;
        if !is_control {
            self.in_parts = head[0] & 0x80 == 0;
        }
    }
}

/// How long a head is of which `have` bytes, at least one, are there; more than that while it can't be told.
fn head_length(head: &[u8; 14], have: usize) -> usize {
    if have < 2 {
        return 2;
    }
    let mask = if head[1] & 0x80 == 0 { 0 } else { 4 };
    match head[1] & 0x7f {
        126 => 4 + mask,
        127 => 10 + mask,
        _ => 2 + mask,
    }
}

fn body_length(head: &[u8; 14]) -> u64 {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
    match head[1] & 0x7f {
        126 => number(&head[2..4]),
        127 => number(&head[2..10]),
        short => u64::from(short),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
    use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

    use super::*;

    fn frame(opcode: OpCode, is_final: bool, mask: Option<[u8; 4]>, length: usize) -> Vec<u8> {
        let header = FrameHeader { is_final, opcode, mask, ..FrameHeader::default() };
        let mut bytes = Vec::new();
        Frame::from_payload(header, vec![7; length].into()).format(&mut bytes).unwrap();
        bytes
    }

    fn message(parts: &[usize], mask: Option<[u8; 4]>, ping: bool) -> Vec<Vec<u8>> {
        let last = parts.len() - 1;
        let mut frames = Vec::new();
        for (number, length) in parts.iter().enumerate() {
            let data = if number == 0 { Data::Text } else { Data::Continue };
            frames.push(frame(OpCode::Data(data), number == last, mask, *length));
            if ping {
                frames.push(frame(OpCode::Control(Control::Ping), true, mask, length % 126));
            }
        }
        frames
    }

    proptest! {
        #[test]
        fn rest_is_found_at_the_end_of_each_message_and_nowhere_else(
            messages in prop::collection::vec((prop::collection::vec(prop_oneof![0usize..200, 65_500usize..65_600], 1..4), any::<bool>(), any::<bool>()), 1..4),
            piece in 1usize..5000,
        ) {
            let mut border = Border::default();
            let (mut bytes, mut ends, mut count) = (Vec::new(), vec![0], 0);
            for (parts, masked, ping) in messages {
                let frames = message(&parts, masked.then_some([1, 2, 3, 4]), ping);
                count += frames.len();
                let last = if ping { frames.len() - 2 } else { frames.len() - 1 };
                for (number, frame) in frames.into_iter().enumerate() {
                    bytes.extend(frame);
                    if number >= last {
                        ends.push(bytes.len());
                    }
                }
            }
            let mut passed = 0;
            for part in bytes.chunks(piece) {
                border.pass(part);
                passed += part.len();
                prop_assert_eq!(border.is_at_rest(), ends.contains(&passed));
            }
            prop_assert_eq!(border.take_begun() as usize, count);
            prop_assert_eq!(border.take_begun(), 0);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            Border::default().pass(&bytes);
        }
    }
}
