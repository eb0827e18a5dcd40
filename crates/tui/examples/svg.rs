//! Draws a captured terminal screen as SVG: `tmux capture-pane -e -p | svg COLUMNS ROWS >screen.svg`.
//!
//! It knows colours, bold, underline and reverse, which is all that Nexus uses. `scripts/screens` calls it.

use std::fmt::Write as _;
use std::io::Read as _;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Pixels of one cell.
const CELL: (usize, usize) = (9, 20);
/// Pixels around the screen, and of the title bar above it.
const AROUND: usize = 14;
const BAR: usize = 28;
const PAPER: &str = "#16181d";
const INK: &str = "#d0d0d0";
/// The sixteen colours that a terminal has names for.
const NAMED: [&str; 16] = [
    "#1d1f21", "#cc6666", "#8fb573", "#e0c36a", "#81a2be", "#b294bb", "#8abeb7", "#c5c8c6",
    "#666a70", "#f08080", "#b5d68c", "#ffe08a", "#a7c7e7", "#d3b5dc", "#a8dcd5", "#ffffff",
];

#[derive(Clone, PartialEq, Default)]
struct Look {
    ink: Option<String>,
    paper: Option<String>,
    bold: bool,
    dim: bool,
    under: bool,
    reverse: bool,
}

/// One of the 256 colours.
fn indexed(n: usize) -> String {
    let step = |v: usize| if v == 0 { 0 } else { 55 + 40 * v };
    match n {
        0..=15 => NAMED.get(n).copied().unwrap_or(INK).to_owned(),
        16..=231 => {
            let n = n - 16;
            format!("#{:02x}{:02x}{:02x}", step(n / 36), step(n / 6 % 6), step(n % 6))
        }
        _ => {
            let grey = 8 + 10 * (n.min(255) - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

impl Look {
    /// Takes the numbers of one `ESC [ … m`.
    fn change(&mut self, numbers: &str) {
        let mut numbers = numbers.split([';', ':']).map(|n| n.parse::<usize>().unwrap_or(0));
        while let Some(n) = numbers.next() {
            match n {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                4 => self.under = true,
                7 => self.reverse = true,
                22 => (self.bold, self.dim) = (false, false),
                24 => self.under = false,
                27 => self.reverse = false,
                30..=37 => self.ink = Some(indexed(n - 30)),
                90..=97 => self.ink = Some(indexed(n - 82)),
                40..=47 => self.paper = Some(indexed(n - 40)),
                100..=107 => self.paper = Some(indexed(n - 92)),
                39 => self.ink = None,
                49 => self.paper = None,
                38 | 48 => {
                    let colour = match numbers.next() {
                        Some(5) => indexed(numbers.next().unwrap_or(0)),
                        _ => {
                            let mut part = || numbers.next().unwrap_or(0).min(255);
                            format!("#{:02x}{:02x}{:02x}", part(), part(), part())
                        }
                    };
                    *(if n == 38 { &mut self.ink } else { &mut self.paper }) = Some(colour);
                }
                _ => {}
            }
        }
    }

    fn colours(&self) -> (String, Option<String>) {
        let ink = self.ink.clone().unwrap_or_else(|| INK.to_owned());
        match self.reverse {
            true => (self.paper.clone().unwrap_or_else(|| PAPER.to_owned()), Some(ink)),
            false => (ink, self.paper.clone()),
        }
    }
}

/// Texts of one look: the column where each begins, and its cells.
fn runs(line: &str, look: &mut Look) -> Vec<(usize, usize, Look, String)> {
    let mut all: Vec<(usize, usize, Look, String)> = Vec::new();
    let mut column = 0;
    let mut rest = line;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("\u{1b}[") {
            let end = after.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (numbers, tail) = after.split_at(end);
            if tail.starts_with('m') {
                look.change(numbers);
            }
            rest = tail.get(1..).unwrap_or_default();
            continue;
        }
        let end = rest.find('\u{1b}').unwrap_or(rest.len()).max(1);
        let (text, tail) = rest.split_at(end);
        for grapheme in text.graphemes(true).filter(|g| !g.contains('\u{1b}')) {
            let cells = grapheme.width();
            // What is not one cell wide stands alone, so that no font moves what comes after it.
            match all.last_mut() {
                Some((from, wide, of, run))
                    if *of == *look
                        && cells == 1
                        && *wide == run.chars().count()
                        && *from + *wide == column =>
                {
                    run.push_str(grapheme);
                    *wide += 1;
                }
                _ => all.push((column, cells, look.clone(), grapheme.to_owned())),
            }
            column += cells;
        }
        rest = tail;
    }
    all
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn svg(screen: &str, columns: usize, rows: usize) -> Result<String, std::fmt::Error> {
    let (width, height) = (columns * CELL.0 + 2 * AROUND, rows * CELL.1 + 2 * AROUND + BAR);
    let mut out = String::new();
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"15\">"
    )?;
    writeln!(out, "<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{PAPER}\"/>")?;
    for (at, colour) in ["#e06c60", "#e0b860", "#80b870"].iter().enumerate() {
        writeln!(out, "<circle cx=\"{}\" cy=\"18\" r=\"6\" fill=\"{colour}\"/>", 22 + at * 20)?;
    }
    let mut look = Look::default();
    for (row, line) in screen.lines().take(rows).enumerate() {
        let top = BAR + AROUND + row * CELL.1;
        for (column, cells, look, text) in runs(line, &mut look) {
            let (ink, paper) = look.colours();
            let (x, wide) = (AROUND + column * CELL.0, cells * CELL.0);
            if let Some(paper) = paper {
                writeln!(
                    out,
                    "<rect x=\"{x}\" y=\"{top}\" width=\"{wide}\" height=\"{}\" fill=\"{paper}\"/>",
                    CELL.1
                )?;
            }
            if text.trim().is_empty() {
                continue;
            }
            let bold = if look.bold { " font-weight=\"bold\"" } else { "" };
            let dim = if look.dim { " opacity=\"0.7\"" } else { "" };
            let under = if look.under { " text-decoration=\"underline\"" } else { "" };
            writeln!(
                out,
                "<text x=\"{x}\" y=\"{}\" fill=\"{ink}\"{bold}{dim}{under} textLength=\"{wide}\" xml:space=\"preserve\">{}</text>",
                top + 15,
                escaped(&text)
            )?;
        }
    }
    writeln!(out, "</svg>")?;
    Ok(out)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sizes = std::env::args().skip(1);
    let mut size = || sizes.next().ok_or("usage: svg COLUMNS ROWS <screen >picture");
    let (columns, rows) = (size()?.parse()?, size()?.parse()?);
    let mut screen = String::new();
    std::io::stdin().read_to_string(&mut screen)?;
    print!("{}", svg(&screen, columns, rows)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_and_wide_characters_keep_their_cells() {
        let mut look = Look::default();
        let all = runs("\u{1b}[1;38;5;114mYou\u{1b}[0m 日x", &mut look);
        let places: Vec<(usize, usize, &str)> =
            all.iter().map(|(at, cells, _, text)| (*at, *cells, text.as_str())).collect();
        assert_eq!(places, [(0, 3, "You"), (3, 1, " "), (4, 2, "日"), (6, 1, "x")]);
        assert_eq!(
            all.first().map(|r| r.2.clone()).unwrap_or_default().ink.as_deref(),
            Some("#87d787")
        );
    }

    #[test]
    fn a_picture_has_nothing_in_it_but_what_was_on_the_screen() {
        let picture = svg("<script>\u{1b}[7m&\u{1b}[0m", 10, 2).unwrap_or_default();
        assert!(picture.contains("&lt;script&gt;") && picture.contains("&amp;"));
        assert!(!picture.contains("<script>"));
    }
}
