//! The search: what was found, and what was written around the selected result.

use nexus_node::api::MessageView;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

use super::windows::{around, field, part};
use super::{apart, boxed, lines, paragraph};
use crate::layout::blocks;
use crate::model::Model;
use crate::model::window::Search;
use crate::sanitize;
use crate::text::{truncate, width};

/// Rows of what was written around a result, its line above it with them,
const BESIDE: u16 = 4;
/// and from so many rows on they are shown: results come first.
const ROOM: u16 = 8;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, search: &Search) {
    let within = search.within.as_deref().and_then(|id| model.conversation(id));
    let title = match within {
        Some(conversation) => format!("Search in {}", sanitize::line(&conversation.name)),
        None => "Search everywhere".to_owned(),
    };
    let size = (area.width.saturating_sub(4).min(100), area.height.saturating_sub(4).min(30));
    let inner = boxed(model, frame, area, size, &title);
    field(model, frame, part(inner, 0, 1), &search.field, true);
    let cells = usize::from(inner.width);
    let mut body = part(inner, 1, inner.height.saturating_sub(1));
    if search.found.is_empty() {
        let typed = search.field.text().trim();
        let words = match typed.chars().count() {
            0 | 1 => "  Type words; beginnings of words match from three letters on.",
            _ if search.answered == typed => "  Nothing found.",
            _ => "  searching …",
        };
        return lines(frame, body, paragraph(words, cells, model.theme.dim));
    }
    if body.height >= ROOM {
        let top = body.height - BESIDE;
        lines(frame, part(body, top, BESIDE), beside(model, search, cells));
        body = part(body, 0, top);
    }
    let rows = results(model, search, cells);
    lines(frame, body, around(rows, search.selected * 2 + 1, usize::from(body.height)));
}

/// The results, two lines each.
fn results(model: &Model, search: &Search, cells: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for (at, message) in search.found.iter().enumerate() {
        let chosen = at == search.selected;
        let sign = if chosen { "▸ " } else { "  " };
        let place = model.conversation(&message.conversation).map(|c| sanitize::line(&c.name));
        let head = apart(
            Span::styled(format!("{sign}{}", model.name(&message.author)), model.theme.theirs),
            Span::styled(
                format!("{}  {}", place.unwrap_or_default(), model.now.brief(&message.time)),
                model.theme.dim,
            ),
            cells,
        );
        let snippet = message.snippet.as_deref().unwrap_or(&message.text);
        let text = truncate(&format!("    {}", sanitize::line(snippet)), cells);
        let text = marked(model, &text, &search.answered);
        let paint = |line: Line<'static>| {
            if chosen { line.patch_style(model.theme.selected) } else { line }
        };
        rows.push(paint(head));
        rows.push(paint(text));
    }
    rows
}

/// What was written before and after the selected result, a line each.
fn beside(model: &Model, search: &Search, cells: usize) -> Vec<Line<'static>> {
    let title = truncate("── before and after ", cells);
    let rest = "─".repeat(cells.saturating_sub(width(&title)));
    let mut shown = vec![Line::from(Span::styled(format!("{title}{rest}"), model.theme.dim))];
    let Some([before, hit, after]) = search.beside() else { return shown };
    let line = |sign: &str, message: Option<&MessageView>, none: &str, style| {
        let words = match message {
            Some(message) => {
                let (who, at) = (model.name(&message.author), model.now.clock(&message.time));
                let text = blocks::shown(message);
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                format!("{sign} {who} {at}  {text}")
            }
            None => format!("{sign} ({none})"),
        };
        Line::from(Span::styled(truncate(&words, cells), style))
    };
    let (dim, text) = (model.theme.dim, model.theme.text);
    shown.push(line(" ", before, "nothing before it", dim));
    shown.push(line("▸", hit, "gone meanwhile", text));
    shown.push(line(" ", after, "nothing after it", dim));
    shown
}

/// A text with the words that were searched for underlined.
fn marked(model: &Model, text: &str, query: &str) -> Line<'static> {
    let wanted: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let hit = model.theme.unread.add_modifier(Modifier::UNDERLINED);
    let span = |word: &str| {
        let lower = word.to_lowercase();
        let found = wanted.iter().any(|w| lower.starts_with(w.as_str()));
        Span::styled(word.to_owned(), if found { hit } else { model.theme.text })
    };
    text.split_word_bounds().map(span).collect::<Vec<_>>().into()
}
