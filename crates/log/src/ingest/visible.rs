//! Which branches of a forked log show, and what shows from now on or no longer.

use std::collections::BTreeMap;

use super::session::{At, Inside, Session};
use crate::chain::{hidden, is_crowded, path, places};
use crate::fold::Effect;
use crate::ids::{EntryHash, EntryRef, LogKey, Seq};
use crate::ledger::{Chain, ChainId, Ledger, StoredEntry};

/// Logs with a third branch in one topic whose citations are looked up, at most: each costs a look at everything.
pub const MAX_CROWDED: usize = 16;
/// Citations of one such log that are kept, at most, while the entries that they name are not here.
pub const MAX_CITATIONS: usize = 1024;
/// Entries looked at a time.
const PAGE: usize = 256;

impl<L: Ledger> Session<'_, L> {
    /// Opens what waited for keys that came, then works out anew what shows of logs that changed their shape.
    pub(crate) fn settle_all(&mut self) -> Result<(), L::Error> {
        self.reveal()?;
        while let Some(log) = self.revisit.pop_first() {
            self.revisit_log(&log)?;
        }
        Ok(())
    }

    fn revisit_log(&mut self, log: &LogKey) -> Result<(), L::Error> {
        let mut chains = self.ledger.chains(log)?;
        let full = self.crowded.len() >= MAX_CROWDED;
        if is_crowded(&chains) && !full && !self.crowded.contains(log) {
            self.crowded.push(*log);
            self.ledger.set_crowded(&self.conversation.topic(), log)?;
            self.collect_citations(log)?;
        }
        let next = self.parting_hashes(&chains)?;
        let mut cited = Vec::new();
        for entry in self.ledger.citations(log)? {
            cited.extend(self.ledger.locate(&entry.hash)?);
        }
        let cuts = hidden(&chains, &next, &cited);
        for (index, cut) in cuts.into_iter().enumerate() {
            self.cut(&mut chains, index, cut)?;
        }
        Ok(())
    }

    /// The hashes on each side of every place where chains part.
    fn parting_hashes(
        &mut self,
        chains: &[Chain],
    ) -> Result<BTreeMap<(ChainId, Seq), EntryHash>, L::Error> {
        let own = chains.iter().map(|chain| (chain.id, chain.first));
        let after =
            places(chains).into_iter().flatten().map(|(id, seq)| (id, seq.saturating_add(1)));
        let mut hashes = BTreeMap::new();
        for (id, seq) in own.chain(after) {
            if let Some(stored) = self.ledger.entries(id, seq, 1)?.first() {
                hashes.insert((id, stored.seq), stored.hash);
            }
        }
        Ok(hashes)
    }

    /// Moves the place from which a chain does not show.
    fn cut(
        &mut self,
        chains: &mut [Chain],
        index: usize,
        cut: Option<Seq>,
    ) -> Result<(), L::Error> {
        let Some(chain) = chains.get_mut(index) else { return Ok(()) };
        let (id, before) = (chain.id, chain.hidden_from);
        if before == cut {
            return Ok(());
        }
        chain.hidden_from = cut;
        let (old, new) = (before.unwrap_or(Seq::MAX), cut.unwrap_or(Seq::MAX));
        let way = path(chains, id);
        let Some(chain) = chains.get_mut(index) else { return Ok(()) };
        let mut from = old.min(new);
        loop {
            let page = self.ledger.entries(id, from, PAGE)?;
            let Some(last) = page.last() else { break };
            from = last.seq.saturating_add(1);
            for stored in page.iter().filter(|stored| stored.seq < old.max(new)) {
                if new < old {
                    self.hide(stored)?;
                } else {
                    self.show_again(chain, &way, stored)?;
                }
            }
            if from >= old.max(new) {
                break;
            }
        }
        self.ledger.update_chain(chain)
    }

    fn hide(&mut self, stored: &StoredEntry) -> Result<(), L::Error> {
        let id = self.conversation.id;
        if self.ledger.message(&id, &stored.hash)?.is_some() {
            return self.remove(&stored.hash);
        }
        match self.ledger.remove_operation(&id, &stored.hash)? {
            Some(target) => self.refold_from_entry(&target),
            None => Ok(()),
        }
    }

    pub(crate) fn show_again(
        &mut self,
        chain: &mut Chain,
        way: &[(ChainId, Seq)],
        stored: &StoredEntry,
    ) -> Result<(), L::Error> {
        let Ok(view) = stored.entry.view() else { return Ok(()) };
        let inside = self.read(chain, way, &view)?;
        if stored.pending.is_some() && !matches!(inside, Inside::Waiting(_)) {
            self.ledger.settle(stored.chain, stored.seq)?;
        }
        // Its key was forgotten with a removed conversation, which is taken up again.
        if let (Inside::Waiting(epoch), None) = (&inside, stored.pending) {
            self.ledger.wait(stored.chain, stored.seq, *epoch)?;
        }
        let at = At { seq: stored.seq, hash: stored.hash, stored: stored.stored };
        self.show(chain, at, inside, false)
    }

    /// Folds a message again whose first text may have been forgotten.
    fn refold_from_entry(&mut self, target: &EntryHash) -> Result<(), L::Error> {
        let Some(mut message) = self.ledger.message(&self.conversation.id, target)? else {
            return Ok(());
        };
        if message.state.retracted
            && let Some((id, seq)) = self.ledger.locate(target)?
            && let Some(stored) = self.ledger.entries(id, seq, 1)?.first()
            && let Ok(view) = stored.entry.view()
        {
            let chains = self.ledger.chains(&view.header.log)?;
            if let Some(chain) = chains.iter().find(|chain| chain.id == id)
                && let Inside::Body(body, _) = self.read(chain, &path(&chains, id), &view)?
                && let Effect::Show(shown, text) = Effect::of(body.payload)
            {
                message.base.text = text;
                message.base.shown = shown;
            }
        }
        self.refold(message)
    }

    /// Keeps who cites an entry of a crowded log; whether it did. Entries that are not here can be made up without end.
    pub(super) fn keep_citation(&mut self, dep: &EntryRef) -> Result<bool, L::Error> {
        let kept = match self.citations.get(&dep.log) {
            Some(kept) => *kept,
            None => self.ledger.citations(&dep.log)?.len(),
        };
        let keeps = kept < MAX_CITATIONS || self.ledger.locate(&dep.hash)?.is_some();
        if keeps {
            self.ledger.put_citation(dep)?;
        }
        self.citations.insert(dep.log, kept + usize::from(keeps));
        Ok(keeps)
    }

    /// Finds, once, who cites a log that turned out to have a third branch.
    fn collect_citations(&mut self, log: &LogKey) -> Result<(), L::Error> {
        let topic = self.conversation.topic();
        let chains = self.ledger.topic_chains(&topic)?;
        for chain in chains.iter().filter(|chain| chain.log != *log) {
            let way = path(&chains, chain.id);
            let mut from = chain.first;
            loop {
                let page = self.ledger.entries(chain.id, from, PAGE)?;
                let Some(last) = page.last() else { break };
                from = last.seq.saturating_add(1);
                for stored in &page {
                    let Ok(view) = stored.entry.view() else { continue };
                    if let Inside::Body(body, _) = self.read(chain, &way, &view)? {
                        for dep in body.deps.iter().filter(|dep| dep.log == *log) {
                            self.keep_citation(dep)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Shows a whole chain from its entries, the view being empty.
    pub(crate) fn rebuild_chain(
        &mut self,
        chains: &mut [Chain],
        index: usize,
    ) -> Result<(), L::Error> {
        let Some(chain) = chains.get(index) else { return Ok(()) };
        let way = path(chains, chain.id);
        let Some(chain) = chains.get_mut(index) else { return Ok(()) };
        let mut from = chain.first;
        loop {
            let page = self.ledger.entries(chain.id, from, PAGE)?;
            let Some(last) = page.last() else { break };
            from = last.seq.saturating_add(1);
            for stored in &page {
                self.start_again(chain, &way, stored)?;
                if !is_hidden(chain, stored.seq) || stored.pending.is_some() {
                    self.show_again(chain, &way, stored)?;
                }
            }
        }
        self.ledger.update_chain(chain)
    }
}

/// Whether entries of `chain` at `seq` do not show.
pub(crate) fn is_hidden(chain: &Chain, seq: Seq) -> bool {
    chain.hidden_from.is_some_and(|from| seq >= from)
}
