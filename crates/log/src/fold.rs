//! From what was said to what is shown: one message and the operations on it.
//!
//! A pure function of a set: whatever order things arrive in, the message looks the same.

use nexus_identity::bugs::{self, Bug};
use nexus_identity::id::{ConnectId, Millis};

use crate::body::{Answer, FileOffer, FileRoot, Payload, PayloadType};
use crate::ids::{EntryHash, EntryRef};
use crate::order::Position;

#[cfg(test)]
mod tests;

/// Why a message can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreadable {
    /// The key of its epoch is not here yet; it is asked for.
    NoKey,
    /// It does not open, or what is inside is not what the protocol allows. Nothing will change that.
    Damaged,
}

/// What kind of thing is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A text.
    Text,
    /// A text that answers an entry.
    Reply(EntryRef),
    /// A file, a folder or several items are offered.
    File(Box<FileOffer>),
    /// Messages disappear after so many seconds from now on; `None`: no longer.
    Timer(Option<u64>),
    /// Of a type that this version does not know: "needs a newer version".
    Unknown(u64),
    /// Can't be read.
    Unreadable(Unreadable),
}

impl Shown {
    /// The payload type; 0 for what can't be read.
    #[must_use]
    pub const fn code(&self) -> u64 {
        match self {
            Self::Text => PayloadType::TEXT,
            Self::Reply(_) => PayloadType::REPLY,
            Self::File(_) => PayloadType::FILE,
            Self::Timer(_) => PayloadType::TIMER,
            Self::Unknown(code) => *code,
            Self::Unreadable(_) => 0,
        }
    }
}

/// A message as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its place in the conversation; names log, seq and hash too.
    pub position: Position,
    /// Who wrote it, by the certificate of its log.
    pub author: ConnectId,
    /// The author's wall clock (for what can't be read: when it was stored here); for display only.
    pub sent: Millis,
    /// What kind of thing it is.
    pub shown: Shown,
    /// The text as first written; empty when there is none.
    pub text: String,
    /// When it disappears from this device.
    pub expires: Option<Millis>,
    /// Its clock was too far ahead to be followed, as this device saw it. Not part of any digest.
    pub far: bool,
}

/// What one operation does to its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Replaces the text; only by the message's author.
    Edit(String),
    /// Takes it back, for good; only by the message's author.
    Retract,
    /// Sets the one reaction of its author; empty takes it back.
    React(String),
    /// Says what the content of an offer is; only by the offer's author.
    Root(FileRoot),
    /// Says what became of an offer; the last word of each person counts.
    Answer(Answer),
}

/// An edit, retraction or reaction, or a word on a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its own place in the conversation.
    pub position: Position,
    /// Who did it.
    pub author: ConnectId,
    /// Hash of the message it changes.
    pub target: EntryHash,
    /// What it does.
    pub action: Action,
    /// When it is forgotten on this device, should its target be gone.
    pub expires: Option<Millis>,
}

/// One person's reaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reaction {
    /// Who.
    pub who: ConnectId,
    /// The emoji, never empty.
    pub emoji: String,
}

/// What a message looks like now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageState {
    /// The text; empty when retracted or when there is none.
    pub text: String,
    /// Whether an edit applies.
    pub edited: bool,
    /// Whether the author took it back.
    pub retracted: bool,
    /// One of each person at most, by ConnectID.
    pub reactions: Vec<Reaction>,
    /// Of an offer: what its content is, once known.
    pub root: Option<FileRoot>,
    /// Of an offer: what became of it, one word of each person at most, by ConnectID.
    pub answers: Vec<(ConnectId, Answer)>,
}

/// A message: as written and as it looks now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// As written. Once retracted its text is empty here too.
    pub base: Base,
    /// As it looks now.
    pub state: MessageState,
}

impl Message {
    /// Folds `operations` over `base` and forgets the text of what was taken back.
    #[must_use]
    pub fn new(mut base: Base, operations: &[Operation]) -> Self {
        let state = fold_message(&base, operations);
        if state.retracted {
            base.text.clear();
            if let Shown::File(offer) = &mut base.shown {
                offer.forget();
            }
        }
        Self { base, state }
    }

