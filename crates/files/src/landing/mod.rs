//! What comes: the bytes of a blob, written under a temporary name until they are whole and checked.

mod body;
mod finish;
mod lists;
mod open;
mod place;
mod recheck;
mod reuse;
mod sync;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nexus_blobs::{BlobSize, GroupHash, GroupSet};

pub use finish::{Landed, MAX_NUMBERED};
pub(crate) use open::{read_head, remove_partial};
pub use reuse::Reused;

use crate::error::LandingError;
use crate::source::Source;
use crate::state::{BootId, Head, Slots, StateFiles};
use crate::what::What;
use body::Body;

/// Where a blob lands, and where its progress is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// The directory it lands in, made by somebody else. Absolute.
    pub dir: PathBuf,
    /// What the blob is known by here.
    pub id: [u8; 32],
    /// `DATA_DIR/partial`; made if it is not there.
    pub state_dir: PathBuf,
    /// This run of the machine: [`BootId::current`].
    pub boot: BootId,
}

/// One incoming blob. All its functions can be called from several threads at once; groups are written and read side
/// by side, only [`Landing::set_manifest`], [`Landing::finish`] and [`Landing::discard`] wait until they are alone.
///
/// Dropping it loses nothing: [`Landing::resume`] goes on.
#[derive(Debug)]
pub struct Landing {
    at: Partial,
    what: What,
    head: Mutex<Head>,
    files: StateFiles,
    target: OwnedFd,
    body: Body,
    got: Slots,
    list: Slots,
    have: Mutex<GroupSet>,
    listed: Mutex<GroupSet>,
    /// Groups that a power cut may still take.
    unsynced: Mutex<GroupSet>,
    /// The state was not yet made to last.
    fresh: AtomicBool,
    /// What is recorded has to be compared with what is there.
    doubted: AtomicBool,
    /// Held shared while groups go in and out.
    stage: RwLock<Stage>,
    instead: Mutex<Option<Arc<Instead>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Going,
    Over,
}

/// The same content under a final name: what comes is not needed.
#[derive(Debug)]
struct Instead {
    name: String,
    /// To read from; nothing if a landing was cut off so late that its manifest was removed already.
    source: Option<Source>,
    /// It was there before, and was not made by this landing.
    already_there: bool,
}

impl Landing {
    /// What is landing.
    pub const fn what(&self) -> &What {
        &self.what
    }

    /// The size of the blob.
    pub const fn size(&self) -> BlobSize {
        self.what.size
    }

    /// The groups that are there.
    pub fn have(&self) -> GroupSet {
        lock(&self.have).clone()
    }

    /// How many groups are there.
    pub fn have_count(&self) -> u64 {
        lock(&self.have).len()
    }

    /// Where it is until it is whole.
    pub fn partial_path(&self) -> PathBuf {
        self.at.dir.join(&lock(&self.head).partial)
    }

    /// Writes a group, then records its hash. The caller has computed the hash from these bytes.
    ///
    /// # Errors
    /// When the bytes can't be written: then the group is not there, and all others still are.
    pub fn write_group(
        &self,
        index: u64,
        bytes: &[u8],
        hash: &GroupHash,
    ) -> Result<(), LandingError> {
        let _going = self.going()?;
        let size = self.size();
        if index >= size.groups() || bytes.len() != size.group_len(index) {
            return Err(LandingError::WrongGroup { index });
        }
        if self.instead().is_some() {
            return Ok(());
        }
        if lock(&self.have).contains(index) {
            // The old hash must not stand beside new bytes, not even for a moment.
            self.drop_group(index)?;
        }
        self.body.write(size.group_start(index), bytes).map_err(|error| self.blame(error))?;
        self.record(index, hash)
    }

    /// The bytes of a group that is there, into `out`, which is as long as they are afterwards.
    ///
    /// # Errors
    /// When it is not there, or can't be read.
    pub fn read_group(&self, index: u64, out: &mut Vec<u8>) -> Result<(), LandingError> {
        let _going = self.going()?;
        if !lock(&self.have).contains(index) {
            return Err(LandingError::NotHad { index });
        }
        if let Some(instead) = self.instead() {
            let path = self.at.dir.join(&instead.name);
            let Some(source) = &instead.source else { return Err(LandingError::NoManifest) };
            return source.read_run(index, 1, out).map_err(|_| LandingError::Tampered { at: path });
        }
        self.read_own(index, out).map_err(|error| self.blame(error))
    }

    /// Forgets a group: it has to come again.
    ///
    /// # Errors
    /// When this can't be recorded.
    pub fn forget(&self, index: u64) -> Result<(), LandingError> {
        let _going = self.going()?;
        self.drop_instead()?;
        self.drop_group(index)
    }

    fn read_own(&self, index: u64, out: &mut Vec<u8>) -> Result<(), LandingError> {
        let size = self.size();
        out.resize(size.group_len(index), 0);
        self.body.read(size.group_start(index), out)
    }

    fn record(&self, index: u64, hash: &GroupHash) -> Result<(), LandingError> {
        self.got.put(index, std::slice::from_ref(hash))?;
        lock(&self.unsynced).insert(index);
        lock(&self.have).insert(index);
        Ok(())
    }

    fn drop_group(&self, index: u64) -> Result<(), LandingError> {
        lock(&self.have).remove(index);
        self.got.clear(index)
    }

    fn going(&self) -> Result<RwLockReadGuard<'_, Stage>, LandingError> {
        let stage = self.stage.read().unwrap_or_else(PoisonError::into_inner);
        if *stage == Stage::Going { Ok(stage) } else { Err(LandingError::Over) }
    }

    fn alone(&self) -> Result<RwLockWriteGuard<'_, Stage>, LandingError> {
        let stage = self.stage.write().unwrap_or_else(PoisonError::into_inner);
        if *stage == Stage::Going { Ok(stage) } else { Err(LandingError::Over) }
    }

    fn instead(&self) -> Option<Arc<Instead>> {
        lock(&self.instead).clone()
    }

    /// What was found under a final name does not count any more: back to what came itself.
    fn drop_instead(&self) -> Result<(), LandingError> {
        match self.instead() {
            None => Ok(()),
            Some(instead) if instead.already_there => {
                *lock(&self.instead) = None;
                *lock(&self.have) = self.recorded()?;
                Ok(())
            }
            Some(_) => Err(LandingError::Over),
        }
    }

    /// The groups that a hash is recorded of.
    fn recorded(&self) -> Result<GroupSet, LandingError> {
        let mut set = GroupSet::new();
        self.got.each(0, u64::MAX, |index, _| {
            set.insert(index);
        })?;
        Ok(set)
    }

    /// Somebody changed what is ours: what is there is looked at again before anything more is made of it.
    fn blame(&self, error: LandingError) -> LandingError {
        match error {
            LandingError::Tampered { .. } | LandingError::TargetGone { .. } => {
                self.doubt();
                if self.at.dir.is_dir() {
                    error
                } else {
                    LandingError::TargetGone { at: self.at.dir.clone() }
                }
            }
            error => error,
        }
    }

    fn doubt(&self) {
        self.doubted.store(true, Ordering::Release);
        *lock(&self.have) = GroupSet::new();
        let head = {
            let mut head = lock(&self.head);
            head.boot = BootId::default();
            head.to_bytes()
        };
        if let Err(error) = self.files.replace("head", &head, true) {
            tracing::warn!(%error, "can't record that a partial file was changed");
        }
    }
}

/// Nothing that is held under a lock here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
