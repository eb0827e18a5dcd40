//! What others wrote, from sync's hands into the store, and everything that follows from it.

use std::sync::Arc;

use nexus_identity::ConnectId;
use nexus_log::context::Conversation;
use nexus_log::ids::{ConversationId, EntryRef, LogKey, Topic};
use nexus_log::ingest::{Change, ChangeKind, Placed, Said, ingest};
use nexus_log::ledger::Ledger;
use nexus_log::requests;
use nexus_log::run::CheckedRun;
use nexus_storage::contacts::ContactState;
use nexus_storage::delivery::Delivery;
use nexus_storage::own::Retirement;

use crate::error::Answered;
use crate::rises::Rise;
use crate::store_thread::Work;

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Durable, or it was before.
    Stored,
    /// Not taken: it belongs to no conversation here, or is one branch too many.
    Refused,
    /// Not taken: its conversation is no longer wanted.
    Unwanted,
    /// Not taken: what comes before it was to be stored, and was not.
    Gap,
}

/// Takes a run in.
pub(crate) fn take(work: &mut Work<'_, '_>, topic: &Topic, run: &CheckedRun) -> Answered<Taken> {
    let Some(conversation) = work.me.conversations.get(topic).cloned() else {
        return Ok(Taken::Refused);
    };
    // A run may still be on its way when its conversation is no longer wanted.
    if !is_wanted(work, &conversation)? {
        return Ok(Taken::Unwanted);
    }
    // An instance that is not live reads all the same.
    let Some(author) = work.me.reader() else { return Ok(Taken::Refused) };
    let now = work.clock();
    let taken = ingest(work.tx, &conversation, &author, run, now)?;
    match taken.placed {
        Placed::New { .. } => {}
        Placed::Known => return Ok(Taken::Stored),
        Placed::Gap => return Ok(Taken::Gap),
        Placed::OtherTopic | Placed::TooManyBranches => return Ok(Taken::Refused),
    }
    changes(work, &conversation.id, &taken.changes)?;
    work.arrived(&conversation.id, &taken.changes)?;
    if let Some(author) = taken.author.filter(|_| taken.opened) {
        opened(work, &author.who)?;
    }
    for said in &taken.said {
        heard(work, &conversation, said)?;
    }
    if taken.author.is_some_and(|a| a.who == work.me.connect_id()) {
        read_before(work, &conversation.id, &run.log())?;
    }
    if taken.fork.is_some() {
        work.notice(
            "fork",
            taken.author.map(|a| a.who).as_ref(),
            "a log has two branches: somebody writes with a copied device, or cheats; both are shown and marked",
        )?;
    }
    if taken.own_log_continued {
        work.give_up(Retirement::Forked);
    }
    if taken.keys_wanted {
        work.after.requests.insert(conversation.topic());
    }
    work.after.timers |= work.tx.timer_of(&conversation.id)?.is_some();
    Ok(Taken::Stored)
}

/// Events of what changed in the view.
pub(crate) fn changes(
    work: &mut Work<'_, '_>,
    conversation: &ConversationId,
    changes: &[Change],
) -> Answered<()> {
    for change in changes {
        match change.kind {
            ChangeKind::New => work.message_event(conversation, &change.hash, true)?,
            ChangeKind::Changed => work.message_event(conversation, &change.hash, false)?,
            ChangeKind::Removed => {}
        }
    }
    if changes.iter().any(|c| c.kind != ChangeKind::Changed) {
        work.conversation_event(conversation)?;
    }
    Ok(())
}

/// The first valid OPEN certified by somebody whom I asked: they accepted.
fn opened(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    let Some(contact) = work.tx.contact(who)? else { return Ok(()) };
    if contact.state != ContactState::Requested {
        return Ok(());
    }
    work.tx.set_contact_state(who, ContactState::Accepted)?;
    work.tx.drop_letter_to(who)?;
    work.after.wants = true;
    work.contact_event(who)
}

