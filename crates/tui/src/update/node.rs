//! What the node answers and tells.

use jiff::SignedDuration;
use nexus_node::api::{Command, ContactState, ErrorBody, ErrorCode, Event, MessageView};

use super::{conversation, people, search};
use crate::layout::{scroll, viewport};
use crate::message::{Effect, Load, Purpose, Rows};
use crate::model::chat::{Anchor, Chat, Writing};
use crate::model::composer::Composer;
use crate::model::window::PageKind;
use crate::model::{Backup, Model, Stage, home};
use crate::sanitize;
use crate::text::{first_line, truncate};

/// A conversation is told of once in so long: a hundred messages that arrive together are one piece of news.
const APART: SignedDuration = SignedDuration::from_secs(3);

/// The node can be asked: everything is.
pub(super) fn attached(model: &mut Model) {
    if model.stage == Stage::Starting {
        model.stage = Stage::Running;
    }
    everything(model);
    // One that took the place of another may know more of what is open.
    newest_again(model);
}

/// Asks for the end of the open conversation again, where that is looked at.
fn newest_again(model: &mut Model) {
    if let Some(chat) = model.chat()
        && (chat.anchor == Anchor::Bottom || !chat.loaded)
    {
        let id = chat.id.clone();
        conversation::load(model, &id, Load::Newest);
    }
}

/// The node can't be had, or is gone.
pub(super) fn detached(model: &mut Model, error: ErrorBody) {
    // What was to be written is still not kept.
    let written = |p: &Purpose| matches!(p, Purpose::Send { .. } | Purpose::Edit { .. });
    model.pending.retain(|_, p| written(&p.purpose));
    model.chats.values_mut().for_each(|chat| chat.asked_draft = None);
    if model.stage == Stage::Welcome && error.code == ErrorCode::BadName {
        // Nothing was made: another name is asked for.
        model.stage = Stage::Name(Composer::default());
        return model.complain(format!("{} — {}", error.message, error.hint));
    }
    model.stage = Stage::Gone(error);
}

/// Asks for all that the list shows.
fn everything(model: &mut Model) {
    for (purpose, command) in [
        (Purpose::Me, Command::Id),
        (Purpose::Contacts, Command::Contacts),
        (Purpose::Requests, Command::Requests),
        (Purpose::Conversations, Command::Conversations),
        (Purpose::Nearby, Command::Nearby { watch: false }),
        (Purpose::Status, Command::Status),
    ] {
        ask_once(model, purpose, command);
    }
}

fn ask_once(model: &mut Model, purpose: Purpose, command: Command) {
    if !model.asks(|p| *p == purpose) {
        model.ask(purpose, command);
    }
}

/// What came of a question.
pub(super) fn answer(
    model: &mut Model,
    serial: u64,
    purpose: Purpose,
    result: Result<Rows, ErrorBody>,
) {
    match result {
        Ok(rows) => taken(model, serial, purpose, rows),
        Err(error) => refused(model, serial, purpose, &error),
    }
}

fn refused(model: &mut Model, serial: u64, purpose: Purpose, error: &ErrorBody) {
    if let Purpose::Around { of } = &purpose {
        // What was found may be gone by now.
        return search::around(model, of, Vec::new());
    }
    match purpose {
        // The text is not lost: it is there to be sent again, also where something else is written meanwhile.
        Purpose::Send { conversation, text, reply } => {
            let Some(chat) = model.chats.get_mut(&conversation) else { return };
            chat.outgoing.retain(|(s, _)| *s != serial);
            if chat.writing == Writing::New && chat.composer.is_empty() {
                chat.writing = reply.map_or(Writing::New, Writing::Reply);
            }
            give_back(chat, &text);
        }
        Purpose::Edit { conversation, entry, text } => {
            let Some(chat) = model.chats.get_mut(&conversation) else { return };
            match chat.writing == Writing::New && chat.composer.is_empty() {
                true => chat.begin_edit(&entry, &text),
                false => give_back(chat, &text),
            }
        }
        Purpose::Keep { conversation, text } => {
            if let Some(chat) = model.chats.get_mut(&conversation) {
                chat.draft_refused = Some(model.now.at);
                chat.asked_draft.take_if(|asked| *asked == text);
            }
        }
        // Asked again at once, it would be refused again at once, for ever.
        Purpose::Read => model.read_refused = Some(model.now.at),
        Purpose::Window { conversation, wish, .. } => {
            if let Some(chat) = model.chats.get_mut(&conversation) {
                chat.refused = Some(wish);
            }
        }
        _ => {}
    }
    model.complain(format!("{} — {}", sanitize::line(&error.message), sanitize::line(&error.hint)));
}

