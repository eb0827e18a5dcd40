//! What entries do once they are stored: keys, clock, view. Shared by taking in, writing and rebuilding.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::id::{InstanceKey, Millis, Signature};
use nexus_identity::kdf::Secret32;

use super::{Change, ChangeKind, Said};
use crate::body::{Body, KeyName, Payload};
use crate::chain::path;
use crate::cipher::{self, Commitment};
use crate::context::{Conversation, Me};
use crate::entry::EntryView;
use crate::fold::{Base, Effect, Message, Operation, Shown, Unreadable};
use crate::header::Kind;
use crate::hlc::{Hlc, Now};
use crate::ids::{EntryHash, EntryRef, Epoch, LogKey, Seq};
use crate::ledger::{
    Chain, ChainId, EpochStart, FleetingKey, KeyState, Ledger, NewEntry, OpenRequest,
};
use crate::open;
use crate::order::Position;
use crate::seals::Seals;

/// Requests looked at when an answer passes by, at most.
const MAX_OPEN_REQUESTS: usize = 4096;
/// Waiting entries that are opened at a time.
const PAGE: usize = 256;

/// What is inside an entry, for me.
#[derive(Debug, Clone)]
pub(crate) enum Inside {
    /// A body, and the key that opened it.
    Body(Box<Body>, KeyUsed),
    /// It does not open or is not what the protocol allows.
    Damaged,
    /// Its key is not here yet.
    Waiting(Epoch),
    /// Nothing to show: no ENTRY, or one whose key was erased, or one of a log that is nobody's.
    Nothing,
}

/// Which key opened an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyUsed {
    epoch: Epoch,
    commitment: Commitment,
}

/// An entry that is stored, as far as its effect needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) seq: Seq,
    pub(crate) hash: EntryHash,
    pub(crate) stored: Millis,
}

/// What a session did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) changes: Vec<Change>,
    pub(crate) said: Vec<Said>,
    pub(crate) keys_wanted: bool,
}

type Found = Option<(Commitment, KeyState)>;

/// One piece of work on one conversation, inside the caller's transaction.
pub(crate) struct Session<'a, L: Ledger> {
    pub(crate) ledger: &'a mut L,
    pub(crate) conversation: &'a Conversation,
    pub(crate) me: &'a Me,
    pub(crate) now: Now,
    pub(crate) crowded: Vec<LogKey>,
    pub(crate) clock: Hlc,
    clock_before: Hlc,
    changes: BTreeMap<EntryHash, ChangeKind>,
    said: Vec<Said>,
    cites: BTreeMap<(open::Author, LogKey), EntryRef>,
    pub(crate) keys_wanted: bool,
    /// Epochs whose key came, to be opened at the end.
    unlocked: BTreeSet<KeyName>,
    /// Logs of which other entries show from now on.
    pub(crate) revisit: BTreeSet<LogKey>,
    keys: BTreeMap<(ChainId, Epoch), Found>,
    /// Everything was heard before: requests are not taken for new ones.
    pub(crate) replay: bool,
}

impl<'a, L: Ledger> Session<'a, L> {
    pub(crate) fn new(
        ledger: &'a mut L,
        conversation: &'a Conversation,
        me: &'a Me,
        now: Now,
    ) -> Result<Self, L::Error> {
        let crowded = ledger.crowded(&conversation.topic())?;
        let clock = ledger.clock(&conversation.id)?;
        Ok(Self {
            ledger,
            conversation,
            me,
            now,
            crowded,
            clock,
            clock_before: clock,
            changes: BTreeMap::new(),
            said: Vec::new(),
            cites: BTreeMap::new(),
            keys_wanted: false,
            unlocked: BTreeSet::new(),
            revisit: BTreeSet::new(),
            keys: BTreeMap::new(),
            replay: false,
        })
    }

