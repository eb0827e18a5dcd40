//! What works without a running node: making, restoring and wiping an identity.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use nexus_identity::card::VerifiedCard;
use nexus_identity::name::clean_name;
use nexus_identity::{ConnectId, IdentitySecrets, Millis};
use nexus_storage::contacts::ContactState;
use nexus_storage::{Database, Notice, OpenError, OpenOptions, Opened, Queries, StoreError, heal};
use serde::{Deserialize, Serialize};

use crate::api::DeviceView;
use crate::error::{self, Answered};
pub use crate::file::write_atomically;
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
    make_private(data_dir)?;
    let paths = Paths::new(data_dir);
    let _lock = lock_empty(&paths)?;
    let secrets = IdentitySecrets::generate(&mut rand::rng());
    let now = crate::time::now();
    let mut opened = fresh_store(&paths, secrets.connect_id(), now)?;
    opened
        .writer
        .transaction(|tx| me::new_instance(tx, &secrets, None, Some(&name), now).map(drop))?;
    opened.writer.close()?;
    // Last: until it is there, there is no identity here, whatever stopped us.
    write_identity(&paths, &secrets)?;
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
    make_private(data_dir)?;
    let paths = Paths::new(data_dir);
    if has_identity(data_dir) {
        return Err(error::identity_exists(data_dir));
    }
    let contents = crate::backup::open(backup, phrase)?;
    let _lock = lock_empty(&paths)?;
    let now = crate::time::now();
    let mut opened = fresh_store(&paths, contents.secrets.connect_id(), now)?;
    // A store that lost its identity.key has all that the backup has, and what came after it.
    if opened.writer.queries().own_instance()?.is_none() {
        opened.writer.transaction(|tx| {
            me::new_instance(tx, &contents.secrets, Some(&contents.card), None, now)?;
            crate::backup::fill(tx, &contents, now)?;
            Ok::<_, crate::api::ErrorBody>(tx.set_setting(me::FRESH, &[1])?)
        })?;
    }
    let view = restored(data_dir, opened.writer.queries())?;
    // After an end in disorder the next start has to check the store, so it is not noted that this end was in order.
    if !opened.notices.contains(&Notice::UncleanShutdown) {
        opened.writer.close()?;
    }
    // As in `init`.
    write_identity(&paths, &contents.secrets)?;
    Ok(view)
}

