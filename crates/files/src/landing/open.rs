//! Beginning to land, and going on after a restart.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, RwLock};

use nexus_blobs::GroupSet;
use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, mkdirat, statat, unlinkat};

use super::body::{Body, Tree};
use super::finish::find_landed;
use super::{Landing, Partial, Stage};
use crate::beneath::{Beneath, make_file};
use crate::error::{At as _, LandingError};
use crate::state::{BootId, Head, Slots, Stage as Kept, StateFiles, hex};
use crate::sys;
use crate::what::What;

/// Names tried for a partial file: something of that name that is not ours is left alone.
const MAX_NAMES: u32 = 100;

impl Landing {
    /// Begins to land a blob. What is there of an earlier try under the same id is removed.
    ///
    /// # Errors
    /// When the directory is not there, or nothing can be written in it.
    pub fn create(at: &Partial, what: &What) -> Result<Self, LandingError> {
        let files = StateFiles::new(&at.state_dir, &at.id)?;
        let target = open_target(at)?;
        if let Some(head) = read_head(&files)? {
            remove_partial(&head)?;
        }
        files.remove_all()?;
        let mut head = Head {
            id: at.id,
            what: what.clone(),
            dir: at.dir.clone(),
            partial: free_name(at, &target)?,
            inode: 0,
            boot: at.boot,
            stage: Kept::Coming,
        };
        // Known before it is made, so that a kill leaves none that nobody knows of; after a power cut it may be there,
        // and empty.
        files.replace("head", &head.to_bytes(), false)?;
        let body = make_body(&head, &target, &files)?;
        head.inode = inode(&body).at(at.dir.join(&head.partial))?;
        files.replace("head", &head.to_bytes(), true)?;
        Self::assemble(at, head, files, target, body)
    }

    /// Goes on with a blob where it was left: after a restart, a crash, a power cut. What is not there, or of another
    /// name, size or target, begins anew, as with [`Landing::create`].
    ///
    /// After a start of the machine nothing counts as there before [`Landing::recheck`].
    ///
    /// # Errors
    /// When the directory is not there, e.g. because its disk is not attached: the state is kept. When nothing can be
    /// written in it.
    pub fn resume(at: &Partial, what: &What) -> Result<Self, LandingError> {
        let files = StateFiles::new(&at.state_dir, &at.id)?;
        let head = read_head(&files)?;
        let Some(mut head) =
            head.filter(|head| head.what == *what && head.dir == at.dir && head.id == at.id)
        else {
            return Self::create(at, what);
        };
        let target = open_target(at)?;
        let there = stat(&target, &head.partial).at(&at.dir)?;
        if there.is_none_or(|stat| stat.st_ino != head.inode) {
            let landed =
                if head.stage == Kept::Naming { find_landed(&target, &head)? } else { None };
            return match landed {
                Some(name) => Self::landed(at, head, files, target, name),
                None => Self::create(at, what),
            };
        }
        head.stage = Kept::Coming;
        let body = open_body(&head, &target, &files)?;
        let landing = Self::assemble(at, head, files, target, body)?;
        if landing.go_on()? {
            Ok(landing)
        } else {
            drop(landing);
            Self::create(at, what)
        }
    }

    pub(super) fn assemble(
        at: &Partial,
        head: Head,
        files: StateFiles,
        target: OwnedFd,
        body: Body,
    ) -> Result<Self, LandingError> {
        let groups = head.what.size.groups();
        Ok(Self {
            got: Slots::open(&files.path("got"), groups)?,
            list: Slots::open(&files.path("list"), groups)?,
            at: at.clone(),
            what: head.what.clone(),
            head: Mutex::new(head),
            files,
            target,
            body,
            have: Mutex::default(),
            listed: Mutex::default(),
            unsynced: Mutex::default(),
            fresh: AtomicBool::new(true),
            doubted: AtomicBool::new(false),
            stage: RwLock::new(Stage::Going),
            instead: Mutex::new(None),
        })
    }

