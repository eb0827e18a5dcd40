//! What goes wrong, as it goes wrong.

use std::time::Duration;

use super::{Event, Flaw, World};
use crate::disk::{Disk, Fuse, Trap};
use crate::node::Job;
use crate::plan::{Fault, Lie};

impl World {
    pub(super) fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Cut { edge, half } => {
                for link in self.links_over(edge) {
                    self.cut(link, half);
                }
            }
            Fault::Partition { nodes, during } => {
                let apart = |(a, b): (usize, usize)| nodes.contains(&a) != nodes.contains(&b);
                let edges = (0..self.edges.len()).filter(|at| apart(self.edges[*at].ends));
                self.cover.hit("partition");
                self.take_away(edges.collect(), during);
            }
            Fault::Away { edge, during } => {
                self.cover.hit("edge away");
                self.take_away(vec![edge], during);
            }
            Fault::Crash { node, writes, during } => self.strike_crash(node, writes, during),
            Fault::Full { node, writes, during } => {
                let Some(held) = self.nodes.get_mut(&node).filter(|held| held.up) else { return };
                held.disk.fuse = Some(Fuse { left: writes, trap: Trap::Full });
                held.full = true;
                let life = held.life;
                self.after(Duration::from_millis(during), Event::Room { node, life });
            }
            Fault::Remember { node } => {
                let Some(held) = self.nodes.get_mut(&node) else { return };
                match held.disk.snapshot() {
                    Ok(old) => held.old = Some(old),
                    Err(error) => self.fail(format!("a disk could not be copied: {error}")),
                }
            }
            Fault::Forget { node } => self.forget(node),
            Fault::Clock { node, by } => {
                let Some(held) = self.nodes.get_mut(&node) else { return };
                held.clock.off = held.clock.off.saturating_add(by);
                self.cover.hit("clock set");
                if self.nodes[&node].up {
                    self.tick_at(node, self.now);
                }
            }
            Fault::Clone { node, from } => {
                if self.clone_node(node, from) {
                    self.cover.hit("clone born");
                }
            }
            Fault::Equivocate { node, from, hidden } => self.equivocate(node, from, &hidden),
            Fault::Leave { node } => self.leave(node),
        }
    }

    fn take_away(&mut self, edges: Vec<usize>, during: u64) {
        for edge in &edges {
            self.edges[*edge].away += 1;
            for link in self.links_over(*edge) {
                let half = self.dice.chance(self.plan.net.half_open);
                self.cut(link, half);
            }
        }
        self.after(Duration::from_millis(during), Event::Back(edges));
    }

    pub(super) fn back(&mut self, edges: &[usize]) {
        for edge in edges {
            let held = &mut self.edges[*edge];
            held.away = held.away.saturating_sub(1);
            held.failed = 0;
            if held.away == 0 {
                self.dial_soon(*edge, Duration::from_secs(5));
            }
        }
    }

    fn strike_crash(&mut self, node: usize, writes: Option<u64>, during: u64) {
        let Some(held) = self.nodes.get_mut(&node).filter(|held| held.up) else { return };
        match writes {
            Some(left) => held.disk.fuse = Some(Fuse { left, trap: Trap::Dies }),
            None => self.crash(node),
        }
        self.after(Duration::from_millis(during), Event::Start(node));
    }

    /// The machine dies: what was in memory, and what was not durable, is gone.
    pub(super) fn crash(&mut self, node: usize) {
        self.trace.note(self.now, Some(node), "crash", &[], String::new);
        self.cover.hit("crash");
        self.sever(node);
        self.node(node).die();
        if self.flaw == Some(Flaw::LostFsync)
            && let Some(old) = self.node(node).old.take()
        {
            let lost = self.node(node).disk.restore(&old);
            lost.unwrap_or_else(|error| {
                self.fail(format!("a disk could not be restored: {error}"))
            });
        }
        // Whatever else starts it again: a machine does not stay down for ever.
        let wait = Duration::from_millis(self.dice.scale(10, 3_600_000));
        self.after(wait, Event::Start(node));
    }

    pub(super) fn start(&mut self, node: usize) {
        let Some(held) = self.nodes.remove(&node) else { return };
        if held.up || held.gone {
            self.nodes.insert(node, held);
            return;
        }
        let crate::node::Node { disk, .. } = held;
        let disk = match disk.reopen() {
            Ok(disk) => disk,
            Err(error) => return self.fail(format!("n{node} does not open its disk: {error}")),
        };
        self.nodes.insert(node, crate::node::Node { disk, up: true, ..held });
        self.trace.note(self.now, Some(node), "start", &[], String::new);
        self.cover.hit("restart");
        self.tick_at(node, self.now);
        self.forgive(node);
        self.dial_all(node);
    }

    pub(super) fn room(&mut self, node: usize, life: u32) {
        if self.lives(node, life) {
            let held = self.node(node);
            held.full = false;
            held.disk.fuse = None;
            self.tick_at(node, self.now);
            self.forgive(node);
            self.dial_all(node);
        }
    }

    /// The disk is as it was: what was written since is gone, whoever heard of it.
    fn forget(&mut self, node: usize) {
        let Some(old) = self.nodes.get_mut(&node).and_then(|held| held.old.take()) else { return };
        if self.nodes[&node].up {
            self.crash(node);
        }
        self.cover.hit("disk went back");
        let held = self.node(node);
        held.forgot = true;
        held.tainted.clear();
        let restored = held.disk.restore(&old);
        if let Err(error) = restored {
            self.fail(format!("a disk could not be restored: {error}"));
        }
    }

    /// A copy of a device goes on beside it, with the same keys; whether there is one now.
    fn clone_node(&mut self, node: usize, from: usize) -> bool {
        if self.nodes.contains_key(&node) {
            return false;
        }
        let Some(held) = self.nodes.get_mut(&from) else { return false };
        let two_faces = held.lies.contains(&Lie::Equivocate);
        let copied = held.disk.snapshot().and_then(|old| Disk::from_snapshot(&old));
        match copied {
            Ok(disk) => self.born(node, disk, Vec::<Job>::new()),
            Err(error) => self.fail(format!("a disk could not be copied: {error}")),
        }
        // Whose instance has two faces has no device of its own there: what is sealed to it is sealed to whoever spoke last.
        if two_faces && let Some(copy) = self.nodes.get_mut(&node) {
            copy.lies.insert(Lie::Equivocate);
        }
        true
    }

    /// A liar begins to show two faces: from now on nobody of `hidden` meets the first one.
    fn equivocate(&mut self, node: usize, from: usize, hidden: &[usize]) {
        if !self.clone_node(node, from) {
            return;
        }
        self.cover.hit("lie equivocate");
        for face in [node, from] {
            self.queue(face, Job::ShowFace(face as u64));
        }
        for edge in 0..self.edges.len() {
            let (a, b) = self.edges[edge].ends;
            if (a == from && hidden.contains(&b)) || (b == from && hidden.contains(&a)) {
                self.edges[edge].closed = true;
                for link in self.links_over(edge) {
                    self.cut(link, false);
                }
            }
        }
    }

    /// A device is gone for good.
    fn leave(&mut self, node: usize) {
        let Some(held) = self.nodes.get_mut(&node) else { return };
        held.gone = true;
        if held.up {
            self.cover.hit("a face is gone for good");
            self.sever(node);
            self.node(node).die();
        }
    }
}