/// Puts a text that was refused after what is written.
fn give_back(chat: &mut Chat, text: &str) {
    let draft = chat.draft();
    let whole = format!("{draft}{}{text}", if draft.is_empty() { "" } else { "\n" });
    match chat.writing {
        Writing::Edit(_) => chat.aside = whole,
        _ => chat.composer.set(&whole),
    }
}

fn taken(model: &mut Model, serial: u64, purpose: Purpose, rows: Rows) {
    match (purpose, rows) {
        (_, Rows::Me(me)) => model.me = me,
        (Purpose::Conversations, Rows::Conversations(all)) => {
            model.conversations = all;
            home::settle(model);
        }
        (Purpose::Contacts, Rows::Contacts(all)) => {
            model.contacts = all.into_iter().map(|c| (c.connect_id.clone(), c)).collect();
        }
        (Purpose::Requests, Rows::Contacts(all)) => {
            model.requests = all;
            home::settle(model);
        }
        (Purpose::Nearby, Rows::Nearby(all)) => {
            model.nearby = all.into_iter().map(|n| (n.connect_id.clone(), n)).collect();
            home::settle(model);
        }
        (_, Rows::Status(Some(status))) => {
            let links = status.links.iter().cloned();
            model.links = links.map(|l| (l.instance.clone(), l)).collect();
            model.status = Some(*status);
        }
        (_, Rows::Checks(checks)) => model.checks = checks,
        (Purpose::Happened { conversation }, Rows::Happened(all)) => {
            let Some(chat) = model.chats.get_mut(&conversation) else { return };
            chat.happened = Some(all);
            if std::mem::take(&mut chat.happened_more) {
                ask_happened(model, &conversation);
            }
        }
        (Purpose::Paths { who }, Rows::Why(links)) => model.paths = Some((who, links)),
        (_, Rows::Why(story)) => model.story = story,
        (_, Rows::Invite(invite)) => model.invite = invite,
        (
            Purpose::Window { conversation, wish, .. } | Purpose::Unread { conversation, wish },
            _,
        ) if conversation::too_late(model, &conversation, wish) => {}
        (Purpose::Window { conversation, load, .. }, Rows::Messages(messages)) => {
            conversation::loaded(model, &conversation, load, messages);
        }
        (Purpose::Unread { conversation, .. }, Rows::Messages(mut messages)) => {
            let load = messages.pop().map_or(Load::Newest, |first| Load::Unread(first.entry_id));
            conversation::load(model, &conversation, load);
        }
        (Purpose::Search { query }, Rows::Messages(found)) => {
            search::found(model, query, found);
        }
        (Purpose::Around { of }, Rows::Messages(messages)) => search::around(model, &of, messages),
        (Purpose::Draft { conversation }, Rows::Draft(Some(draft))) => {
            if let Some(chat) = model.chats.get_mut(&conversation) {
                // What was typed meanwhile comes after what was kept.
                // (A second answer brings nothing that is not there.)
                if !draft.text.is_empty() && draft.text != chat.kept_draft {
                    let whole = format!("{}{}", draft.text, chat.composer.text());
                    chat.composer.set(&whole);
                }
                chat.kept_draft = draft.text;
            }
        }
        (Purpose::Send { conversation, .. }, _) => {
            if let Some(chat) = model.chats.get_mut(&conversation) {
                chat.outgoing.retain(|(s, _)| *s != serial);
            }
        }
        (Purpose::Keep { conversation, text }, _) => {
            if let Some(chat) = model.chats.get_mut(&conversation) {
                chat.asked_draft.take_if(|asked| *asked == text);
                chat.draft_refused = None;
                chat.kept_draft = text;
            }
        }
        (Purpose::Edit { .. }, _) => model.say("Edited."),
        (Purpose::Contact(done), Rows::Contacts(all)) => {
            for contact in all {
                people::changed(model, contact);
            }
            said(model, done);
        }
        (Purpose::Read, Rows::Conversations(all)) => {
            all.into_iter().for_each(|one| change(model, one));
        }
        (Purpose::Change(done), Rows::Conversations(all)) => {
            for conversation in all {
                change(model, conversation);
            }
            said(model, done);
        }
        (Purpose::Backup { file }, Rows::Backup(Some(sealed))) => {
            let Some(phrase) = sealed.phrase else { return };
            model.effects.push(Effect::Write { file: file.clone(), bytes: sealed.file });
            model.backup = Some(Backup { file, phrase, written: None });
            super::act::page(model, PageKind::Backup);
        }
        (Purpose::Change(done), _) => said(model, done),
        _ => {}
    }
}

fn said(model: &mut Model, done: &'static str) {
    if !done.is_empty() {
        model.say(done);
    }
}

