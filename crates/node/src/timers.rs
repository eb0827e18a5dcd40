//! What happens by the clock: prekeys rotate, messages disappear, letters repeat, keys are asked for again.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::prekey::KEEP;
use nexus_identity::record::InstanceRecord;
use nexus_log::expire::expire;
use nexus_storage::own::Retirement;

use crate::core::Core;
use crate::error::{self, Answered};
use crate::store_thread::Work;

/// Longest sleep: the wall clock may be set, and a machine may wake from sleep.
const LONGEST: Duration = Duration::from_secs(60);
/// Messages brought into the search index at a time, so that searching has less to read through.
const INDEX_AT_ONCE: u32 = 2_048;
/// Shortest sleep after something was due, so that a mistake can't spin.
const SHORTEST: Duration = Duration::from_millis(20);

/// Runs until the node ends.
pub(crate) async fn run(core: Arc<Core>) {
    let mut all = true;
    let mut clock = core.clock.watch();
    loop {
        let wait = match core.store.run(move |work| tick(work, all)).await {
            Ok(next) => next.clamp(SHORTEST, LONGEST),
            Err(error) => {
                tracing::warn!(%error, "what was due could not be done");
                LONGEST
            }
        };
        tokio::select! {
            () = core.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => all = true,
            _ = clock.changed() => all = true,
            () = core.timers.notified() => all = false,
        }
    }
}

/// Does everything that is due, without `all` only what disappears; answers how long nothing will be.
fn tick(work: &mut Work<'_, '_>, all: bool) -> Answered<Duration> {
    if all {
        rotate(work)?;
        forget_retired(work)?;
        work.after.letters |= !work.tx.letters_due(work.now, crate::letters::REPEAT)?.is_empty();
        work.tx.index_messages(INDEX_AT_ONCE)?;
        let topics: Vec<_> = work.me.conversations.keys().copied().collect();
        work.after.requests.extend(topics);
    }
    let now = work.clock();
    for gone in expire(work.tx, now)? {
        work.message_event(&gone.conversation, &gone.hash, false)?;
        work.conversation_event(&gone.conversation)?;
    }
    let deadlines = [Some(work.me.prekeys.next_deadline(work.now)), work.tx.next_due_at()?];
    let next = deadlines.into_iter().flatten().min().unwrap_or(work.now);
    Ok(next.since(work.now))
}

fn rotate(work: &mut Work<'_, '_>) -> Answered<()> {
    if work.me.prekeys.next_deadline(work.now) > work.now {
        return Ok(());
    }
    let me = Arc::make_mut(work.me);
    let rotated = me.prekeys.rotate_if_due(work.now, &mut rand::rng());
    me.prekeys.erase_due(work.now);
    // Also when only a time of replacement was brought back from the future.
    work.tx.set_prekeys(&me.prekeys.to_bytes())?;
    if rotated {
        let (id, instance) = (me.connect_id(), me.instance.key());
        let record =
            InstanceRecord::new(id, instance, me.record.seq() + 1, me.prekeys.current(), work.now);
        me.record = record.sign(&me.instance).map_err(error::failed)?;
        work.tx.set_own_record(me.record.to_bytes())?;
        work.after.hello = true;
    }
    Ok(())
}

/// Prekeys of a retired instance go as they would have gone with it.
fn forget_retired(work: &mut Work<'_, '_>) -> Answered<()> {
    for old in work.tx.retired_instances()? {
        let over = work.now.since(old.at) >= KEEP || old.reason == Retirement::Revoked;
        if over && !old.prekeys.is_empty() {
            work.tx.erase_retired_prekeys(&old.instance)?;
        }
    }
    Ok(())
}
