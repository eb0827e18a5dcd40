//! What is new of somebody, of a message, in a conversation that is opened.

use nexus_node::api::{ContactState, MessageView};

use super::{lists, words};
use crate::model::Model;
use crate::model::chat::Chat;
use crate::sanitize;

/// Messages read out when a conversation is opened: those that are new, else the last ones.
const NEW: usize = 20;
const LAST: usize = 3;

/// What is known of somebody.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Known {
    pub(super) state: Option<ContactState>,
    pub(super) path: Option<String>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn news_of(name: &str, before: &Known, now: &Known) -> Vec<String> {
    use ContactState as C;
    let mut told = Vec::new();
    match (before.state, now.state) {
        (Some(C::Requested), Some(C::Accepted)) => {
            told.push(format!("{name} accepted your request."))
        }
        (None, Some(C::Accepted)) => told.push(format!("{name} is a contact now.")),
        _ => {}
    }
    if before.path != now.path {
        told.push(match &now.path {
            Some(path) => format!("{name} is online by {path}."),
            None => format!("{name} is away."),
        });
    }
    let new = now.warnings.iter().filter(|w| !before.warnings.contains(w));
    told.extend(new.map(|w| format!("Careful, {name}: {}", sanitize::line(w))));
    told
}

/// An edit, a message taken back, a reaction, what could not be read before.
pub(super) fn changed(model: &Model, message: &MessageView) -> Vec<String> {
    let chat = model.chats.get(&message.conversation);
    let Some(before) = chat.and_then(|c| c.get(&message.entry_id)) else { return Vec::new() };
    let author = words::begun(&words::who(model, &message.author));
    let mine = message.author == model.my_id();
    if before.kind == message.kind && before.text == message.text {
        let new = message.reactions.iter().flat_map(|r| r.by.iter().map(move |by| (&r.emoji, by)));
        let known = |emoji: &str, by: &str| {
            before.reactions.iter().any(|r| r.emoji == emoji && r.by.iter().any(|b| b == by))
        };
        return new
            .filter(|(emoji, by)| !known(emoji, by))
            .map(|(emoji, by)| {
                let by = words::begun(&words::who(model, by));
                let emoji = sanitize::line(emoji);
                format!("{by} put {emoji} to: {}", words::excerpt(message))
            })
            .collect();
    }
    match message.kind.as_str() {
        "retracted" => vec![format!("{author} took a message back: {}", words::excerpt(before))],
        // What I change myself is confirmed anyway.
        "text" if before.kind == "text" && mine => Vec::new(),
        "text" if before.kind == "text" => {
            let mut told = vec![format!("{author} edited: {}", words::excerpt(before))];
            told.extend(words::message(model, chat, message));
            told
        }
        _ => words::message(model, chat, message),
    }
}

pub(super) fn opening(model: &Model, chat: &Chat) -> Vec<String> {
    let mut told = Vec::new();
    let Some(talk) = model.conversation(&chat.id) else { return told };
    told.push(format!("With {}, {}.", words::with(model, talk), words::online(model, talk)));
    let all = chat.messages.len();
    let new = chat.unread_from.as_deref().and_then(|entry| chat.index(entry));
    match new {
        _ if chat.selected.is_some() => {}
        Some(from) => {
            told.push("New messages:".to_owned());
            told.extend(lists::messages(model, chat, from, from + NEW, false));
            if chat.newer || from + NEW < all {
                told.push("There are more: /more reads on.".to_owned());
            }
        }
        None if all == 0 => told.push("Nothing is written here yet.".to_owned()),
        None => told.extend(lists::messages(model, chat, all.saturating_sub(LAST), all, false)),
    }
    told.extend(lists::draft(chat));
    told
}

/// Where reading on begins after a conversation was opened.
#[must_use]
pub(crate) fn told_at_opening(chat: &Chat) -> Option<String> {
    let from = chat.unread_from.as_deref().and_then(|entry| chat.index(entry))?;
    let last = (from + NEW).min(chat.messages.len()).checked_sub(1)?;
    chat.messages.get(last).map(|m| m.entry_id.clone())
}
