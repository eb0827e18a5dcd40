//! A laboratory for the engine: nodes with stores in memory, wires that carry framed bytes at a
//! rate and with a delay, commits that take a while. One clock, one seed, no threads.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "shared by test files")]

pub mod by_hand;
pub mod hostile;
pub mod store;
pub mod wire;
pub mod world;

use nexus_identity::{Secret32, SigningKey};
use nexus_log::entry::Entry;
use nexus_log::header::Kind;
use nexus_log::ids::{EntryHash, Head, LogKey, Topic};
use nexus_sync::{WantSecret, WantedTopic};

/// A conversation that the nodes of a test may share.
#[derive(Clone)]
pub struct Room {
    key: SigningKey,
    pub topic: Topic,
    pub secret: [u8; 32],
}

impl Room {
    pub fn new(seed: u8) -> Self {
        let key = SigningKey::from_seed(Secret32::new([seed; 32]));
        let topic = Topic::from_bytes(key.public());
        Self { key, topic, secret: [seed ^ 0x5a; 32] }
    }

    /// Like [`Room::new`], for tests with more than 256 of them.
    pub fn numbered(number: u32) -> Self {
        let mut seed = [0xee; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let key = SigningKey::from_seed(Secret32::new(seed));
        let topic = Topic::from_bytes(key.public());
        seed[31] = 1;
        Self { key, topic, secret: seed }
    }

    pub fn wanted(&self, priority: u64) -> WantedTopic {
        let want = WantSecret::new(Secret32::new(self.secret));
        WantedTopic { topic: self.topic, want, priority }
    }

    /// The OPEN payload that lets `log` in; the certificate is noise, sync can't read it.
    pub fn open(&self, log: &LogKey) -> Vec<u8> {
        let mut payload = self.topic.as_bytes().to_vec();
        payload.extend_from_slice(&self.key.sign("nexus open v1", log.as_bytes()).0);
        payload.extend_from_slice(&[0; 24 + 200]);
        payload
    }
}

/// The writer of one log.
#[derive(Clone)]
pub struct Writer {
    pub key: SigningKey,
    pub room: Room,
    pub head: Option<Head>,
}

impl Writer {
    pub fn new(seed: u64, room: &Room) -> Self {
        let mut bytes = [0x77; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        bytes[8..24].copy_from_slice(&room.topic.as_bytes()[..16]);
        let key = SigningKey::from_seed(Secret32::new(bytes));
        Self { key, room: room.clone(), head: None }
    }

    pub fn log(&self) -> LogKey {
        LogKey::from_bytes(self.key.public())
    }

    /// The next entry: OPEN first, then payloads of `size` bytes of noise.
    pub fn write(&mut self, size: usize, noise: u8) -> Entry {
        let entry = match self.head {
            None => {
                let payload = self.room.open(&self.log());
                Entry::write(&self.key, Kind::Open, 0, EntryHash::ZERO, payload).unwrap()
            }
            Some(head) => {
                let payload = vec![noise; size];
                Entry::write(&self.key, Kind::Entry, head.seq + 1, head.hash, payload).unwrap()
            }
        };
        let seq = self.head.map_or(0, |head| head.seq + 1);
        self.head = Some(Head { seq, hash: entry.hash() });
        entry
    }
}
