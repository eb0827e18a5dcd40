//! Telling others what I have read, at most once in two seconds for each conversation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_log::body::{MAX_READ_MARKS, Payload};
use nexus_log::context::Conversation;
use nexus_log::ids::{ConversationId, EntryHash, EntryRef, LogKey};
use nexus_storage::Queries;
use tokio::time::Instant;

use crate::core::{Core, locked};
use crate::error::Answered;
use crate::store_thread::Work;

/// Least time between two read marks in one conversation.
pub(crate) const PACE: Duration = Duration::from_secs(2);

/// Bytes of a mark that is owed: log, sequence number, hash.
const MARK: usize = 72;
/// Marks that can be owed in one conversation.
const MOST_OWED: usize = 512;

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

    /// They could not be told: they wait for the next time.
    fn put_back(&self, conversation: &ConversationId, marks: &[EntryRef]) {
        let mut all = locked(&self.waiting);
        let waiting = all.entry(*conversation).or_default();
        for mark in marks {
            waiting.marks.entry(mark.log).or_insert(*mark);
        }
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
    let (receipts, of) = (core.config.receipts, Arc::clone(conversation));
    let written = core.store.run(move |work| write(work, &of, receipts)).await;
    if written.is_err() {
        core.marks.put_back(&conversation.id, &marks);
    }
    written
}

/// What was read and is not told yet: the pace, or the end of the node, may come between.
fn owed(store: &Queries, conversation: &ConversationId) -> Answered<Vec<EntryRef>> {
    let bytes = store.setting(&setting(conversation))?.unwrap_or_default();
    let (marks, _) = bytes.as_chunks::<MARK>();
    Ok(marks.iter().filter_map(read_mark).collect())
}

/// Notes what must be told, with the marks themselves.
pub(crate) fn owe(
    work: &mut Work<'_, '_>,
    conversation: &ConversationId,
    marks: &[EntryRef],
) -> Answered<()> {
    let mut all: BTreeMap<LogKey, EntryRef> = BTreeMap::new();
    for mark in owed(work.tx, conversation)?.iter().chain(marks) {
        let known = all.entry(mark.log).or_insert(*mark);
        if known.seq < mark.seq {
            *known = *mark;
        }
    }
    let bytes: Vec<u8> = all.values().take(MOST_OWED).flat_map(mark_bytes).collect();
    Ok(work.tx.set_setting(&setting(conversation), &bytes)?)
}

fn setting(conversation: &ConversationId) -> String {
    format!("read_untold {conversation}")
}

fn mark_bytes(mark: &EntryRef) -> Vec<u8> {
    [mark.log.as_bytes().as_slice(), &mark.seq.to_be_bytes(), mark.hash.as_bytes()].concat()
}

fn read_mark(bytes: &[u8; MARK]) -> Option<EntryRef> {
    let (log, rest) = bytes.split_first_chunk::<32>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    Some(EntryRef {
        log: LogKey::from_bytes(*log),
        seq: u64::from_be_bytes(*seq),
        hash: EntryHash::from_bytes(rest.try_into().ok()?),
    })
}

/// Tells what was read and not told before this node started.
pub(crate) async fn resume(core: Arc<Core>) {
    for conversation in core.me().conversations.values() {
        let id = conversation.id;
        match core.read(move |store, _| owed(store, &id)).await {
            Ok(marks) if marks.is_empty() => {}
            Ok(marks) => drop(tell(&core, conversation, &marks).await),
            Err(error) => tracing::warn!(%error, "read marks that are owed could not be read"),
        }
    }
}

fn write(
    work: &mut Work<'_, '_>,
    conversation: &Arc<Conversation>,
    receipts: bool,
) -> Answered<()> {
    let marks = owed(work.tx, &conversation.id)?;
    work.tx.set_setting(&setting(&conversation.id), &[])?;
    let me = work.me.connect_id();
    let target = if receipts {
        crate::messages::writable(work, &work.me.peer_of(conversation).unwrap_or(me)).ok()
    } else {
        // Only my own devices may know.
        work.me.conversation_with(&me).cloned()
    };
    if let Some(target) = target {
        work.keep_conversation(&target, &work.me.peer_of(&target).unwrap_or(me))?;
        for marks in marks.chunks(MAX_READ_MARKS) {
            work.write(&target, Payload::ReadMark(marks.to_vec()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Desk;

    fn mark(seq: u64) -> EntryRef {
        EntryRef { log: LogKey::from_bytes([1; 32]), seq, hash: EntryHash::from_bytes([2; 32]) }
    }

    #[test]
    fn what_was_read_is_owed_until_it_is_told_whatever_comes_between() {
        let mut desk = Desk::new();
        let peer = desk.contact();
        let id = peer.conversation.id;
        let of = desk.me.conversation_with(&peer.me.who).cloned().unwrap();
        let owes = |desk: &Desk| owed(desk.opened.writer.queries(), &id).unwrap();
        desk.run(|work| owe(work, &id, &[mark(5)])).unwrap();
        desk.run(|work| owe(work, &id, &[mark(3)])).unwrap();
        assert_eq!(owes(&desk), [mark(5)]);
        // What fails is told at the next start.
        let fails = |work: &mut Work<'_, '_>| {
            write(work, &of, true)?;
            Err::<(), _>(crate::error::failed("no space left"))
        };
        desk.run(fails).unwrap_err();
        assert_eq!(owes(&desk), [mark(5)]);
        desk.run(|work| write(work, &of, true)).unwrap();
        assert_eq!(owes(&desk), []);
        let told = desk.opened.writer.queries().read_marks(&id).unwrap();
        assert_eq!(told.iter().map(|told| told.mark).collect::<Vec<_>>(), [mark(5)]);
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
