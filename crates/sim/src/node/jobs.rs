//! What a node asks of its store.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::card::{Statement, VerifiedCard};
use nexus_identity::prekey::{KEEP, MAX_PREKEYS, Prekeys};
use nexus_identity::record::{InstanceRecord, VerifiedRecord};
use nexus_identity::{ConnectId, InstanceKey, Millis};
use nexus_log::body::Payload;
use nexus_log::cipher::Commitment;
use nexus_log::context::Conversation;
use nexus_log::expire::expire;
use nexus_log::fold::{Message, Shown};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{EntryHash, EntryRef, Head, LogKey, Topic};
use nexus_log::ledger::Ledger;
use nexus_log::order::Position;
use nexus_log::run::CheckedRun;
use nexus_storage::StoreError;
use nexus_sync::{LinkId, Ticket};

use super::take::{self, Taken};
use super::work::Work;
use crate::disk::DiskError;
use crate::facts::{Facts, Standing};
use crate::plan::{ContactAct, Line, Say};

/// Why a job came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A person would be told why this can't be done now.
    #[error("not now: {0}")]
    NotNow(&'static str),
    /// Nothing that may happen.
    #[error("{0}")]
    Bug(String),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Disk(error.into())
    }
}

/// A job for the store.
#[derive(Debug, Clone)]
pub enum Job {
    /// Store a run.
    Take(Ticket, Topic, CheckedRun),
    /// Say something to somebody.
    Say(ConnectId, Say, u64),
    /// Write what a story says to somebody.
    Write(ConnectId, Line),
    /// Do something about a contact.
    Contact(ConnectId, ContactAct, Option<Arc<VerifiedCard>>),
    /// Go by another name.
    Rename(u64),
    /// Another device of mine is lost.
    Revoke(InstanceKey),
    /// A link came up: what its `HELLO` said.
    Met(LinkId, Arc<VerifiedCard>, Arc<VerifiedRecord>),
    /// A card came over this link; whether from another device of mine.
    Card(LinkId, bool, Arc<VerifiedCard>),
    /// A record came.
    Record(Arc<VerifiedRecord>),
    /// A letter came over this link.
    Letter(LinkId, Arc<Vec<u8>>),
    /// They have my letter.
    LetterOk(ConnectId, [u8; 16]),
    /// Letters to somebody on this link are sent if they are due.
    LetterDue(LinkId, ConnectId),
    /// Somebody has a log of mine up to here.
    Reached(LogKey, ConnectId, Head),
    /// What sync remembers of an instance.
    Remember(InstanceKey, Vec<u8>),
    /// Both ends of a link want a topic.
    Shared(ConnectId, Topic),
    /// Whatever is due by the clock.
    Tick,
    /// Keys that are missing, or asked for.
    Requests(Topic),
    /// Go on as a new instance.
    GiveUp(InstanceKey),
    /// Open my log in every conversation that goes on.
    OpenAll,
    /// Show a face of one's own: another name, and other prekeys.
    ShowFace(u64),
    /// What a backup held.
    Restored(Arc<Backup>),
}

/// What a backup holds.
#[derive(Debug, Clone)]
pub struct Backup {
    /// Keys of kept history.
    pub keyring: Vec<(LogKey, u32, nexus_identity::Secret32)>,
    /// Everybody known.
    pub contacts: Vec<(ConnectId, Standing, Option<Arc<VerifiedCard>>)>,
    /// The own card.
    pub card: Arc<VerifiedCard>,
}

/// What became of a job.
#[derive(Debug)]
pub enum Done {
    /// A run.
    Taken(Ticket, Taken),
    /// The engine may hear of the link.
    Met(LinkId),
    /// A letter is here: say so over this link.
    LetterIsHere(LinkId, [u8; 16]),
    /// Tell over this link what is known of somebody.
    Tell(LinkId, ConnectId),
    /// Send this letter over this link.
    SendLetter(LinkId, Arc<Vec<u8>>),
    /// What is next by the clock.
    Next(Millis),
    /// Nothing to be told.
    Nothing,
}

