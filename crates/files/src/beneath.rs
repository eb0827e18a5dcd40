//! A folder whose insides are reached name by name, never through a symbolic link.
//!
//! Somebody who can write into the folder while blobs land there can't lead a write out of it: every step opens one
//! name relative to the directory before it, and refuses links.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, Stat};

/// Directories kept open: files come in order, so nearly all are in the one before.
const KEPT_OPEN: usize = 16;

/// Mode of files before the umask; those marked executable get [`EXECUTABLE_MODE`].
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
/// Mode of executable files and of folders before the umask.
const EXECUTABLE_MODE: Mode = Mode::from_raw_mode(0o755);

/// A directory and what is beneath it. Paths are relative, with `/` between names, none of them `.` or `..`.
#[derive(Debug)]
pub(crate) struct Beneath {
    root: Arc<OwnedFd>,
    recent: Mutex<VecDeque<(String, Arc<OwnedFd>)>>,
}

impl Beneath {
    /// Opens the folder `name` in `dir`; a link of that name is refused.
    pub(crate) fn open(dir: impl AsFd, name: &str) -> io::Result<Self> {
        Ok(Self::at(step(dir, name)?))
    }

    /// What is beneath an open directory.
    pub(crate) fn at(root: OwnedFd) -> Self {
        Self { root: Arc::new(root), recent: Mutex::default() }
    }

    pub(crate) fn root(&self) -> &OwnedFd {
        &self.root
    }

    /// Opens a folder beneath; `""` is the folder itself.
    pub(crate) fn folder(&self, path: &str) -> io::Result<Arc<OwnedFd>> {
        let (mut at, done) = self.nearest(path);
        if done == path.len() {
            return Ok(at);
        }
        for name in path.get(done..).unwrap_or_default().split('/').filter(|n| !n.is_empty()) {
            at = Arc::new(step(&*at, name)?);
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == KEPT_OPEN {
            recent.pop_back();
        }
        recent.push_front((path.to_owned(), at.clone()));
        Ok(at)
    }

    /// The open directory that is the longest beginning of `path`, and how much of the path it is.
    fn nearest(&self, path: &str) -> (Arc<OwnedFd>, usize) {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent
            .iter()
            .filter(|(known, _)| {
                path.strip_prefix(known.as_str())
                    .is_some_and(|r| r.is_empty() || r.starts_with('/'))
            })
            .max_by_key(|(known, _)| known.len())
            .map_or_else(|| (self.root.clone(), 0), |(known, fd)| (fd.clone(), known.len()))
    }

    /// The directory a path is in, and its last name.
    pub(crate) fn parent<'p>(&self, path: &'p str) -> io::Result<(Arc<OwnedFd>, &'p str)> {
        match path.rsplit_once('/') {
            Some((folder, name)) => Ok((self.folder(folder)?, name)),
            None => Ok((self.root.clone(), path)),
        }
    }

    /// Makes a folder; one that is there already is as good.
    pub(crate) fn make_folder(&self, path: &str) -> io::Result<()> {
        let (dir, name) = self.parent(path)?;
        match rustix::fs::mkdirat(&*dir, name, EXECUTABLE_MODE) {
            Err(rustix::io::Errno::EXIST) => step(&*dir, name).map(drop),
            done => Ok(done?),
        }
    }

    /// Opens a file to read and write, and makes it if it is not there.
    pub(crate) fn file_to_write(&self, path: &str, executable: bool) -> io::Result<File> {
        let (dir, name) = self.parent(path)?;
        make_file(&*dir, name, executable, OFlags::empty())
    }

    /// Opens a file to read.
    pub(crate) fn file_to_read(&self, path: &str) -> io::Result<File> {
        let (dir, name) = self.parent(path)?;
        open_file(&*dir, name)
    }

    /// What a name stands for; a link itself, not what it points to.
    pub(crate) fn stat(&self, path: &str) -> io::Result<Stat> {
        let (dir, name) = self.parent(path)?;
        Ok(rustix::fs::statat(&*dir, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

fn step(dir: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?)
}

/// Opens or makes the file `name` in `dir` to read and write. The umask takes its part of the mode; there is never a
/// setuid, setgid or sticky bit.
pub(crate) fn make_file(
    dir: impl AsFd,
    name: &str,
    executable: bool,
    more: OFlags,
) -> io::Result<File> {
    let flags = OFlags::CREATE
        | OFlags::RDWR
        | OFlags::NOFOLLOW
        | OFlags::CLOEXEC
        | OFlags::NONBLOCK
        | more;
    let mode = if executable { EXECUTABLE_MODE } else { FILE_MODE };
    Ok(File::from(rustix::fs::openat(dir, name, flags, mode)?))
}

/// Opens the file `name` in `dir` to read. A pipe that took its place must not make us wait.
pub(crate) fn open_file(dir: impl AsFd, name: impl rustix::path::Arg) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(rustix::fs::openat(dir, name, flags, Mode::empty())?))
}
