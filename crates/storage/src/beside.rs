//! The files beside the database: a healed one on its way to its place, damaged ones, and those of somebody else.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use nexus_identity::id::Millis;

use crate::error::OpenError;
use crate::open::{self, with_suffix};

/// A healed database that is being made.
const HEALING: &str = ".healing";
/// One that is whole, and not in its place yet.
const HEALED: &str = ".healed";
/// What was healed; the time follows, in milliseconds.
const DAMAGED: &str = ".damaged-";
/// What is somebody else's; the time follows, in milliseconds.
const ASIDE: &str = ".aside-";

/// Asks for healing: damage was met, and the database itself may not take the note any more.
const WANTED: &str = ".heal-wanted";

/// Has the next opening heal the database, instead of opening it as it is.
pub(crate) fn want_healing(path: &Path) -> io::Result<()> {
    fs::write(with_suffix(path, WANTED), b"")
}

/// Whether damage was met since the database was made or healed: then [`crate::heal`] it instead of opening it.
#[must_use]
pub fn wants_healing(path: &Path) -> bool {
    with_suffix(path, WANTED).exists()
}

/// Where a healed database is made; nothing is there afterwards.
pub(crate) fn healing(path: &Path) -> Result<PathBuf, OpenError> {
    let fresh = with_suffix(path, HEALING);
    remove_database(&fresh).map_err(|e| OpenError::from_io(path, e))?;
    Ok(fresh)
}

/// The healed database is whole and closed: from here on it will take its place, whatever stops this process.
pub(crate) fn healed(path: &Path, now: Millis) -> io::Result<PathBuf> {
    let fresh = with_suffix(path, HEALING);
    if fs::metadata(with_suffix(&fresh, "-wal")).is_ok_and(|wal| wal.len() > 0) {
        return Err(io::Error::other("the healed database could not be closed"));
    }
    fs::rename(&fresh, with_suffix(path, HEALED))?;
    remove_database(&fresh)?;
    sync_directory(path)?;
    Ok(finish(path, now)?.unwrap_or_default())
}

/// Moves a healed database to its place, if there is one, and says where the damaged one is then. Call it with the lock
/// held. It may be stopped anywhere: the next call goes on.
pub(crate) fn finish(path: &Path, now: Millis) -> io::Result<Option<PathBuf>> {
    let healed = with_suffix(path, HEALED);
    if !healed.try_exists()? {
        return Ok(None);
    }
    let damaged = with_suffix(path, &format!("{DAMAGED}{}", now.0));
    move_database(path, &damaged)?;
    // Before the name: a healing too many does no harm, a wish that outlives it would repeat it for ever.
    match fs::remove_file(with_suffix(path, WANTED)) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    fs::rename(&healed, path)?;
    sync_directory(path)?;
    Ok(Some(damaged))
}

/// Moves the database at `path` out of the way, with all its content, and says where it is.
///
/// # Errors
/// As for opening: locked, read-only.
pub fn set_aside(path: &Path, now: Millis) -> Result<PathBuf, OpenError> {
    let _lock = open::lock(path)?;
    let aside = with_suffix(path, &format!("{ASIDE}{}", now.0));
    move_database(path, &aside)
        .and_then(|()| sync_directory(path))
        .map_err(|e| OpenError::from_io(path, e))?;
    Ok(aside)
}

/// Erases what was healed before that time: by then everything has come back from peers.
///
/// # Errors
/// What the file system said.
pub fn erase_damaged(path: &Path, before: Millis) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{name}{DAMAGED}");
    for entry in fs::read_dir(directory(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
            continue;
        };
        let time = rest.split('-').next().and_then(|digits| digits.parse().ok());
        if time.is_some_and(|time: u64| time < before.0) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn move_database(from: &Path, to: &Path) -> io::Result<()> {
    for suffix in ["-wal", "-shm", ""] {
        let source = with_suffix(from, suffix);
        if source.try_exists()? {
            fs::rename(source, with_suffix(to, suffix))?;
        }
    }
    Ok(())
}

fn remove_database(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        match fs::remove_file(with_suffix(path, suffix)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(directory(path))?.sync_all() {
        // Some file systems can't sync a directory; then there is nothing more to be done.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}
