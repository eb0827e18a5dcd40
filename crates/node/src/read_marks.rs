//! Telling others what I have read, at most once in two seconds for each conversation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_log::body::Payload;
use nexus_log::context::Conversation;
use nexus_log::ids::{ConversationId, EntryRef, LogKey};
use tokio::time::Instant;

use crate::core::{Core, locked};
use crate::error::Answered;
use crate::store_thread::Work;

/// Least time between two read marks in one conversation.
pub(crate) const PACE: Duration = Duration::from_secs(2);

/// What waits to be told, and when each conversation was last told something.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    waiting: Mutex<BTreeMap<ConversationId, Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    last: Option<Instant>,
    marks: BTreeMap<LogKey, EntryRef>,
    scheduled: bool,
}

impl Pacer {
    /// Adds marks; answers when they may be told, unless that is already arranged.
    fn add(&self, conversation: &ConversationId, marks: &[EntryRef]) -> Option<Instant> {
        let mut all = locked(&self.waiting);
        let waiting = all.entry(*conversation).or_default();
        for mark in marks {
            let known = waiting.marks.entry(mark.log).or_insert(*mark);
            if known.seq < mark.seq {
                *known = *mark;
            }
        }
        if waiting.scheduled || waiting.marks.is_empty() {
            return None;
        }
        waiting.scheduled = true;
        let now = Instant::now();
        Some(waiting.last.map_or(now, |last| (last + PACE).max(now)))
    }

    fn take(&self, conversation: &ConversationId) -> Vec<EntryRef> {
        let mut all = locked(&self.waiting);
        let Some(waiting) = all.get_mut(conversation) else { return Vec::new() };
        waiting.scheduled = false;
        waiting.last = Some(Instant::now());
        std::mem::take(&mut waiting.marks).into_values().collect()
    }

    fn conversations(&self) -> Vec<ConversationId> {
        locked(&self.waiting)
            .iter()
            .filter(|(_, w)| !w.marks.is_empty())
            .map(|(id, _)| *id)
            .collect()
    }
}

/// Tells these marks as soon as the pace allows; waits when that is at once.
pub(crate) async fn tell(
    core: &Arc<Core>,
    conversation: &Arc<Conversation>,
    marks: &[EntryRef],
) -> Answered<()> {
    let Some(at) = core.marks.add(&conversation.id, marks) else { return Ok(()) };
    if at <= Instant::now() {
        return now(core, conversation).await;
    }
    let (core, conversation) = (Arc::clone(core), Arc::clone(conversation));
    core.clone().tasks.spawn(async move {
        tokio::select! {
            () = core.stop.cancelled() => {}
            () = tokio::time::sleep_until(at) => {
                if let Err(error) = now(&core, &conversation).await {
                    tracing::warn!(%error, "a read mark was not written");
                }
            }
        }
    });
    Ok(())
}

/// Tells all that waits, at the end.
pub(crate) async fn flush(core: &Arc<Core>) {
    let me = core.me();
    for id in core.marks.conversations() {
        if let Some(conversation) = me.conversations.values().find(|c| c.id == id) {
            let _ = now(core, conversation).await;
        }
    }
}

async fn now(core: &Arc<Core>, conversation: &Arc<Conversation>) -> Answered<()> {
    let marks = core.marks.take(&conversation.id);
    if marks.is_empty() {
        return Ok(());
    }
    let (receipts, conversation) = (core.config.receipts, Arc::clone(conversation));
    core.store.run(move |work| write(work, &conversation, marks, receipts)).await
}

fn write(
    work: &mut Work<'_, '_>,
    conversation: &Arc<Conversation>,
    marks: Vec<EntryRef>,
    receipts: bool,
) -> Answered<()> {
    let me = work.me.connect_id();
    let target = if receipts {
        crate::messages::writable(work, &work.me.peer_of(conversation).unwrap_or(me)).ok()
    } else {
        // Only my own devices may know.
        work.me.conversation_with(&me).cloned()
    };
    if let Some(target) = target {
        work.keep_conversation(&target, &work.me.peer_of(&target).unwrap_or(me))?;
        work.write(&target, Payload::ReadMark(marks))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_log::ids::EntryHash;

    use super::*;

    fn mark(seq: u64) -> EntryRef {
        EntryRef { log: LogKey::from_bytes([1; 32]), seq, hash: EntryHash::from_bytes([2; 32]) }
    }

    #[tokio::test(start_paused = true)]
    async fn marks_go_out_at_most_once_in_two_seconds_and_only_the_highest() {
        let (pacer, id) = (Pacer::default(), ConversationId::from_bytes([3; 32]));
        let start = Instant::now();
        assert_eq!(pacer.add(&id, &[mark(1)]), Some(start), "the first one at once");
        assert_eq!(pacer.take(&id), [mark(1)]);
        tokio::time::advance(PACE / 2).await;
        assert_eq!(pacer.add(&id, &[mark(5)]), Some(start + PACE));
        assert_eq!(pacer.add(&id, &[mark(3)]), None, "that is arranged already");
        assert_eq!(pacer.take(&id), [mark(5)]);
        tokio::time::advance(2 * PACE).await;
        assert_eq!(pacer.add(&id, &[mark(6)]), Some(Instant::now()));
        let other = ConversationId::from_bytes([4; 32]);
        assert_eq!(pacer.add(&other, &[mark(9)]), Some(Instant::now()), "each has its own pace");
    }
}
