//! Links: dialled, met, known at both ends. What goes over them is in `wire`.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::{InstanceKey, Secret32};
use nexus_sync::{LinkId, LinkParams, Shared, Side};

use super::{Event, World};
use crate::net::{Control, End, Lane, Link};
use crate::node::Job;

/// Longest wait before two devices try again to meet.
const MOST_BACKOFF: Duration = Duration::from_secs(300);

impl World {
    /// Two devices try to meet, soon.
    pub(super) fn dial_soon(&mut self, edge: usize, within: Duration) {
        let wait = self.dice.range(1, u64::try_from(within.as_millis()).unwrap_or(1).max(1));
        if !self.edges[edge].dialling {
            self.edges[edge].dialling = true;
            let at = (self.now + Duration::from_millis(wait)).max(self.edges[edge].patience.until);
            self.schedule(at, Event::Dial(edge));
        }
    }

    /// A device wants others, or says something else of itself: whoever refused may not any more.
    pub(super) fn dial_all(&mut self, node: usize) {
        for edge in 0..self.edges.len() {
            let (a, b) = self.edges[edge].ends;
            if a == node || b == node {
                self.edges[edge].refused = false;
                self.edges[edge].failed = 0;
                self.dial_soon(edge, Duration::from_secs(2));
            }
        }
    }

    fn linked(&self, edge: usize) -> bool {
        self.links.values().any(|link| link.edge == edge && !link.is_over())
    }

    fn can_meet(&self, edge: usize) -> Option<(u32, u32)> {
        let held = &self.edges[edge];
        let (a, b) = (self.nodes.get(&held.ends.0)?, self.nodes.get(&held.ends.1)?);
        (held.away == 0 && !held.closed && a.up && b.up).then_some((a.life, b.life))
    }

    pub(super) fn dial(&mut self, edge: usize) {
        self.edges[edge].dialling = false;
        if self.linked(edge) || self.edges[edge].refused {
            return;
        }
        if self.now < self.edges[edge].patience.until {
            return self.dial_soon(edge, Duration::ZERO);
        }
        let Some(lives) = self.can_meet(edge) else { return };
        let took = self.dice.range(1, 3 * self.plan.net.delay + 1);
        let double = !self.quiet && self.dice.chance(self.plan.net.double);
        self.edges[edge].dialling = true;
        self.after(Duration::from_millis(took), Event::Meet { edge, lives, double });
    }

    pub(super) fn meet(&mut self, edge: usize, lives: (u32, u32), double: bool) {
        self.edges[edge].dialling = false;
        if self.can_meet(edge) != Some(lives) {
            return self.try_again(edge);
        }
        let (a, b) = self.edges[edge].ends;
        if !self.admits(a, b) || !self.admits(b, a) {
            self.edges[edge].refused = true;
            self.cover.hit("dial refused");
            self.trace.note(self.now, Some(a), "refused", &(b as u64).to_be_bytes(), || {
                format!("with n{b}")
            });
            self.tell_own(a, b);
            return self.letters(edge);
        }
        self.edges[edge].failed = 0;
        self.link(edge, a, b);
        if double {
            self.cover.hit("link doubled");
            self.link(edge, b, a);
        }
    }

    /// Devices of one person that do not let each other in have shown their cards all the same.
    fn tell_own(&mut self, a: usize, b: usize) {
        if self.nodes[&a].person != self.nodes[&b].person {
            return;
        }
        for (at, other) in [(a, b), (b, a)] {
            let card = Arc::clone(&self.nodes[&other].disk.facts.card);
            let known = &self.nodes[&at].disk.facts.card;
            if known.merge(&card).changed {
                self.queue(at, Job::Card(LinkId(0), false, card));
            }
        }
    }

    /// Whether two devices let each other in.
    pub(crate) fn meets(&self, a: usize, b: usize) -> bool {
        self.admits(a, b) && self.admits(b, a)
    }

    /// Whether a device lets another one in: its instance is live, and it is me or somebody whom I want.
    fn admits(&self, at: usize, other: usize) -> bool {
        let (here, there) = (&self.nodes[&at].disk.facts, &self.nodes[&other].disk.facts);
        let peer = there.who();
        if !here.wants(&peer) || here.instance.key() == there.instance.key() {
            return false;
        }
        let known = here.card_of(&peer);
        let card =
            known.map_or_else(|| (*there.card).clone(), |known| known.merge(&there.card).card);
        card.is_live(&there.instance.key())
    }

    /// A stranger's link may carry one letter.
    fn letters(&mut self, edge: usize) {
        let (a, b) = self.edges[edge].ends;
        for (from, to) in [(a, b), (b, a)] {
            let who = self.nodes[&to].disk.facts.who();
            if !self.nodes[&from].disk.facts.wants(&who)
                || who == self.nodes[&from].disk.facts.who()
            {
                continue;
            }
            let id = self.new_link(edge, from, to);
            self.trace.note(self.now, Some(from), "stranger", &id.0.to_be_bytes(), || {
                format!("at n{to}")
            });
            self.queue(from, Job::LetterDue(id, who));
            self.after(Duration::from_secs(10), Event::Break(id));
        }
    }

