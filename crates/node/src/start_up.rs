//! Opening the store, and finding out whether this instance may go on.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::{IdentitySecrets, Millis};
use nexus_log::ingest::Said;
use nexus_storage::contacts::ContactField as Field;
use nexus_storage::own::Retirement;
use nexus_storage::{Database, Notice, Opened, Writer};

use crate::api::{ErrorBody, ErrorCode};
use crate::core::{Core, locked};
use crate::error::Answered;
use crate::hub::open_everywhere;
use crate::ingest;
use crate::me::{self, FRESH, Me};
use crate::paths::Paths;
use crate::setup;
use crate::store_thread::{After, Work};

/// Everything that my devices tell each other of a contact.
const EVERYTHING: [Field; 4] = [Field::State, Field::Name, Field::Verified, Field::Muted];

/// How long the damaged file is kept beside the healed store, should somebody want to look for more in it.
const KEEP_DAMAGED: Duration = Duration::from_hours(30 * 24);

/// Setting: in which run of this machine the store was open last. Some disks say that a write is done which a loss of power
/// undoes, also where everything was closed in order; so after each start of the machine the store is checked.
const BOOT: &str = "boot";

/// Names this run of the machine; empty where the system has no name for it.
fn boot_id() -> Vec<u8> {
    std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// An open store and who this node is.
pub(crate) struct Started {
    pub db: Database,
    pub writer: Writer,
    pub me: Me,
    /// Whether the last run ended in disorder, or the machine was started again since: the store is to be checked.
    pub unclean: bool,
}

/// Opens the store of a directory; makes a new instance where the old one must not go on.
pub(crate) fn open(paths: &Paths, now: Millis) -> Answered<Started> {
    let secrets = Arc::new(setup::read_identity(paths)?);
    match start(paths, &secrets, setup::open_store(paths, now)?, now) {
        // SQLite found nothing wrong, but what is in its rows is not what this program wrote.
        Err(error) if error.code == ErrorCode::Damaged => {
            tracing::warn!(%error, "the store is damaged");
            start(paths, &secrets, setup::heal_store(paths, now)?, now)
        }
        started => started,
    }
}

fn start(
    paths: &Paths,
    secrets: &Arc<IdentitySecrets>,
    opened: Opened,
    now: Millis,
) -> Answered<Started> {
    let old = Millis(now.0.saturating_sub(KEEP_DAMAGED.as_millis().try_into().unwrap_or(u64::MAX)));
    if let Err(error) = nexus_storage::erase_damaged(&paths.database(), old) {
        tracing::warn!(%error, "a damaged store of long ago could not be erased");
    }
    let mut writer = opened.writer;
    let boot = boot_id();
    let known = writer.queries().setting(BOOT)?;
    let (mut unclean, mut healed) = (known.as_ref().is_some_and(|id| *id != boot), false);
    let mut replace = None;
    for notice in &opened.notices {
        match notice {
            Notice::UncleanShutdown => unclean = true,
            Notice::Copied { .. } => replace = replace.or(Some(Retirement::Copied)),
            Notice::OwnLogDamaged { .. } => replace = Some(Retirement::Damaged),
            Notice::Healed => {
                replace = Some(Retirement::Damaged);
                healed = true;
            }
            _ => {}
        }
    }
    let lost = writer.queries().own_instance()?.is_none();
    let me = writer.transaction(|tx| {
        let mut text = None;
        if lost {
            me::new_instance(tx, secrets, None, Some(me::NAMELESS), now)?;
            tx.set_setting(FRESH, &[1])?;
            text = Some((
                "store_lost",
                "the store was lost, so this is a new device now: add your contacts again, and the history comes back \
                 from them; set your name with `nexus profile set --name NAME`",
            ));
        } else if let Some(reason) = replace {
            me::replace_instance(tx, secrets, reason, now)?;
            text = Some(match reason {
                Retirement::Damaged => (
                    "new_instance_damaged",
                    "logs of this device were missing or damaged, so it goes on as a new device; \
                     what others hold comes back from them",
                ),
                _ => (
                    "new_instance_copied",
                    "this data directory was copied or moved here, so it goes on as a new device; nothing is lost. \
                     If the old place is still in use, both work side by side",
                ),
            });
        }
        let unreadable = healed && me::forget_unreadable(tx)?;
        let mut me = load(secrets, tx)?;
        let mut after = After::default();
        let mut work = Work { tx, me: &mut me, after: &mut after, now };
        if let Some((code, text)) = text {
            work.notice(code, None, text)?;
        }
        if unreadable || (healed && work.me.name() == me::NAMELESS) {
            let text = "keys, cards of contacts or the own name were in the damaged part of the store: see `nexus contact list`, \
                        and set your name with `nexus profile set --name NAME`";
            work.notice("store_unreadable", None, text)?;
        }
        let own = work.me.connect_id();
        if let Some(conversation) = work.me.conversation_with(&own).cloned() {
            work.keep_conversation(&conversation, &own)?;
        }
        if known.as_ref() != Some(&boot) {
            work.tx.set_setting(BOOT, &boot)?;
        }
        if healed {
            rebuild(&mut work)?;
            work.tx.set_setting(setup::HEAL, &[])?;
        }
        if work.tx.setting(FRESH)?.is_some() {
            open_everywhere(&mut work)?;
            work.tx.set_setting(FRESH, &[])?;
        }
        if healed {
            // Of entries that were kept, keys may be lost.
            for conversation in work.me.conversations.values().cloned().collect::<Vec<_>>() {
                if work.tx.conversation(&conversation.id)?.is_some() {
                    ingest::settle_requests(&mut work, &conversation)?;
                }
            }
        }
        Ok::<_, ErrorBody>(me)
    })?;
    let me = Arc::unwrap_or_clone(me);
    Ok(Started { db: opened.db, writer, me, unclean })
}

fn load(secrets: &Arc<IdentitySecrets>, tx: &nexus_storage::Tx<'_>) -> Answered<Arc<Me>> {
    let me = Me::load(secrets, tx)?;
    me.map(Arc::new).ok_or_else(|| crate::error::failed("the store has no instance"))
}

/// Brings back the contacts that were in the damaged part, from what my devices told each other of them, and makes the
/// views anew from what healing kept.
fn rebuild(work: &mut Work<'_, '_>) -> Answered<()> {
    let Some(reader) = work.me.reader() else { return Ok(()) };
    let own = work.me.conversation_with(&work.me.connect_id()).cloned();
    let said = match own {
        Some(own) => work.tx.rebuild(&[own.as_ref().clone()], &reader, work.clock())?,
        None => Vec::new(),
    };
    for said in &said {
        if let Said::Contact { position, data } = said {
            work.hear_device(position, data)?;
        }
    }
    for contact in work.tx.contacts()? {
        if let Some(conversation) = work.me.conversation_with(&contact.connect_id).cloned() {
            work.keep_conversation(&conversation, &contact.connect_id)?;
        }
        // My own log may have lost it, and nobody else has that one: the next damage must find it there.
        work.tell_devices(&contact.connect_id, &EVERYTHING)?;
    }
    let mut kept = Vec::new();
    for conversation in work.me.conversations.values() {
        if work.tx.conversation(&conversation.id)?.is_some() {
            kept.push(conversation.as_ref().clone());
        }
    }
    let now = work.clock();
    work.tx.rebuild(&kept, &reader, now)?;
    Ok(())
}

/// Has the store healed at the next start, and says so.
pub(crate) fn note_damage(work: &mut Work<'_, '_>, what: &str) -> Answered<()> {
    let text = format!(
        "{what}; start again, and it is healed: what is missing comes back from your contacts"
    );
    work.tx.set_setting(setup::HEAL, &[1])?;
    work.notice("store_damaged", None, &text)
}

/// After an unclean end: checks the store in the background, and says what is wrong.
pub(crate) async fn check(core: Arc<Core>, unclean: bool) {
    if !unclean {
        return;
    }
    *locked(&core.health) = "checking".to_owned();
    let health = match crate::answers::store::check_all(&core).await {
        Ok(problems) if problems.is_empty() => "ok".to_owned(),
        Ok(problems) => format!("damaged: {}", problems.join("; ")),
        Err(error) if error.code == ErrorCode::Damaged => format!("damaged: {}", error.message),
        Err(error) => format!("could not be checked: {}", error.message),
    };
    if health.starts_with("damaged") {
        let what = format!("the store is {health}");
        let noted = core.store.run(move |work| note_damage(work, &what));
        if let Err(error) = noted.await {
            tracing::error!(%error, "damage of the store could not be noted");
        }
    }
    *locked(&core.health) = health;
}
