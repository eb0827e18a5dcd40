//! The open conversation: loading, scrolling, selecting, and what is done with a message.

use nexus_node::api::{Command, MessageView, Place};

use super::windows;
use crate::keymap::Action as A;
use crate::layout::scroll;
use crate::layout::{blocks, viewport};
use crate::links;
use crate::message::{Effect, Load, Purpose};
use crate::model::chat::{Anchor, Chat, NEAR, PAGE, Writing};
use crate::model::composer::Composer;
use crate::model::home::Item;
use crate::model::window::{Confirm, Form, FormKind, PageKind, PickKind, Window, pick};
use crate::model::{Focus, Model};

/// Opens a conversation, where its unread messages begin, and lets the person write.
pub(super) fn open(model: &mut Model, id: &str) {
    let again = model.open.as_deref() == Some(id);
    model.open = Some(id.to_owned());
    model.selected = Some(Item::Conversation(id.to_owned()));
    model.focus = Focus::Composer;
    model.windows.clear();
    if again {
        return;
    }
    let unread = model.conversation(id).map_or(0, |c| c.unread);
    let known = model.chats.get(id).is_some_and(|c| c.loaded);
    if !known {
        model.chats.entry(id.to_owned()).or_insert_with(|| Chat::new(id));
        let conversation = id.to_owned();
        let command = Command::Draft { conversation: conversation.clone(), text: None };
        let purpose = Purpose::Draft { conversation };
        if !model.asks(|p| *p == purpose) {
            model.ask(purpose, command);
        }
        super::node::ask_happened(model, id);
    }
    if let Some(chat) = model.chats.get_mut(id) {
        chat.selected = None;
        chat.unread_from = None;
        chat.new_below = 0;
        chat.anchor = Anchor::Bottom;
        chat.wish += 1;
    }
    if unread > 0 {
        let wish = model.chats.get(id).map_or(0, |c| c.wish);
        let conversation = id.to_owned();
        let command = Command::FirstUnread { conversation: conversation.clone() };
        model.ask(Purpose::Unread { conversation, wish }, command);
    } else if !known || model.chats.get(id).is_some_and(|c| c.newer) {
        load(model, id, Load::Newest);
    }
}

/// Asks for messages.
pub(super) fn load(model: &mut Model, id: &str, load: Load) {
    let Some(chat) = model.chats.get_mut(id) else { return };
    if !matches!(load, Load::Older | Load::Newer) {
        chat.wish += 1;
    }
    let wish = chat.wish;
    let edge = |message: Option<&MessageView>| message.map(|m| m.entry_id.clone());
    let place = match &load {
        Load::Newest => Place::Newest,
        Load::Oldest => Place::Oldest,
        Load::Around(entry) | Load::Unread(entry) => Place::Around(entry.clone()),
        Load::Day(time) => Place::At(time.clone()),
        Load::Older => match edge(chat.messages.first()) {
            Some(first) => Place::Before(first),
            None => return,
        },
        Load::Newer => match edge(chat.messages.last()) {
            Some(last) => Place::After(last),
            None => return,
        },
    };
    let conversation = id.to_owned();
    let command = Command::Window { conversation: conversation.clone(), place, limit: PAGE };
    model.ask(Purpose::Window { conversation, load, wish }, command);
}

/// Whether somebody wanted to see something else of it meanwhile.
pub(super) fn too_late(model: &Model, id: &str, wish: u64) -> bool {
    model.chats.get(id).is_none_or(|chat| chat.wish != wish)
}

/// Messages that were asked for.
pub(super) fn loaded(model: &mut Model, id: &str, load: Load, messages: Vec<MessageView>) {
    let Some(chat) = model.chats.get_mut(id) else { return };
    let whole = messages.len() >= PAGE as usize;
    chat.loaded = true;
    match &load {
        Load::Older => return chat.prepend(messages),
        Load::Newer => return chat.append(messages),
        _ => chat.messages = messages,
    }
    chat.anchor = Anchor::Bottom;
    // A window around something may end at either end; what is asked for next tells.
    (chat.older, chat.newer) = match &load {
        Load::Newest => (whole, false),
        Load::Oldest => (false, whole),
        _ => (true, true),
    };
    if let Load::Unread(entry) = &load {
        chat.unread_from = Some(entry.clone());
    }
    let at = match &load {
        Load::Oldest => Some(0),
        Load::Around(entry) | Load::Unread(entry) => chat.index(entry),
        Load::Day(time) => Some(chat.messages.partition_point(|m| m.time.as_str() < time.as_str())),
        _ => None,
    };
    let Some(at) = at else { return };
    if matches!(load, Load::Around(_) | Load::Day(_) | Load::Oldest) {
        chat.selected = chat.messages.get(at).map(|m| m.entry_id.clone());
        if model.open.as_deref() == Some(id) {
            model.focus = Focus::Messages;
        }
    }
    show(model, id, at);
}

