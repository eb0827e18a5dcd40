//! Chains and their entries: what may become part of them.

use nexus_identity::id::Millis;

use super::{MemoryLedger, Misuse, misuse};
use crate::entry::Entry;
use crate::header::{Header, entry_hash};
use crate::ids::Head;
use crate::ledger::{Chain, ChainId, NewEntry, StoredEntry};

impl MemoryLedger {
    /// A chain of a new name, in one topic.
    pub(super) fn begin(&mut self, chain: &Chain) -> Result<ChainId, Misuse> {
        let mut same = self.chains.values().filter(|other| other.log == chain.log);
        if same.any(|other| other.branch == chain.branch || other.topic != chain.topic) {
            return misuse("a second chain of one name, or in two topics");
        }
        if chain.base.is_none() && chain.first != 0 {
            return misuse("a chain that hangs on nothing");
        }
        let next = self.chains.last_key_value().map_or(1, |(id, _)| id.0 + 1);
        let id = ChainId(next);
        self.chains.insert(id, Chain { id, ..chain.clone() });
        Ok(id)
    }

    /// What is known of a chain, but for its head.
    pub(super) fn revise(&mut self, chain: &Chain) -> Result<(), Misuse> {
        let Some(held) = self.chains.get_mut(&chain.id) else {
            return misuse("update of an unknown chain");
        };
        let head = held.head;
        *held = Chain { head, ..chain.clone() };
        Ok(())
    }

    /// Entries that follow the head, whole and with the right hashes.
    pub(super) fn extend(
        &mut self,
        id: ChainId,
        entries: &[NewEntry<'_>],
        stored: Millis,
    ) -> Result<(), Misuse> {
        let Some(chain) = self.chains.get_mut(&id) else {
            return misuse("append to an unknown chain");
        };
        for new in entries {
            let empty = !self.entries.contains_key(&(id, chain.head.seq));
            let next = if empty { chain.first } else { chain.head.seq + 1 };
            let header =
                Header::decode(new.header).map_err(|_| Misuse("a header that can't be read"))?;
            if new.seq != next || header.seq != next || header.log != chain.log {
                return misuse("an entry out of its place");
            }
            if new.hash != entry_hash(new.header) || self.by_hash.contains_key(&new.hash) {
                return misuse("a wrong hash, or one that is held already");
            }
            if !empty && header.prev != chain.head.hash {
                return misuse("an entry that does not follow the head");
            }
            let entry = Entry {
                header: *new.header,
                payload: new.payload.to_vec(),
                signature: new.signature,
            };
            if !entry.payload_fits() {
                return misuse("a payload that its header does not name");
            }
            let (seq, hash, pending) = (new.seq, new.hash, new.pending);
            chain.head = Head { seq, hash };
            self.by_hash.insert(hash, (id, seq));
            let stored = StoredEntry { chain: id, seq, hash, stored, pending, entry };
            self.entries.insert((id, seq), stored);
        }
        Ok(())
    }
}
