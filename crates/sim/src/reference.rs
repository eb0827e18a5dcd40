//! A second fold, written from `docs/protocol.md` (5.7 to 5.9) alone: what people said, and which of it a device holds, become what it
//! must show. It shares no code with the log's own fold, is slow, and knows nothing of keys, chains or arrival.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::ConnectId;
use nexus_log::body::Payload;
use nexus_log::fold::{Message, Shown, Unreadable};
use nexus_log::ids::{EntryHash, LogKey, Seq};
use nexus_log::order::Position;

use crate::node::Signed;

/// What one message looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Time, log, number there, hash: what it is sorted by.
    pub place: (u64, [u8; 32], u64, [u8; 32]),
    /// Whose it is.
    pub author: ConnectId,
    /// The type, as the protocol numbers it; 0: can't be read.
    pub kind: u64,
    /// What a reply answers.
    pub answers: Option<[u8; 32]>,
    /// The seconds of a timer.
    pub seconds: Option<u64>,
    /// The text as it is now.
    pub text: String,
    /// Another text than at first.
    pub edited: bool,
    /// Taken back.
    pub retracted: bool,
    /// Who reacted how.
    pub reactions: BTreeMap<ConnectId, String>,
}

/// What a device must show of a conversation, and what it must know beside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shows {
    /// Messages that do not disappear, in order.
    pub rows: Vec<Row>,
    /// How far everybody has read, by log.
    pub read: BTreeMap<(ConnectId, LogKey), Seq>,
    /// The timer in force, if one was ever set.
    pub timer: Option<Option<u64>>,
    /// Every timer that was ever set, also by what can't be read: what does not show may then be gone with a key.
    pub timers: BTreeSet<Option<u64>>,
}

const fn place(at: &Position) -> (u64, [u8; 32], u64, [u8; 32]) {
    (at.hlc.0, *at.log.as_bytes(), at.seq, *at.hash.as_bytes())
}

/// Makes it from the entries that a device holds; `unreadable` are those that it has no key for.
#[must_use]
pub fn fold(held: &[&Signed], unreadable: &BTreeSet<EntryHash>) -> Shows {
    let read = held.iter().copied().filter(|one| !unreadable.contains(&one.hash));
    let mut said: Vec<&Signed> = read.collect();
    said.sort_by_key(|one| place(&one.position));
    let mut shows = Shows::default();
    let retired = retirements(&said);
    said.retain(|one| retired.get(&one.position.log).is_none_or(|from| one.position.seq <= *from));
    shows.timers = held.iter().filter_map(|one| timer(one)).collect();
    for one in &said {
        if let Payload::ReadMark(marks) = &one.payload {
            for mark in marks {
                let far = shows.read.entry((one.author, mark.log)).or_insert(mark.seq);
                *far = mark.seq.max(*far);
            }
        }
    }
    shows.timer = said.iter().rev().find_map(|one| timer(one));
    shows.rows = said.iter().filter_map(|one| row(one, &said)).collect();
    let dark = held.iter().filter(|one| unreadable.contains(&one.hash));
    shows.rows.extend(dark.map(|one| blank(one)));
    shows.rows.sort_by_key(|row| row.place);
    shows
}

const fn timer(one: &Signed) -> Option<Option<u64>> {
    match one.payload {
        Payload::Timer { seconds } => Some(seconds),
        _ => None,
    }
}

/// What follows these does not show.
fn retirements(said: &[&Signed]) -> BTreeMap<LogKey, Seq> {
    let mut retired = BTreeMap::new();
    for one in said.iter().filter(|one| one.payload == Payload::Retire) {
        let place = one.position;
        let from = retired.entry(place.log).or_insert(place.seq);
        *from = place.seq.min(*from);
    }
    retired
}

/// Of what can't be read nothing is known but where it is, and whose: it stands before everything that has a time.
fn blank(one: &Signed) -> Row {
    let (_, log, seq, hash) = place(&one.position);
    Row {
        place: (0, log, seq, hash),
        author: one.author,
        kind: 0,
        answers: None,
        seconds: None,
        text: String::new(),
        edited: false,
        retracted: false,
        reactions: BTreeMap::new(),
    }
}

/// The message that an entry is, after everything that was done to it; `None` if it is none, or disappears.
fn row(one: &Signed, said: &[&Signed]) -> Option<Row> {
    let mut row = Row { place: place(&one.position), kind: one.payload.code(), ..blank(one) };
    match &one.payload {
        _ if one.fleeting => return None,
        Payload::Text(text) => row.text.clone_from(text),
        Payload::Reply { target, text } => {
            row.answers = Some(*target.hash.as_bytes());
            row.text.clone_from(text);
        }
        Payload::Timer { seconds } => row.seconds = *seconds,
        Payload::Unknown { .. } => {}
        _ => return None,
    }
    // In order of place: the last one of each kind stands.
    for later in said {
        match &later.payload {
            Payload::Retract { target } if target.hash == one.hash => {
                row.retracted |= later.author == one.author;
            }
            Payload::Edit { target, text }
                if target.hash == one.hash
                    && later.author == one.author
                    && (row.kind == 1 || row.kind == 5) =>
            {
                row.text.clone_from(text);
                row.edited = true;
            }
            Payload::Reaction { target, emoji } if target.hash == one.hash => {
                row.reactions.insert(later.author, emoji.clone());
            }
            _ => {}
        }
    }
    row.reactions.retain(|_, emoji| !emoji.is_empty());
    if row.retracted {
        row.text.clear();
        row.edited = false;
        row.reactions.clear();
    }
    Some(row)
}

/// A message as a device shows it, to be compared.
#[must_use]
pub fn seen(message: &Message) -> Row {
    let (base, state) = (&message.base, &message.state);
    let (answers, seconds) = match &base.shown {
        Shown::Reply(to) => (Some(*to.hash.as_bytes()), None),
        Shown::Timer(seconds) => (None, *seconds),
        _ => (None, None),
    };
    Row {
        place: place(&base.position),
        author: base.author,
        kind: match &base.shown {
            Shown::Text => 1,
            Shown::Reply(_) => 5,
            Shown::File(_) => 6,
            Shown::Timer(_) => 9,
            Shown::Unknown(kind) => *kind,
            Shown::Unreadable(Unreadable::NoKey | Unreadable::Damaged) => 0,
        },
        answers,
        seconds,
        text: state.text.clone(),
        edited: state.edited,
        retracted: state.retracted,
        reactions: state.reactions.iter().map(|one| (one.who, one.emoji.clone())).collect(),
    }
}
