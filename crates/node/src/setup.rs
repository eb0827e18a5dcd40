//! What works without a running node: making, restoring and wiping an identity.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use nexus_identity::card::VerifiedCard;
use nexus_identity::name::clean_name;
use nexus_identity::{IdentitySecrets, Millis};
use nexus_storage::{Database, OpenError, OpenOptions, Opened, heal};
use serde::{Deserialize, Serialize};

use crate::api::DeviceView;
use crate::error::{self, Answered};
use crate::lock::DirectoryLock;
use crate::me;
use crate::paths::Paths;

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
/// `identity_exists` (nothing is touched), `bad_name`, `busy`, or what the file system said.
pub fn init(data_dir: &Path, name: &str) -> Answered<InitView> {
    let name = check_name(name)?;
    make_directory(data_dir)?;
    let paths = Paths::new(data_dir);
    if has_identity(data_dir) {
        return Err(error::identity_exists(data_dir));
    }
    let _lock = DirectoryLock::take(&paths)?;
    let secrets = IdentitySecrets::generate(&mut rand::rng());
    write_identity(&paths, &secrets)?;
    let now = crate::time::now();
    let mut opened = open_store(&paths, now)?;
    opened
        .writer
        .transaction(|tx| me::new_instance(tx, &secrets, None, Some(&name), now).map(drop))?;
    opened.writer.close()?;
    Ok(InitView {
        connect_id: secrets.connect_id().to_string(),
        name,
        data_dir: data_dir.display().to_string(),
    })
}

/// Brings an identity back from the bytes of a backup file and its phrase, as a new instance.
///
/// # Errors
/// `identity_exists`, `bad_backup`, or what the file system said.
pub fn restore(data_dir: &Path, backup: &[u8], phrase: &str) -> Answered<RestoreView> {
    make_directory(data_dir)?;
    let paths = Paths::new(data_dir);
    if has_identity(data_dir) {
        return Err(error::identity_exists(data_dir));
    }
    let contents = crate::backup::open(backup, phrase)?;
    let _lock = DirectoryLock::take(&paths)?;
    write_identity(&paths, &contents.secrets)?;
    let now = crate::time::now();
    let mut opened = open_store(&paths, now)?;
    let (instance, contacts) = opened.writer.transaction(|tx| {
        let instance = me::new_instance(tx, &contents.secrets, Some(&contents.card), None, now)?;
        let contacts = crate::backup::fill(tx, &contents, now)?;
        tx.set_setting(me::FRESH, &[1])?;
        Ok::<_, crate::api::ErrorBody>((instance, contacts))
    })?;
    opened.writer.close()?;
    let others = contents.card.live().filter(|(other, _)| *other != instance);
    let name = contents.card.name().unwrap_or_default().to_owned();
    Ok(RestoreView {
        connect_id: contents.secrets.connect_id().to_string(),
        data_dir: data_dir.display().to_string(),
        contacts,
        other_instances: others
            .map(|(other, added)| DeviceView {
                instance: other.to_string(),
                name: name.clone(),
                added: crate::time::rfc3339(added),
                last_seen: None,
                this: false,
                revoked: false,
                keys_from: None,
            })
            .collect(),
        name,
    })
}

/// Removes everything of Nexus in the directory; `confirm` must be the profile name, or the ConnectID.
///
/// # Errors
/// `not_confirmed`, `busy` while a node runs there, `no_identity`.
pub fn wipe(data_dir: &Path, confirm: &str) -> Answered<()> {
    let paths = Paths::new(data_dir);
    let lock = DirectoryLock::take(&paths)?;
    let secrets = read_identity(&paths)?;
    let id = secrets.connect_id().to_string();
    let name = stored_name(&paths).unwrap_or_else(|| id.clone());
    if confirm != name && confirm != id {
        return Err(error::not_confirmed(&name));
    }
    // The secrets go first: whatever stops us after that, nobody can use the rest.
    for file in paths.all_files() {
        match fs::remove_file(&file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(error::io("can't remove", &file, &e));
            }
            _ => {}
        }
    }
    for dir in paths.all_directories() {
        match fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(error::io("can't remove", &dir, &e));
            }
            _ => {}
        }
    }
    drop(lock);
    let _ = fs::remove_file(paths.lock());
    // Only when nothing of others is in it.
    let _ = fs::remove_dir(data_dir);
    Ok(())
}