/// Runs a job.
///
/// # Errors
/// See [`JobError`]; nothing of it is kept then.
pub fn run(work: &mut Work<'_, '_, '_>, job: &Job) -> Result<Done, JobError> {
    match job {
        Job::Take(ticket, topic, run) => {
            return Ok(Done::Taken(*ticket, take::take(work, topic, run)?));
        }
        Job::Say(to, what, pick) => say(work, to, *what, *pick)?,
        Job::Write(to, line) => super::lines::write(work, to, line)?,
        Job::Contact(who, what, card) => work.contact(who, *what, card.as_deref())?,
        Job::Rename(pick) => work.rename(*pick)?,
        Job::Revoke(instance) => work.revoke(instance)?,
        Job::Met(link, card, record) => {
            work.met(card)?;
            work.learn_record(record);
            if let Some(conversation) = work.facts.with(&card.connect_id()) {
                let topic = conversation.topic();
                work.after.requests.insert(topic);
            }
            return Ok(Done::Met(*link));
        }
        Job::Card(link, mine, card) => {
            work.learn_card(card)?;
            if *mine && work.knows_more_than(card) {
                return Ok(Done::Tell(*link, card.connect_id()));
            }
        }
        Job::Record(record) => work.learn_record(record),
        Job::Letter(link, sealed) => {
            let id = work.receive_letter(sealed)?;
            return Ok(id.map_or(Done::Nothing, |id| Done::LetterIsHere(*link, id)));
        }
        Job::LetterOk(who, id) => work.letter_taken(who, *id),
        Job::LetterDue(link, who) => {
            let letter = work.letter_due(who)?;
            return Ok(letter.map_or(Done::Nothing, |one| Done::SendLetter(*link, Arc::new(one))));
        }
        Job::Reached(log, who, head) => {
            let author = work.tx.chains(log)?.first().and_then(|chain| chain.author);
            if author.is_some_and(|author| author.who == work.facts.who()) {
                take::raise(work, &EntryRef { log: *log, seq: head.seq, hash: head.hash }, who);
            }
        }
        Job::Remember(instance, bytes) => {
            Arc::make_mut(&mut work.facts_mut().shares).insert(*instance, bytes.clone());
        }
        Job::Shared(who, topic) => work.shared(who, topic)?,
        Job::Tick => return tick(work).map(Done::Next),
        Job::Requests(topic) => take::settle_requests(work, topic)?,
        Job::GiveUp(instance) => give_up(work, instance)?,
        Job::OpenAll => open_everywhere(work)?,
        Job::ShowFace(number) => show_face(work, *number)?,
        Job::Restored(backup) => restored(work, backup)?,
    }
    Ok(Done::Nothing)
}

/// Before every message.
pub(super) const FIRST: Position = Position {
    hlc: Hlc(0),
    log: LogKey::from_bytes([0; 32]),
    seq: 0,
    hash: EntryHash::from_bytes([0; 32]),
};

/// The conversation with somebody to whom I may write.
pub(super) fn open_to(
    work: &Work<'_, '_, '_>,
    to: &ConnectId,
) -> Result<Arc<Conversation>, JobError> {
    let writable = *to == work.facts.who()
        || work.facts.contacts.get(to).is_some_and(|contact| {
            matches!(contact.standing, Standing::Requested | Standing::Accepted)
        });
    if !writable {
        return Err(JobError::NotNow("they are no contact"));
    }
    work.facts.with(to).cloned().ok_or(JobError::NotNow("their card is not known"))
}

/// Everything that a conversation shows.
pub(super) fn all_messages(
    work: &mut Work<'_, '_, '_>,
    conversation: &Conversation,
) -> Result<Vec<Message>, JobError> {
    let mut all = Vec::new();
    let mut after = FIRST;
    loop {
        let page = work.tx.messages(&conversation.id, &after, 256)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.base.position;
        all.extend(page);
    }
}

