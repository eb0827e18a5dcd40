//! What is new since it was told last.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use nexus_node::api::{Event, HappenedView, MessageState, MessageView};

use super::news::{Known, changed, news_of, opening};
use super::{lists, quiet, window, words};
use crate::message::{Effect, Message, Purpose};
use crate::model::home::{Item, strangers};
use crate::model::window::Window;
use crate::model::{Focus, Model, Stage, Toast};
use crate::view;

/// More messages than this at once are counted, not read out.
const MANY: usize = 12;
/// What arrives after a time apart is counted once nothing more has come for so long.
const SETTLED: SignedDuration = SignedDuration::from_millis(400);
/// What is still waited for is told again after so long.
const AGAIN: i64 = 10;

/// What was told.
#[derive(Debug, Default)]
pub struct Teller {
    stage: Option<&'static str>,
    my_id: bool,
    greeted: bool,
    asking: BTreeSet<String>,
    people: BTreeMap<String, Known>,
    conversations: BTreeSet<String>,
    nearby: BTreeSet<String>,
    open: Option<String>,
    item: Option<Item>,
    message: Option<String>,
    toast: Option<Toast>,
    window: Option<Window>,
    happened: BTreeMap<String, Vec<HappenedView>>,
    merges: BTreeMap<String, (u64, u64, Timestamp)>,
    waiting: Option<i64>,
    /// Texts that were sent from here and have not come back as messages yet.
    sent: VecDeque<String>,
    /// Whether a line was typed since something was told.
    typed: bool,
    news: Vec<String>,
    arrived: Vec<(String, Vec<String>)>,
    states: Vec<String>,
}

impl Teller {
    /// Looks at what is about to be taken in.
    pub fn hears(&mut self, model: &Model, message: &Message) {
        match message {
            Message::Line(_) => {
                self.window = None;
                self.typed = true;
            }
            Message::Event(event) => match &event.event {
                Event::Message { message, new: true } => self.arrives(model, message),
                Event::Message { message, new: false } => {
                    let told = changed(model, message);
                    self.news.extend(told);
                }
                Event::State { entry_id, conversation, state } => {
                    self.rises(model, conversation, entry_id, *state);
                }
                _ => {}
            },
            Message::Answer {
                purpose: Purpose::Send { conversation, .. }, result: Ok(_), ..
            } => {
                self.kept(model, conversation);
            }
            _ => {}
        }
    }

    /// Looks at what is wanted of the rim: a text that goes out comes back as a message of mine.
    pub fn wants(&mut self, effect: &Effect) {
        if let Effect::Ask { purpose: Purpose::Send { text, .. }, .. } = effect {
            self.sent.push_back(text.clone());
        }
    }

    fn arrives(&mut self, model: &Model, message: &MessageView) {
        if message.author == model.my_id()
            && let Some(at) = self.sent.iter().position(|text| *text == message.text)
        {
            self.sent.remove(at);
            return;
        }
        let muted = model.conversation(&message.conversation).is_some_and(|c| model.is_muted(c));
        let open = model.open.as_deref() == Some(message.conversation.as_str());
        if muted && !open {
            return;
        }
        let chat = model.chats.get(&message.conversation);
        self.arrived.push((message.conversation.clone(), words::message(model, chat, message)));
    }

    fn kept(&mut self, model: &Model, conversation: &str) {
        let Some(talk) = model.conversation(conversation) else { return };
        let reached = model.peer(talk).is_none_or(|peer| model.path(peer).is_some());
        if !reached {
            let name = words::with(model, talk);
            self.news.push(format!("Kept. {name} is away; it goes out with the next link."));
        }
    }

    fn rises(&mut self, model: &Model, conversation: &str, entry: &str, to: MessageState) {
        let Some(chat) = model.chats.get(conversation) else { return };
        let Some(message) = chat.get(entry) else { return };
        if message.state >= to || to < MessageState::Delivered {
            return;
        }
        let newest = chat.messages.iter().rev().find(|m| m.author == model.my_id());
        let open = model.open.as_deref() == Some(conversation);
        let word = if to == MessageState::Read { "Read" } else { "Delivered" };
        let newest = newest.is_some_and(|m| m.entry_id == entry);
        self.states.push(match open && newest {
            true => format!("{word}."),
            false => format!("{word}: {}", words::excerpt(message)),
        });
    }

