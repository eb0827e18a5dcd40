//! What sync reads: heads and runs of entries, as they are on disk.

use nexus_identity::id::Signature;
use nexus_log::ids::{EntryHash, LogHead, LogKey, Seq, Topic};
use nexus_log::ledger::{Chain, ChainId};
use nexus_log::run::{MAX_RUN_BYTES, Run, RunBuilder};
use nexus_sync::{Store, StoreError as SyncError};

use super::entries::{from_seq, read_header};
use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, MaybeBytes, unsigned};
use crate::writer::Reader;

/// A part of a branch that is stored with one chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) chain: ChainId,
    /// The first that is asked for.
    pub(crate) from: Seq,
    /// The last.
    pub(crate) to: Seq,
}

impl Queries {
    /// Where the entries of a branch from `from` on are: a branch shares what is before it with other chains.
    pub(crate) fn stretches(&self, chain: Chain, from: Seq) -> Result<Vec<Stretch>, StoreError> {
        let mut found = Vec::new();
        let (mut at, mut to) = (chain, None);
        loop {
            let end = to.unwrap_or(at.head.seq);
            let start = at.first.max(from);
            if start <= end {
                found.push(Stretch { chain: at.id, from: start, to: end });
            }
            match at.base {
                Some((base, seq)) if at.first > from && base.0 < at.id.0 => {
                    to = Some(seq);
                    at = self
                        .chain_by_id(base)?
                        .ok_or_else(|| StoreError::damaged("a branch without its base"))?;
                }
                _ => break,
            }
        }
        found.reverse();
        Ok(found)
    }

    fn fill(
        &self,
        builder: &mut RunBuilder,
        stretch: Stretch,
        max_bytes: usize,
        stop_at_signature: bool,
    ) -> Result<bool, StoreError> {
        let mut statement = self.statement(
            "SELECT e.seq, c.log, e.kind, e.flags, e.prev, e.payload, e.signature, e.hash
             FROM entries e JOIN chains c ON c.id = e.chain
             WHERE e.chain = ?1 AND e.seq BETWEEN ?2 AND ?3 ORDER BY e.seq",
        )?;
        let mut rows =
            statement.query((stretch.chain.0, from_seq(stretch.from), from_seq(stretch.to)))?;
        while let Some(row) = rows.next()? {
            let payload =
                row.get_ref(5)?.as_blob().map_err(|_| StoreError::damaged("a payload"))?;
            let header = read_header(row, 1, unsigned(row.get(0)?)?, payload)?;
            if header.hash().as_bytes() != &row.get::<_, Bytes<32>>(7)?.0 {
                // Sent on, it would look like a forgery of mine.
                return Err(StoreError::damaged("an entry"));
            }
            let signature = row.get::<_, MaybeBytes<64>>(6)?.0.map(Signature);
            if !builder.push(&header.encode(), payload, signature.as_ref(), max_bytes)
                || (stop_at_signature && signature.is_some())
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn build_run(
        &self,
        stretches: &[Stretch],
        max_bytes: usize,
        shortest: bool,
    ) -> Result<Option<Run>, StoreError> {
        let mut builder = RunBuilder::new();
        for stretch in stretches {
            if !self.fill(&mut builder, *stretch, max_bytes, shortest)? {
                break;
            }
        }
        Ok(builder.finish())
    }

    /// See [`Store::run`].
    fn run_from(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        from: Seq,
        max_bytes: usize,
    ) -> Result<Option<Run>, StoreError> {
        let Some(chain) = self.chain(log, branch)? else { return Ok(None) };
        let stretches = self.stretches(chain, from)?;
        if stretches.first().is_none_or(|first| first.from != from) {
            return Ok(None);
        }
        match self.build_run(&stretches, max_bytes, false)? {
            Some(run) => Ok(Some(run)),
            None => self.build_run(&stretches, MAX_RUN_BYTES, true),
        }
    }

    fn hash_on_branch(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        seq: Seq,
    ) -> Result<Option<EntryHash>, StoreError> {
        let Some(chain) = self.chain(log, branch)? else { return Ok(None) };
        let Some(first) = self.stretches(chain, seq)?.into_iter().next() else { return Ok(None) };
        if first.from != seq {
            return Ok(None);
        }
        self.first(
            "SELECT hash FROM entries WHERE chain = ?1 AND seq = ?2",
            (first.chain.0, from_seq(seq)),
            |row| Ok(EntryHash::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )
    }
}

impl Store for Reader {
    fn logs(&self, topic: &Topic) -> Result<Vec<LogHead>, SyncError> {
        self.log_heads(topic).map_err(SyncError::new)
    }

    fn tips(&self, log: &LogKey) -> Result<Vec<LogHead>, SyncError> {
        let mut tips: Vec<LogHead> =
            self.chains_of_log(log).map_err(SyncError::new)?.iter().map(Chain::log_head).collect();
        tips.sort();
        Ok(tips)
    }

    fn run(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        from: Seq,
        max_bytes: usize,
    ) -> Result<Option<Run>, SyncError> {
        self.run_from(log, branch, from, max_bytes).map_err(SyncError::new)
    }

    fn hash_at(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        seq: Seq,
    ) -> Result<Option<EntryHash>, SyncError> {
        self.hash_on_branch(log, branch, seq).map_err(SyncError::new)
    }
}
