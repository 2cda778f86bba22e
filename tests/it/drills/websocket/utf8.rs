//! The texts of chapter 6: Markus Kuhn's stress test of UTF-8 decoders, by Autobahn's numbers.

/// The word "cosmos" in Greek, with an accent of three bytes.
pub(super) const KOSME: &str = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";

/// One text.
pub(super) struct Text {
    pub(super) number: String,
    pub(super) bytes: Vec<u8>,
    pub(super) valid: bool,
}

/// All of them. Which are valid is said here and compared with the standard library, so that neither is believed alone.
pub(super) fn texts() -> Vec<Text> {
    let mut texts = Vec::new();
    let mut add = |section: u8, valid: fn(usize) -> bool, all: Vec<Vec<u8>>| {
        for (at, bytes) in all.into_iter().enumerate() {
            let number = format!("6.{section}.{}", at + 1);
            let valid = valid(at);
            assert_eq!(std::str::from_utf8(&bytes).is_ok(), valid, "{number}");
            texts.push(Text { number, bytes, valid });
        }
    };
    let kosme = KOSME.as_bytes();
    let bytes = |list: &[&[u8]]| list.iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>();
    let chars = |list: &[u32]| {
        let utf8 = |&code: &u32| char::from_u32(code).expect("a scalar value").to_string().into_bytes();
        list.iter().map(utf8).collect::<Vec<_>>()
    };
    add(5, always, bytes(&[&kosme[..2], &kosme[..5], &kosme[..7], &kosme[..9], kosme]));
    // Every beginning of the word; only those that end with a letter are texts.
    add(
        6,
        |at| [2, 5, 7, 9, 11].contains(&(at + 1)),
        (1..=kosme.len()).map(|end| kosme[..end].to_vec()).collect(),
    );
    add(7, always, chars(&[0, 0x80, 0x800, 0x10000]));
    add(8, never, bytes(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]));
    add(9, always, chars(&[0x7f, 0x7ff, 0xffff, 0x10_ffff]));
    add(10, never, bytes(&[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]));
    let around =
        bytes(&[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"]);
    add(11, |at| at < 4, around);
    add(12, never, lonely_continuations());
    add(
        13,
        never,
        [0xc0..=0xdf, 0xe0..=0xef, 0xf0..=0xf7, 0xf8..=0xfb, 0xfc..=0xfd_u8]
            .into_iter()
            .map(spaced)
            .collect(),
    );
    let cut = incomplete();
    let together = cut.concat();
    add(14, never, cut);
    add(15, never, vec![together]);
    add(16, never, bytes(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]));
    add(17, never, overlong(b'/'));
    add(
        18,
        never,
        bytes(&[
            b"\xc1\xbf",
            b"\xe0\x9f\xbf",
            b"\xf0\x8f\xbf\xbf",
            b"\xf8\x87\xbf\xbf\xbf",
            b"\xfc\x83\xbf\xbf\xbf\xbf",
        ]),
    );
    add(19, never, overlong(0));
    let surrogates = [0xd800, 0xdb7f, 0xdb80, 0xdbff, 0xdc00, 0xdf80, 0xdfff];
    add(20, never, surrogates.iter().map(|&code| surrogate(code)).collect());
    let pairs =
        [0xd800, 0xdb7f, 0xdb80, 0xdbff].into_iter().flat_map(|high| [(high, 0xdc00), (high, 0xdfff)]);
    add(21, never, pairs.map(|(high, low)| [surrogate(high), surrogate(low)].concat()).collect());
    let planes =
        (0..=16).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]).collect::<Vec<u32>>();
    add(22, always, chars(&planes));
    add(23, always, chars(&[0xfff9, 0xfffa, 0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff]));
    texts
}

fn always(_: usize) -> bool {
    true
}

fn never(_: usize) -> bool {
    false
}

/// One, two and up to seven continuation bytes, and then all 64 of them.
fn lonely_continuations() -> Vec<Vec<u8>> {
    let mut all = vec![vec![0x80], vec![0xbf]];
    all.extend((2..=6).map(|count| (0..count).map(|at| if at % 2 == 0 { 0x80 } else { 0xbf }).collect()));
    all.push((0x80..=0xbf).collect());
    all
}

/// Each byte with a space behind it.
fn spaced(bytes: std::ops::RangeInclusive<u8>) -> Vec<u8> {
    bytes.flat_map(|byte| [byte, b' ']).collect()
}

/// The first and last characters of each length, without their last byte.
fn incomplete() -> Vec<Vec<u8>> {
    let zeros =
        [0xc0, 0xe0, 0xf0, 0xf8, 0xfc_u8].into_iter().zip(0..).map(|(first, more)| (first, more, 0x80));
    let ones =
        [0xdf, 0xef, 0xf7, 0xfb, 0xfd_u8].into_iter().zip(0..).map(|(first, more)| (first, more, 0xbf));
    zeros.chain(ones).map(|(first, more, byte)| [vec![first], vec![byte; more]].concat()).collect()
}

/// A character of one byte in two to six.
fn overlong(character: u8) -> Vec<Vec<u8>> {
    let form = |first: u8, more: usize| {
        let mut bytes = vec![0x80; more + 1];
        bytes[0] = first;
        bytes[more] |= character & 0x3f;
        bytes
    };
    [(0xc0, 1), (0xe0, 2), (0xf0, 3), (0xf8, 4), (0xfc, 5)]
        .into_iter()
        .map(|(first, more)| form(first, more))
        .collect()
}

/// A half of a pair as three bytes, as no UTF-8 may have it.
fn surrogate(code: u32) -> Vec<u8> {
    let part = |shift: u32| u8::try_from(code >> shift & 0x3f).expect("six bits") | 0x80;
    vec![0xe0 | u8::try_from(code >> 12).expect("four bits"), part(6), part(0)]
}