    fn new_link(&mut self, edge: usize, from: usize, to: usize) -> LinkId {
        self.next_link += 1;
        let id = LinkId(self.next_link);
        let (delay, rate, cuts) = (self.plan.net.delay, self.plan.net.rate, self.plan.net.cuts);
        let end = |node: usize| {
            let held = &self.nodes[&node];
            let instance = held.disk.facts.instance.key();
            End {
                node,
                life: held.life,
                instance,
                up: false,
                gone: false,
                part: Vec::new(),
                early: Vec::new(),
            }
        };
        let ends = [end(from), end(to)];
        let mut lanes = [Lane::default(), Lane::default()];
        if !self.quiet && self.dice.chance(cuts) {
            let lane = self.dice.index(2);
            lanes[lane].cut_after = Some(self.dice.scale(1, self.plan.net.cut_within));
        }
        let delay = Duration::from_millis(self.dice.range(1, delay.max(1)));
        let rate = rate * self.dice.range(1, 4);
        let since = self.now;
        let link = Link { id, edge, ends, lanes, delay, rate, alive: true, since, dies: false };
        self.links.insert(id, link);
        for node in [from, to] {
            self.node(node).links.insert(id);
        }
        id
    }

    fn link(&mut self, edge: usize, from: usize, to: usize) {
        let id = self.new_link(edge, from, to);
        self.cover.hit("link up");
        self.traffic.links += 1;
        self.trace.note(self.now, Some(from), "link", &id.0.to_be_bytes(), || {
            format!("{} to n{to}", id.0)
        });
        for (at, other) in [(from, to), (to, from)] {
            let facts = &self.nodes[&other].disk.facts;
            let (card, record) = (Arc::clone(&facts.card), Arc::clone(&facts.record));
            self.queue(at, Job::Met(id, card, record));
        }
    }

    /// What a link brought is durable: the engine hears of it.
    pub(super) fn link_up(&mut self, node: usize, id: LinkId) {
        let exporter = self.exporter(id);
        let Some(link) = self.links.get_mut(&id).filter(|link| link.alive) else { return };
        let Some(at) = link.end_of(node).filter(|at| !link.ends[*at].gone) else { return };
        link.ends[at].up = true;
        let early = std::mem::take(&mut link.ends[at].early);
        let (other, instance) = (link.ends[1 - at].node, link.ends[1 - at].instance);
        let peer = self.nodes[&other].disk.facts.who();
        let side = if at == 0 { Side::Dialler } else { Side::Listener };
        let now = self.now;
        let held = self.node(node);
        let remembered = match held.engine.remembered(&instance) {
            Some(_) => None,
            None => held.disk.facts.shares.get(&instance).and_then(|b| Shared::from_bytes(b)),
        };
        let params = LinkParams { side, exporter, peer, instance, remembered };
        let wanted = held.wanted(&peer);
        held.engine.link_up(id, params, wanted, now, &held.disk);
        self.drain(node);
        self.queue(node, Job::LetterDue(id, peer));
        self.send_records(node, id, peer);
        for frame in early {
            self.hear_frame(node, id, frame);
        }
    }

    /// The same at both ends and on no other link.
    fn exporter(&self, id: LinkId) -> Secret32 {
        let mut hasher = blake3::Hasher::new_derive_key("nexus sim exporter v1");
        hasher.update(&self.plan.seed.to_be_bytes()).update(&id.0.to_be_bytes());
        Secret32::new(*hasher.finalize().as_bytes())
    }

    /// Tells a peer of my other devices, and of its own, which it may never meet; a device of mine of everybody.
    fn send_records(&mut self, node: usize, id: LinkId, peer: nexus_identity::ConnectId) {
        let facts = Arc::clone(&self.nodes[&node].disk.facts);
        let me = facts.who();
        let cards = facts.contacts.iter().filter(|(who, _)| peer == me || **who == peer);
        let mut told = vec![&facts.card];
        for card in cards.filter_map(|(_, contact)| contact.card.as_ref()) {
            let more = card.live().nth(1).is_some() || card.revoked().next().is_some();
            if peer == me || more {
                self.say(node, id, Control::Card(Arc::clone(card)));
                told.push(card);
            }
        }
        let records = facts.records.values().filter(|record| {
            let who = record.connect_id();
            let card = told.iter().find(|card| card.connect_id() == who);
            card.is_some_and(|card| card.is_live(&record.instance()))
        });
        for record in records {
            self.say(node, id, Control::Record(Arc::clone(record)));
        }
    }

    /// Tells everybody on a link of my card and record.
    pub(super) fn tell_hello(&mut self, node: usize) {
        let facts = Arc::clone(&self.nodes[&node].disk.facts);
        for id in self.nodes[&node].links.clone() {
            self.say(node, id, Control::Card(Arc::clone(&facts.card)));
            self.say(node, id, Control::Record(Arc::clone(&facts.record)));
        }
    }

    /// Tries again to meet, later each time.
    pub(super) fn try_again(&mut self, edge: usize) {
        if self.linked(edge) {
            return;
        }
        let failed = self.edges[edge].failed.min(10);
        self.edges[edge].failed += 1;
        let wait = Duration::from_millis(500 << failed).min(MOST_BACKOFF);
        self.dial_soon(edge, wait);
    }

    /// Links that run over an edge.
    pub(super) fn links_over(&self, edge: usize) -> Vec<LinkId> {
        self.links.values().filter(|link| link.edge == edge).map(|link| link.id).collect()
    }

    /// The other end of a link.
    pub(crate) fn peer(&self, node: usize, id: LinkId) -> Option<(usize, InstanceKey)> {
        let link = self.links.get(&id)?;
        let end = &link.ends[1 - link.end_of(node)?];
        Some((end.node, end.instance))
    }
}
