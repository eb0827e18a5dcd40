//! The open conversation by typed lines: writing, reading on, and what is done with a message.

use super::{state, tell};
use crate::keymap::{Action as A, Place};
use crate::message::Load;
use crate::model::chat::{Anchor, Chat, Writing};
use crate::model::{Focus, Model};
use crate::spoken::{lists, place, told_at_opening};
use crate::update::{act, compose, conversation};

/// Messages read at a time.
const PAGE: usize = 10;

/// Nothing is open that could be written into.
pub(super) fn nothing_open(model: &mut Model) {
    model.complain("No conversation is open: /open NAME opens one, /list reads out what there is.");
}

/// Sends a text into the open conversation. A draft that stands there stays.
pub(super) fn send(model: &mut Model, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    if place(model) == Place::List {
        return nothing_open(model);
    }
    conversation::act(model, A::Write);
    let Some(chat) = model.chat_mut() else { return };
    let draft = match chat.writing {
        Writing::Edit(_) => String::new(),
        _ => chat.composer.text().to_owned(),
    };
    chat.composer.set(text);
    compose::act(model, A::Send);
    if let Some(chat) = model.chat_mut()
        && chat.composer.is_empty()
    {
        chat.composer.set(&draft);
    }
}

/// Keeps a text as a draft, or reads out the one that is kept.
pub(super) fn draft(model: &mut Model, text: &str) {
    if place(model) == Place::List {
        return nothing_open(model);
    }
    if let (Some(chat), false) = (model.chat_mut(), text.is_empty()) {
        chat.composer.replace_all(text);
    }
    tell_draft(model);
}

fn tell_draft(model: &mut Model) {
    let draft = model.chat().and_then(lists::draft);
    tell(model, vec![draft.unwrap_or_else(|| "There is no draft.".to_owned())]);
}

/// An action on the text that is being written.
pub(super) fn write(model: &mut Model, action: A) {
    if model.open.is_none() {
        return nothing_open(model);
    }
    conversation::act(model, A::Write);
    let empty = model.chat().is_none_or(|chat| chat.composer.text().trim().is_empty());
    match action {
        A::Write => return tell(model, vec!["What you type is sent.".to_owned()]),
        A::Send if empty => {}
        A::Send | A::Editor => return act::act(model, Place::Composer, action),
        _ => {}
    }
    compose::act(model, action);
    tell_draft(model);
}

/// Reads out the newest messages.
pub(super) fn read(model: &mut Model, count: &str) {
    let Some(chat) = model.chat().filter(|_| place(model) != Place::List) else {
        return nothing_open(model);
    };
    if chat.newer {
        let id = chat.id.clone();
        conversation::load(model, &id, Load::Newest);
        return model.say("Going to the newest messages: /read again.");
    }
    let count = count.parse().unwrap_or(PAGE);
    let all = chat.messages.len();
    let mut lines = lists::messages(model, chat, all.saturating_sub(count), all, true);
    if lines.is_empty() {
        lines.push("Nothing is written here yet.".to_owned());
    }
    told_to(model, all.saturating_sub(1));
    tell(model, lines);
}

/// Notes that everything up to this message was told. At the end it counts as read.
fn told_to(model: &mut Model, last: usize) {
    let Some(chat) = model.chat() else { return };
    let entry = chat.messages.get(last).map(|m| m.entry_id.clone());
    let end = last + 1 >= chat.messages.len() && !chat.newer;
    state(model).told = entry;
    if let Some(chat) = model.chat_mut()
        && end
    {
        chat.anchor = Anchor::Bottom;
    }
}

/// Where reading goes on: after the message that was chosen, else after what was told.
fn told(model: &Model, chat: &Chat) -> Option<usize> {
    let kept = model.linear.as_ref().and_then(|l| l.told.as_deref());
    let at = |entry: Option<&str>| entry.and_then(|entry| chat.index(entry));
    at(chat.selected.as_deref())
        .or_else(|| at(kept))
        .or_else(|| at(told_at_opening(chat).as_deref()))
}

