//! What comes in, and what is wanted.

use nexus_node::api::{
    BackupView, CheckView, Command, ContactView, ConversationView, DraftView, ErrorBody, EventView,
    HappenedView, IdentityView, InviteView, MessageView, NearbyView, SentView, StatusView, WhyView,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::keymap::{Action, Key, Place};
use crate::time::Now;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted, as one piece.
    Paste(String),
    /// The mouse did something.
    Mouse(Mouse),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// Whether the terminal is looked at.
    Focus(bool),
    /// It is this late.
    Time(Now),
    /// The node can be asked now.
    Attached,
    /// The node can't be had, or is gone.
    Detached(ErrorBody),
    /// The answer to something that was asked.
    Answer {
        /// Number of the question.
        serial: u64,
        /// What it was asked for.
        purpose: Purpose,
        /// What came of it.
        result: Result<Rows, ErrorBody>,
    },
    /// The node tells what happened.
    Event(Box<EventView>),
    /// What came back from the editor, or why nothing did.
    Edited(Result<String, String>),
    /// A backup was written, with so many bytes; or why not.
    Written(Result<u64, String>),
    /// The desktop could not tell this: who, and what.
    Untold(String, String),
    /// Something that did not work, from the rim.
    Said(String),
    /// Something that is done, from the rim.
    Done(String),
    /// A line was typed, where there is no screen.
    Line(String),
    /// Read out what there is, at the beginning, where there is no screen.
    Greet,
    /// What was to be told has been told, where there is no screen.
    Heard,
    /// End: a signal asked for it, or the terminal is gone.
    Quit,
}

impl Message {
    /// Whether it comes from the node.
    #[must_use]
    pub fn is_of_the_node(&self) -> bool {
        matches!(
            self,
            Self::Attached
                | Self::Detached(_)
                | Self::Answer { .. }
                | Self::Event(_)
                | Self::Untold(..)
        )
    }

    /// Whether the person waits for it.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        match self {
            // What follows from news, not from what a person did.
            Self::Answer { purpose, .. } => !matches!(
                purpose,
                Purpose::Read
                    | Purpose::Keep { .. }
                    | Purpose::Conversations
                    | Purpose::Requests
                    | Purpose::Nearby
                    | Purpose::Happened { .. }
            ),
            Self::Event(_) | Self::Untold(..) => false,
            _ => true,
        }
    }
}

/// What the mouse did, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    /// The main button was pressed.
    Click(u16, u16),
    /// The wheel was turned; up is negative.
    Wheel(u16, u16, i32),
}

/// What an answer is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Purpose {
    /// Who I am.
    Me,
    /// The list.
    Conversations,
    /// The contacts.
    Contacts,
    /// Those who ask.
    Requests,
    /// Who is near.
    Nearby,
    /// Links and store.
    Status,
    /// Checks of this machine.
    Doctor,
    /// Messages of a conversation.
    Window {
        /// Which.
        conversation: String,
        /// What becomes of them.
        load: Load,
        /// The wish that it serves ([`crate::model::chat::Chat::wish`]).
        wish: u64,
    },
    /// Where the unread messages begin.
    Unread {
        /// In which conversation.
        conversation: String,
        /// The wish that it serves.
        wish: u64,
    },
    /// What happened besides what was written.
    Happened {
        /// In which conversation.
        conversation: String,
    },
    /// Links that came up and ended.
    Paths {
        /// To whom.
        who: String,
    },
    /// What was being written.
    Draft {
        /// In which conversation.
        conversation: String,
    },
    /// Everything in a conversation is read.
    Read,
    /// A text goes out.
    Send {
        /// Into which conversation.
        conversation: String,
        /// The text, to have it back if that fails.
        text: String,
        /// What it answers.
        reply: Option<String>,
    },
    /// A new text for a message.
    Edit {
        /// In which conversation.
        conversation: String,
        /// The message.
        entry: String,
        /// The text, to have it back if that fails.
        text: String,
    },
    /// What is being written is kept as a draft.
    Keep {
        /// In which conversation.
        conversation: String,
        /// The text.
        text: String,
    },
    /// Something found.
    Search {
        /// For which words.
        query: String,
    },
    /// What was written around a message that was found.
    Around {
        /// Its entry id.
        of: String,
    },
    /// The story of a message.
    Why,
    /// An invite link.
    Invite,
    /// A contact was asked, accepted, verified, …; what to say when it is done.
    Contact(&'static str),
    /// A backup, to be written to this file.
    Backup {
        /// The file, as it was typed.
        file: String,
    },
    /// Something small; what to say when it is done, if anything.
    Change(&'static str),
}

/// What becomes of messages that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Load {
    /// They are the newest: they replace what is there.
    Newest,
    /// They come before what is there.
    Older,
    /// They come after what is there.
    Newer,
    /// They replace what is there, and this one is shown and selected.
    Around(String),
    /// They replace what is there, and the unread line stands above this one.
    Unread(String),
    /// They replace what is there; the first of this or a later RFC 3339 time is shown.
    Day(String),
    /// They replace what is there, from its beginning.
    Oldest,
}

