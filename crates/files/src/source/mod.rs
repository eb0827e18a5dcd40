//! What is sent: the bytes of a blob, read from files that must not change meanwhile.

mod kept;
mod known;
mod read;
mod scan;
mod walk;

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use nexus_blobs::Layout;

pub use scan::scan;

use crate::pool::Pool;
use crate::what::What;

/// What is sent. Made by [`scan`]; its files are read group by group with [`Source::read_run`], from as many threads
/// as there are.
#[derive(Debug)]
pub struct Source {
    what: What,
    /// The manifest; nothing if the blob is one file.
    manifest: Vec<u8>,
    layout: Layout,
    /// The folders that the files are in.
    dirs: Vec<PathBuf>,
    files: Vec<SourceFile>,
    skipped: Vec<Skipped>,
    open: Pool,
}

/// One file of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SourceFile {
    /// Which of the folders.
    dir: u32,
    name: OsString,
    seen: Seen,
}

/// By what a file is known again: it is another one, or was changed, if any of this differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    size: u64,
    /// Nanoseconds since 1970.
    mtime: i64,
    /// When its content or anything about it changed; nobody can set it back.
    ctime: i64,
    inode: u64,
}

impl Seen {
    fn of(meta: &Metadata) -> Self {
        let nanos =
            |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        Self {
            size: meta.len(),
            mtime: nanos(meta.mtime(), meta.mtime_nsec()),
            ctime: nanos(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
        }
    }
}

/// Something that is not sent though it lies in what was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// What.
    pub path: PathBuf,
    /// Why.
    pub why: Skip,
}

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Skip {
    /// A socket, a pipe or a device.
    Special,
    /// This user may not read it.
    Denied,
    /// A link that points out of the folder, or through a name that other systems don't take.
    PointsOut,
    /// Its path is deeper or longer than a manifest takes.
    TooDeep,
    /// It went while the folder was read, or the disk failed.
    Unreadable,
}

impl Source {
    /// What the blob is: kind, name, size.
    pub fn what(&self) -> &What {
        &self.what
    }

    /// The manifest that its bytes begin with; nothing if it is one file.
    pub fn manifest(&self) -> Option<&[u8]> {
        self.what.kind.has_manifest().then_some(&*self.manifest)
    }

    /// How many files it holds.
    pub fn files(&self) -> u64 {
        self.files.len() as u64
    }

    /// What was left out. Not kept over a restart.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn path(&self, file: &SourceFile) -> PathBuf {
        let dir = usize::try_from(file.dir).ok().and_then(|dir| self.dirs.get(dir));
        dir.map(|dir| dir.join(&file.name)).unwrap_or_default()
    }
}
