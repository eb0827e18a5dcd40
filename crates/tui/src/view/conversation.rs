//! The open conversation: who it is with, its messages, what is written.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::home::presence;
use super::{apart, divided, lines, paragraph};
use crate::keymap::{Action as A, Place};
use crate::layout::{composer_cells, parts, scroll};
use crate::model::chat::{Anchor, Chat, Writing};
use crate::model::completion;
use crate::model::{Focus, Model};
use crate::sanitize;
use crate::text::{self, count, first_line, truncate};
use crate::update::MAX_TEXT;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(chat) = model.chat() else { return nothing(model, frame, area) };
    let last = area.right() >= model.size.0;
    if !last {
        divided(&model.theme, frame, area);
    }
    // The divider stands on the last column, which every width here leaves free.
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    let whole = Rect { width: area.width + 1, ..area };
    let parts = parts(chat, whole);
    header(model, chat, frame, Rect { width: area.width, ..parts.header });
    messages(
        model,
        chat,
        frame,
        Rect { width: area.width, ..parts.messages },
        usize::from(whole.width),
    );
    let rule = parts.messages.bottom();
    if rule < area.bottom() {
        divider(model, chat, frame, Rect::new(area.x, rule, area.width, 1));
    }
    context(model, chat, frame, Rect { width: area.width, ..parts.context });
    composer(model, chat, frame, parts.composer, composer_cells(whole));
}

fn nothing(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let key = |action| model.config.keymap.keys_of(action, None);
    let inner = Rect::new(
        area.x + 2,
        area.y + 1,
        area.width.saturating_sub(4),
        area.height.saturating_sub(1),
    );
    let words = format!(
        "Choose a conversation, or press {} to go to one by its name, {} for everything else.",
        key(A::Switch),
        key(A::Palette)
    );
    lines(frame, inner, paragraph(&words, usize::from(inner.width), model.theme.dim));
}

fn header(model: &Model, chat: &Chat, frame: &mut Frame<'_>, area: Rect) {
    let cells = usize::from(area.width);
    let Some(conversation) = model.conversation(&chat.id) else { return };
    let (sign, word) = presence(model, conversation);
    let contact = model.peer(conversation).and_then(|p| model.contacts.get(p));
    // First what is never to be cut off.
    let mut about = vec![format!("{sign} {word}")];
    match contact {
        Some(c) if c.verified => about.push("verified".to_owned()),
        Some(c) if c.state == nexus_node::api::ContactState::Requested => {
            about.push("they have not accepted yet".to_owned());
        }
        _ => {}
    }
    if let Some(seen) = contact.and_then(|c| c.last_seen.as_deref()).filter(|_| word == "away") {
        about.push(format!("seen {}", model.now.ago(seen)));
    }
    if let Some(seconds) = conversation.timer {
        about.push(format!("gone after {}", crate::time::span(seconds)));
    }
    if model.is_muted(conversation) {
        about.push(match conversation.muted.as_deref() {
            Some("forever") | None => "muted".to_owned(),
            Some(until) => format!("muted until {}", model.now.brief(until)),
        });
    }
    let mut shown = vec![apart(
        Span::styled(format!(" {}", sanitize::line(&conversation.name)), model.theme.title),
        Span::styled(truncate(&about.join(" · "), cells / 2), model.theme.dim),
        cells,
    )];
    let warning = contact.and_then(|c| c.warnings.first());
    shown.push(match warning {
        Some(warning) => {
            let words = truncate(&format!(" ! {}", sanitize::line(warning)), cells);
            Line::from(Span::styled(words, model.theme.bad))
        }
        None => Line::from(Span::styled("─".repeat(cells), model.theme.border)),
    });
    lines(frame, area, shown);
}

fn messages(model: &Model, chat: &Chat, frame: &mut Frame<'_>, area: Rect, cells: usize) {
    let rows = usize::from(area.height);
    if !chat.loaded {
        return lines(frame, area, vec![Line::from(Span::styled("  reading …", model.theme.dim))]);
    }
    if chat.messages.is_empty() && chat.outgoing.is_empty() {
        let words = "Nothing is written here yet. What you write is for the two of you only.";
        let inner = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
        return lines(frame, inner, paragraph(words, cells.saturating_sub(4), model.theme.dim));
    }
    let mut shown: Vec<Line<'static>> =
        scroll::visible(model, chat, cells, rows).into_iter().map(|(_, line)| line).collect();
    if chat.anchor == Anchor::Bottom {
        for (_, text) in &chat.outgoing {
            let words = truncate(&format!("  {}", first_line(text)), cells.saturating_sub(14));
            shown.push(Line::from(vec![
                Span::styled(words, model.theme.dim),
                Span::styled("  · being kept", model.theme.unread),
            ]));
        }
        let more = shown.len().saturating_sub(rows);
        shown.drain(..more);
    }
    let empty = rows.saturating_sub(shown.len());
    let at = Rect::new(area.x, area.y + u16::try_from(empty).unwrap_or(0), area.width, area.height);
    lines(frame, at.intersection(area), shown);
}

