//! What others wrote, from sync's hands into the store, and what follows from it.

use nexus_identity::ConnectId;
use nexus_log::body::Payload;
use nexus_log::context::Conversation;
use nexus_log::ids::{EntryRef, Head, Topic};
use nexus_log::ingest::{Placed, Said, ingest};
use nexus_log::ledger::Ledger;
use nexus_log::requests;
use nexus_log::run::CheckedRun;

use super::jobs::JobError;
use super::work::Work;
use crate::facts::Standing;

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many entries are new and durable.
    Stored(usize),
    /// Not taken: it belongs to no conversation here, or is one branch too many.
    Refused,
    /// Not taken: its conversation is no longer wanted.
    Unwanted,
    /// Not taken: what comes before it was to be stored, and was not.
    Gap,
}

pub(super) fn take(
    work: &mut Work<'_, '_, '_>,
    topic: &Topic,
    run: &CheckedRun,
) -> Result<Taken, JobError> {
    let Some(conversation) = work.facts.conversations.get(topic).cloned() else {
        return Ok(Taken::Refused);
    };
    if let Some(peer) = work.facts.peer_of(&conversation)
        && !work.facts.wants(&peer)
    {
        return Ok(Taken::Unwanted);
    }
    let Some(reader) = work.facts.me() else { return Ok(Taken::Refused) };
    let now = work.clock();
    let taken = ingest(work.tx, &conversation, &reader, run, now)?;
    let count = match taken.placed {
        Placed::New { count, .. } => count,
        Placed::Known => return Ok(Taken::Stored(0)),
        Placed::Gap => return Ok(Taken::Gap),
        Placed::OtherTopic | Placed::TooManyBranches => return Ok(Taken::Refused),
    };
    if let Some(author) = taken.author.filter(|_| taken.opened) {
        opened(work, &author.who);
    }
    for said in &taken.said {
        heard(work, &conversation, said)?;
    }
    if taken.fork.is_some() {
        work.after.seen.push("fork seen");
    }
    if taken.own_log_continued {
        work.after.seen.push("own log continued elsewhere");
        work.after.tainted.push(run.log());
        work.give_up();
    }
    if taken.keys_wanted {
        work.after.requests.insert(conversation.topic());
    }
    work.after.timers |= work.tx.timer(&conversation.id)?.is_some();
    Ok(Taken::Stored(count))
}

/// The first valid OPEN certified by somebody whom I asked: they accepted.
fn opened(work: &mut Work<'_, '_, '_>, who: &ConnectId) {
    if work.facts.contacts.get(who).is_some_and(|c| c.standing == Standing::Requested) {
        if let Some(contact) = work.facts_mut().contacts.get_mut(who) {
            contact.standing = Standing::Accepted;
        }
        work.after.wants = true;
        work.after.seen.push("accepted by their OPEN");
    }
}

fn heard(
    work: &mut Work<'_, '_, '_>,
    conversation: &Conversation,
    said: &Said,
) -> Result<(), JobError> {
    let me = work.facts.who();
    match said {
        Said::Read { who, mark } if *who != me => mine(work, mark, who),
        Said::Cites { who, entry } if who.who != me => mine(work, entry, &who.who),
        Said::FarAhead(_) => {
            work.after.seen.push("a clock too far ahead");
            Ok(())
        }
        Said::Contact { position, data }
            if conversation.has(&me) && work.facts.peer_of(conversation).is_none() =>
        {
            work.hear_device(position, data)
        }
        _ => Ok(()),
    }
}

/// An entry of mine that somebody has. Only one that is here counts.
fn mine(work: &mut Work<'_, '_, '_>, entry: &EntryRef, who: &ConnectId) -> Result<(), JobError> {
    let me = work.facts.who();
    let chains = work.tx.chains(&entry.log)?;
    let author = chains.first().and_then(|chain| chain.author);
    let Some((chain, seq)) = work.tx.locate(&entry.hash)? else { return Ok(()) };
    let here = seq == entry.seq && chains.iter().any(|held| held.id == chain);
    if here && author.is_some_and(|author| author.who == me) {
        raise(work, entry, who);
    }
    Ok(())
}

/// Raises how far somebody has a log of mine.
pub(super) fn raise(work: &mut Work<'_, '_, '_>, entry: &EntryRef, who: &ConnectId) {
    let key = (entry.log, *who);
    if work.facts.delivered.get(&key).is_some_and(|seq| *seq >= entry.seq) {
        return;
    }
    work.facts_mut().delivered.insert(key, entry.seq);
    work.after.raised.push((entry.log, *who, Head { seq: entry.seq, hash: entry.hash }));
}

/// Asks for the keys that are missing in a conversation, and answers those who asked.
pub(super) fn settle_requests(work: &mut Work<'_, '_, '_>, topic: &Topic) -> Result<(), JobError> {
    let Some(conversation) = work.facts.conversations.get(topic).cloned() else { return Ok(()) };
    let wanted = work.facts.peer_of(&conversation).is_none_or(|peer| work.facts.wants(&peer));
    if !work.facts.is_live() || !wanted {
        return Ok(());
    }
    let now = work.clock();
    let missing = requests::due(work.tx, &conversation, now)?;
    if !missing.is_empty() {
        work.after.seen.push("a key was asked for");
        work.write(&conversation, Payload::KeyRequest(missing))?;
    }
    let recipients = work.facts.recipients(&conversation);
    let author = work.author()?;
    let rng = work.dice.rng();
    let answered = requests::answer(work.tx, &conversation, &author, &recipients, now, rng);
    if let Some(composed) = work.composed(answered)? {
        work.after.seen.push("a key was sealed again");
        work.appended(&conversation, &composed);
    }
    Ok(())
}
