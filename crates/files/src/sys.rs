//! The few calls to the system that `std` has no word for, each with what it falls back to.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

/// Opens a directory as a place to work in.
pub(crate) fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Gives `from` the name `to` in the same directory, and fails with "exists" rather than replace what is there.
pub(crate) fn rename_fresh(dir: impl AsFd, from: &str, to: &str, folder: bool) -> io::Result<()> {
    let dir = dir.as_fd();
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{RenameFlags, renameat_with};
        match renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
            // Some file systems (FUSE, NFS, old kernels) don't know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return Ok(done?),
        }
    }
    rename_fresh_slowly(dir, from, to, folder)
}

/// The same with calls that older file systems have, too: a folder takes the place of an empty one that was made just
/// before; a file gets a second name and loses the first.
fn rename_fresh_slowly(dir: impl AsFd, from: &str, to: &str, folder: bool) -> io::Result<()> {
    let dir = dir.as_fd();
    if folder {
        rustix::fs::mkdirat(dir, to, Mode::RWXU)?;
        return Ok(rustix::fs::renameat(dir, from, dir, to)?);
    }
    match rustix::fs::linkat(dir, from, dir, to, AtFlags::empty()) {
        Ok(()) => Ok(rustix::fs::unlinkat(dir, from, AtFlags::empty())?),
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS) => rename_claimed(dir, from, to),
        Err(error) => Err(error.into()),
    }
}

/// The same for a file where one can't have two names (FAT): its name is claimed by an empty file first.
fn rename_claimed(dir: impl AsFd, from: &str, to: &str) -> io::Result<()> {
    let dir = dir.as_fd();
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    drop(rustix::fs::openat(dir, to, flags, Mode::RUSR | Mode::WUSR)?);
    Ok(rustix::fs::renameat(dir, from, dir, to)?)
}

/// Writes out everything the file system of `fd` still holds in memory. False where the platform can't.
pub(crate) fn sync_filesystem(fd: impl AsFd) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        rustix::fs::syncfs(fd)?;
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = fd;
        Ok(false)
    }
}

/// Tells the kernel that this range is read from front to back, so that it reads ahead further.
pub(crate) fn read_ahead(file: &File) {
    #[cfg(target_os = "linux")]
    {
        // Only advice: a file system that ignores it changes nothing.
        let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// Copies the first `len` bytes within the system, which shares the blocks where the file system can. False if it
/// can't: then the bytes are copied by hand.
pub(crate) fn copy_range(from: &File, to: &File, len: u64) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        let (mut read, mut written) = (0, 0);
        while written < len {
            let rest = usize::try_from(len - written).unwrap_or(usize::MAX);
            let more =
                rustix::fs::copy_file_range(from, Some(&mut read), to, Some(&mut written), rest)?;
            if more == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (from, to, len);
        Ok(false)
    }
}

/// Bytes that this user may still write in the file system of `dir`.
///
/// # Errors
/// When the directory can't be asked, e.g. because it is gone.
pub fn free_space(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Whether a file that was opened or looked for is not there.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(code) if code == Errno::NOENT.raw_os_error() || code == Errno::NOTDIR.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn giving_a_name_replaces_nothing_on_file_systems_that_know_no_better() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = open_folder(tmp.path()).unwrap();
        for (way, kind) in ["a", "b", "c"].into_iter().enumerate() {
            let rename = |from: &str, to: &str, folder| match (way, folder) {
                (0, _) => rename_fresh(&dir, from, to, folder),
                (2, false) => rename_claimed(&dir, from, to),
                _ => rename_fresh_slowly(&dir, from, to, folder),
            };
            let at = |name: &str| tmp.path().join(format!("{kind} {name}"));
            let name = |name: &str| format!("{kind} {name}");
            std::fs::write(at("file"), "new").unwrap();
            std::fs::create_dir(at("folder")).unwrap();
            std::fs::write(at("folder").join("in"), "new").unwrap();
            std::fs::write(at("taken file"), "old").unwrap();
            std::fs::create_dir(at("taken folder")).unwrap();
            for (from, folder) in [("file", false), ("folder", true)] {
                for taken in ["taken file", "taken folder"] {
                    let refused = rename(&name(from), &name(taken), folder);
                    assert_eq!(
                        refused.unwrap_err().kind(),
                        io::ErrorKind::AlreadyExists,
                        "{from} {taken}"
                    );
                }
                rename(&name(from), &name(&format!("free {from}")), folder).unwrap();
                assert!(!at(from).exists());
            }
            assert_eq!(std::fs::read(at("taken file")).unwrap(), b"old");
            assert_eq!(std::fs::read(at("free file")).unwrap(), b"new");
            assert_eq!(std::fs::read(at("free folder").join("in")).unwrap(), b"new");
        }
    }

    #[test]
    fn a_range_is_copied_whole_or_not_at_all_taken_for_copied() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("from"), vec![7; 100_000]).unwrap();
        let from = File::open(tmp.path().join("from")).unwrap();
        let to = File::create_new(tmp.path().join("to")).unwrap();
        assert!(copy_range(&from, &to, 100_000).unwrap());
        assert_eq!(std::fs::read(tmp.path().join("to")).unwrap(), vec![7; 100_000]);
        assert!(!copy_range(&from, &to, 100_001).unwrap());
    }
}
