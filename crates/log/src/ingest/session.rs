//! What entries do once they are stored: clock, view, and what is said beside. Shared by taking in, writing and
//! rebuilding.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::bugs::{self, Bug};
use nexus_identity::id::{Millis, Signature};

use super::visible::is_hidden;
use super::{Change, ChangeKind, Said};
use crate::body::{Body, KeyName, Payload};
use crate::chain::path;
use crate::cipher::Commitment;
use crate::context::{Conversation, Me};
use crate::entry::EntryView;
use crate::fold::{Base, Effect, Message, Operation, Shown, Unreadable};
use crate::hlc::{Hlc, Now};
use crate::ids::{EntryHash, EntryRef, Epoch, LogKey, Seq};
use crate::ledger::{Chain, ChainId, FleetingKey, KeyState, Ledger, NewEntry};
use crate::open;
use crate::order::Position;

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
    pub(super) epoch: Epoch,
    pub(super) commitment: Commitment,
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

pub(super) type Found = Option<(Commitment, KeyState)>;

/// One piece of work on one conversation, inside the caller's transaction.
pub(crate) struct Session<'a, L: Ledger> {
    pub(crate) ledger: &'a mut L,
    pub(crate) conversation: &'a Conversation,
    pub(crate) me: &'a Me,
    pub(crate) now: Now,
    pub(crate) crowded: Vec<LogKey>,
    pub(crate) clock: Hlc,
    clock_before: Hlc,
    /// With the place of each in the order in which they came.
    changes: BTreeMap<EntryHash, (usize, ChangeKind)>,
    pub(super) said: Vec<Said>,
    pub(super) cites: BTreeMap<(open::Author, LogKey), EntryRef>,
    pub(crate) keys_wanted: bool,
    /// Epochs whose key came, to be opened at the end.
    pub(super) unlocked: BTreeSet<KeyName>,
    /// Logs of which other entries show from now on.
    pub(crate) revisit: BTreeSet<LogKey>,
    pub(super) keys: BTreeMap<(ChainId, Epoch), Found>,
    /// Everything was heard before: requests are not taken for new ones.
    pub(crate) replay: bool,
    /// Citations kept of each crowded log, once counted.
    pub(super) citations: BTreeMap<LogKey, usize>,
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
            citations: BTreeMap::new(),
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
        if followed && !bugs::is(Bug::ClockNotFollowed) {
            self.clock = self.clock.max(body.hlc);
        } else {
            self.said.push(Said::FarAhead(author));
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
        let hlc = if bugs::is(Bug::PlaceByArrival) { self.clock } else { body.hlc };
        let position = Position { hlc, log: chain.log, seq: at.seq, hash: at.hash };
        let hidden = is_hidden(chain, at.seq);
        let gone = expires.is_some_and(|expires| expires <= self.now.millis());
        if hidden || gone {
            // The key goes all the same.
            self.set_fleeting(chain.log, key, expires)?;
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
        let message = self.ledger.message(&id, &operation.target)?;
        if message.is_none() && bugs::is(Bug::EarlyOperationDropped) {
            return Ok(());
        }
        self.ledger.insert_operation(&id, &operation)?;
        // An operation lives as long as what it changes, and its key with it.
        let with = message.as_ref().and_then(|message| message.base.expires);
        let until = operation.expires.map(|expires| with.map_or(expires, |with| with.max(expires)));
        self.set_fleeting(log, key, until)?;
        match message {
            Some(message) if bugs::is(Bug::EditByArrival) => {
                let mut folded = Message::new(message.base.clone(), &[operation]);
                folded.state.reactions.clone_from(&message.state.reactions);
                self.ledger.update_message(&id, &folded)
            }
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
        let next = self.changes.len();
        match (self.changes.get(&hash).copied(), kind) {
            (Some((_, ChangeKind::New)), ChangeKind::Removed) => drop(self.changes.remove(&hash)),
            (Some((_, ChangeKind::New)), ChangeKind::Changed) => {}
            (Some((at, ChangeKind::Removed)), ChangeKind::New) => {
                self.changes.insert(hash, (at, ChangeKind::Changed));
            }
            (before, kind) => {
                self.changes.insert(hash, (before.map_or(next, |(at, _)| at), kind));
            }
        }
    }

    /// Keeps the clock and hands out what happened.
    pub(crate) fn finish(mut self) -> Result<Happened, L::Error> {
        if self.clock > self.clock_before {
            self.ledger.set_clock(&self.conversation.id, self.clock)?;
        }
        let cites =
            self.cites.iter().map(|((who, _), entry)| Said::Cites { who: *who, entry: *entry });
        self.said.extend(cites);
        let mut changes: Vec<_> = self.changes.into_iter().collect();
        changes.sort_by_key(|(_, (at, _))| *at);
        let changes = changes.into_iter().map(|(hash, (_, kind))| Change { hash, kind }).collect();
        Ok(Happened { changes, said: self.said, keys_wanted: self.keys_wanted })
    }
}
