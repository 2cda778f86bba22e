//! An invite as a picture to be read by a phone.

use qrcode::{Color, EcLevel, QrCode};

use crate::view::QrView;

/// Draws `text`, or nothing when it is too long for a code (some 2900 bytes).
pub(crate) fn draw(text: &str) -> Option<QrView> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let width = code.width();
    let path = code
        .to_colors()
        .chunks(width)
        .enumerate()
        .flat_map(|(y, row)| dark_runs(row).map(move |(x, run)| format!("M{x} {y}h{run}v1h-{run}z")))
        .collect();
    Some(QrView { size: u32::try_from(width).ok()?, path })
}

/// Start and length of each run of dark modules.
fn dark_runs(row: &[Color]) -> impl Iterator<Item = (usize, usize)> {
    row.chunk_by(|one, other| one == other)
        .scan(0, |x, run| {
            let start = *x;
            *x += run.len();
            Some((start, run))
        })
        .filter(|(_, run)| run[0] == Color::Dark)
        .map(|(start, run)| (start, run.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_exactly_the_dark_modules() {
        let row = [Color::Dark, Color::Dark, Color::Light, Color::Dark, Color::Light];
        assert_eq!(dark_runs(&row).collect::<Vec<_>>(), [(0, 2), (3, 1)]);
    }

    #[test]
    fn the_picture_has_as_many_dark_modules_as_the_code() {
        let code = QrCode::with_error_correction_level("hearth://join/x", EcLevel::L).unwrap();
        let dark = code.to_colors().into_iter().filter(|module| *module == Color::Dark).count();
        let view = draw("hearth://join/x").unwrap();
        let drawn: usize = view
            .path
            .split("z")
            .filter_map(|run| run.split_once("h-"))
            .map(|(_, n)| n.parse::<usize>().unwrap())
            .sum();
        assert_eq!(drawn, dark);
        assert_eq!(view.size as usize, code.width());
    }

    #[test]
    fn what_is_too_long_is_no_picture() {
        assert!(draw(&"x".repeat(5000)).is_none());
    }
}
