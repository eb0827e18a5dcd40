//! What a typed line does, where there is no screen: the actions of the keys, by their names, and a few words more.

mod choose;
mod talk;

use super::{act, compose, first_run, windows};
use crate::keymap::{Action as A, Code, Key, Place};
use crate::message::Effect;
use crate::model::home::{self, Item};
use crate::model::linear::Linear;
use crate::model::window::{PageKind, Window};
use crate::model::{Focus, Model, Stage};
use crate::spoken::{lists, place};

/// Tells these lines.
fn tell(model: &mut Model, lines: Vec<String>) {
    model.effects.push(Effect::Tell(lines));
}

fn state(model: &mut Model) -> &mut Linear {
    model.linear.get_or_insert_default()
}

/// A line was typed.
pub(super) fn line(model: &mut Model, text: &str) {
    // What was said before was heard; the same words said again are news.
    model.toast = None;
    if let Some(mut pasted) = state(model).pasted.take() {
        if text != "." {
            pasted.push_str(text);
            pasted.push('\n');
            state(model).pasted = Some(pasted);
            return;
        }
        return talk::send(model, pasted.trim_end_matches('\n'));
    }
    match text.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => plain(model, rest),
        Some(rest) => {
            let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            command(model, &word.to_lowercase(), rest.trim());
        }
        None => plain(model, text),
    }
}

/// What was told has been heard: pages are closed again.
pub(super) fn heard(model: &mut Model) {
    match model.windows.last() {
        // Whether it is opened is asked.
        Some(Window::Page(page)) if matches!(page.kind, PageKind::Link(_)) => {}
        Some(Window::Page(_) | Window::Help { .. }) => {
            model.windows.pop();
        }
        _ => {}
    }
}

fn enter(model: &mut Model) {
    first_run::pressed(model, Key::plain(Code::Enter));
}

/// A line that is no command: an answer to what was asked, else a message.
fn plain(model: &mut Model, text: &str) {
    match &mut model.stage {
        Stage::Name(field) => {
            field.set(text.trim());
            enter(model);
        }
        Stage::Welcome => enter(model),
        Stage::Gone(_) => act::quit(model),
        Stage::Starting => model.say("Starting; one moment."),
        Stage::Running if model.windows.is_empty() => talk::send(model, text),
        Stage::Running => choose::answer(model, text.trim()),
    }
}

fn before_running(model: &mut Model, word: &str) {
    match word {
        "quit" => act::quit(model),
        "backup" if model.stage == Stage::Welcome => {
            first_run::pressed(model, Key::plain(Code::Char('b')));
        }
        _ => model.complain("Not yet. /quit leaves."),
    }
}

fn command(model: &mut Model, word: &str, rest: &str) {
    if model.stage != Stage::Running {
        return before_running(model, word);
    }
    match word {
        "yes" | "no" => return choose::answer(model, word),
        "back" if !model.windows.is_empty() => {
            model.windows.pop();
            return tell(model, vec!["Left off.".to_owned()]);
        }
        "around" => return choose::around(model, rest),
        // Whoever asks for something else has left what was asked.
        _ => model.windows.clear(),
    }
    match word {
        "" | "help" => tell(model, lists::help()),
        "list" => list(model),
        "requests" => some(model, "Nobody asks.", |i| matches!(i, Item::Request(_))),
        "nearby" => some(model, "Nobody is nearby.", |i| matches!(i, Item::Nearby(_))),
        "contacts" => {
            let mut lines = lists::contacts(model);
            if lines.is_empty() {
                lines.push("There are no contacts yet.".to_owned());
            }
            tell(model, lines);
        }
        "status" => {
            let me = lists::me(model);
            tell(model, vec![me]);
        }
        "open" if rest.is_empty() && place(model) != Place::List => {
            tell(model, vec!["It is open. /read reads it.".to_owned()]);
        }
        "open" => choose::open(model, rest),
        "ask" => choose::ask(model, rest),
        "close" => close(model),
        "read" => talk::read(model, rest),
        "more" => talk::more(model),
        "draft" => talk::draft(model, rest),
        "paste" => paste(model),
        "add" => action(model, A::AddContact, rest),
        _ => match A::named(word) {
            Some(named) => action(model, named, rest),
            None => model.complain(format!(
                "There is no /{}. /help reads out what there is; a message that begins with a slash is typed with two.",
                crate::sanitize::line(word)
            )),
        },
    }
}