/// Reads on.
pub(super) fn more(model: &mut Model) {
    let Some(chat) = model.chat().filter(|_| place(model) != Place::List) else {
        return nothing_open(model);
    };
    let all = chat.messages.len();
    let from = told(model, chat).map_or(all, |at| at + 1);
    if from >= all {
        let newer = chat.newer;
        let id = chat.id.clone();
        if newer {
            conversation::load(model, &id, Load::Newer);
            return model.say("More is being read: /more again.");
        }
        told_to(model, all.saturating_sub(1));
        return tell(model, vec!["That was all.".to_owned()]);
    }
    let to = (from + PAGE).min(all);
    let mut lines = lists::messages(model, chat, from, to, true);
    if to < all || chat.newer {
        lines.push("/more reads on.".to_owned());
    }
    if let Some(chat) = model.chat_mut() {
        chat.selected = None;
    }
    told_to(model, to.saturating_sub(1));
    tell(model, lines);
}

/// Reads out what stands before the message that was chosen, or before the last ones.
pub(super) fn earlier(model: &mut Model) {
    let Some(chat) = model.chat() else { return };
    let all = chat.messages.len();
    let end = chat.selected.as_deref().and_then(|s| chat.index(s)).unwrap_or(all);
    let from = end.saturating_sub(PAGE);
    let mut lines = lists::messages(model, chat, from, end, true);
    match (end, chat.older) {
        (0, true) => lines.push("Earlier messages are being read: /page-up again.".to_owned()),
        (0, false) => lines.push("This is the beginning.".to_owned()),
        _ => {}
    }
    if end > 0 {
        // Choosing the first of them brings what stands before it near.
        conversation::select(model, from);
        model.focus = Focus::Messages;
    }
    tell(model, lines);
}

/// The message that is meant: `#3` from the end, else the one that was chosen, else the newest that fits.
fn meant(model: &mut Model, action: A, number: Option<usize>) -> bool {
    let me = model.my_id().to_owned();
    let Some(chat) = model.chat_mut() else { return false };
    let all = chat.messages.len();
    let fits = |mine: bool| {
        chat.messages.iter().rposition(|m| (m.author == me) == mine && m.kind == "text")
    };
    let at = match (number, &chat.selected) {
        (Some(number), _) if !chat.newer => all.checked_sub(number),
        (Some(_), _) => None,
        (None, Some(chosen)) => chat.index(chosen),
        (None, None) => match action {
            A::Edit | A::Retract | A::Why => fits(true),
            A::Reply | A::React => fits(false).or_else(|| fits(true)),
            _ => all.checked_sub(1),
        },
    };
    let entry = at.and_then(|at| chat.messages.get(at)).map(|m| m.entry_id.clone());
    let found = entry.is_some();
    chat.selected = entry.or_else(|| chat.selected.clone());
    found
}

/// An action on a message, and what comes after its name.
pub(super) fn on_message(model: &mut Model, action: A, rest: &str) {
    if place(model) == Place::List {
        return nothing_open(model);
    }
    let first = rest.split_whitespace().next().unwrap_or_default();
    let number = first.strip_prefix('#').and_then(|n| n.parse().ok());
    let rest = if number.is_some() { rest.trim_start_matches(first).trim_start() } else { rest };
    let before = model.chat().and_then(|c| c.selected.clone());
    if !meant(model, action, number) {
        return model
            .complain("There is no such message: /read reads the newest with their numbers.");
    }
    model.focus = Focus::Messages;
    act::act(model, Place::Messages, action);
    super::choose::feed(model, rest);
    let writes = model.chat().is_some_and(|c| c.writing != Writing::New);
    match (matches!(action, A::Reply | A::Edit) && writes, rest.is_empty()) {
        (true, false) => send(model, rest),
        (true, true) => {
            let words = match action {
                A::Reply => "What you type now is the answer. /back leaves off.",
                _ => "What you type now takes the place of it. /back leaves off.",
            };
            tell(model, vec![words.to_owned()]);
        }
        _ => {}
    }
    // What was chosen on the way stays chosen only while something is asked about it.
    let asks = !model.windows.is_empty() || action == A::JumpToReplied;
    if let Some(chat) = model.chat_mut()
        && !asks
    {
        chat.selected = before.filter(|_| chat.writing == Writing::New);
    }
    if model.focus == Focus::Messages && !asks {
        model.focus = Focus::Composer;
    }
}