    /// Takes up what was recorded; false if the manifest that was kept is not one any more.
    fn go_on(&self) -> Result<bool, LandingError> {
        let boot: BootId = super::lock(&self.head).boot;
        let same_boot = boot.is_same(&self.at.boot);
        if let Some(kept) = self.files.read("tree")?
            && !self.place_kept(&kept)?
        {
            return Ok(false);
        }
        let recorded = self.recorded()?;
        if same_boot {
            let mut listed = GroupSet::new();
            self.list.each(0, u64::MAX, |index, _| {
                listed.insert(index);
            })?;
            *super::lock(&self.listed) = listed;
            // What was written before is as safe as the last `sync` made it.
            *super::lock(&self.unsynced) = recorded.clone();
            *super::lock(&self.have) = recorded;
        } else {
            self.list.empty()?;
            *super::lock(&self.unsynced) = recorded.clone();
            self.doubted.store(!recorded.is_empty(), std::sync::atomic::Ordering::Release);
        }
        Ok(true)
    }
}

fn open_target(at: &Partial) -> Result<OwnedFd, LandingError> {
    sys::open_folder(&at.dir).map_err(|error| {
        if sys::is_missing(&error) {
            LandingError::TargetGone { at: at.dir.clone() }
        } else {
            LandingError::at(&at.dir, error)
        }
    })
}

/// The head, if there is a whole one.
pub(crate) fn read_head(files: &StateFiles) -> Result<Option<Head>, LandingError> {
    Ok(files.read("head")?.and_then(|bytes| Head::from_bytes(&bytes)))
}

/// What lies under a name; a link itself.
pub(super) fn stat(dir: &OwnedFd, name: &str) -> rustix::io::Result<Option<Stat>> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn free_name(at: &Partial, target: &OwnedFd) -> Result<String, LandingError> {
    let short = hex(at.id.get(..8).unwrap_or_default());
    for number in 1..=MAX_NAMES {
        let name = match number {
            1 => format!(".nexus-{short}.partial"),
            _ => format!(".nexus-{short}-{number}.partial"),
        };
        if stat(target, &name).at(&at.dir)?.is_none() {
            return Ok(name);
        }
    }
    Err(LandingError::NoFreeName { at: at.dir.join(format!(".nexus-{short}.partial")) })
}

fn make_body(head: &Head, target: &OwnedFd, files: &StateFiles) -> Result<Body, LandingError> {
    let path = head.dir.join(&head.partial);
    if head.what.kind.has_manifest() {
        mkdirat(target, &head.partial, Mode::from_raw_mode(0o755)).at(&path)?;
        return open_body(head, target, files);
    }
    let file = make_file(target, &head.partial, head.what.executable, OFlags::EXCL).at(&path)?;
    Ok(Body::File { file, path })
}

fn open_body(head: &Head, target: &OwnedFd, files: &StateFiles) -> Result<Body, LandingError> {
    let path = head.dir.join(&head.partial);
    if head.what.kind.has_manifest() {
        let root = Beneath::open(target, &head.partial).at(&path)?;
        // Once the manifest is kept, they are on their way to their place, or there.
        let make = !files.path("tree").exists();
        return Ok(Body::Tree(Tree::open(root, path, files.path("first"), make)?.into()));
    }
    let file = make_file(target, &head.partial, head.what.executable, OFlags::empty()).at(&path)?;
    Ok(Body::File { file, path })
}

fn inode(body: &Body) -> rustix::io::Result<u64> {
    let fd = match body {
        Body::File { file, .. } => file.as_fd(),
        Body::Tree(tree) => tree.root.root().as_fd(),
        Body::Done(_) => return Err(rustix::io::Errno::BADF),
    };
    Ok(fstat(fd)?.st_ino)
}

/// Removes the partial file or folder of a head, if it is the one that was made. One that was never seen is removed
/// only if it is empty: it may be somebody else's.
pub(crate) fn remove_partial(head: &Head) -> Result<PathBuf, LandingError> {
    let path = head.dir.join(&head.partial);
    let Ok(target) = sys::open_folder(&head.dir) else { return Ok(path) };
    let Some(there) = stat(&target, &head.partial).at(&path)? else { return Ok(path) };
    let is_folder = rustix::fs::FileType::from_raw_mode(there.st_mode).is_dir();
    let is_ours = head.inode == there.st_ino;
    let done = match is_folder {
        true if is_ours => std::fs::remove_dir_all(&path),
        // Refused if it is not empty.
        true if head.inode == 0 => {
            let _ = unlinkat(&target, &head.partial, AtFlags::REMOVEDIR);
            Ok(())
        }
        false if is_ours || (head.inode == 0 && there.st_size == 0) => {
            unlinkat(&target, &head.partial, AtFlags::empty()).map_err(Into::into)
        }
        _ => Ok(()),
    };
    done.at(&path)?;
    Ok(path)
}
