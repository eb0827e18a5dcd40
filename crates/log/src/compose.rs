//! Writing: what I say becomes entries of my log, with the OPEN and the SEALS that they need.

use core::time::Duration;
use std::collections::BTreeMap;

use nexus_identity::cbor::Extra;
use nexus_identity::id::InstanceKey;
use nexus_identity::record::VerifiedRecord;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::body::{Body, KeyName, MAX_DEPS, MAX_EMOJI, MAX_NAME, MAX_TEXT, Payload};
use crate::cipher;
use crate::context::{Conversation, Me};
use crate::header::HeaderError;
use crate::hlc::{Hlc, Now};
use crate::ids::{EntryHash, EntryRef, Head, LogHead, LogKey, Seq};
use crate::ingest::{Change, Said, is_hidden};
use crate::ledger::{Chain, Ledger};
use crate::order::Position;

mod draft;

pub(crate) use draft::Draft;
use draft::Wanted;

/// An epoch lasts so long at most.
pub const EPOCH_AGE: Duration = Duration::from_secs(7 * 86_400);
/// An epoch has so many ENTRYs at most.
pub const EPOCH_ENTRIES: u32 = 1000;

/// How far beyond what is followed my own last entry may be: somebody who writes at the very edge, and a clock set back
/// a little, must not cost me my instance.
pub const CLOCK_SLACK: Duration = Duration::from_secs(86_400);

/// Messages looked at a time.
const PAGE: usize = 256;

/// Why something was not written. Nothing was stored then.
#[derive(Debug, Error)]
pub enum ComposeError<E: std::error::Error> {
    /// A text over 32 KiB, a reaction or name over its limit, or too many marks.
    #[error("the text is too long")]
    TooLong,
    /// An entry of mine turned up that this instance did not write: it must not go on. Open a new instance.
    #[error("this device's log was continued elsewhere")]
    Stopped,
    /// My own last entry is more than ten years ahead of my clock. Open a new instance.
    #[error("this device's clock once ran far ahead")]
    ClockBeyond,
    /// A payload did not fit its entry.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The ledger failed.
    #[error("the store failed")]
    Ledger(#[source] E),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// My log.
    pub log: LogHead,
    /// The first entry that is new: an OPEN, a SEALS, or the ENTRY itself.
    pub first: Seq,
    /// The ENTRY, or the last entry if there is none.
    pub id: EntryHash,
    /// Its place in the conversation; `None` for what is no ENTRY.
    pub position: Option<Position>,
    /// New and changed messages.
    pub changes: Vec<Change>,
    /// What else was said; of interest to the node just as what others say.
    pub said: Vec<Said>,
}

/// Appends the OPEN of my log if there is none: this is what wanting and accepting a conversation writes.
///
/// # Errors
/// See [`ComposeError`].
pub fn open<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    me: &Me,
    now: Now,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Option<Composed>, ComposeError<L::Error>> {
    let mut draft = Draft::new(ledger, conversation, me)?;
    if !draft.is_new() {
        return Ok(None);
    }
    draft.open(conversation, me, rng)?;
    draft.store(ledger, conversation, me, now, Vec::new()).map(Some)
}

/// Writes one payload, preceded by an OPEN and by the SEALS of a new epoch where these are due.
///
/// `recipients` are the records of all live instances of all members, my others too, as far as they are known; those
/// without a slot ask for the key.
///
/// # Errors
/// See [`ComposeError`].
pub fn compose<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    me: &Me,
    payload: Payload,
    recipients: &[VerifiedRecord],
    now: Now,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Composed, ComposeError<L::Error>> {
    if is_too_long(&payload) {
        return Err(ComposeError::TooLong);
    }
    let mut draft = Draft::new(ledger, conversation, me)?;
    if !draft.hlc.is_followed(now.later(CLOCK_SLACK)) {
        return Err(ComposeError::ClockBeyond);
    }
    let clock = clock(ledger, conversation, draft.hlc, now).map_err(ComposeError::Ledger)?;
    let hlc = clock.next(now);
    let (deps, cited) =
        deps(ledger, conversation, &draft.log, now).map_err(ComposeError::Ledger)?;
    let timer = timer_of(ledger, conversation, &payload).map_err(ComposeError::Ledger)?;
    if draft.is_new() {
        draft.open(conversation, me, rng)?;
    }
    let wanted = Wanted { timer, shown: payload.is_shown(), now };
    let (mut own, key) = draft.epoch(ledger, conversation, me, recipients, &wanted, rng)?;
    let asks = match &payload {
        Payload::KeyRequest(names) => names.clone(),
        _ => Vec::new(),
    };
    let timer = timer.filter(|_| payload.is_shown());
    let sent = now.millis();
    let body = Body { hlc, sent, deps, timer, payload, extra: Extra::default() };
    draft.entry(conversation, own.epoch, &key, &body, rng)?;
    own.entries = own.entries.saturating_add(1);
    ledger.put_own_epoch(&draft.log, &own).map_err(ComposeError::Ledger)?;
    for KeyName { log, epoch } in asks {
        ledger.set_asked(&log, epoch, now.millis()).map_err(ComposeError::Ledger)?;
    }
    let mut composed = draft.store(ledger, conversation, me, now, cited)?;
    let Head { seq, hash } = composed.log.head;
    composed.position = Some(Position { hlc, log: composed.log.log, seq, hash });
    Ok(composed)
}

/// The highest value that the next entry must be above. What was followed while my own clock ran far ahead is no longer:
/// else every log that I write would stop after one entry.
fn clock<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    mine: Hlc,
    now: Now,
) -> Result<Hlc, L::Error> {
    let clock = ledger.clock(&conversation.id)?;
    if clock.is_followed(now.later(CLOCK_SLACK)) {
        return Ok(clock);
    }
    let chains = ledger.topic_chains(&conversation.topic())?;
    let followed = chains.into_iter().map(|chain| chain.hlc).filter(|hlc| hlc.is_followed(now));
    let mut highest = followed.fold(mine, Hlc::max);
    // A chain whose newest entry is too far ahead may show earlier ones that are not.
    let mut after = Position { hlc: highest, ..Position::START };
    loop {
        let page = ledger.messages(&conversation.id, &after, PAGE)?;
        let Some(last) = page.last() else { return Ok(highest) };
        after = last.base.position;
        let mut hlcs = page.iter().map(|message| message.base.position.hlc);
        highest = hlcs.by_ref().take_while(|hlc| hlc.is_followed(now)).fold(highest, Hlc::max);
        if !after.hlc.is_followed(now) {
            return Ok(highest);
        }
    }
}

