//! Going through folders and writing the manifest on the way.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nexus_blobs::SafeName;
use nexus_blobs::manifest::{Encoder, Entry, Kind, LinkTarget, ManifestError};
use nexus_blobs::name::{sanitize, with_number};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::{Seen, Skip, Skipped, SourceFile};
use crate::error::SourceError;

/// Collects what is found.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) encoder: Encoder,
    pub(super) dirs: Vec<PathBuf>,
    pub(super) files: Vec<SourceFile>,
    pub(super) skipped: Vec<Skipped>,
    /// Names from the outermost folder to where the walk is.
    path: Vec<SafeName>,
}

/// Something in a folder, by the name it has here and the one it is sent under.
pub(super) struct Found {
    pub(super) name: OsString,
    pub(super) sent_as: SafeName,
    pub(super) meta: Metadata,
}

impl Walk {
    /// Remembers a folder that files are in.
    pub(super) fn dir(&mut self, path: PathBuf) -> u32 {
        self.dirs.push(path);
        // Fewer than a manifest has entries.
        u32::try_from(self.dirs.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds one thing that lies in the folder with this number, and what is in it.
    pub(super) fn add(&mut self, dir: u32, found: Found) -> Result<(), SourceError> {
        let Some(parent) = usize::try_from(dir).ok().and_then(|dir| self.dirs.get(dir)) else {
            return Ok(());
        };
        let at = parent.join(&found.name);
        self.path.push(found.sent_as.clone());
        let done = self.add_here(dir, found, at);
        self.path.pop();
        done
    }

    fn add_here(&mut self, dir: u32, found: Found, at: PathBuf) -> Result<(), SourceError> {
        let kind = found.meta.file_type();
        if kind.is_dir() {
            self.add_folder(&found.meta, at)
        } else if kind.is_file() {
            self.add_file(dir, found, at)
        } else if kind.is_symlink() {
            self.add_link(at)
        } else {
            self.skip(at, Skip::Special);
            Ok(())
        }
    }

    fn add_folder(&mut self, meta: &Metadata, at: PathBuf) -> Result<(), SourceError> {
        let children = match children(&at) {
            Ok(children) => children,
            Err(error) => {
                self.skip(at, why(&error));
                return Ok(());
            }
        };
        if !self.entry(&at, Kind::Folder { mtime_ms: mtime_ms(meta) })? {
            return Ok(());
        }
        let dir = self.dir(at);
        children.into_iter().try_for_each(|child| self.add(dir, child))
    }

    fn add_file(&mut self, dir: u32, found: Found, at: PathBuf) -> Result<(), SourceError> {
        if !may_read(&at, &found.meta) {
            self.skip(at, Skip::Denied);
            return Ok(());
        }
        let kind = Kind::File {
            size: found.meta.len(),
            executable: is_executable(&found.meta),
            mtime_ms: mtime_ms(&found.meta),
        };
        if self.entry(&at, kind)? {
            self.files.push(SourceFile { dir, name: found.name, seen: Seen::of(&found.meta) });
        }
        Ok(())
    }

    fn add_link(&mut self, at: PathBuf) -> Result<(), SourceError> {
        let target = match fs::read_link(&at) {
            Ok(target) => target,
            Err(error) => {
                self.skip(at, why(&error));
                return Ok(());
            }
        };
        match target.to_str().and_then(|target| LinkTarget::parse(target, &self.path)) {
            Some(target) => self.entry(&at, Kind::Link { target }).map(drop),
            None => {
                self.skip(at, Skip::PointsOut);
                Ok(())
            }
        }
    }

    /// Writes the entry of what lies at the end of the path; false if it was left out.
    fn entry(&mut self, at: &Path, kind: Kind) -> Result<bool, SourceError> {
        match self.encoder.push(&Entry { path: self.path.clone(), kind }) {
            Ok(()) => Ok(true),
            Err(ManifestError::Path) => {
                self.skip(at.to_owned(), Skip::TooDeep);
                Ok(false)
            }
            Err(error) => Err(SourceError::TooMuch(error)),
        }
    }

    fn skip(&mut self, path: PathBuf, why: Skip) {
        self.skipped.push(Skipped { path, why });
    }
}

/// What is in a folder, in the order of a manifest.
fn children(folder: &Path) -> io::Result<Vec<Found>> {
    let mut named = Vec::new();
    for child in fs::read_dir(folder)? {
        let child = child?;
        // What went since it was listed was never there.
        if let Ok(meta) = child.metadata() {
            named.push((child.file_name(), meta));
        }
    }
    let found = |(sent_as, name, meta)| Found { name, sent_as, meta };
    Ok(in_order(named).into_iter().map(found).collect())
}

/// Finds names to send things under, each another, and sorts by them.
pub(super) fn in_order<T>(named: Vec<(OsString, T)>) -> Vec<(SafeName, OsString, T)> {
    let mut used = BTreeSet::new();
    let (mut found, mut rest) = (Vec::with_capacity(named.len()), Vec::new());
    // Whose name can stay keeps it.
    for (name, thing) in named {
        match safe(&name).filter(|safe| used.insert(safe.clone())) {
            Some(sent_as) => found.push((sent_as, name, thing)),
            None => rest.push((name, thing)),
        }
    }
    rest.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, thing) in rest {
        let sent_as = free_name(&sanitize(&name.to_string_lossy()), &mut used);
        found.push((sent_as, name, thing));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn safe(name: &OsStr) -> Option<SafeName> {
    SafeName::new(name.to_str()?).ok()
}

fn free_name(name: &SafeName, used: &mut BTreeSet<SafeName>) -> SafeName {
    let numbered = (2..=u32::MAX).map(|number| with_number(name, number));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    // There are more numbers than things in a folder.
    names.find(|name| used.insert(name.clone())).unwrap_or_else(|| name.clone())
}

/// When it was changed, in milliseconds since 1970.
pub(super) fn mtime_ms(meta: &Metadata) -> i64 {
    meta.mtime().saturating_mul(1000).saturating_add(meta.mtime_nsec() / 1_000_000)
}

/// Whether its owner may run it.
pub(super) fn is_executable(meta: &Metadata) -> bool {
    meta.mode() & 0o100 != 0
}

/// Whether this user may read a file; most may be read by all, and then nobody is asked.
pub(super) fn may_read(path: &Path, meta: &Metadata) -> bool {
    meta.mode() & 0o444 == 0o444 || accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).is_ok()
}

fn why(error: &io::Error) -> Skip {
    if error.kind() == io::ErrorKind::PermissionDenied { Skip::Denied } else { Skip::Unreadable }
}
