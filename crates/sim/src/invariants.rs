//! The promises, looked at.
//!
//! Some are looked at where they could break: what is delivered (`World::check_delivered`), who blames whom, how much waits
//! for a link or a store. The others are here.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::{ConnectId, Millis};
use nexus_log::context::Conversation;
use nexus_log::digest::row;
use nexus_log::expire::LATE_MESSAGES;
use nexus_log::fold::{Message, Shown, Unreadable};
use nexus_log::ids::{EntryHash, LogHead, LogKey, Topic};
use nexus_log::ledger::Ledger;
use nexus_log::rebuild::rebuild;
use nexus_sync::Store;

use crate::disk::{Disk, DiskError};
use crate::node::{Node, log_clock};
use crate::plan::{Act, ClockPlan, Fault, Lie};
use crate::trace::short;
use crate::world::World;

mod gone;
mod second;
mod traffic;

/// A prekey older than this is gone: 7 days until it is replaced, 30 until it is erased, a day to get there.
const PREKEY_GONE: u64 = 38 * 86_400_000;

impl World {
    /// What must hold of one device at any time.
    pub fn check_node(&mut self, node: usize) {
        let Some(held) = self.nodes.get(&node).filter(|held| held.is_honest()) else { return };
        let conversations = held.disk.facts.conversations.clone();
        for conversation in conversations.values() {
            let view = self.nodes[&node].disk.view(&conversation.id);
            self.check_view(node, conversation, &view);
        }
    }

    /// Nothing twice, nothing forged, nothing that moves.
    fn check_view(&mut self, node: usize, conversation: &Conversation, view: &[Message]) {
        let mut seen = BTreeSet::new();
        let mut last = None;
        for message in view {
            let place = message.base.position;
            if !seen.insert(place.hash) {
                return self.fail(format!("n{node} shows {} twice", short(place.hash.as_bytes())));
            }
            if last.is_some_and(|last| last >= place) {
                return self.fail(format!("n{node} shows messages out of order"));
            }
            last = Some(place);
            if message.is_readable() {
                self.check_signed(node, conversation, message);
                let known = *self.oracle.places.entry(place.hash).or_insert(place);
                if known != place {
                    return self.fail(format!(
                        "n{node} shows {} at {place:?}, it was at {known:?}",
                        short(place.hash.as_bytes())
                    ));
                }
            }
        }
    }

    fn check_signed(&mut self, node: usize, conversation: &Conversation, message: &Message) {
        let hash = message.base.position.hash;
        let Some(author) = self.person(&message.base.author) else {
            return self
                .fail(format!("n{node} shows something of nobody: {}", short(hash.as_bytes())));
        };
        let signed = self.oracle.signed.get(&hash);
        let fits = signed.is_some_and(|signed| {
            signed.author == message.base.author
                && signed.conversation == conversation.id
                && signed.position == message.base.position
        });
        if !fits && self.is_honest(author) {
            self.fail(format!(
                "n{node} shows {}, which its author never signed: {message:?}",
                short(hash.as_bytes())
            ));
        }
    }

    /// What must hold after the quiet time; `said` RUN frames were sent at its end.
    pub fn check_end(&mut self, said: u64) {
        for node in self.honest() {
            self.check_node(node);
            self.check_rebuilt(node);
            self.check_reference(node);
            self.check_erased(node);
            self.check_removed(node);
            self.check_revoked(node);
        }
        let topics: BTreeSet<Topic> = self
            .nodes
            .values()
            .flat_map(|node| node.disk.facts.conversations.keys().copied())
            .collect();
        let mut waiting = 0;
        for topic in topics {
            for group in self.groups(&topic) {
                self.check_equal(&topic, &group);
                self.check_known(&topic, &group);
                self.note_branches(&topic, &group);
                waiting += self.check_readable(&topic, &group);
            }
        }
        self.check_kept();
        let liars = self.nodes.values().any(|node| !node.is_honest());
        if said > 0 && waiting == 0 && !liars {
            self.fail(format!("{said} RUN frames in the last days of a quiet time"));
        }
        self.check_bytes();
    }

    /// A view is what a fold from scratch makes of the entries.
    fn check_rebuilt(&mut self, node: usize) {
        let wall = self.nodes[&node].clock.wall(self.now);
        let Some(held) = self.nodes.get_mut(&node) else { return };
        let copied = held.disk.snapshot().and_then(|old| Disk::from_snapshot(&old));
        let mut scratch = match copied {
            Ok(scratch) => scratch,
            Err(error) => return self.fail(format!("a disk could not be copied: {error}")),
        };
        let Some(me) = held.disk.facts.me() else { return };
        let held = &self.nodes[&node];
        for conversation in held.disk.facts.conversations.clone().values() {
            if gone::is_removed(&self.nodes[&node].disk.facts, conversation) {
                continue;
            }
            let done = scratch.transaction::<_, DiskError>(|tx, _| {
                rebuild(tx, conversation, &me, log_clock(wall))
            });
            if let Err(error) = done {
                return self.fail(format!("n{node}: rebuilding: {error}"));
            }
            let before = self.nodes[&node].disk.view(&conversation.id);
            let anew = scratch.view(&conversation.id);
            let timed = !self.leaps(node);
            if let Some(what) = difference(&before, &anew, timed) {
                return self.fail(format!("n{node} shows something else after a rebuild: {what}"));
            }
        }
    }

