//! Reading the bytes of a blob.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nexus_blobs::layout::Place;

use super::{Seen, Source, SourceFile};
use crate::beneath::open_file;
use crate::error::SourceError;
use crate::sys;

/// Files of at least so many bytes are announced to the kernel as read from front to back.
const WORTH_READING_AHEAD: u64 = 1 << 20;

impl Source {
    /// Reads `count` groups from `first` on into `out`, which is as long as they are afterwards; fewer at the end of
    /// the blob. Keep `out` for the next run: then nothing is allocated or cleared.
    ///
    /// What a file is known by is compared before its first byte and after its last one is read, so what comes out is
    /// of the file as it was offered, or an error.
    ///
    /// # Errors
    /// When a file changed, went, or can't be read; then `out` is not to be used.
    pub fn read_run(&self, first: u64, count: u64, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let size = self.what.size;
        let range = size.group_start(first)..size.group_start(first.saturating_add(count));
        out.resize(usize::try_from(range.end - range.start).unwrap_or_default(), 0);
        let mut rest = out.as_mut_slice();
        for piece in self.layout.pieces(range) {
            let len = usize::try_from(piece.len).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at_mut(len);
            rest = after;
            match piece.place {
                Place::Manifest(at) => self.copy_manifest(at, part),
                Place::File { file, offset, .. } => self.read_file(file, offset, part)?,
            }
        }
        Ok(())
    }

    /// Looks at every file without reading it. Ask this after the last group: also an empty file may have grown.
    ///
    /// # Errors
    /// For the first file that changed or went.
    pub fn check(&self) -> Result<(), SourceError> {
        for file in &self.files {
            let path = self.path(file);
            let meta =
                std::fs::symlink_metadata(&path).map_err(|error| SourceError::at(&path, error))?;
            if !meta.is_file() || Seen::of(&meta) != file.seen {
                return Err(SourceError::Changed { path });
            }
        }
        Ok(())
    }

    fn copy_manifest(&self, at: u64, part: &mut [u8]) {
        let from =
            usize::try_from(at).ok().and_then(|at| self.manifest.get(at..)?.get(..part.len()));
        if let Some(from) = from {
            part.copy_from_slice(from);
        }
    }

    fn read_file(&self, number: usize, offset: u64, part: &mut [u8]) -> Result<(), SourceError> {
        let Some(file) = self.files.get(number) else { return Err(SourceError::Damaged) };
        let path = self.path(file);
        let read = if part.len() as u64 == file.seen.size {
            // Whole in one go, as most are: no use in keeping it open.
            open(&path).and_then(|open| read_same(&open, file, offset, part))
        } else {
            let open = self.open.get(number, || {
                let open = open(&path)?;
                if file.seen.size >= WORTH_READING_AHEAD {
                    sys::read_ahead(&open);
                }
                Ok(open)
            });
            open.and_then(|open| read_same(&open, file, offset, part))
        };
        match read {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.open.close(number);
                Err(SourceError::Changed { path })
            }
            Err(error) => Err(SourceError::at(path, error)),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    open_file(rustix::fs::CWD, path)
}

/// Reads a part; false if the file is not the one that was offered.
fn read_same(open: &File, file: &SourceFile, offset: u64, part: &mut [u8]) -> io::Result<bool> {
    let same =
        |open: &File| open.metadata().map(|meta| meta.is_file() && Seen::of(&meta) == file.seen);
    if !same(open)? {
        return Ok(false);
    }
    match open.read_exact_at(part, offset) {
        Ok(()) => same(open),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
