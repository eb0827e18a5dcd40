//! Is everything in order? SQLite's own check, and a walk along every chain with every hash and signature.

use nexus_identity::id::{ConnectId, Signature, verify};
use nexus_log::entry::HEAD_CONTEXT;
use nexus_log::header::{Header, Kind, entry_hash};
use nexus_log::ids::{EntryHash, Head, LogKey, Seq, Topic};
use nexus_log::ledger::{Chain, ChainId};
use nexus_log::open;
use rusqlite::Row;

use crate::error::StoreError;
use crate::log::{from_seq, read_header};
use crate::queries::Queries;
use crate::sql::{Bytes, MaybeBytes, unsigned};

/// Problems that SQLite is asked for at most.
const MAX_PROBLEMS: i64 = 100;
/// Entries looked at between two questions whether to stop.
const STOP_EVERY: u64 = 1_000;

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainProblem {
    /// An entry is not there.
    #[error("entry {0} is missing")]
    Missing(Seq),
    /// An entry does not name the one before it.
    #[error("entry {0} does not name the entry before it")]
    Prev(Seq),
    /// Header and payload do not have the hash they are stored under.
    #[error("entry {0} is damaged")]
    Damaged(Seq),
    /// A signature is not the log key's.
    #[error("the signature of entry {0} is not valid")]
    Signature(Seq),
    /// The topic did not let this log in.
    #[error("the OPEN is not valid")]
    Open,
    /// The last entry is not the head, or is not signed.
    #[error("the head is not the last entry, or not signed")]
    Head,
    /// A row can't be read.
    #[error("a row can't be read")]
    Row,
}

/// One chain, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Its topic.
    pub topic: Topic,
    /// The log.
    pub log: LogKey,
    /// The branch, of a forked log.
    pub branch: Option<EntryHash>,
    /// Who writes it, if that is known.
    pub author: Option<ConnectId>,
    /// Entries that are in order, from the first on.
    pub entries: u64,
    /// The last of them that is signed, with its hash.
    pub good: Option<Head>,
    /// Where the head should be.
    pub head: Head,
    /// The first thing that is wrong.
    pub problem: Option<ChainProblem>,
}

/// The whole store, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// What SQLite found wrong, in its own words.
    pub pages: Vec<String>,
    /// Every chain.
    pub chains: Vec<ChainReport>,
    /// It was stopped before the end.
    pub stopped: bool,
}

impl CheckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.pages.is_empty() && self.chains.iter().all(|chain| chain.problem.is_none())
    }

    /// One plain sentence for each thing that is wrong.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let chains =
            self.chains.iter().filter_map(|c| c.problem.map(|p| format!("log {}: {p}", c.log)));
        self.pages.iter().cloned().chain(chains).collect()
    }
}

impl Queries {
    /// Checks everything. Meant for a thread of its own with a [`crate::Reader`]: it takes seconds per million entries
    /// and as much again for signatures. `stop` is asked now and then.
    ///
    /// # Errors
    /// Only when the check itself can't go on; what is wrong is in the report.
    pub fn check(&self, stop: &dyn Fn() -> bool) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport { pages: self.check_pages(), ..CheckReport::default() };
        let chains = match self.all_chains() {
            Ok(chains) => chains,
            Err(error) => {
                report.pages.push(format!("the list of logs can't be read: {error}"));
                return Ok(report);
            }
        };
        for chain in &chains {
            match self.check_chain(chain, stop) {
                Some(checked) => report.chains.push(checked),
                None => {
                    report.stopped = true;
                    break;
                }
            }
        }
        Ok(report)
    }

    fn check_pages(&self) -> Vec<String> {
        let found = self.all(&format!("PRAGMA integrity_check({MAX_PROBLEMS})"), [], |row| {
            Ok(row.get::<_, String>(0)?)
        });
        let mut problems = match found {
            Ok(lines) => lines.into_iter().filter(|line| line != "ok").collect(),
            Err(error) => vec![error.to_string()],
        };
        let foreign = self.all(
            "SELECT \"table\", count(*) FROM pragma_foreign_key_check GROUP BY 1",
            [],
            |row| {
                Ok(format!(
                    "{} rows of {} refer to nothing",
                    row.get::<_, i64>(1)?,
                    row.get::<_, String>(0)?
                ))
            },
        );
        match foreign {
            Ok(lines) => problems.extend(lines),
            Err(error) => problems.push(error.to_string()),
        }
        problems
    }

    /// Checks one chain. `None`: stopped.
    pub fn check_chain(&self, chain: &Chain, stop: &dyn Fn() -> bool) -> Option<ChainReport> {
        let mut walk = Walk::new(chain);
        let mut finished = true;
        let walked = self.base_hash(chain).and_then(|before| {
            walk.before = before;
            finished = self.walk(chain.id, &mut walk, stop)?;
            Ok(())
        });
        if walked.is_err() {
            walk.problem.get_or_insert(ChainProblem::Row);
        }
        finished.then(|| walk.report())
    }

    fn walk(
        &self,
        chain: ChainId,
        walk: &mut Walk<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, StoreError> {
        let mut statement = self.statement(
            "SELECT e.seq, e.hash, e.payload, e.signature, c.log, e.kind, e.flags, e.prev
             FROM entries e JOIN chains c ON c.id = e.chain WHERE e.chain = ?1 ORDER BY e.seq",
        )?;
        let mut rows = statement.query([chain.0])?;
        while let Some(row) = rows.next()? {
            if walk.entries.is_multiple_of(STOP_EVERY) && stop() {
                return Ok(false);
            }
            if let Err(problem) = walk.step(row)? {
                walk.problem = Some(problem);
                break;
            }
        }
        Ok(true)
    }

    /// Hash of the entry that a chain hangs on.
    fn base_hash(&self, chain: &Chain) -> Result<EntryHash, StoreError> {
        let Some((base, seq)) = chain.base else { return Ok(EntryHash::ZERO) };
        self.first(
            "SELECT hash FROM entries WHERE chain = ?1 AND seq = ?2",
            (base.0, from_seq(seq)),
            |row| Ok(EntryHash::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )?
        .ok_or(StoreError::Missing { what: "base" })
    }
}

/// A walk along one chain.
struct Walk<'a> {
    chain: &'a Chain,
    next: Seq,
    before: EntryHash,
    entries: u64,
    good: Option<Head>,
    last: Option<Head>,
    problem: Option<ChainProblem>,
}

