//! How far my entries got: marks per log and recipient that only rise.
//!
//! A mark covers everything before it, so "they have my log up to 100,000" is one row.

use nexus_identity::id::ConnectId;
use nexus_log::ids::LogKey;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, signed};
use crate::writer::Tx;

/// Delivery state of one entry at one recipient, or the lowest over all recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// Durable here.
    Queued,
    /// The last byte was written to a link of the recipient or a carrier.
    Sent,
    /// Durable at one live instance of the recipient at least.
    Delivered,
    /// Covered by the recipient's read mark.
    Read,
}

/// How far one recipient is in one log: the last sequence number of each state, `None` before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Who.
    pub recipient: ConnectId,
    /// Written to a link up to here.
    pub sent: Option<u64>,
    /// Durable there up to here.
    pub delivered: Option<u64>,
    /// Read up to here.
    pub read: Option<u64>,
}

impl Marks {
    /// State of the entry at `seq`.
    #[must_use]
    pub fn state(&self, seq: u64) -> Delivery {
        let covers = |mark: Option<u64>| mark.is_some_and(|m| m >= seq);
        match () {
            () if covers(self.read) => Delivery::Read,
            () if covers(self.delivered) => Delivery::Delivered,
            () if covers(self.sent) => Delivery::Sent,
            () => Delivery::Queued,
        }
    }
}

/// Entries that a mark newly covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Risen {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

fn mark(value: i64) -> Option<u64> {
    u64::try_from(value).ok()
}

impl Queries {
    /// Marks of every recipient of a log.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn marks(&self, log: &LogKey) -> Result<Vec<Marks>, StoreError> {
        self.all(
            "SELECT recipient, sent, delivered, read FROM delivery WHERE log = ?1 ORDER BY recipient",
            [log.as_bytes()],
            |row| {
                Ok(Marks {
                    recipient: ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    sent: mark(row.get(1)?),
                    delivered: mark(row.get(2)?),
                    read: mark(row.get(3)?),
                })
            },
        )
    }
}

impl Tx<'_> {
    /// Makes somebody a recipient of a log, with nothing sent yet. What is there stays.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn add_recipient(&mut self, log: &LogKey, recipient: &ConnectId) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO delivery (log, recipient) VALUES (?1, ?2)",
            (log.as_bytes(), recipient.as_bytes()),
        )?;
        Ok(())
    }

    /// Everything in `log` up to `upto` has reached `state` at `recipient`. States below rise with it. Returns what is
    /// newly covered, so that events can be made of it; `None` when the mark was there before.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`], or when the store can't be written.
    pub fn raise(
        &mut self,
        log: &LogKey,
        recipient: &ConnectId,
        state: Delivery,
        upto: u64,
    ) -> Result<Option<Risen>, StoreError> {
        let to = signed(upto, "a sequence number")?;
        let column = match state {
            Delivery::Queued => return Ok(None),
            Delivery::Sent => "sent",
            Delivery::Delivered => "delivered",
            Delivery::Read => "read",
        };
        let before = self
            .first(
                &format!("SELECT {column} FROM delivery WHERE log = ?1 AND recipient = ?2"),
                (log.as_bytes(), recipient.as_bytes()),
                |row| Ok(row.get::<_, i64>(0)?),
            )?
            .unwrap_or(-1);
        if before >= to {
            return Ok(None);
        }
        let (sent, delivered, read) = match state {
            Delivery::Queued | Delivery::Sent => (to, -1, -1),
            Delivery::Delivered => (to, to, -1),
            Delivery::Read => (to, to, to),
        };
        self.run(
            "INSERT INTO delivery (log, recipient, sent, delivered, read) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (log, recipient) DO UPDATE SET sent = max(sent, excluded.sent),
                 delivered = max(delivered, excluded.delivered), read = max(read, excluded.read)",
            (log.as_bytes(), recipient.as_bytes(), sent, delivered, read),
        )?;
        Ok(Some(Risen { from: mark(before + 1).unwrap_or(0), to: upto }))
    }
}
