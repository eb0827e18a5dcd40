//! A text that is being written: cursor, words, undo. Also the one-line fields of windows.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::text;

/// Longest text in bytes that can be written or pasted: two messages, so that one that is too long can be shortened here.
pub const MOST: usize = 64 * 1024;
/// How many steps can be undone,
const UNDO: usize = 200;
/// and how many bytes they take at most.
const UNDO_BYTES: usize = 1024 * 1024;
/// How many sent texts are kept to be sent again.
const WRITTEN: usize = 50;

/// A text with a cursor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Composer {
    text: String,
    cursor: usize,
    undo: Vec<(String, usize)>,
    redo: Vec<(String, usize)>,
    typing: bool,
    written: Vec<String>,
    recalled: Option<usize>,
    register: String,
}

impl Composer {
    /// With this text, the cursor at its end.
    #[must_use]
    pub fn with(text: &str) -> Self {
        let mut new = Self::default();
        new.set(text);
        new
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Byte offset of the cursor, always between graphemes.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Replaces the text; nothing to undo remains.
    pub fn set(&mut self, text: &str) {
        self.text = text.to_owned();
        self.cursor = self.text.len();
        self.undo.clear();
        self.redo.clear();
        self.typing = false;
    }

    /// Replaces the text as one step that can be undone.
    pub fn replace_all(&mut self, text: &str) {
        self.note(false);
        text.clone_into(&mut self.text);
        self.cursor = self.text.len();
    }

    /// Takes the text out, and keeps it among what was written.
    pub fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        self.set("");
        self.recalled = None;
        if !text.is_empty() && self.written.last() != Some(&text) {
            self.written.push(text.clone());
            if self.written.len() > WRITTEN {
                self.written.remove(0);
            }
        }
        text
    }

    fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    fn after(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// Remembers the text as it is, so that it can come back.
    fn note(&mut self, typing: bool) {
        if !(typing && self.typing) {
            self.undo.push((self.text.clone(), self.cursor));
            let mut bytes: usize = self.undo.iter().map(|(text, _)| text.len()).sum();
            while self.undo.len() > UNDO || bytes > UNDO_BYTES {
                bytes -= self.undo.remove(0).0.len();
            }
        }
        self.typing = typing;
        self.redo.clear();
    }

    /// Types one character; a word is one step of undo. Nothing beyond [`MOST`].
    pub fn typed(&mut self, c: char) {
        if self.text.len() + c.len_utf8() > MOST {
            return;
        }
        self.note(!c.is_whitespace());
        self.text.insert(self.cursor, c);
        self.cursor += c.len_utf8();
    }

    /// Puts in a text as one piece. Nothing beyond [`MOST`].
    pub fn insert(&mut self, text: &str) {
        if self.text.len() + text.len() > MOST {
            return;
        }
        self.note(false);
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    fn remove(&mut self, from: usize, to: usize) {
        if from < to && to <= self.text.len() {
            self.note(false);
            self.text.replace_range(from..to, "");
            self.cursor = from;
        }
    }

    /// Replaces the so many bytes before the cursor.
    pub fn replace_before(&mut self, bytes: usize, with: &str) {
        let from = self.cursor.saturating_sub(bytes);
        if self.text.is_char_boundary(from) {
            self.note(false);
            self.text.replace_range(from..self.cursor, with);
            self.cursor = from + with.len();
        }
    }

    fn previous(&self) -> usize {
        self.before().grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn next(&self) -> usize {
        self.cursor + self.after().graphemes(true).next().map_or(0, str::len)
    }

    fn word_before(&self) -> usize {
        let words = self.before().split_word_bound_indices();
        words.rev().find(|(_, word)| !word.trim().is_empty()).map_or(0, |(at, _)| at)
    }

    fn word_after(&self) -> usize {
        let mut words = self.after().split_word_bound_indices();
        let found = words.find(|(_, word)| !word.trim().is_empty());
        found.map_or(self.text.len(), |(at, word)| self.cursor + at + word.len())
    }

    fn line_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.after().find('\n').map_or(self.text.len(), |at| self.cursor + at)
    }

    fn go(&mut self, to: usize) {
        self.cursor = to;
        self.typing = false;
    }

    /// One grapheme left.
    pub fn left(&mut self) {
        self.go(self.previous());
    }

    /// One grapheme right.
    pub fn right(&mut self) {
        self.go(self.next());
    }

    /// To the beginning of the word.
    pub fn word_left(&mut self) {
        self.go(self.word_before());
    }

    /// To the end of the word.
    pub fn word_right(&mut self) {
        self.go(self.word_after());
    }

    /// To the beginning of the line.
    pub fn home(&mut self) {
        self.go(self.line_start());
    }

    /// To the end of the line.
    pub fn end(&mut self) {
        self.go(self.line_end());
    }

    /// Deletes the grapheme before the cursor.
    pub fn backspace(&mut self) {
        self.remove(self.previous(), self.cursor);
    }

    /// Deletes the grapheme after the cursor.
    pub fn delete(&mut self) {
        let (from, to) = (self.cursor, self.next());
        self.remove(from, to);
    }

    /// Deletes the word before the cursor.
    pub fn delete_word(&mut self) {
        self.remove(self.word_before(), self.cursor);
    }

    /// Deletes back to the beginning of the line.
    pub fn delete_to_start(&mut self) {
        self.remove(self.line_start(), self.cursor);
    }

    /// Deletes on to the end of the line.
    pub fn delete_to_end(&mut self) {
        let (from, to) = (self.cursor, self.line_end());
        self.remove(from, to);
    }

    /// To the beginning of the next word.
    pub fn next_word(&mut self) {
        let mut words = self.after().split_word_bound_indices().skip(1);
        let found = words.find(|(_, word)| !word.trim().is_empty());
        self.go(found.map_or(self.text.len(), |(at, _)| self.cursor + at));
    }

    /// A new line below this one, with the cursor in it.
    pub fn open_below(&mut self) {
        self.end();
        self.insert("\n");
    }

    /// Keeps this line, and deletes it where that is wanted.
    pub fn take_line(&mut self, delete: bool) {
        let (from, to) = (self.line_start(), self.line_end());
        self.register = self.text.get(from..to).unwrap_or_default().to_owned();
        if !delete {
            return;
        }
        // With the line goes a line break: the one after it, of the last line the one before.
        match to < self.text.len() {
            true => self.remove(from, to + 1),
            false => self.remove(from.saturating_sub(1), to),
        }
        self.home();
    }

    /// Puts the line that was kept below this one.
    pub fn put(&mut self) {
        let line = format!("\n{}", self.register);
        self.end();
        self.insert(&line);
        self.home();
    }

    /// Undoes one step.
    pub fn undo(&mut self) {
        if let Some((text, cursor)) = self.undo.pop() {
            self.redo.push((std::mem::replace(&mut self.text, text), self.cursor));
            self.go(cursor);
        }
    }

    /// Does again what was undone.
    pub fn redo(&mut self) {
        if let Some((text, cursor)) = self.redo.pop() {
            self.undo.push((std::mem::replace(&mut self.text, text), self.cursor));
            self.go(cursor);
        }
    }

    /// Brings back what was written before, or after that.
    pub fn recall(&mut self, older: bool) {
        let count = self.written.len();
        let at = match (self.recalled, older) {
            (None, true) => count.checked_sub(1),
            (Some(at), true) => Some(at.saturating_sub(1)),
            (Some(at), false) if at + 1 < count => Some(at + 1),
            (_, false) => None,
        };
        let text = at.and_then(|at| self.written.get(at)).cloned().unwrap_or_default();
        if at.is_some() || self.recalled.is_some() {
            self.note(false);
            self.cursor = text.len();
            self.text = text;
        }
        self.recalled = at;
    }

    /// Row and column of the cursor when the text is wrapped at a width.
    #[must_use]
    pub fn place(&self, cells: usize) -> (usize, usize) {
        self.place_in(&text::rows(&self.text, cells))
    }

    /// Row and column of the cursor in rows of this text.
    #[must_use]
    pub fn place_in(&self, rows: &[Range<usize>]) -> (usize, usize) {
        // At a soft break the cursor stands at the beginning of the next row.
        let row = rows.iter().rposition(|r| r.start <= self.cursor).unwrap_or(0);
        let start = rows.get(row).map_or(0, |r| r.start);
        (row, text::width(self.text.get(start..self.cursor).unwrap_or_default()))
    }

    /// One row up or down of the wrapped text; `false` at its edge.
    pub fn vertical(&mut self, cells: usize, down: bool) -> bool {
        let rows = text::rows(&self.text, cells);
        let (row, column) = self.place_in(&rows);
        let to = if down { Some(row + 1) } else { row.checked_sub(1) };
        let Some(range) = to.and_then(|to| rows.get(to)) else { return false };
        let last = to.is_some_and(|to| to + 1 == rows.len());
        let mut at = range.start;
        let mut used = 0;
        for grapheme in self.text.get(range.clone()).unwrap_or_default().graphemes(true) {
            used += text::width(grapheme);
            let end = at + grapheme.len();
            // The end of a row that goes on is the beginning of the next one.
            if used > column
                || (end == range.end && !last && self.text.as_bytes().get(end) != Some(&b'\n'))
            {
                break;
            }
            at = end;
        }
        self.go(at);
        true
    }
}

#[cfg(test)]
mod tests;
