//! What a person writes: texts, replies, edits, retractions, reactions, timers, read marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_identity::ConnectId;
use nexus_log::body::{MAX_EMOJI, MAX_TEXT, Payload};
use nexus_log::context::Conversation;
use nexus_log::fold::Shown;
use nexus_log::ids::{ConversationId, EntryHash, EntryRef, LogKey};
use nexus_log::ledger::Ledger;
use nexus_log::order::Position;
use nexus_storage::MessageRow;
use nexus_storage::Queries;
use nexus_storage::Window;
use nexus_storage::contacts::ContactState;

use crate::api::{ErrorBody, ErrorCode, SentView};
use crate::contacts::card_unknown;
use crate::error::{self, Answered};
use crate::me::Me;
use crate::resolve::MIN_PREFIX;
use crate::store_thread::Work;

/// Longest timer: ten years, in seconds.
pub(crate) const MAX_TIMER: u64 = 315_576_000;
/// Messages looked through for the read marks of `read --to`.
const READ_WINDOW: u32 = 1_000;

/// The conversation with a peer, if one may be written into.
pub(crate) fn writable(work: &Work<'_, '_>, peer: &ConnectId) -> Answered<Arc<Conversation>> {
    if *peer != work.me.connect_id() {
        let contact = work.tx.contact(peer)?.filter(|c| c.state != ContactState::Removed);
        let contact = contact.ok_or_else(|| {
            ErrorBody::new(
                ErrorCode::NotFound,
                format!("{} is no contact", peer.short()),
                "ask them first: `nexus contact add WHO`",
            )
        })?;
        match contact.state {
            ContactState::Blocked => {
                return Err(ErrorBody::new(
                    ErrorCode::Blocked,
                    "you have blocked them; nothing was stored",
                    "unblock them first: `nexus contact unblock WHO`",
                ));
            }
            ContactState::Incoming => {
                return Err(ErrorBody::new(
                    ErrorCode::WrongState,
                    "they asked to be a contact and wait for your answer; nothing was stored",
                    "accept first: `nexus contact accept WHO`",
                ));
            }
            _ => {}
        }
        if work.me.conversation_with(peer).is_none() {
            return Err(card_unknown(&contact));
        }
    }
    let conversation = work.me.conversation_with(peer).cloned();
    conversation.ok_or_else(|| error::failed("there is no conversation with them"))
}

/// Writes one thing and answers what was written, and its place in my log.
pub(crate) fn say(
    work: &mut Work<'_, '_>,
    peer: &ConnectId,
    payload: Payload,
) -> Answered<(SentView, (LogKey, u64))> {
    let conversation = writable(work, peer)?;
    work.keep_conversation(&conversation, peer)?;
    let written = work.write(&conversation, payload)?;
    let (log, seq) = (written.log.log, written.log.head.seq);
    let sent = SentView {
        entry_id: written.id.to_string(),
        conversation: conversation.id.to_string(),
        state: crate::views::message_state(
            &work.tx.marks(&log)?,
            seq,
            work.me.peer_of(&conversation).as_ref(),
        ),
    };
    Ok((sent, (log, seq)))
}

/// A text of 1 byte to 32 KiB.
pub(crate) fn check_text(text: &str) -> Answered<()> {
    if text.is_empty() {
        return Err(ErrorBody::new(
            ErrorCode::Empty,
            "there is no text to send",
            "give a text, or `-` to read it",
        ));
    }
    if text.len() > MAX_TEXT { Err(error::too_long()) } else { Ok(()) }
}

/// One emoji or a short word; empty takes the reaction back.
pub(crate) fn check_emoji(emoji: &str) -> Answered<()> {
    if emoji.len() <= MAX_EMOJI && !emoji.chars().any(char::is_control) {
        return Ok(());
    }
    Err(error::usage(
        "that is no emoji",
        "give one emoji, or an empty text to take the reaction back",
    ))
}

/// The message that an entry id or a unique prefix of one names.
pub(crate) fn find(store: &Queries, id: &str) -> Answered<MessageRow> {
    let id = id.trim().to_lowercase();
    let nothing = || {
        ErrorBody::new(
            ErrorCode::NotFound,
            format!("there is no message {id:?} here"),
            "give the entry id of a message, or at least 6 digits of it, as `nexus history CONV --json` shows it",
        )
    };
    if id.len() < MIN_PREFIX || id.len() > 64 {
        return Err(nothing());
    }
    let (bytes, half) = hex_prefix(&id).ok_or_else(nothing)?;
    let found: Vec<EntryHash> = store.entries_with_prefix(&bytes, half, 8)?;
    let mut rows = Vec::new();
    for hash in &found {
        rows.extend(store.message_by_hash(hash)?);
    }
    if rows.len() > 1 {
        let list: Vec<String> =
            rows.iter().map(|r| r.message.base.position.hash.to_string()).collect();
        return Err(ErrorBody::new(
            ErrorCode::Ambiguous,
            format!("{id:?} may be any of: {}", list.join(", ")),
            "give more digits of the entry id",
        ));
    }
    rows.pop().ok_or_else(nothing)
}

