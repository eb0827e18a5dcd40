//! What lies above the panes: help, palette, search, forms, questions, pages.

use nexus_node::api::{Command, MessageView};

use super::composer::Composer;
use crate::keymap::{Action, Key, Place};

/// Something above the panes.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// The keys.
    Help {
        /// Lines scrolled away.
        scroll: usize,
    },
    /// Something to choose from, by typing.
    Pick(Pick),
    /// Search, with what was found.
    Search(Search),
    /// Something to fill in.
    Form(Form),
    /// A question with yes or no.
    Confirm(Confirm),
    /// Something to read.
    Page(Page),
    /// A key for something.
    Bind(Bind),
    /// A QR code of this text, on the whole screen.
    Code(String),
    /// Settings.
    Settings {
        /// Which is selected.
        selected: usize,
    },
}

/// What is chosen from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickKind {
    /// All actions.
    Palette,
    /// All conversations.
    Switch,
    /// Reactions to the selected message.
    React,
    /// How long the conversation that is meant stays muted.
    Mute,
    /// After how long its messages disappear.
    Timer,
    /// Links of the selected message.
    Links,
    /// What has which key.
    Keys,
}

/// A key that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Where it is to be pressed.
    pub place: Place,
    /// What it is to do.
    pub action: Action,
    /// What was pressed so far.
    pub keys: Vec<Key>,
    /// What is wrong with that.
    pub error: String,
}

/// A choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// What is chosen from.
    pub kind: PickKind,
    /// The conversation it is about, where it is about one.
    pub about: String,
    /// What was typed.
    pub field: Composer,
    /// Which of what fits is selected.
    pub selected: usize,
}

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Do this.
    Action(Action),
    /// Go there.
    Conversation(String),
    /// React so; empty takes it back.
    Emoji(String),
    /// Mute for so many seconds; `None`: until it is unmuted.
    Mute(Option<u64>),
    /// Messages disappear after so many seconds; `None`: they stay.
    Timer(Option<u64>),
    /// Look at this link.
    Link(String),
    /// Give this another key, in this place.
    Bind(Place, Action),
}

/// A line of a choice; safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub label: String,
    /// Beside it.
    pub hint: String,
    /// What it is.
    pub choice: Choice,
}

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// What was typed.
    pub field: Composer,
    /// Only in this conversation.
    pub within: Option<String>,
    /// What was found, newest first.
    pub found: Vec<MessageView>,
    /// For which words that was.
    pub answered: String,
    /// Which is selected.
    pub selected: usize,
    /// What was written around one of them, once it was asked for.
    pub around: Option<Around>,
}

/// What was written around a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Around {
    /// Entry id of the message.
    pub of: String,
    /// It, the one before and the one after; `None` until that is known.
    pub messages: Option<Vec<MessageView>>,
}

impl Search {
    /// The message before the selected result, it, and the one after; `None` until that is known.
    #[must_use]
    pub fn beside(&self) -> Option<[Option<&MessageView>; 3]> {
        let hit = self.found.get(self.selected)?;
        let around = self.around.as_ref().filter(|a| a.of == hit.entry_id)?;
        let all = around.messages.as_ref()?;
        let at = all.iter().position(|m| m.entry_id == hit.entry_id);
        let get = |at: Option<usize>| at.and_then(|at| all.get(at));
        let before = at.and_then(|at| at.checked_sub(1));
        Some([get(before), get(at), get(at.map(|at| at + 1))])
    }
}

/// What a form is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormKind {
    /// Ask somebody to become a contact.
    AddContact,
    /// Go to a day.
    Date,
    /// My name for others.
    Name,
    /// Write a backup.
    Backup,
    /// My name for somebody, by ConnectID.
    Rename(String),
    /// The hours in which nothing is told.
    QuietHours,
    /// The file for a picture of this text as a QR code.
    Picture(String),
}

/// Something to fill in.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// What for.
    pub kind: FormKind,
    /// Labels and what was typed.
    pub fields: Vec<(&'static str, Composer)>,
    /// Which field has the keys.
    pub at: usize,
    /// What is wrong with it.
    pub error: String,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    /// The question.
    pub question: String,
    /// What is to be compared, in lines of its own: nothing that somebody else chose stands beside it.
    pub number: Option<String>,
    /// What a yes asks of the node.
    pub command: Command,
    /// What is said then.
    pub done: &'static str,
    /// Whether it is about a contact.
    pub contact: bool,
}

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What.
    pub kind: PageKind,
    /// Lines scrolled away.
    pub scroll: usize,
}

/// What there is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageKind {
    /// Links, discovery, store, checks.
    Network,
    /// The story of a message.
    Why(String),
    /// My ConnectID.
    MyId,
    /// An invite link.
    Invite,
    /// A backup, and the words that open it.
    Backup,
    /// Somebody, by ConnectID.
    Contact(String),
    /// A link, whole, before it is opened.
    Link(String),
}

impl Window {
    /// The field that typing goes to.
    pub fn field(&mut self) -> Option<&mut Composer> {
        match self {
            Self::Pick(pick) => Some(&mut pick.field),
            Self::Search(search) => Some(&mut search.field),
            Self::Form(form) => form.fields.get_mut(form.at).map(|(_, field)| field),
            _ => None,
        }
    }
}

/// A choice of this kind, nothing typed yet.
#[must_use]
pub fn pick(kind: PickKind) -> Window {
    pick_for(kind, "")
}

/// A choice about a conversation.
#[must_use]
pub fn pick_for(kind: PickKind, about: &str) -> Window {
    Window::Pick(Pick { kind, about: about.to_owned(), field: Composer::default(), selected: 0 })
}
