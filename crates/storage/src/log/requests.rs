//! Keys that are missing: what waits for them, who asked whom; and what is cited of crowded logs.

use nexus_identity::id::{InstanceKey, Millis};
use nexus_log::ids::{EntryHash, EntryRef, Epoch, LogKey, Topic};
use nexus_log::ledger::{OpenRequest, Times, Waiting};
use rusqlite::{Params, Row};

use super::entries::limit_column;
use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, millis, to_millis, unsigned};

fn read_request(row: &Row<'_>) -> Result<OpenRequest, StoreError> {
    Ok(OpenRequest {
        topic: Topic::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        instance: InstanceKey::from_bytes(row.get::<_, Bytes<32>>(1)?.0),
        log: LogKey::from_bytes(row.get::<_, Bytes<32>>(2)?.0),
        epoch: row.get(3)?,
    })
}

/// The columns that a request is known by.
fn columns(request: &OpenRequest) -> impl Params {
    let OpenRequest { topic, instance, log, epoch } = request;
    (topic.as_bytes(), instance.as_bytes(), log.as_bytes(), *epoch)
}

/// From two columns, beginning at `at`.
fn read_times(row: &Row<'_>, at: usize) -> Result<Option<Times>, StoreError> {
    let when: Option<i64> = row.get(at)?;
    let Some(when) = when.map(to_millis) else { return Ok(None) };
    Ok(Some(Times { at: when, count: row.get(at + 1)? }))
}

impl Queries {
    pub(crate) fn waiting_epochs(
        &self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        let logs = self.all(
            "SELECT DISTINCT log FROM chains c WHERE topic = ?1
                 AND EXISTS (SELECT 1 FROM pending p WHERE p.log = c.log) ORDER BY log",
            [topic.as_bytes()],
            |row| Ok(LogKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )?;
        let mut waiting = Vec::new();
        for log in logs {
            waiting.extend(self.all(
                "SELECT p.epoch, a.at, a.times FROM
                     (SELECT DISTINCT epoch FROM pending WHERE log = ?1 ORDER BY epoch LIMIT ?2) p
                 LEFT JOIN keys_asked a ON a.log = ?1 AND a.epoch = p.epoch ORDER BY p.epoch",
                (log.as_bytes(), limit_column(limit)),
                |row| Ok((log, row.get(0)?, read_times(row, 1)?)),
            )?);
        }
        Ok(waiting)
    }

    pub(crate) fn keep_request(&self, request: &OpenRequest) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO key_requests (topic, instance, log, epoch) VALUES (?1, ?2, ?3, ?4)",
            columns(request),
        )?;
        Ok(())
    }

    pub(crate) fn requests_open(
        &self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<OpenRequest>, StoreError> {
        self.all(
            "SELECT topic, instance, log, epoch FROM key_requests WHERE topic = ?1
             ORDER BY instance, log, epoch LIMIT ?2",
            (topic.as_bytes(), limit_column(limit)),
            read_request,
        )
    }

    pub(crate) fn end_request(&self, request: &OpenRequest) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM key_requests WHERE topic = ?1 AND instance = ?2 AND log = ?3 AND epoch = ?4",
            columns(request),
        )?;
        Ok(())
    }

    pub(crate) fn end_requests(
        &self,
        topic: &Topic,
        log: &LogKey,
        epoch: Epoch,
    ) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM key_requests WHERE topic = ?1 AND log = ?2 AND epoch = ?3",
            (topic.as_bytes(), log.as_bytes(), epoch),
        )?;
        Ok(())
    }

    pub(crate) fn answers_to(&self, request: &OpenRequest) -> Result<Option<Times>, StoreError> {
        let times = self.first(
            "SELECT at, times FROM keys_answered
             WHERE topic = ?1 AND instance = ?2 AND log = ?3 AND epoch = ?4",
            columns(request),
            |row| read_times(row, 0),
        )?;
        Ok(times.flatten())
    }

    pub(crate) fn note_answers(
        &self,
        request: &OpenRequest,
        times: Times,
        until: Millis,
    ) -> Result<(), StoreError> {
        let OpenRequest { topic, instance, log, epoch } = request;
        self.run("DELETE FROM keys_answered WHERE at < ?1", [millis(until)])?;
        self.run(
            "INSERT OR REPLACE INTO keys_answered (topic, instance, log, epoch, at, times)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                topic.as_bytes(),
                instance.as_bytes(),
                log.as_bytes(),
                epoch,
                millis(times.at),
                times.count,
            ),
        )?;
        Ok(())
    }

    pub(crate) fn note_asked(
        &self,
        log: &LogKey,
        epoch: Epoch,
        when: Millis,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO keys_asked (log, epoch, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (log, epoch) DO UPDATE SET at = excluded.at, times = min(times + 1, 1000)",
            (log.as_bytes(), epoch, millis(when)),
        )?;
        Ok(())
    }

    pub(crate) fn crowded_logs(&self, topic: &Topic) -> Result<Vec<LogKey>, StoreError> {
        self.all(
            "SELECT log FROM crowded WHERE topic = ?1 ORDER BY log",
            [topic.as_bytes()],
            |row| Ok(LogKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )
    }

    pub(crate) fn insert_crowded(&self, topic: &Topic, log: &LogKey) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO crowded (topic, log) VALUES (?1, ?2)",
            (topic.as_bytes(), log.as_bytes()),
        )?;
        Ok(())
    }

    pub(crate) fn insert_citation(&self, entry: &EntryRef) -> Result<(), StoreError> {
        // No entry is beyond that, and whoever cites one must not be able to fail the run that says so.
        let Ok(seq) = i64::try_from(entry.seq) else { return Ok(()) };
        self.run(
            "INSERT OR IGNORE INTO citations (log, seq, hash) VALUES (?1, ?2, ?3)",
            (entry.log.as_bytes(), seq, entry.hash.as_bytes()),
        )?;
        Ok(())
    }

    pub(crate) fn citations_of(&self, log: &LogKey) -> Result<Vec<EntryRef>, StoreError> {
        self.all(
            "SELECT seq, hash FROM citations WHERE log = ?1 ORDER BY seq, hash",
            [log.as_bytes()],
            |row| {
                Ok(EntryRef {
                    log: *log,
                    seq: unsigned(row.get(0)?)?,
                    hash: EntryHash::from_bytes(row.get::<_, Bytes<32>>(1)?.0),
                })
            },
        )
    }
}
