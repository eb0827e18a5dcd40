//! What the statements of a card come to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Statement, Statements, statement};
use crate::id::{ContactKey, InstanceKey, Millis};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct View {
    /// Added and not revoked, by (created, key).
    pub(super) added: Vec<(Millis, InstanceKey, Vec<u8>)>,
    pub(super) revoked: BTreeSet<InstanceKey>,
    pub(super) profile: Option<Profile>,
    pub(super) contact: Option<(ContactKey, Vec<u8>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) hlc: u64,
    hash: [u8; 32],
    pub(super) name: String,
    bytes: Vec<u8>,
}

impl View {
    pub(super) fn of(statements: &Statements) -> Self {
        let mut view = Self::default();
        let mut added = BTreeMap::<InstanceKey, (Millis, &Vec<u8>)>::new();
        for (bytes, (statement, _)) in statements {
            match statement {
                Statement::Add { instance, created } => {
                    let this = (*created, bytes);
                    added.entry(*instance).and_modify(|old| *old = this.min(*old)).or_insert(this);
                }
                Statement::Revoke { instance } => {
                    view.revoked.insert(*instance);
                }
                Statement::Profile { hlc, name } => view.offer_profile(*hlc, name, bytes),
                // Statements come in the order of their bytes: of several that name the one key,
                // the first is kept.
                Statement::Contact { key } => {
                    view.contact.get_or_insert_with(|| (*key, bytes.clone()));
                }
                Statement::Unknown { .. } => {}
            }
        }
        added.retain(|instance, _| !view.revoked.contains(instance));
        view.added = added.into_iter().map(|(key, (at, bytes))| (at, key, bytes.clone())).collect();
        view.added.sort();
        view
    }

    /// Whether a statement is part of the normal form.
    pub(super) fn keeps(&self, bytes: &[u8], statement: &Statement) -> bool {
        match statement {
            Statement::Add { .. } => self.added.iter().any(|(.., kept)| kept == bytes),
            Statement::Profile { .. } => self.profile.as_ref().is_some_and(|p| p.bytes == bytes),
            Statement::Contact { .. } => self.contact.as_ref().is_some_and(|(_, b)| b == bytes),
            Statement::Revoke { .. } | Statement::Unknown { .. } => true,
        }
    }

    fn offer_profile(&mut self, hlc: u64, name: &str, bytes: &[u8]) {
        let hash = statement::hash(bytes);
        if self.profile.as_ref().is_none_or(|old| (old.hlc, old.hash) < (hlc, hash)) {
            let (name, bytes) = (name.to_owned(), bytes.to_vec());
            self.profile = Some(Profile { hlc, hash, name, bytes });
        }
    }
}
