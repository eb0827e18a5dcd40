//! Backups: the identity's secrets, the keyring and the contacts, sealed under a phrase.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_identity::backup::{self, Argon2Cost, BackupError, Contact, Contents, EpochKey};
use nexus_identity::card::VerifiedCard;
use nexus_identity::phrase::Phrase;
use nexus_log::cipher::Commitment;
use nexus_log::ids::LogKey;
use nexus_storage::contacts::{ContactRow, ContactState};
use nexus_storage::{KeyRow, Tx};

use crate::api::{ErrorBody, ErrorCode, SecretText};
use crate::cards::stored_card;
use crate::core::Core;
use crate::error::{self, Answered};

/// Setting that counts backups: each says a higher version than the one before.
const VERSION: &str = "backup_version";
/// Set to a number of KiB, sealing costs that much memory: for tests, which can't wait a second for each. Programs that
/// people use are built without it, else whoever sets their environment would weaken their backups unseen.
const TEST_COST: &str = "NEXUS_TEST_ARGON2_KIB";

/// Seals a backup. Gives the file in base64 and the phrase, when it was made here.
pub(crate) async fn create(
    core: &Arc<Core>,
    phrase: Option<SecretText>,
) -> Answered<(String, Option<SecretText>)> {
    let made = phrase.is_none();
    let phrase = match phrase {
        Some(text) => Phrase::chosen(text.expose()).map_err(|weak| {
            ErrorBody::new(
                ErrorCode::WeakPhrase,
                format!("the phrase is too weak: about {} bits, at least 60 are needed", weak.bits),
                "leave --phrase-file out and twelve words are made for you, or choose a longer one",
            )
        })?,
        None => Phrase::generate(&mut rand::rng()),
    };
    let version = core
        .store
        .run(|work| {
            let known =
                work.tx.setting(VERSION)?.and_then(|b| b.try_into().ok().map(u64::from_be_bytes));
            let version = known.unwrap_or(0) + 1;
            work.tx.set_setting(VERSION, &version.to_be_bytes())?;
            Ok(version)
        })
        .await?;
    let created = core.clock.now();
    let contents = core
        .read(move |store, me| {
            let keyring = store.keys_for_backup()?;
            let keyring = keyring.into_iter().map(|k| EpochKey {
                log: *k.log.as_bytes(),
                epoch: k.epoch,
                key: k.key,
            });
            Ok(Contents {
                secrets: (*me.secrets).clone(),
                version,
                created,
                card: me.card.clone(),
                keyring: keyring.collect(),
                contacts: store.all_contacts()?.iter().filter_map(contact).collect(),
            })
        })
        .await?;
    let text = made.then(|| SecretText::new(phrase.text()));
    let asked = std::env::var(TEST_COST).ok();
    let cost = cost(asked.as_deref(), cfg!(debug_assertions));
    let sealed = tokio::task::spawn_blocking(move || {
        backup::seal(&contents, &phrase, cost, &mut rand::rng())
    });
    let file = sealed.await.map_err(error::failed)?.map_err(error::failed)?;
    Ok((STANDARD.encode(file), text))
}

fn cost(asked: Option<&str>, for_tests: bool) -> Argon2Cost {
    let memory = asked.filter(|_| for_tests).and_then(|kib| kib.parse().ok());
    memory.map_or(Argon2Cost::STANDARD, |memory| Argon2Cost { memory, ..Argon2Cost::FOR_TESTS })
}

fn contact(row: &ContactRow) -> Option<Contact> {
    let state = match row.state {
        ContactState::Requested => 1,
        ContactState::Accepted => 3,
        ContactState::Blocked => 4,
        ContactState::Incoming | ContactState::Removed => return None,
    };
    Some(Contact {
        connect_id: row.connect_id,
        card: stored_card(row),
        name: (!row.local_name.is_empty()).then(|| row.local_name.clone()),
        state,
        verified: row.verified,
    })
}

/// Opens a backup file.
///
/// # Errors
/// `bad_backup`.
pub(crate) fn open(file: &[u8], phrase: &str) -> Answered<Contents> {
    backup::open(file, phrase).map_err(|e: BackupError| {
        ErrorBody::new(
            ErrorCode::BadBackup,
            format!("the backup can't be opened: {e}"),
            "check the phrase, word by word, and that the file is whole",
        )
    })
}

/// Puts keyring and contacts of a backup into a fresh store. Gives how many contacts came.
pub(crate) fn fill(
    tx: &mut Tx<'_>,
    contents: &Contents,
    now: nexus_identity::Millis,
) -> Answered<usize> {
    let keys = contents.keyring.iter().map(|k| {
        let log = LogKey::from_bytes(k.log);
        KeyRow {
            log,
            epoch: k.epoch,
            commitment: Commitment::of(&k.key, &log, k.epoch),
            key: k.key.clone(),
        }
    });
    tx.restore_keys(keys)?;
    tx.set_setting(VERSION, &contents.version.to_be_bytes())?;
    let mut count = 0;
    for one in &contents.contacts {
        let state = match one.state {
            1 => ContactState::Requested,
            3 => ContactState::Accepted,
            4 => ContactState::Blocked,
            _ => continue,
        };
        let card = one.card.as_ref();
        tx.put_contact(&ContactRow {
            card: card.map(VerifiedCard::to_bytes).unwrap_or_default(),
            card_name: card.and_then(VerifiedCard::name).unwrap_or_default().to_owned(),
            local_name: one.name.clone().unwrap_or_default(),
            verified: one.verified,
            ..ContactRow::new(one.connect_id, state, now)
        })?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_weakens_no_backup_of_a_released_program() {
        assert_eq!(cost(Some("64"), false), Argon2Cost::STANDARD);
        assert_eq!(cost(Some("64"), true).memory, 64);
        assert_eq!(cost(None, true), Argon2Cost::STANDARD);
    }
}
