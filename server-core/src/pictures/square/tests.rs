//! Pictures as people send them, and as those send them who mean no good.

use image::codecs::gif::GifEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, Frame, ImageEncoder};
use proptest::prelude::*;

use super::*;

const RED: [u8; 4] = [220, 20, 30, 255];
const GREEN: [u8; 4] = [20, 190, 60, 255];
const BLUE: [u8; 4] = [30, 40, 210, 255];

/// Red, green and blue side by side, the green as wide as all is high.
fn flag(height: u32) -> RgbaImage {
    RgbaImage::from_fn(3 * height, height, |x, _| Rgba([RED, GREEN, BLUE][(x / height) as usize]))
}

fn encoded(picture: &RgbaImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgba8(picture.clone());
    let picture = match format {
        ImageFormat::Jpeg => DynamicImage::ImageRgb8(picture.into_rgb8()),
        _ => picture,
    };
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

const FORMATS: [ImageFormat; 4] = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP];

fn read_back(image: &[u8]) -> DynamicImage {
    image::load_from_memory(image).unwrap()
}

fn is_near(one: [u8; 4], other: [u8; 4]) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(other) < 24)
}

/// A chunk of a PNG.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in name.iter().chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], name, data, &(!crc).to_be_bytes()].concat()
}

/// A chunk of a WebP.
fn riff(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    let padding = &[0][..data.len() % 2];
    [name, &length[..], data, padding].concat()
}

#[test]
fn the_middle_of_every_kind_becomes_a_square() {
    for (format, height) in FORMATS.into_iter().flat_map(|format| [(format, 40), (format, 300)]) {
        let made = square(&encoded(&flag(height), format)).unwrap();
        let back = read_back(&made);
        assert_eq!(back.dimensions(), (AVATAR_PIXELS, AVATAR_PIXELS), "{format:?}");
        for (x, y) in [(8, 8), (128, 128), (247, 247)] {
            let seen = back.get_pixel(x, y).0;
            assert!(is_near(seen, GREEN), "{format:?} {x},{y}: {seen:?}");
        }
        assert_eq!(media_type(&made), "image/jpeg", "{format:?}: nothing shines through");
        assert_eq!(square(&encoded(&flag(height), format)).unwrap(), made, "{format:?}: the same again");
    }
}

#[test]
fn what_shines_through_does_so_still_and_bleeds_into_nothing() {
    let hole = |x: u32, side: u32| if x < side / 2 { [255, 255, 255, 0] } else { BLUE };
    for (format, side) in [(ImageFormat::Png, 201), (ImageFormat::WebP, 201), (ImageFormat::Png, 701)] {
        let picture = RgbaImage::from_fn(side, side, |x, _| Rgba(hole(x, side)));
        let made = square(&encoded(&picture, format)).unwrap();
        assert_eq!(media_type(&made), "image/png");
        let back = read_back(&made);
        assert_eq!(back.get_pixel(20, 128).0[3], 0);
        let edge = (120..136).map(|x| back.get_pixel(x, 128).0).filter(|pixel| pixel[3] > 40);
        let blue = |pixel: &[u8; 4]| pixel[0] < 90 && pixel[1] < 90 && pixel[2] > 150;
        assert!(edge.clone().count() > 4 && edge.clone().all(|pixel| blue(&pixel)), "{format:?} {side}");
    }
}

#[test]
fn deep_grey_and_tiny_pictures_are_pictures_too() {
    let mut out = Cursor::new(Vec::new());
    let deep = image::ImageBuffer::from_pixel(7, 9, image::Rgb([65_535u16, 0, 0]));
    DynamicImage::ImageRgb16(deep).write_to(&mut out, ImageFormat::Png).unwrap();
    assert!(is_near(read_back(&square(out.get_ref()).unwrap()).get_pixel(9, 9).0, [255, 0, 0, 255]));
    let mut out = Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(image::ImageBuffer::from_pixel(1, 1, image::Luma([128])))
        .write_to(&mut out, ImageFormat::Jpeg)
        .unwrap();
    assert!(is_near(read_back(&square(out.get_ref()).unwrap()).get_pixel(9, 9).0, [128, 128, 128, 255]));
}

#[test]
fn a_camera_is_held_as_it_says() {
    let mut sent = Vec::new();
    let mut encoder = JpegEncoder::new(&mut sent);
    // One entry: orientation, a quarter turn (TIFF 6.0; Exif 2.3, 4.6.4).
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    encoder.set_exif_metadata(exif).unwrap();
    let top = RgbaImage::from_fn(64, 64, |_, y| Rgba(if y < 32 { RED } else { BLUE }));
    let pixels = DynamicImage::ImageRgba8(top).into_rgb8();
    encoder.encode(&pixels, 64, 64, ExtendedColorType::Rgb8).unwrap();
    let back = read_back(&square(&sent).unwrap());
    assert!(is_near(back.get_pixel(230, 128).0, RED) && is_near(back.get_pixel(20, 128).0, BLUE));
}