fn say(work: &mut Work<'_, '_, '_>, to: &ConnectId, what: Say, pick: u64) -> Result<(), JobError> {
    let conversation = open_to(work, to)?;
    let me = work.facts.who();
    let mut choose = |fits: &dyn Fn(&Message) -> bool| -> Result<EntryRef, JobError> {
        let mut all = all_messages(work, &conversation)?;
        all.retain(|message| fits(message));
        let at = usize::try_from(pick.checked_rem(all.len() as u64).unwrap_or(0)).unwrap_or(0);
        all.get(at)
            .map(|message| message.base.position.entry())
            .ok_or(JobError::NotNow("there is nothing to choose from"))
    };
    let readable = |message: &Message| message.is_readable() && !message.state.retracted;
    let text = |message: &Message| matches!(message.base.shown, Shown::Text | Shown::Reply(_));
    let mine = |message: &Message| readable(message) && text(message) && message.base.author == me;
    let words = format!("{pick:x}");
    let payload = match what {
        Say::Text(len) => Payload::Text(words.chars().cycle().take(len.max(1)).collect()),
        Say::Reply => Payload::Reply { target: choose(&readable)?, text: words },
        Say::Edit => Payload::Edit { target: choose(&mine)?, text: words },
        Say::Retract => Payload::Retract { target: choose(&mine)? },
        Say::React => {
            let emoji = ["👍", "🎉", ""][usize::try_from(pick % 3).unwrap_or(0)].to_owned();
            Payload::Reaction { target: choose(&readable)?, emoji }
        }
        Say::Read => {
            let mark = choose(&|message: &Message| message.base.author != me)?;
            // Who can't say it does not note it: what a job did in memory stays.
            work.author()?;
            work.tx.raise_read_mark(&conversation.id, &me, &mark)?;
            Payload::ReadMark(vec![mark])
        }
        Say::Timer(seconds) => Payload::Timer { seconds },
        Say::Rename => Payload::Profile { name: words },
        Say::Unknown => Payload::Unknown { code: 1 << 40, body: vec![0x80] },
    };
    work.write(&conversation, payload).map(drop)
}

/// Everything that is due by the clock; when it is to be looked at again.
fn tick(work: &mut Work<'_, '_, '_>) -> Result<Millis, JobError> {
    rotate(work)?;
    work.after.letters |= !work.facts.letters.is_empty();
    let topics: Vec<Topic> = work.facts.conversations.keys().copied().collect();
    work.after.requests.extend(topics);
    let gone = expire(work.tx, work.clock())?;
    if !gone.is_empty() {
        work.after.seen.push("a message disappeared");
    }
    let deadlines = [Some(work.facts.prekeys.next_deadline(work.now)), work.tx.next_due()?];
    Ok(deadlines.into_iter().flatten().min().unwrap_or(work.now))
}

fn rotate(work: &mut Work<'_, '_, '_>) -> Result<(), JobError> {
    let now = work.now;
    if work.facts.prekeys.next_deadline(now) > now {
        return Ok(());
    }
    let mut prekeys = Prekeys::clone(&work.facts.prekeys);
    let rotated = prekeys.rotate_if_due(now, work.dice.rng());
    let erased = !prekeys.erase_due(now).is_empty();
    let before = Arc::clone(&work.facts.prekeys);
    let facts = work.facts_mut();
    facts.replaced.values_mut().for_each(|at| *at = (*at).min(now));
    if rotated {
        facts.replaced.insert(before.current().id(), now);
    }
    let full = prekeys.all().count() >= MAX_PREKEYS;
    let kept = |at: &Millis| now.since(*at) < KEEP;
    let mut gone = before.all().filter(|prekey| prekeys.find(&prekey.id()).is_none());
    let early = gone.any(|prekey| facts.replaced.get(&prekey.id()).is_none_or(kept));
    facts.replaced.retain(|id, _| prekeys.find(id).is_some());
    facts.prekeys = Arc::new(prekeys);
    Arc::make_mut(&mut facts.retired).retain(|(_, at)| now.since(*at) < KEEP);
    if rotated {
        sign_record(facts, now)?;
        work.after.hello = true;
        work.after.seen.push("prekey rotated");
    }
    if erased {
        work.after.seen.push("prekey erased");
    }
    if early && !full {
        work.after.broken = Some("a prekey was erased that is still sealed to".into());
    }
    Ok(())
}