/// Something happened.
pub(super) fn event(model: &mut Model, event: Event) {
    match event {
        Event::Message { message, new } => self::message(model, *message, new),
        Event::State { entry_id, conversation, state } => {
            if let Some(chat) = model.chats.get_mut(&conversation)
                && let Some(message) = chat.messages.iter_mut().find(|m| m.entry_id == entry_id)
            {
                message.state = message.state.max(state);
            }
        }
        Event::Contact { contact } => {
            people::changed(model, contact);
            // Names of conversations, and whether they are there, follow from contacts.
            ask_once(model, Purpose::Conversations, Command::Conversations);
        }
        Event::Conversation { conversation } => change(model, conversation),
        Event::Happened { conversation } => ask_happened(model, &conversation),
        Event::Transfer { file } => {
            if let Some(chat) = model.chats.get_mut(&file.conversation)
                && let Some(message) =
                    chat.messages.iter_mut().find(|m| m.entry_id == file.transfer_id)
            {
                message.file = Some(*file);
            }
        }
        Event::LinkUp { link } => {
            model.links.insert(link.instance.clone(), link);
        }
        Event::LinkDown { instance, .. } => {
            model.links.remove(&instance);
        }
        Event::Nearby { peer, gone } => {
            if gone {
                model.nearby.remove(&peer.connect_id);
            } else {
                model.nearby.insert(peer.connect_id.clone(), peer);
            }
            home::settle(model);
        }
        Event::Notice { text } => model.complain(sanitize::line(&text)),
        Event::Lagged { .. } => {
            everything(model);
            newest_again(model);
        }
        Event::Ready { .. } => {}
    }
}

fn message(model: &mut Model, message: MessageView, new: bool) {
    let mine = message.author == model.my_id();
    remember_last(model, &message);
    if new && !mine {
        notify(model, &message);
    }
    let open = model.open.as_deref() == Some(message.conversation.as_str());
    let at_bottom = viewport(model).zip(model.chat()).is_some_and(|(size, chat)| {
        !chat.newer
            && (chat.anchor == Anchor::Bottom
                || scroll::range(model, chat, size.0, size.1).1 >= chat.messages.len())
    });
    let Some(chat) = model.chats.get_mut(&message.conversation) else { return };
    if new && !mine && open && !at_bottom {
        chat.new_below += 1;
    }
    chat.take(message);
}

/// Asks what happened besides what was written, in a conversation that was opened.
pub(super) fn ask_happened(model: &mut Model, id: &str) {
    let purpose = Purpose::Happened { conversation: id.to_owned() };
    let asked = model.asks(|p| *p == purpose);
    let Some(chat) = model.chats.get_mut(id) else { return };
    // What is on its way may have been read before this happened.
    chat.happened_more = asked;
    if !asked {
        model.ask(purpose, Command::Happened { conversation: id.to_owned() });
    }
}

/// The list shows the last message.
fn remember_last(model: &mut Model, message: &MessageView) {
    let Some(at) = model.conversations.iter().position(|c| c.id == message.conversation) else {
        return ask_once(model, Purpose::Conversations, Command::Conversations);
    };
    let Some(conversation) = model.conversations.get_mut(at) else { return };
    if conversation.last_time.as_deref() <= Some(message.time.as_str()) {
        conversation.last_time = Some(message.time.clone());
        conversation.last_text = Some(message.text.clone());
        model.conversations.sort_by(|a, b| b.last_time.cmp(&a.last_time));
    }
}

fn change(model: &mut Model, conversation: nexus_node::api::ConversationView) {
    match model.conversations.iter_mut().find(|c| c.id == conversation.id) {
        Some(known) => *known = conversation,
        None if conversation.state == ContactState::Incoming => {}
        None => return ask_once(model, Purpose::Conversations, Command::Conversations),
    }
    model.conversations.sort_by(|a, b| b.last_time.cmp(&a.last_time));
}

/// Tells of a message that came while nobody looked.
fn notify(model: &mut Model, message: &MessageView) {
    let conversation = model.conversation(&message.conversation);
    let muted = conversation.is_some_and(|c| model.is_muted(c)) || model.is_quiet();
    if model.looked_at || muted || !model.config.notifications || message.kind != "text" {
        return;
    }
    let now = model.now.at;
    let last = model.told.insert(message.conversation.clone(), now);
    if last.is_some_and(|last| now.duration_since(last) < APART) {
        model.told.extend(last.map(|last| (message.conversation.clone(), last)));
        return;
    }
    let title = sanitize::line(&message.author_name);
    let text = truncate(&sanitize::line(first_line(&message.text)), 80);
    let desktop = model.desktop && model.config.desktop;
    model.effects.push(Effect::Notify { title, text, desktop });
}