    /// Whether the clock of a device is ever set: what disappears there, and when, is then no matter of promises.
    fn leaps(&self, node: usize) -> bool {
        self.plan.nodes[node].clock != ClockPlan::Right
            || self.plan.steps.iter().any(|step| match step.act {
                Act::Fault(Fault::Clock { node: of, .. }) => of == node,
                Act::Fault(Fault::Clone { node: of, from }) => of == node && self.leaps(from),
                _ => false,
            })
    }

    /// What is to be erased is erased.
    fn check_erased(&mut self, node: usize) {
        let wall = self.nodes[&node].clock.wall(self.now);
        let Some(held) = self.nodes.get_mut(&node) else { return };
        let old = |created: Millis| created <= wall && wall.0 - created.0 > PREKEY_GONE;
        if held.disk.facts.prekeys.all().any(|prekey| old(prekey.created())) {
            return self.fail(format!("n{node} keeps a prekey that is too old"));
        }
        let day = 86_400_000;
        let then = Millis(wall.0.saturating_sub(day));
        let late = u64::try_from(LATE_MESSAGES.as_millis()).unwrap_or(u64::MAX);
        let keys = Millis(then.0.saturating_sub(late));
        let left = held.disk.transaction::<_, DiskError>(|tx, _| {
            Ok((tx.due(then, 10)?.len(), tx.fleeting(keys, 10)?.len()))
        });
        match left {
            Ok((0, 0)) => {}
            Ok((messages, keys)) => self.fail(format!(
                "n{node} keeps {messages} messages and {keys} keys that should have disappeared"
            )),
            Err(error) => self.fail(format!("n{node}: {error}")),
        }
    }

    /// Honest devices that want a topic, in groups that can reach each other.
    fn groups(&self, topic: &Topic) -> Vec<BTreeSet<usize>> {
        let wants = |node: &Node| {
            let facts = &node.disk.facts;
            node.is_honest()
                && facts
                    .conversations
                    .get(topic)
                    .is_some_and(|one| facts.peer_of(one).is_none_or(|peer| facts.wants(&peer)))
        };
        let mut left: BTreeSet<usize> =
            self.nodes.values().filter(|node| wants(node)).map(|node| node.id).collect();
        let mut groups = Vec::new();
        while let Some(first) = left.pop_first() {
            let mut group = BTreeSet::from([first]);
            let mut new = vec![first];
            while let Some(at) = new.pop() {
                for (a, b) in &self.plan.edges {
                    let other = if *a == at { *b } else { *a };
                    if (*a == at || *b == at) && left.contains(&other) && self.meets(at, other) {
                        left.remove(&other);
                        group.insert(other);
                        new.push(other);
                    }
                }
            }
            groups.push(group);
        }
        groups
    }

    /// All of a group hold the same entries and show the same.
    fn check_equal(&mut self, topic: &Topic, group: &BTreeSet<usize>) {
        let heads = |world: &Self, node: usize| -> BTreeSet<(LogKey, EntryHash)> {
            let heads = world.nodes[&node].disk.logs(topic).unwrap_or_default();
            heads.into_iter().map(|LogHead { log, head, .. }| (log, head.hash)).collect()
        };
        let Some(first) = group.first().copied() else { return };
        let (of_first, shown) = (heads(self, first), self.shown(first, topic));
        for node in group.iter().skip(1).copied() {
            let here = heads(self, node);
            if here != of_first {
                let (more, less) = (here.difference(&of_first), of_first.difference(&here));
                let names = |(log, _): &(LogKey, EntryHash)| short(log.as_bytes());
                let (more, less): (Vec<_>, Vec<_>) =
                    (more.map(names).collect(), less.map(names).collect());
                return self.fail(format!(
                    "n{first} and n{node} hold different entries of topic {}: heads of {more:?} against {less:?}",
                    short(topic.as_bytes())
                ));
            }
            let there = self.shown(node, topic);
            for (hash, row) in &there {
                if shown.get(hash).is_some_and(|other| other != row) {
                    return self.fail(format!(
                        "n{first} and n{node} show {} differently",
                        short(hash.as_bytes())
                    ));
                }
            }
        }
    }

