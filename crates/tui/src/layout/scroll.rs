//! Which lines of which messages are in view. Only those are laid out, however long the window is.

use ratatui::text::Line;

use super::blocks::block;
use crate::model::Model;
use crate::model::chat::{Anchor, Chat};

/// A place in the window: a message, and so many of its lines above the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    index: usize,
    skip: usize,
}

/// Heights of messages in one layout.
struct Heights<'a> {
    model: &'a Model,
    chat: &'a Chat,
    cells: usize,
}

impl Heights<'_> {
    fn of(&self, index: usize) -> usize {
        block(self.model, self.chat, index, self.cells).len()
    }

    /// The place so many lines before the end of message `last`.
    fn back_from(&self, last: usize, lines: usize) -> At {
        let mut missing = lines;
        let mut index = last;
        loop {
            let height = self.of(index);
            if height >= missing {
                return At { index, skip: height - missing };
            }
            missing -= height;
            match index.checked_sub(1) {
                Some(before) => index = before,
                None => return At { index: 0, skip: 0 },
            }
        }
    }

    /// The top of the viewport when its end is the end of the window.
    fn lowest(&self, rows: usize) -> At {
        match self.chat.messages.len().checked_sub(1) {
            Some(last) => self.back_from(last, rows),
            None => At { index: 0, skip: 0 },
        }
    }

    fn top(&self, rows: usize) -> At {
        let lowest = self.lowest(rows);
        match &self.chat.anchor {
            Anchor::Bottom => lowest,
            Anchor::Top { entry, skip } => match self.chat.index(entry) {
                Some(index) => At { index, skip: *skip }.min(lowest),
                None => lowest,
            },
        }
    }

    fn anchor(&self, at: At, rows: usize) -> Anchor {
        if at >= self.lowest(rows) && !self.chat.newer {
            return Anchor::Bottom;
        }
        match self.chat.messages.get(at.index) {
            Some(message) => Anchor::Top { entry: message.entry_id.clone(), skip: at.skip },
            None => Anchor::Bottom,
        }
    }

    /// The first message that is below the viewport, or wholly above its end.
    fn end(&self, top: At, rows: usize) -> usize {
        let mut filled = 0;
        let mut index = top.index;
        while index < self.chat.messages.len() {
            filled += self.of(index).saturating_sub(if index == top.index { top.skip } else { 0 });
            index += 1;
            if filled >= rows {
                // A message that is cut off at the end counts as below.
                return if filled > rows { index - 1 } else { index };
            }
        }
        index
    }
}

/// A line in view, and which message it is of.
pub type Shown = (usize, Line<'static>);

/// The lines in view, from top to bottom; fewer than `rows` when the conversation is short.
#[must_use]
pub fn visible(model: &Model, chat: &Chat, cells: usize, rows: usize) -> Vec<Shown> {
    let heights = Heights { model, chat, cells };
    let top = heights.top(rows);
    let mut lines = Vec::with_capacity(rows);
    for index in top.index..chat.messages.len() {
        let skip = if index == top.index { top.skip } else { 0 };
        lines.extend(block(model, chat, index, cells).into_iter().skip(skip).map(|l| (index, l)));
        if lines.len() >= rows {
            break;
        }
    }
    lines.truncate(rows);
    lines
}

/// The messages in view: the first, and the one after the last that is wholly in view.
#[must_use]
pub fn range(model: &Model, chat: &Chat, cells: usize, rows: usize) -> (usize, usize) {
    let heights = Heights { model, chat, cells };
    let top = heights.top(rows);
    (top.index, heights.end(top, rows))
}

/// Where the viewport is after scrolling so many lines; up is negative.
#[must_use]
pub fn scrolled(model: &Model, chat: &Chat, (cells, rows): (usize, usize), by: isize) -> Anchor {
    let heights = Heights { model, chat, cells };
    let mut at = heights.top(rows);
    let lines = by.unsigned_abs();
    if by < 0 {
        if lines <= at.skip {
            at.skip -= lines;
        } else if let Some(before) = at.index.checked_sub(1) {
            at = heights.back_from(before, lines - at.skip);
        } else {
            at.skip = 0;
        }
    } else {
        let mut left = lines + at.skip;
        at.skip = 0;
        while at.index < chat.messages.len() {
            let height = heights.of(at.index);
            if left < height {
                break;
            }
            left -= height;
            at.index += 1;
        }
        at.skip = left;
    }
    let lowest = heights.lowest(rows);
    heights.anchor(at.min(lowest), rows)
}

/// Where the viewport must be so that a message is in view: where it is, when it is already.
#[must_use]
pub fn revealing(
    model: &Model,
    chat: &Chat,
    (cells, rows): (usize, usize),
    index: usize,
) -> Anchor {
    let heights = Heights { model, chat, cells };
    let top = heights.top(rows);
    let above = At { index, skip: 0 } < top;
    if above || heights.of(index) >= rows {
        return heights.anchor(At { index, skip: 0 }, rows);
    }
    if index >= heights.end(top, rows) {
        return heights.anchor(heights.back_from(index, rows), rows);
    }
    heights.anchor(top, rows)
}

/// Where the viewport must be so that a message is about a third below the top.
#[must_use]
pub fn showing(model: &Model, chat: &Chat, (cells, rows): (usize, usize), index: usize) -> Anchor {
    let heights = Heights { model, chat, cells };
    let at = match index.checked_sub(1) {
        Some(before) => heights.back_from(before, rows / 3),
        None => At { index: 0, skip: 0 },
    };
    heights.anchor(at.min(heights.lowest(rows)), rows)
}
