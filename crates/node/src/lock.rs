//! One process at a time for a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;

use crate::error::{self, Answered};
use crate::paths::Paths;

/// Held as long as this process runs the node of a data directory; the system lets go of it whatever happens to us.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock, or says at once that somebody else has it.
    ///
    /// # Errors
    /// `busy` when another process holds it; else what the file system said.
    pub fn take(paths: &Paths) -> Answered<Self> {
        Self::try_take(paths)?.ok_or_else(|| error::busy(paths.root()))
    }

    /// Takes the lock; `None` when another process holds it.
    ///
    /// # Errors
    /// What the file system said.
    pub fn try_take(paths: &Paths) -> Answered<Option<Self>> {
        let path = paths.lock();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| error::io("can't open", &path, &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(error::io("can't lock", &path, &e)),
        }
    }
}
