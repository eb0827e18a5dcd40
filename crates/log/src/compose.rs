//! Writing: what I say becomes entries of my log, with the OPEN and the SEALS that they need.

use core::time::Duration;

use nexus_identity::cbor::Extra;
use nexus_identity::id::{InstanceKey, Signature};
use nexus_identity::kdf::Secret32;
use nexus_identity::keys::SigningKey;
use nexus_identity::prekey::PrekeyId;
use nexus_identity::record::VerifiedRecord;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::body::{Body, KeyName, MAX_DEPS, MAX_EMOJI, MAX_NAME, MAX_TEXT, Payload};
use crate::chain::writable;
use crate::cipher::{self, Commitment, Place};
use crate::context::{Conversation, Me};
use crate::entry::{Entry, EntryView};
use crate::header::{HeaderError, Kind};
use crate::hlc::{Hlc, Now};
use crate::ids::{EntryHash, EntryRef, Epoch, Head, LogHead, LogKey, Seq};
use crate::ingest::{Change, Happened, Said, Session, author_of, is_hidden};
use crate::ledger::{Chain, ChainId, KeyState, Ledger, OwnEpoch};
use crate::open;
use crate::order::Position;
use crate::seals::{self, Sealed};

/// An epoch lasts so long at most.
pub const EPOCH_AGE: Duration = Duration::from_secs(7 * 86_400);
/// An epoch has so many ENTRYs at most.
pub const EPOCH_ENTRIES: u32 = 1000;

