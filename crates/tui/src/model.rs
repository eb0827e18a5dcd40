//! Everything that is on the screen, as plain data.

pub mod chat;
pub mod choices;
pub mod completion;
pub mod composer;
pub mod home;
pub mod linear;
pub mod settings;
pub mod unsaved;
pub mod window;

use std::collections::BTreeMap;

use jiff::Timestamp;
use nexus_node::api::{
    CheckView, Command, ContactState, ContactView, ConversationView, ErrorBody, IdentityView,
    InviteView, LinkView, MessageState, MessageView, NearbyView, SecretText, StatusView, WhyView,
};

use crate::config::Config;
use crate::keymap::{Key, Place};
use crate::message::{Effect, Purpose};
use crate::theme::{Kind, Theme};
use crate::time::Now;
use nexus_node::config::Visibility;

use chat::Chat;
use composer::Composer;
use home::Item;
use window::Window;

/// Which part of the story this is.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// There is no identity: a name is asked for.
    Name(Composer),
    /// The identity was made: what it is.
    Welcome,
    /// The node starts, or is attached to.
    Starting,
    /// It runs.
    Running,
    /// It is gone, or could not be had: what happened, and what to do.
    Gone(ErrorBody),
}

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The list.
    List,
    /// The messages.
    Messages,
    /// The composer.
    Composer,
}

/// Something said to the person for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Toast {
    /// What.
    pub text: String,
    /// Whether it is bad news.
    pub bad: bool,
    /// Since when.
    pub since: Timestamp,
}

/// A question that the node has not answered yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// What for.
    pub purpose: Purpose,
    /// Since when.
    pub since: Timestamp,
}

/// A backup that was just made.
#[derive(Debug, Clone, PartialEq)]
pub struct Backup {
    /// The file, as it was typed.
    pub file: String,
    /// The words that open it.
    pub phrase: SecretText,
    /// Bytes that were written, or why none were; `None` while it is written.
    pub written: Option<Result<u64, String>>,
}

/// Everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The time and where we are.
    pub now: Now,
    /// Columns and rows.
    pub size: (u16, u16),
    /// What the person set.
    pub config: Config,
    /// Whether there is a desktop that tells news, as far as is known.
    pub desktop: bool,
    /// When each conversation was told of last.
    pub told: BTreeMap<String, Timestamp>,
    /// Who sees this node nearby, as `config.toml` says.
    pub visibility: Visibility,
    /// Styles.
    pub theme: Theme,
    /// Which part of the story this is.
    pub stage: Stage,
    /// Which pane has the keys.
    pub focus: Focus,
    /// What lies above the panes; the last one on top.
    pub windows: Vec<Window>,
    /// Keys of a sequence that has begun.
    pub keys: Vec<Key>,
    /// Something said to the person.
    pub toast: Option<Toast>,
    /// Whether the terminal is looked at.
    pub looked_at: bool,
    /// Me.
    pub me: Option<IdentityView>,
    /// Conversations, the latest first.
    pub conversations: Vec<ConversationView>,
    /// Contacts by ConnectID.
    pub contacts: BTreeMap<String, ContactView>,
    /// Those who ask.
    pub requests: Vec<ContactView>,
    /// Who is near, by ConnectID.
    pub nearby: BTreeMap<String, NearbyView>,
    /// Live links, by instance.
    pub links: BTreeMap<String, LinkView>,
    /// Links, store, what was refused.
    pub status: Option<StatusView>,
    /// Checks of this machine.
    pub checks: Vec<CheckView>,
    /// The story of a message.
    pub story: Vec<WhyView>,
    /// Somebody, and the links to them that came up and ended.
    pub paths: Option<(String, Vec<WhyView>)>,
    /// An invite link.
    pub invite: Option<InviteView>,
    /// A backup that was just made; forgotten once its page is closed.
    pub backup: Option<Backup>,
    /// What is selected in the list.
    pub selected: Option<Item>,
    /// The conversation that is open.
    pub open: Option<String>,
    /// Conversations that were opened.
    pub chats: BTreeMap<String, Chat>,
    /// Questions that are not answered yet.
    pub pending: BTreeMap<u64, Pending>,
    /// Number of the last question.
    pub serial: u64,
    /// When the node refused last to keep that something is read.
    pub read_refused: Option<Timestamp>,
    /// The title of the terminal as it was set last.
    pub title: String,
    /// There is no screen: what is kept for that.
    pub linear: Option<linear::Linear>,
    /// What is wanted of the rim.
    pub effects: Vec<Effect>,
}

impl Model {
    /// Before anything is known.
    #[must_use]
    pub fn new(now: Now, size: (u16, u16), config: Config, has_identity: bool) -> Self {
        let theme = Theme::of(config.theme);
        Self {
            now,
            size,
            config,
            desktop: true,
            told: BTreeMap::new(),
            visibility: Visibility::Everyone,
            theme,
            stage: if has_identity { Stage::Starting } else { Stage::Name(Composer::default()) },
            focus: Focus::List,
            windows: Vec::new(),
            keys: Vec::new(),
            toast: None,
            looked_at: true,
            me: None,
            conversations: Vec::new(),
            contacts: BTreeMap::new(),
            requests: Vec::new(),
            nearby: BTreeMap::new(),
            links: BTreeMap::new(),
            status: None,
            checks: Vec::new(),
            story: Vec::new(),
            paths: None,
            invite: None,
            backup: None,
            selected: None,
            open: None,
            chats: BTreeMap::new(),
            pending: BTreeMap::new(),
            serial: 0,
            read_refused: None,
            title: String::new(),
            linear: None,
            effects: Vec::new(),
        }
    }

    /// Takes another theme.
    pub fn set_theme(&mut self, kind: Kind) {
        self.config.theme = kind;
        self.theme = Theme::of(kind);
    }