    /// Stores entries at the end of the chain at `index`, then lets them take effect.
    pub(crate) fn absorb(
        &mut self,
        chains: &mut [Chain],
        index: usize,
        entries: &[(EntryView<'_>, Option<Signature>)],
    ) -> Result<(), L::Error> {
        let Some(chain) = chains.get(index) else { return Ok(()) };
        let way = path(chains, chain.id);
        let stored = self.now.millis();
        let mut insides = Vec::with_capacity(entries.len());
        let mut rows = Vec::with_capacity(entries.len());
        for (view, signature) in entries {
            let inside = self.look(chain, &way, view)?;
            let pending = match inside {
                Inside::Waiting(epoch) => Some(epoch),
                _ => None,
            };
            rows.push(NewEntry {
                seq: view.header.seq,
                hash: view.hash,
                header: view.bytes,
                payload: view.payload,
                signature: *signature,
                pending,
            });
            insides.push((At { seq: view.header.seq, hash: view.hash, stored }, inside));
        }
        self.ledger.append(chain.id, &rows, stored)?;
        let Some(chain) = chains.get_mut(index) else { return Ok(()) };
        if let Some((last, _)) = entries.last() {
            chain.head = last.head();
        }
        for (at, inside) in insides {
            self.show(chain, at, inside, false)?;
        }
        Ok(())
    }

    /// Reads an entry that is about to be stored in `chain`: takes keys in, opens what can be opened.
    fn look(
        &mut self,
        chain: &Chain,
        way: &[(ChainId, Seq)],
        view: &EntryView<'_>,
    ) -> Result<Inside, L::Error> {
        match view.header.kind {
            Kind::Seals => {
                self.take_seals(chain, way, view)?;
                Ok(Inside::Nothing)
            }
            Kind::Entry => self.read(chain, way, view),
            Kind::Open | Kind::Carried(_) => Ok(Inside::Nothing),
        }
    }

    /// Opens an ENTRY if its key is here.
    pub(crate) fn read(
        &mut self,
        chain: &Chain,
        way: &[(ChainId, Seq)],
        view: &EntryView<'_>,
    ) -> Result<Inside, L::Error> {
        if chain.author.is_none() || view.header.kind != Kind::Entry {
            return Ok(Inside::Nothing);
        }
        let Some(epoch) = cipher::epoch_of(view.payload) else { return Ok(Inside::Damaged) };
        let (commitment, key) = match self.key_on(chain, way, epoch)? {
            Some((commitment, KeyState::Held(key))) => (commitment, key),
            Some((_, KeyState::Erased)) => return Ok(Inside::Nothing),
            Some((_, KeyState::Unknown)) | None => return Ok(Inside::Waiting(epoch)),
        };
        let id = &self.conversation.id;
        let plain = cipher::open(id, view.bytes, &chain.log, view.header.seq, &key, view.payload);
        let body = plain.and_then(|plain| Body::decode(&plain).ok());
        Ok(body.map_or(Inside::Damaged, |body| {
            Inside::Body(Box::new(body), KeyUsed { epoch, commitment })
        }))
    }

    /// The key of an epoch as an entry of `chain` means it: by the first SEALS on the way that started it.
    fn key_on(
        &mut self,
        chain: &Chain,
        way: &[(ChainId, Seq)],
        epoch: Epoch,
    ) -> Result<Found, L::Error> {
        if let Some(found) = self.keys.get(&(chain.id, epoch)) {
            return Ok(found.clone());
        }
        let starts = self.ledger.epochs(&chain.log, epoch)?;
        let found = match first_on(way, &starts) {
            Some(commitment) => {
                let key = self.ledger.key(&chain.log, epoch, &commitment)?;
                Some((commitment, key))
            }
            None => None,
        };
        self.keys.insert((chain.id, epoch), found.clone());
        Ok(found)
    }

    /// Takes in what a SEALS brings: the start of an epoch, a key for me, the answer to a request.
    fn take_seals(
        &mut self,
        chain: &Chain,
        way: &[(ChainId, Seq)],
        view: &EntryView<'_>,
    ) -> Result<(), L::Error> {
        let Some(seals) = Seals::decode(view.payload) else { return Ok(()) };
        let sealed = seals.sealed;
        let name = KeyName { log: sealed.log, epoch: sealed.epoch };
        let starts = sealed.log == chain.log
            && first_on(way, &self.ledger.epochs(&sealed.log, sealed.epoch)?).is_none();
        if starts {
            let (epoch, commitment) = (sealed.epoch, sealed.commitment);
            let start = EpochStart {
                log: chain.log,
                epoch,
                chain: chain.id,
                seq: view.header.seq,
                commitment,
            };
            self.ledger.put_epoch(&start)?;
            self.keys.remove(&(chain.id, epoch));
            self.unlocked.insert(name);
        } else {
            self.close_requests(&name)?;
        }
        if chain.author.is_none()
            || self.ledger.key(&sealed.log, sealed.epoch, &sealed.commitment)? != KeyState::Unknown
        {
            return Ok(());
        }
        let me = self.me.instance.key();
        let opened =
            seals.open(&self.conversation.secret, &self.conversation.id, &me, &self.me.prekeys);
        if let Some(key) = opened {
            self.put_key(&name, &sealed.commitment, &key)?;
        }
        Ok(())
    }

    /// Keeps a key and has what waits for it opened at the end.
    pub(crate) fn put_key(
        &mut self,
        name: &KeyName,
        commitment: &Commitment,
        key: &Secret32,
    ) -> Result<(), L::Error> {
        self.ledger.put_key(&name.log, name.epoch, commitment, key)?;
        self.keys.retain(|(_, epoch), _| *epoch != name.epoch);
        self.unlocked.insert(*name);
        Ok(())
    }

    /// Somebody sealed an epoch again: whoever asked has an answer, or will ask again.
    fn close_requests(&mut self, name: &KeyName) -> Result<(), L::Error> {
        let topic = self.conversation.topic();
        for request in self.ledger.open_requests(&topic, MAX_OPEN_REQUESTS)? {
            if request.log == name.log && request.epoch == name.epoch {
                self.ledger.close_request(&request)?;
            }
        }
        Ok(())
    }

    /// Lets a stored entry take effect. `there` says that it shows as unreadable so far.
    pub(crate) fn show(
        &mut self,
        chain: &mut Chain,
        at: At,
        inside: Inside,
        there: bool,
    ) -> Result<(), L::Error> {
        match inside {
            Inside::Nothing if there => self.remove(&at.hash),
            Inside::Nothing => Ok(()),
            Inside::Damaged => self.show_unreadable(chain, at, Unreadable::Damaged, there),
            Inside::Waiting(_) => {
                self.keys_wanted = true;
                self.show_unreadable(chain, at, Unreadable::NoKey, there)
            }
            Inside::Body(body, key) => self.show_body(chain, at, *body, key, there),
        }
    }

    fn show_unreadable(
        &mut self,
        chain: &Chain,
        at: At,
        why: Unreadable,
        there: bool,
    ) -> Result<(), L::Error> {
        let Some(author) = chain.author.filter(|_| !is_hidden(chain, at.seq)) else {
            return Ok(());
        };
        let base = Base {
            position: Position { hlc: Hlc(0), log: chain.log, seq: at.seq, hash: at.hash },
            author: author.who,
            sent: at.stored,
            shown: Shown::Unreadable(why),
            text: String::new(),
            expires: None,
            far: false,
        };
        self.put_message(chain.id, Message::new(base, &[]), there)
    }

    fn show_body(
        &mut self,
        chain: &mut Chain,
        at: At,
        body: Body,
        key: KeyUsed,
        there: bool,
    ) -> Result<(), L::Error> {
        let Some(author) = chain.author else { return Ok(()) };
        let followed = body.hlc.is_followed(self.now);
        if followed {
            self.clock = self.clock.max(body.hlc);
        }
        chain.hlc = chain.hlc.max(body.hlc);
        self.cite(author, chain.log, &body.deps)?;
        if body.payload == Payload::Retire {
            chain.retired = Some(chain.retired.map_or(at.seq, |before| before.min(at.seq)));
            self.revisit.insert(chain.log);
        }
        let expires = body
            .timer
            .map(|seconds| at.stored.saturating_add(core::time::Duration::from_secs(seconds)));
        let position = Position { hlc: body.hlc, log: chain.log, seq: at.seq, hash: at.hash };
        let hidden = is_hidden(chain, at.seq);
        let gone = expires.is_some_and(|expires| expires <= self.now.millis());
        if hidden || gone {
            return if there { self.remove(&at.hash) } else { Ok(()) };
        }
        let base = Base {
            position,
            author: author.who,
            sent: body.sent,
            shown: Shown::Text,
            text: String::new(),
            expires,
            far: !followed,
        };
        self.hear(author, &position, &body.payload)?;
        match Effect::of(body.payload) {
            Effect::Show(shown, text) => {
                self.set_fleeting(chain.log, key, expires)?;
                let waiting = self.ledger.operations(&self.conversation.id, &at.hash)?;
                let message = Message::new(Base { shown, text, ..base }, &waiting);
                self.put_message(chain.id, message, there)
            }
            Effect::Change(target, action) => {
                if there {
                    self.remove(&at.hash)?;
                }
                let operation = Operation { position, author: author.who, target, action, expires };
                self.operate(chain.log, key, operation)
            }
            Effect::Nothing if there => self.remove(&at.hash),
            Effect::Nothing => Ok(()),
        }
    }

    fn set_fleeting(
        &mut self,
        log: LogKey,
        key: KeyUsed,
        until: Option<Millis>,
    ) -> Result<(), L::Error> {
        let KeyUsed { epoch, commitment } = key;
        match until {
            Some(until) => self.ledger.set_fleeting(&FleetingKey { log, epoch, commitment, until }),
            None => Ok(()),
        }
    }

    fn operate(&mut self, log: LogKey, key: KeyUsed, operation: Operation) -> Result<(), L::Error> {
        let id = self.conversation.id;
        self.ledger.insert_operation(&id, &operation)?;
        let message = self.ledger.message(&id, &operation.target)?;
        // An operation lives as long as what it changes, and its key with it.
        let with = message.as_ref().and_then(|message| message.base.expires);
        let until = operation.expires.map(|expires| with.map_or(expires, |with| with.max(expires)));
        self.set_fleeting(log, key, until)?;
        match message {
            Some(message) => self.refold(message),
            None => Ok(()),
        }
    }

    /// Folds a message again after its operations changed.
    pub(crate) fn refold(&mut self, message: Message) -> Result<(), L::Error> {
        let id = self.conversation.id;
        let operations = self.ledger.operations(&id, &message.base.position.hash)?;
        let folded = Message::new(message.base.clone(), &operations);
        if folded == message {
            return Ok(());
        }
        self.ledger.update_message(&id, &folded)?;
        self.note(folded.base.position.hash, ChangeKind::Changed);
        Ok(())
    }

    fn put_message(
        &mut self,
        chain: ChainId,
        message: Message,
        there: bool,
    ) -> Result<(), L::Error> {
        let hash = message.base.position.hash;
        if there {
            self.note(hash, ChangeKind::Changed);
            self.ledger.update_message(&self.conversation.id, &message)
        } else {
            self.note(hash, ChangeKind::New);
            self.ledger.insert_message(&self.conversation.id, chain, &message)
        }
    }

    pub(crate) fn remove(&mut self, hash: &EntryHash) -> Result<(), L::Error> {
        self.note(*hash, ChangeKind::Removed);
        self.ledger.remove_message(&self.conversation.id, hash)
    }

    fn note(&mut self, hash: EntryHash, kind: ChangeKind) {
        match (self.changes.get(&hash), kind) {
            (Some(ChangeKind::New), ChangeKind::Removed) => drop(self.changes.remove(&hash)),
            (Some(ChangeKind::New), ChangeKind::Changed) => {}
            (Some(ChangeKind::Removed), ChangeKind::New) => {
                self.changes.insert(hash, ChangeKind::Changed);
            }
            _ => drop(self.changes.insert(hash, kind)),
        }
    }

    fn cite(
        &mut self,
        author: open::Author,
        log: LogKey,
        deps: &[EntryRef],
    ) -> Result<(), L::Error> {
        for dep in deps.iter().filter(|dep| dep.log != log) {
            let at = self.cites.entry((author, dep.log)).or_insert(*dep);
            if dep.seq > at.seq {
                *at = *dep;
            }
            if self.crowded.contains(&dep.log) {
                self.ledger.put_citation(dep)?;
                self.revisit.insert(dep.log);
            }
        }
        Ok(())
    }

    /// What does not show but matters.
    fn hear(
        &mut self,
        author: open::Author,
        position: &Position,
        payload: &Payload,
    ) -> Result<(), L::Error> {
        let id = self.conversation.id;
        match payload {
            Payload::ReadMark(marks) => {
                for mark in marks {
                    if self.ledger.raise_read_mark(&id, &author.who, mark)? {
                        self.said.push(Said::Read { who: author.who, mark: *mark });
                    }
                }
            }
            Payload::Timer { seconds } => {
                let before = self.ledger.timer(&id)?.map(|(position, _)| position);
                if before.is_none_or(|before| before < *position) {
                    self.ledger.set_timer(&id, position, *seconds)?;
                    self.said.push(Said::Timer(*seconds));
                }
            }
            Payload::Contact(data) if author.who == self.me.who => {
                self.said.push(Said::Contact { position: *position, data: data.clone() });
            }
            Payload::KeyRequest(names) if author.instance != self.me.instance.key() => {
                self.hear_request(author.instance, names)?;
            }
            Payload::Retire => self.said.push(Said::Retired(author)),
            Payload::Profile { name } => {
                let (who, name) = (author.who, name.clone());
                self.said.push(Said::Profile { who, position: *position, name });
            }
            _ => {}
        }
        Ok(())
    }

    /// Remembers who asks for a key that I hold. Others answer for the rest, or are asked again: so nobody can fill
    /// the list with names of nothing.
    fn hear_request(&mut self, instance: InstanceKey, names: &[KeyName]) -> Result<(), L::Error> {
        if self.replay {
            return Ok(());
        }
        let topic = self.conversation.topic();
        for KeyName { log, epoch } in names.iter().copied() {
            let mut held = false;
            for start in self.ledger.epochs(&log, epoch)? {
                let key = self.ledger.key(&log, epoch, &start.commitment)?;
                held |= matches!(key, KeyState::Held(_));
            }
            if held {
                self.keys_wanted = true;
                self.ledger.put_request(&OpenRequest { topic, instance, log, epoch })?;
            }
        }
        Ok(())
    }

    /// Opens what waited for keys that came.
    pub(crate) fn reveal(&mut self) -> Result<(), L::Error> {
        while let Some(name) = self.unlocked.pop_first() {
            let mut chains: Option<Vec<Chain>> = None;
            let mut after = None;
            loop {
                let page = self.ledger.pending(&name.log, name.epoch, after, PAGE)?;
                let Some(last) = page.last() else { break };
                after = Some((last.chain, last.seq));
                if chains.is_none() {
                    chains = Some(self.ledger.chains(&name.log)?);
                }
                let chains = chains.get_or_insert_default();
                for stored in &page {
                    self.reveal_one(chains, stored)?;
                }
            }
            for chain in chains.unwrap_or_default() {
                self.ledger.update_chain(&chain)?;
            }
        }
        Ok(())
    }

    fn reveal_one(
        &mut self,
        chains: &mut [Chain],
        stored: &crate::ledger::StoredEntry,
    ) -> Result<(), L::Error> {
        let Some(index) = chains.iter().position(|chain| chain.id == stored.chain) else {
            return Ok(());
        };
        let way = path(chains, stored.chain);
        let (Some(chain), Ok(view)) = (chains.get_mut(index), stored.entry.view()) else {
            return Ok(());
        };
        let inside = self.read(chain, &way, &view)?;
        if matches!(inside, Inside::Waiting(_)) {
            return Ok(());
        }
        self.ledger.settle(stored.chain, stored.seq)?;
        let at = At { seq: stored.seq, hash: stored.hash, stored: stored.stored };
        let there = !is_hidden(chain, stored.seq);
        self.show(chain, at, inside, there)
    }

    /// Keeps the clock and hands out what happened.
    pub(crate) fn finish(mut self) -> Result<Happened, L::Error> {
        if self.clock > self.clock_before {
            self.ledger.set_clock(&self.conversation.id, self.clock)?;
        }
        let cites =
            self.cites.iter().map(|((who, _), entry)| Said::Cites { who: *who, entry: *entry });
        self.said.extend(cites);
        let changes = self.changes.into_iter().map(|(hash, kind)| Change { hash, kind }).collect();
        Ok(Happened { changes, said: self.said, keys_wanted: self.keys_wanted })
    }
}

/// Whether entries of `chain` at `seq` do not show.
pub(crate) fn is_hidden(chain: &Chain, seq: Seq) -> bool {
    chain.hidden_from.is_some_and(|from| seq >= from)
}

/// The commitment of the first start on the way from the root.
fn first_on(way: &[(ChainId, Seq)], starts: &[EpochStart]) -> Option<Commitment> {
    starts
        .iter()
        .filter(|start| way.iter().any(|(id, until)| *id == start.chain && start.seq <= *until))
        .min_by_key(|start| start.seq)
        .map(|start| start.commitment)
}
