//! The third pane: who the conversation is with, or the message that is selected.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{lines, pages};
use crate::layout::blocks;
use crate::model::Model;
use crate::text::wrapped;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let inner = Rect::new(area.x + 1, area.y, area.width.saturating_sub(2), area.height);
    let cells = usize::from(inner.width);
    let Some(conversation) = model.open.as_deref().and_then(|id| model.conversation(id)) else {
        return;
    };
    let mut shown = match model.message() {
        Some(message) => self::message(model, message, cells),
        None => Vec::new(),
    };
    if shown.is_empty() {
        shown = match model.peer(conversation) {
            Some(peer) => pages::contact(model, peer, cells, false),
            None => {
                vec![Line::from(Span::styled("Only you see what you write here.", model.theme.dim))]
            }
        };
    }
    lines(frame, inner, shown);
}

fn message(
    model: &Model,
    message: &nexus_node::api::MessageView,
    cells: usize,
) -> Vec<Line<'static>> {
    let mine = message.author == model.my_id();
    let mut shown =
        vec![Line::from(Span::styled("This message", model.theme.title)), Line::default()];
    let mut row = |label: &str, value: String| {
        shown.push(Line::from(Span::styled(label.to_owned(), model.theme.dim)));
        shown.extend(
            wrapped(&value, cells)
                .into_iter()
                .map(|r| Line::from(Span::styled(r, model.theme.text))),
        );
    };
    row("written", model.now.exact(&message.time));
    row("by", model.name(&message.author));
    if mine {
        row("state", blocks::state(message.state).to_owned());
        let names =
            |who: &[String]| who.iter().map(|w| model.name(w)).collect::<Vec<_>>().join(", ");
        let (delivered, read) = model.receivers(message);
        if !delivered.is_empty() {
            row("arrived at", names(&delivered));
        }
        if !read.is_empty() {
            row("read by", names(&read));
        }
    }
    if let Some(expires) = &message.expires {
        row("disappears", model.now.exact(expires));
    }
    row("entry", message.entry_id.clone());
    shown
}
