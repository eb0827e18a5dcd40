//! The types of what can be said, each a map with integer keys.

use nexus_identity::cbor::{CborError, Map, MapWriter, Reader, Writer};
use nexus_identity::id::ConnectId;

use super::file::{Answer, FileOffer, FileRoot};
use super::{read_ref, write_ref};
use crate::ids::{EntryRef, Epoch, LogKey};

/// Bytes of a text at most (32 KiB).
pub const MAX_TEXT: usize = 32 * 1024;
/// Bytes of a reaction at most: room for the longest emoji sequences.
pub const MAX_EMOJI: usize = 64;
/// Bytes of a name at most.
pub const MAX_NAME: usize = 64;
/// Logs that one read mark covers at most.
pub const MAX_READ_MARKS: usize = 256;
/// Epochs that one key request names at most.
pub const MAX_KEY_REQUESTS: usize = 256;
/// Bytes of a card in contact data at most.
const MAX_CARD: usize = 32 * 1024;

/// Type codes of the payloads; what is missing here is of a later version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadType;

impl PayloadType {
    /// A text.
    pub const TEXT: u64 = 1;
    /// A new text for one of my messages.
    pub const EDIT: u64 = 2;
    /// Takes one of my messages back.
    pub const RETRACT: u64 = 3;
    /// An emoji on a message.
    pub const REACTION: u64 = 4;
    /// A text that answers a message.
    pub const REPLY: u64 = 5;
    /// A file, a folder or several items are offered.
    pub const FILE: u64 = 6;
    /// What the content of an offer was found to be.
    pub const FILE_ROOT: u64 = 7;
    /// How far I have read.
    pub const READ_MARK: u64 = 8;
    /// Messages disappear from now on, or no longer.
    pub const TIMER: u64 = 9;
    /// What my other instances should know of a contact.
    pub const CONTACT_DATA: u64 = 10;
    /// A call that was (later).
    pub const CALL_RECORD: u64 = 11;
    /// Epochs that I can't open.
    pub const KEY_REQUEST: u64 = 12;
    /// This instance writes here no more.
    pub const RETIRE: u64 = 13;
    /// What a bridge's user has seen (later).
    pub const SEEN: u64 = 14;
    /// A change of a group (later).
    pub const MEMBERSHIP: u64 = 15;
    /// My name for others.
    pub const PROFILE: u64 = 16;
    /// What became of an offer.
    pub const FILE_ANSWER: u64 = 17;
}

/// One epoch of one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName {
    /// The log.
    pub log: LogKey,
    /// The epoch.
    pub epoch: Epoch,
}

/// What my other instances should know of a contact; only in the conversation of my own instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactData {
    /// Who.
    pub who: ConnectId,
    /// My name for them.
    pub name: Option<String>,
    /// Contact state: 0 requested, 1 incoming, 2 accepted, 3 blocked, 4 removed.
    pub state: Option<u8>,
    /// My word on their safety number.
    pub verified: Option<bool>,
    /// Their card.
    pub card: Option<Vec<u8>>,
    /// Milliseconds since 1970 until which the conversation with them is quiet; 0: it is not, 2⁶⁴ − 1: for good.
    pub muted: Option<u64>,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// 1: `{1: text}`.
    Text(String),
    /// 2: `{1: target, 2: text}`.
    Edit {
        /// The message to change.
        target: EntryRef,
        /// Its new text.
        text: String,
    },
    /// 3: `{1: target}`.
    Retract {
        /// The message to take back.
        target: EntryRef,
    },
    /// 4: `{1: target, 2: emoji}`.
    Reaction {
        /// The message reacted to.
        target: EntryRef,
        /// The emoji; empty takes my reaction back.
        emoji: String,
    },
    /// 5: `{1: target, 2: text}`.
    Reply {
        /// The message answered.
        target: EntryRef,
        /// The answer.
        text: String,
    },
    /// 6: as [`FileOffer`] says.
    File(Box<FileOffer>),
    /// 7: `{1: target, 2: root, 3: sealed root}`, the last optional.
    FileRoot {
        /// The offer.
        target: EntryRef,
        /// What its content is.
        root: FileRoot,
    },
    /// 17: `{1: target, 2: answer}`.
    FileAnswer {
        /// The offer.
        target: EntryRef,
        /// What became of it.
        answer: Answer,
    },
    /// 8: `{1: [[log key, seq, hash], …]}`.
    ReadMark(Vec<EntryRef>),
    /// 9: `{1: seconds}`, 0 = off.
    Timer {
        /// Seconds until a message disappears; `None` turns it off.
        seconds: Option<u64>,
    },
    /// 10: `{1: ConnectID, 2: name, 3: state, 4: verified, 5: card, 6: muted}`, all but the first optional.
    Contact(ContactData),
    /// 12: `{1: [[log key, epoch], …]}`.
    KeyRequest(Vec<KeyName>),
    /// 13: `{}`.
    Retire,
    /// 16: `{1: name}`.
    Profile {
        /// My name for others.
        name: String,
    },
    /// A type of a later version, or a body of another shape: kept as it came, shown as "needs a newer version".
    Unknown {
        /// The type.
        code: u64,
        /// The body: one CBOR value.
        body: Vec<u8>,
    },
}