/// Bytes of a hex text, and the half byte that an odd digit leaves.
fn hex_prefix(text: &str) -> Option<(Vec<u8>, Option<u8>)> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let (pairs, odd) = digits.as_chunks::<2>();
    Some((pairs.iter().map(|[high, low]| (high << 4) | low).collect(), odd.first().copied()))
}

/// Names the entry of a message in full.
pub(crate) fn entry_ref(row: &MessageRow) -> EntryRef {
    row.message.base.position.entry()
}

/// The peer of a message's conversation, or me for my own.
pub(crate) fn peer_of(
    me: &Me,
    store: &Queries,
    conversation: &ConversationId,
) -> Answered<ConnectId> {
    let row = store.conversation(conversation)?;
    Ok(row.and_then(|r| r.peer).unwrap_or_else(|| me.connect_id()))
}

/// Only the author may.
pub(crate) fn check_author(me: &Me, row: &MessageRow) -> Answered<()> {
    if row.message.base.author == me.connect_id() {
        return Ok(());
    }
    Err(ErrorBody::new(
        ErrorCode::NotAuthor,
        "only its author may change or take back a message",
        "you can react to it: `nexus react ID EMOJI`",
    ))
}

/// What would change nothing that anybody sees is not written.
pub(crate) fn check_fits(row: &MessageRow, payload: &Payload) -> Answered<()> {
    let edit = matches!(payload, Payload::Edit { .. });
    if row.message.state.retracted && (edit || matches!(payload, Payload::Reaction { .. })) {
        return Err(ErrorBody::new(
            ErrorCode::WrongState,
            "that message was taken back",
            "write a new one: `nexus send TO TEXT`",
        ));
    }
    if edit && !matches!(row.message.base.shown, Shown::Text | Shown::Reply(_)) {
        return Err(ErrorBody::new(
            ErrorCode::WrongState,
            "only a text can be edited",
            "give the id of a text of yours, as `nexus history CONV` shows it",
        ));
    }
    Ok(())
}

/// How far the logs of others are read when everything up to `to` is read; all of it without.
pub(crate) fn marks_up_to(
    me: &Me,
    store: &Queries,
    conversation: &Conversation,
    to: Option<&MessageRow>,
) -> Answered<Vec<EntryRef>> {
    let own = me.connect_id();
    let mut marks: BTreeMap<LogKey, EntryRef> = BTreeMap::new();
    match to {
        None => {
            for chain in store.chains_of_topic(&conversation.topic())? {
                if chain.branch.is_none() && chain.author.is_some_and(|a| a.who != own) {
                    let entry =
                        EntryRef { log: chain.log, seq: chain.head.seq, hash: chain.head.hash };
                    marks.insert(chain.log, entry);
                }
            }
        }
        Some(row) => {
            let at = row.message.base.position;
            let window = Window::Before(at);
            let mut seen = store.history(&conversation.id, window, READ_WINDOW)?;
            seen.push(row.clone());
            for message in seen.iter().map(|r| &r.message).filter(|m| m.base.author != own) {
                let Position { log, seq, hash, .. } = message.base.position;
                let mark = marks.entry(log).or_insert(EntryRef { log, seq, hash });
                if mark.seq < seq {
                    *mark = EntryRef { log, seq, hash };
                }
            }
        }
    }
    let read = store.read_marks(&conversation.id)?;
    let covered = |mark: &EntryRef| {
        read.iter().any(|r| r.reader == own && r.mark.log == mark.log && r.mark.seq >= mark.seq)
    };
    Ok(marks.into_values().filter(|mark| !covered(mark)).collect())
}

/// Marks as read here; telling others is another matter.
pub(crate) fn mark_here(
    work: &mut Work<'_, '_>,
    conversation: &Conversation,
    marks: &[EntryRef],
) -> Answered<()> {
    let me = work.me.connect_id();
    for mark in marks {
        work.tx.raise_read_mark(&conversation.id, &me, mark)?;
    }
    if !marks.is_empty() {
        work.conversation_event(&conversation.id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_prefixes_may_have_an_odd_digit() {
        assert_eq!(hex_prefix("abcdef"), Some((vec![0xab, 0xcd, 0xef], None)));
        assert_eq!(hex_prefix("abc"), Some((vec![0xab], Some(0xc))));
        assert_eq!(hex_prefix("xyz"), None);
    }

    #[test]
    fn texts_have_one_byte_to_32_kib() {
        assert_eq!(check_text("").unwrap_err().code, ErrorCode::Empty);
        assert!(check_text(&"x".repeat(MAX_TEXT)).is_ok());
        assert_eq!(check_text(&"x".repeat(MAX_TEXT + 1)).unwrap_err().code, ErrorCode::TooLong);
    }
}
