//! Several things in lines: everything that can be opened, the messages of a conversation, the help.

use nexus_node::api::{ContactState, MessageView};

use super::words;
use crate::keymap::Action;
use crate::layout::blocks::shown;
use crate::model::Model;
use crate::model::chat::Chat;
use crate::model::home::Item;
use crate::model::window::Search;
use crate::sanitize;
use crate::text::{count, first_line, truncate};
use crate::view;

/// Cells of the last message of a conversation in a list.
const LAST: usize = 60;

/// Who I am, and whether and how I am online.
#[must_use]
pub fn me(model: &Model) -> String {
    let name = model.me.as_ref().map(|me| sanitize::line(&me.name)).unwrap_or_default();
    format!("You are {name}, {}.", view::online(model))
}

/// These, each with its number.
#[must_use]
pub fn items(model: &Model, items: &[Item]) -> Vec<String> {
    let numbered = |(at, item): (usize, &Item)| format!("{}: {}", at + 1, self::item(model, item));
    items.iter().enumerate().map(numbered).collect()
}

/// One thing of the list.
#[must_use]
pub fn item(model: &Model, item: &Item) -> String {
    match item {
        Item::Request(id) => request(model, id),
        Item::Nearby(id) => format!("{} is nearby and no contact. /ask", words::who(model, id)),
        Item::Conversation(id) => {
            let Some(talk) = model.conversation(id) else { return String::new() };
            let mut parts = vec![words::with(model, talk), words::online(model, talk)];
            if talk.unread > 0 {
                parts.push(format!("{} new", talk.unread));
            }
            if model.is_muted(talk) {
                parts.push("muted".to_owned());
            }
            let last = talk.last_text.as_deref().map(|text| {
                let time = talk.last_time.as_deref().map(|t| model.now.brief(t));
                let text = truncate(&sanitize::line(first_line(text)), LAST);
                format!(". Last, {}: {text}", time.unwrap_or_default())
            });
            format!("{}{}", parts.join(", "), last.unwrap_or_default())
        }
    }
}

/// Somebody who asks, and what can be done.
#[must_use]
pub fn request(model: &Model, id: &str) -> String {
    let request = model.requests.iter().find(|r| r.connect_id == id);
    let said = request.and_then(|r| r.message.as_deref()).filter(|m| !m.trim().is_empty());
    let said = said.map(|m| format!(", with these words: \"{}\"", sanitize::line(m)));
    format!(
        "{} asks to be a contact{}. /accept, /decline or /block",
        words::who(model, id),
        said.unwrap_or_default()
    )
}

/// What to do where there is nothing yet.
#[must_use]
pub fn next_steps() -> Vec<String> {
    vec![
        "There is no conversation yet. Whoever opens Nexus on this network appears here as nearby."
            .to_owned(),
        "/invite makes a link for somebody, /add asks somebody by ConnectID or link.".to_owned(),
    ]
}

/// The contacts.
#[must_use]
pub fn contacts(model: &Model) -> Vec<String> {
    let word = |state| match state {
        ContactState::Requested => "asked, and not accepted yet",
        ContactState::Blocked => "blocked",
        _ => "a contact",
    };
    let one = |(id, contact): (&String, &nexus_node::api::ContactView)| {
        let path = model.path(id).map_or("away".to_owned(), |path| format!("online by {path}"));
        let verified = if contact.verified { ", verified" } else { "" };
        format!("{}: {}, {path}{verified}", words::who(model, id), word(contact.state))
    };
    model.contacts.iter().map(one).collect()
}

/// Messages of a conversation, each with its number when it is to be chosen by that: 1 is the newest.
#[must_use]
pub fn messages(model: &Model, chat: &Chat, from: usize, to: usize, numbers: bool) -> Vec<String> {
    let all = chat.messages.len();
    let some = chat.messages.get(from..to.min(all)).unwrap_or_default();
    let order = |at: usize| chat.messages.get(at).map(|m| m.order.as_str());
    let one = |(at, message): (usize, &MessageView)| {
        let at = from + at;
        let before = at.checked_sub(1).and_then(order);
        let mut told = match before.is_some() || !chat.older {
            true => happened(model, chat, before, order(at)),
            false => Vec::new(),
        };
        let mut lines = words::message(model, Some(chat), message);
        if let (Some(first), true) = (lines.first_mut(), numbers && !chat.newer) {
            *first = format!("#{} {first}", all - at);
        }
        told.append(&mut lines);
        if at + 1 == all && !chat.newer {
            told.append(&mut happened(model, chat, order(at), None));
        }
        told
    };
    some.iter().enumerate().flat_map(one).collect()
}

