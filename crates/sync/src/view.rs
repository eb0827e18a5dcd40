//! What is durable here, as far as the engine was told: the heads of every topic in use.
//!
//! The view moves only by `handle_*` calls, so what a link said about it can be named later, while
//! the store itself may already be ahead.

use std::collections::BTreeMap;

use nexus_identity::bugs::{self, Bug};
use nexus_log::ids::{LogHead, LogKey, Topic};

use crate::fingerprint::topic_fingerprint;
use crate::ids::TopicFingerprint;
use crate::store::{Store, StoreError};

#[derive(Debug, Default)]
pub(crate) struct View {
    topics: BTreeMap<Topic, TopicView>,
    logs: BTreeMap<LogKey, Topic>,
}

#[derive(Debug, Default)]
struct TopicView {
    /// The branches of each log, by name.
    heads: BTreeMap<LogKey, Vec<LogHead>>,
    /// Links that want the topic.
    users: usize,
    fingerprint: Option<TopicFingerprint>,
}

impl View {
    /// One more link wants this topic; its heads are read when it is the first.
    pub(crate) fn acquire<S: Store>(&mut self, topic: Topic, store: &S) -> Result<(), StoreError> {
        if let Some(view) = self.topics.get_mut(&topic) {
            view.users += 1;
            return Ok(());
        }
        let mut view = TopicView { users: 1, ..TopicView::default() };
        for head in store.logs(&topic)? {
            self.logs.insert(head.log, topic);
            view.heads.entry(head.log).or_default().push(head);
        }
        self.topics.insert(topic, view);
        Ok(())
    }

    /// One link less wants it; forgotten with the last.
    pub(crate) fn release(&mut self, topic: &Topic) {
        let Some(view) = self.topics.get_mut(topic) else { return };
        view.users = view.users.saturating_sub(1);
        if view.users > 0 && !bugs::is(Bug::ViewReleasedEarly) {
            return;
        }
        for log in view.heads.keys() {
            self.logs.remove(log);
        }
        self.topics.remove(topic);
    }

    pub(crate) fn holds(&self, topic: &Topic) -> bool {
        self.topics.contains_key(topic)
    }

    /// The topic of a log of a topic in use.
    pub(crate) fn topic_of(&self, log: &LogKey) -> Option<Topic> {
        self.logs.get(log).copied()
    }

    /// The branches of a log; empty if it is not held.
    pub(crate) fn tips(&self, topic: &Topic, log: &LogKey) -> &[LogHead] {
        let view = self.topics.get(topic);
        view.and_then(|view| view.heads.get(log)).map_or(&[], Vec::as_slice)
    }

    /// Replaces the branches of a log and gives back what they were.
    pub(crate) fn set_tips(
        &mut self,
        topic: &Topic,
        log: LogKey,
        tips: Vec<LogHead>,
    ) -> Vec<LogHead> {
        let Some(view) = self.topics.get_mut(topic) else { return Vec::new() };
        view.fingerprint = None;
        self.logs.insert(log, *topic);
        view.heads.insert(log, tips).unwrap_or_default()
    }

    /// All heads of a topic, by (log, branch).
    pub(crate) fn heads(&self, topic: &Topic) -> Vec<LogHead> {
        let view = self.topics.get(topic);
        view.map(|view| view.heads.values().flatten().copied().collect()).unwrap_or_default()
    }

    pub(crate) fn log_count(&self, topic: &Topic) -> usize {
        self.topics.get(topic).map_or(0, |view| view.heads.len())
    }

    /// Logs of all topics in use.
    pub(crate) fn logs_in_all(&self) -> usize {
        self.logs.len()
    }

    pub(crate) fn fingerprint(&mut self, topic: &Topic) -> TopicFingerprint {
        let heads = match self.topics.get(topic) {
            Some(TopicView { fingerprint: Some(known), .. }) => return *known,
            _ => self.heads(topic),
        };
        let made = topic_fingerprint(topic, &heads);
        if let Some(view) = self.topics.get_mut(topic) {
            view.fingerprint = Some(made);
        }
        made
    }
}
