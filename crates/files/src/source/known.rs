//! What landed, to be served on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nexus_blobs::Layout;

use super::{Seen, Source, SourceFile};
use crate::error::SourceError;
use crate::items::{ItemKind, Items};
use crate::pool::Pool;
use crate::what::What;

impl Source {
    /// What lies at `path` as a source of the blob that it landed from, so that others can have it from here. Nothing
    /// is read: sizes have to fit, and from now on nothing may change.
    ///
    /// # Errors
    /// When a file is not there, or has another size.
    pub fn landed(path: &Path, what: &What, manifest: Vec<u8>) -> Result<Self, SourceError> {
        if !what.kind.has_manifest() {
            return one_file(path, what);
        }
        let (items, layout) =
            Items::read(what.kind, what.size, &manifest).map_err(|_| SourceError::Damaged)?;
        let (mut dirs, mut files) = (vec![path.to_owned()], Vec::new());
        let mut numbers = BTreeMap::from([(String::new(), 0)]);
        for item in items.iter() {
            let ItemKind::File { size, .. } = item.kind else { continue };
            let at = items.path(item);
            let (folder, name) = at.rsplit_once('/').unwrap_or(("", &at));
            let dir = match numbers.get(folder) {
                Some(dir) => *dir,
                None => {
                    let dir = u32::try_from(dirs.len()).unwrap_or(u32::MAX);
                    dirs.push(path.join(folder));
                    numbers.insert(folder.to_owned(), dir);
                    dir
                }
            };
            let seen = look(&path.join(&at), size)?;
            files.push(SourceFile { dir, name: name.into(), seen });
        }
        let (what, skipped) = (what.clone(), Vec::new());
        Ok(Self { what, manifest, layout, dirs, files, skipped, open: Pool::default() })
    }
}

fn one_file(path: &Path, what: &What) -> Result<Source, SourceError> {
    let seen = look(path, what.size.get())?;
    let name = path.file_name().unwrap_or_default().to_owned();
    Ok(Source {
        what: what.clone(),
        manifest: Vec::new(),
        layout: Layout::single(what.size),
        dirs: vec![path.parent().unwrap_or(path).to_owned()],
        files: vec![SourceFile { dir: 0, name, seen }],
        skipped: Vec::new(),
        open: Pool::default(),
    })
}

fn look(path: &Path, size: u64) -> Result<Seen, SourceError> {
    let meta = fs::symlink_metadata(path).map_err(|error| SourceError::at(path, error))?;
    let seen = Seen::of(&meta);
    if meta.is_file() && seen.size == size {
        Ok(seen)
    } else {
        Err(SourceError::Changed { path: path.to_owned() })
    }
}