fn show(model: &mut Model, id: &str, index: usize) {
    let (Some(size), Some(chat)) = (viewport(model), model.chats.get(id)) else { return };
    let anchor = scroll::showing(model, chat, size, index);
    if let Some(chat) = model.chats.get_mut(id) {
        chat.anchor = anchor;
    }
}

/// An action on the open conversation.
pub(super) fn act(model: &mut Model, action: A) {
    let rows = viewport(model).map_or(10, |(_, rows)| rows);
    let page = isize::try_from(rows.saturating_sub(2).max(1)).unwrap_or(1);
    match action {
        A::Up => step(model, -1),
        A::Down => step(model, 1),
        A::PageUp => scroll_by(model, -page),
        A::PageDown => scroll_by(model, page),
        A::Top => edge(model, Load::Oldest),
        A::Bottom => bottom(model),
        A::FirstUnread => first_unread(model),
        A::JumpToDate => windows::show(model, date()),
        A::Write => {
            if let Some(chat) = model.chat_mut() {
                chat.selected = None;
                chat.normal = false;
            }
            model.focus = Focus::Composer;
        }
        A::Reply
        | A::Edit
        | A::Retract
        | A::React
        | A::JumpToReplied
        | A::Why
        | A::Links
        | A::Copy => match model.message().cloned() {
            Some(message) => on_message(model, action, message),
            None => {
                select_last(model);
                model.say("Choose a message first: with up and down.");
            }
        },
        _ => {}
    }
}

/// Scrolls by so many lines; the message that is selected stays in view.
pub(super) fn scroll_by(model: &mut Model, by: isize) {
    let (Some(size), Some(chat)) = (viewport(model), model.chat()) else { return };
    let anchor = scroll::scrolled(model, chat, size, by);
    let Some(chat) = model.chat_mut() else { return };
    chat.anchor = anchor;
    let Some(selected) = chat.selected.clone() else { return };
    let Some(chat) = model.chat() else { return };
    let (first, end) = scroll::range(model, chat, size.0, size.1);
    let to = match chat.index(&selected) {
        Some(at) if at < first => first,
        Some(at) if at >= end => end.saturating_sub(1).max(first),
        _ => return,
    };
    let entry = chat.messages.get(to).map(|m| m.entry_id.clone());
    if let Some(chat) = model.chat_mut() {
        chat.selected = entry;
    }
}

/// Gives the keys to the messages, with the last one in view selected.
pub(super) fn select_last(model: &mut Model) {
    let (Some(size), Some(chat)) = (viewport(model), model.chat()) else { return };
    let selected = chat.selected.clone().or_else(|| {
        let (first, end) = scroll::range(model, chat, size.0, size.1);
        chat.messages.get(end.saturating_sub(1).max(first)).map(|m| m.entry_id.clone())
    });
    model.focus = Focus::Messages;
    if let Some(chat) = model.chat_mut() {
        chat.selected = selected;
    }
}

fn step(model: &mut Model, by: isize) {
    let Some(chat) = model.chat() else { return };
    let at = chat.selected.as_deref().and_then(|s| chat.index(s));
    let Some(at) = at else { return select_last(model) };
    let to = at.saturating_add_signed(by);
    if to >= chat.messages.len() {
        if !chat.newer {
            // Below the last message is the composer.
            act(model, A::Write);
        }
        return;
    }
    select(model, to);
}

/// Selects a message of the window and brings it into view.
pub(super) fn select(model: &mut Model, index: usize) {
    let (Some(size), Some(chat)) = (viewport(model), model.chat()) else { return };
    let entry = chat.messages.get(index).map(|m| m.entry_id.clone());
    let anchor = scroll::revealing(model, chat, size, index);
    model.focus = Focus::Messages;
    if let Some(chat) = model.chat_mut() {
        chat.selected = entry;
        chat.anchor = anchor;
    }
}

fn edge(model: &mut Model, to: Load) {
    let Some(chat) = model.chat() else { return };
    if chat.older {
        let id = chat.id.clone();
        load(model, &id, to);
    } else if !chat.messages.is_empty() {
        select(model, 0);
    }
}

