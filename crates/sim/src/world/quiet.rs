//! The end of a run: everything that was wrong is put right, and after a fair while all promises are looked at.

use std::time::Duration;

use super::{Patience, World};
use crate::node::Clock;

/// How long it is quiet: longer than the longest wait for a key that was asked for.
pub const QUIET: Duration = Duration::from_secs(45 * 86_400);
/// At the end of it, nobody has anything left to say for so long.
pub const STILL: Duration = Duration::from_secs(8 * 86_400);

impl World {
    /// The quiet time, and what must hold after it.
    pub(super) fn finish(&mut self) {
        if self.nodes.len() > 30 {
            self.cover.hit("more than 30 devices");
        }
        self.put_right();
        self.run_until(self.now + QUIET - STILL);
        let before = self.traffic;
        self.run_until(self.now + STILL);
        if self.failure.is_some() {
            return;
        }
        let said = self.traffic.run_frames - before.run_frames;
        self.check_end(said);
    }

    fn put_right(&mut self) {
        self.trace.note(self.now, None, "quiet", &[], String::new);
        self.quiet = true;
        for edge in &mut self.edges {
            edge.away = 0;
            edge.failed = 0;
            edge.patience = Patience::default();
        }
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            let held = self.node(id);
            held.clock = Clock::default();
            held.disk.fuse = None;
            held.full = false;
            held.old = None;
            if held.up {
                self.tick_at(id, self.now);
                self.dial_all(id);
            } else {
                self.start(id);
            }
        }
        // What a liar showed and does not have is looked for as long as the link lives: they begin again, and tell the truth.
        let liar = |node: usize| self.nodes.get(&node).is_some_and(|node| !node.is_honest());
        let edges = 0..self.edges.len();
        let lied =
            edges.filter(|edge| liar(self.edges[*edge].ends.0) || liar(self.edges[*edge].ends.1));
        for edge in lied.collect::<Vec<_>>() {
            for link in self.links_over(edge) {
                self.cut(link, false);
            }
        }
        // Links that break by themselves were drawn to: the quiet time has none.
        for link in self.links.values_mut() {
            link.lanes.iter_mut().for_each(|lane| lane.cut_after = None);
        }
    }
}