/// What a store that was brought back holds.
fn restored(data_dir: &Path, store: &Queries) -> Answered<RestoreView> {
    let own = store.own_instance()?.ok_or_else(|| error::no_identity(data_dir))?;
    let card = VerifiedCard::decode(&own.card).map_err(error::failed)?;
    let name = card.name().unwrap_or_default().to_owned();
    let others = card.live().filter(|(other, _)| *other != own.instance);
    let gone = |state| matches!(state, ContactState::Incoming | ContactState::Removed);
    Ok(RestoreView {
        connect_id: own.connect_id.to_string(),
        data_dir: data_dir.display().to_string(),
        contacts: store.all_contacts()?.iter().filter(|c| !gone(c.state)).count(),
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

/// Removes everything of Nexus in the directory, also what is left of an identity; `confirm` must be the profile name or
/// the ConnectID, or [`NO_NAME`] where neither can be read any more.
///
/// # Errors
/// `not_confirmed`, `busy` while a node runs there, `no_identity`.
pub fn wipe(data_dir: &Path, confirm: &str) -> Answered<()> {
    let paths = Paths::new(data_dir);
    if !paths.holds_anything() {
        return Err(error::no_identity(data_dir));
    }
    let lock = DirectoryLock::take(&paths)?;
    let (name, id) = names_here(&paths);
    let expected = name.as_deref().or(id.as_deref()).unwrap_or(NO_NAME);
    if confirm != expected && Some(confirm) != id.as_deref() {
        return Err(error::not_confirmed(expected));
    }
    for path in paths.everything() {
        let is_dir = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        let removed = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(error::io("can't remove", &path, &e));
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

/// Confirms the removal of what has no name any more.
pub const NO_NAME: &str = "everything";

/// The profile name and the ConnectID, as far as they can be read.
fn names_here(paths: &Paths) -> (Option<String>, Option<String>) {
    let key = read_identity(paths).ok().map(|secrets| secrets.connect_id().to_string());
    // Opening would make one.
    if !paths.database().exists() {
        return (None, key);
    }
    let own = open_store(paths, crate::time::now())
        .ok()
        .and_then(|opened| opened.writer.queries().own_instance().ok()?);
    let name = own.as_ref().and_then(|own| {
        VerifiedCard::decode(&own.card).ok()?.name().filter(|n| !n.is_empty()).map(str::to_owned)
    });
    (name, key.or(own.map(|own| own.connect_id.to_string())))
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

/// Takes the lock of a directory without an identity.
fn lock_empty(paths: &Paths) -> Answered<DirectoryLock> {
    if has_identity(paths.root()) {
        return Err(error::identity_exists(paths.root()));
    }
    let lock = DirectoryLock::take(paths)?;
    // It may have been made while we waited.
    if has_identity(paths.root()) { Err(error::identity_exists(paths.root())) } else { Ok(lock) }
}

/// The store for an identity that is about to be made or brought back. One that is here already lost its identity.key, or
/// was left by something that was stopped: that of `whose` is gone on with, any other is put aside, so that nobody's
/// history gets into somebody else's hands.
fn fresh_store(paths: &Paths, whose: ConnectId, now: Millis) -> Answered<Opened> {
    let opened = open_store(paths, now)?;
    let own = opened.writer.queries().own_instance()?.map(|own| own.connect_id);
    if opened.created || own == Some(whose) {
        return Ok(opened);
    }
    opened.writer.close()?;
    drop(opened.db);
    let aside = nexus_storage::set_aside(&paths.database(), now).map_err(error::open)?;
    tracing::warn!(aside = %aside.display(), "the store of another identity was put aside");
    open_store(paths, now)
}

/// Opens the store of a directory, or makes it; heals it first where it is damaged.
pub(crate) fn open_store(paths: &Paths, now: Millis) -> Answered<Opened> {
    let options = OpenOptions::new(me::machine(), now);
    let path = paths.database();
    if nexus_storage::wants_healing(&path) {
        return heal_store(paths, now);
    }
    match Database::open(&path, &options) {
        Ok(opened) => match opened.writer.queries().setting(HEAL) {
            Ok(None) => return Ok(opened),
            Ok(Some(_)) | Err(StoreError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        },
        Err(OpenError::Damaged { .. }) => {}
        Err(error) => return Err(error::open(error)),
    }
    heal_store(paths, now)
}

/// Heals the store of a directory and opens it; nobody may hold it.
pub(crate) fn heal_store(paths: &Paths, now: Millis) -> Answered<Opened> {
    let (options, path) = (OpenOptions::new(me::machine(), now), paths.database());
    let healed = heal(&path, &options).map_err(error::open)?;
    tracing::warn!(kept = healed.entries, cut = healed.cut.len(), old = %healed.damaged.display(), "the store was healed");
    let mut opened = Database::open(&path, &options).map_err(error::open)?;
    if !healed.incomplete.is_empty() {
        let text = format!(
            "a part of what only this device knew was in the damaged part of the store ({}): see `nexus contact list` and \
             `nexus config get`; contacts and messages come back as far as others or your own log hold them",
            healed.incomplete.join(", ")
        );
        opened.writer.transaction(|tx| tx.put_notice("store_incomplete", None, &text, now))?;
    }
    Ok(opened)
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

/// Makes the data directory, or takes one over: nobody else may look into it. One in which there are other things is left
/// as it is; ours are readable by their owner only.
fn make_private(dir: &Path) -> Answered<()> {
    make_directory(dir)?;
    let paths = Paths::new(dir);
    let ours = paths.everything();
    let wrong = |e: &std::io::Error| error::io("can't use", dir, e);
    for entry in fs::read_dir(dir).map_err(|e| wrong(&e))? {
        let path = entry.map_err(|e| wrong(&e))?.path();
        if path != paths.lock() && !ours.contains(&path) {
            return Ok(());
        }
    }
    // Not ours to change, but ours to use: the files in it are private all the same.
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    Ok(())
}

/// Makes a directory, readable only by its owner.
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

#[cfg(test)]
mod tests;