/// The profile name in the store, if it can be read.
fn stored_name(paths: &Paths) -> Option<String> {
    let opened = open_store(paths, crate::time::now()).ok()?;
    let own = opened.writer.queries().own_instance().ok()??;
    let card = VerifiedCard::decode(&own.card).ok()?;
    card.name().map(str::to_owned)
}

/// Reads `identity.key`.
///
/// # Errors
/// `no_identity`, or what is wrong with the file.
pub(crate) fn read_identity(paths: &Paths) -> Answered<IdentitySecrets> {
    let path = paths.identity();
    let bytes = match fs::read(&path) {
        Ok(bytes) => zeroize::Zeroizing::new(bytes),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(error::no_identity(paths.root()));
        }
        Err(e) => return Err(error::io("can't read", &path, &e)),
    };
    IdentitySecrets::from_bytes(&bytes).map_err(|e| {
        crate::api::ErrorBody::new(
            crate::api::ErrorCode::Damaged,
            format!("{}: {e}", path.display()),
            "bring it back from your backup, in another --data-dir: `nexus backup restore FILE`",
        )
    })
}

/// Writes `identity.key`, unless there is one.
pub(crate) fn write_identity(paths: &Paths, secrets: &IdentitySecrets) -> Answered<()> {
    write_atomically(&paths.identity(), &secrets.to_bytes(), false).map_err(|e| {
        if has_identity(paths.root()) { error::identity_exists(paths.root()) } else { e }
    })
}

/// Setting that asks the next start to heal the store, because a check found damage.
pub(crate) const HEAL: &str = "heal";

/// Opens the store of a directory, or makes it; heals it first where it is damaged.
pub(crate) fn open_store(paths: &Paths, now: Millis) -> Answered<Opened> {
    let options = OpenOptions::new(me::machine(), now);
    let path = paths.database();
    match Database::open(&path, &options) {
        Ok(opened) if opened.writer.queries().setting(HEAL)?.is_none() => return Ok(opened),
        Ok(_) | Err(OpenError::Damaged { .. }) => {}
        Err(error) => return Err(error::open(error)),
    }
    let healed = heal(&path, &options).map_err(error::open)?;
    tracing::warn!(kept = healed.entries, cut = healed.cut.len(), old = %healed.damaged.display(), "the store was healed");
    Database::open(&path, &options).map_err(error::open)
}

/// Whether the directory holds an identity.
#[must_use]
pub fn has_identity(data_dir: &Path) -> bool {
    crate::paths::Paths::new(data_dir).identity().exists()
}

/// A name others may see, cleaned of what is not visible.
///
/// # Errors
/// `bad_name`.
pub fn check_name(name: &str) -> Answered<String> {
    clean_name(name).map_err(|e| error::bad_name(e, nexus_identity::name::MAX_NAME))
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
    // The parent of a bare file name is the empty path, which names nothing.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temp = path.with_extension(format!("tmp{}", std::process::id()));
    let written = (|| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temp)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if replace {
            fs::rename(&temp, path)?;
        } else {
            put_new(&temp, path, bytes)?;
        }
        File::open(dir)?.sync_all()
    })();
    written.map_err(|e| {
        let _ = fs::remove_file(&temp);
        error::io("can't write", path, &e)
    })
}

/// Gives a file that is whole its name, unless that is taken: renaming would silently replace what has it.
fn put_new(temp: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match fs::hard_link(temp, path) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            // A memory stick's file system knows no links; then it is written under its name, which must be new too.
            let mut file =
                fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        linked => linked?,
    }
    fs::remove_file(temp)
}

#[cfg(test)]
mod tests;
