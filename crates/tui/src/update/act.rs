//! What each action does, wherever it was asked for.

use nexus_node::api::Command;

use super::{compose, conversation, people, search, settings, settle, windows};
use crate::keymap::{Action as A, Place};
use crate::message::{Effect, Purpose};
use crate::model::home::{self, Item};
use crate::model::window::{Page, PageKind, PickKind, Window, pick};
use crate::model::{Focus, Model};

/// Does it.
pub(super) fn act(model: &mut Model, place: Place, action: A) {
    match action {
        A::Help => model.windows.push(Window::Help { scroll: 0 }),
        A::Palette => windows::show(model, pick(PickKind::Palette)),
        A::Switch => windows::show(model, pick(PickKind::Switch)),
        A::Search => search::open(model, None),
        A::SearchHere => {
            let here = model.open.clone();
            search::open(model, here);
        }
        A::Invite => people::invite(model),
        A::AddContact => windows::show(model, people::form(model)),
        A::MyId => page(model, PageKind::MyId),
        A::Backup => windows::show(model, windows::backup()),
        A::Network => network(model),
        A::Settings => windows::show(model, Window::Settings { selected: 0 }),
        A::Quit => quit(model),
        A::Suspend => model.effects.push(Effect::Suspend),
        A::Redraw => model.effects.push(Effect::Redraw),
        A::Back => back(model),
        A::NextPane => pane(model, 1),
        A::PreviousPane => pane(model, -1),
        A::NextConversation => beside(model, 1),
        A::PreviousConversation => beside(model, -1),
        A::NextUnread => next_unread(model),
        A::Details => people::details(model),
        A::Verify => people::verify(model),
        A::Mute => people::mute(model),
        A::Timer => people::timer(model),
        A::Rename => people::rename(model),
        A::Remove => people::remove(model),
        A::WholeScreen => windows::whole_screen(model),
        A::SavePicture => windows::save_picture(model),
        A::DoNotDisturb => settings::do_not_disturb(model),
        A::Accept => people::accept(model),
        A::Decline => people::decline(model),
        A::Block => people::block(model),
        _ if place == Place::Window => windows::act(model, action),
        _ => in_panes(model, place, action),
    }
}

fn in_panes(model: &mut Model, place: Place, action: A) {
    match (place, action) {
        (Place::List, A::Up) => home::step(model, -1),
        (Place::List, A::Down) => home::step(model, 1),
        (Place::List, A::PageUp) => home::step(model, -8),
        (Place::List, A::PageDown) => home::step(model, 8),
        (Place::List, A::Top) => home::edge(model, false),
        (Place::List, A::Bottom) => home::edge(model, true),
        (Place::List, A::Open) => open_selected(model),
        (Place::Composer | Place::Normal, action) if compose::act(model, action) => {}
        (_, action) => conversation::act(model, action),
    }
}

fn open_selected(model: &mut Model) {
    match model.selected.clone() {
        Some(Item::Conversation(id)) => conversation::open(model, &id),
        Some(Item::Request(who)) => page(model, PageKind::Contact(who)),
        Some(Item::Nearby(_)) => people::request(model),
        None => {}
    }
}

/// Opens a page of its own.
pub(super) fn page(model: &mut Model, kind: PageKind) {
    if let PageKind::Contact(who) = &kind
        && model.contacts.contains_key(who)
    {
        let who = who.clone();
        model.ask(Purpose::Paths { who: who.clone() }, Command::PathHistory { who });
    }
    windows::show(model, Window::Page(Page { kind, scroll: 0 }));
}

fn network(model: &mut Model) {
    model.ask(Purpose::Status, Command::Status);
    model.checks.clear();
    model.ask(Purpose::Doctor, Command::Doctor);
    page(model, PageKind::Network);
}

/// One step back: what lies above is closed, what was begun is left, the pane before has the keys.
fn back(model: &mut Model) {
    if model.windows.pop().is_some() || compose::cancel(model) {
        return;
    }
    match model.focus {
        Focus::Composer if model.config.vim => match model.chat_mut() {
            // Once: keys move in the text. Twice: they go to the messages.
            Some(chat) if !chat.normal => chat.normal = true,
            _ => conversation::select_last(model),
        },
        Focus::Composer => leave(model),
        Focus::Messages => {
            let selected = model.chat_mut().and_then(|chat| chat.selected.take());
            match selected {
                Some(_) if !model.config.vim => model.focus = Focus::Composer,
                _ => leave(model),
            }
        }
        Focus::List => {}
    }
}

fn leave(model: &mut Model) {
    model.focus = Focus::List;
    if let Some(open) = &model.open {
        model.selected = Some(Item::Conversation(open.clone()));
    }
}

pub(super) fn pane(model: &mut Model, by: i8) {
    if !model.windows.is_empty() {
        return windows::next_field(model, by);
    }
    let order = [Focus::List, Focus::Messages, Focus::Composer];
    if model.open.is_none() {
        model.focus = Focus::List;
        return;
    }
    let at = order.iter().position(|f| *f == model.focus).unwrap_or(0);
    let to = if by > 0 { (at + 1) % order.len() } else { (at + order.len() - 1) % order.len() };
    match order.get(to) {
        Some(Focus::Messages) => conversation::select_last(model),
        Some(focus) => model.focus = *focus,
        None => {}
    }
}

/// Opens the conversation before or after the one that is open.
fn beside(model: &mut Model, by: isize) {
    let at = model.open.as_ref().and_then(|o| model.conversations.iter().position(|c| c.id == *o));
    let to = match at {
        Some(at) => at.checked_add_signed(by),
        None => Some(0),
    };
    let id = to.and_then(|to| model.conversations.get(to)).map(|c| c.id.clone());
    if let Some(id) = id {
        conversation::open(model, &id);
    }
}

fn next_unread(model: &mut Model) {
    let open = model.open.clone();
    let waits =
        |c: &&nexus_node::api::ConversationView| c.unread > 0 && Some(&c.id) != open.as_ref();
    match model.conversations.iter().find(waits).map(|c| c.id.clone()) {
        Some(id) => conversation::open(model, &id),
        None => model.say("Nothing else is unread."),
    }
}

/// Ends, after what was written so far was kept.
pub(super) fn quit(model: &mut Model) {
    settle::keep_drafts(model, true);
    model.effects.push(Effect::Quit);
}
