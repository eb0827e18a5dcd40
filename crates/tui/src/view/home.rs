//! The list: requests, conversations, people nearby, and, where there is nothing yet, what to do.

use nexus_node::api::{ContactState, ConversationView};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{apart, divided, lines, paragraph};
use crate::keymap::{Action as A, Place};
use crate::model::home::{Item, strangers};
use crate::model::{Focus, Model, short};
use crate::sanitize;
use crate::text::{count, first_line, truncate};

/// One line of the list.
#[derive(Debug, Clone)]
pub struct Row {
    /// What it is of; headings are of nothing.
    pub item: Option<Item>,
    line: Line<'static>,
}

/// The lines that fit an area, with what is selected among them.
#[must_use]
pub fn rows(model: &Model, area: Rect) -> Vec<Row> {
    let cells = usize::from(area.width.saturating_sub(2));
    let all = all(model, cells);
    let height = usize::from(area.height);
    // What is selected is in view, with what is around it.
    let end = all.iter().rposition(|r| r.item.is_some() && r.item == model.selected).unwrap_or(0);
    let skip = (end + 2).saturating_sub(height).min(all.len().saturating_sub(height));
    all.into_iter().skip(skip).take(height).collect()
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let alone = area.width == model.size.0;
    let inner = if alone { area } else { divided(&model.theme, frame, area) };
    let shown = rows(model, area);
    let selected = |row: &Row| row.item.is_some() && row.item == model.selected;
    let style = if model.focus == Focus::List { model.theme.selected } else { model.theme.marked };
    let painted = shown.into_iter().map(|row| {
        if selected(&row) { row.line.patch_style(style).style(style) } else { row.line }
    });
    lines(frame, inner, painted.collect());
}

fn all(model: &Model, cells: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    if !model.requests.is_empty() {
        heading(model, "Requests", &mut rows);
        for request in &model.requests {
            let item = Item::Request(request.connect_id.clone());
            let name = sanitize::line(&request.name);
            let words = request.message.as_deref().map(sanitize::line).unwrap_or_default();
            push(
                &mut rows,
                &item,
                vec![
                    apart(
                        Span::styled(format!("? {name}"), model.theme.unread),
                        Span::styled("asks", model.theme.dim),
                        cells,
                    ),
                    second(model, &words, cells),
                    second(model, &answers(model, cells), cells),
                ],
            );
        }
    }
    if !model.conversations.is_empty() {
        heading(model, "Conversations", &mut rows);
        for conversation in &model.conversations {
            let item = Item::Conversation(conversation.id.clone());
            push(&mut rows, &item, talk(model, conversation, cells));
        }
    }
    let near: Vec<String> = strangers(model).collect();
    if !near.is_empty() {
        heading(model, "Nearby", &mut rows);
        for who in near {
            let name = model.nearby.get(&who).map(|n| sanitize::line(&n.name));
            let name = name.filter(|n| !n.is_empty()).unwrap_or_else(|| short(&who));
            let ask = model.config.keymap.keys_of(A::Open, Some(Place::List));
            push(
                &mut rows,
                &Item::Nearby(who.clone()),
                vec![apart(
                    Span::styled(format!("+ {name}"), model.theme.text),
                    Span::styled(format!("{ask}: ask"), model.theme.dim),
                    cells,
                )],
            );
        }
    }
    if model.conversations.is_empty() {
        next_steps(model, cells, &mut rows);
    }
    rows
}

fn heading(model: &Model, words: &str, rows: &mut Vec<Row>) {
    if !rows.is_empty() {
        rows.push(Row { item: None, line: Line::default() });
    }
    let line = Line::from(Span::styled(format!(" {words}"), model.theme.dim));
    rows.push(Row { item: None, line });
}

fn push(rows: &mut Vec<Row>, item: &Item, lines: Vec<Line<'static>>) {
    rows.extend(lines.into_iter().map(|line| Row { item: Some(item.clone()), line }));
}

fn second(model: &Model, words: &str, cells: usize) -> Line<'static> {
    let words = truncate(&format!("  {words}"), cells);
    Line::from(Span::styled(words, model.theme.dim))
}

fn answers(model: &Model, cells: usize) -> String {
    let key = |action| model.config.keymap.keys_of(action, Some(Place::List));
    let words = format!("{} accept, {} decline", key(A::Accept), key(A::Decline));
    // The help tells the third too.
    if cells < 34 { words } else { format!("{words}, {} block", key(A::Block)) }
}

/// Whether, and how, somebody can be reached now: a sign and a word.
#[must_use]
pub fn presence(model: &Model, conversation: &ConversationView) -> (&'static str, &'static str) {
    if conversation.kind == "self" {
        return ("·", "here");
    }
    match conversation.state {
        ContactState::Requested => return ("?", "asked"),
        ContactState::Blocked => return ("x", "blocked"),
        ContactState::Removed => return ("-", "removed"),
        _ => {}
    }
    match model.peer(conversation).and_then(|peer| model.path(peer)) {
        Some("lan") => ("●", "lan"),
        Some("direct") => ("◆", "direct"),
        Some("relay") => ("▲", "relay"),
        Some(_) => ("●", "linked"),
        None => ("○", "away"),
    }
}

fn talk(model: &Model, conversation: &ConversationView, cells: usize) -> Vec<Line<'static>> {
    let unread = conversation.unread;
    let (sign, word) = presence(model, conversation);
    let name = sanitize::line(&conversation.name);
    let time = conversation.last_time.as_deref().map(|t| model.now.brief(t)).unwrap_or_default();
    let style = if unread > 0 { model.theme.unread } else { model.theme.text };
    let mut left = name;
    if model.is_muted(conversation) {
        left.push_str(" (muted)");
    }
    let first = apart(
        Span::styled(format!("{sign} {left}"), style),
        Span::styled(format!("{word} {time}").trim_end().to_owned(), model.theme.dim),
        cells,
    );
    let draft =
        model.chats.get(&conversation.id).map(|c| c.draft()).filter(|d| !d.trim().is_empty());
    let last = match (draft, &conversation.last_text) {
        (Some(draft), _) if model.open.as_ref() != Some(&conversation.id) => {
            format!("  draft: {}", sanitize::line(first_line(draft)))
        }
        (_, Some(text)) => format!("  {}", sanitize::line(first_line(text))),
        (_, None) => "  nothing written yet".to_owned(),
    };
    let badge = if unread > 0 { format!("{unread} new") } else { String::new() };
    let second =
        apart(Span::styled(last, model.theme.dim), Span::styled(badge, model.theme.unread), cells);
    vec![first, second]
}

fn next_steps(model: &Model, cells: usize, rows: &mut Vec<Row>) {
    let key = |action| model.config.keymap.keys_of(action, Some(Place::List));
    heading(model, "What next?", rows);
    let near = strangers(model).count() as u64;
    let nearby = if near == 0 {
        "Nobody is near just now. Whoever opens Nexus on this network appears here.".to_owned()
    } else {
        format!(
            "{} nearby: choose one and press {}.",
            count(near, "person is", "people are"),
            key(A::Open)
        )
    };
    let steps = [
        nearby,
        format!("{}  invite somebody: a link and a QR code", key(A::Invite)),
        format!("{}  add a contact: their ConnectID or link", key(A::AddContact)),
        format!("{}  all keys", key(A::Help)),
    ];
    for step in steps {
        let wrapped = paragraph(&step, cells.saturating_sub(1), model.theme.text);
        for mut line in wrapped {
            line.spans.insert(0, Span::raw(" "));
            rows.push(Row { item: None, line });
        }
    }
}
