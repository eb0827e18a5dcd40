//! The last steps: everything checked, on disk, and only then under its name.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nexus_blobs::name::with_number;
use nexus_blobs::{Root, SafeName};
use rustix::fs::{
    AtFlags, FileType, Timespec, Timestamps, fsync, futimens, readlinkat, symlinkat, unlinkat,
    utimensat,
};
use rustix::io::Errno;

use super::body::{Body, Placed, Tree};
use super::open::{remove_partial, stat};
use super::place::unpack;
use super::{Instead, Landing, Partial, Stage, lock};
use crate::error::{At as _, LandingError};
use crate::items::{Item, ItemKind};
use crate::source::Source;
use crate::state::{Head, Stage as Kept, StateFiles};
use crate::sys;
use crate::what::Kind;

/// Names tried: "name", "name (2)" and so on up to this number.
pub const MAX_NUMBERED: u32 = 1000;

/// Where a blob landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Its file or folder.
    pub path: PathBuf,
    /// The same content was there before, and nothing was added.
    pub already_there: bool,
}

impl Landing {
    /// Gives the blob its name: all groups are there and are what `root` says, everything is on disk, with its times
    /// and modes, and what is there already is not touched. Then the state is removed, and the landing is over.
    ///
    /// # Errors
    /// When something is missing, wrong, or the disk fails. Nothing has the final name then, and it can be tried again.
    pub fn finish(&self, root: &Root) -> Result<Landed, LandingError> {
        let mut stage = self.alone()?;
        if let Some(instead) = self.instead() {
            let landed = self.finish_instead(&instead, root)?;
            *stage = Stage::Over;
            return Ok(landed);
        }
        let missing = self.size().groups().saturating_sub(lock(&self.have).len());
        if missing > 0 {
            return Err(LandingError::Incomplete { missing });
        }
        if self.root()?.as_ref() != Some(root) {
            return Err(LandingError::WrongRoot);
        }
        let kind = self.what().kind;
        self.complete(kind).map_err(|error| self.blame(error))?;
        self.sync_groups()?;
        let head = self.keep_stage(Kept::Naming)?;
        let name = self.give_name(&head).map_err(|error| self.blame(error))?;
        fsync(&self.target).at(&self.at.dir)?;
        self.files.remove_all()?;
        *stage = Stage::Over;
        Ok(Landed { path: self.at.dir.join(name.as_str()), already_there: false })
    }

    /// Removes what came and what was kept of it. What landed under its name stays.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn discard(&self) -> Result<(), LandingError> {
        let mut stage = self.alone()?;
        remove_partial(&lock(&self.head))?;
        self.files.remove_all()?;
        *stage = Stage::Over;
        Ok(())
    }

    /// Checks that all of it is there, makes what no group makes, and sets times.
    fn complete(&self, kind: Kind) -> Result<(), LandingError> {
        match &self.body {
            Body::File { file, path } => {
                let head = lock(&self.head).clone();
                let there = stat(&self.target, &head.partial).at(path)?;
                if there.is_none_or(|s| {
                    s.st_ino != head.inode || s.st_size.cast_unsigned() != head.what.size.get()
                }) {
                    return Err(LandingError::Tampered { at: path.clone() });
                }
                if let Some(mtime_ms) = head.what.mtime_ms {
                    // A file system that doesn't keep this time keeps another one.
                    let _ = futimens(file, &times(mtime_ms));
                }
                Ok(())
            }
            Body::Tree(tree) => {
                let placed = tree.placed()?;
                tree.close();
                check_root(tree, &self.target, &lock(&self.head))?;
                let items = || placed.items.iter();
                items().try_for_each(|item| complete_item(tree, placed, item))?;
                // Links only now: no file was written while one was there.
                items().try_for_each(|item| make_link(tree, placed, item))?;
                // Folders from the inside out: nothing changes in them any more.
                items().rev().try_for_each(|item| set_folder_time(tree, placed, item))?;
                if let (Kind::Folder, Some(mtime_ms)) = (kind, placed.items.mtime_ms) {
                    let _ = futimens(tree.root.root(), &times(mtime_ms));
                }
                Ok(())
            }
            Body::Done => Err(LandingError::Over),
        }
    }

    fn keep_stage(&self, stage: Kept) -> Result<Head, LandingError> {
        let head = {
            let mut head = lock(&self.head);
            head.stage = stage;
            head.clone()
        };
        self.files.replace("head", &head.to_bytes(), true)?;
        Ok(head)
    }

    fn give_name(&self, head: &Head) -> Result<SafeName, LandingError> {
        let is_folder = head.what.kind.has_manifest();
        for name in names(&head.what.name) {
            match sys::rename_fresh(&self.target, &head.partial, name.as_str(), is_folder) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) if sys::is_missing(&error) => {
                    return Err(LandingError::Tampered { at: self.at.dir.join(&head.partial) });
                }
                Err(error) => return Err(LandingError::at(self.at.dir.join(name.as_str()), error)),
            }
        }
        Err(LandingError::NoFreeName { at: self.at.dir.join(head.what.name.as_str()) })
    }

    /// The content is under a final name already.
    fn finish_instead(&self, instead: &Instead, root: &Root) -> Result<Landed, LandingError> {
        let path = self.at.dir.join(&instead.name);
        if instead.already_there {
            if self.root()?.as_ref() != Some(root) {
                return Err(LandingError::WrongRoot);
            }
            if instead.source.check().is_err() {
                self.drop_instead()?;
                return Err(LandingError::Tampered { at: path });
            }
            remove_partial(&lock(&self.head))?;
        }
        self.files.remove_all()?;
        Ok(Landed { path, already_there: instead.already_there })
    }

    /// A landing that was cut off after its blob had got its name.
    pub(super) fn landed(
        at: &Partial,
        head: Head,
        files: StateFiles,
        target: OwnedFd,
        name: String,
    ) -> Result<Self, LandingError> {
        let manifest = files.read("tree")?.and_then(|kept| unpack(&kept)).unwrap_or_default();
        let source = Source::landed(&at.dir.join(&name), &head.what, manifest)
            .map_err(|_| LandingError::Tampered { at: at.dir.join(&name) })?;
        let groups = head.what.size.groups();
        let landing = Self::assemble(at, head, files, target, Body::Done)?;
        *lock(&landing.have) = nexus_blobs::GroupSet::from_range(0..groups);
        *lock(&landing.instead) = Some(Instead { name, source, already_there: false }.into());
        Ok(landing)
    }
}

