//! Looking at what is there, after the machine was started again or somebody changed it.

use std::sync::atomic::Ordering;

use nexus_blobs::{GroupHash, group_hash};

use super::{Landing, lock};
use crate::error::LandingError;

/// Groups looked at between two looks at the state.
const AT_ONCE: u64 = 256;

impl Landing {
    /// Whether [`Landing::recheck`] has to come first: until then nothing of what came before counts as there.
    pub fn needs_recheck(&self) -> bool {
        self.doubted.load(Ordering::Acquire)
    }

    /// Reads every group that was recorded and keeps those that still have their hash. `progress` hears how many of
    /// how many groups were looked at, and says whether to go on; stopped, it begins from the front the next time.
    ///
    /// # Errors
    /// When the state can't be read or written, or the partial file itself is not there any more: resume, which begins
    /// anew. A group that can't be read is forgotten.
    pub fn recheck(&self, mut progress: impl FnMut(u64, u64) -> bool) -> Result<(), LandingError> {
        self.check_partial().map_err(|error| self.blame(error))?;
        let groups = self.size().groups();
        for first in (0..groups).step_by(AT_ONCE as usize) {
            self.recheck_some(first)?;
            if !progress((first + AT_ONCE).min(groups), groups) {
                return Ok(());
            }
        }
        let _going = self.going()?;
        self.trust()
    }

    fn recheck_some(&self, first: u64) -> Result<(), LandingError> {
        let _going = self.going()?;
        let mut recorded = Vec::new();
        self.got.each(first, AT_ONCE, |index, hash| recorded.push((index, hash)))?;
        recorded.iter().try_for_each(|(index, hash)| self.recheck_group(*index, hash))
    }

    fn recheck_group(&self, index: u64, hash: &GroupHash) -> Result<(), LandingError> {
        if lock(&self.have).contains(index) {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let same = self.read_own(index, &mut bytes).is_ok()
            && group_hash(self.size(), index, &bytes).as_ref() == Ok(hash);
        if same {
            lock(&self.have).insert(index);
            Ok(())
        } else {
            self.got.clear(index)
        }
    }

    fn trust(&self) -> Result<(), LandingError> {
        let head = {
            let mut head = lock(&self.head);
            head.boot = self.at.boot;
            head.to_bytes()
        };
        self.got.sync()?;
        self.files.replace("head", &head, true)?;
        self.doubted.store(false, Ordering::Release);
        Ok(())
    }
}
