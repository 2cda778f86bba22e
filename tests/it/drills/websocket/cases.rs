//! The cases: what is said, what must be heard, and how it ends.

use std::slice::from_ref;

use anyhow::Result;
use tests::raw_socket::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, RawSocket, TEXT};

use super::utf8;

/// How a case ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The connection is as good as before.
    Lives,
    /// With this close.
    Answers(Frame),
    /// The host fails the connection: it closes for a fault or just ends.
    Fails,
    /// Somehow.
    Either,
}

/// One case.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) number: String,
    says: Vec<Frame>,
    /// So many bytes at a time.
    pieces: usize,
    pub(super) hears: Vec<Frame>,
    pub(super) end: End,
}

impl Case {
    pub(super) fn say(&self, socket: &mut RawSocket) -> Result<()> {
        self.says.iter().try_for_each(|frame| socket.say_in_pieces(&frame.bytes(), self.pieces))
    }

    fn new(number: impl Into<String>, says: &[Frame], hears: Vec<Frame>, end: End) -> Self {
        Self { number: number.into(), says: says.to_vec(), pieces: usize::MAX, hears, end }
    }

    fn in_pieces(mut self, pieces: usize) -> Self {
        self.pieces = pieces;
        self
    }
}

/// All of them, in the order of their numbers.
pub(super) fn all() -> Vec<Case> {
    [framing(), pings(), reserved(), opcodes(), fragments(), texts(), closes(), sizes(), headers()].concat()
}

fn whole(opcode: u8, payload: impl Into<Vec<u8>>) -> Frame {
    Frame::whole(opcode, payload)
}

fn begun(opcode: u8, payload: impl Into<Vec<u8>>) -> Frame {
    Frame::begun(opcode, payload)
}

fn more(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::begun(CONTINUATION, payload)
}

fn last(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::whole(CONTINUATION, payload)
}

fn echoed(number: impl Into<String>, says: &[Frame], hears: Vec<Frame>) -> Case {
    Case::new(number, says, hears, End::Lives)
}

fn fails(number: impl Into<String>, says: &[Frame], hears: Vec<Frame>) -> Case {
    Case::new(number, says, hears, End::Fails)
}

/// 1: messages of one frame, of lengths around those where the head changes its form.
fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    for (chapter, opcode, byte) in [(1, TEXT, b'*'), (2, BINARY, 0xfe)] {
        for (at, length) in [0, 125, 126, 127, 128, 65535, 65536, 65536].into_iter().enumerate() {
            let frame = whole(opcode, vec![byte; length]);
            let case = echoed(format!("1.{chapter}.{}", at + 1), from_ref(&frame), vec![frame.clone()]);
            cases.push(if at == 7 { case.in_pieces(997) } else { case });
        }
    }
    cases
}

/// 2: pings and pongs.
fn pings() -> Vec<Case> {
    let ping = |payload: &[u8]| whole(PING, payload);
    let pong = |payload: &[u8]| whole(PONG, payload);
    let answered = |number: &str, payload: &[u8]| echoed(number, &[ping(payload)], vec![pong(payload)]);
    let binary: [u8; 8] = [0, 255, 254, 253, 252, 251, 0, 255];
    let many = (0..10).map(|number| format!("payload-{number}")).collect::<Vec<_>>();
    let pings = many.iter().map(|payload| ping(payload.as_bytes())).collect::<Vec<_>>();
    let pongs = many.iter().map(|payload| pong(payload.as_bytes())).collect::<Vec<_>>();
    vec![
        answered("2.1", b""),
        answered("2.2", b"Hello, world!"),
        answered("2.3", &binary),
        answered("2.4", &[0xfe; 125]),
        fails("2.5", &[ping(&[0xfe; 126])], vec![]),
        answered("2.6", &[0xfe; 125]).in_pieces(1),
        echoed("2.7", &[pong(b"")], vec![]),
        echoed("2.8", &[pong(b"unsolicited pong payload")], vec![]),
        echoed(
            "2.9",
            &[pong(b"unsolicited pong payload"), ping(b"ping payload")],
            vec![pong(b"ping payload")],
        ),
        echoed("2.10", &pings, pongs.clone()),
        echoed("2.11", &pings, pongs).in_pieces(1),
    ]
}

