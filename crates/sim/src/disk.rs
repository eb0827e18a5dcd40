//! What survives: a ledger in memory or in SQLite, and the facts beside it, changed together or not at all.
//!
//! A transaction that returned is durable. [`Disk::snapshot`] and [`Disk::restore`] are the disk that lies about that, and
//! the backup of a whole machine: what came after the snapshot is gone.

use std::path::PathBuf;
use std::sync::Arc;

use nexus_identity::kdf::Secret32;
use nexus_identity::{ConnectId, Millis};
use nexus_log::context::Conversation;
use nexus_log::fold::Message;
use nexus_log::ids::{ConversationId, EntryHash, Epoch, LogHead, LogKey, Seq, Topic};
use nexus_log::memory::MemoryLedger;
use nexus_log::run::Run;
use nexus_storage::own::OwnInstance;
use nexus_storage::{Database, OpenOptions, Reader, StoreError, Window, Writer};
use nexus_sync::{Store, StoreError as SyncError};
use tempfile::TempDir;

use crate::facts::Facts;

mod ledger;
mod torn;

use ledger::Held;
pub use ledger::{DiskError, DiskTx, Fuse, Trap};
pub use torn::Synced;

/// Which store a run uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreKind {
    /// The strict ledger in memory.
    #[default]
    Memory,
    /// The database that is shipped.
    Sqlite,
}

#[derive(Debug)]
enum Kept {
    Memory(Box<MemoryLedger>),
    Sqlite(Box<Sqlite>),
}

#[derive(Debug)]
struct Sqlite {
    writer: Writer,
    reader: Reader,
    _db: Database,
    path: PathBuf,
    _dir: TempDir,
}

/// The disk of one node.
#[derive(Debug)]
pub struct Disk {
    kept: Kept,
    /// What is kept beside the ledger.
    pub facts: Arc<Facts>,
    /// When writes begin to fail.
    pub fuse: Option<Fuse>,
    /// Transactions that were made durable.
    pub commits: u64,
}

/// An old state of a disk.
#[derive(Debug)]
pub struct Snapshot {
    kept: Old,
    facts: Arc<Facts>,
}

#[derive(Debug)]
enum Old {
    Memory(Box<MemoryLedger>),
    Sqlite(TempDir),
}

const FILE: &str = "nexus.db";

impl Sqlite {
    fn open(dir: TempDir) -> Result<Self, DiskError> {
        let path = dir.path().join(FILE);
        let options = OpenOptions::new(b"sim".to_vec(), Millis(0));
        let opened = Database::open(&path, &options).map_err(|error| StoreError::Damaged {
            detail: format!("a database of the simulation: {error}"),
        })?;
        let reader = opened.db.reader()?;
        Ok(Self { writer: opened.writer, reader, _db: opened.db, path, _dir: dir })
    }

    fn copy(&mut self) -> Result<TempDir, DiskError> {
        self.writer.checkpoint()?;
        let dir = directory()?;
        std::fs::copy(&self.path, dir.path().join(FILE)).map_err(failed)?;
        Ok(dir)
    }
}

fn failed(error: std::io::Error) -> DiskError {
    StoreError::Damaged { detail: format!("a file of the simulation: {error}") }.into()
}

/// In memory where there is such a place: it is the database that is tested, not the machine's disk.
fn directory() -> Result<TempDir, DiskError> {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).map_err(failed)
}

impl Disk {
    /// An empty one with these facts.
    ///
    /// # Errors
    /// When a database can't be made.
    pub fn new(kind: StoreKind, facts: Facts) -> Result<Self, DiskError> {
        let kept = match kind {
            StoreKind::Memory => Kept::Memory(Box::default()),
            StoreKind::Sqlite => Kept::Sqlite(Box::new(Sqlite::open(directory()?)?)),
        };
        let mut disk = Self { kept, facts: Arc::new(facts), fuse: None, commits: 0 };
        disk.settle_in()?;
        Ok(disk)
    }

