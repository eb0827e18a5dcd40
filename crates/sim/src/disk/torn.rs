//! A power cut: of what was written and not synced, some is on the disk, some is not, and some is half there.
//!
//! In memory that is a ledger as it was. In the database it is what SQLite must make of a write-ahead log that is torn: the
//! log's bytes from some place on are damaged, sector by sector, and opening must find what was whole and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexus_log::memory::MemoryLedger;

use super::{Disk, DiskError, FILE, Kept, Sqlite, directory, failed};
use crate::dice::Dice;
use crate::facts::Facts;

/// What a disk writes at once, or not at all.
const SECTOR: usize = 512;
/// Bytes before the first frame of a write-ahead log, and before the page of each frame (SQLite's file format).
const WAL_HEAD: usize = 32;
const WAL_FRAME_HEAD: usize = 24;

/// What is durable at some instant: a power cut may take what comes after it.
#[derive(Debug)]
pub struct Synced {
    /// The ledger then; the database has its own way of going back.
    ledger: Option<Box<MemoryLedger>>,
    facts: Arc<Facts>,
    commits: u64,
}

impl Disk {
    /// Everything up to here is durable.
    ///
    /// # Errors
    /// When the database can't move its log into the file.
    pub fn synced(&mut self) -> Result<Synced, DiskError> {
        let ledger = match &mut self.kept {
            Kept::Memory(ledger) => Some(ledger.clone()),
            // From here on the log holds what came after, and nothing else.
            Kept::Sqlite(sqlite) => {
                sqlite.writer.checkpoint()?;
                None
            }
        };
        Ok(Synced { ledger, facts: Arc::clone(&self.facts), commits: self.commits })
    }

    /// The power goes: whatever was committed since then was not synced, and is torn.
    ///
    /// # Errors
    /// When the database does not open again.
    pub fn tear(&mut self, synced: Synced, dice: &mut Dice) -> Result<(), DiskError> {
        let cut = match (&mut self.kept, synced.ledger) {
            (Kept::Memory(ledger), Some(before)) => {
                *ledger = before;
                None
            }
            (Kept::Sqlite(sqlite), _) => {
                let torn = self.commits > synced.commits;
                Some(sqlite.after_power_cut(torn.then_some(dice))?)
            }
            (Kept::Memory(_), None) => None,
        };
        if let Some(sqlite) = cut {
            self.kept = Kept::Sqlite(Box::new(sqlite));
        }
        self.facts = synced.facts;
        self.fuse = None;
        Ok(())
    }
}

impl Sqlite {
    /// The same files as they are now, without being closed, opened elsewhere; with `dice`, the log is torn before the end of
    /// its first transaction.
    pub(super) fn after_power_cut(&self, dice: Option<&mut Dice>) -> Result<Self, DiskError> {
        let dir = directory()?;
        let to = dir.path().join(FILE);
        std::fs::copy(&self.path, &to).map_err(failed)?;
        let mut log = match std::fs::read(beside(&self.path)) {
            Ok(log) => log,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        if let Some(dice) = dice {
            tear(&mut log, dice);
        }
        std::fs::write(beside(&to), log).map_err(failed)?;
        Self::open(dir)
    }
}

/// `nexus.db-wal`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Damages a log somewhere in its first transaction, and loses sectors of what follows.
fn tear(log: &mut Vec<u8>, dice: &mut Dice) {
    let Some(end) = first_commit(log) else { return };
    let place = dice.index(end);
    for start in (place / SECTOR + 1..log.len().div_ceil(SECTOR)).map(|at| at * SECTOR) {
        if dice.chance(400) {
            let end = (start + SECTOR).min(log.len());
            log[start..end].fill(0);
        }
    }
    if dice.chance(300) {
        log.truncate(place);
    } else {
        log[place] ^= 0xff;
    }
}

/// Where the first transaction of a log ends.
fn first_commit(log: &[u8]) -> Option<usize> {
    let number = |at: usize| -> Option<u32> {
        Some(u32::from_be_bytes(*log.get(at..)?.first_chunk::<4>()?))
    };
    let page = usize::try_from(number(8)?).ok().filter(|page| *page > 0)?;
    let mut at = WAL_HEAD;
    loop {
        // A frame that commits names the size of the database after it.
        let commits = number(at + 4)? > 0;
        at += WAL_FRAME_HEAD + page;
        if commits {
            return (at <= log.len()).then_some(at);
        }
    }
}