/// To the newest messages.
fn bottom(model: &mut Model) {
    let Some(id) = model.chat().map(|chat| chat.id.clone()) else { return };
    let sought =
        model.asks(|p| matches!(p, Purpose::Unread { conversation, .. } if *conversation == id));
    let Some(chat) = model.chat_mut() else { return };
    chat.anchor = Anchor::Bottom;
    chat.new_below = 0;
    chat.selected = None;
    if sought {
        // What is unread, and was being looked for, is not wanted any more.
        chat.wish += 1;
    }
    if chat.newer || !chat.loaded {
        load(model, &id, Load::Newest);
    } else if model.focus == Focus::Messages {
        select_last(model);
    }
}

fn first_unread(model: &mut Model) {
    let Some(chat) = model.chat() else { return };
    let known = chat.unread_from.as_ref().and_then(|entry| chat.index(entry));
    match known {
        Some(at) => {
            let id = chat.id.clone();
            select(model, at);
            show(model, &id, at);
        }
        None => model.say("Nothing was unread here."),
    }
}

/// Shows a message, wherever it is.
pub(super) fn jump(model: &mut Model, conversation: &str, entry: &str) {
    open(model, conversation);
    model.focus = Focus::Messages;
    match model.chat().and_then(|c| c.index(entry)) {
        Some(at) => {
            select(model, at);
            show(model, conversation, at);
        }
        None => load(model, conversation, Load::Around(entry.to_owned())),
    }
}

fn on_message(model: &mut Model, action: A, message: MessageView) {
    let mine = message.author == model.my_id();
    let text = message.kind == "text";
    match action {
        A::Reply if text => write(model, Writing::Reply(message.entry_id), None),
        A::Edit if mine && text => {
            write(model, Writing::Edit(message.entry_id.clone()), Some(&message.text));
        }
        A::Edit => model.complain("Only a text of yours can be edited."),
        A::Retract if mine && message.kind != "retracted" => {
            model.windows.push(Window::Confirm(Confirm {
                question:
                    "Take this message back? Everybody who has it will show it as taken back."
                        .to_owned(),
                number: None,
                command: Command::Retract { id: message.entry_id },
                done: "Taken back.",
                contact: false,
            }));
        }
        A::Retract => model.complain("Only a message of yours can be taken back."),
        A::React if text => windows::show(model, pick(PickKind::React)),
        A::Links => match links::find(&message.text).len() {
            0 => model.say("There is no link in this message."),
            _ => windows::show(model, pick(PickKind::Links)),
        },
        A::JumpToReplied => match message.reply_to {
            Some(target) => jump(model, &message.conversation, &target),
            None => model.say("This message answers none."),
        },
        A::Why => {
            model.story.clear();
            model.ask(Purpose::Why, Command::Why { id: message.entry_id.clone() });
            super::act::page(model, PageKind::Why(message.entry_id));
        }
        A::Copy => {
            // Whole, as it was written: no rows, no signs; and nothing a terminal could obey.
            model.effects.push(Effect::Copy(blocks::shown(&message)));
            model.say("Copied.");
        }
        _ => model.complain("That can't be done with this message."),
    }
}

fn write(model: &mut Model, writing: Writing, text: Option<&str>) {
    let Some(chat) = model.chat_mut() else { return };
    chat.selected = None;
    match (writing, text) {
        (Writing::Edit(entry), Some(text)) => chat.begin_edit(&entry, text),
        (writing, _) => {
            if matches!(chat.writing, Writing::Edit(_)) {
                chat.end_edit();
            }
            chat.writing = writing;
        }
    }
    model.focus = Focus::Composer;
}

fn date() -> Window {
    let fields = vec![("Day: 2026-11-23, 11-23, monday, yesterday", Composer::default())];
    Window::Form(Form { kind: FormKind::Date, fields, at: 0, error: String::new() })
}

/// Asks for what is about to come into view.
pub(super) fn load_near(model: &mut Model) {
    let (Some(size), Some(chat)) = (viewport(model), model.chat()) else { return };
    if !chat.loaded || chat.refused == Some(chat.wish) || (!chat.older && !chat.newer) {
        return;
    }
    // Every message has a line at least, so that the end of a long window needs no layout.
    let far = chat.messages.len() > size.1 + NEAR;
    if chat.anchor == Anchor::Bottom && !chat.newer && far {
        return;
    }
    let id = chat.id.clone();
    let busy =
        model.asks(|p| matches!(p, Purpose::Window { conversation, .. } if *conversation == id));
    if busy {
        return;
    }
    let (first, end) = scroll::range(model, chat, size.0, size.1);
    if chat.older && first < NEAR {
        load(model, &id, Load::Older);
    } else if chat.newer && end + NEAR > chat.messages.len() {
        load(model, &id, Load::Newer);
    }
}