/// The rows of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// Me.
    Me(Option<IdentityView>),
    /// Conversations.
    Conversations(Vec<ConversationView>),
    /// Contacts, or those who ask.
    Contacts(Vec<ContactView>),
    /// People nearby.
    Nearby(Vec<NearbyView>),
    /// Messages.
    Messages(Vec<MessageView>),
    /// Links and store.
    Status(Option<Box<StatusView>>),
    /// Checks.
    Checks(Vec<CheckView>),
    /// A story.
    Why(Vec<WhyView>),
    /// What happened besides what was written.
    Happened(Vec<HappenedView>),
    /// An invite link.
    Invite(Option<InviteView>),
    /// A draft.
    Draft(Option<DraftView>),
    /// A sealed backup.
    Backup(Option<BackupView>),
    /// What was written.
    Sent(Option<SentView>),
    /// Whatever else.
    Other,
}

fn all<T: DeserializeOwned>(rows: Vec<Value>) -> Result<Vec<T>, serde_json::Error> {
    rows.into_iter().map(serde_json::from_value).collect()
}

impl Rows {
    /// The rows that answer a command.
    ///
    /// # Errors
    /// When they are not what the command's documentation says.
    pub fn read(command: &Command, rows: Vec<Value>) -> Result<Self, serde_json::Error> {
        use Command as C;
        Ok(match command {
            C::Id | C::ProfileSet { .. } => Self::Me(all(rows)?.pop()),
            C::Conversations | C::Read { .. } | C::Mute { .. } | C::Timer { .. } => {
                Self::Conversations(all(rows)?)
            }
            C::Contacts
            | C::Requests
            | C::ContactAdd { .. }
            | C::ContactAccept { .. }
            | C::ContactDecline { .. }
            | C::ContactBlock { .. }
            | C::ContactUnblock { .. }
            | C::ContactRename { .. }
            | C::ContactRemove { .. }
            | C::ContactVerify { .. } => Self::Contacts(all(rows)?),
            C::Nearby { .. } => Self::Nearby(all(rows)?),
            C::Window { .. } | C::FirstUnread { .. } | C::Search { .. } => {
                Self::Messages(all(rows)?)
            }
            C::Status => Self::Status(all(rows)?.pop().map(Box::new)),
            C::Doctor => Self::Checks(all(rows)?),
            C::Why { .. } | C::PathHistory { .. } => Self::Why(all(rows)?),
            C::Happened { .. } => Self::Happened(all(rows)?),
            C::Invite { .. } => Self::Invite(all(rows)?.pop()),
            C::BackupCreate { .. } => Self::Backup(all(rows)?.pop()),
            C::Draft { .. } => Self::Draft(all(rows)?.pop()),
            C::Send { .. } | C::Edit { .. } | C::Retract { .. } | C::React { .. } => {
                Self::Sent(all(rows)?.pop())
            }
            _ => Self::Other,
        })
    }
}

/// Something that is wanted of the rim.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask the node.
    Ask {
        /// Number of the question.
        serial: u64,
        /// What for.
        purpose: Purpose,
        /// What.
        command: Box<Command>,
    },
    /// Make an identity of this name, then start the node.
    Begin {
        /// The name.
        name: String,
    },
    /// Set the title of the terminal.
    Title(String),
    /// Tell of something while the terminal is not looked at.
    Notify {
        /// Who.
        title: String,
        /// What.
        text: String,
        /// By the desktop; else by the terminal.
        desktop: bool,
    },
    /// Put this on the clipboard.
    Copy(String),
    /// Show this link in the program that the person has for such links.
    Follow(String),
    /// Let the person write in their editor, beginning with this.
    Editor(String),
    /// Write a sealed backup to a new file.
    Write {
        /// The file, as it was typed.
        file: String,
        /// The bytes, base64.
        bytes: String,
    },
    /// Keep a setting of `[tui]`: name and TOML value.
    Set(&'static str, String),
    /// Write this text to a new file.
    Save {
        /// The file, as it was typed.
        file: String,
        /// The text.
        text: String,
    },
    /// Keep what keys mean in a place: an action, none (`Some(None)`), or what the set of keys says (`None`).
    Bind {
        /// Where they are pressed.
        place: Place,
        /// The keys.
        keys: Vec<Key>,
        /// What they do.
        action: Option<Option<Action>>,
    },
    /// Tell these lines, where there is no screen.
    Tell(Vec<String>),
    /// Keep a setting of the node, for its next start: name and value.
    SetNode(&'static str, String),
    /// Go back to the shell.
    Suspend,
    /// Paint everything anew.
    Redraw,
    /// End.
    Quit,
}