fn sign_record(facts: &mut Facts, now: Millis) -> Result<(), JobError> {
    let (who, key, seq) = (facts.who(), facts.instance.key(), facts.record.seq() + 1);
    let record = InstanceRecord::new(who, key, seq, facts.prekeys.current(), now);
    let signed = record.sign(&facts.instance);
    facts.record = Arc::new(signed.map_err(|error| JobError::Bug(error.to_string()))?);
    Ok(())
}

/// Goes on as a new instance; nothing if it does already.
fn give_up(work: &mut Work<'_, '_, '_>, instance: &InstanceKey) -> Result<(), JobError> {
    if work.facts.instance.key() != *instance {
        return Ok(());
    }
    let now = work.now;
    let fresh = Facts::new(&work.facts.secrets, Some(&work.facts.card), now, work.dice);
    let fresh = fresh.ok_or_else(|| JobError::Bug("no new instance could be made".into()))?;
    let facts = work.facts_mut();
    let old = Prekeys::clone(&facts.prekeys);
    Arc::make_mut(&mut facts.retired).push((old, now));
    facts.instance = fresh.instance;
    facts.card = fresh.card;
    facts.record = fresh.record;
    facts.prekeys = fresh.prekeys;
    work.after.hello = true;
    work.after.wants = true;
    work.after.seen.push("instance given up");
    open_everywhere(work)
}

/// What only a liar does: the same instance with a card and a record that its other face does not show.
fn show_face(work: &mut Work<'_, '_, '_>, number: u64) -> Result<(), JobError> {
    let now = work.now;
    let name = format!("face {number}");
    let secrets = Arc::clone(&work.facts.secrets);
    let card = work.facts.card.with(&secrets, &Statement::Profile { hlc: 1, name });
    let prekeys = Prekeys::generate(now, work.dice.rng());
    let (Ok(card), Ok(prekeys)) = (card, prekeys) else {
        return Err(JobError::Bug("no face could be made".into()));
    };
    let facts = work.facts_mut();
    let old = Prekeys::clone(&facts.prekeys);
    Arc::make_mut(&mut facts.retired).push((old, now));
    facts.card = Arc::new(card);
    facts.prekeys = Arc::new(prekeys);
    work.after.hello = true;
    sign_record(work.facts_mut(), now)
}

pub(super) fn open_everywhere(work: &mut Work<'_, '_, '_>) -> Result<(), JobError> {
    if !work.facts.is_live() {
        return Ok(());
    }
    let wanted: Vec<_> = work
        .facts
        .topics
        .iter()
        .filter(|(who, _)| **who != work.facts.who() && work.facts.wants(who))
        .filter_map(|(_, topic)| work.facts.conversations.get(topic).cloned())
        .collect();
    wanted.iter().try_for_each(|conversation| work.open_log(conversation))
}

fn restored(work: &mut Work<'_, '_, '_>, backup: &Backup) -> Result<(), JobError> {
    for (log, epoch, key) in &backup.keyring {
        work.tx.put_key(log, *epoch, &Commitment::of(key, log, *epoch), key)?;
    }
    for (who, standing, card) in &backup.contacts {
        work.put_contact(who, *standing);
        if let Some(card) = card {
            work.learn_card(card)?;
        }
    }
    work.after.wants = true;
    open_everywhere(work)
}

/// Who was declined is not looked at for so long.
pub(super) const DECLINED: Duration = Duration::from_secs(30 * 86_400);
/// How soon a letter is repeated until the other side's OPEN is seen.
pub(super) const REPEAT: Duration = Duration::from_secs(86_400);
/// … and when nobody said that it arrived.
pub(super) const RETRY: Duration = Duration::from_secs(20);
