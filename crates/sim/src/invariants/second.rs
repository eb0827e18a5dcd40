//! Every view against the second fold.

use std::collections::{BTreeMap, BTreeSet};

use nexus_log::context::Conversation;
use nexus_log::ids::{LogKey, Seq};
use nexus_log::ledger::Ledger;
use nexus_sync::Store;

use crate::disk::{Disk, DiskError};
use crate::node::Signed;
use crate::reference::{Shows, fold, seen};
use crate::trace::short;
use crate::world::World;

/// Branches of one log up to which all of them show wherever they part.
const MOST_BRANCHES: usize = 2;

impl World {
    /// A device shows what the second fold makes of what it holds.
    pub(super) fn check_reference(&mut self, node: usize) {
        for conversation in self.nodes[&node].disk.facts.conversations.clone().values() {
            if !super::gone::is_removed(&self.nodes[&node].disk.facts, conversation) {
                self.check_against_reference(node, conversation);
            }
        }
    }

    fn check_against_reference(&mut self, node: usize, conversation: &Conversation) {
        let topic = conversation.topic();
        let Some(written) = self.oracle.by_topic.get(&topic) else { return };
        let signed = written.iter().filter_map(|hash| self.oracle.signed.get(hash));
        let disk = &self.nodes[&node].disk;
        let Some(held) = held(disk, signed) else {
            return self.cover.hit("a log of more than two branches");
        };
        let view = disk.view(&conversation.id);
        let dark = view.iter().filter(|message| !message.is_readable());
        let unreadable: BTreeSet<_> = dark.map(|message| message.base.position.hash).collect();
        let must = fold(&held, &unreadable);
        let lasting = view.iter().filter(|message| message.base.expires.is_none());
        let rows: Vec<_> = lasting.map(seen).collect();
        let differs = rows.iter().zip(&must.rows).find(|(is, must)| is != must);
        let what = match differs {
            Some((is, must)) => Some(format!("{is:?}, not {must:?}")),
            None if rows.len() != must.rows.len() => {
                let (is, must) = (rows.len(), must.rows.len());
                Some(format!("{is} messages that last, not {must}"))
            }
            None => None,
        };
        let name = short(topic.as_bytes());
        if let Some(what) = what {
            return self.fail(format!("n{node} shows in {name} what was not said so: {what}"));
        }
        self.cover.hit("a view as the second fold has it");
        self.check_beside(node, conversation, &must);
    }

    /// What is known beside the view: read marks and the timer.
    fn check_beside(&mut self, node: usize, conversation: &Conversation, must: &Shows) {
        let marks = self.nodes[&node].disk.read_marks(&conversation.id);
        let read: BTreeMap<_, _> =
            marks.into_iter().map(|(who, log, seq)| ((who, log), seq)).collect();
        // A mark that was taken in stays known when the contact is removed, and its key goes.
        let erased = self.nodes[&node].disk.facts.erased.contains(&conversation.topic());
        // A mark that rode with messages that disappeared may be gone with their key.
        let fits = if erased {
            true
        } else if !must.timers.is_empty() {
            read.iter().all(|(of, seq)| must.read.get(of).is_some_and(|most| seq <= most))
        } else {
            read == must.read
        };
        if !fits {
            let must = &must.read;
            return self.fail(format!("n{node} knows {read:?} as read, not {must:?}"));
        }
        let id = conversation.id;
        let timer = self.node(node).disk.transaction::<_, DiskError>(|tx, _| tx.timer(&id));
        let timer = match timer {
            Ok(timer) => timer.map(|(_, seconds)| seconds),
            Err(error) => return self.fail(format!("n{node}: {error}")),
        };
        // The timer stays in force, too: who takes a contact up again goes on with it, though what set it can't be read.
        let kept = erased && timer.is_some_and(|timer| must.timers.contains(&timer));
        if timer != must.timer && !kept {
            let must = must.timer;
            self.fail(format!("n{node} has the timer {timer:?} in force, not {must:?}"));
        }
    }
}

/// What a device holds of all that was written; `None` if a log has more branches than show.
fn held<'a>(disk: &Disk, written: impl Iterator<Item = &'a Signed>) -> Option<Vec<&'a Signed>> {
    let mut tips: BTreeMap<LogKey, Vec<_>> = BTreeMap::new();
    let mut held = Vec::new();
    for one in written {
        let log = one.position.log;
        let tips = tips.entry(log).or_insert_with(|| disk.tips(&log).unwrap_or_default());
        if tips.len() > MOST_BRANCHES {
            return None;
        }
        let at = |branch: Option<&_>, seq: Seq| disk.hash_at(&log, branch, seq).ok().flatten();
        let place = one.position.seq;
        if tips.iter().any(|tip| at(tip.branch.as_ref(), place) == Some(one.hash)) {
            held.push(one);
        }
    }
    Some(held)
}
