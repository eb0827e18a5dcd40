//! A store in memory: every branch holds its whole chain.

use std::cell::Cell;
use std::collections::BTreeMap;

use nexus_identity::Signature;
use nexus_log::entry::Entry;
use nexus_log::ids::{EntryHash, Head, LogHead, LogKey, Seq, Topic};
use nexus_log::run::{CheckedRun, Run, RunBuilder};
use nexus_sync::{Store, StoreError};

#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    pub logs: BTreeMap<LogKey, Log>,
    /// Reads fail from here on.
    pub broken: Cell<bool>,
    pub runs_read: Cell<usize>,
    pub hashes_read: Cell<usize>,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub topic: Topic,
    pub branches: Vec<Branch>,
}

#[derive(Clone, Debug)]
pub struct Branch {
    pub name: Option<EntryHash>,
    pub first: Seq,
    pub entries: Vec<Entry>,
    pub hashes: Vec<EntryHash>,
}

impl Branch {
    fn head(&self) -> Head {
        Head { seq: self.hashes.len() as u64 - 1, hash: *self.hashes.last().unwrap() }
    }

    fn push(&mut self, entry: Entry) {
        self.hashes.push(entry.hash());
        self.entries.push(entry);
    }
}

/// What became of a run.
#[derive(Debug, PartialEq, Eq)]
pub enum Stored {
    New,
    Known,
    Gap,
    OtherTopic,
}

impl MemoryStore {
    /// Stores entries as their author does: each with its signature.
    pub fn append_own(&mut self, topic: Topic, log: LogKey, entries: Vec<Entry>) {
        let held = self.logs.entry(log).or_insert_with(|| Log { topic, branches: Vec::new() });
        if held.branches.is_empty() {
            let branch = Branch { name: None, first: 0, entries: vec![], hashes: vec![] };
            held.branches.push(branch);
        }
        for entry in entries {
            held.branches[0].push(entry);
        }
    }

    /// What `ingest` and the database do with a run, as far as chains go.
    pub fn ingest(&mut self, run: &CheckedRun) -> Stored {
        let log = run.log();
        let (last, signature) = run.signed_head();
        if !self.logs.contains_key(&log) {
            let (Some(topic), 0) = (run.topic(), run.first_seq()) else { return Stored::Gap };
            self.append_own(topic, log, run.to_entries());
            return Stored::New;
        }
        let held = self.logs.get_mut(&log).unwrap();
        if run.topic().is_some_and(|topic| topic != held.topic) {
            return Stored::OtherTopic;
        }
        for branch in &mut held.branches {
            if branch.hashes.get(last.seq as usize) == Some(&last.hash) {
                sign(branch, last, &signature);
                return Stored::Known;
            }
        }
        let base = run.first_seq().checked_sub(1);
        let fits = |branch: &&mut Branch| match base {
            Some(seq) => branch.hashes.get(seq as usize) == Some(&run.first_prev()),
            None => true,
        };
        // The branch that shares most with the run.
        let best = held.branches.iter_mut().filter(fits).max_by_key(|branch| {
            (run.first_seq()..=last.seq)
                .take_while(|seq| branch.hashes.get(*seq as usize).copied() == run.hash_at(*seq))
                .count()
        });
        let Some(branch) = best else { return Stored::Gap };
        let entries = run.to_entries();
        let mut at = run.first_seq() as usize;
        let mut skip = 0;
        while at < branch.hashes.len() && run.hash_at(at as u64) == Some(branch.hashes[at]) {
            at += 1;
            skip += 1;
        }
        let rest = entries.into_iter().skip(skip);
        if at == branch.hashes.len() {
            rest.for_each(|entry| branch.push(entry));
            return Stored::New;
        }
        let mut new = Branch {
            name: run.hash_at(at as u64),
            first: at as u64,
            entries: branch.entries[..at].to_vec(),
            hashes: branch.hashes[..at].to_vec(),
        };
        rest.for_each(|entry| new.push(entry));
        held.branches.push(new);
        Stored::New
    }

    /// Everything held of a topic, whichever branch came first: to compare stores.
    pub fn contents(&self, topic: &Topic) -> Vec<(LogKey, Vec<EntryHash>)> {
        let logs = self.logs.iter().filter(|(_, held)| held.topic == *topic);
        let mut out: Vec<_> = logs
            .flat_map(|(log, held)| {
                held.branches.iter().map(|branch| (*log, branch.hashes.clone()))
            })
            .collect();
        out.sort();
        out
    }

    pub fn entries(&self) -> usize {
        self.logs.values().flat_map(|log| &log.branches).map(|branch| branch.entries.len()).sum()
    }

    fn branch(&self, log: &LogKey, name: Option<&EntryHash>) -> Option<&Branch> {
        self.logs.get(log)?.branches.iter().find(|branch| branch.name.as_ref() == name)
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.broken.get() { Err(StoreError::new("broken")) } else { Ok(()) }
    }
}

fn sign(branch: &mut Branch, head: Head, signature: &Signature) {
    branch.entries[head.seq as usize].signature = Some(*signature);
}

fn log_head(log: LogKey, branch: &Branch) -> LogHead {
    LogHead { log, branch: branch.name, first: branch.first, head: branch.head() }
}

impl Store for MemoryStore {
    fn logs(&self, topic: &Topic) -> Result<Vec<LogHead>, StoreError> {
        self.check()?;
        let logs = self.logs.iter().filter(|(_, held)| held.topic == *topic);
        Ok(logs
            .flat_map(|(log, held)| held.branches.iter().map(|branch| log_head(*log, branch)))
            .collect())
    }

    fn tips(&self, log: &LogKey) -> Result<Vec<LogHead>, StoreError> {
        self.check()?;
        let branches = self.logs.get(log).map_or(&[][..], |held| &held.branches);
        Ok(branches.iter().map(|branch| log_head(*log, branch)).collect())
    }

    fn run(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        from: Seq,
        max_bytes: usize,
    ) -> Result<Option<Run>, StoreError> {
        self.check()?;
        self.runs_read.set(self.runs_read.get() + 1);
        let Some(branch) = self.branch(log, branch) else { return Ok(None) };
        let mut builder = RunBuilder::new();
        let mut signed = false;
        for entry in branch.entries.iter().skip(from as usize) {
            let limit = if signed { max_bytes } else { usize::MAX };
            if !builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), limit) {
                break;
            }
            signed |= entry.signature.is_some();
        }
        Ok(builder.finish())
    }

    fn hash_at(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        seq: Seq,
    ) -> Result<Option<EntryHash>, StoreError> {
        self.check()?;
        self.hashes_read.set(self.hashes_read.get() + 1);
        let branch = self.branch(log, branch);
        Ok(branch.and_then(|branch| branch.hashes.get(seq as usize).copied()))
    }
}