impl<'a> Walk<'a> {
    fn new(chain: &'a Chain) -> Self {
        Self {
            chain,
            next: chain.first,
            before: EntryHash::ZERO,
            entries: 0,
            good: None,
            last: None,
            problem: None,
        }
    }

    fn step(&mut self, row: &Row<'_>) -> Result<Result<(), ChainProblem>, StoreError> {
        let seq = unsigned(row.get(0)?)?;
        let hash = EntryHash::from_bytes(row.get::<_, Bytes<32>>(1)?.0);
        let payload = row.get_ref(2)?.as_blob().map_err(|_| StoreError::damaged("a payload"))?;
        let signature = row.get::<_, MaybeBytes<64>>(3)?.0.map(Signature);
        let header = read_header(row, 4, seq, payload)?;
        if let Err(problem) = self.check(&header, hash, payload, signature.as_ref()) {
            return Ok(Err(problem));
        }
        let head = Head { seq, hash };
        self.last = Some(head);
        if signature.is_some() {
            self.good = Some(head);
        }
        self.before = hash;
        self.next = seq.saturating_add(1);
        self.entries += 1;
        Ok(Ok(()))
    }

    fn check(
        &self,
        header: &Header,
        hash: EntryHash,
        payload: &[u8],
        signature: Option<&Signature>,
    ) -> Result<(), ChainProblem> {
        let seq = header.seq;
        let ensure = |holds: bool, problem| if holds { Ok(()) } else { Err(problem) };
        ensure(seq == self.next, ChainProblem::Missing(self.next))?;
        ensure(header.prev == self.before, ChainProblem::Prev(seq))?;
        ensure(entry_hash(&header.encode()) == hash, ChainProblem::Damaged(seq))?;
        ensure((header.kind == Kind::Open) == (seq == 0), ChainProblem::Open)?;
        if seq == 0 {
            ensure(
                open::check(&header.log, payload) == Some(self.chain.topic),
                ChainProblem::Open,
            )?;
        }
        match signature {
            None => Ok(()),
            Some(signature) => {
                verify(header.log.as_bytes(), HEAD_CONTEXT, hash.as_bytes(), signature)
                    .map_err(|_| ChainProblem::Signature(seq))
            }
        }
    }

    fn report(self) -> ChainReport {
        let whole = self.last == Some(self.chain.head) && self.good == self.last;
        let missing = self.last.is_none_or(|last| last.seq < self.chain.head.seq);
        let end = match (whole, missing) {
            (true, _) => None,
            (false, true) => Some(ChainProblem::Missing(self.next)),
            (false, false) => Some(ChainProblem::Head),
        };
        ChainReport {
            topic: self.chain.topic,
            log: self.chain.log,
            branch: self.chain.branch,
            author: self.chain.author.as_ref().map(|author| author.who),
            entries: self.entries,
            good: self.good,
            head: self.chain.head,
            problem: self.problem.or(end),
        }
    }
}
