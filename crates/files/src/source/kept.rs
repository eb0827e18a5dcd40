//! What the store keeps of a source, so that it can be served after a restart.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use nexus_blobs::layout::LayoutBuilder;
use nexus_blobs::limits::MAX_MANIFEST;
use nexus_blobs::{BlobSize, Layout, SafeName};

use super::{Seen, Source, SourceFile};
use crate::error::SourceError;
use crate::pack::{Packer, Unpacker};
use crate::pool::Pool;
use crate::what::{Kind, What};

const MAGIC: [u8; 8] = *b"nxsource";
/// Another version is not read: offer again.
const VERSION: u8 = 1;

impl Source {
    /// Everything that is needed to read the same bytes later, or to notice that they are others: where the files
    /// are, what each was known by, and the manifest. About 60 bytes a file and its name.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut packer = Packer::new(MAGIC);
        let What { kind, name, size, executable, mtime_ms } = &self.what;
        packer.u8(VERSION).u8(kind.to_kept()).bytes(name.as_str().as_bytes()).u64(size.get());
        packer.u8((*executable).into()).u8(mtime_ms.is_some().into());
        packer.i64(mtime_ms.unwrap_or_default()).bytes(&self.manifest);
        packer.u32(u32::try_from(self.dirs.len()).unwrap_or(u32::MAX));
        for dir in &self.dirs {
            packer.bytes(dir.as_os_str().as_bytes());
        }
        packer.u32(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        for SourceFile { dir, name, seen } in &self.files {
            packer.u32(*dir).bytes(name.as_bytes()).u64(seen.size);
            packer.i64(seen.mtime).i64(seen.ctime).u64(seen.inode);
        }
        packer.finish()
    }

    /// Reads what [`Source::to_bytes`] wrote. Whether the files are still the same shows when they are read, or with
    /// [`Source::check`].
    ///
    /// # Errors
    /// [`SourceError::Damaged`] if the bytes are not whole, or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SourceError> {
        unpack(bytes).ok_or(SourceError::Damaged)
    }
}

fn unpack(bytes: &[u8]) -> Option<Source> {
    let mut from = Unpacker::new(bytes, MAGIC)?;
    if from.u8()? != VERSION {
        return None;
    }
    let what = read_what(&mut from)?;
    let manifest = from.bytes()?.to_vec();
    if manifest.len() as u64 > MAX_MANIFEST || manifest.is_empty() == what.kind.has_manifest() {
        return None;
    }
    let dirs = (0..from.u32()?)
        .map(|_| Some(PathBuf::from(OsStr::from_bytes(from.bytes()?))))
        .collect::<Option<Vec<_>>>()?;
    let files = (0..from.u32()?).map(|_| read_file(&mut from)).collect::<Option<Vec<_>>>()?;
    let layout = lay_out(&what, &manifest, &files)?;
    let source =
        Source { what, manifest, layout, dirs, files, skipped: Vec::new(), open: Pool::default() };
    from.is_done().then_some(source)
}

fn read_what(from: &mut Unpacker<'_>) -> Option<What> {
    let kind = Kind::from_kept(from.u8()?)?;
    let name = SafeName::new(from.str()?).ok()?;
    let size = BlobSize::new(from.u64()?).ok()?;
    let (executable, known, mtime) = (from.u8()? == 1, from.u8()? == 1, from.i64()?);
    Some(What { kind, name, size, executable, mtime_ms: known.then_some(mtime) })
}

fn read_file(from: &mut Unpacker<'_>) -> Option<SourceFile> {
    let (dir, name) = (from.u32()?, OsStr::from_bytes(from.bytes()?).to_owned());
    let (size, mtime, ctime, inode) = (from.u64()?, from.i64()?, from.i64()?, from.u64()?);
    Some(SourceFile { dir, name, seen: Seen { size, mtime, ctime, inode } })
}

/// Which bytes belong to which file; nothing if together they are not as many as the blob has.
fn lay_out(what: &What, manifest: &[u8], files: &[SourceFile]) -> Option<Layout> {
    let total = files
        .iter()
        .try_fold(manifest.len() as u64, |sum, file| sum.checked_add(file.seen.size))?;
    if total != what.size.get() || (what.kind == Kind::File && files.len() != 1) {
        return None;
    }
    let mut builder = LayoutBuilder::new(what.size, manifest.len() as u64);
    for (entry, file) in (0..).zip(files) {
        builder.push(entry, file.seen.size);
    }
    Some(builder.finish())
}
