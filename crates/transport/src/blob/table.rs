//! The blob connections that there are: who asks on them, how many there may be, and which gates open new ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_identity::InstanceKey;
use tokio::sync::oneshot;

use super::{BlobError, BlobStream, Ended, MAX_BLOBS, MAX_BLOBS_PER_SIDE};
use crate::event::LinkId;
use crate::gate::Gate;

/// Who asks on a blob connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Me,
    Peer,
}

/// What becomes of a `BLOB_OPEN`.
pub(crate) type Answer = Result<BlobStream, BlobError>;

/// All of them; clones are the same table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blobs(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: BTreeMap<u64, Open>,
    gates: HashMap<Gate, (LinkId, InstanceKey)>,
    next_asked: u32,
    asked: HashMap<u32, Asked>,
}

/// One that is up, or about to be.
#[derive(Debug)]
struct Open {
    instance: InstanceKey,
    asker: Asker,
    ended: Arc<Ended>,
}

/// One that the peer was asked to open.
#[derive(Debug)]
struct Asked {
    instance: InstanceKey,
    lease: Lease,
    answer: oneshot::Sender<Answer>,
}

/// A place in the table; free again when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    table: Blobs,
    id: u64,
    ended: Arc<Ended>,
}

impl Lease {
    pub(crate) fn ended(&self) -> &Arc<Ended> {
        &self.ended
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.table.table().open.remove(&self.id);
    }
}

impl Blobs {
    /// Never held while a [`Lease`] is dropped.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one more.
    pub(crate) fn take(&self, instance: InstanceKey, asker: Asker) -> Result<Lease, BlobError> {
        let mut table = self.table();
        let same = |open: &&Open| open.instance == instance && open.asker == asker;
        if table.open.len() >= MAX_BLOBS
            || table.open.values().filter(same).count() >= MAX_BLOBS_PER_SIDE
        {
            return Err(BlobError::TooMany);
        }
        let id = table.next;
        table.next += 1;
        let ended = Arc::new(Ended::default());
        table.open.insert(id, Open { instance, asker, ended: Arc::clone(&ended) });
        Ok(Lease { table: self.clone(), id, ended })
    }

    /// Ends all with an instance to which no link leads any more, and shuts the gates of its links.
    pub(crate) fn end(&self, instance: &InstanceKey) {
        let (ended, asked) = {
            let mut table = self.table();
            table.gates.retain(|_, (_, of)| of != instance);
            let asked: Vec<Asked> = table
                .asked
                .extract_if(|_, asked| asked.instance == *instance)
                .map(|it| it.1)
                .collect();
            let of_it = table.open.values().filter(|open| open.instance == *instance);
            (of_it.map(|open| Arc::clone(&open.ended)).collect::<Vec<_>>(), asked)
        };
        ended.iter().for_each(|ended| ended.end());
        drop(asked);
    }

    /// A link that the peer dialled is up: this gate opens blob connections beside it.
    ///
    /// That of the link before it still does: it may have been knocked with already.
    pub(crate) fn open_gate(&self, gate: Gate, link: LinkId, instance: InstanceKey) {
        let mut table = self.table();
        let before =
            table.gates.values().filter(|(_, of)| *of == instance).map(|(id, _)| *id).max();
        table.gates.retain(|_, (id, of)| *of != instance || Some(*id) == before);
        table.gates.insert(gate, (link, instance));
    }

    /// The instance for whose blob connections this is the gate.
    pub(crate) fn behind_gate(&self, gate: &Gate) -> Option<InstanceKey> {
        self.table().gates.get(gate).map(|(_, instance)| *instance)
    }

    /// Notes that the peer is asked for one. Gives the number to ask with, and where the answer comes.
    pub(crate) fn ask(
        &self,
        instance: InstanceKey,
        lease: Lease,
    ) -> (u32, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let mut table = self.table();
        let number = table.next_asked;
        table.next_asked = number.wrapping_add(1);
        // Each holds a place, so that there are few, and no number comes round while it is in use.
        table.asked.insert(number, Asked { instance, lease, answer });
        (number, answered)
    }

    /// The answer came, or nobody waits for it any more.
    pub(crate) fn answered(
        &self,
        instance: &InstanceKey,
        number: u32,
    ) -> Option<(Lease, oneshot::Sender<Answer>)> {
        let mut table = self.table();
        table.asked.get(&number).filter(|asked| asked.instance == *instance)?;
        table.asked.remove(&number).map(|asked| (asked.lease, asked.answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> InstanceKey {
        InstanceKey::from_slice(&[n; 32]).unwrap()
    }

    #[test]
    fn there_are_so_many_with_one_instance_for_each_side_and_so_many_altogether() {
        let blobs = Blobs::default();
        let mut taken = Vec::new();
        for n in 0..u8::try_from(MAX_BLOBS / MAX_BLOBS_PER_SIDE / 2).unwrap() {
            for asker in [Asker::Me, Asker::Peer] {
                for _ in 0..MAX_BLOBS_PER_SIDE {
                    taken.push(blobs.take(key(n), asker).unwrap());
                }
                assert!(matches!(blobs.take(key(n), asker), Err(BlobError::TooMany)));
            }
        }
        assert_eq!(taken.len(), MAX_BLOBS);
        assert!(matches!(blobs.take(key(99), Asker::Me), Err(BlobError::TooMany)));
        taken.pop();
        blobs.take(key(99), Asker::Me).unwrap();
    }

    #[test]
    fn a_gate_opens_until_the_second_link_after_its_own_and_ends_with_the_last() {
        let blobs = Blobs::default();
        for n in 1..=3u8 {
            blobs.open_gate([n; 16], LinkId(n.into()), key(1));
        }
        blobs.open_gate([9; 16], LinkId(9), key(2));
        assert_eq!(blobs.behind_gate(&[1; 16]), None);
        assert_eq!(blobs.behind_gate(&[2; 16]), Some(key(1)));
        assert_eq!(blobs.behind_gate(&[3; 16]), Some(key(1)));
        blobs.end(&key(1));
        assert_eq!(blobs.behind_gate(&[3; 16]), None);
        assert_eq!(blobs.behind_gate(&[9; 16]), Some(key(2)));
    }

    #[test]
    fn who_was_not_asked_can_not_answer_in_the_place_of_who_was() {
        let blobs = Blobs::default();
        let lease = blobs.take(key(1), Asker::Me).unwrap();
        let (number, mut answer) = blobs.ask(key(1), lease);
        assert!(blobs.answered(&key(2), number).is_none());
        assert!(blobs.answered(&key(1), number.wrapping_add(1)).is_none());
        assert!(answer.try_recv().is_err());
        let (_lease, to) = blobs.answered(&key(1), number).unwrap();
        assert!(to.send(Err(BlobError::Refused)).is_ok());
        assert!(blobs.answered(&key(1), number).is_none());
    }

    #[test]
    fn what_is_asked_for_ends_with_the_link() {
        let blobs = Blobs::default();
        let lease = blobs.take(key(1), Asker::Me).unwrap();
        let ended = Arc::clone(lease.ended());
        let (_number, mut answer) = blobs.ask(key(1), lease);
        blobs.end(&key(1));
        assert!(ended.token.is_cancelled());
        assert!(matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
        assert!(blobs.table().open.is_empty());
    }
}
