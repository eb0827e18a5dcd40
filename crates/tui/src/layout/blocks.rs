//! One message as lines: separators above it, its head, what it answers, its text, reactions, its state.

use jiff::Timestamp;
use nexus_node::api::{HappenedView, MessageState, MessageView};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::model::Model;
use crate::model::chat::Chat;
use crate::sanitize;
use crate::text::{count, first_line, fit, truncate, width, wrapped};

/// Messages of one author this near to each other share a head.
const TOGETHER: i64 = 5 * 60;
/// Cells left of every text.
pub const MARGIN: usize = 2;
/// Lines shown of one message at most; the rest is for `$EDITOR` and the clipboard.
const LONGEST: usize = 400;

/// The lines of the message at `index`, in a pane of so many cells.
#[must_use]
pub fn block(model: &Model, chat: &Chat, index: usize, cells: usize) -> Vec<Line<'static>> {
    let Some(message) = chat.messages.get(index) else { return Vec::new() };
    let previous = index.checked_sub(1).and_then(|i| chat.messages.get(i));
    let mut lines = Vec::new();
    let separated = separators(model, chat, message, previous, cells, &mut lines);
    let selected = chat.selected.as_deref() == Some(message.entry_id.as_str());
    let grouped = !separated && previous.is_some_and(|p| together(p, message));
    let mine = message.author == model.my_id();
    if !grouped {
        if !separated && previous.is_some() {
            lines.push(Line::default());
        }
        lines.push(head(model, message, mine, selected));
    }
    // One cell at the right stays free, one is the pane's border.
    let text = cells.saturating_sub(MARGIN + 2).max(4);
    let mut body = Vec::new();
    quote(model, chat, message, text, &mut body);
    let style = if message.kind == "text" { model.theme.text } else { model.theme.dim };
    let mut rows = wrapped(&shown(message), text);
    if rows.len() > LONGEST {
        let more = rows.len() - LONGEST;
        rows.truncate(LONGEST);
        rows.push(format!("… {} more: `copy` takes them all", count(more as u64, "line", "lines")));
    }
    body.extend(rows.into_iter().map(|row| Line::from(Span::styled(row, style))));
    if !message.reactions.is_empty() {
        body.push(reactions(model, message, text));
    }
    note(model, message, mine, grouped, text, &mut body);
    for line in body {
        lines.push(margin(model, line, selected));
    }
    if index + 1 == chat.messages.len() && !chat.newer {
        for what in chat.happened_between(Some(&message.order), None) {
            happened(model, what, cells, &mut lines);
        }
    }
    lines
}

/// A line with the margin, which tells whether the message is selected.
fn margin(model: &Model, line: Line<'static>, selected: bool) -> Line<'static> {
    let sign = if selected { Span::styled("▌ ", model.theme.focus) } else { Span::raw("  ") };
    let mut spans = vec![sign];
    spans.extend(line.spans);
    let line = Line::from(spans);
    if selected { line.patch_style(Style::new().bg(background(model))) } else { line }
}

fn background(model: &Model) -> ratatui::style::Color {
    model.theme.marked.bg.unwrap_or(ratatui::style::Color::Reset)
}

/// Day, unread line, merge marker. Tells whether there was any.
fn separators(
    model: &Model,
    chat: &Chat,
    message: &MessageView,
    previous: Option<&MessageView>,
    cells: usize,
    lines: &mut Vec<Line<'static>>,
) -> bool {
    let before = lines.len();
    let day = model.now.day(&message.time);
    let new_day = match previous {
        Some(previous) => day != model.now.day(&previous.time),
        None => !chat.older,
    };
    if let (Some(day), true) = (day, new_day) {
        lines.push(rule(&model.now.day_name(day), cells, model.theme.dim));
    }
    if previous.is_some() || !chat.older {
        let order = previous.map(|p| p.order.as_str());
        for what in chat.happened_between(order, Some(&message.order)) {
            happened(model, what, cells, lines);
        }
    }
    if chat.unread_from.as_deref() == Some(message.entry_id.as_str()) {
        lines.push(rule("new messages from here", cells, model.theme.unread));
    }
    lines.len() > before
}

/// What happened besides what was written: a marker of a time apart, or a change that a person should see.
fn happened(model: &Model, what: &HappenedView, cells: usize, lines: &mut Vec<Line<'static>>) {
    let words = sanitize::line(&what.detail);
    if what.kind == "merge" {
        return lines.push(rule(&words, cells, model.theme.theirs));
    }
    let (sign, style) = match what.kind.as_str() {
        "second_contact_key" => ("!", model.theme.bad),
        "device_added" | "device_revoked" | "unverified" => ("!", model.theme.unread),
        "verified" => ("✓", model.theme.good),
        _ => ("·", model.theme.dim),
    };
    let words = format!("{sign} {words} ({})", model.now.clock(&what.time));
    let rows = wrapped(&words, cells.saturating_sub(MARGIN + 2).max(4));
    lines.extend(rows.into_iter().map(|r| Line::from(Span::styled(format!("  {r}"), style))));
}

/// `──── Today ────`
fn rule(words: &str, cells: usize, style: Style) -> Line<'static> {
    let words = truncate(&format!(" {words} "), cells.saturating_sub(2));
    let rest = cells.saturating_sub(width(&words) + 1);
    let left = rest / 2;
    Line::from(Span::styled(
        format!("{}{words}{}", "─".repeat(left), "─".repeat(rest - left)),
        style,
    ))
}