    /// Devices of one person know the same of everybody whom all of them know, whatever somebody showed to some of them. Who
    /// asked only some, and is not answered, is not told of: nobody else can make a device of mine speak.
    fn check_known(&mut self, topic: &Topic, group: &BTreeSet<usize>) {
        let known = |node: usize| {
            let facts = &self.nodes[&node].disk.facts;
            let own = facts.conversations.get(topic)?;
            let cards = facts.contacts.iter();
            let cards = cards.filter_map(|(who, one)| Some((*who, one.card.as_ref()?.to_bytes())));
            facts.peer_of(own).is_none().then(|| cards.collect::<BTreeMap<_, _>>())
        };
        let all: Vec<_> = group.iter().filter_map(|node| Some((*node, known(*node)?))).collect();
        let by_all = |who: &ConnectId| all.iter().all(|(_, known)| known.contains_key(who));
        let differ = all.iter().zip(all.iter().skip(1)).find_map(|((a, here), (b, there))| {
            let mut shared = here.iter().filter(|(who, _)| by_all(who));
            let who = shared.find(|(who, card)| there.get(*who) != Some(*card))?;
            Some((*a, *b, *who.0))
        });
        if let Some((a, b, who)) = differ {
            let name = self.name_of(&who);
            self.fail(format!("n{a} and n{b}, of one person, know different cards of {name}"));
        }
    }

    /// For the coverage: several devices hold both branches of somebody who showed two faces.
    fn note_branches(&mut self, topic: &Topic, group: &BTreeSet<usize>) {
        let Some(first) = group.first().filter(|_| group.len() > 1) else { return };
        let heads = self.nodes[first].disk.logs(topic).unwrap_or_default();
        let branches = heads.iter().filter(|head| head.branch.is_some());
        let logs: BTreeSet<LogKey> = branches.map(|head| head.log).collect();
        let two_faces = |node: &Node| {
            node.lies.contains(&Lie::Equivocate) && logs.iter().any(|log| node.denies(log))
        };
        if self.nodes.values().any(two_faces) {
            self.cover.hit("both branches of a liar held by all");
        }
    }

    /// What is shown for good, by hash, as the digest has it.
    fn shown(&self, node: usize, topic: &Topic) -> BTreeMap<EntryHash, Vec<u8>> {
        let disk = &self.nodes[&node].disk;
        let Some(conversation) = disk.facts.conversations.get(topic) else {
            return BTreeMap::new();
        };
        let lasting = |message: &Message| {
            message.base.expires.is_none()
                && message.base.shown != Shown::Unreadable(Unreadable::NoKey)
        };
        let view = disk.view(&conversation.id).into_iter().filter(lasting);
        view.map(|message| (message.base.position.hash, row(&message))).collect()
    }

    /// What one of a group can read, all can read; gives how many wait for keys that nobody has.
    fn check_readable(&mut self, topic: &Topic, group: &BTreeSet<usize>) -> usize {
        let shown: Vec<_> = group.iter().map(|node| (*node, self.shown(*node, topic))).collect();
        let mut waiting = 0;
        for (node, here) in &shown {
            for (other, there) in &shown {
                if let Some(hash) = there.keys().find(|hash| !here.contains_key(*hash))
                    && self.nodes[node].disk.facts.is_live()
                {
                    self.fail(format!(
                        "n{node} can't show {}, which n{other} shows",
                        short(hash.as_bytes())
                    ));
                }
            }
            let facts = &self.nodes[node].disk.facts;
            if let Some(conversation) = facts.conversations.get(topic) {
                let view = self.nodes[node].disk.view(&conversation.id);
                waiting += view.iter().filter(|message| !message.is_readable()).count();
            }
        }
        waiting
    }

    /// What an honest device wrote is still there, unless its disk went back before anybody heard of it.
    fn check_kept(&mut self) {
        let lost: Vec<_> = self
            .oracle
            .signed
            .values()
            .filter(|signed| self.person(&signed.author).is_some_and(|who| self.is_honest(who)))
            .filter(|signed| {
                let place = signed.position;
                let mut theirs =
                    self.nodes.values().filter(|node| node.disk.facts.who() == signed.author);
                let excused = theirs.clone().any(|node| node.forgot);
                !excused && !theirs.any(|node| node.disk.holds(&place.log, place.seq, &place.hash))
            })
            .map(|signed| signed.hash)
            .collect();
        if let Some(hash) = lost.first() {
            self.fail(format!("{} was confirmed and is nowhere", short(hash.as_bytes())));
        }
    }

    /// Who has this ConnectID, in words.
    #[must_use]
    pub fn name_of(&self, who: &ConnectId) -> String {
        self.person(who).map_or_else(|| short(who.as_bytes()), |person| format!("p{person}"))
    }
}

/// Where two views differ, but for what depends on when a message came.
fn difference(a: &[Message], b: &[Message], timed: bool) -> Option<String> {
    let kept = |all: &[Message]| -> Vec<Message> {
        all.iter().filter(|one| timed || one.base.expires.is_none()).cloned().collect()
    };
    let (a, b) = (kept(a), kept(b));
    if a.len() != b.len() {
        return Some(format!("{} messages, then {}", a.len(), b.len()));
    }
    let plain = |message: &Message| {
        let mut message = message.clone();
        message.base.far = false;
        message
    };
    let mut pairs = a.iter().map(plain).zip(b.iter().map(plain));
    pairs.find(|(a, b)| a != b).map(|(a, b)| format!("{a:?}, then {b:?}"))
}