fn heard(work: &mut Work<'_, '_>, conversation: &Conversation, said: &Said) -> Answered<()> {
    let me = work.me.connect_id();
    match said {
        Said::Read { who, mark } if *who == me => read_elsewhere(work, conversation, mark),
        Said::Read { who, mark } => mine(work, mark, who, Delivery::Read),
        Said::Cites { who, entry } if who.who != me => {
            mine(work, entry, &who.who, Delivery::Delivered)
        }
        Said::FarAhead(author) => {
            work.after.refused.push(("future_time", author.who.to_string()));
            Ok(())
        }
        Said::Timer(_) => work.conversation_event(&conversation.id),
        Said::Retired(author) if author.who == me => work.notice(
            "device_retired",
            None,
            "another of your devices was found to be a copy and goes on as a new device",
        ),
        Said::Contact { position, data }
            if conversation.has(&me) && work.me.peer_of(conversation).is_none() =>
        {
            work.hear_device(position, data)
        }
        Said::Cites { .. } | Said::Retired(_) | Said::Profile { .. } | Said::Contact { .. } => {
            Ok(())
        }
    }
}

/// Another device of mine read something; with receipts off it says so in my own conversation.
fn read_elsewhere(
    work: &mut Work<'_, '_>,
    conversation: &Conversation,
    mark: &EntryRef,
) -> Answered<()> {
    let me = work.me.connect_id();
    let topic = work.tx.chain(&mark.log, None)?.map(|c| c.topic);
    let id = topic.and_then(|t| work.me.conversations.get(&t)).map_or(conversation.id, |c| c.id);
    if id != conversation.id {
        work.tx.raise_read_mark(&id, &me, mark)?;
    }
    work.conversation_event(&id)
}

/// Read marks on a log of another device of mine may come before its entries.
fn read_before(
    work: &mut Work<'_, '_>,
    conversation: &ConversationId,
    log: &LogKey,
) -> Answered<()> {
    let me = work.me.connect_id();
    for told in work.tx.read_marks(conversation)? {
        if told.reader != me && told.mark.log == *log {
            mine(work, &told.mark, &told.reader, Delivery::Read)?;
        }
    }
    Ok(())
}

/// An entry of mine that somebody has or read. Only one that is here counts: a made-up one would cover what I have yet to
/// write.
fn mine(
    work: &mut Work<'_, '_>,
    entry: &EntryRef,
    who: &ConnectId,
    state: Delivery,
) -> Answered<()> {
    let me = work.me.connect_id();
    let chain = work.tx.chain(&entry.log, None)?;
    if chain.is_some_and(|c| c.author.is_some_and(|a| a.who == me)) && work.tx.holds(entry)? {
        let (log, upto, at) = (entry.log, entry.seq, work.now);
        work.raise(Rise { log, who: *who, state, upto, path: String::new(), at })?;
    }
    Ok(())
}

/// Whether a conversation goes on: mine with my own devices, or one with somebody whom I asked or accepted.
fn is_wanted(work: &Work<'_, '_>, conversation: &Conversation) -> Answered<bool> {
    let Some(peer) = work.me.peer_of(conversation) else { return Ok(true) };
    let state = work.tx.contact(&peer)?.map(|contact| contact.state);
    Ok(matches!(state, Some(ContactState::Requested | ContactState::Accepted)))
}

/// Asks for the keys that are missing in a conversation, and answers those who asked; nothing where it is not wanted any
/// more, for keys that went with a contact who was removed are not missing.
pub(crate) fn settle_requests(
    work: &mut Work<'_, '_>,
    conversation: &Arc<Conversation>,
) -> Answered<()> {
    if !work.me.is_live() || !is_wanted(work, conversation)? {
        return Ok(());
    }
    let now = work.clock();
    let missing = requests::due(work.tx, conversation, now)?;
    if !missing.is_empty() {
        work.write(conversation, nexus_log::body::Payload::KeyRequest(missing))?;
    }
    let recipients = work.recipients(conversation)?;
    let author = work.me.author()?;
    let answered =
        requests::answer(work.tx, conversation, &author, &recipients, now, &mut rand::rng());
    if let Some(composed) = work.composed(answered)? {
        work.appended(conversation, &composed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
