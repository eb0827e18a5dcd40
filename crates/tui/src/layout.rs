//! Where things are: panes by the size of the screen, and the lines of messages. Update (scrolling) and view (painting)
//! share it, so that they can't disagree.

pub mod blocks;
pub mod scroll;

use ratatui::layout::Rect;

use crate::model::chat::Chat;
use crate::model::{Focus, Model};
use crate::text;

/// From this width on there are two panes.
pub const TWO_PANES: u16 = 76;
/// From this width on there are three.
pub const THREE_PANES: u16 = 120;
/// Rows of the composer at most, of ten rows of the screen.
const COMPOSER_TENTHS: u16 = 4;

/// Where the panes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Panes {
    /// The list.
    pub list: Option<Rect>,
    /// The conversation.
    pub chat: Option<Rect>,
    /// What there is to know beside it.
    pub details: Option<Rect>,
    /// The bar at the bottom.
    pub bar: Rect,
}

/// The panes for a model.
#[must_use]
pub fn panes(model: &Model) -> Panes {
    let (width, height) = model.size;
    let body = height.saturating_sub(1);
    let bar = Rect::new(0, body, width, height.min(1));
    let pane = |x: u16, w: u16| Some(Rect::new(x, 0, w, body));
    if width < TWO_PANES {
        let list = model.focus == Focus::List || model.open.is_none();
        let (list, chat) = if list { (pane(0, width), None) } else { (None, pane(0, width)) };
        return Panes { list, chat, details: None, bar };
    }
    let left = (width / 4).clamp(24, 40);
    if width < THREE_PANES || model.open.is_none() {
        let rest = width.saturating_sub(left);
        return Panes { list: pane(0, left), chat: pane(left, rest), details: None, bar };
    }
    let right = (width / 4).clamp(32, 44);
    let middle = width.saturating_sub(left + right);
    Panes {
        list: pane(0, left),
        chat: pane(left, middle),
        details: pane(left + middle, right),
        bar,
    }
}

/// Where the parts of a conversation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Who it is with.
    pub header: Rect,
    /// The messages.
    pub messages: Rect,
    /// What is answered or edited; no rows otherwise.
    pub context: Rect,
    /// The text that is written.
    pub composer: Rect,
}

/// Cells before and after the text of the composer: `> ` and the border of the pane.
const COMPOSER_MARGIN: u16 = 3;

/// The width at which the text of the composer is wrapped.
#[must_use]
pub fn composer_cells(pane: Rect) -> usize {
    usize::from(pane.width.saturating_sub(COMPOSER_MARGIN + 1)).max(4)
}

/// The parts of a conversation in its pane.
#[must_use]
pub fn parts(chat: &Chat, pane: Rect) -> Parts {
    use crate::model::chat::Writing;
    let most =
        (pane.height / 10 * COMPOSER_TENTHS + pane.height % 10 * COMPOSER_TENTHS / 10).max(1);
    let cells = composer_cells(pane);
    let rows = text::first_rows(chat.composer.text(), cells, usize::from(most)).len();
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).clamp(1, most);
    let context = u16::from(chat.writing != Writing::New);
    // A line between the messages and the composer.
    let below = (rows + context + 1).min(pane.height);
    let header = 2.min(pane.height.saturating_sub(below));
    let middle = pane.height.saturating_sub(header + below);
    let row = |y: u16, height: u16| Rect::new(pane.x, pane.y + y, pane.width, height);
    let after = header + middle + 1;
    Parts {
        header: row(0, header),
        messages: row(header, middle),
        context: row(after.min(pane.height), context.min(pane.height.saturating_sub(after))),
        composer: row(
            (after + context).min(pane.height),
            rows.min(pane.height.saturating_sub(after + context)),
        ),
    }
}

/// The messages of the open conversation: columns and rows.
#[must_use]
pub fn viewport(model: &Model) -> Option<(usize, usize)> {
    let area = parts(model.chat()?, panes(model).chat?).messages;
    Some((usize::from(area.width), usize::from(area.height)))
}
