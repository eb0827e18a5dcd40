//! Text to words: what the index holds, what the unindexed tail is matched against and what a query becomes.
//!
//! Words are runs of letters and digits, folded: compatibility forms unified, marks removed, lower case. A character
//! of a script that is written without spaces (and an emoji) is a word of its own, so that any part of a text is
//! found as a phrase. The index is fed words separated by spaces, so that there is one meaning of *word* everywhere.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word that is indexed, in bytes; longer ones are cut, in the query as well.
pub(crate) const MAX_WORD: usize = 64;

/// A script without spaces between words, or a pictograph: each character stands alone.
fn alone(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x11FF   // Hangul Jamo
        | 0x2E80..=0x2FDF // radicals
        | 0x3005..=0x3007
        | 0x3040..=0x30FF // Hiragana, Katakana
        | 0x3100..=0x31FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF // ideographs
        | 0xA960..=0xA97F
        | 0xAC00..=0xD7FF // Hangul
        | 0xF900..=0xFAFF
        | 0x1F300..=0x1FAFF // pictographs
        | 0x20000..=0x3FFFF)
}

/// Letters that have no decomposition, yet are typed without their stroke.
fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'ħ' => "h",
        'ı' => "i",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ς' => "σ",
        _ => return None,
    })
}

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Folded.
    pub(crate) text: String,
    /// One character of a script without spaces.
    pub(crate) alone: bool,
    /// Whether nothing but the end of the previous word stands before it.
    pub(crate) joined: bool,
}

/// The words of `text`, in order.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut splitter = Splitter::default();
    if text.is_ascii() {
        for byte in text.bytes() {
            splitter.ascii(byte);
        }
    } else {
        for c in text.nfkc() {
            splitter.any(c);
        }
    }
    splitter.end_word();
    splitter.words
}

/// The words with spaces between, as the index takes them.
pub(crate) fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for word in words(text) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word.text);
    }
    out
}

#[derive(Default)]
struct Splitter {
    words: Vec<Word>,
    current: String,
    gap: bool,
}

impl Splitter {
    fn ascii(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.push(char::from(byte.to_ascii_lowercase()));
        } else {
            self.end_word();
            self.gap = true;
        }
    }

    fn any(&mut self, c: char) {
        if alone(c) {
            self.end_word();
            self.current.push(c);
            self.end(true);
        } else if c.is_alphanumeric() {
            for part in std::iter::once(c).nfkd().flat_map(char::to_lowercase) {
                match plain(part) {
                    _ if is_combining_mark(part) => {}
                    Some(text) => text.chars().for_each(|c| self.push(c)),
                    None => self.push(part),
                }
            }
        } else if !is_combining_mark(c) && c != '\u{200d}' && c != '\u{ad}' {
            self.end_word();
            self.gap = true;
        }
    }

    fn push(&mut self, c: char) {
        if self.current.len() + c.len_utf8() <= MAX_WORD {
            self.current.push(c);
        }
    }

    fn end_word(&mut self) {
        self.end(false);
    }

    fn end(&mut self, alone: bool) {
        if self.current.is_empty() {
            return;
        }
        let joined = !self.gap && !self.words.is_empty();
        self.words.push(Word { text: std::mem::take(&mut self.current), alone, joined });
        self.gap = false;
    }
}

#[cfg(test)]
mod tests;
