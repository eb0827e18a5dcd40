//! Hashes: those of what came, and those that the author says.

use nexus_blobs::{GroupHash, GroupSet, Root, RootBuilder};

use super::{Landing, lock};
use crate::error::LandingError;

/// Hashes compared at once: 32 KiB of each list.
const AT_ONCE: u64 = 1024;

impl Landing {
    /// The hash that a group had when it came, if it is there.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn hash(&self, index: u64) -> Result<Option<GroupHash>, LandingError> {
        if !lock(&self.have).contains(index) {
            return Ok(None);
        }
        match self.got.get(index)? {
            Some(hash) => Ok(Some(hash)),
            // What was found under a final name has the author's hashes.
            None => self.list.get(index),
        }
    }

    /// The hashes of all groups that are there, in order.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn each_hash(&self, mut each: impl FnMut(u64, GroupHash)) -> Result<(), LandingError> {
        let have = self.have();
        let from = if self.instead().is_some_and(|instead| instead.already_there) {
            &self.list
        } else {
            &self.got
        };
        from.each(0, u64::MAX, |index, hash| {
            if have.contains(index) {
                each(index, hash);
            }
        })
    }

    /// The root of what is there; nothing as long as a group is missing.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn root(&self) -> Result<Option<Root>, LandingError> {
        let mut builder = RootBuilder::new(self.size());
        let mut fits = true;
        self.each_hash(|index, hash| {
            fits &= index == builder.next_index() && builder.push(hash).is_ok()
        })?;
        Ok(if fits { builder.finish().ok() } else { None })
    }

    /// Keeps hashes of the author's list, from that of group `first` on. The caller has checked the list against the
    /// root.
    ///
    /// # Errors
    /// When there are more than groups, or they can't be written.
    pub fn put_list(&self, first: u64, hashes: &[GroupHash]) -> Result<(), LandingError> {
        let _going = self.going()?;
        self.list.put(first, hashes)?;
        lock(&self.listed).insert_range(first..first + hashes.len() as u64);
        Ok(())
    }

    /// The author's hash of a group, if known.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn list_hash(&self, index: u64) -> Result<Option<GroupHash>, LandingError> {
        if lock(&self.listed).contains(index) { self.list.get(index) } else { Ok(None) }
    }

    /// The groups whose hash the author said.
    pub fn listed(&self) -> GroupSet {
        lock(&self.listed).clone()
    }

    /// Whether the author's hash of every group is known.
    pub fn is_listed(&self) -> bool {
        lock(&self.listed).len() == self.size().groups()
    }

    /// Forgets the list, e.g. because it is that of another root.
    ///
    /// # Errors
    /// When the state can't be written.
    pub fn forget_list(&self) -> Result<(), LandingError> {
        let _going = self.going()?;
        self.drop_instead()?;
        *lock(&self.listed) = GroupSet::new();
        self.list.empty()
    }

    /// Forgets each group whose hash is not the one the author says, and tells which: what came before the root was
    /// known may be of a source that changed.
    ///
    /// # Errors
    /// When the state can't be read or written.
    pub fn forget_unfit(&self) -> Result<GroupSet, LandingError> {
        let _going = self.going()?;
        let mut unfit = GroupSet::new();
        let groups = self.size().groups();
        for first in (0..groups).step_by(AT_ONCE as usize) {
            let mut said = Vec::new();
            self.list.each(first, AT_ONCE, |index, hash| said.push((index, hash)))?;
            let mut said = said.into_iter().peekable();
            let mut wrong = Vec::new();
            self.got.each(first, AT_ONCE, |index, came| {
                while said.next_if(|(other, _)| *other < index).is_some() {}
                if said.next_if(|(other, hash)| *other == index && *hash != came).is_some() {
                    wrong.push(index);
                }
            })?;
            for index in wrong {
                self.drop_group(index)?;
                unfit.insert(index);
            }
        }
        Ok(unfit)
    }
}
