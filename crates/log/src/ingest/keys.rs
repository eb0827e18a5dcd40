//! Keys: which opens an entry, how they come, who asks for them.

use nexus_identity::bugs::{self, Bug};
use nexus_identity::id::InstanceKey;
use nexus_identity::kdf::Secret32;

use super::session::{At, Found, Inside, KeyUsed, Session};
use crate::body::{Body, KeyName};
use crate::chain::path;
use crate::cipher::{self, Commitment};
use crate::entry::EntryView;
use crate::header::Kind;
use crate::ids::{Epoch, Seq};
use crate::ledger::{Chain, ChainId, EpochStart, KeyState, Ledger, OpenRequest, StoredEntry};
use crate::requests::is_repeated;
use crate::seals::{Sealed, Seals};

/// Waiting entries that are opened at a time.
const PAGE: usize = 256;

impl<L: Ledger> Session<'_, L> {
    /// Reads an entry that is about to be stored in `chain`: takes keys in, opens what can be opened.
    pub(super) fn look(
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

    /// Takes in again what of a stored SEALS is derived: a damaged store may have lost where an epoch starts.
    pub(super) fn start_again(
        &mut self,
        chain: &Chain,
        way: &[(ChainId, Seq)],
        stored: &StoredEntry,
    ) -> Result<(), L::Error> {
        let Ok(view) = stored.entry.view() else { return Ok(()) };
        if view.header.kind == Kind::Seals
            && let Some(seals) = Seals::decode(view.payload)
        {
            self.start_epoch(chain, way, stored.seq, &seals.sealed)?;
        }
        Ok(())
    }

    /// Notes that an epoch of this log starts here. `false`: it does not, or did before.
    fn start_epoch(
        &mut self,
        chain: &Chain,
        way: &[(ChainId, Seq)],
        seq: Seq,
        sealed: &Sealed,
    ) -> Result<bool, L::Error> {
        let (log, epoch, commitment) = (sealed.log, sealed.epoch, sealed.commitment);
        if log != chain.log || first_on(way, &self.ledger.epochs(&log, epoch)?).is_some() {
            return Ok(false);
        }
        self.ledger.put_epoch(&EpochStart { log, epoch, chain: chain.id, seq, commitment })?;
        self.keys.remove(&(chain.id, epoch));
        self.unlocked.insert(KeyName { log, epoch });
        Ok(true)
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
        if !self.start_epoch(chain, way, view.header.seq, &sealed)? {
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
    fn put_key(
        &mut self,
        name: &KeyName,
        commitment: &Commitment,
        key: &Secret32,
    ) -> Result<(), L::Error> {
        self.ledger.put_key(&name.log, name.epoch, commitment, key)?;
        self.keys.retain(|(_, epoch), _| *epoch != name.epoch);
        // A key that no epoch was started with opens nothing; if its start comes, that opens what waits.
        let starts = self.ledger.epochs(&name.log, name.epoch)?;
        if starts.iter().any(|start| start.commitment == *commitment) {
            self.unlocked.insert(*name);
        }
        Ok(())
    }

    /// Somebody sealed an epoch again: whoever asked has an answer, or will ask again.
    fn close_requests(&mut self, name: &KeyName) -> Result<(), L::Error> {
        self.ledger.close_requests(&self.conversation.topic(), &name.log, name.epoch)
    }

    /// Remembers who asks for a key that I hold. Others answer for the rest, or are asked again: so nobody can fill
    /// the list with names of nothing.
    pub(super) fn hear_request(
        &mut self,
        instance: InstanceKey,
        names: &[KeyName],
    ) -> Result<(), L::Error> {
        if self.replay || bugs::is(Bug::KeyRequestIgnored) {
            return Ok(());
        }
        let topic = self.conversation.topic();
        for KeyName { log, epoch } in names.iter().copied() {
            let mut held = false;
            for start in self.ledger.epochs(&log, epoch)? {
                let key = self.ledger.key(&log, epoch, &start.commitment)?;
                held |= matches!(key, KeyState::Held(_));
            }
            let request = OpenRequest { topic, instance, log, epoch };
            if held && !is_repeated(self.ledger, &request, self.now)? {
                self.keys_wanted = true;
                self.ledger.put_request(&request)?;
            }
        }
        Ok(())
    }

    /// Opens what waited for keys that came.
    pub(super) fn reveal(&mut self) -> Result<(), L::Error> {
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

    fn reveal_one(&mut self, chains: &mut [Chain], stored: &StoredEntry) -> Result<(), L::Error> {
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
        // Not where it is hidden, nor where the conversation was removed.
        let there = self.ledger.message(&self.conversation.id, &stored.hash)?.is_some();
        self.show(chain, at, inside, there)
    }
}

/// The commitment of the first start on the way from the root.
fn first_on(way: &[(ChainId, Seq)], starts: &[EpochStart]) -> Option<Commitment> {
    starts
        .iter()
        .filter(|start| way.iter().any(|(id, until)| *id == start.chain && start.seq <= *until))
        .min_by_key(|start| start.seq)
        .map(|start| start.commitment)
}