    /// Whether the list is to be read out, once, at the beginning.
    #[must_use]
    pub fn greets(&self, model: &Model) -> bool {
        !self.greeted && model.stage == Stage::Running && quiet(model)
    }

    /// Whether the window on top has been told.
    #[must_use]
    pub fn told_window(&self, model: &Model) -> bool {
        self.window.is_some() && self.window.as_ref() == model.windows.last()
    }

    /// Whether something is to be told after a while, though nothing happens.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.waiting.is_some() || self.merges.values().any(|(told, seen, _)| told < seen)
    }

    /// The lines that are new.
    pub fn tell(&mut self, model: &Model) -> Vec<String> {
        self.stage(model);
        if model.stage == Stage::Running {
            self.waiting(model);
            self.people(model);
            self.arrived();
            self.merged(model);
            self.happened(model);
            self.conversation(model);
            self.chosen(model);
            self.top(model);
        }
        if model.toast != self.toast {
            self.toast.clone_from(&model.toast);
            self.news.extend(model.toast.as_ref().map(|t| t.text.clone()));
        }
        self.typed = false;
        std::mem::take(&mut self.news)
    }

    fn stage(&mut self, model: &Model) {
        let (name, words): (_, &[&str]) = match &model.stage {
            Stage::Name(_) => ("name", &[view::NAME]),
            Stage::Welcome => ("welcome", &[view::WELCOME]),
            Stage::Starting => ("starting", &["Starting."]),
            Stage::Running => ("running", &[]),
            Stage::Gone(_) => ("gone", &["The node is gone."]),
        };
        if self.stage.replace(name) != Some(name) {
            self.news.extend(
                words.iter().flat_map(|w| w.lines()).filter(|l| !l.is_empty()).map(str::to_owned),
            );
        }
        if let (Stage::Welcome, Some(me), false) = (&model.stage, &model.me, self.my_id) {
            self.my_id = true;
            self.news.push(format!("Your ConnectID is {}", me.connect_id));
            self.news
                .push("Press Enter to begin, or type /backup to write a backup first.".to_owned());
        }
    }

    fn waiting(&mut self, model: &Model) {
        match (view::waits(model), self.waiting) {
            (Some((what, seconds, _)), None) => {
                self.waiting = Some(seconds);
                self.news.push(format!("One moment: {what}."));
            }
            (Some((what, seconds, _)), Some(before)) if seconds >= before + AGAIN => {
                self.waiting = Some(seconds);
                self.news.push(format!("Still {what}, for {seconds} seconds."));
            }
            (None, Some(before)) => {
                self.waiting = None;
                if before > 0 {
                    self.news.push("The node answers again.".to_owned());
                }
            }
            _ => {}
        }
    }

    /// Who asks, who accepted, who came and went.
    fn people(&mut self, model: &Model) {
        let asking: BTreeSet<String> =
            model.requests.iter().map(|r| r.connect_id.clone()).collect();
        let nearby: BTreeSet<String> = strangers(model).collect();
        let conversations: BTreeSet<String> =
            model.conversations.iter().map(|c| c.id.clone()).collect();
        let people: BTreeMap<String, Known> = model
            .contacts
            .iter()
            .map(|(id, contact)| {
                let path = model.path(id).map(str::to_owned);
                let known =
                    Known { state: Some(contact.state), path, warnings: contact.warnings.clone() };
                (id.clone(), known)
            })
            .collect();
        if self.greeted {
            let asks = asking.difference(&self.asking).map(|id| lists::request(model, id));
            self.news.extend(asks);
            let near = nearby.difference(&self.nearby).map(|id| words::who(model, id));
            self.news.extend(near.map(|name| {
                format!("{name} is nearby. /ask {name} asks them to become a contact.")
            }));
            for (id, known) in &people {
                let before = self.people.get(id).cloned().unwrap_or_default();
                self.news.extend(news_of(&words::who(model, id), &before, known));
            }
            for id in conversations.difference(&self.conversations) {
                if let Some(talk) = model.conversation(id) {
                    let name = words::with(model, talk);
                    self.news
                        .push(format!("There is a conversation with {name} now: /open {name}"));
                }
            }
        }
        // Before the list was read out for the first time nothing is news.
        self.greeted |= model.stage == Stage::Running && quiet(model);
        (self.asking, self.nearby, self.conversations, self.people) =
            (asking, nearby, conversations, people);
    }

    fn arrived(&mut self) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (conversation, _) in &self.arrived {
            *counts.entry(conversation.clone()).or_default() += 1;
        }
        let mut counted = BTreeSet::new();
        for (conversation, lines) in std::mem::take(&mut self.arrived) {
            let number = counts.get(&conversation).copied().unwrap_or_default();
            if number <= MANY {
                self.news.extend(lines);
            } else if counted.insert(conversation) {
                self.news
                    .push(format!("{number} messages came at once: /read {number} reads them."));
            }
        }
        let states = std::mem::take(&mut self.states);
        match states.len() {
            0..=3 => self.news.extend(states),
            number => self.news.push(format!("{number} messages are delivered or read.")),
        }
    }

    fn merged(&mut self, model: &Model) {
        for (id, chat) in &model.chats {
            let Some(number) = chat.merged() else { continue };
            // What arrived before the conversation was opened is no news.
            let begin = (number, number, model.now.at);
            let (told, seen, since) = self.merges.entry(id.clone()).or_insert(begin);
            // The oldest are not kept for ever.
            (*told, *seen) = ((*told).min(number), (*seen).min(number));
            if number > *seen {
                (*seen, *since) = (number, model.now.at);
            } else if *told < *seen && model.now.at.duration_since(*since) >= SETTLED {
                self.news.push(lists::merged(model, id, *seen - *told));
                *told = *seen;
            }
        }
    }

    /// What changed of a device, a key or a name, or who was verified, since the conversation was opened.
    fn happened(&mut self, model: &Model) {
        for (id, chat) in &model.chats {
            let Some(all) = &chat.happened else { continue };
            // What happened before was read out where it stands.
            let before = self.happened.entry(id.clone()).or_insert_with(|| all.clone());
            if before == all {
                continue;
            }
            let known = std::mem::replace(before, all.clone());
            // A second contact key is a warning of its own.
            let told =
                |h: &&HappenedView| matches!(h.kind.as_str(), "merge" | "second_contact_key");
            let new = all.iter().filter(|h| !told(h) && !known.contains(h));
            self.news.extend(new.map(|what| words::happened(model, what)));
        }
    }

    /// A conversation that was opened: what is new in it, or how it ended, and what was being written.
    fn conversation(&mut self, model: &Model) {
        let open = model.open.clone().filter(|_| model.focus != Focus::List);
        if open == self.open {
            return;
        }
        let Some(chat) = open.as_ref().and_then(|id| model.chats.get(id)) else {
            self.open = open;
            self.message = None;
            self.news.push("In the list. /list reads it out.".to_owned());
            return;
        };
        if !chat.loaded || !quiet(model) {
            return;
        }
        self.news.extend(opening(model, chat));
        self.open = open;
    }

    /// What `up`, `down` and jumps chose.
    fn chosen(&mut self, model: &Model) {
        if self.open.is_none() && model.focus == Focus::List && model.selected != self.item {
            self.item.clone_from(&model.selected);
            // What moves because the list changed was not asked for.
            if let (Some(item), true) = (&model.selected, self.typed) {
                self.news.push(lists::item(model, item));
            }
        }
        let message = model.message();
        let id = message.map(|m| m.entry_id.clone());
        if id != self.message && self.open.is_some() {
            self.message = id;
            if let Some(message) = message {
                self.news.extend(words::message(model, model.chat(), message));
            }
        }
    }

    fn top(&mut self, model: &Model) {
        let top = model.windows.last();
        if top == self.window.as_ref() {
            return;
        }
        let page = matches!(top, Some(Window::Page(_)));
        if page && !quiet(model) {
            return;
        }
        match top.map(|top| window(model, top)) {
            Some(Some(lines)) => self.news.extend(lines),
            // What is to be told is not known yet.
            Some(None) => return,
            None => {}
        }
        self.window = top.cloned();
    }
}