/// The line above the composer; it tells what is below the viewport.
fn divider(model: &Model, chat: &Chat, frame: &mut Frame<'_>, area: Rect) {
    let cells = usize::from(area.width);
    let below = match (chat.new_below, chat.anchor == Anchor::Bottom && !chat.newer) {
        (0, true) => String::new(),
        (0, false) => {
            let key = model.config.keymap.keys_of(A::Bottom, Some(Place::Messages));
            format!(" ↓ more below ({key}) ")
        }
        (n, _) => format!(" ↓ {} below ", count(n, "new message", "new messages")),
    };
    let focused = model.focus == Focus::Composer && model.windows.is_empty();
    let style = if focused { model.theme.focus } else { model.theme.border };
    let (_, offers) = completion::offers(model, &chat.composer);
    let below = match focused && !offers.is_empty() {
        true => {
            let key = model.config.keymap.keys_of(A::Complete, Some(Place::Composer));
            completion::line(&offers, &key, cells.saturating_sub(2))
        }
        false => below,
    };
    let below = truncate(&below, cells.saturating_sub(2));
    let left = cells.saturating_sub(text::width(&below) + 2);
    let line = vec![
        Span::styled("─".repeat(left), style),
        Span::styled(below, model.theme.unread),
        Span::styled("──", style),
    ];
    lines(frame, area, vec![Line::from(line)]);
}

fn context(model: &Model, chat: &Chat, frame: &mut Frame<'_>, area: Rect) {
    let quoted = |entry: &str| {
        chat.get(entry).map(|m| {
            let text = crate::layout::blocks::shown(m);
            (model.name(&m.author), first_line(&text).to_owned())
        })
    };
    let leave = model.config.keymap.keys_of(A::Back, None);
    let words = match &chat.writing {
        Writing::New => return,
        Writing::Reply(entry) => match quoted(entry) {
            Some((who, text)) => format!("answering {who}: {text}"),
            None => "answering an earlier message".to_owned(),
        },
        Writing::Edit(entry) => match quoted(entry) {
            Some((_, text)) => format!("editing: {text}"),
            None => "editing a message".to_owned(),
        },
    };
    let line = apart(
        Span::styled(format!(" ↳ {words}"), model.theme.unread),
        Span::styled(format!("{leave}: leave off"), model.theme.dim),
        usize::from(area.width),
    );
    lines(frame, area, vec![line]);
}

fn composer(model: &Model, chat: &Chat, frame: &mut Frame<'_>, area: Rect, cells: usize) {
    let text = chat.composer.text();
    let rows = text::rows(text, cells);
    let (row, column) = chat.composer.place_in(&rows);
    let height = usize::from(area.height);
    let skip = (row + 1).saturating_sub(height);
    let focused = model.focus == Focus::Composer && model.windows.is_empty();
    let mut shown = Vec::new();
    for (at, range) in rows.iter().enumerate().skip(skip).take(height) {
        let sign = match (at, chat.normal) {
            (0, true) => ": ",
            (0, false) => "> ",
            _ => "  ",
        };
        let content = text.get(range.clone()).unwrap_or_default();
        shown.push(Line::from(vec![
            Span::styled(sign, if focused { model.theme.focus } else { model.theme.dim }),
            // Pasted text may have anything in it.
            Span::styled(sanitize::line(content), model.theme.text),
        ]));
    }
    if text.is_empty() {
        let hint = if focused {
            format!("write; {} sends", model.config.keymap.keys_of(A::Send, Some(Place::Composer)))
        } else {
            format!("{}: write", model.config.keymap.keys_of(A::Write, Some(Place::Messages)))
        };
        shown = vec![Line::from(vec![
            Span::styled("> ", if focused { model.theme.focus } else { model.theme.dim }),
            Span::styled(truncate(&hint, cells), model.theme.dim),
        ])];
    }
    lines(frame, area, shown);
    if text.len() * 10 > MAX_TEXT * 9 {
        let left = MAX_TEXT as i64 - text.len() as i64;
        let words = if left < 0 {
            format!(" {} bytes too long ", -left)
        } else {
            format!(" {left} bytes left ")
        };
        let width = u16::try_from(text::width(&words)).unwrap_or(0).min(area.width);
        let at = Rect::new(area.right().saturating_sub(width), area.y.saturating_sub(1), width, 1);
        let style = if left < 0 { model.theme.bad } else { model.theme.unread };
        lines(frame, at, vec![Line::from(Span::styled(words, style))]);
    }
    if focused {
        let x = area.x + 2 + u16::try_from(column.min(cells)).unwrap_or(0);
        let y = area.y + u16::try_from(row - skip).unwrap_or(0);
        frame.set_cursor_position(Position { x, y });
    }
}
