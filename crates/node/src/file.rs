//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{self, Answered};

/// How the names of files begin that are not whole yet.
pub(crate) const TEMP_PREFIX: &str = ".nexus-tmp-";

/// Writes a file (0600) so that it is there whole or not at all, also after a power cut.
///
/// # Errors
/// What the file system said; nothing new is there then. Without `replace`, an existing file is such an error.
pub fn write_atomically(path: &Path, bytes: &[u8], replace: bool) -> Answered<()> {
    let linked = |from: &Path, to: &Path| fs::hard_link(from, to);
    let written = if replace { replaced(path, bytes) } else { made(path, bytes, linked) };
    written.map_err(|e| error::io("can't write", path, &e))
}

fn replaced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temp = Temp::write(path, bytes)?;
    fs::rename(&temp.0, path)?;
    sync_directory(path)
}

/// `link` gives the file its name: unlike a rename it fails when the name is taken.
fn made(
    path: &Path,
    bytes: &[u8],
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let temp = Temp::write(path, bytes)?;
    match link(&temp.0, path) {
        // Sticks are often FAT or exFAT, which know no links.
        Err(e) if matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
            let mut file = create(path)?;
            file.write_all(bytes).and_then(|()| file.sync_all())
        }
        Err(e) => return Err(e),
        Ok(()) => Ok(()),
    }
    .and_then(|()| sync_directory(path))
    // Nobody but us can have made it: both ways fail when the name is taken.
    .inspect_err(|_| drop(fs::remove_file(path)))
}

/// A file with a name that nobody can guess, which is gone when this is dropped (unless it was renamed).
struct Temp(PathBuf);

impl Temp {
    fn write(beside: &Path, bytes: &[u8]) -> io::Result<Self> {
        let name = format!("{TEMP_PREFIX}{:016x}", rand::random::<u64>());
        let path = directory(beside).join(name);
        let mut file = create(&path)?;
        let temp = Self(path);
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temp)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes a file of this user alone; follows no link that somebody laid there.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The directory of a path; a bare name is in the current one.
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    // As Linux numbers them.
    const EPERM: i32 = 1;
    const EOPNOTSUPP: i32 = 95;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|f| f.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_without_a_directory_is_made_in_the_current_one() {
        let name = format!("nexus-bare-{:x}", rand::random::<u64>());
        let made = write_atomically(Path::new(&name), b"x", false);
        let read = fs::read(&name);
        let _ = fs::remove_file(&name);
        made.unwrap();
        assert_eq!(read.unwrap(), b"x");
    }

    #[test]
    fn a_file_system_without_links_gets_the_file_too_and_only_if_the_name_is_free() {
        for code in [EPERM, EOPNOTSUPP] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("nexus.backup");
            let no_links = |_: &Path, _: &Path| Err(io::Error::from_raw_os_error(code));
            made(&path, b"first", no_links).unwrap();
            assert_eq!(
                made(&path, b"second", no_links).unwrap_err().kind(),
                ErrorKind::AlreadyExists
            );
            assert_eq!(fs::read(&path).unwrap(), b"first");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(names(dir.path()), ["nexus.backup"]);
        }
    }

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, b"first").unwrap();
        assert!(write_atomically(&path, b"second", false).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write_atomically(&path, b"third", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[test]
    fn a_link_laid_under_the_old_temporary_name_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        let trap = dir.path().join(format!("x.tmp{}", std::process::id()));
        std::os::unix::fs::symlink(&victim, trap).unwrap();
        write_atomically(&dir.path().join("x.key"), b"new", false).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
}
