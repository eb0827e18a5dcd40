//! QR codes as half blocks.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The lines of a code with its quiet zone; `None` when the text is too long for one.
///
/// With `ink`, whoever shows it paints the lines black on white; without, light blocks stand for the light ground, as on
/// the dark terminals that most people have.
#[must_use]
pub fn lines(text: &str, ink: bool) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (dark, light) = match ink {
        true => (Dense1x2::Dark, Dense1x2::Light),
        false => (Dense1x2::Light, Dense1x2::Dark),
    };
    let drawn =
        code.render::<Dense1x2>().quiet_zone(false).dark_color(dark).light_color(light).build();
    // Two modules around are enough for scanners, and leave more of small screens.
    let empty = if ink { " " } else { "█" };
    let side = empty.repeat(2);
    let width = drawn.lines().next().map_or(0, |line| line.chars().count()) + 4;
    let edge = empty.repeat(width);
    let lines = drawn.lines().map(|line| format!("{side}{line}{side}"));
    Some(std::iter::once(edge.clone()).chain(lines).chain([edge]).collect())
}
