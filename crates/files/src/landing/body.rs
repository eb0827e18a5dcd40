//! Where the bytes of an incoming blob lie until they are whole.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nexus_blobs::layout::{Piece, Place};
use nexus_blobs::limits::MAX_MANIFEST;
use nexus_blobs::{BlobSize, GROUP, Layout};

use crate::beneath::Beneath;
use crate::error::{At as _, LandingError};
use crate::items::{Item, ItemKind, Items};
use crate::pool::Pool;
use crate::sys;

/// The partial file or folder.
#[derive(Debug)]
pub(crate) enum Body {
    /// A blob that is one file.
    File { file: File, path: PathBuf },
    /// A blob with a manifest.
    Tree(Box<Tree>),
    /// It has its final name already; its manifest, if it is known.
    Done(Option<Vec<u8>>),
}

/// A folder that is filled.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Beneath,
    /// Where it is, for errors.
    pub(crate) path: PathBuf,
    /// The first groups, until the manifest is known; in the state directory.
    first: Option<File>,
    first_path: PathBuf,
    placed: OnceLock<Placed>,
    open: Pool,
}

/// What is known once the manifest is.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) manifest: Vec<u8>,
    pub(crate) items: Items,
    pub(crate) layout: Layout,
}

impl Body {
    /// Writes bytes that begin at `start` of the blob.
    pub(crate) fn write(&self, start: u64, bytes: &[u8]) -> Result<(), LandingError> {
        match self {
            Self::File { file, path } => file.write_all_at(bytes, start).at(path),
            Self::Tree(tree) => tree.write(start, bytes),
            Self::Done(_) => Err(LandingError::Over),
        }
    }

    /// Reads as many bytes as `out` takes, from `start` of the blob on.
    pub(crate) fn read(&self, start: u64, out: &mut [u8]) -> Result<(), LandingError> {
        match self {
            Self::File { file, path } => {
                file.read_exact_at(out, start).map_err(|error| cut(path, error))
            }
            Self::Tree(tree) => tree.read(start, out),
            Self::Done(_) => Err(LandingError::Over),
        }
    }
}