/// 3: reserved bits, which nobody has agreed on.
fn reserved() -> Vec<Case> {
    let hello = || whole(TEXT, "Hello, world!");
    let ping = || whole(PING, "");
    let wrong =
        |number: &str, bits: u8| fails(number, &[hello(), hello().reserving(bits), ping()], vec![hello()]);
    vec![
        fails("3.1", &[hello().reserving(1)], vec![]),
        wrong("3.2", 2),
        wrong("3.3", 3).in_pieces(9),
        wrong("3.4", 4).in_pieces(1),
        fails("3.5", &[whole(BINARY, [0xff; 8]).reserving(5)], vec![]),
        fails("3.6", &[whole(PING, "Hello, world!").reserving(6)], vec![]),
        fails("3.7", &[Frame::close(1000, b"").reserving(7)], vec![]),
    ]
}

/// 4: opcodes that are not there.
fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    let hello = || whole(TEXT, "Hello, world!");
    for (chapter, first) in [(1, 3), (2, 11)] {
        for at in 0..5 {
            let (number, opcode) = (format!("4.{chapter}.{}", at + 1), first + at);
            cases.push(match at {
                0 => fails(number, &[whole(opcode, "")], vec![]),
                1 => fails(number, &[whole(opcode, "reserved opcode payload")], vec![]),
                2 => fails(number, &[hello(), whole(opcode, ""), whole(PING, "")], vec![hello()]),
                3 => fails(number, &[hello(), whole(opcode, "payload"), whole(PING, "")], vec![hello()]),
                _ => fails(number, &[hello(), whole(opcode, "payload"), whole(PING, "")], vec![hello()])
                    .in_pieces(1),
            });
        }
    }
    cases
}

/// 5: messages in fragments.
fn fragments() -> Vec<Case> {
    let (one, two) = (|| begun(TEXT, "fragment1"), || last("fragment2"));
    let both = || whole(TEXT, "fragment1fragment2");
    let (ping, pong) = (|| whole(PING, "ping payload"), || whole(PONG, "ping payload"));
    let five = [
        begun(TEXT, "fragment1"),
        more("fragment2"),
        ping(),
        more("fragment3"),
        more("fragment4"),
        ping(),
        last("fragment5"),
    ];
    let heard = vec![pong(), pong(), whole(TEXT, "fragment1fragment2fragment3fragment4fragment5")];
    let stray = |number: &str, fin: bool| {
        let lost = Frame { fin, ..last("non-continuation payload") };
        fails(number, &[lost, whole(TEXT, "Hello, world!")], vec![])
    };
    let again = |number: &str, fin: bool| {
        let lost = Frame { fin, ..last("non-continuation payload") };
        fails(
            number,
            &[begun(TEXT, "fragment1"), last("fragment2"), lost, begun(TEXT, "fragment1"), last("fragment2")],
            vec![both()],
        )
    };
    vec![
        fails("5.1", &[begun(PING, "fragment1"), last("fragment2")], vec![]),
        fails("5.2", &[begun(PONG, "fragment1"), last("fragment2")], vec![]),
        echoed("5.3", &[one(), two()], vec![both()]),
        echoed("5.4", &[one(), two()], vec![both()]).in_pieces(7),
        echoed("5.5", &[one(), two()], vec![both()]).in_pieces(1),
        echoed("5.6", &[one(), ping(), two()], vec![pong(), both()]),
        echoed("5.7", &[one(), ping(), two()], vec![pong(), both()]).in_pieces(7),
        echoed("5.8", &[one(), ping(), two()], vec![pong(), both()]).in_pieces(1),
        stray("5.9", true),
        stray("5.10", true).in_pieces(7),
        stray("5.11", true).in_pieces(1),
        stray("5.12", false),
        stray("5.13", false).in_pieces(7),
        stray("5.14", false).in_pieces(1),
        again("5.15", true),
        fails(
            "5.16",
            &[Frame { fin: false, ..last("fragment1") }, begun(TEXT, "fragment2"), last("fragment3")],
            vec![],
        ),
        fails("5.17", &[last("fragment1"), begun(TEXT, "fragment2"), last("fragment3")], vec![]),
        fails("5.18", &[one(), whole(TEXT, "fragment2")], vec![]),
        echoed("5.19", &five, heard.clone()),
        echoed("5.20", &five, heard).in_pieces(1),
    ]
}