#[test]
fn only_pixels_are_carried_over() {
    const SECRET: &[u8] = b"meet me at the old mill at nine";
    let plain = encoded(&flag(20), ImageFormat::Png);
    let made = square(&plain).unwrap();
    let (head, rest) = plain.split_at(33);
    let noted = [
        head,
        &chunk(b"tEXt", &[b"Comment\0", SECRET].concat()),
        &chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", SECRET].concat()),
        &chunk(b"eXIf", SECRET),
        rest,
        b"<script>",
        SECRET,
    ]
    .concat();
    assert!(noted.windows(SECRET.len()).filter(|part| *part == SECRET).count() == 4);
    assert_eq!(square(&noted).unwrap(), made);
    for format in FORMATS {
        let polyglot = [&encoded(&flag(20), format)[..], b"PK\x03\x04", SECRET].concat();
        let made = square(&polyglot).unwrap();
        assert!(!made.windows(SECRET.len()).any(|part| part == SECRET), "{format:?}");
    }
}

#[test]
fn what_is_no_picture_of_these_kinds_is_refused_by_its_content() {
    let bitmap = [&b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0"[..], &[0; 60]].concat();
    for other in [
        &b""[..],
        b"hello",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"II*\0\x08\0\0\0",
        b"\0\0\0\x20ftypavif",
        &bitmap,
    ] {
        assert_eq!(square(other), Err(Unfit::Kind), "{}", String::from_utf8_lossy(other));
    }
}

#[test]
fn what_claims_to_be_huge_is_refused_before_it_is_decoded() {
    let header = |side: u32| [&side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let png = |side| {
        let small = encoded(&flag(1), ImageFormat::Png);
        [&small[..8], &chunk(b"IHDR", &header(side)), &small[33..]].concat()
    };
    assert_eq!(square(&png(60_000)), Err(Unfit::Large));
    assert_eq!(square(&png(AVATAR_SIDE + 1)), Err(Unfit::Large));

    let mut gif = encoded(&flag(1), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert_eq!(square(&gif), Err(Unfit::Large));

    let mut jpeg = encoded(&flag(8), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|part| part == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert_eq!(square(&jpeg), Err(Unfit::Large));

    let mut webp = encoded(&flag(8), ImageFormat::WebP);
    let lossless = webp.windows(4).position(|part| part == b"VP8L").unwrap();
    webp[lossless + 9..lossless + 13].copy_from_slice(&0x0fff_bffe_u32.to_le_bytes());
    assert_eq!(square(&webp), Err(Unfit::Large));
}

#[test]
fn a_part_of_a_webp_can_not_be_larger_than_the_whole_says() {
    let giant = [&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f][..], &[0; 64]].concat();
    let still = [riff(b"VP8X", &[0, 0, 0, 0, 7, 0, 0, 7, 0, 0]), riff(b"VP8 ", &giant)].concat();
    let inside = [&[0, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0, 0, 0, 0, 0][..], &riff(b"VP8 ", &giant)].concat();
    let moving =
        [riff(b"VP8X", &[2, 0, 0, 0, 7, 0, 0, 7, 0, 0]), riff(b"ANIM", &[0; 6]), riff(b"ANMF", &inside)]
            .concat();
    for body in [still, moving] {
        assert_eq!(square(&riff(b"RIFF", &[b"WEBP", &body[..]].concat())), Err(Unfit::Large));
    }
}

#[test]
fn of_an_animation_however_long_only_the_first_picture_counts() {
    let mut film = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut film, 30);
    for index in 0..10_000 {
        let colour = if index == 0 { GREEN } else { RED };
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(2, 2, Rgba(colour)))).unwrap();
    }
    drop(encoder);
    assert!(is_near(read_back(&square(&film).unwrap()).get_pixel(100, 100).0, GREEN));
}

#[test]
fn half_a_picture_is_none() {
    for format in FORMATS {
        let whole = encoded(&flag(60), format);
        let half = square(&whole[..whole.len() / 2]);
        assert_eq!(half, Err(Unfit::Damaged), "{format:?}");
    }
}

#[test]
fn pictures_of_ours_are_taken_again() {
    let mut lossless = Vec::new();
    WebPEncoder::new_lossless(&mut lossless)
        .write_image(&flag(30), 90, 30, ExtendedColorType::Rgba8)
        .unwrap();
    let once = square(&lossless).unwrap();
    assert_eq!(read_back(&square(&once).unwrap()).dimensions(), (AVATAR_PIXELS, AVATAR_PIXELS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A decoder may panic, which whoever calls this catches; it neither hangs nor takes what it likes.
    #[test]
    fn spoilt_pictures_are_made_or_refused(
        which in 0usize..4,
        spoils in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 0..8),
    ) {
        let mut bytes = encoded(&flag(12), FORMATS[which]);
        for (at, byte, how) in spoils {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes[at] = u8::MAX,
                _ => bytes.truncate(at.max(4)),
            }
        }
        let made = std::panic::catch_unwind(|| square(&bytes));
        if let Ok(Ok(image)) = made {
            prop_assert_eq!(read_back(&image).dimensions(), (AVATAR_PIXELS, AVATAR_PIXELS));
        }
    }
}
