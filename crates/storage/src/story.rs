//! The story of my entries, for `nexus why`: queued, dialled, refused because, sent over, durable at.

use nexus_identity::id::{ConnectId, Millis};
use nexus_log::ids::LogKey;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{MaybeBytes, bounded, millis, signed, to_millis};
use crate::writer::Tx;

/// Story rows kept; the oldest go.
pub const STORY_KEPT: i64 = 50_000;
/// Old rows are removed each time so many new ones came.
const TRIM_EVERY: i64 = 256;
/// Longest path or detail, in bytes.
pub const MAX_STORY_TEXT: usize = 1_024;
/// Rows of one answer at most.
const MAX_ANSWER: i64 = 500;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Written here.
    Queued,
    /// The peer was dialled.
    Dialled,
    /// The peer, or the way to it, refused.
    Refused,
    /// A link came up.
    Linked,
    /// Written to a link.
    Sent,
    /// Durable there.
    Delivered,
    /// Read there.
    Read,
    /// A link ended.
    Unlinked,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Queued,
        Self::Dialled,
        Self::Refused,
        Self::Linked,
        Self::Sent,
        Self::Delivered,
        Self::Read,
        Self::Unlinked,
    ];

    fn code(self) -> i64 {
        match self {
            Self::Queued => 1,
            Self::Dialled => 2,
            Self::Refused => 3,
            Self::Linked => 4,
            Self::Sent => 5,
            Self::Delivered => 6,
            Self::Read => 7,
            Self::Unlinked => 8,
        }
    }
}

/// One moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryRow {
    /// When.
    pub at: Millis,
    /// What.
    pub stage: Stage,
    /// With whom.
    pub peer: Option<ConnectId>,
    /// Over which path.
    pub path: String,
    /// Plain words.
    pub detail: String,
}

/// Which entries a moment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A range of one log, both ends included.
    Entries {
        /// The log.
        log: LogKey,
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Whatever was on its way to that peer at the time.
    Peer,
}

impl Queries {
    /// The story of one entry, oldest first: what is about it, and what happened with `peers` between `queued` and
    /// `settled` (when it was delivered; `None`: not yet).
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`], or when the store can't be read.
    pub fn story(
        &self,
        log: &LogKey,
        seq: u64,
        peers: &[ConnectId],
        queued: Millis,
        settled: Option<Millis>,
    ) -> Result<Vec<StoryRow>, StoreError> {
        let seq = signed(seq, "a sequence number")?;
        let mut rows = self.story_rows(
            "SELECT at, stage, peer, path, detail, id FROM story
             WHERE log = ?1 AND to_seq >= ?2 AND from_seq <= ?2 ORDER BY at, id LIMIT ?3",
            (log.as_bytes(), seq, MAX_ANSWER),
        )?;
        let until = settled.map_or(i64::MAX, millis);
        for peer in peers {
            rows.extend(self.story_rows(
                "SELECT at, stage, peer, path, detail, id FROM story
                 WHERE peer = ?1 AND log = x'' AND at BETWEEN ?2 AND ?3 ORDER BY at, id LIMIT ?4",
                (peer.as_bytes(), millis(queued), until, MAX_ANSWER),
            )?);
        }
        rows.sort_by_key(|(id, row)| (row.at, *id));
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// The newest links to somebody that came up or ended, `limit` at most, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn links_of(&self, peer: &ConnectId, limit: u32) -> Result<Vec<StoryRow>, StoreError> {
        let rows = self.story_rows(
            "SELECT at, stage, peer, path, detail, id FROM story
             WHERE peer = ?1 AND log = x'' AND stage IN (?2, ?3) ORDER BY at DESC, id DESC LIMIT ?4",
            (peer.as_bytes(), Stage::Linked.code(), Stage::Unlinked.code(), limit),
        )?;
        Ok(rows.into_iter().rev().map(|(_, row)| row).collect())
    }

    fn story_rows(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<(i64, StoryRow)>, StoreError> {
        self.all(sql, params, |row| {
            let code: i64 = row.get(1)?;
            let stage = Stage::ALL
                .into_iter()
                .find(|s| s.code() == code)
                .ok_or_else(|| StoreError::damaged("an unknown stage"))?;
            let story = StoryRow {
                at: to_millis(row.get(0)?),
                stage,
                peer: row.get::<_, MaybeBytes<32>>(2)?.connect_id(),
                path: row.get(3)?,
                detail: row.get(4)?,
            };
            Ok((row.get(5)?, story))
        })
    }
}

impl Tx<'_> {
    /// Writes a moment down.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], [`StoreError::OutOfRange`], or when the store can't be written.
    pub fn tell(&mut self, about: About, moment: &StoryRow) -> Result<(), StoreError> {
        bounded("a story", moment.path.len().max(moment.detail.len()), MAX_STORY_TEXT)?;
        let (log, from, to): (&[u8], i64, i64) = match &about {
            About::Entries { log, from, to } => (
                log.as_bytes(),
                signed(*from, "a sequence number")?,
                signed(*to, "a sequence number")?,
            ),
            About::Peer => (&[], 0, 0),
        };
        let peer: &[u8] = moment.peer.as_ref().map_or(&[], |p| p.as_bytes());
        self.run(
            "INSERT INTO story (at, log, from_seq, to_seq, stage, peer, path, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                millis(moment.at),
                log,
                from,
                to,
                moment.stage.code(),
                peer,
                &moment.path,
                &moment.detail,
            ),
        )?;
        let id = self.conn().last_insert_rowid();
        if id % TRIM_EVERY == 0 {
            self.run("DELETE FROM story WHERE id <= ?1", [id - STORY_KEPT])?;
        }
        Ok(())
    }
}
