//! QR codes on the output of commands.

use crate::output::style::Style;

/// The lines of a code with its quiet zone; `None` when the text is too long for one.
///
/// Scanners want dark on light. With colours that is what is painted.
pub(crate) fn draw(text: &str, style: Style) -> Option<String> {
    let paint = |line: String| {
        if style.on { format!("\u{1b}[30;107m{line}\u{1b}[0m") } else { line }
    };
    let lines = nexus_tui::qr::lines(text, style.on)?;
    Some(lines.into_iter().map(paint).collect::<Vec<_>>().join("\n"))
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
