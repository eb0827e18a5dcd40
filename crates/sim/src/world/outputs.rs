//! What engines ask for and tell.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::ConnectId;
use nexus_log::ids::{Head, LogHead, LogKey};
use nexus_log::ledger::Ledger;
use nexus_sync::{ByeCode, LinkId, Output};

use super::{Event, World};
use crate::disk::DiskError;
use crate::net::FRAME_HEAD;
use crate::node::{Job, Node};
use crate::plan::Lie;
use crate::trace::short;

/// Bytes that a link may have waiting: what the engine allows itself, a frame more for each kind, and the control frames.
const MOST_WAITING: u64 =
    (nexus_sync::limits::MAX_UNWRITTEN + 8 * nexus_sync::limits::MAX_FRAME) as u64;

impl World {
    pub(crate) fn node(&mut self, node: usize) -> &mut Node {
        self.nodes.get_mut(&node).expect("nodes are never taken away")
    }

    /// Does what an engine asks for, until it asks for nothing.
    pub(super) fn drain(&mut self, node: usize) {
        loop {
            let held = self.node(node);
            let Some(output) = held.engine.poll_output(&held.disk) else { break };
            self.output(node, output);
        }
        let held = self.node(node);
        let (due, life) = (held.engine.poll_timeout(), held.life);
        if due != held.timeout {
            held.timeout = due;
            if let Some(due) = due {
                self.schedule(due, Event::Timeout { node, life });
            }
        }
    }

    pub(super) fn timeout(&mut self, node: usize, life: u32) {
        let now = self.now;
        if !self.lives(node, life) {
            return;
        }
        let held = self.node(node);
        held.timeout = None;
        if held.engine.poll_timeout().is_some_and(|due| due <= now) {
            held.engine.handle_timeout(now, &held.disk);
            self.cover.hit("engine timeout");
        }
        self.drain(node);
    }

    fn output(&mut self, node: usize, output: Output) {
        match output {
            Output::Send { link, serial, frame } => {
                let (code, body) = (frame.code() as u8, Arc::new(frame.into_body()));
                for (at, one) in self.twist(node, link, code, body).into_iter().enumerate() {
                    self.send(node, link, (at == 0).then_some(serial), one);
                }
                self.check_waiting(node, link);
            }
            Output::Commit { ticket, topic, run, .. } => {
                self.queue(node, Job::Take(ticket, topic, run));
            }
            Output::PeerHas { link, heads, .. } => self.peer_has(node, link, &heads),
            Output::WroteOut { .. } => {}
            Output::TopicDone { .. } => self.cover.hit("topic done"),
            Output::TopicShared { link, topic } => self.shared(node, link, topic),
            Output::TopicEnded { .. } => self.cover.hit("topic ended"),
            Output::ForkSeen { proof, .. } => self.fork(node, proof.log()),
            Output::Remember { instance, shared } => {
                self.cover.hit("share remembered");
                self.queue(node, Job::Remember(instance, shared.to_bytes()));
            }
            Output::Violation { link, code } => {
                self.blame(node, link, &format!("violation {code}"));
                self.cover.hit("violation");
            }
            Output::OverLimit { link, .. } => self.blame(node, link, "over a limit"),
            Output::StoreFailed { error, .. } => {
                self.fail(format!("n{node}: the store could not be read: {}", error.inner()));
            }
            Output::Close { link, code, peer } => {
                let words =
                    || format!("link {} ({code:?}{})", link.0, if peer { ", theirs" } else { "" });
                self.trace.note(self.now, Some(node), "close", &link.0.to_be_bytes(), words);
                if matches!(code, ByeCode::Violations | ByeCode::Limit | ByeCode::Unwelcome) {
                    self.blame(node, link, &format!("closed with {code:?}"));
                }
                self.close(node, link, code != ByeCode::Done);
            }
        }
    }