/// What stands between two messages besides what was written. Times apart are told as they end.
fn happened(model: &Model, chat: &Chat, before: Option<&str>, after: Option<&str>) -> Vec<String> {
    let all = chat.happened_between(before, after).filter(|h| h.kind != "merge");
    all.map(|what| words::happened(model, what)).collect()
}

/// The draft of a conversation.
#[must_use]
pub fn draft(chat: &Chat) -> Option<String> {
    let text = chat.composer.text();
    if text.trim().is_empty() {
        return None;
    }
    let before = text.get(..chat.composer.cursor()).unwrap_or_default();
    let cursor = match before.len() == text.len() {
        true => String::new(),
        false => format!(", the cursor after \"{}\"", sanitize::line(before)),
    };
    Some(format!("Draft: \"{}\"{cursor}. /send sends it.", sanitize::line(text)))
}

/// What was found, each with its number.
#[must_use]
pub fn found(model: &Model, found: &[MessageView]) -> Vec<String> {
    let one = |(at, message): (usize, &MessageView)| {
        let place = model.conversation(&message.conversation).map(|c| words::with(model, c));
        let text = message.snippet.clone().unwrap_or_else(|| shown(message));
        format!(
            "{}: {}, in {}, {}: {}",
            at + 1,
            words::begun(&words::who(model, &message.author)),
            place.unwrap_or_default(),
            model.now.brief(&message.time),
            sanitize::line(&text)
        )
    };
    found.iter().enumerate().map(one).collect()
}

/// A result of the search with the message before it and the one after it; `None` until they are known.
#[must_use]
pub fn beside(model: &Model, search: &Search) -> Option<Vec<String>> {
    let [before, hit, after] = search.beside()?;
    let chat = model.chats.get(&search.found.get(search.selected)?.conversation);
    let mut told = Vec::new();
    let parts =
        [(before, "Nothing before it."), (hit, "It is gone."), (after, "Nothing after it.")];
    for (message, none) in parts {
        match message {
            Some(message) => told.extend(words::message(model, chat, message)),
            None => told.push(none.to_owned()),
        }
    }
    let number = search.selected + 1;
    told.push(format!(
        "{number} goes there; /around alone reads the results again, /back leaves off."
    ));
    Some(told)
}

/// Words that are no actions of the key map: name, what comes after it, what it does.
pub const WORDS: &[(&str, &str, &str)] = &[
    ("list", "", "read out requests, conversations and people nearby, with numbers"),
    ("open", "NAME or number", "open a conversation, and read what is new in it"),
    ("close", "", "leave the conversation; nothing in it counts as read any more"),
    ("read", "COUNT", "read the newest messages of the conversation, with numbers"),
    ("more", "", "read on"),
    ("requests", "", "read out who asks to be a contact"),
    ("nearby", "", "read out who is nearby and no contact"),
    ("contacts", "", "read out the contacts"),
    ("ask", "NAME or number", "ask somebody nearby to become a contact"),
    ("add", "WHO words", "ask somebody by ConnectID or invite link"),
    ("around", "NUMBER", "read out what was written before and after a result of the search"),
    ("status", "", "say whether you are online, and how"),
    ("draft", "TEXT", "keep a text without sending it; without TEXT, read it out"),
    ("paste", "", "take all lines up to one that is only a dot as one message"),
    ("yes", "", "answer a question"),
    ("no", "", "answer a question"),
];

/// All that can be typed.
#[must_use]
pub fn help() -> Vec<String> {
    let mut told = vec![
        "What you type goes to the open conversation. What begins with a slash is a command; a message that begins with one is typed with two.".to_owned(),
        "/reply, /edit, /retract, /react, /why and /copy mean the newest message that fits, or the one that /up, /down or /search chose, or with #3 the third from the end: /reply #3 I agree.".to_owned(),
    ];
    for (name, after, does) in WORDS {
        let after = if after.is_empty() { String::new() } else { format!(" {after}") };
        told.push(format!("/{name}{after}: {does}"));
    }
    let known = |name: &str| WORDS.iter().any(|(word, _, _)| *word == name);
    let actions = Action::ALL.iter().filter(|a| !known(a.name()));
    told.extend(actions.map(|a| format!("/{}: {}", a.name(), a.help())));
    told
}

/// `2 messages arrived while you were apart.`
#[must_use]
pub fn merged(model: &Model, conversation: &str, number: u64) -> String {
    let name = model.conversation(conversation).map(|c| words::with(model, c)).unwrap_or_default();
    let messages = count(number, "message", "messages");
    format!("{messages} arrived while you and {name} were apart.")
}
