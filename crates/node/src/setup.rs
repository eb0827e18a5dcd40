//! What works without a running node: making, restoring and wiping an identity.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::api::DeviceView;
use crate::error::{self, Answered};

/// Longest profile name, bytes.
pub const MAX_NAME: usize = 64;

/// What `init` made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InitView {
    /// Bech32m ConnectID.
    pub connect_id: String,
    /// The name given.
    pub name: String,
    /// Where it lives.
    pub data_dir: String,
}

/// What `backup restore` brought back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreView {
    /// Bech32m ConnectID.
    pub connect_id: String,
    /// Profile name.
    pub name: String,
    /// Where it lives.
    pub data_dir: String,
    /// How many contacts came back.
    pub contacts: usize,
    /// Other live instances, to be revoked (`Command::DeviceRevoke`) if they are lost.
    pub other_instances: Vec<DeviceView>,
}

/// Makes an identity and a store with a fresh instance.
///
/// # Errors
/// `identity_exists` (nothing is touched), `bad_name`, or what the file system said.
pub fn init(_data_dir: &Path, name: &str) -> Answered<InitView> {
    check_name(name)?;
    todo!()
}

/// Brings an identity back from the bytes of a backup file and its phrase, as a new instance.
///
/// # Errors
/// `identity_exists`, `bad_backup`, `device_limit`, or what the file system said.
pub fn restore(_data_dir: &Path, _backup: &[u8], _phrase: &str) -> Answered<RestoreView> {
    todo!()
}

/// Removes everything of Nexus in the directory; `confirm` must be the profile name.
///
/// # Errors
/// `not_confirmed`, `busy` while a node runs there, `no_identity`.
pub fn wipe(_data_dir: &Path, _confirm: &str) -> Answered<()> {
    todo!()
}

/// Whether the directory holds an identity.
#[must_use]
pub fn has_identity(data_dir: &Path) -> bool {
    crate::paths::Paths::new(data_dir).identity().exists()
}

/// A name others may see: 1 to [`MAX_NAME`] bytes, nothing but text.
///
/// # Errors
/// `bad_name`.
pub fn check_name(name: &str) -> Answered<()> {
    if name.trim().is_empty() {
        return Err(error::bad_name("it is empty"));
    }
    if name.len() > MAX_NAME {
        return Err(error::bad_name("it is longer than 64 bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err(error::bad_name("it has control characters"));
    }
    Ok(())
}

/// Makes the data directory, readable only by its owner.
///
/// # Errors
/// What the file system said.
pub fn make_directory(dir: &Path) -> Answered<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| error::io("can't make", dir, &e))
}

/// Writes a file (0600) so that it is there whole or not at all, also after a power cut.
///
/// # Errors
/// `identity_exists`-like refusal is left to the caller: without `replace`, an existing file is an error of the file system.
pub fn write_atomically(path: &Path, bytes: &[u8], replace: bool) -> Answered<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let temp = path.with_extension(format!("tmp{}", std::process::id()));
    let written = (|| {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if replace {
            fs::rename(&temp, path)?;
        } else {
            // A hard link fails when the name is taken: rename would silently replace it.
            fs::hard_link(&temp, path)?;
            fs::remove_file(&temp)?;
        }
        File::open(dir)?.sync_all()
    })();
    written.map_err(|e| {
        let _ = fs::remove_file(&temp);
        error::io("can't write", path, &e)
    })
}
