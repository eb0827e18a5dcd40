//! What jobs leave to be done outside.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::{ConnectId, InstanceKey};
use nexus_log::ids::{ConversationId, Head, LogKey, Topic};
use nexus_storage::own::Retirement;

/// What to do once a group is durable.
#[derive(Debug, Default)]
pub(crate) struct After {
    /// Own entries that were appended: to be pushed.
    pub appended: BTreeMap<(Topic, LogKey), Head>,
    /// Contacts or conversations changed: who and what is wanted must be looked at again.
    pub wants: bool,
    /// Own card, record or prekeys changed: `Hello` and peers must hear of it.
    pub hello: bool,
    /// Cards of others that changed.
    pub cards: Vec<ConnectId>,
    /// Records of other instances that are newer than those known before.
    pub records: Vec<(ConnectId, Vec<u8>)>,
    /// Durable events were written.
    pub events: bool,
    /// Conversations to which something happened besides what was written.
    pub happened: BTreeSet<ConversationId>,
    /// Letters may be due.
    pub letters: bool,
    /// A timer may be due earlier than thought.
    pub timers: bool,
    /// Conversations in which keys are missing or asked for.
    pub requests: BTreeSet<Topic>,
    /// What was refused or is odd: its code, and whose it is.
    pub refused: Vec<(&'static str, String)>,
    /// The store takes what it did not take before.
    pub recovered: bool,
    /// This instance must be given up, and why. It may be another's turn by the time that is done.
    pub give_up: Option<(InstanceKey, Retirement)>,
}

impl After {
    /// Whether anything is to be done.
    pub(crate) fn is_something(&self) -> bool {
        let Self {
            appended,
            wants,
            hello,
            cards,
            records,
            events,
            happened,
            letters,
            timers,
            requests,
            refused,
            recovered,
            give_up,
        } = self;
        let empty = [
            appended.is_empty(),
            cards.is_empty(),
            records.is_empty(),
            requests.is_empty(),
            refused.is_empty(),
            happened.is_empty(),
        ];
        let flags = [*wants, *hello, *events, *letters, *timers, *recovered, give_up.is_some()];
        empty.contains(&false) || flags.contains(&true)
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.appended.extend(other.appended);
        self.wants |= other.wants;
        self.hello |= other.hello;
        self.cards.extend(other.cards);
        self.records.extend(other.records);
        self.events |= other.events;
        self.happened.extend(other.happened);
        self.letters |= other.letters;
        self.timers |= other.timers;
        self.requests.extend(other.requests);
        self.refused.extend(other.refused);
        self.recovered |= other.recovered;
        self.give_up = self.give_up.take().or(other.give_up);
    }
}
