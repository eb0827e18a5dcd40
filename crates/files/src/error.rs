//! What can go wrong with the disk, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use nexus_blobs::manifest::ManifestError;
use rustix::io::Errno;

/// Why something can't be sent, or can't be sent any more.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// There is nothing to send: no path was named, or all of them were left out.
    #[error("there is nothing to send")]
    Nothing,
    /// The file is another one than when it was offered, or it changed while it was read. What was read is not to be
    /// sent; offer it again.
    #[error("{} changed since it was offered", path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
    },
    /// The file is not there any more. Put it back, or offer again without it.
    #[error("{} is not there any more", path.display())]
    Gone {
        /// Which file.
        path: PathBuf,
    },
    /// This user may not read it. Change its permissions, or leave it out.
    #[error("{} may not be read", path.display())]
    Denied {
        /// Which file.
        path: PathBuf,
    },
    /// It is neither a file nor a folder, e.g. a device or a socket. Leave it out.
    #[error("{} is neither a file nor a folder", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// More than one blob may hold: too many bytes, entries, or names too deep. Send it in parts.
    #[error("this is more than can be sent at once: {0}")]
    TooMuch(#[source] ManifestError),
    /// The kept form of a source can't be read: another version wrote it, or it is damaged. Offer again.
    #[error("what was kept of the offer can't be read")]
    Damaged,
    /// The disk failed.
    #[error("{} can't be read: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl SourceError {
    /// The typed form of what the system said about `path`.
    pub(crate) fn at(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match errno(&source) {
            Some(Errno::NOENT | Errno::NOTDIR) => Self::Gone { path },
            // A link where a file was: somebody replaced it.
            Some(Errno::LOOP) => Self::Changed { path },
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Why a blob does not land.
#[derive(Debug, thiserror::Error)]
pub enum LandingError {
    /// The disk, or this user's share of it, is full. Nothing is lost: once there is room, the same landing goes on.
    #[error("no room left on the disk of {}", at.display())]
    DiskFull {
        /// What was written.
        at: PathBuf,
    },
    /// This user may not write there, or the disk is read-only. Change that or choose another folder.
    #[error("{} may not be written", at.display())]
    Denied {
        /// What was written.
        at: PathBuf,
    },
    /// The folder it was to land in is not there (any more). Make it again or choose another.
    #[error("the folder {} is not there", at.display())]
    TargetGone {
        /// The folder.
        at: PathBuf,
    },
    /// The file system does not take so long a name. Choose a shorter one, or another disk.
    #[error("the name of {} is too long for this disk", at.display())]
    TooLongName {
        /// The name.
        at: PathBuf,
    },
    /// The file system does not take such a name, e.g. `?` or `:` on FAT. Choose another disk, or another name.
    #[error("this disk does not take the name of {}", at.display())]
    BadName {
        /// The name.
        at: PathBuf,
    },
    /// The file system takes two names of the folder for one, e.g. `a` and `A`. Discard, and choose another disk.
    #[error("this disk takes {} and another name for the same", at.display())]
    NameClash {
        /// One of the names.
        at: PathBuf,
    },
    /// The name and all its numbered forms are taken. Clean up, or choose another folder.
    #[error("{} and all its numbered names are taken", at.display())]
    NoFreeName {
        /// The name.
        at: PathBuf,
    },
    /// What had come is not there as it was: somebody changed or removed it. Nothing counts as there now:
    /// [`Landing::resume`](crate::Landing::resume), then [`Landing::recheck`](crate::Landing::recheck), and fetch what
    /// is missing.
    #[error("{} was changed while it came in", at.display())]
    Tampered {
        /// What was changed.
        at: PathBuf,
    },
    /// Not all groups are there.
    #[error("{missing} groups are missing")]
    Incomplete {
        /// How many.
        missing: u64,
    },
    /// All groups are there, and they are not the blob that was announced. Get the author's list of hashes, then
    /// [`Landing::forget_unfit`](crate::Landing::forget_unfit); with one group, forget it.
    #[error("the content is not what was announced")]
    WrongRoot,
    /// The group does not exist, or has another length. The caller's mistake.
    #[error("group {index} does not fit the size of the blob")]
    WrongGroup {
        /// Which group.
        index: u64,
    },
    /// The group is not there.
    #[error("group {index} is not there")]
    NotHad {
        /// Which group.
        index: u64,
    },
    /// The manifest is not one, or not that of this blob. Discard: nothing of it can land.
    #[error("the list of files is not valid: {0}")]
    Manifest(#[source] ManifestError),
    /// The manifest is not what the groups say that came. Fetch the first groups again.
    #[error("the list of files is not the one that came")]
    OtherManifest,
    /// The manifest has to be known first.
    #[error("the list of files has to come first")]
    NoManifest,
    /// The state of another blob, or a blob that landed or was discarded.
    #[error("this landing is over")]
    Over,
    /// The disk failed.
    #[error("{} can't be written: {source}", at.display())]
    Io {
        /// What was written.
        at: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LandingError {
    /// The typed form of what the system said about `at`.
    pub(crate) fn at(at: impl Into<PathBuf>, source: io::Error) -> Self {
        let at = at.into();
        match errno(&source) {
            Some(Errno::NOSPC | Errno::DQUOT) => Self::DiskFull { at },
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Self::Denied { at },
            Some(Errno::NAMETOOLONG) => Self::TooLongName { at },
            Some(Errno::INVAL | Errno::ILSEQ) => Self::BadName { at },
            // A link or a folder where a file of ours was, or the other way round.
            Some(Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NXIO) => Self::Tampered { at },
            _ => Self::Io { at, source },
        }
    }
}

fn errno(error: &io::Error) -> Option<Errno> {
    Errno::from_io_error(error)
}

/// Names the place in what the system said.
pub(crate) trait At<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, LandingError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, LandingError> {
        self.map_err(|error| LandingError::at(path.as_ref(), error))
    }
}

impl<T> At<T> for rustix::io::Result<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, LandingError> {
        self.map_err(|error| LandingError::at(path.as_ref(), error.into()))
    }
}
