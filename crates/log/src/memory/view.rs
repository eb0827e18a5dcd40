//! The view of one conversation: messages in order, and the operations on them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::{Misuse, misuse};
use crate::fold::{Message, Operation};
use crate::ids::EntryHash;
use crate::order::Position;

#[derive(Debug, Clone, Default)]
pub(super) struct View {
    pub(super) messages: BTreeMap<Position, Message>,
    pub(super) positions: BTreeMap<EntryHash, Position>,
    pub(super) operations: BTreeMap<EntryHash, Operation>,
    by_target: BTreeMap<EntryHash, BTreeSet<EntryHash>>,
}

impl View {
    pub(super) fn insert(&mut self, message: &Message) -> Result<(), Misuse> {
        let position = message.base.position;
        if self.positions.insert(position.hash, position).is_some() {
            return misuse("a message that is there already");
        }
        self.messages.insert(position, message.clone());
        Ok(())
    }

    pub(super) fn update(&mut self, message: &Message) -> Result<(), Misuse> {
        let position = message.base.position;
        let Some(old) = self.positions.insert(position.hash, position) else {
            return misuse("an update of a message that is not there");
        };
        self.messages.remove(&old);
        self.messages.insert(position, message.clone());
        Ok(())
    }

    pub(super) fn message(&self, hash: &EntryHash) -> Option<&Message> {
        self.messages.get(self.positions.get(hash)?)
    }

    pub(super) fn remove(&mut self, hash: &EntryHash) {
        if let Some(position) = self.positions.remove(hash) {
            self.messages.remove(&position);
        }
    }

    /// Messages after a place, in order.
    pub(super) fn after(&self, position: &Position) -> impl Iterator<Item = &Message> {
        let from = (Bound::Excluded(*position), Bound::Unbounded);
        self.messages.range(from).map(|(_, message)| message)
    }

    pub(super) fn insert_operation(&mut self, operation: &Operation) -> Result<(), Misuse> {
        let hash = operation.position.hash;
        if self.operations.insert(hash, operation.clone()).is_some() {
            return misuse("an operation that is there already");
        }
        self.by_target.entry(operation.target).or_default().insert(hash);
        Ok(())
    }

    pub(super) fn operations_on(&self, target: &EntryHash) -> impl Iterator<Item = &Operation> {
        let hashes = self.by_target.get(target).into_iter().flatten();
        hashes.filter_map(|hash| self.operations.get(hash))
    }

    /// What it was on.
    pub(super) fn remove_operation(&mut self, hash: &EntryHash) -> Option<EntryHash> {
        let operation = self.operations.remove(hash)?;
        if let Some(others) = self.by_target.get_mut(&operation.target) {
            others.remove(hash);
        }
        Some(operation.target)
    }
}