/// The name, and its numbered forms.
pub(super) fn names(name: &SafeName) -> impl Iterator<Item = SafeName> {
    let numbered = (2..=MAX_NUMBERED).map(|number| with_number(name, number));
    std::iter::once(name.clone()).chain(numbered)
}

/// The name under which the file or folder of a head lies now.
pub(super) fn find_landed(target: &OwnedFd, head: &Head) -> Result<Option<String>, LandingError> {
    for name in names(&head.what.name) {
        if stat(target, name.as_str()).at(&head.dir)?.is_some_and(|stat| stat.st_ino == head.inode)
        {
            return Ok(Some(name.as_str().to_owned()));
        }
    }
    Ok(None)
}

/// The folder that was filled is still the one under the partial name.
fn check_root(tree: &Tree, target: &OwnedFd, head: &Head) -> Result<(), LandingError> {
    match stat(target, &head.partial).at(&tree.path)? {
        Some(stat) if stat.st_ino == head.inode => Ok(()),
        _ => Err(LandingError::Tampered { at: tree.path.clone() }),
    }
}

fn complete_item(tree: &Tree, placed: &Placed, item: &Item) -> Result<(), LandingError> {
    let ItemKind::File { size, executable, mtime_ms } = item.kind else { return Ok(()) };
    let path = placed.items.path(item);
    let fail = |error| tree.fail(&path, error);
    if size == 0 {
        tree.root.file_to_write(&path, executable).map_err(fail)?;
    }
    let stat = tree.root.stat(&path).map_err(fail)?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() || stat.st_size.cast_unsigned() != size {
        return Err(LandingError::Tampered { at: tree.path.join(&path) });
    }
    set_time(tree, &path, mtime_ms)
}

fn make_link(tree: &Tree, placed: &Placed, item: &Item) -> Result<(), LandingError> {
    let ItemKind::Link { target } = &item.kind else { return Ok(()) };
    let path = placed.items.path(item);
    let make = || -> rustix::io::Result<()> {
        let (dir, name) = tree
            .root
            .parent(&path)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        match symlinkat(&**target, &*dir, name) {
            Err(Errno::EXIST) => {}
            done => return done,
        }
        // Made before a crash, or by somebody else.
        if readlinkat(&*dir, name, Vec::new())
            .is_ok_and(|made| made.to_bytes() == target.as_bytes())
        {
            return Ok(());
        }
        unlinkat(&*dir, name, AtFlags::empty())?;
        symlinkat(&**target, &*dir, name)
    };
    make().map_err(|error| tree.fail(&path, error.into()))
}

fn set_folder_time(tree: &Tree, placed: &Placed, item: &Item) -> Result<(), LandingError> {
    match item.kind {
        ItemKind::Folder { mtime_ms: Some(mtime_ms) } => {
            set_time(tree, &placed.items.path(item), mtime_ms)
        }
        _ => Ok(()),
    }
}

fn set_time(tree: &Tree, path: &str, mtime_ms: i64) -> Result<(), LandingError> {
    let (dir, name) = tree.root.parent(path).map_err(|error| tree.fail(path, error))?;
    match utimensat(&*dir, name, &times(mtime_ms), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Err(LandingError::Tampered { at: tree.path.join(path) }),
        // A file system that doesn't keep this time keeps another one.
        _ => Ok(()),
    }
}

/// Both times of a file: read when it was changed.
fn times(mtime_ms: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime_ms.div_euclid(1000),
        tv_nsec: mtime_ms.rem_euclid(1000) * 1_000_000,
    };
    Timestamps { last_access: time, last_modification: time }
}
