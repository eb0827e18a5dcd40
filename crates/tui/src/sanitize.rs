//! Text of others, made safe where it is shown.
//!
//! A peer may write what it likes, and it is kept as sent. But on a terminal (or in an exported page) it must not move
//! the cursor, ring, set titles, hide itself, or turn around by bidirectional controls the text beside it. What could
//! do so is replaced by something visible; all other text stays as it is.

/// Marks one base character may carry. Real scripts stay below; more of them paint over the lines around.
const MAX_MARKS: usize = 6;
/// A tab in a block becomes so many spaces.
const TAB: &str = "    ";

/// For one line: names, table cells, hints. Line breaks become visible too.
#[must_use]
pub fn line(text: &str) -> String {
    clean(text, false)
}

/// For text of several lines: `\n` and `\r\n` stay line breaks, tabs become spaces.
#[must_use]
pub fn block(text: &str) -> String {
    clean(text, true)
}

/// Whether a character is never shown raw (a line break in a block and the tags of a flag apart).
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || is_bidi(c) || is_invisible(c)
}

/// Embeddings, overrides, isolates and marks of the bidirectional algorithm.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// What takes no room or looks like nothing, but is not needed to write any language. Joiners (U+200C, U+200D) and
/// variation selectors are: without them Persian and many emoji fall apart.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{2800}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007e}')
}

fn clean(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut marks = 0;
    while let Some(c) = rest.next() {
        if unicode_width::UnicodeWidthChar::width(c) == Some(0) && !is_unsafe(c) {
            marks += 1;
            match marks {
                n if n <= MAX_MARKS => out.push(c),
                n if n == MAX_MARKS + 1 => out.push('\u{fffd}'),
                _ => {}
            }
            continue;
        }
        marks = 0;
        match c {
            '\n' if lines => out.push('\n'),
            '\r' if lines && rest.peek() == Some(&'\n') => {}
            '\t' => out.push_str(if lines { TAB } else { " " }),
            '\u{1f3f4}' => flag(&mut out, &mut rest),
            _ if is_unsafe(c) => visible(&mut out, c),
            _ => out.push(c),
        }
    }
    out
}

/// The flags of England, Scotland and Wales are a black flag with invisible tags; only whole ones are kept.
fn flag(out: &mut String, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    out.push('\u{1f3f4}');
    let mut ahead = rest.clone();
    let mut tags = String::new();
    while let Some(tag) = ahead.next_if(|c| is_tag(*c)) {
        tags.push(tag);
    }
    if (3..=6).contains(&tags.chars().count()) && ahead.next() == Some('\u{e007f}') {
        out.push_str(&tags);
        out.push('\u{e007f}');
        *rest = ahead;
    }
}

/// C0 and DEL as their control pictures, all else by its number.
fn visible(out: &mut String, c: char) {
    let n = u32::from(c);
    let picture = match n {
        0..=0x1f => char::from_u32(0x2400 + n),
        0x7f => Some('\u{2421}'),
        _ => None,
    };
    match picture {
        Some(p) => out.push(p),
        None => out.push_str(&format!("<U+{n:04X}>")),
    }
}

#[cfg(test)]
mod tests;
