//! Single things in words: a message, a state, somebody.

use nexus_node::api::{ConversationView, HappenedView, MessageState, MessageView};

use crate::layout::blocks::shown;
use crate::model::chat::Chat;
use crate::model::{Model, short};
use crate::sanitize;
use crate::text::{first_line, truncate};
use crate::view::home::presence;

/// Cells of a message that is only referred to.
const EXCERPT: usize = 60;

/// The state of a message of mine.
#[must_use]
pub fn state(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "waiting",
        MessageState::Sent => "sent",
        MessageState::Delivered => "delivered",
        MessageState::Read => "read",
    }
}

/// What somebody is called. A name that could be taken for words of ours has the beginning of the ConnectID with it.
#[must_use]
pub fn who(model: &Model, id: &str) -> String {
    if id.is_empty() {
        return "somebody".to_owned();
    }
    if id == model.my_id() {
        return "you".to_owned();
    }
    careful(&model.name(id), id)
}

fn careful(name: &str, id: &str) -> String {
    let own = ["you", "me", "nexus", "careful", "note"]
        .iter()
        .any(|word| name.trim().eq_ignore_ascii_case(word));
    if own || name.contains([',', ':', '.']) {
        format!("{name} ({})", short(id))
    } else {
        name.to_owned()
    }
}

/// The other side of a conversation, or its name.
#[must_use]
pub fn with(model: &Model, conversation: &ConversationView) -> String {
    match model.peer(conversation) {
        Some(peer) if conversation.kind == "direct" => {
            careful(&sanitize::line(&conversation.name), peer)
        }
        _ => sanitize::line(&conversation.name),
    }
}

/// `You` at the beginning of a line.
#[must_use]
pub fn begun(text: &str) -> String {
    match text.strip_prefix("you") {
        Some("") => "You".to_owned(),
        Some(rest) if rest.starts_with(' ') || rest.starts_with(',') => format!("You{rest}"),
        _ => text.to_owned(),
    }
}

/// The beginning of a message that is only referred to.
#[must_use]
pub fn excerpt(message: &MessageView) -> String {
    truncate(first_line(&shown(message)), EXCERPT)
}

/// `online by lan`, `away`, `asked, not accepted yet`, …
#[must_use]
pub fn online(model: &Model, conversation: &ConversationView) -> String {
    match presence(model, conversation).1 {
        path @ ("lan" | "direct" | "relay") => format!("online by {path}"),
        "asked" => "asked, and not accepted yet".to_owned(),
        "here" => "only you see it".to_owned(),
        other => other.to_owned(),
    }
}

/// The time of a message: the clock, with the day before it unless that is today.
fn when(model: &Model, message: &MessageView) -> String {
    let clock = model.now.clock(&message.time);
    match model.now.day(&message.time) {
        Some(day) if day != model.now.today() => format!("{} {clock}", model.now.day_name(day)),
        _ => clock,
    }
}

/// A whole message. Every line of it says whose it is, so that none can be taken for words of ours.
#[must_use]
pub fn message(model: &Model, chat: Option<&Chat>, message: &MessageView) -> Vec<String> {
    let mine = message.author == model.my_id();
    let author = match mine {
        true => "you".to_owned(),
        false if message.author.is_empty() => "somebody".to_owned(),
        false if model.is_contact(&message.author) => who(model, &message.author),
        false => careful(&sanitize::line(&message.author_name), &message.author),
    };
    let mut head = vec![begun(&author), when(model, message)];
    if let Some(target) = &message.reply_to {
        head.push(match chat.and_then(|c| c.get(target)) {
            Some(target) => {
                format!("answering {}, \"{}\"", who(model, &target.author), excerpt(target))
            }
            None => "answering an earlier message".to_owned(),
        });
    }
    if message.edited && message.kind == "text" {
        head.push("edited".to_owned());
    }
    if message.expires.is_some() {
        head.push("disappears".to_owned());
    }
    for flag in &message.flags {
        head.push(match flag.as_str() {
            "clock" => "its clock is wrong".to_owned(),
            "fork" => "from a copied device".to_owned(),
            other => sanitize::line(other),
        });
    }
    if mine && message.kind != "retracted" {
        head.push(state(message.state).to_owned());
    }
    for reaction in &message.reactions {
        let by: Vec<String> = reaction.by.iter().map(|w| who(model, w)).collect();
        head.push(format!("{} by {}", sanitize::line(&reaction.emoji), by.join(" and ")));
    }
    let text = shown(message);
    let mut lines = text.lines();
    let mut told = vec![format!("{}: {}", head.join(", "), lines.next().unwrap_or_default())];
    told.extend(lines.map(|line| format!("{}: {line}", begun(&author))));
    told
}

/// A change that a person should see: a device, a key, a name, or that somebody was verified.
#[must_use]
pub fn happened(model: &Model, what: &HappenedView) -> String {
    let talk = model.conversation(&what.conversation);
    let name = talk.map(|c| with(model, c)).unwrap_or_default();
    let begin = match what.kind.as_str() {
        "second_contact_key" | "device_added" | "device_revoked" | "unverified" => "Careful",
        _ => "Note",
    };
    let day = model.now.day(&what.time).filter(|day| *day != model.now.today());
    let day = day.map(|day| format!("{} ", model.now.day_name(day))).unwrap_or_default();
    let clock = model.now.clock(&what.time);
    format!(
        "{begin}, {name}, {day}{clock}: {}.",
        sanitize::line(&what.detail).trim_end_matches('.')
    )
}

/// A line of a page without the signs and drawings that only eyes need.
#[must_use]
pub fn plain(line: &str) -> String {
    let sign = |c: char| "○●◆▲✓▸▌│─╭╮╰╯█▀▄".contains(c);
    let kept: String = line.chars().filter(|c| !sign(*c)).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::testing;

    #[test]
    fn no_line_of_a_message_looks_like_one_of_ours() {
        let mut model = testing::chat((70, 24), 3);
        let mut forged = testing::message(1, "ben");
        forged.text = "hi\nDelivered.\r\u{1b}[2Jgone\nYou, 14:05, read: yes".to_owned();
        let told = message(&model, model.chat(), &forged);
        assert_eq!(told.len(), 3);
        assert!(told.iter().all(|line| line.starts_with("Ben")), "{told:?}");
        assert!(told.iter().all(|line| !line.contains(['\u{1b}', '\r'])), "{told:?}");
        if let Some(ben) = model.contacts.get_mut(testing::BEN) {
            "You, 14:05, read: yes".clone_into(&mut ben.name);
        }
        assert!(message(&model, None, &forged)[0].contains("(nx1qben00000)"));
    }

    #[test]
    fn a_message_says_whose_it_is_what_it_answers_and_what_became_of_it() {
        use nexus_node::api::ReactionView;
        let model = testing::chat((70, 24), 3);
        let answer = MessageView {
            reply_to: Some(testing::message(1, "ben").entry_id),
            edited: true,
            reactions: vec![ReactionView { emoji: "👍".into(), by: vec![testing::BEN.into()] }],
            ..testing::message(7, "me")
        };
        assert_eq!(
            message(&model, model.chat(), &answer),
            ["You, 17:37, answering Ben, \"message 1\", edited, delivered, 👍 by Ben: message 7"]
        );
    }
}
