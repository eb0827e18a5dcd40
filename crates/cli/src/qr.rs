//! QR codes drawn with half blocks.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::output::style::Style;

/// The lines of a code with its quiet zone; `None` when the text is too long for one.
///
/// Scanners want dark on light. With colours that is what is painted; without, light blocks stand for the light ground,
/// as on the dark terminals that most people have.
pub(crate) fn draw(text: &str, style: Style) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let drawn = code
        .render::<Dense1x2>()
        .quiet_zone(true)
        .dark_color(if style.on { Dense1x2::Dark } else { Dense1x2::Light })
        .light_color(if style.on { Dense1x2::Light } else { Dense1x2::Dark })
        .build();
    let lines: Vec<String> = drawn
        .lines()
        .map(
            |line| {
                if style.on { format!("\u{1b}[30;107m{line}\u{1b}[0m") } else { line.to_owned() }
            },
        )
        .collect();
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_and_what_is_too_long_is_not() {
        let drawn = draw("nx1qexample", Style { on: false }).unwrap();
        assert!(drawn.lines().count() > 10);
        assert!(drawn.contains('█') || drawn.contains('▀'));
        assert!(draw(&"x".repeat(4_000), Style { on: false }).is_none());
    }
}
