//! Text in cells: how wide it is, where it breaks, what is cut off.
//!
//! All of it counts as ratatui does: by grapheme, each as wide as Unicode says.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Cells that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// At most so many cells of a text; what was cut off is told by `…`.
#[must_use]
pub fn truncate(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let wide = grapheme.width();
        if used + wide + 1 > cells {
            break;
        }
        out.push_str(grapheme);
        used += wide;
    }
    if cells > 0 {
        out.push('…');
    }
    out
}

/// A text cut or filled with spaces to exactly so many cells.
#[must_use]
pub fn fit(text: &str, cells: usize) -> String {
    let mut out = truncate(text, cells);
    out.extend(std::iter::repeat_n(' ', cells.saturating_sub(width(&out))));
    out
}

/// The rows of a text, as byte ranges: broken at line breaks, else between words, else (a word that is too long) between
/// graphemes. White space at a break stays at the end of its row, where nobody sees it, so the rows cover all but `\n`.
#[must_use]
pub fn rows(text: &str, cells: usize) -> Vec<Range<usize>> {
    first_rows(text, cells, usize::MAX)
}

/// At most so many of the rows of a text; the rest is not looked at.
#[must_use]
pub fn first_rows(text: &str, cells: usize, most: usize) -> Vec<Range<usize>> {
    let cells = cells.max(2);
    let mut all = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        wrap(line, start, cells, most, &mut all);
        if all.len() >= most {
            break;
        }
        start += line.len() + 1;
    }
    all.truncate(most);
    all
}

fn wrap(line: &str, offset: usize, cells: usize, most: usize, out: &mut Vec<Range<usize>>) {
    let (mut start, mut used) = (0, 0);
    // Where the row could end: after the last white space, and how many cells come after that.
    let (mut break_at, mut after) = (0, 0);
    for (at, grapheme) in line.grapheme_indices(true) {
        let wide = grapheme.width();
        let space = grapheme.chars().all(char::is_whitespace);
        if used + wide > cells && !space {
            let end = if break_at > start { break_at } else { at };
            out.push(offset + start..offset + end);
            if out.len() >= most {
                return;
            }
            used = if break_at > start { after } else { 0 };
            start = end;
            break_at = end;
        }
        used += wide;
        if space {
            break_at = at + grapheme.len();
            after = 0;
        } else {
            after += wide;
        }
    }
    out.push(offset + start..offset + line.len());
}

/// The rows of a text as texts, each cut to the width.
#[must_use]
pub fn wrapped(text: &str, cells: usize) -> Vec<String> {
    let row =
        |range: Range<usize>| truncate_hard(text.get(range).unwrap_or_default().trim_end(), cells);
    rows(text, cells).into_iter().map(row).collect()
}

fn truncate_hard(text: &str, cells: usize) -> String {
    let mut used = 0;
    let fits = |grapheme: &&str| {
        used += grapheme.width();
        used <= cells.max(2)
    };
    text.graphemes(true).take_while(fits).collect()
}

/// The first line of a text.
#[must_use]
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// `1 message`, `2 messages`.
#[must_use]
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// How well a query fits a text whose letters must appear in order; higher is better. Beginnings of words and runs weigh
/// most.
#[must_use]
pub fn fuzzy(query: &str, text: &str) -> Option<u32> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let mut score = 0;
    let mut from = 0;
    let mut last = None;
    for wanted in query.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let at = text.iter().skip(from).position(|c| *c == wanted)? + from;
        let before = at.checked_sub(1).and_then(|b| text.get(b));
        let word = before.is_none_or(|c| !c.is_alphanumeric());
        let run = last.is_some_and(|l: usize| l + 1 == at);
        score += 1 + if word { 6 } else { 0 } + if run { 4 } else { 0 };
        last = Some(at);
        from = at + 1;
    }
    Some(score * 4 + 200u32.saturating_sub(u32::try_from(text.len()).unwrap_or(200)) / 50)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_stay_whole_where_they_fit_and_leading_spaces_stay() {
        assert_eq!(wrapped("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrapped("    at main.rs:10\n\nend", 30), ["    at main.rs:10", "", "end"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("go abcdefghij", 4), ["go", "abcd", "efgh", "ij"]);
        assert_eq!(wrapped("日本語です", 4), ["日本", "語で", "す"]);
    }

    #[test]
    fn what_is_cut_off_is_told() {
        assert_eq!(truncate("hello", 5), "hello");
        assert_eq!(truncate("hello!", 5), "hell…");
        assert_eq!(fit("日本語", 4), "日… ");
    }

    #[test]
    fn beginnings_of_words_win() {
        assert!(fuzzy("ab", "Ana Berg").unwrap() > fuzzy("ab", "cabbage").unwrap());
        assert!(fuzzy("xyz", "Ana").is_none());
    }

    proptest! {
        #[test]
        fn rows_fit_and_cover_everything(text in "\\PC{0,60}(\n\\PC{0,20})?", cells in 2usize..20) {
            let rows = rows(&text, cells);
            let joined: String = rows.iter().map(|r| &text[r.clone()]).collect();
            prop_assert_eq!(joined, text.replace('\n', ""));
            for row in wrapped(&text, cells) {
                prop_assert!(width(&row) <= cells);
            }
        }
    }
}
