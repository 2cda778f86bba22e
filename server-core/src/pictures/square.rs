//! From a stranger's bytes to a square of our own. Pure.
//!
//! Only the first picture of an animation is read. The size is looked at before anything is decoded, and what decoding
//! may take is bounded: a small file that claims to be huge is refused. Text, places, thumbnails, colour profiles and
//! whatever hangs behind a picture are not carried over, because only pixels are.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::{FilterType, crop_imm, resize, thumbnail};
use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView, ImageDecoder, ImageFormat, ImageReader, Rgba, RgbaImage};
use protocol::limits::{AVATAR_PIXELS, AVATAR_SIDE};

/// What a decoder may take, in bytes: the largest side there may be, squared, at 8 bytes a pixel.
const MOST_BYTES: u64 = AVATAR_SIDE as u64 * AVATAR_SIDE as u64 * 8;

/// Of 100: above, files grow and nobody sees why.
const JPEG_QUALITY: u8 = 88;

/// Why a picture is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// None of the kinds that are.
    Kind,
    /// Too many pixels.
    Large,
    /// It begins like one and is none.
    Damaged,
}

/// The middle of a picture as a square of [`AVATAR_PIXELS`]: a PNG if anything shines through, else a JPEG.
pub(super) fn square(bytes: &[u8]) -> Result<Vec<u8>, Unfit> {
    let (picture, orientation) = read(bytes)?;
    let mut small = DynamicImage::ImageRgba8(middle(&picture));
    small.apply_orientation(orientation);
    write(small).ok_or(Unfit::Damaged)
}

/// How a picture of ours is called on the web.
pub(super) fn media_type(image: &[u8]) -> &'static str {
    match image::guess_format(image) {
        Ok(ImageFormat::Jpeg) => "image/jpeg",
        _ => "image/png",
    }
}

fn read(bytes: &[u8]) -> Result<(DynamicImage, Orientation), Unfit> {
    let format = image::guess_format(bytes).map_err(|_| Unfit::Kind)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::WebP) {
        return Err(Unfit::Kind);
    }
    if format == ImageFormat::WebP && hides_a_giant(bytes) {
        return Err(Unfit::Large);
    }
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(AVATAR_SIDE);
    limits.max_image_height = Some(AVATAR_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(why)?;
    limits.reserve(decoder.total_bytes()).map_err(why)?;
    decoder.set_limits(limits).map_err(why)?;
    // Cameras turn the sensor's picture by a note beside it; only in JPEG is reading that note bounded.
    let orientation = match format {
        ImageFormat::Jpeg => decoder.orientation().unwrap_or(Orientation::NoTransforms),
        _ => Orientation::NoTransforms,
    };
    Ok((DynamicImage::from_decoder(decoder).map_err(why)?, orientation))
}

/// Whether a part of a WebP says that it is larger than any may be, whatever the whole says: the decoder makes room for
/// the part before it compares them.
fn hides_a_giant(bytes: &[u8]) -> bool {
    let size = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    // RFC 6386, 9.1, in a chunk of RFC 9649: name, length, tag, start code, width, height.
    bytes.windows(18).any(|part| match part {
        [b'V', b'P', b'8', b' ', _, _, _, _, _, _, _, 0x9d, 0x01, 0x2a, low, high, lower, higher] => {
            size(*low, *high).max(size(*lower, *higher)) > AVATAR_SIDE
        }
        _ => false,
    })
}

#[allow(clippy::needless_pass_by_value)] // `map_err` gives it away
fn why(error: image::ImageError) -> Unfit {
    match error {
        image::ImageError::Limits(_) => Unfit::Large,
        _ => Unfit::Damaged,
    }
}

/// A picture seen through its own transparency: what is not there has a colour too, which must not bleed into what is.
/// Seen so and not copied, because it may be large.
struct Faded<'a>(&'a DynamicImage);

impl GenericImageView for Faded<'_> {
    type Pixel = Rgba<u8>;

    fn dimensions(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    fn get_pixel(&self, x: u32, y: u32) -> Rgba<u8> {
        Rgba(faded(self.0.get_pixel(x, y).0))
    }
}

fn middle(picture: &DynamicImage) -> RgbaImage {
    let (width, height) = picture.dimensions();
    let side = width.min(height);
    let faded = Faded(picture);
    let part = crop_imm(&faded, (width - side) / 2, (height - side) / 2, side, side);
    let mut small = match side {
        0..AVATAR_PIXELS => resize(&*part, AVATAR_PIXELS, AVATAR_PIXELS, FilterType::CatmullRom),
        _ => thumbnail(&*part, AVATAR_PIXELS, AVATAR_PIXELS),
    };
    small.pixels_mut().for_each(|pixel| pixel.0 = unfaded(pixel.0));
    small
}

/// A colour as much as it is there.
fn faded([red, green, blue, alpha]: [u8; 4]) -> [u8; 4] {
    let fade = |colour: u8| rounded(u32::from(colour) * u32::from(alpha), u8::MAX.into());
    [fade(red), fade(green), fade(blue), alpha]
}

/// What was [`faded`], again as it was.
fn unfaded([red, green, blue, alpha]: [u8; 4]) -> [u8; 4] {
    let lift = |colour: u8| rounded(u32::from(colour) * u32::from(u8::MAX), u32::from(alpha).max(1));
    [lift(red), lift(green), lift(blue), alpha]
}

fn rounded(number: u32, by: u32) -> u8 {
    u8::try_from((number + by / 2) / by).unwrap_or(u8::MAX)
}

fn write(square: DynamicImage) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    if square.pixels().any(|(_, _, pixel)| pixel.0[3] != u8::MAX) {
        let encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Best, PngFilter::Adaptive);
        square.write_with_encoder(encoder).ok()?;
    } else {
        let encoder = JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
        square.into_rgb8().write_with_encoder(encoder).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests;
