//! A message as a row of the store.

use nexus_identity::id::{ConnectId, Millis};
use nexus_log::body::FileOffer;
use nexus_log::fold::{Base, Message, MessageState, Reaction, Shown, Unreadable, fold_message};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{ConversationId, EntryHash, EntryRef, LogKey};
use nexus_log::order::Position;
use rusqlite::Row;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, from_ordered, ordered, to_millis, unsigned};

/// Bits of the column `flags`.
pub(super) mod flag {
    pub(in crate::view) const EDITED: i64 = 1;
    pub(in crate::view) const RETRACTED: i64 = 2;
    pub(in crate::view) const FAR: i64 = 4;
    /// Counts as unread where no mark covers it: a text of somebody else.
    pub(in crate::view) const COUNTS: i64 = 8;
    pub(in crate::view) const REACTIONS: i64 = 16;
}

/// The column `shown` of an offer of a file.
pub(crate) const FILE: i64 = 7;

/// A message with what the store knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Number in the order of arrival, unique in this database; for paging through a search.
    pub arrival: i64,
    /// Its conversation.
    pub conversation: ConversationId,
    /// The message.
    pub message: Message,
    /// When its entry became durable here.
    pub stored: Millis,
    /// Its log has more than one branch.
    pub forked: bool,
}

/// Everything [`read_message`] reads; to be followed by more joins and conditions.
pub(crate) const MESSAGE: &str =
    "SELECT m.id, v.conversation, c.log, e.seq, e.hash, m.hlc, w.connect_id, m.sent,
    m.shown, m.number, m.flags, m.expires, m.reply, m.first_text, m.text, e.stored,
    EXISTS (SELECT 1 FROM chains o WHERE o.log = c.log AND o.id <> c.id)
    FROM messages m JOIN entries e ON e.id = m.id JOIN chains c ON c.id = e.chain
    JOIN people w ON w.id = m.author JOIN conversations v ON v.id = m.conversation";

/// One row of [`MESSAGE`].
pub(crate) fn read_message(queries: &Queries, row: &Row<'_>) -> Result<MessageRow, StoreError> {
    let arrival: i64 = row.get(0)?;
    let flags: i64 = row.get(10)?;
    let text: String = row.get(14)?;
    let first: Option<String> = row.get(13)?;
    let reactions = match flags & flag::REACTIONS {
        0 => Vec::new(),
        _ => queries.reactions(arrival)?,
    };
    let base = Base {
        position: Position {
            hlc: Hlc(from_ordered(row.get(5)?)),
            log: LogKey::from_bytes(row.get::<_, Bytes<32>>(2)?.0),
            seq: unsigned(row.get(3)?)?,
            hash: EntryHash::from_bytes(row.get::<_, Bytes<32>>(4)?.0),
        },
        author: ConnectId::from_bytes(row.get::<_, Bytes<32>>(6)?.0),
        sent: to_millis(row.get(7)?),
        shown: read_shown(row)?,
        text: first.unwrap_or_else(|| text.clone()),
        expires: row.get::<_, Option<i64>>(11)?.map(to_millis),
        far: flags & flag::FAR != 0,
    };
    let conversation = ConversationId::from_bytes(row.get::<_, Bytes<32>>(1)?.0);
    let retracted = flags & flag::RETRACTED != 0;
    // Files are few, and what was said of one is with its operations.
    let (root, answers) = match &base.shown {
        Shown::File(_) if !retracted => {
            let said = queries.operations_on(&conversation, &base.position.hash)?;
            let MessageState { root, answers, .. } = fold_message(&base, &said);
            (root, answers)
        }
        _ => (None, Vec::new()),
    };
    let edited = flags & flag::EDITED != 0;
    let state = MessageState { text, edited, retracted, reactions, root, answers };
    Ok(MessageRow {
        arrival,
        conversation,
        message: Message { base, state },
        stored: to_millis(row.get(15)?),
        forked: row.get(16)?,
    })
}

/// The columns `shown`, `number` and `reply`; the last holds an offer, too.
pub(super) fn shown_columns(shown: &Shown) -> (i64, Option<i64>, Option<Vec<u8>>) {
    match shown {
        Shown::Text => (1, None, None),
        Shown::Reply(to) => (2, None, Some(reference(to))),
        Shown::Timer(seconds) => (3, seconds.map(ordered), None),
        Shown::Unknown(code) => (4, Some(ordered(*code)), None),
        Shown::Unreadable(Unreadable::NoKey) => (5, None, None),
        Shown::Unreadable(Unreadable::Damaged) => (6, None, None),
        Shown::File(offer) => (FILE, None, Some(offer.encode())),
    }
}

fn read_shown(row: &Row<'_>) -> Result<Shown, StoreError> {
    let number = row.get::<_, Option<i64>>(9)?.map(from_ordered);
    Ok(match row.get::<_, i64>(8)? {
        1 => Shown::Text,
        2 => Shown::Reply(read_reference(&row.get::<_, Bytes<72>>(12)?.0)?),
        3 => Shown::Timer(number),
        4 => Shown::Unknown(number.unwrap_or(0)),
        5 => Shown::Unreadable(Unreadable::NoKey),
        6 => Shown::Unreadable(Unreadable::Damaged),
        FILE => {
            let offer = FileOffer::decode(&row.get::<_, Vec<u8>>(12)?)
                .map_err(|_| StoreError::damaged("a cut offer of a file"))?;
            Shown::File(Box::new(offer))
        }
        _ => return Err(StoreError::damaged("an unknown kind of message")),
    })
}

/// log 32 ‖ seq 8 ‖ hash 32.
fn reference(to: &EntryRef) -> Vec<u8> {
    [to.log.as_bytes().as_slice(), &to.seq.to_be_bytes(), to.hash.as_bytes()].concat()
}

fn read_reference(bytes: &[u8; 72]) -> Result<EntryRef, StoreError> {
    let cut = || StoreError::damaged("a cut reference");
    let (log, rest) = bytes.split_first_chunk::<32>().ok_or_else(cut)?;
    let (seq, hash) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    Ok(EntryRef {
        log: LogKey::from_bytes(*log),
        seq: u64::from_be_bytes(*seq),
        hash: EntryHash::from_slice(hash).ok_or_else(cut)?,
    })
}

impl Queries {
    fn reactions(&self, message: i64) -> Result<Vec<Reaction>, StoreError> {
        self.all(
            "SELECT p.connect_id, r.emoji FROM reactions r JOIN people p ON p.id = r.author
             WHERE r.message = ?1 ORDER BY p.connect_id",
            [message],
            |row| {
                Ok(Reaction {
                    who: ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    emoji: row.get(1)?,
                })
            },
        )
    }
}