fn together(previous: &MessageView, message: &MessageView) -> bool {
    let at = |m: &MessageView| m.time.parse::<Timestamp>().map(|t| t.as_second()).unwrap_or(0);
    previous.author == message.author && (at(message) - at(previous)).abs() < TOGETHER
}

fn head(model: &Model, message: &MessageView, mine: bool, selected: bool) -> Line<'static> {
    let style = if mine { model.theme.mine } else { model.theme.theirs };
    let name = match mine {
        true => "You".to_owned(),
        false if message.author.is_empty() => "Somebody".to_owned(),
        false => sanitize::line(&message.author_name),
    };
    let sign = if selected { "▌ " } else { "  " };
    Line::from(vec![
        Span::styled(sign, model.theme.focus),
        Span::styled(name, style),
        Span::styled(format!("  {}", model.now.clock(&message.time)), model.theme.dim),
    ])
}

/// What a message answers, in one line.
fn quote(
    model: &Model,
    chat: &Chat,
    message: &MessageView,
    cells: usize,
    lines: &mut Vec<Line<'static>>,
) {
    let Some(target) = &message.reply_to else { return };
    let words = match chat.get(target) {
        Some(target) => {
            let who = model.name(&target.author);
            format!("│ {who}: {}", first_line(&shown(target)))
        }
        None => "│ an earlier message".to_owned(),
    };
    lines.push(Line::from(Span::styled(truncate(&words, cells), model.theme.dim)));
}

/// The text of a message, or what stands for it; safe to show.
#[must_use]
pub fn shown(message: &MessageView) -> String {
    match message.kind.as_str() {
        "text" => sanitize::block(&message.text),
        "retracted" => "(taken back)".to_owned(),
        "unreadable" => "(can't be read yet: its key has not arrived)".to_owned(),
        "unknown" => "(something that this version does not know: a newer one shows it)".to_owned(),
        "file" => message.file.as_ref().map_or_else(
            || format!("(file: {})", sanitize::line(&message.text)),
            crate::files::line,
        ),
        "timer" => {
            let seconds = message.text.strip_prefix("messages disappear after ");
            let seconds = seconds.and_then(|s| s.strip_suffix(" s")?.parse().ok());
            match seconds {
                Some(s) => format!("(messages disappear after {})", crate::time::span(s)),
                None => format!("({})", sanitize::line(&message.text)),
            }
        }
        kind if message.text.is_empty() => format!("({})", sanitize::line(kind)),
        _ => format!("({})", sanitize::line(&message.text)),
    }
}

fn reactions(model: &Model, message: &MessageView, cells: usize) -> Line<'static> {
    let one = |reaction: &nexus_node::api::ReactionView| {
        let who: Vec<String> = reaction.by.iter().map(|who| model.name(who)).collect();
        format!("{} {}", sanitize::line(&reaction.emoji), who.join(", "))
    };
    let all: Vec<String> = message.reactions.iter().map(one).collect();
    Line::from(Span::styled(truncate(&all.join("  ·  "), cells), model.theme.dim))
}

/// The state of a message of mine: a sign and a word.
#[must_use]
pub fn state(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "· waiting",
        MessageState::Sent => "→ sent",
        MessageState::Delivered => "✓ delivered",
        MessageState::Read => "✓✓ read",
    }
}

/// Time, marks and state, at the right of the last line where there is room.
fn note(
    model: &Model,
    message: &MessageView,
    mine: bool,
    grouped: bool,
    cells: usize,
    lines: &mut Vec<Line<'static>>,
) {
    let mut notes: Vec<String> = Vec::new();
    if message.edited && message.kind == "text" {
        notes.push("edited".to_owned());
    }
    for flag in &message.flags {
        notes.push(match flag.as_str() {
            "clock" => "its clock is wrong".to_owned(),
            "fork" => "from a copied device".to_owned(),
            other => sanitize::line(other),
        });
    }
    if message.expires.is_some() {
        notes.push("disappears".to_owned());
    }
    if grouped {
        notes.push(model.now.clock(&message.time));
    }
    if mine && message.kind != "retracted" {
        notes.push(state(message.state).to_owned());
    }
    if notes.is_empty() {
        return;
    }
    let note = truncate(&notes.join("  "), cells);
    let style = if mine && message.state == MessageState::Queued {
        model.theme.unread
    } else {
        model.theme.dim
    };
    let used = lines.last().map_or(0, Line::width);
    let room = cells.saturating_sub(used);
    if room > width(&note) + 1
        && let Some(last) = lines.last_mut()
    {
        last.push_span(Span::raw(fit("", room - width(&note))));
        last.push_span(Span::styled(note, style));
    } else {
        let left = cells.saturating_sub(width(&note));
        lines.push(Line::from(vec![Span::raw(fit("", left)), Span::styled(note, style)]));
    }
}