    /// The database wants to know its instance and conversations.
    fn settle_in(&mut self) -> Result<(), DiskError> {
        let Kept::Sqlite(sqlite) = &mut self.kept else { return Ok(()) };
        let facts = &self.facts;
        let own = OwnInstance {
            connect_id: facts.who(),
            instance: facts.instance.key(),
            seed: (*facts.instance.seed().expose()).into(),
            prekeys: facts.prekeys.to_bytes(),
            record: facts.record.to_bytes().to_vec(),
            card: facts.card.to_bytes(),
            created: Millis(0),
        };
        Ok(sqlite.writer.transaction::<_, StoreError>(|tx| {
            if tx.own_instance()?.is_some_and(|there| there.instance != own.instance) {
                tx.retire_own_instance(nexus_storage::own::Retirement::Forked, Millis(0))?;
            }
            if tx.own_instance()?.is_none() {
                tx.set_own_instance(&own, b"sim")?;
            }
            facts.conversations.values().try_for_each(|one| add(tx, facts, one))
        })?)
    }

    /// Runs a job whose writes are durable together, or gone together.
    ///
    /// # Errors
    /// Those of the job.
    pub fn transaction<T, E: From<DiskError> + From<StoreError>>(
        &mut self,
        job: impl FnOnce(&mut DiskTx<'_, '_>, &mut Arc<Facts>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut facts = Arc::clone(&self.facts);
        let fuse = &mut self.fuse;
        let done = match &mut self.kept {
            Kept::Memory(ledger) => {
                let before = ledger.clone_if(fuse.is_some());
                let held = Held::Memory(ledger);
                let done = job(&mut DiskTx { held, fuse: fuse.as_mut() }, &mut facts);
                if done.is_err()
                    && let Some(before) = before
                {
                    *ledger = before;
                }
                done
            }
            Kept::Sqlite(sqlite) => sqlite.writer.transaction(|tx| {
                let held = Held::Sqlite(tx);
                let done = job(&mut DiskTx { held, fuse: fuse.as_mut() }, &mut facts)?;
                let known = &self.facts.conversations;
                let new =
                    facts.conversations.iter().filter(|(topic, _)| !known.contains_key(topic));
                new.map(|(_, one)| one).try_for_each(|one| add(tx, &facts, one))?;
                Ok(done)
            }),
        };
        if done.is_ok() {
            let replaced = self.facts.instance.key() != facts.instance.key();
            self.facts = facts;
            self.commits += 1;
            if replaced {
                self.settle_in()?;
            }
        }
        done
    }

    /// Everything shown of a conversation, in order.
    #[must_use]
    pub fn view(&self, conversation: &ConversationId) -> Vec<Message> {
        match &self.kept {
            Kept::Memory(ledger) => ledger.view(conversation),
            Kept::Sqlite(sqlite) => {
                let rows = sqlite.reader.history(conversation, Window::Newest, 1_000_000);
                rows.unwrap_or_default().into_iter().map(|row| row.message).collect()
            }
        }
    }

    /// The clock of the newest message of a conversation; 0 if there is none.
    #[must_use]
    pub fn newest(&self, conversation: &ConversationId) -> u64 {
        match &self.kept {
            Kept::Memory(ledger) => ledger.newest(conversation).map_or(0, |at| at.hlc.0),
            Kept::Sqlite(sqlite) => {
                let rows = sqlite.reader.history(conversation, Window::Newest, 1);
                let last = rows.ok().and_then(|mut rows| rows.pop());
                last.map_or(0, |row| row.message.base.position.hlc.0)
            }
        }
    }

    /// Whether this entry is durable here.
    #[must_use]
    pub fn holds(&self, log: &LogKey, seq: Seq, hash: &EntryHash) -> bool {
        let tips = self.tips(log).unwrap_or_default();
        tips.iter().any(|tip| {
            matches!(self.hash_at(log, tip.branch.as_ref(), seq), Ok(Some(at)) if at == *hash)
        })
    }

    /// Keys that a backup holds.
    #[must_use]
    pub fn keyring(&self) -> Vec<(LogKey, Epoch, Secret32)> {
        match &self.kept {
            Kept::Memory(ledger) => ledger.keyring(),
            Kept::Sqlite(sqlite) => {
                let rows = sqlite.reader.keys_for_backup().unwrap_or_default();
                rows.into_iter().map(|row| (row.log, row.epoch, row.key)).collect()
            }
        }
    }

    /// How far everybody has read, per log.
    #[must_use]
    pub fn read_marks(&self, conversation: &ConversationId) -> Vec<(ConnectId, LogKey, Seq)> {
        match &self.kept {
            Kept::Memory(ledger) => {
                let marks = ledger.read_marks(conversation);
                marks.into_iter().map(|((who, log), seq)| (who, log, seq)).collect()
            }
            Kept::Sqlite(sqlite) => {
                let rows = sqlite.reader.read_marks(conversation).unwrap_or_default();
                rows.into_iter().map(|row| (row.reader, row.mark.log, row.mark.seq)).collect()
            }
        }
    }

    /// As it is now.
    ///
    /// # Errors
    /// When the database can't be copied.
    pub fn snapshot(&mut self) -> Result<Snapshot, DiskError> {
        let kept = match &mut self.kept {
            Kept::Memory(ledger) => Old::Memory(ledger.clone()),
            Kept::Sqlite(sqlite) => Old::Sqlite(sqlite.copy()?),
        };
        Ok(Snapshot { kept, facts: Arc::clone(&self.facts) })
    }

    /// As it was then. The snapshot stays good.
    ///
    /// # Errors
    /// When the database can't be copied.
    pub fn restore(&mut self, old: &Snapshot) -> Result<(), DiskError> {
        *self = Self::from_snapshot(old)?;
        Ok(())
    }

    /// Another disk with the same on it.
    ///
    /// # Errors
    /// When the database can't be copied.
    pub fn from_snapshot(old: &Snapshot) -> Result<Self, DiskError> {
        let kept = match &old.kept {
            Old::Memory(ledger) => Kept::Memory(ledger.clone()),
            Old::Sqlite(from) => {
                let dir = directory()?;
                std::fs::copy(from.path().join(FILE), dir.path().join(FILE)).map_err(failed)?;
                Kept::Sqlite(Box::new(Sqlite::open(dir)?))
            }
        };
        Ok(Self { kept, facts: Arc::clone(&old.facts), fuse: None, commits: 0 })
    }

    /// Opened again after a crash, without having been closed: a database recovers from its write-ahead log.
    ///
    /// # Errors
    /// When it does not.
    pub fn reopen(self) -> Result<Self, DiskError> {
        let kept = match self.kept {
            Kept::Memory(ledger) => Kept::Memory(ledger),
            Kept::Sqlite(sqlite) => Kept::Sqlite(Box::new(sqlite.after_power_cut(None)?)),
        };
        Ok(Self { kept, facts: self.facts, fuse: None, commits: self.commits })
    }
}

fn add(
    tx: &mut nexus_storage::Tx<'_>,
    facts: &Facts,
    one: &Arc<Conversation>,
) -> Result<(), StoreError> {
    let peer = facts.peer_of(one);
    tx.add_conversation(&one.id, one.kind.code(), &one.topic(), peer.as_ref())
}

/// A copy only if somebody may need it.
trait CloneIf: Clone {
    fn clone_if(&self, needed: bool) -> Option<Self> {
        needed.then(|| self.clone())
    }
}

impl CloneIf for Box<MemoryLedger> {}

impl Store for Disk {
    fn logs(&self, topic: &Topic) -> Result<Vec<LogHead>, SyncError> {
        match &self.kept {
            Kept::Memory(ledger) => Ok(ledger.heads(topic)),
            Kept::Sqlite(sqlite) => sqlite.reader.logs(topic),
        }
    }

    fn tips(&self, log: &LogKey) -> Result<Vec<LogHead>, SyncError> {
        match &self.kept {
            Kept::Memory(ledger) => Ok(ledger.tips(log)),
            Kept::Sqlite(sqlite) => sqlite.reader.tips(log),
        }
    }

    fn run(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        from: Seq,
        max_bytes: usize,
    ) -> Result<Option<Run>, SyncError> {
        match &self.kept {
            Kept::Memory(ledger) => Ok(ledger.run(log, branch.copied(), from, max_bytes)),
            Kept::Sqlite(sqlite) => sqlite.reader.run(log, branch, from, max_bytes),
        }
    }

    fn hash_at(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        seq: Seq,
    ) -> Result<Option<EntryHash>, SyncError> {
        match &self.kept {
            Kept::Memory(ledger) => Ok(ledger.hash_at(log, branch, seq)),
            Kept::Sqlite(sqlite) => sqlite.reader.hash_at(log, branch, seq),
        }
    }
}
