//! When two devices whose links do not last try again, as `crates/transport/src/dial/trouble.rs` has it.

use std::time::Duration;

use nexus_sync::LinkId;

use super::World;

/// First pause after a link that one side gave up; it quadruples up to the last.
const TROUBLE_FIRST: Duration = Duration::from_secs(4);
/// Longest such pause.
pub(super) const TROUBLE_MAX: Duration = Duration::from_secs(600);
/// A link that was up for longer can last.
const LASTING: Duration = Duration::from_secs(60);
/// Links in a row that may be lost early before there is a pause.
const LOST_FREELY: u32 = 3;
/// First pause after that; it doubles up to the last.
const LOST_FIRST: Duration = Duration::from_millis(500);
/// Longest such pause.
const LOST_MAX: Duration = Duration::from_secs(30);

/// What two devices remember of links that did not last.
#[derive(Debug, Default)]
pub struct Patience {
    given_up: u32,
    lost: u32,
    /// Before when they do not dial.
    pub until: Duration,
}

impl World {
    /// A link was given up by one side, or lost: the next one may have to wait.
    pub(super) fn link_ended(&mut self, id: LinkId, given_up: bool) {
        let now = self.now;
        let Some(link) = self.links.get(&id) else { return };
        let patience = &mut self.edges[link.edge].patience;
        if now.saturating_sub(link.since) > LASTING {
            *patience = Patience::default();
        }
        let pause = if given_up {
            patience.given_up += 1;
            TROUBLE_FIRST
                .saturating_mul(1 << (2 * (patience.given_up - 1)).min(16))
                .min(TROUBLE_MAX)
        } else {
            patience.lost += 1;
            match patience.lost.checked_sub(LOST_FREELY + 1) {
                Some(more) => LOST_FIRST.saturating_mul(1 << more.min(16)).min(LOST_MAX),
                None => Duration::ZERO,
            }
        };
        patience.until = patience.until.max(now + pause);
    }

    /// What stood in the way at this device is over.
    pub(super) fn forgive(&mut self, node: usize) {
        for edge in &mut self.edges {
            if edge.ends.0 == node || edge.ends.1 == node {
                edge.patience = Patience::default();
            }
        }
    }
}