/// 6: texts that are UTF-8, and texts that are not.
fn texts() -> Vec<Case> {
    let good = "Hello-µ@ßöäüàá-UTF-8!!".as_bytes();
    let mut cases = vec![
        echoed("6.1.1", &[whole(TEXT, "")], vec![whole(TEXT, "")]),
        echoed("6.1.2", &[begun(TEXT, ""), more(""), last("")], vec![whole(TEXT, "")]),
        echoed(
            "6.1.3",
            &[begun(TEXT, ""), more("middle frame payload"), last("")],
            vec![whole(TEXT, "middle frame payload")],
        ),
        echoed("6.2.1", &[whole(TEXT, good)], vec![whole(TEXT, good)]),
        echoed("6.2.2", &[begun(TEXT, &good[..12]), last(&good[12..])], vec![whole(TEXT, good)]),
        echoed("6.2.3", &in_fragments(good, 1), vec![whole(TEXT, good)]),
        echoed("6.2.4", &in_fragments(utf8::KOSME.as_bytes(), 1), vec![whole(TEXT, utf8::KOSME)]),
    ];
    let bad = [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80".as_slice(), b"edited"].concat();
    cases.push(fails("6.3.1", &[whole(TEXT, bad.clone())], vec![]));
    cases.push(fails("6.3.2", &in_fragments(&bad, 1), vec![]));
    cases.extend(failing_fast());
    cases.extend(utf8::texts().into_iter().map(|text| {
        let frame = whole(TEXT, text.bytes);
        if text.valid {
            echoed(text.number, from_ref(&frame), vec![frame.clone()])
        } else {
            fails(text.number, &[frame], vec![])
        }
    }));
    cases
}

/// 6.4: the fault is told without waiting for the end of a message that never comes.
fn failing_fast() -> Vec<Case> {
    let before = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";
    let unwhole = |number: &str, bytes: &[u8], pieces: usize| {
        fails(number, &[begun(TEXT, before.as_slice()), more(bytes)], vec![]).in_pieces(pieces)
    };
    vec![
        unwhole("6.4.1", b"\xf4\x90\x80\x80", usize::MAX),
        unwhole("6.4.2", b"\xf4\x90", usize::MAX),
        unwhole("6.4.3", b"\xf4\x90\x80\x80", 1),
        unwhole("6.4.4", b"\xf4\x90", 1),
    ]
}

fn in_fragments(bytes: &[u8], size: usize) -> Vec<Frame> {
    let count = bytes.len().div_ceil(size);
    let fragment = |(at, part): (usize, &[u8])| Frame {
        fin: at + 1 == count,
        reserved: 0,
        opcode: if at == 0 { TEXT } else { CONTINUATION },
        payload: part.to_vec(),
    };
    bytes.chunks(size).enumerate().map(fragment).collect()
}

/// 7: the end of a connection.
fn closes() -> Vec<Case> {
    let hello = || whole(TEXT, "Hello World!");
    let bye = || Frame::close(1000, b"");
    let answers =
        |number: &str, says: &[Frame], hears: Vec<Frame>| Case::new(number, says, hears, End::Answers(bye()));
    let mut cases = vec![
        answers("7.1.1", &[hello(), bye()], vec![hello()]),
        answers("7.1.2", &[bye(), bye()], vec![]),
        answers("7.1.3", &[bye(), whole(PING, "")], vec![]),
        answers("7.1.4", &[bye(), hello()], vec![]),
        answers("7.1.5", &[begun(TEXT, "fragment1"), bye(), last("fragment2")], vec![]),
        answers(
            "7.1.6",
            &[whole(TEXT, vec![b'B'; 256 * 1024]), hello(), bye(), whole(PING, "")],
            vec![whole(TEXT, vec![b'B'; 256 * 1024]), hello()],
        ),
        Case::new("7.3.1", &[whole(CLOSE, "")], vec![], End::Answers(whole(CLOSE, ""))),
        fails("7.3.2", &[whole(CLOSE, "a")], vec![]),
        answers("7.3.3", &[bye()], vec![]),
    ];
    for (number, length) in [("7.3.4", 13), ("7.3.5", 123)] {
        let close = Frame::close(1000, &vec![b'*'; length]);
        cases.push(Case::new(number, from_ref(&close), vec![], End::Answers(close.clone())));
    }
    cases.push(fails("7.3.6", &[Frame::close(1000, &[b'*'; 124])], vec![]));
    cases.push(fails(
        "7.5.1",
        &[Frame::close(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")],
        vec![],
    ));
    let good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (at, code) in good.into_iter().enumerate() {
        let close = Frame::close(code, b"");
        cases.push(Case::new(
            format!("7.7.{}", at + 1),
            from_ref(&close),
            vec![],
            End::Answers(close.clone()),
        ));
    }
    for (at, code) in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].into_iter().enumerate() {
        cases.push(fails(format!("7.9.{}", at + 1), &[Frame::close(code, b"")], vec![]));
    }
    for (at, code) in [5000, 65535].into_iter().enumerate() {
        cases.push(Case::new(format!("7.13.{}", at + 1), &[Frame::close(code, b"")], vec![], End::Either));
    }
    cases
}

/// 9: large messages, whole, in fragments and in pieces, and many small ones.
fn sizes() -> Vec<Case> {
    const MIB: usize = 1024 * 1024;
    let mut cases = Vec::new();
    let of =
        |opcode: u8, length: usize| whole(opcode, vec![if opcode == TEXT { b'*' } else { 0xfe }; length]);
    for (chapter, opcode) in [(1, TEXT), (2, BINARY)] {
        for (at, length) in [MIB / 16, MIB / 4, MIB, 4 * MIB, 8 * MIB, 16 * MIB].into_iter().enumerate() {
            cases.push(echoed(
                format!("9.{chapter}.{}", at + 1),
                &[of(opcode, length)],
                vec![of(opcode, length)],
            ));
        }
    }
    for (chapter, opcode) in [(3, TEXT), (4, BINARY)] {
        for at in 0..9 {
            let mut fragments = in_fragments(&of(opcode, 4 * MIB).payload, 64 << (2 * at));
            fragments[0].opcode = opcode;
            cases.push(echoed(format!("9.{chapter}.{}", at + 1), &fragments, vec![of(opcode, 4 * MIB)]));
        }
    }
    for (chapter, opcode) in [(5, TEXT), (6, BINARY)] {
        for at in 0..6 {
            let case = echoed(format!("9.{chapter}.{}", at + 1), &[of(opcode, MIB)], vec![of(opcode, MIB)]);
            cases.push(case.in_pieces(64 << at));
        }
    }
    for (chapter, opcode) in [(7, TEXT), (8, BINARY)] {
        for (at, length) in [0, 16, 64, 256, 1024, 4096].into_iter().enumerate() {
            let many = vec![of(opcode, length); 1000];
            cases.push(echoed(format!("9.{chapter}.{}", at + 1), &many, many.clone()));
        }
    }
    cases
}

/// 10: a head and its payload in packets of their own.
fn headers() -> Vec<Case> {
    let frame = whole(TEXT, vec![b'*'; 65536]);
    vec![echoed("10.1.1", from_ref(&frame), vec![frame.clone()]).in_pieces(1300)]
}