impl Tree {
    /// The folder `root`, which lies at `path`; its first groups go to `first_path`, which is made if `make` says so.
    pub(crate) fn open(
        root: Beneath,
        path: PathBuf,
        first_path: PathBuf,
        make: bool,
    ) -> Result<Self, LandingError> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(make).truncate(false).mode(0o600);
        let first = match options.open(&first_path) {
            Err(error) if !make && sys::is_missing(&error) => None,
            opened => Some(opened.at(&first_path)?),
        };
        Ok(Self { root, path, first, first_path, placed: OnceLock::new(), open: Pool::default() })
    }

    /// What is known of the manifest.
    pub(crate) fn placed(&self) -> Result<&Placed, LandingError> {
        self.placed.get().ok_or(LandingError::NoManifest)
    }

    /// Makes the folders of a manifest that is about to be placed.
    pub(crate) fn make_folders(&self, placed: &Placed) -> Result<(), LandingError> {
        for item in placed.items.iter().filter(|item| matches!(item.kind, ItemKind::Folder { .. }))
        {
            let path = placed.items.path(item);
            self.root.make_folder(&path).map_err(|error| self.fail(&path, error))?;
        }
        Ok(())
    }

    /// From now on everything goes to its place.
    pub(crate) fn place(&self, placed: Placed) {
        // A second manifest is never placed: the caller asked `placed` before.
        let _ = self.placed.set(placed);
    }

    /// Reads from what came before the manifest was known; false if that is not there.
    pub(crate) fn read_first(&self, start: u64, out: &mut [u8]) -> Result<bool, LandingError> {
        let Some(first) = &self.first else { return Ok(false) };
        match first.read_exact_at(out, start) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            done => done.map(|()| true).at(&self.first_path),
        }
    }

    /// Whether something came before the manifest was known that was not moved to its place.
    pub(crate) fn has_first(&self) -> bool {
        self.first.is_some()
    }

    /// Makes the first groups last through a power cut, as long as they are all there is.
    pub(crate) fn sync_first(&self) -> Result<(), LandingError> {
        self.first.as_ref().map_or(Ok(()), |first| first.sync_data().at(&self.first_path))
    }

    fn write(&self, start: u64, bytes: &[u8]) -> Result<(), LandingError> {
        match (self.placed.get(), &self.first) {
            (Some(placed), _) => self.write_placed(placed, start, bytes),
            (None, Some(first)) if start < MAX_MANIFEST => {
                first.write_all_at(bytes, start).at(&self.first_path)
            }
            _ => Err(LandingError::NoManifest),
        }
    }

    /// Writes every byte to the file that it belongs to.
    pub(crate) fn write_placed(
        &self,
        placed: &Placed,
        start: u64,
        bytes: &[u8],
    ) -> Result<(), LandingError> {
        let mut rest = bytes;
        for piece in placed.layout.pieces(start..start + bytes.len() as u64) {
            let (part, after) = rest.split_at_checked(len_of(&piece)).unwrap_or((rest, &[]));
            rest = after;
            match piece.place {
                Place::Manifest(at) if placed.manifest_part(at, part.len()) == Some(part) => {}
                Place::Manifest(_) => return Err(LandingError::OtherManifest),
                Place::File { file, offset, .. } => self.write_file(placed, file, offset, part)?,
            }
        }
        Ok(())
    }

    /// Writes a part of a file, which is made if it is not there.
    fn write_file(
        &self,
        placed: &Placed,
        file: usize,
        offset: u64,
        part: &[u8],
    ) -> Result<(), LandingError> {
        let Some((path, size, executable)) = placed.file(file) else {
            return Err(LandingError::NoManifest);
        };
        let make = || self.root.file_to_write(&path, executable);
        let done = if part.len() as u64 == size {
            // Most files of a large folder are whole in one group: made, written, closed.
            make().and_then(|file| file.write_all_at(part, offset))
        } else {
            self.open.get(file, make).and_then(|file| file.write_all_at(part, offset))
        };
        done.map_err(|error| self.fail(&path, error))
    }

    fn read(&self, start: u64, out: &mut [u8]) -> Result<(), LandingError> {
        let Some(placed) = self.placed.get() else {
            let tampered = LandingError::Tampered { at: self.first_path.clone() };
            return if self.read_first(start, out)? { Ok(()) } else { Err(tampered) };
        };
        let mut rest = out;
        for piece in placed.layout.pieces(start..start + rest.len() as u64) {
            let len = len_of(&piece).min(rest.len());
            let (part, after) = rest.split_at_mut(len);
            rest = after;
            match piece.place {
                Place::Manifest(at) => {
                    let from = placed.manifest_part(at, part.len());
                    part.copy_from_slice(from.ok_or(LandingError::OtherManifest)?);
                }
                Place::File { file, offset, .. } => self.read_file(placed, file, offset, part)?,
            }
        }
        Ok(())
    }

    fn read_file(
        &self,
        placed: &Placed,
        file: usize,
        offset: u64,
        part: &mut [u8],
    ) -> Result<(), LandingError> {
        let Some((path, size, executable)) = placed.file(file) else {
            return Err(LandingError::NoManifest);
        };
        let read = if part.len() as u64 == size {
            self.root.file_to_read(&path).and_then(|file| file.read_exact_at(part, offset))
        } else {
            let open = self.open.get(file, || self.root.file_to_write(&path, executable));
            open.and_then(|file| file.read_exact_at(part, offset))
        };
        read.map_err(|error| cut(&self.path.join(&path), error))
    }

    /// The open file with that number, made if it is not there.
    pub(crate) fn file(
        &self,
        placed: &Placed,
        file: usize,
    ) -> Result<std::sync::Arc<File>, LandingError> {
        let Some((path, _, executable)) = placed.file(file) else {
            return Err(LandingError::NoManifest);
        };
        let open = self.open.get(file, || self.root.file_to_write(&path, executable));
        open.map_err(|error| self.fail(&path, error))
    }

    /// Closes everything.
    pub(crate) fn close(&self) {
        self.open.clear();
    }

    /// The typed form of what went wrong at a path in the folder.
    pub(crate) fn fail(&self, path: &str, error: io::Error) -> LandingError {
        let at = self.path.join(path);
        if sys::is_missing(&error) {
            LandingError::Tampered { at }
        } else {
            LandingError::at(at, error)
        }
    }
}

impl Placed {
    /// Reads the manifest of a blob of `size` bytes.
    pub(crate) fn read(
        kind: crate::Kind,
        size: BlobSize,
        manifest: Vec<u8>,
    ) -> Result<Self, LandingError> {
        let (items, layout) = Items::read(kind, size, &manifest).map_err(LandingError::Manifest)?;
        Ok(Self { manifest, items, layout })
    }

    /// Groups that hold bytes of the manifest.
    pub(crate) fn manifest_groups(&self) -> u64 {
        self.layout.manifest_groups().end
    }

    fn manifest_part(&self, at: u64, len: usize) -> Option<&[u8]> {
        self.manifest.get(usize::try_from(at).ok()?..)?.get(..len)
    }

    /// Where a file lies in the folder.
    pub(crate) fn path(&self, number: usize) -> Option<String> {
        self.items.file(number).map(|item| self.items.path(item))
    }

    fn file(&self, number: usize) -> Option<(String, u64, bool)> {
        let item = self.items.file(number)?;
        match item {
            Item { kind: ItemKind::File { size, executable, .. }, .. } => {
                Some((self.items.path(item), *size, *executable))
            }
            _ => None,
        }
    }
}

/// A file that is shorter than what was written to it, or gone, was changed by somebody else.
fn cut(path: &Path, error: io::Error) -> LandingError {
    if error.kind() == io::ErrorKind::UnexpectedEof || sys::is_missing(&error) {
        return LandingError::Tampered { at: path.to_owned() };
    }
    LandingError::at(path, error)
}

/// At most a group.
fn len_of(piece: &Piece) -> usize {
    usize::try_from(piece.len).unwrap_or(GROUP)
}
