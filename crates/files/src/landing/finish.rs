//! The last steps: everything checked, on disk, and only then under its name.

use std::collections::HashSet;
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
    /// Links that were left out because the disk can't hold any.
    pub links_left_out: u64,
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
        let links_left_out = self.complete(kind).map_err(|error| self.blame(error))?;
        self.sync_groups()?;
        let head = self.keep_stage(Kept::Naming)?;
        let name = self.give_name(&head).map_err(|error| self.blame(error))?;
        fsync(&self.target).at(&self.at.dir)?;
        self.files.remove_all()?;
        *stage = Stage::Over;
        let path = self.at.dir.join(name.as_str());
        Ok(Landed { path, already_there: false, links_left_out })
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

    /// Checks that all of it is there, makes what no group makes, and sets times. Returns how many links the disk did
    /// not take.
    fn complete(&self, kind: Kind) -> Result<u64, LandingError> {
        self.check_partial()?;
        match &self.body {
            Body::File { file, path } => {
                if file.metadata().at(path)?.len() != self.size().get() {
                    return Err(LandingError::Tampered { at: path.clone() });
                }
                if let Some(mtime_ms) = self.what.mtime_ms {
                    // A file system that doesn't keep this time keeps another one.
                    let _ = futimens(file, &times(mtime_ms));
                }
                Ok(0)
            }
            Body::Tree(tree) => {
                tree.close();
                complete_tree(tree, tree.placed()?, kind)
            }
            Body::Done(_) => Err(LandingError::Over),
        }
    }

    /// What is under the partial name is what was filled.
    pub(super) fn check_partial(&self) -> Result<(), LandingError> {
        let (partial, inode) = {
            let head = lock(&self.head);
            (head.partial.clone(), head.inode)
        };
        let path = self.at.dir.join(&partial);
        match (&self.body, stat(&self.target, &partial).at(&path)?) {
            (Body::Done(_), _) => Ok(()),
            (_, Some(stat)) if stat.st_ino == inode => Ok(()),
            _ => Err(LandingError::Tampered { at: path }),
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
            if instead.source.as_ref().is_none_or(|source| source.check().is_err()) {
                self.drop_instead()?;
                return Err(LandingError::Tampered { at: path });
            }
            remove_partial(&lock(&self.head))?;
        }
        self.files.remove_all()?;
        Ok(Landed { path, already_there: instead.already_there, links_left_out: 0 })
    }

    /// A landing that was cut off after its blob had got its name.
    pub(super) fn landed(
        at: &Partial,
        head: Head,
        files: StateFiles,
        target: OwnedFd,
        name: String,
    ) -> Result<Self, LandingError> {
        let manifest = files.read("tree")?.and_then(|kept| unpack(&kept));
        let path = at.dir.join(&name);
        let source = Source::landed(&path, &head.what, manifest.clone().unwrap_or_default()).ok();
        let groups = head.what.size.groups();
        let landing = Self::assemble(at, head, files, target, Body::Done(manifest))?;
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

fn complete_tree(tree: &Tree, placed: &Placed, kind: Kind) -> Result<u64, LandingError> {
    let mut inodes = HashSet::new();
    for item in placed.items.iter() {
        let inode = complete_item(tree, placed, item)?;
        if inode.is_some_and(|inode| !inodes.insert(inode)) {
            return Err(LandingError::NameClash { at: tree.path.join(placed.items.path(item)) });
        }
    }
    // Links only now: no file was written while one was there.
    let mut left_out = 0;
    for item in placed.items.iter() {
        left_out += u64::from(!make_link(tree, placed, item)?);
    }
    // Folders from the inside out: nothing changes in them any more.
    placed.items.iter().rev().try_for_each(|item| set_folder_time(tree, placed, item))?;
    if let (Kind::Folder, Some(mtime_ms)) = (kind, placed.items.mtime_ms) {
        let _ = futimens(tree.root.root(), &times(mtime_ms));
    }
    Ok(left_out)
}

/// Completes a file, and tells which it is: two of the same are an accident of names.
fn complete_item(tree: &Tree, placed: &Placed, item: &Item) -> Result<Option<u64>, LandingError> {
    let ItemKind::File { size, executable, mtime_ms } = item.kind else { return Ok(None) };
    let path = placed.items.path(item);
    let fail = |error| tree.fail(&path, error);
    if size == 0 {
        tree.root.file_to_write(&path, executable).map_err(fail)?;
    }
    let stat = tree.root.stat(&path).map_err(fail)?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() || stat.st_size.cast_unsigned() != size {
        return Err(LandingError::Tampered { at: tree.path.join(&path) });
    }
    set_time(tree, &path, mtime_ms)?;
    Ok(Some(stat.st_ino))
}

/// Makes a link; false if the disk has none.
fn make_link(tree: &Tree, placed: &Placed, item: &Item) -> Result<bool, LandingError> {
    let ItemKind::Link { target } = &item.kind else { return Ok(true) };
    let path = placed.items.path(item);
    let (dir, name) = tree.root.parent(&path).map_err(|error| tree.fail(&path, error))?;
    let make = || match symlinkat(&**target, &*dir, name) {
        Err(Errno::EXIST) => {
            // Made before a crash, or by somebody else.
            let made = readlinkat(&*dir, name, Vec::new());
            if made.is_ok_and(|made| made.to_bytes() == target.as_bytes()) {
                return Ok(());
            }
            unlinkat(&*dir, name, AtFlags::empty())?;
            symlinkat(&**target, &*dir, name)
        }
        done => done,
    };
    match make() {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
        Err(error) => Err(tree.fail(&path, error.into())),
    }
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
