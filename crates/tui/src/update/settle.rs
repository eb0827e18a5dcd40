//! What follows from every change: drafts are kept, what is in view is read, what comes into view is asked for.

use jiff::SignedDuration;
use nexus_node::api::Command;

use super::{conversation, search};
use crate::layout::{scroll, viewport};
use crate::message::{Effect, Purpose};
use crate::model::chat::Anchor;
use crate::model::window::{PageKind, Window};
use crate::model::{Model, Stage};

/// A draft is kept so long after its first change.
const DRAFT: SignedDuration = SignedDuration::from_millis(700);
/// What the node refused to keep, as a draft or as read, is told to it again after so long.
const AGAIN: SignedDuration = SignedDuration::from_secs(5);
/// Good news stay so long.
const TOAST: SignedDuration = SignedDuration::from_secs(5);
/// Bad news stay so long, or until a key is pressed.
const BAD: SignedDuration = SignedDuration::from_secs(15);

/// After every message.
pub(super) fn settle(model: &mut Model) {
    if model.stage != Stage::Running {
        return;
    }
    keep_drafts(model, false);
    forget_phrase(model);
    at_bottom(model);
    conversation::load_near(model);
    search::settle(model);
    let now = model.now.at;
    let stays =
        |t: &crate::model::Toast| now.duration_since(t.since) < if t.bad { BAD } else { TOAST };
    model.toast = model.toast.take().filter(stays);
    title(model);
}

/// Lets the node keep what is being written: of the conversations that were left at once, of the open one after a moment.
pub(super) fn keep_drafts(model: &mut Model, all: bool) {
    let now = model.now.at;
    let mut due = Vec::new();
    let open = model.open.clone();
    for chat in model.chats.values_mut() {
        let draft = chat.draft();
        if draft == chat.asked_draft.as_ref().unwrap_or(&chat.kept_draft) {
            chat.draft_since = None;
            continue;
        }
        let refused = chat.draft_refused.is_some_and(|at| now.duration_since(at) < AGAIN);
        let since = *chat.draft_since.get_or_insert(now);
        let left = open.as_ref() != Some(&chat.id);
        // One at a time: who does not answer is not asked ever more.
        let waits = refused || chat.asked_draft.is_some();
        if all || !waits && (left || now.duration_since(since) >= DRAFT) {
            let draft = chat.draft().to_owned();
            chat.asked_draft = Some(draft.clone());
            chat.draft_since = None;
            due.push((chat.id.clone(), draft));
        }
    }
    for (conversation, text) in due {
        let purpose = Purpose::Keep { conversation: conversation.clone(), text: text.clone() };
        model.ask(purpose, Command::Draft { conversation, text: Some(text) });
    }
}

/// The words of a backup are shown once.
fn forget_phrase(model: &mut Model) {
    let shown =
        model.windows.iter().any(|w| matches!(w, Window::Page(p) if p.kind == PageKind::Backup));
    if !shown {
        model.backup = None;
    }
}

/// With the last message in view and somebody looking, everything is read.
fn at_bottom(model: &mut Model) {
    if !model.windows.is_empty() && model.linear.is_none() {
        // What lies under a window is not looked at.
        return;
    }
    let (Some(size), Some(chat)) = (viewport(model), model.chat()) else { return };
    if !chat.loaded || chat.newer || !model.looked_at || size.1 == 0 {
        return;
    }
    if chat.anchor != Anchor::Bottom
        && scroll::range(model, chat, size.0, size.1).1 < chat.messages.len()
    {
        return;
    }
    let id = chat.id.clone();
    let unread = model.conversation(&id).map_or(0, |c| c.unread);
    if let Some(chat) = model.chat_mut() {
        // Whoever looks at the end wants to see what comes.
        chat.anchor = Anchor::Bottom;
        chat.new_below = 0;
    }
    let asked = model.asks(|p| *p == Purpose::Read);
    let now = model.now.at;
    let refused = model.read_refused.is_some_and(|at| now.duration_since(at) < AGAIN);
    if unread > 0 && !asked && !refused {
        model.ask(Purpose::Read, Command::Read { conversation: id, to: None });
    }
}

/// The title of the terminal tells what is unread.
fn title(model: &mut Model) {
    let title = match model.unread() {
        0 => "Nexus".to_owned(),
        n => format!("({n}) Nexus"),
    };
    if title != model.title {
        model.title.clone_from(&title);
        model.effects.push(Effect::Title(title));
    }
}

#[cfg(test)]
mod tests;
