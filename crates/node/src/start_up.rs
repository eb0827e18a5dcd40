//! Opening the store, and finding out whether this instance may go on.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::Millis;
use nexus_storage::own::Retirement;
use nexus_storage::{Database, Notice, Writer};

use crate::api::ErrorBody;
use crate::core::{Core, locked};
use crate::error::Answered;
use crate::hub::open_everywhere;
use crate::me::{self, FRESH, Me};
use crate::paths::Paths;
use crate::setup;
use crate::store_thread::{After, Work};

/// How long the damaged file is kept beside the healed store, should somebody want to look for more in it.
const KEEP_DAMAGED: Duration = Duration::from_hours(30 * 24);

/// An open store and who this node is.
pub(crate) struct Started {
    pub db: Database,
    pub writer: Writer,
    pub me: Me,
    /// Whether the last run ended in disorder.
    pub unclean: bool,
}

/// Opens the store of a directory; makes a new instance where the old one must not go on.
pub(crate) fn open(paths: &Paths, now: Millis) -> Answered<Started> {
    let secrets = Arc::new(setup::read_identity(paths)?);
    let opened = setup::open_store(paths, now)?;
    let old = Millis(now.0.saturating_sub(KEEP_DAMAGED.as_millis().try_into().unwrap_or(u64::MAX)));
    if let Err(error) = nexus_storage::erase_damaged(&paths.database(), old) {
        tracing::warn!(%error, "a damaged store of long ago could not be erased");
    }
    let mut writer = opened.writer;
    let (mut unclean, mut healed) = (false, false);
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
            me::new_instance(tx, &secrets, None, Some("unnamed"), now)?;
            text = Some((
                "store_lost",
                "the store was lost, so this is a new device now: add your contacts again, and the history comes back \
                 from them; set your name with `nexus profile set --name NAME`",
            ));
        } else if let Some(reason) = replace {
            me::replace_instance(tx, &secrets, reason, now)?;
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
        let mut me = load(&secrets, tx)?;
        let mut after = After::default();
        let mut work = Work { tx, me: &mut me, after: &mut after, now };
        if let Some((code, text)) = text {
            work.notice(code, None, text)?;
        }
        let own = work.me.connect_id();
        if let Some(conversation) = work.me.conversation_with(&own).cloned() {
            work.keep_conversation(&conversation, &own)?;
        }
        if healed {
            rebuild(&mut work)?;
            work.tx.set_setting(setup::HEAL, &[])?;
        }
        if work.tx.setting(FRESH)?.is_some() {
            open_everywhere(&mut work)?;
            work.tx.set_setting(FRESH, &[])?;
        }
        Ok::<_, ErrorBody>(me)
    })?;
    let me = Arc::unwrap_or_clone(me);
    Ok(Started { db: opened.db, writer, me, unclean })
}

fn load(
    secrets: &Arc<nexus_identity::IdentitySecrets>,
    tx: &nexus_storage::Tx<'_>,
) -> Answered<Arc<Me>> {
    let me = Me::load(secrets, tx)?;
    me.map(Arc::new).ok_or_else(|| crate::error::failed("the store has no instance"))
}

/// Makes the views anew from what healing kept.
fn rebuild(work: &mut Work<'_, '_>) -> Answered<()> {
    let Some(reader) = work.me.reader() else { return Ok(()) };
    let mut kept = Vec::new();
    for conversation in work.me.conversations.values() {
        if work.tx.conversation(&conversation.id)?.is_some() {
            kept.push(conversation.as_ref().clone());
        }
    }
    let now = work.clock();
    Ok(work.tx.rebuild(&kept, &reader, now)?)
}

/// Has the store healed at the next start, and says so.
pub(crate) fn note_damage(work: &mut Work<'_, '_>, what: &str) -> Answered<()> {
    let text = format!(
        "the store is {what}; start again, and it is healed: what is missing comes back from your contacts"
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
        Err(error) => format!("could not be checked: {error}"),
    };
    if health != "ok" {
        let what = health.clone();
        let noted = core.store.run(move |work| note_damage(work, &what));
        if let Err(error) = noted.await {
            tracing::error!(%error, "damage of the store could not be noted");
        }
    }
    *locked(&core.health) = health;
}
