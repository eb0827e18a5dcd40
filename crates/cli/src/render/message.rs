//! Messages as lines of text.

use nexus_node::api::{MessageState, MessageView};
use unicode_width::UnicodeWidthStr;

use super::{clock, day, message_state, short_id};
use crate::output::style::Style;
use crate::sanitize;

/// Shows messages one after the other, with a heading for each day.
#[derive(Debug)]
pub(crate) struct Pager {
    style: Style,
    me: String,
    last_day: Option<String>,
    width: usize,
}

impl Pager {
    /// For the eyes of `me` (a ConnectID).
    pub(crate) fn new(style: Style, me: &str) -> Self {
        Self { style, me: me.to_owned(), last_day: None, width: 0 }
    }

    /// Makes the names of these messages line up.
    pub(crate) fn fit(&mut self, rows: &[MessageView]) {
        let widest = rows.iter().map(|r| self.author(r).width()).max().unwrap_or(0);
        self.width = widest.min(20);
    }

    fn author(&self, row: &MessageView) -> String {
        super::author(row, &self.me)
    }

    /// The lines of one message, without the last line break.
    pub(crate) fn show(&mut self, row: &MessageView) -> String {
        let mut out = String::new();
        let today = day(&row.time);
        if self.last_day.as_ref() != Some(&today) {
            out.push_str(&self.style.dim(&format!("— {today} —")));
            out.push('\n');
            self.last_day = Some(today);
        }
        let author = self.author(row);
        let fill = " ".repeat(self.width.saturating_sub(author.width()));
        let head = format!("{}  {}  ", clock(&row.time), short_id(&row.entry_id));
        let indent = " ".repeat(head.width() + author.width() + fill.len() + 2);
        out.push_str(&self.style.dim(&head));
        out.push_str(&self.style.bold(&author));
        out.push_str(&fill);
        out.push_str("  ");
        out.push_str(&body(row).replace('\n', &format!("\n{indent}")));
        let notes = self.notes(row);
        if !notes.is_empty() {
            out.push_str("  ");
            out.push_str(&self.style.dim(&format!("[{}]", notes.join(", "))));
        }
        out
    }

    fn notes(&self, row: &MessageView) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(id) = &row.reply_to {
            notes.push(format!("answers {}", short_id(id)));
        }
        if row.edited {
            notes.push("edited".to_owned());
        }
        for reaction in &row.reactions {
            let count = if reaction.by.len() > 1 {
                format!(" {}", reaction.by.len())
            } else {
                String::new()
            };
            notes.push(format!("{}{count}", sanitize::line(&reaction.emoji)));
        }
        if row.author == self.me && row.kind != "timer" {
            notes.push(message_state(row.state).to_owned());
        } else if row.state == MessageState::Queued {
            notes.push("not stored yet".to_owned());
        }
        if let Some(time) = &row.expires {
            notes.push(format!("goes {}", super::when(time)));
        }
        for flag in &row.flags {
            notes.push(match flag.as_str() {
                "clock" => "their clock is far off".to_owned(),
                "fork" => "this device was copied".to_owned(),
                other => sanitize::line(other),
            });
        }
        notes
    }
}

/// What a message says, safe to show; several lines if it has them.
pub(crate) fn body(row: &MessageView) -> String {
    match row.kind.as_str() {
        "text" | "reply" => sanitize::block(&row.text),
        "retracted" => "(taken back)".to_owned(),
        "unreadable" => "(can't be read yet: its key is missing)".to_owned(),
        "file" => match &row.file {
            Some(file) => format!(
                "(file: {}, {}, {})",
                sanitize::line(&file.name),
                super::size(file.size),
                sanitize::line(&file.state)
            ),
            None => format!("(file: {})", sanitize::line(&row.text)),
        },
        "unknown" => "(needs a newer version of nexus)".to_owned(),
        _ if row.text.is_empty() => format!("({})", sanitize::line(&row.kind)),
        _ => format!("({}: {})", sanitize::line(&row.kind), sanitize::line(&row.text)),
    }
}

/// One line of a message, cut to what a line holds.
pub(crate) fn one_line(row: &MessageView) -> String {
    const MOST: usize = 120;
    let text = sanitize::line(&body(row));
    if text.chars().count() <= MOST {
        return text;
    }
    let cut: String = text.chars().take(MOST).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> MessageView {
        MessageView {
            entry_id: "3fa9c2d1aa".to_owned(),
            conversation: "c".to_owned(),
            author: "nx1qben".to_owned(),
            author_name: "Ben\u{7}".to_owned(),
            kind: "text".to_owned(),
            text: text.to_owned(),
            time: "2026-11-23T10:00:00.000Z".to_owned(),
            state: MessageState::Delivered,
            delivered_to: Vec::new(),
            read_by: Vec::new(),
            edited: true,
            reactions: Vec::new(),
            reply_to: None,
            file: None,
            snippet: None,
            expires: None,
            order: String::new(),
            flags: Vec::new(),
        }
    }

    #[test]
    fn a_message_can_neither_paint_nor_pretend_to_be_another_line() {
        let mut pager = Pager::new(Style { on: false }, "nx1qana");
        let shown = pager.show(&message("a\u{1b}[2J\n12:00  aaaaaaaa  me  b"));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 3, "a heading and two lines");
        assert!(lines[1].contains("Ben␇  a␛[2J"));
        assert!(lines[2].starts_with("                  "), "{:?}", lines[2]);
        assert!(shown.ends_with("[edited]"));
    }

    #[test]
    fn nobody_can_pass_for_me_by_their_name() {
        let mut pager = Pager::new(Style { on: false }, "nx1qana");
        for name in ["me", " ME", "mе"] {
            let shown = pager.show(&MessageView { author_name: name.to_owned(), ..message("a") });
            assert!(shown.contains("(nx1qben)"), "{shown}");
        }
        let mine = pager.show(&MessageView { author: "nx1qana".to_owned(), ..message("a") });
        assert!(mine.contains("  me  a"), "{mine}");
    }

    #[test]
    fn a_day_is_named_once() {
        let mut pager = Pager::new(Style { on: false }, "nx1qana");
        assert_eq!(pager.show(&message("a")).lines().count(), 2);
        assert_eq!(pager.show(&message("b")).lines().count(), 1);
    }
}
