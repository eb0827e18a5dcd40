//! What is kept of blobs that did not land (yet): to be shown, and to be removed when it is too old.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nexus_blobs::GROUP;

use crate::error::{At as _, LandingError};
use crate::landing::{read_head, remove_partial};
use crate::state::{Slots, StateFiles, id_of};
use crate::what::What;

/// A blob that began to land.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// What it is known by here.
    pub id: [u8; 32],
    /// What it is, and where its partial file or folder lies; nothing if that can't be read any more.
    pub partial: Option<(What, PathBuf)>,
    /// Bytes that came, as whole groups.
    pub bytes: u64,
    /// When something came last.
    pub touched: SystemTime,
}

/// All blobs that began to land and are neither finished nor discarded, by their ids.
///
/// # Errors
/// When the directory can't be read. One that does not exist holds nothing.
pub fn leftovers(state_dir: &Path) -> Result<Vec<Leftover>, LandingError> {
    let entries = match fs::read_dir(state_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LandingError::at(state_dir, error)),
    };
    let mut ids = BTreeSet::new();
    for entry in entries {
        ids.extend(entry.at(state_dir)?.file_name().to_str().and_then(id_of));
    }
    ids.iter().map(|id| look(state_dir, id)).collect()
}

fn look(state_dir: &Path, id: &[u8; 32]) -> Result<Leftover, LandingError> {
    let files = StateFiles::new(state_dir, id)?;
    let head = read_head(&files)?;
    let mut groups = 0;
    if let Some(head) = &head {
        Slots::open(&files.path("got"), head.what.size.groups())?
            .each(0, u64::MAX, |_, _| groups += 1)?;
    }
    let bytes = head.as_ref().map_or(0, |head| head.what.size.get().min(groups * GROUP as u64));
    let partial = head.map(|head| {
        let path = head.dir.join(&head.partial);
        (head.what, path)
    });
    Ok(Leftover { id: *id, partial, bytes, touched: files.touched() })
}

/// Removes what is kept of a blob, and what came of it. What has a final name stays.
///
/// # Errors
/// When it can't be removed.
pub fn remove(state_dir: &Path, id: &[u8; 32]) -> Result<(), LandingError> {
    let files = StateFiles::new(state_dir, id)?;
    if let Some(head) = read_head(&files)? {
        remove_partial(&head)?;
    }
    files.remove_all()
}

/// Removes every leftover that nothing came of since `before`, but for those that `keep` says are still wanted, and
/// tells which.
///
/// # Errors
/// When one can't be removed; those before it are.
pub fn expire(
    state_dir: &Path,
    before: SystemTime,
    keep: impl Fn(&[u8; 32]) -> bool,
) -> Result<Vec<Leftover>, LandingError> {
    let mut old = leftovers(state_dir)?;
    old.retain(|one| one.touched < before && !keep(&one.id));
    for one in &old {
        remove(state_dir, &one.id)?;
    }
    Ok(old)
}