    /// Where keys are pressed.
    #[must_use]
    pub fn place(&self) -> Place {
        if !self.windows.is_empty() {
            return Place::Window;
        }
        match self.focus {
            Focus::List => Place::List,
            Focus::Messages => Place::Messages,
            Focus::Composer if self.chat().is_some_and(|c| c.normal) => Place::Normal,
            Focus::Composer => Place::Composer,
        }
    }

    /// Asks the node.
    pub fn ask(&mut self, purpose: Purpose, command: Command) {
        self.serial += 1;
        let (serial, since) = (self.serial, self.now.at);
        self.pending.insert(serial, Pending { purpose: purpose.clone(), since });
        self.effects.push(Effect::Ask { serial, purpose, command: Box::new(command) });
    }

    /// Whether something like this is asked already.
    #[must_use]
    pub fn asks(&self, like: impl Fn(&Purpose) -> bool) -> bool {
        self.pending.values().any(|p| like(&p.purpose))
    }

    /// Says something to the person.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), bad: false, since: self.now.at });
    }

    /// Says that something did not work.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), bad: true, since: self.now.at });
    }

    /// My ConnectID.
    #[must_use]
    pub fn my_id(&self) -> &str {
        self.me.as_ref().map(|me| me.connect_id.as_str()).unwrap_or_default()
    }

    /// The conversation with this id.
    #[must_use]
    pub fn conversation(&self, id: &str) -> Option<&ConversationView> {
        self.conversations.iter().find(|c| c.id == id)
    }

    /// The other side of a conversation.
    #[must_use]
    pub fn peer<'a>(&self, conversation: &'a ConversationView) -> Option<&'a str> {
        conversation.members.iter().map(String::as_str).find(|m| *m != self.my_id())
    }

    /// The chat that is open.
    #[must_use]
    pub fn chat(&self) -> Option<&Chat> {
        self.chats.get(self.open.as_deref()?)
    }

    /// The chat that is open, to change it.
    pub fn chat_mut(&mut self) -> Option<&mut Chat> {
        self.chats.get_mut(self.open.as_deref()?)
    }

    /// The message that is selected in the open chat.
    #[must_use]
    pub fn message(&self) -> Option<&MessageView> {
        let chat = self.chat()?;
        let selected = chat.selected.as_deref()?;
        chat.messages.iter().find(|m| m.entry_id == selected)
    }

    /// Whom actions on a person mean: who is selected in the list, else the other side of the open conversation.
    #[must_use]
    pub fn person(&self) -> Option<String> {
        if self.focus == Focus::List
            && let Some(item) = &self.selected
        {
            return match item {
                Item::Request(id) | Item::Nearby(id) => Some(id.clone()),
                Item::Conversation(id) => {
                    self.conversation(id).and_then(|c| self.peer(c)).map(str::to_owned)
                }
            };
        }
        let open = self.conversation(self.open.as_deref()?)?;
        self.peer(open).map(str::to_owned)
    }

    /// What somebody is called here; safe to show.
    #[must_use]
    pub fn name(&self, who: &str) -> String {
        if who == self.my_id() {
            return "me".to_owned();
        }
        let contact =
            self.contacts.get(who).or_else(|| self.requests.iter().find(|r| r.connect_id == who));
        let name = contact
            .map(|c| c.name.as_str())
            .or_else(|| self.nearby.get(who).map(|n| n.name.as_str()))
            .filter(|n| !n.is_empty());
        name.map_or_else(|| short(who), crate::sanitize::line)
    }

    /// The best path to somebody: `lan`, `direct`, `relay`; `None` when there is no link.
    #[must_use]
    pub fn path(&self, who: &str) -> Option<&str> {
        let rank = |path: &str| match path {
            "lan" => 0,
            "direct" => 1,
            "relay" => 2,
            _ => 3,
        };
        let links = self.links.values().filter(|l| l.connect_id == who);
        links.map(|l| l.path.as_str()).min_by_key(|p| rank(p))
    }

    /// Whether nothing is told of a conversation now.
    #[must_use]
    pub fn is_muted(&self, conversation: &ConversationView) -> bool {
        let until = conversation.muted.as_deref();
        until.is_some_and(|u| u.parse::<Timestamp>().map_or(true, |until| until > self.now.at))
    }

    /// Whether nothing is told of anything now.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let time = self.now.at.to_zoned(self.now.zone.clone()).time();
        self.config.do_not_disturb || self.config.quiet_hours.is_some_and(|h| h.contain(time))
    }

    /// Everything that is not read.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.conversations.iter().filter(|c| !self.is_muted(c)).map(|c| c.unread).sum()
    }

    /// Who has a message of mine, and who has read it: a state says it of everybody.
    #[must_use]
    pub fn receivers(&self, message: &MessageView) -> (Vec<String>, Vec<String>) {
        let all = self.conversation(&message.conversation).map(|c| c.members.as_slice());
        let others = || all.unwrap_or_default().iter().filter(|m| *m != self.my_id()).cloned();
        let whom = |state, told: &[String]| match message.state >= state {
            true => others().collect(),
            false => told.to_vec(),
        };
        let delivered = whom(MessageState::Delivered, &message.delivered_to);
        (delivered, whom(MessageState::Read, &message.read_by))
    }

    /// Contacts that can be written to.
    #[must_use]
    pub fn is_contact(&self, who: &str) -> bool {
        self.contacts
            .get(who)
            .is_some_and(|c| !matches!(c.state, ContactState::Incoming | ContactState::Removed))
    }
}

/// The beginning of a ConnectID, as lists show it.
#[must_use]
pub fn short(who: &str) -> String {
    who.chars().take(12).collect()
}