/// Reads out everything that can be opened, with numbers.
pub(super) fn list(model: &mut Model) {
    let items = home::items(model);
    let mut lines = vec![lists::me(model)];
    lines.extend(lists::items(model, &items));
    if model.conversations.is_empty() {
        lines.extend(lists::next_steps());
    }
    state(model).listed = items;
    tell(model, lines);
}

fn some(model: &mut Model, none: &str, which: impl Fn(&Item) -> bool) {
    let items: Vec<Item> = home::items(model).into_iter().filter(which).collect();
    let mut lines = lists::items(model, &items);
    if lines.is_empty() {
        lines.push(none.to_owned());
    }
    state(model).listed = items;
    tell(model, lines);
}

fn close(model: &mut Model) {
    if place(model) == Place::List {
        return tell(model, vec!["No conversation is open.".to_owned()]);
    }
    compose::cancel(model);
    if let Some(chat) = model.chat_mut() {
        chat.selected = None;
    }
    model.focus = Focus::List;
}

fn paste(model: &mut Model) {
    if place(model) == Place::List {
        return talk::nothing_open(model);
    }
    state(model).pasted = Some(String::new());
    tell(model, vec!["Go on. A line that is only a dot ends it and sends it.".to_owned()]);
}

/// An action by its name. What comes after the name goes where the action asks for something.
fn action(model: &mut Model, action: A, rest: &str) {
    match action {
        A::Redraw | A::NextPane | A::PreviousPane => {
            let words = "There is nothing to paint and there are no panes here: /list reads the list, /read the messages.";
            tell(model, vec![words.to_owned()]);
        }
        A::Open => list(model),
        A::Accept
        | A::Decline
        | A::Block
        | A::Verify
        | A::Details
        | A::Mute
        | A::Timer
        | A::Rename
        | A::Remove => {
            choose::person(model, action, rest);
        }
        A::Reply
        | A::Edit
        | A::Retract
        | A::React
        | A::Why
        | A::Links
        | A::Copy
        | A::JumpToReplied => {
            talk::on_message(model, action, rest);
        }
        A::PageUp if place(model) != Place::List => talk::earlier(model),
        A::PageDown if place(model) != Place::List => talk::more(model),
        _ if is_writing(action) => talk::write(model, action),
        _ => {
            let at = place(model);
            // Up and down go through the messages, not through the rows of a text.
            let at = if at == Place::Composer { Place::Messages } else { at };
            let before = model.clone();
            act::act(model, at, action);
            choose::feed(model, rest);
            if *model == before {
                let words = format!("Nothing came of /{} here.", action.name());
                tell(model, vec![words]);
            }
        }
    }
}

/// Whether an action is about the text that is being written.
fn is_writing(action: A) -> bool {
    use A::{
        Complete, DeleteBack, DeleteForward, DeleteToEnd, DeleteToStart, DeleteWord, Editor, Left,
        LineEnd, LineStart, NewLine, NewerWritten, OlderWritten, Redo, Right, Send, Undo, WordLeft,
        WordRight, Write,
    };
    [
        Complete,
        DeleteBack,
        DeleteForward,
        DeleteToEnd,
        DeleteToStart,
        DeleteWord,
        Editor,
        Left,
        LineEnd,
        LineStart,
        NewLine,
        NewerWritten,
        OlderWritten,
        Redo,
        Right,
        Send,
        Undo,
        WordLeft,
        WordRight,
        Write,
    ]
    .contains(&action)
}

/// What was typed into the field on top is taken.
fn take_field(model: &mut Model) {
    windows::act(model, A::Open);
}

#[cfg(test)]
mod tests;
