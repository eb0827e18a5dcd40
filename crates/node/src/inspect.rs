//! What can be looked at underneath: logs, raw entries, digests, the story of a message.

use nexus_identity::{ConnectId, Millis, hex};
use nexus_log::digest::{DIGEST_WORDS, Digest};
use nexus_log::ledger::{Chain, StoredEntry};
use nexus_log::order::Position;
use nexus_storage::conversations::ConversationRow;
use nexus_storage::delivery::Delivery;
use nexus_storage::story::Stage;
use nexus_storage::{MessageRow, Queries, Window};

use crate::api::{DigestView, LogView, RawEntryView, WhyView};
use crate::error::Answered;
use crate::time::rfc3339;

/// Messages, or entries, read at once.
const PAGE: u32 = 500;

/// The digest of what a conversation shows here.
pub(crate) fn digest(store: &Queries, row: &ConversationRow) -> Answered<DigestView> {
    let mut digest = Digest::new(&row.conversation);
    let mut after = Position::START;
    loop {
        let page = store.history(&row.conversation, Window::After(after), PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.message.base.position;
        for row in &page {
            digest.push(&row.message);
        }
    }
    let bytes = digest.finish();
    Ok(DigestView {
        conversation: row.conversation.to_string(),
        digest: hex(&bytes),
        words: nexus_identity::words::words(&bytes, DIGEST_WORDS).join(" "),
        entries: digest.entries(),
    })
}

/// A chain at one glance; the walk through its entries is another matter.
pub(crate) fn log(chain: &Chain) -> LogView {
    LogView {
        topic: chain.topic.to_string(),
        log: chain.log.to_string(),
        entries: chain.head.seq.saturating_sub(chain.first).saturating_add(1),
        head: chain.head.hash.to_string(),
        ok: !chain.stopped,
        author: chain.author.map(|author| author.who.to_string()),
        problem: problem(chain),
    }
}

fn problem(chain: &Chain) -> Option<String> {
    let said = match (chain.stopped, chain.branch, chain.hidden_from) {
        (true, ..) => "an entry of mine that this device did not write; it writes elsewhere now",
        (_, Some(_), _) => "a branch: this log was written on twice",
        (_, _, Some(_)) if chain.retired => "retired by its author",
        (_, _, Some(_)) => "hidden from some entry on",
        _ if chain.author.is_none() => "its certificate says nothing to me, so nothing of it shows",
        _ => return None,
    };
    Some(said.to_owned())
}

/// The next entries of a chain, as they are stored and sent; empty at the end.
pub(crate) fn raw(store: &Queries, chain: &Chain, from: u64) -> Answered<Vec<StoredEntry>> {
    let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
    Ok(store.entries_of_chain(chain.id, from, limit)?)
}

/// One raw entry.
pub(crate) fn raw_view(chain: &Chain, stored: &StoredEntry) -> RawEntryView {
    RawEntryView {
        topic: chain.topic.to_string(),
        log: chain.log.to_string(),
        seq: stored.seq,
        header: hex(&stored.entry.header),
        payload: hex(&stored.entry.payload),
        signature: stored.entry.signature.map(|signature| signature.to_string()),
    }
}

/// The story of one message of mine, or when one of others' came.
pub(crate) fn why(store: &Queries, me: &ConnectId, row: &MessageRow) -> Answered<Vec<WhyView>> {
    let Position { log, seq, .. } = row.message.base.position;
    if row.message.base.author != *me {
        return Ok(vec![WhyView {
            time: rfc3339(row.stored),
            stage: "stored".to_owned(),
            peer: Some(row.message.base.author.to_string()),
            path: None,
            detail: "came from them or somebody who holds their log, and is on disk here".to_owned(),
        }]);
    }
    let marks = store.marks(&log)?;
    let waiting: Vec<ConnectId> = marks.iter().map(|m| m.recipient).collect();
    let delivered = !marks.is_empty() && marks.iter().all(|m| m.state(seq) >= Delivery::Delivered);
    let story = store.story(&log, seq, &waiting, row.stored, None)?;
    let settled = story.iter().filter(|moment| moment.stage == Stage::Delivered).map(|m| m.at).max();
    let until = settled.filter(|_| delivered).unwrap_or(Millis(u64::MAX));
    let about_it = |stage| matches!(stage, Stage::Sent | Stage::Delivered | Stage::Read | Stage::Queued);
    Ok(story
        .into_iter()
        .filter(|moment| moment.at <= until || about_it(moment.stage))
        .map(|moment| WhyView {
            time: rfc3339(moment.at),
            stage: stage(moment.stage).to_owned(),
            peer: moment.peer.map(|peer| peer.to_string()),
            path: (!moment.path.is_empty()).then_some(moment.path),
            detail: moment.detail,
        })
        .collect())
}

const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Queued => "queued",
        Stage::Dialled => "dialled",
        Stage::Refused => "refused",
        Stage::Linked => "linked",
        Stage::Sent => "sent",
        Stage::Delivered => "delivered",
        Stage::Read => "read",
        Stage::Unlinked => "unlinked",
        _ => "other",
    }
}