/// How far beyond what is followed my own last entry may be: somebody who writes at the very edge, and a clock set back
/// a little, must not cost me my instance.
pub const CLOCK_SLACK: Duration = Duration::from_secs(86_400);

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
    if draft.next > 0 {
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
    let hlc = ledger.clock(&conversation.id).map_err(ComposeError::Ledger)?.next(now);
    let (deps, cited) =
        deps(ledger, conversation, &draft.log, now).map_err(ComposeError::Ledger)?;
    let timer = timer_of(ledger, conversation, &payload).map_err(ComposeError::Ledger)?;
    if draft.next == 0 {
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

/// What the epoch of an entry must be like.
struct Wanted {
    timer: Option<u64>,
    /// Whether it shows: then its epoch has just its timer. Anything else rides in the epoch there is.
    shown: bool,
    now: Now,
}

impl Wanted {
    fn is_met_by(&self, epoch: &OwnEpoch, sealed: &[(InstanceKey, PrekeyId)]) -> bool {
        let now = self.now.millis();
        let age = now.since(epoch.started);
        epoch.sealed == sealed
            && epoch.entries < EPOCH_ENTRIES
            && age < EPOCH_AGE
            && epoch.started <= now.saturating_add(EPOCH_AGE)
            && (!self.shown || epoch.timer == self.timer)
            && epoch.timer.is_none_or(|seconds| age < Duration::from_secs(seconds))
    }
}

/// Entries about to be stored at the end of my log.
pub(crate) struct Draft {
    key: SigningKey,
    pub(crate) log: LogKey,
    chain: Option<Chain>,
    first: Seq,
    next: Seq,
    prev: EntryHash,
    hlc: Hlc,
    entries: Vec<Entry>,
}

impl Draft {
    pub(crate) fn new<L: Ledger>(
        ledger: &mut L,
        conversation: &Conversation,
        me: &Me,
    ) -> Result<Self, ComposeError<L::Error>> {
        let key = me.log_key(conversation);
        let log = LogKey::from_bytes(key.public());
        let chains = ledger.chains(&log).map_err(ComposeError::Ledger)?;
        let chain = writable(&chains, &log).cloned();
        if chain.is_none() && !chains.is_empty() {
            return Err(ComposeError::Stopped);
        }
        let next = chain.as_ref().map_or(0, |chain| chain.head.seq + 1);
        let prev = chain.as_ref().map_or(EntryHash::ZERO, |chain| chain.head.hash);
        let hlc = chain.as_ref().map_or(Hlc(0), |chain| chain.hlc);
        Ok(Self { key, log, chain, first: next, next, prev, hlc, entries: Vec::new() })
    }

    /// Whether the log has no entry yet.
    pub(crate) const fn is_new(&self) -> bool {
        self.next == 0
    }

    fn push(&mut self, kind: Kind, payload: Vec<u8>) -> Result<(), HeaderError> {
        let entry = Entry::write(&self.key, kind, self.next, self.prev, payload)?;
        self.prev = entry.hash();
        self.next += 1;
        self.entries.push(entry);
        Ok(())
    }

    pub(crate) fn open(
        &mut self,
        conversation: &Conversation,
        me: &Me,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), HeaderError> {
        let binding = conversation.binding(self.log);
        let secret = &conversation.secret;
        let payload = open::write(secret, &binding, &me.identity, &me.instance, &me.add, rng);
        self.push(Kind::Open, payload)
    }

    pub(crate) fn seals(
        &mut self,
        conversation: &Conversation,
        sealed: &Sealed,
        key: &Secret32,
        recipients: &[&VerifiedRecord],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), HeaderError> {
        let (secret, id) = (&conversation.secret, &conversation.id);
        for payload in seals::write(secret, id, sealed, key, recipients, rng) {
            self.push(Kind::Seals, payload)?;
        }
        Ok(())
    }

    /// The epoch to write in: the current one, or a new one with its SEALS.
    fn epoch<L: Ledger>(
        &mut self,
        ledger: &mut L,
        conversation: &Conversation,
        me: &Me,
        recipients: &[VerifiedRecord],
        wanted: &Wanted,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(OwnEpoch, Secret32), ComposeError<L::Error>> {
        let others = others(conversation, me, recipients);
        // A rotated prekey counts as another device: the old one may be erased by the time this arrives.
        let sealed: Vec<_> =
            others.iter().map(|record| (record.instance(), record.prekey_id())).collect();
        let before = ledger.own_epoch(&self.log).map_err(ComposeError::Ledger)?;
        if let Some(own) = before.as_ref().filter(|own| wanted.is_met_by(own, &sealed)) {
            let key = ledger.key(&self.log, own.epoch, &own.commitment);
            if let KeyState::Held(key) = key.map_err(ComposeError::Ledger)? {
                return Ok((own.clone(), key));
            }
        }
        // 2^32 epochs of a week each never end.
        let epoch: Epoch = before.map_or(0, |own| own.epoch.saturating_add(1));
        let key = Secret32::random(rng);
        let commitment = Commitment::of(&key, &self.log, epoch);
        let name = Sealed { log: self.log, epoch, commitment };
        self.seals(conversation, &name, &key, &others, rng)?;
        ledger.put_key(&self.log, epoch, &commitment, &key).map_err(ComposeError::Ledger)?;
        let (started, timer) = (wanted.now.millis(), wanted.timer);
        Ok((OwnEpoch { epoch, commitment, started, entries: 0, timer, sealed }, key))
    }

    fn entry(
        &mut self,
        conversation: &Conversation,
        epoch: Epoch,
        key: &Secret32,
        body: &Body,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), HeaderError> {
        let (seq, prev) = (self.next, self.prev);
        let place = Place { conversation: &conversation.id, log: self.log, seq, prev };
        let payload = cipher::seal(&place, epoch, key, &body.encode(), rng)
            .ok_or(HeaderError::PayloadLength(u32::MAX))?;
        self.push(Kind::Entry, payload)
    }

    /// Stores the entries and lets them take effect; `cited` are chains whose head my entry cites.
    pub(crate) fn store<L: Ledger>(
        self,
        ledger: &mut L,
        conversation: &Conversation,
        me: &Me,
        now: Now,
        cited: Vec<Chain>,
    ) -> Result<Composed, ComposeError<L::Error>> {
        self.store_entries(ledger, conversation, me, now, cited).map_err(ComposeError::Ledger)
    }

    fn store_entries<L: Ledger>(
        self,
        ledger: &mut L,
        conversation: &Conversation,
        me: &Me,
        now: Now,
        cited: Vec<Chain>,
    ) -> Result<Composed, L::Error> {
        let head = Head { seq: self.next.saturating_sub(1), hash: self.prev };
        let views: Vec<(EntryView<'_>, Option<Signature>)> = self
            .entries
            .iter()
            .filter_map(|entry| entry.view().ok().map(|view| (view, entry.signature)))
            .collect();
        let chain = match self.chain {
            Some(chain) => chain,
            None => my_chain(ledger, conversation, self.log, head, views.first())?,
        };
        for chain in &cited {
            ledger.update_chain(chain)?;
        }
        let mut chains = [chain];
        let mut session = Session::new(ledger, conversation, me, now)?;
        session.absorb(&mut chains, 0, &views)?;
        for chain in &chains {
            session.ledger.update_chain(chain)?;
        }
        session.settle_all()?;
        let Happened { changes, said, .. } = session.finish()?;
        let log = LogHead { log: self.log, branch: None, first: 0, head };
        Ok(Composed { log, first: self.first, id: head.hash, position: None, changes, said })
    }
}

/// The first chain of my log.
fn my_chain<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    log: LogKey,
    head: Head,
    open: Option<&(EntryView<'_>, Option<Signature>)>,
) -> Result<Chain, L::Error> {
    let author = open.and_then(|(view, _)| author_of(conversation, view));
    let mut chain = Chain {
        id: ChainId(0),
        topic: conversation.topic(),
        log,
        branch: None,
        base: None,
        first: 0,
        head,
        author,
        hlc: Hlc(0),
        cited: None,
        hidden_from: None,
        retired: None,
        stopped: false,
    };
    chain.id = ledger.create_chain(&chain)?;
    Ok(chain)
}

/// Whom to seal to: each live instance of a member once, but this one.
pub(crate) fn others<'a>(
    conversation: &Conversation,
    me: &Me,
    recipients: &'a [VerifiedRecord],
) -> Vec<&'a VerifiedRecord> {
    let mut newest: std::collections::BTreeMap<InstanceKey, &VerifiedRecord> =
        std::collections::BTreeMap::new();
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
