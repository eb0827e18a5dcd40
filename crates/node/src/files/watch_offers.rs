//! Looks at offers as they come: some are accepted without asking, and those that run hear what is new of theirs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nexus_blobs::wire::NoCode;
use nexus_identity::ConnectId;
use nexus_log::ids::EntryHash;
use nexus_storage::contacts::ContactState;
use nexus_storage::events::EventKind;

use super::book;
use crate::answers::files::{Place, accept_into};
use crate::core::Core;
use crate::error::Answered;

/// Events in a row are looked at together.
const PACE: Duration = Duration::from_millis(100);
/// How often old partial files are looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// What came of a transfer is kept for so long after nothing of it came any more.
const KEEP_PARTIAL: Duration = Duration::from_secs(7 * 24 * 3600);
/// Offers looked at a time.
const AT_ONCE: usize = 64;
/// Events read at a time.
const EVENTS: u32 = 256;

/// Runs until the node ends.
pub(crate) async fn run(core: Arc<Core>) {
    let (_, mut durable) = core.bus.watch();
    durable.mark_unchanged();
    let mut seen = core.read(|store, _| Ok(store.last_offer()?)).await.unwrap_or(i64::MAX);
    let mut cursor = core.read(|store, _| Ok(store.last_cursor()?)).await.unwrap_or(0);
    if let Err(error) = super::start_all(&core).await {
        tracing::warn!(%error, "accepted files could not be gone on with");
    }
    let mut links = core.files.links();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = core.stop.cancelled() => return,
            _ = sweep.tick() => expire(&core).await,
            _ = links.changed() => {
                if let Err(error) = super::start_all(&core).await {
                    tracing::warn!(%error, "accepted files could not be gone on with");
                }
            }
            changed = durable.changed() => {
                if changed.is_err() {
                    return;
                }
                core.files.poke();
                match said(&core, cursor).await {
                    Ok(next) => cursor = next,
                    Err(error) => tracing::warn!(%error, "what is said of offers could not be read"),
                }
                match news(&core, seen).await {
                    Ok(last) => seen = last,
                    Err(error) => tracing::warn!(%error, "offers could not be looked at"),
                }
                // What waited for its turn has it when another one has ended.
                if let Err(error) = super::start_all(&core).await {
                    tracing::warn!(%error, "accepted files could not be gone on with");
                }
                tokio::select! {
                    () = core.stop.cancelled() => return,
                    () = tokio::time::sleep(PACE) => {}
                }
            }
        }
    }
}

/// Offers that are new, or of which something was said in the log: watchers hear how they are now.
async fn said(core: &Arc<Core>, mut cursor: u64) -> Answered<u64> {
    loop {
        let (next, offers) = core
            .read(move |store, _| {
                let events = store.events_since(cursor, EVENTS)?;
                let mut offers: Vec<EntryHash> = Vec::new();
                for event in events.rows.iter().map(|row| &row.event) {
                    let told =
                        matches!(event.kind, EventKind::MessageNew | EventKind::MessageChanged);
                    if let Some(entry) = event.entry.filter(|entry| told && !offers.contains(entry))
                        && store.is_offer(&entry)?
                    {
                        offers.push(entry);
                    }
                }
                Ok((events.next, offers))
            })
            .await?;
        for entry in offers {
            if core.read(move |store, _| book::offer(store, &entry)).await.is_err() {
                // Taken back: its text is gone, and so is what it offered.
                core.files.close(&entry, NoCode::Withdrawn);
            }
            book::tell(core, &entry).await;
        }
        if next == cursor {
            return Ok(cursor);
        }
        cursor = next;
    }
}

/// Offers that came since; the ones that fit the rule are accepted.
async fn news(core: &Arc<Core>, seen: i64) -> Answered<i64> {
    let limit = u64::from(core.config.auto_accept) << 20;
    let (last, wanted) = core
        .read(move |store, me| {
            let rows = store.offers_since(seen, AT_ONCE)?;
            let last = rows.last().map_or(seen, |row| row.arrival);
            let mut wanted: Vec<EntryHash> = Vec::new();
            for row in rows {
                let (author, hash) = (row.message.base.author, row.message.base.position.hash);
                let Ok(offer) = book::offer(store, &hash) else { continue };
                let small = offer.file.size <= limit && limit > 0;
                let fresh = store.transfer(&hash)?.is_none() && offer.over.is_none();
                if small && fresh && is_contact(store, me, &author)? {
                    wanted.push(hash);
                }
            }
            Ok((last, wanted))
        })
        .await?;
    for hash in wanted {
        if let Err(error) = accept_into(core, hash, Place::Unasked).await {
            tracing::info!(%error, "an offer was not accepted by itself");
        }
    }
    Ok(last)
}

/// Never from strangers, and not from me: what I send is here.
fn is_contact(
    store: &nexus_storage::Queries,
    me: &crate::me::Me,
    who: &ConnectId,
) -> Answered<bool> {
    let state = store.contact(who)?.map(|contact| contact.state);
    Ok(*who != me.connect_id() && state == Some(ContactState::Accepted))
}

/// What nobody goes on with is removed.
async fn expire(core: &Arc<Core>) {
    let dir = core.paths.partial();
    let running: Vec<[u8; 32]> = core.files.partials();
    let removed = tokio::task::spawn_blocking(move || {
        let Some(before) = SystemTime::now().checked_sub(KEEP_PARTIAL) else { return };
        match nexus_files::leftovers(&dir) {
            Ok(found) => {
                for old in found.iter().filter(|l| l.touched < before && !running.contains(&l.id)) {
                    if let Err(error) = nexus_files::remove(&dir, &old.id) {
                        tracing::warn!(%error, "an old partial file could not be removed");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "partial files could not be looked at"),
        }
    });
    let _ = removed.await;
}
