//! How liars lie: what they send in place of what their engine says.

use std::sync::Arc;

use nexus_sync::LinkId;

use super::World;
use crate::plan::Lie;

/// A frame as it goes out.
type Out = (u8, Arc<Vec<u8>>);
/// Frames that a liar holds back.
const HELD: usize = 8;
/// Frames that a liar remembers.
const HEARD: usize = 64;

impl World {
    /// What really goes out when a device's engine sends a frame: that, unless it lies.
    pub(super) fn twist(
        &mut self,
        node: usize,
        link: LinkId,
        code: u8,
        body: Arc<Vec<u8>>,
    ) -> Vec<Out> {
        let honest = (code, body);
        if self.quiet || self.nodes[&node].is_honest() {
            return vec![honest];
        }
        let lies: Vec<Lie> = self.nodes[&node].lies.iter().copied().collect();
        let lie = lies[self.dice.index(lies.len())];
        if lies.contains(&Lie::Reorder) {
            let out = self.reorder(node, link, honest.clone());
            if lie == Lie::Reorder || out.len() != 1 {
                return out;
            }
        }
        if !self.dice.chance(150) {
            return vec![honest];
        }
        match lie {
            Lie::Withhold if code != 1 => {
                self.cover.hit("lie withhold");
                Vec::new()
            }
            Lie::Replay => {
                self.cover.hit("lie replay");
                let heard = &self.nodes[&node].heard;
                let again =
                    (!heard.is_empty()).then(|| heard[self.dice.index(heard.len())].clone());
                std::iter::once(honest).chain(again).collect()
            }
            Lie::Forge if !honest.1.is_empty() => {
                self.cover.hit("lie forge");
                let mut bytes = honest.1.as_ref().clone();
                let at = self.dice.index(bytes.len());
                bytes[at] ^= 1 << self.dice.below(8);
                vec![(code, Arc::new(bytes))]
            }
            Lie::Invent => {
                self.cover.hit("lie invent");
                let len = usize::try_from(self.dice.below(300)).unwrap_or(0);
                let code = u8::try_from(self.dice.range(1, 12)).unwrap_or(1);
                let noise = (0..len).map(|_| u8::try_from(self.dice.below(256)).unwrap_or(0));
                vec![honest, (code, Arc::new(noise.collect()))]
            }
            Lie::Flood => {
                self.cover.hit("lie flood");
                vec![honest; 40]
            }
            Lie::Stall if code == 4 => {
                self.cover.hit("lie stall");
                let half = honest.1.len() / 2;
                vec![(code, Arc::new(honest.1[..half].to_vec()))]
            }
            _ => vec![honest],
        }
    }

    /// Runs are held back, and go out later: the last one first, or one of them after all others.
    fn reorder(&mut self, node: usize, link: LinkId, frame: Out) -> Vec<Out> {
        let (hold, release, late) =
            (self.dice.chance(400), self.dice.chance(300), self.dice.chance(500));
        let held = &mut self.node(node).kept;
        held.retain(|(of, _)| *of == link);
        if frame.0 == 4 && hold && held.len() < HELD {
            held.push((link, frame));
            self.cover.hit("lie held back");
            return Vec::new();
        }
        if !release {
            return vec![frame];
        }
        let mut out = vec![frame];
        let last = (late && held.len() > 1).then(|| held.remove(0));
        out.extend(held.drain(..).rev().map(|(_, frame)| frame));
        held.extend(last);
        if out.len() > 1 {
            self.cover.hit("lie reorder");
        }
        out
    }

    /// A liar remembers what it hears.
    pub(super) fn overhear(&mut self, node: usize, code: u8, body: &Arc<Vec<u8>>) {
        let held = self.node(node);
        if held.lies.contains(&Lie::Replay) {
            if held.heard.len() >= HEARD {
                held.heard.remove(0);
            }
            held.heard.push((code, Arc::clone(body)));
        }
    }
}