impl Payload {
    /// The type code.
    #[must_use]
    pub const fn code(&self) -> u64 {
        match self {
            Self::Text(_) => PayloadType::TEXT,
            Self::Edit { .. } => PayloadType::EDIT,
            Self::Retract { .. } => PayloadType::RETRACT,
            Self::Reaction { .. } => PayloadType::REACTION,
            Self::Reply { .. } => PayloadType::REPLY,
            Self::File(_) => PayloadType::FILE,
            Self::FileRoot { .. } => PayloadType::FILE_ROOT,
            Self::FileAnswer { .. } => PayloadType::FILE_ANSWER,
            Self::ReadMark(_) => PayloadType::READ_MARK,
            Self::Timer { .. } => PayloadType::TIMER,
            Self::Contact(_) => PayloadType::CONTACT_DATA,
            Self::KeyRequest(_) => PayloadType::KEY_REQUEST,
            Self::Retire => PayloadType::RETIRE,
            Self::Profile { .. } => PayloadType::PROFILE,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// The entry that it changes, if it changes one.
    #[must_use]
    pub const fn target(&self) -> Option<&EntryRef> {
        match self {
            Self::Edit { target, .. }
            | Self::Retract { target }
            | Self::Reaction { target, .. }
            | Self::FileRoot { target, .. }
            | Self::FileAnswer { target, .. } => Some(target),
            _ => None,
        }
    }

    /// Whether it shows: as a message, or by changing one.
    #[must_use]
    pub const fn is_shown(&self) -> bool {
        !matches!(
            self,
            Self::ReadMark(_)
                | Self::Contact(_)
                | Self::KeyRequest(_)
                | Self::Retire
                | Self::Profile { .. }
        )
    }

    /// The body as deterministic CBOR.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        let target = |map: &mut MapWriter, entry: &EntryRef| {
            map.value(1, |w| write_ref(w, entry));
        };
        match self {
            Self::Text(text) => drop(map.text(1, text)),
            Self::Edit { target: entry, text } | Self::Reply { target: entry, text } => {
                target(&mut map, entry);
                map.text(2, text);
            }
            Self::Retract { target: entry } => target(&mut map, entry),
            Self::Reaction { target: entry, emoji } => {
                target(&mut map, entry);
                map.text(2, emoji);
            }
            Self::File(offer) => offer.write(&mut map),
            Self::FileRoot { target: entry, root } => {
                target(&mut map, entry);
                root.write(&mut map);
            }
            Self::FileAnswer { target: entry, answer } => {
                target(&mut map, entry);
                map.uint(2, answer.code());
            }
            Self::ReadMark(marks) => drop(map.value(1, |w| write_list(w, marks, write_ref))),
            Self::Timer { seconds } => drop(map.uint(1, seconds.unwrap_or(0))),
            Self::Contact(data) => write_contact(&mut map, data),
            Self::KeyRequest(keys) => drop(map.value(1, |w| write_list(w, keys, write_key))),
            Self::Retire => {}
            Self::Profile { name } => drop(map.text(1, name)),
            Self::Unknown { body, .. } => return body.clone(),
        }
        map.into_bytes()
    }

    /// Reads the body of an entry of type `code`; what is not understood is [`Payload::Unknown`].
    #[must_use]
    pub fn decode(code: u64, body: &[u8]) -> Self {
        read(code, body)
            .ok()
            .flatten()
            .unwrap_or_else(|| Self::Unknown { code, body: body.to_vec() })
    }
}

