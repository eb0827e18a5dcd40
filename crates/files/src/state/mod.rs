//! What is kept of one incoming blob in `DATA_DIR/partial`, beside its bytes.
//!
//! | file | holds |
//! | --- | --- |
//! | `ID.head` | what it is and where it lands ([`Head`]); replaced as a whole |
//! | `ID.got` | the hash of each group that came, written after its bytes |
//! | `ID.list` | the author's hashes, as far as they were checked against the root |
//! | `ID.first` | of a folder: the first groups, until its manifest is known |
//! | `ID.tree` | of a folder: its manifest; replaced as a whole |

mod boot;
mod head;
mod slots;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use boot::BootId;
pub(crate) use head::{Head, Stage};
pub(crate) use slots::Slots;

use crate::error::{At as _, LandingError};

/// The files of one blob, by the ends of their names. The head is first to come and last to go, and the manifest stays
/// as long as can be: without it what landed can't be served on.
const ENDS: [&str; 7] = ["got", "list", "first", "tree.new", "head.new", "tree", "head"];

/// Where the state of one blob is.
#[derive(Clone, Debug)]
pub(crate) struct StateFiles {
    dir: PathBuf,
    id: String,
}

impl StateFiles {
    /// In `dir`, which is made if it is not there.
    pub(crate) fn new(dir: &Path, id: &[u8; 32]) -> Result<Self, LandingError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).at(dir)?;
        Ok(Self { dir: dir.to_owned(), id: hex(id) })
    }

    /// One of the files.
    pub(crate) fn path(&self, end: &str) -> PathBuf {
        self.dir.join(format!("{}.{end}", self.id))
    }

    /// Replaces one of the files as a whole; `durable` also after a power cut.
    pub(crate) fn replace(
        &self,
        end: &str,
        bytes: &[u8],
        durable: bool,
    ) -> Result<(), LandingError> {
        let (path, new) = (self.path(end), self.path(&format!("{end}.new")));
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&new).at(&new)?;
        file.write_all(bytes).at(&new)?;
        if durable {
            file.sync_data().at(&new)?;
        }
        fs::rename(&new, &path).at(&path)?;
        if durable { self.sync_names() } else { Ok(()) }
    }

    /// Reads one of the files; nothing if it is not there.
    pub(crate) fn read(&self, end: &str) -> Result<Option<Vec<u8>>, LandingError> {
        let path = self.path(end);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LandingError::at(path, error)),
        }
    }

    /// Removes one of the files, if it is there.
    pub(crate) fn remove(&self, end: &str) -> Result<(), LandingError> {
        let path = self.path(end);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(LandingError::at(path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes all of them.
    pub(crate) fn remove_all(&self) -> Result<(), LandingError> {
        ENDS.iter().try_for_each(|end| self.remove(end))
    }

    /// When one of them was written last.
    pub(crate) fn touched(&self) -> SystemTime {
        let times =
            ENDS.iter().filter_map(|end| fs::metadata(self.path(end)).ok()?.modified().ok());
        times.max().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Makes the names in the directory last through a power cut.
    pub(crate) fn sync_names(&self) -> Result<(), LandingError> {
        File::open(&self.dir).and_then(|dir| dir.sync_all()).at(&self.dir)
    }
}

/// The id that a file of the state belongs to.
pub(crate) fn id_of(name: &str) -> Option<[u8; 32]> {
    let (id, end) = name.split_once('.')?;
    if !ENDS.contains(&end) || id.len() != 64 || id.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(id.as_bytes().as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    (hex(&bytes) == id).then_some(bytes)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
