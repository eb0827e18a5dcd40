//! Entries on their way to the end of my log.

use core::time::Duration;

use nexus_identity::id::{InstanceKey, Signature};
use nexus_identity::kdf::Secret32;
use nexus_identity::keys::SigningKey;
use nexus_identity::prekey::PrekeyId;
use nexus_identity::record::VerifiedRecord;
use rand_core::CryptoRng;

use super::{ComposeError, Composed, EPOCH_AGE, EPOCH_ENTRIES, others};
use crate::body::Body;
use crate::chain::writable;
use crate::cipher::{self, Commitment, Place};
use crate::context::{Conversation, Me};
use crate::entry::{Entry, EntryView};
use crate::header::{HeaderError, Kind};
use crate::hlc::{Hlc, Now};
use crate::ids::{EntryHash, Epoch, Head, LogHead, LogKey, Seq};
use crate::ingest::{Happened, Session, author_of};
use crate::ledger::{Chain, ChainId, KeyState, Ledger, OwnEpoch};
use crate::open;
use crate::seals::{self, Sealed};

/// What the epoch of an entry must be like.
pub(super) struct Wanted {
    pub(super) timer: Option<u64>,
    /// Whether it shows: then its epoch has just its timer, and is not older. Anything else rides in the epoch there is:
    /// else, under a short timer, each request for a key would bring an epoch whose key is asked for.
    pub(super) shown: bool,
    pub(super) now: Now,
}

impl Wanted {
    fn is_met_by(&self, epoch: &OwnEpoch, sealed: &[(InstanceKey, PrekeyId)]) -> bool {
        let now = self.now.millis();
        let age = now.since(epoch.started);
        epoch.sealed == sealed
            && epoch.entries < EPOCH_ENTRIES
            && age < EPOCH_AGE
            && epoch.started <= now.saturating_add(EPOCH_AGE)
            && (!self.shown || self.fits(epoch.timer, age))
    }

    fn fits(&self, timer: Option<u64>, age: Duration) -> bool {
        timer == self.timer && timer.is_none_or(|seconds| age < Duration::from_secs(seconds))
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
    pub(super) hlc: Hlc,
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
    pub(super) fn epoch<L: Ledger>(
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

    pub(super) fn entry(
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
