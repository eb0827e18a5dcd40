//! What was named becomes something to send.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use nexus_blobs::name::sanitize;
use nexus_blobs::{BlobSize, Layout};

use super::walk::{Found, Walk, in_order, is_executable, may_read, mtime_ms};
use super::{Seen, Source, SourceFile};
use crate::error::SourceError;
use crate::pool::Pool;
use crate::what::{Kind, What};

/// Looks at what was named and makes something to send of it, without reading any content: one file, one folder, or
/// several of both. A link that was named itself stands for what it points to.
///
/// Names that would not be safe elsewhere are changed, the same name twice gets a number. Several items are called
/// "3 items"; give the blob another name as you like.
///
/// # Errors
/// When something that was named is not there or can't be read, or all of it is more than a blob may hold. What can't
/// be sent inside of a folder is left out and said in [`Source::skipped`].
pub fn scan(paths: &[PathBuf]) -> Result<Source, SourceError> {
    match paths {
        [] => Err(SourceError::Nothing),
        [path] => {
            let (path, name, meta) = named(path)?;
            if meta.is_dir() {
                several(Kind::Folder, vec![(path, name, meta)])
            } else {
                one_file(path, &name, &meta)
            }
        }
        paths => {
            several(Kind::Several, paths.iter().map(|path| named(path)).collect::<Result<_, _>>()?)
        }
    }
}

/// Where something is that was named, past all links, and what it is called.
fn named(path: &Path) -> Result<(PathBuf, OsString, Metadata), SourceError> {
    let at = |error| SourceError::at(path, error);
    let real = fs::canonicalize(path).map_err(at)?;
    let meta = fs::symlink_metadata(&real).map_err(at)?;
    let name = path.file_name().or(real.file_name()).unwrap_or_default().to_owned();
    if !meta.is_dir() && !meta.is_file() {
        return Err(SourceError::NotAFile { path: path.to_owned() });
    }
    if meta.is_dir() {
        fs::read_dir(&real).map_err(at)?;
    } else if !may_read(&real, &meta) {
        return Err(SourceError::Denied { path: path.to_owned() });
    }
    Ok((real, name, meta))
}

fn one_file(path: PathBuf, name: &OsString, meta: &Metadata) -> Result<Source, SourceError> {
    let size = BlobSize::new(meta.len()).map_err(|error| SourceError::TooMuch(error.into()))?;
    let what = What {
        kind: Kind::File,
        name: sanitize(&name.to_string_lossy()),
        size,
        executable: is_executable(meta),
        mtime_ms: Some(mtime_ms(meta)),
    };
    let (dir, name) = split(&path);
    Ok(Source {
        what,
        manifest: Vec::new(),
        layout: Layout::single(size),
        dirs: vec![dir],
        files: vec![SourceFile { dir: 0, name, seen: Seen::of(meta) }],
        skipped: Vec::new(),
        open: Pool::default(),
    })
}

fn several(kind: Kind, items: Vec<(PathBuf, OsString, Metadata)>) -> Result<Source, SourceError> {
    let count = items.len();
    let named = items.into_iter().map(|(path, name, meta)| (name, (path, meta))).collect();
    let items = in_order(named);
    let name = match (kind, items.first()) {
        (Kind::Folder, Some((sent_as, ..))) => sent_as.clone(),
        _ => sanitize(&format!("{count} items")),
    };
    let mut walk = Walk::default();
    for (sent_as, _, (path, meta)) in items {
        let (dir, name) = split(&path);
        let dir = walk.dir(dir);
        walk.add(dir, Found { name, sent_as, meta })?;
    }
    let (manifest, layout) = walk.encoder.finish().map_err(SourceError::TooMuch)?;
    Ok(Source {
        what: What { kind, name, size: layout.size(), executable: false, mtime_ms: None },
        manifest,
        layout,
        dirs: walk.dirs,
        files: walk.files,
        skipped: walk.skipped,
        open: Pool::default(),
    })
}

/// The folder that something lies in, and its name there.
fn split(path: &Path) -> (PathBuf, OsString) {
    let name = path.file_name().unwrap_or_default().to_owned();
    (path.parent().unwrap_or(path).to_owned(), name)
}