    /// One honest device holds something against another honest one: that may not be.
    fn blame(&mut self, node: usize, link: LinkId, what: &str) {
        let Some((other, _)) = self.peer(node, link) else { return };
        self.trace.note(self.now, Some(node), "blames", &(other as u64).to_be_bytes(), || {
            format!("n{other}: {what}")
        });
        if self.nodes[&node].is_honest() && self.nodes[&other].is_honest() {
            self.fail(format!("n{node} holds against n{other}, both honest: {what}"));
        }
    }

    fn check_waiting(&mut self, node: usize, link: LinkId) {
        let Some(held) = self.links.get(&link) else { return };
        let Some(end) = held.end_of(node) else { return };
        let waiting = held.lanes[end].waiting;
        if waiting > MOST_WAITING + FRAME_HEAD && self.nodes[&node].is_honest() {
            self.fail(format!("n{node} has {waiting} bytes waiting for one link"));
        }
    }

    fn peer_has(&mut self, node: usize, link: LinkId, heads: &[LogHead]) {
        let Some((other, _)) = self.peer(node, link) else { return };
        let who = self.nodes[&other].disk.facts.who();
        if who == self.nodes[&node].disk.facts.who() {
            return;
        }
        for head in heads.iter().filter(|head| head.branch.is_none()) {
            self.reached(node, head.log, who, head.head);
        }
    }

    fn reached(&mut self, node: usize, log: LogKey, who: ConnectId, head: Head) {
        let facts = &self.nodes[&node].disk.facts;
        let known = facts.delivered.get(&(log, who)).is_some_and(|seq| *seq >= head.seq);
        if !known && self.is_mine(node, log) {
            self.queue(node, Job::Reached(log, who, head));
        }
    }

    /// Whether a device's own identity writes a log.
    fn is_mine(&mut self, node: usize, log: LogKey) -> bool {
        let held = self.node(node);
        if let Some(mine) = held.mine.get(&log) {
            return *mine;
        }
        let who = held.disk.facts.who();
        let read = held.disk.transaction::<_, DiskError>(|tx, _| {
            Ok(tx.chains(&log)?.first().and_then(|chain| chain.author))
        });
        let mine = read.ok().flatten().map(|author| author.who == who);
        held.mine.extend(mine.map(|mine| (log, mine)));
        mine.unwrap_or(false)
    }

    fn shared(&mut self, node: usize, link: LinkId, topic: nexus_log::ids::Topic) {
        let Some((other, _)) = self.peer(node, link) else { return };
        let who = self.nodes[&other].disk.facts.who();
        let facts = &self.nodes[&node].disk.facts;
        let asked = facts
            .contacts
            .get(&who)
            .is_some_and(|contact| contact.standing == crate::facts::Standing::Requested);
        if asked {
            self.queue(node, Job::Shared(who, topic));
        }
    }

    fn fork(&mut self, node: usize, log: LogKey) {
        let facts = Arc::clone(&self.nodes[&node].disk.facts);
        self.cover.hit("fork seen");
        self.trace.note(self.now, Some(node), "fork", log.as_bytes(), || short(log.as_bytes()));
        let Some(me) = facts.me() else { return };
        let two_faces = self.nodes[&node].lies.contains(&Lie::Equivocate);
        if !two_faces && facts.conversations.values().any(|one| me.log(one) == log) {
            self.queue(node, Job::GiveUp(facts.instance.key()));
        }
    }

    /// A device's clock is to be looked at, then or earlier.
    pub(super) fn tick_at(&mut self, node: usize, at: Duration) {
        let held = self.node(node);
        if held.ticking.is_none_or(|then| at < then) {
            held.ticking = Some(at);
            let life = held.life;
            self.schedule(at, Event::Tick { node, life });
        }
    }

    pub(super) fn tick(&mut self, node: usize, life: u32) {
        let now = self.now;
        if self.lives(node, life) && self.nodes[&node].ticking.is_some_and(|at| at <= now) {
            self.node(node).ticking = None;
            self.queue(node, Job::Tick);
        }
    }
}
