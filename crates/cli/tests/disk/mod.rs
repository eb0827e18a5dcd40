//! A disk that loses what was not synced, and one that fails: `disk.c` under the program, and the power cut played here.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests; each test binary uses its part of the disk"
)]

mod cache;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::lab::random::Random;

/// The files of a store that the disk watches over.
const FILES: [&str; 2] = ["nexus.db", "nexus.db-wal"];

/// A way to fail; `disk.c` tells what each does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    FsyncFails,
    FsyncLies,
    ShortWrite,
    TornWrite,
    NoSpace,
    WriteFails,
    ReadFails,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::FsyncFails => "fsync-fails",
            Self::FsyncLies => "fsync-lies",
            Self::ShortWrite => "short-write",
            Self::TornWrite => "torn-write",
            Self::NoSpace => "no-space",
            Self::WriteFails => "write-fails",
            Self::ReadFails => "read-fails",
        }
    }
}

/// The disk under one data directory.
pub struct Disk {
    dir: TempDir,
    library: PathBuf,
}

impl Disk {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("nexus-disk-").tempdir().unwrap();
        let library = dir.path().join("disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/disk.c");
        let built = Command::new("cc")
            .args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status()
            .expect("cc runs");
        assert!(built.success(), "disk.c could not be built");
        let disk = Self { dir, library };
        fs::write(disk.boot_id(), "x").unwrap();
        disk
    }

    /// What the program takes for the name of this run of the machine.
    fn boot_id(&self) -> PathBuf {
        self.dir.path().join("boot_id")
    }

    /// The environment of a program on this disk.
    pub fn honest(&self) -> Vec<(String, String)> {
        let value = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD".into(), value(&self.library)),
            ("NEXUS_DISK_JOURNAL".into(), value(self.dir.path())),
        ]
    }

    /// The same, where while it is switched on one in so many calls fails in one way.
    pub fn failing(&self, fault: Fault, one_in: u32, seed: u64) -> Vec<(String, String)> {
        let mut env = self.honest();
        let path = |name: &str| self.dir.path().join(name).to_str().unwrap().to_owned();
        env.push(("NEXUS_DISK_FAULT".into(), fault.name().into()));
        env.push(("NEXUS_DISK_ONE_IN".into(), one_in.to_string()));
        env.push(("NEXUS_DISK_SEED".into(), seed.to_string()));
        env.push(("NEXUS_DISK_SWITCH".into(), path("switch")));
        env.push(("NEXUS_DISK_TALLY".into(), path("tally")));
        env
    }

    /// The same, where these bytes of this file can't be read, whatever becomes of its name.
    pub fn bad_sectors(&self, file: &Path, bytes: std::ops::Range<u64>) -> Vec<(String, String)> {
        let mut env = self.failing(Fault::ReadFails, 1, 1);
        let inode = fs::metadata(file).unwrap().ino();
        env.push(("NEXUS_DISK_INODE".into(), inode.to_string()));
        env.push(("NEXUS_DISK_FROM".into(), bytes.start.to_string()));
        env.push(("NEXUS_DISK_TO".into(), bytes.end.to_string()));
        env
    }

    pub fn fails(&self) {
        File::create(self.dir.path().join("switch")).unwrap();
    }

    pub fn works(&self) {
        let _ = fs::remove_file(self.dir.path().join("switch"));
    }

    /// Calls that went wrong so far.
    pub fn faults(&self) -> u64 {
        fs::metadata(self.dir.path().join("tally")).map_or(0, |tally| tally.len())
    }

    /// A process on the disk was killed, and the power stays on: whatever the kernel has, it has.
    pub fn killed(&self) {
        for name in FILES {
            let journal = self.dir.path().join(format!("{name}.journal"));
            let Ok(notes) = fs::read(&journal) else { continue };
            fs::write(&journal, &notes[..cache::whole(&notes)]).unwrap();
        }
    }

    /// The power is cut. What was not synced is lost, or some of its sectors are there, as the disk pleased. Nothing may
    /// run on the directory. Gives how many sectors in the cache were lost.
    pub fn power_cut(&self, data_dir: &Path, random: &mut Random) -> usize {
        let mut lost = 0;
        for name in FILES {
            let journal = self.dir.path().join(format!("{name}.journal"));
            let Ok(notes) = fs::read(&journal) else { continue };
            let file = data_dir.join(name);
            if let Ok(content) = fs::read(&file) {
                let (held, gone) = cache::held(content, &cache::read(&notes), random);
                fs::write(&file, held).unwrap();
                lost += gone;
            }
            fs::remove_file(journal).unwrap();
        }
        let run = fs::read_to_string(self.boot_id()).unwrap().len() + 1;
        fs::write(self.boot_id(), "x".repeat(run)).unwrap();
        // Shared memory of the processes that are gone.
        let _ = fs::remove_file(data_dir.join("nexus.db-shm"));
        lost
    }
}