fn read(code: u64, body: &[u8]) -> Result<Option<Payload>, CborError> {
    let map = Map::decode(body)?;
    let target = || read_ref(&mut map.get(1)?);
    let text = |key, max| map.get(key)?.text_up_to(max).map(str::to_owned);
    Ok(Some(match code {
        PayloadType::TEXT => Payload::Text(text(1, MAX_TEXT)?),
        PayloadType::EDIT => Payload::Edit { target: target()?, text: text(2, MAX_TEXT)? },
        PayloadType::RETRACT => Payload::Retract { target: target()? },
        PayloadType::REACTION => {
            Payload::Reaction { target: target()?, emoji: text(2, MAX_EMOJI)? }
        }
        PayloadType::REPLY => Payload::Reply { target: target()?, text: text(2, MAX_TEXT)? },
        PayloadType::FILE => {
            let offer = FileOffer::read(&map)?;
            if offer.name.is_empty() {
                return Err(CborError::Expected("a name"));
            }
            Payload::File(Box::new(offer))
        }
        PayloadType::FILE_ROOT => {
            Payload::FileRoot { target: target()?, root: FileRoot::read(&map)? }
        }
        PayloadType::FILE_ANSWER => {
            let answer = Answer::from_code(map.get(2)?.uint()?);
            match answer {
                Some(answer) => Payload::FileAnswer { target: target()?, answer },
                None => return Ok(None),
            }
        }
        PayloadType::READ_MARK => {
            Payload::ReadMark(read_list(map.get(1)?, MAX_READ_MARKS, read_ref)?)
        }
        PayloadType::TIMER => {
            let seconds = map.get(1)?.uint()?;
            Payload::Timer { seconds: (seconds > 0).then_some(seconds) }
        }
        PayloadType::CONTACT_DATA => Payload::Contact(read_contact(&map)?),
        PayloadType::KEY_REQUEST => {
            Payload::KeyRequest(read_list(map.get(1)?, MAX_KEY_REQUESTS, read_key)?)
        }
        PayloadType::RETIRE => Payload::Retire,
        PayloadType::PROFILE => Payload::Profile { name: text(1, MAX_NAME)? },
        _ => return Ok(None),
    }))
}

fn write_list<T>(writer: &mut Writer, items: &[T], write: impl Fn(&mut Writer, &T)) {
    writer.array(items.len());
    items.iter().for_each(|item| write(writer, item));
}

fn read_list<T>(
    mut reader: Reader<'_>,
    max: usize,
    read: impl Fn(&mut Reader<'_>) -> Result<T, CborError>,
) -> Result<Vec<T>, CborError> {
    (0..reader.array(max)?).map(|_| read(&mut reader)).collect()
}

fn write_key(writer: &mut Writer, key: &KeyName) {
    writer.array(2).bytes(key.log.as_bytes()).uint(u64::from(key.epoch));
}

fn read_key(reader: &mut Reader<'_>) -> Result<KeyName, CborError> {
    if reader.array(2)? != 2 {
        return Err(CborError::Expected("[log key, epoch]"));
    }
    Ok(KeyName { log: LogKey::from_bytes(reader.array_of()?), epoch: reader.u32()? })
}

fn write_contact(map: &mut MapWriter, data: &ContactData) {
    map.bytes(1, data.who.as_bytes());
    if let Some(name) = &data.name {
        map.text(2, name);
    }
    if let Some(state) = data.state {
        map.uint(3, u64::from(state));
    }
    if let Some(verified) = data.verified {
        map.bool(4, verified);
    }
    if let Some(card) = &data.card {
        map.bytes(5, card);
    }
    if let Some(muted) = data.muted {
        map.uint(6, muted);
    }
}

fn read_contact(map: &Map<'_>) -> Result<ContactData, CborError> {
    Ok(ContactData {
        who: ConnectId::from_bytes(map.get(1)?.array_of()?),
        name: map
            .find(2)
            .map(|mut reader| reader.text_up_to(MAX_NAME).map(str::to_owned))
            .transpose()?,
        state: map.find(3).map(|mut reader| reader.u8()).transpose()?,
        verified: map.find(4).map(|mut reader| reader.bool()).transpose()?,
        card: map
            .find(5)
            .map(|mut reader| reader.bytes_up_to(MAX_CARD).map(<[u8]>::to_vec))
            .transpose()?,
        muted: map.find(6).map(|mut reader| reader.uint()).transpose()?,
    })
}