fn is_too_long(payload: &Payload) -> bool {
    match payload {
        Payload::Text(text) | Payload::Edit { text, .. } | Payload::Reply { text, .. } => {
            text.len() > MAX_TEXT
        }
        Payload::Reaction { emoji, .. } => emoji.len() > MAX_EMOJI,
        Payload::Profile { name } => name.len() > MAX_NAME,
        // What would not be read back as what it is.
        other => {
            other.encode().len() > cipher::MAX_BODY
                || Payload::decode(other.code(), &other.encode()) != *other
        }
    }
}

/// The timer of what is about to be written: an operation has that of its target, a change of the timer has none.
fn timer_of<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    payload: &Payload,
) -> Result<Option<u64>, L::Error> {
    if matches!(payload, Payload::Timer { .. }) {
        return Ok(None);
    }
    let in_force = ledger.timer(&conversation.id)?.and_then(|(_, seconds)| seconds);
    if let Some(target) = payload.target()
        && let Some(message) = ledger.message(&conversation.id, &target.hash)?
        && message.base.expires.is_none()
    {
        return Ok(None);
    }
    Ok(in_force)
}

/// The heads of other logs that my entries do not cite yet, at most [`MAX_DEPS`], the newest first, and the chains
/// that remember it.
fn deps<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    mine: &LogKey,
    now: Now,
) -> Result<(Vec<EntryRef>, Vec<Chain>), L::Error> {
    let mut fresh: Vec<Chain> = ledger
        .topic_chains(&conversation.topic())?
        .into_iter()
        .filter(|chain| chain.log != *mine && chain.author.is_some())
        .filter(|chain| chain.cited.is_none_or(|cited| cited < chain.head.seq))
        // Not above a clock that is not followed, not for a branch that does not show.
        .filter(|chain| chain.hlc.is_followed(now) && !is_hidden(chain, chain.head.seq))
        .collect();
    fresh.sort_by_key(|chain| core::cmp::Reverse((chain.hlc, chain.log)));
    fresh.truncate(MAX_DEPS);
    fresh.iter_mut().for_each(|chain| chain.cited = Some(chain.head.seq));
    let dep = |chain: &Chain| {
        let Head { seq, hash } = chain.head;
        EntryRef { log: chain.log, seq, hash }
    };
    Ok((fresh.iter().map(dep).collect(), fresh))
}

/// Whom to seal to: each live instance of a member once, but this one.
pub(crate) fn others<'a>(
    conversation: &Conversation,
    me: &Me,
    recipients: &'a [VerifiedRecord],
) -> Vec<&'a VerifiedRecord> {
    let mut newest: BTreeMap<InstanceKey, &VerifiedRecord> = BTreeMap::new();
    for record in recipients {
        let other = record.instance() != me.instance.key();
        if other && conversation.has(&record.connect_id()) {
            let at = newest.entry(record.instance()).or_insert(record);
            if record.newer_than(at) {
                *at = record;
            }
        }
    }
    newest.into_values().collect()
}
