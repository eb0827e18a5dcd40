//! The files that are kept open while groups go in or out.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Files kept open at once: far below the 1,024 that a process usually may have, and enough for every thread.
pub(crate) const MAX_OPEN: usize = 64;

/// Open files by number, the least lately used closed first.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    open: Mutex<VecDeque<(usize, Arc<File>)>>,
}

impl Pool {
    /// The file with that number, opened with `open` if it is not open. The lock is not held while it is opened.
    pub(crate) fn get(
        &self,
        number: usize,
        open: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<Arc<File>> {
        if let Some(file) = self.known(number) {
            return Ok(file);
        }
        let file = Arc::new(open()?);
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_OPEN {
            all.pop_back();
        }
        all.push_front((number, file.clone()));
        Ok(file)
    }

    fn known(&self, number: usize) -> Option<Arc<File>> {
        let mut all = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(n, _)| *n == number)?;
        let found = all.remove(at)?;
        let file = found.1.clone();
        all.push_front(found);
        Some(file)
    }

    /// Closes one file, e.g. because it was replaced.
    pub(crate) fn close(&self, number: usize) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).retain(|(n, _)| *n != number);
    }

    /// Closes all.
    pub(crate) fn clear(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
