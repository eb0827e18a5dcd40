//! Logs and messages made by hand, for tests that need rows and no protocol.
#![allow(dead_code, reason = "each test uses its part")]

use std::path::PathBuf;

use nexus_identity::id::{ConnectId, InstanceKey, Millis};
use nexus_identity::kdf::Secret32;
use nexus_identity::keys::SigningKey;
use nexus_log::entry::Entry;
use nexus_log::fold::{Base, Message, MessageState, Shown};
use nexus_log::header::{HEADER_LEN, Kind};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{ConversationId, EntryHash, Head, LogKey, Seq, Topic};
use nexus_log::ledger::{Chain, ChainId, Ledger, NewEntry};
use nexus_log::order::Position;
use nexus_storage::own::OwnInstance;
use nexus_storage::{Database, OpenOptions, Opened, Tx};
use tempfile::TempDir;

pub const ME: [u8; 32] = [0xaa; 32];
pub const THEM: [u8; 32] = [0xbb; 32];

pub fn me() -> ConnectId {
    ConnectId::from_bytes(ME)
}

pub fn them() -> ConnectId {
    ConnectId::from_bytes(THEM)
}

pub fn conversation(n: u8) -> ConversationId {
    ConversationId::from_bytes([n; 32])
}

pub fn topic_key(n: u8) -> SigningKey {
    SigningKey::from_seed(Secret32::new([n; 32]))
}

pub fn topic(n: u8) -> Topic {
    Topic::from_bytes(topic_key(n).public())
}

pub fn options() -> OpenOptions {
    OpenOptions::new(b"machine".to_vec(), Millis(1_000))
}

pub fn home() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nexus.db");
    (dir, path)
}

pub fn own() -> OwnInstance {
    OwnInstance {
        connect_id: me(),
        instance: InstanceKey::from_bytes([7; 32]),
        seed: [8; 32].into(),
        prekeys: vec![9; 100].into(),
        record: vec![1],
        card: vec![2],
        created: Millis(5),
    }
}

/// A database with an own instance and conversations 1 to 3.
pub fn prepared() -> (TempDir, Opened) {
    let (dir, path) = home();
    let mut opened = Database::open(&path, &options()).unwrap();
    opened.writer.transaction(prepare).unwrap();
    (dir, opened)
}

pub fn prepare(tx: &mut Tx<'_>) -> Result<(), nexus_storage::StoreError> {
    tx.set_own_instance(&own(), b"machine")?;
    (1..=3).try_for_each(|n| tx.add_conversation(&conversation(n), 1, &topic(n), Some(&them())))
}

/// A log that is written by hand.
#[derive(Clone)]
pub struct Author {
    pub who: ConnectId,
    pub topic: u8,
    key: SigningKey,
    pub chain: ChainId,
    pub head: Option<Head>,
    sign: bool,
}

impl Author {
    pub fn new(who: ConnectId, topic: u8, seed: u8) -> Self {
        let key = SigningKey::from_seed(Secret32::new([seed; 32]));
        Self { who, topic, key, chain: ChainId(0), head: None, sign: true }
    }

    /// Signs nothing but what [`Author::write`] is told to.
    pub fn unsigned(mut self) -> Self {
        self.sign = false;
        self
    }

    /// Signs every entry.
    pub fn signed(mut self) -> Self {
        self.sign = true;
        self
    }

    pub fn log(&self) -> LogKey {
        LogKey::from_bytes(self.key.public())
    }

    pub fn chain_row(&self) -> Chain {
        Chain {
            id: self.chain,
            topic: topic(self.topic),
            log: self.log(),
            branch: None,
            base: None,
            first: 0,
            head: Head { seq: 0, hash: EntryHash::ZERO },
            author: None,
            hlc: Hlc(0),
            cited: None,
            hidden_from: None,
            retired: Default::default(),
            stopped: false,
        }
    }

    /// The next entry; the first is the OPEN.
    pub fn write(&mut self, payload: &[u8]) -> Entry {
        let (seq, prev) = self.head.map_or((0, EntryHash::ZERO), |h| (h.seq + 1, h.hash));
        let (kind, payload) = if seq == 0 {
            let topic = topic_key(self.topic);
            let signature = topic.sign("nexus open v1", &self.key.public());
            let open = [topic.public().as_slice(), signature.as_bytes(), &[0; 64]].concat();
            (Kind::Open, open)
        } else {
            (Kind::Entry, payload.to_vec())
        };
        let mut entry = Entry::write(&self.key, kind, seq, prev, payload).unwrap();
        if !self.sign && seq > 0 {
            entry.signature = None;
        }
        self.head = Some(Head { seq, hash: entry.hash() });
        entry
    }

    /// Writes the OPEN and makes the chain.
    pub fn open<L: Ledger>(&mut self, ledger: &mut L) {
        let entry = self.write(&[]);
        self.chain = ledger.create_chain(&self.chain_row()).unwrap();
        append(ledger, self.chain, &[(0, entry)]);
    }

    /// Writes and stores one entry; gives its position at this clock.
    pub fn append<L: Ledger>(&mut self, ledger: &mut L, hlc: u64, payload: &[u8]) -> Position {
        let entry = self.write(payload);
        let head = self.head.unwrap();
        append(ledger, self.chain, &[(head.seq, entry)]);
        Position { hlc: Hlc(hlc), log: self.log(), seq: head.seq, hash: head.hash }
    }
}

pub fn append<L: Ledger>(ledger: &mut L, chain: ChainId, entries: &[(Seq, Entry)]) {
    let headers: Vec<[u8; HEADER_LEN]> = entries.iter().map(|(_, e)| e.header).collect();
    let new: Vec<NewEntry<'_>> = entries
        .iter()
        .zip(&headers)
        .map(|((seq, entry), header)| NewEntry {
            seq: *seq,
            hash: entry.hash(),
            header,
            payload: &entry.payload,
            signature: entry.signature,
            pending: None,
        })
        .collect();
    ledger.append(chain, &new, Millis(50)).unwrap();
}

pub fn text(position: Position, author: ConnectId, text: &str) -> Message {
    Message {
        base: Base {
            position,
            author,
            sent: Millis(position.hlc.0),
            shown: Shown::Text,
            text: text.to_owned(),
            expires: None,
            far: false,
        },
        state: MessageState { text: text.to_owned(), ..MessageState::default() },
    }
}

/// Stores a text as a message of `author`.
pub fn say(tx: &mut Tx<'_>, author: &mut Author, hlc: u64, words: &str) -> Message {
    let position = author.append(tx, hlc, words.as_bytes());
    let message = text(position, author.who, words);
    tx.insert_message(&conversation(author.topic), author.chain, &message).unwrap();
    message
}