    /// Whether it can be read here.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        !matches!(self.base.shown, Shown::Unreadable(_))
    }
}

/// What `base` looks like after `operations`, which may come in any order.
///
/// The last edit by the author wins, any retraction by the author is final, the last reaction of each person counts;
/// "last" is by [`Position`]. Operations without the right to act, and all on what can't be read, do nothing.
#[must_use]
pub fn fold_message(base: &Base, operations: &[Operation]) -> MessageState {
    if matches!(base.shown, Shown::Unreadable(_)) {
        return MessageState::default();
    }
    let mut sorted: Vec<&Operation> =
        operations.iter().filter(|operation| operation.target == base.position.hash).collect();
    sorted.sort_by_key(|operation| operation.position);
    let mut state = MessageState { text: base.text.clone(), ..MessageState::default() };
    let offer = match &base.shown {
        Shown::File(offer) => Some(offer),
        _ => None,
    };
    state.root = offer.and_then(|o| o.root).map(|content| FileRoot { content, sealed: None });
    let mut reactions = std::collections::BTreeMap::new();
    let mut answers = std::collections::BTreeMap::new();
    for operation in sorted {
        let own = operation.author == base.author;
        match &operation.action {
            Action::Edit(_) if state.edited && bugs::is(Bug::FirstEditWins) => {}
            Action::Edit(text) if own && has_text(&base.shown) => {
                state.text.clone_from(text);
                state.edited = true;
            }
            Action::Retract if own => state.retracted = true,
            Action::React(emoji) => drop(reactions.insert(operation.author, emoji)),
            Action::Root(root) if own && offer.is_some() => state.root = Some(*root),
            Action::Answer(Answer::Withdrawn | Answer::Changed) if !own => {}
            Action::Answer(answer) if offer.is_some() => {
                answers.insert(operation.author, *answer);
            }
            Action::Edit(_) | Action::Retract | Action::Root(_) | Action::Answer(_) => {}
        }
    }
    if state.retracted {
        return MessageState { retracted: true, ..MessageState::default() };
    }
    state.answers = answers.into_iter().collect();
    state.reactions = reactions
        .into_iter()
        .filter(|(_, emoji)| !emoji.is_empty())
        .map(|(who, emoji)| Reaction { who, emoji: emoji.clone() })
        .collect();
    state
}

const fn has_text(shown: &Shown) -> bool {
    matches!(shown, Shown::Text | Shown::Reply(_))
}

/// What a readable entry means for the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It shows as a message: kind and text.
    Show(Shown, String),
    /// It changes the message with this hash.
    Change(EntryHash, Action),
    /// It does not show.
    Nothing,
}

impl Effect {
    /// The effect of a payload.
    #[must_use]
    pub fn of(payload: Payload) -> Self {
        match payload {
            Payload::Text(text) => Self::Show(Shown::Text, text),
            Payload::Reply { target, text } => Self::Show(Shown::Reply(target), text),
            Payload::File(offer) => {
                let name = offer.name.clone();
                Self::Show(Shown::File(offer), name)
            }
            Payload::FileRoot { target, root } => Self::Change(target.hash, Action::Root(root)),
            Payload::FileAnswer { target, answer } => {
                Self::Change(target.hash, Action::Answer(answer))
            }
            Payload::Timer { seconds } => Self::Show(Shown::Timer(seconds), String::new()),
            Payload::Unknown { code, .. } => Self::Show(Shown::Unknown(code), String::new()),
            Payload::Edit { target, text } => Self::Change(target.hash, Action::Edit(text)),
            Payload::Retract { target } => Self::Change(target.hash, Action::Retract),
            Payload::Reaction { target, emoji } => Self::Change(target.hash, Action::React(emoji)),
            Payload::ReadMark(_)
            | Payload::Contact(_)
            | Payload::KeyRequest(_)
            | Payload::Retire
            | Payload::Profile { .. } => Self::Nothing,
        }
    }
}
