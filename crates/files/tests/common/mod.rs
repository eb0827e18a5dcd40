//! A place to send from and a place to land in, and the way between them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests; each test binary uses a part"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nexus_blobs::manifest::Decoder;
use nexus_blobs::{GROUP, GroupHash, Root, RootBuilder, group_hash};
use nexus_files::{BootId, Landed, Landing, Partial, Source, scan};
use tempfile::TempDir;

pub const ID: [u8; 32] = [0xab; 32];
/// What the partial file or folder of [`ID`] is called.
pub const PARTIAL: &str = ".nexus-abababababababab.partial";

pub struct Place {
    pub tmp: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    /// In memory where the system has room for it: removing 10,000 files from a disk can take a minute.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let roomy = nexus_files::free_space(memory).is_ok_and(|free| free > 1 << 30);
        let tmp = if roomy { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self::at(tmp.unwrap())
    }

    fn at(tmp: TempDir) -> Self {
        for dir in ["from", "to"] {
            fs::create_dir(tmp.path().join(dir)).unwrap();
        }
        Self { tmp }
    }

    pub fn from(&self) -> PathBuf {
        self.tmp.path().join("from")
    }

    pub fn to(&self) -> PathBuf {
        self.tmp.path().join("to")
    }

    pub fn state(&self) -> PathBuf {
        self.tmp.path().join("data/partial")
    }

    pub fn partial(&self) -> Partial {
        self.partial_in("this run")
    }

    pub fn partial_in(&self, boot: &str) -> Partial {
        Partial {
            dir: self.to(),
            id: ID,
            state_dir: self.state(),
            boot: BootId::named(boot.as_bytes()),
        }
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.from().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Names in the target directory, but for the hidden ones.
    pub fn landed(&self) -> Vec<String> {
        let shown = |name: &String| !name.starts_with(".nexus-");
        names(&self.to()).into_iter().filter(shown).collect()
    }

    /// That nothing is left of landings.
    pub fn assert_tidy(&self) {
        assert_eq!(names(&self.to()), self.landed(), "a partial file is left");
        assert_eq!(names(&self.state()), Vec::<String>::new(), "state is left");
    }
}

pub fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Bytes that differ from group to group, and from seed to seed.
pub fn noise(len: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

pub fn source(path: &Path) -> Source {
    scan(&[path.to_owned()]).unwrap()
}

pub fn group(source: &Source, index: u64) -> (Vec<u8>, GroupHash) {
    let mut bytes = Vec::new();
    source.read_run(index, 1, &mut bytes).unwrap();
    let hash = group_hash(source.what().size, index, &bytes).unwrap();
    (bytes, hash)
}

pub fn hashes(source: &Source) -> Vec<GroupHash> {
    (0..source.what().size.groups()).map(|index| group(source, index).1).collect()
}

pub fn root(source: &Source) -> Root {
    let mut builder = RootBuilder::new(source.what().size);
    hashes(source).into_iter().for_each(|hash| builder.push(hash).unwrap());
    builder.finish().unwrap()
}

/// All bytes of a blob.
pub fn content(source: &Source) -> Vec<u8> {
    let mut bytes = Vec::new();
    source.read_run(0, source.what().size.groups(), &mut bytes).unwrap();
    bytes
}

pub fn give(source: &Source, landing: &Landing, index: u64) {
    let (bytes, hash) = group(source, index);
    landing.write_group(index, &bytes, &hash).unwrap();
}

/// What a receiver does: the manifest first, then everything that is missing.
pub fn fill(source: &Source, landing: &Landing) {
    if !landing.has_manifest() {
        let mut decoder = Decoder::new(source.what().size);
        let mut front = Vec::new();
        for index in 0.. {
            if !landing.have().contains(index) {
                give(source, landing, index);
            }
            let mut bytes = Vec::new();
            landing.read_group(index, &mut bytes).unwrap();
            decoder.push(&bytes).unwrap();
            front.extend_from_slice(&bytes);
            if decoder.wants() == 0 {
                break;
            }
        }
        front.truncate(decoder.manifest_len().unwrap() as usize);
        landing.set_manifest(&front).unwrap();
    }
    let missing: Vec<_> = landing.have().missing(source.what().size.groups()).flatten().collect();
    missing.into_iter().for_each(|index| give(source, landing, index));
}

/// From end to end.
pub fn send(place: &Place, source: &Source) -> Landed {
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(source, &landing);
    landing.finish(&root(source)).unwrap()
}

/// One thing in a folder, as it can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    File { bytes: Vec<u8>, mode: u32, mtime_ms: i64 },
    Folder { mode: u32, mtime_ms: i64 },
    Link(PathBuf),
}

/// Everything in a folder, by path, and the folder itself under "".
pub fn tree(root: &Path) -> BTreeMap<String, Node> {
    let mut found = BTreeMap::new();
    add(root, String::new(), &mut found);
    found
}

fn add(at: &Path, path: String, found: &mut BTreeMap<String, Node>) {
    let meta = fs::symlink_metadata(at).unwrap();
    let mode = meta.mode() & 0o7777;
    let mtime_ms = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
    if meta.is_dir() {
        for name in names(at) {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            add(&at.join(name), inner, found);
        }
        found.insert(path, Node::Folder { mode, mtime_ms });
    } else if meta.is_symlink() {
        found.insert(path, Node::Link(fs::read_link(at).unwrap()));
    } else {
        let bytes = fs::read(at).unwrap();
        found.insert(path, Node::File { bytes, mode, mtime_ms });
    }
}

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Sets when a file or folder was changed.
pub fn set_mtime(path: &Path, ms: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

pub const G: usize = GROUP;

/// Runs as a user who is not root, if this is root: to root nothing is denied.
pub fn as_nobody<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if rustix::process::geteuid().is_root() {
                let nobody = rustix::process::Uid::from_raw(65_534);
                // Of this thread alone, which ends here.
                rustix::thread::set_thread_res_uid(None, Some(nobody), None).unwrap();
            }
            run()
        });
        thread.join().unwrap()
    })
}

/// A small disk of its own, in memory. Only root can have one; elsewhere `./test` says that it is left out.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    pub fn at(path: &Path, options: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            assert!(
                std::env::var_os("NEXUS_TEST_NO_NETNS").is_some(),
                "needs root to mount a disk"
            );
            return None;
        }
        let mount = ["-t", "tmpfs", "-o", options, "tmpfs"];
        let done = std::process::Command::new("mount").args(mount).arg(path).status().unwrap();
        assert!(done.success(), "can't mount a disk");
        Some(Self(path.to_owned()))
    }

    pub fn remount(&self, options: &str) {
        let mount = ["-o", &format!("remount,{options}")];
        let done = std::process::Command::new("mount").args(mount).arg(&self.0).status().unwrap();
        assert!(done.success(), "can't mount it again");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
