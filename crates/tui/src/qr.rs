//! QR codes as half blocks.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Modules left white around a picture.
const QUIET: usize = 4;

fn code(text: &str) -> Option<QrCode> {
    // Capital letters alone make a smaller code, and a ConnectID may be written in them.
    let text = if text.starts_with("nx1") { text.to_uppercase() } else { text.to_owned() };
    QrCode::with_error_correction_level(text, EcLevel::L).ok()
}

/// A code as a picture (SVG), to be shown elsewhere or printed; `None` when the text is too long for one.
#[must_use]
pub fn picture(text: &str) -> Option<String> {
    let code = code(text)?;
    let side = code.width() + 2 * QUIET;
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == qrcode::Color::Dark {
            let (x, y) = (at % code.width() + QUIET, at / code.width() + QUIET);
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"{0}\" height=\"{0}\" shape-rendering=\"crispEdges\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<path d=\"{path}\"/>\n</svg>\n",
        side * 8
    ))
}

/// The lines of a code with its quiet zone; `None` when the text is too long for one.
///
/// With `ink`, whoever shows it paints the lines black on white; without, light blocks stand for the light ground, as on
/// the dark terminals that most people have.
#[must_use]
pub fn lines(text: &str, ink: bool) -> Option<Vec<String>> {
    let code = code(text)?;
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
