//! Devices whose links come up and do not last: dialled less and less, whatever their beacons say.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_identity::InstanceKey;

use crate::code::CloseCode;

/// First pause after a link that one of the two sides gave up: a violation, a frame that can't be, a store that fails.
/// It quadruples up to [`TROUBLE_MAX`].
pub const TROUBLE_FIRST: Duration = Duration::from_secs(4);

/// Longest such pause. A disk may be full for weeks, and each link sends anew what can't be stored.
pub const TROUBLE_MAX: Duration = Duration::from_secs(600);

/// A link that was up for longer has shown that it can last.
pub const LASTING: Duration = Duration::from_secs(60);

/// Links in a row that may be lost early before there is a pause: cables are moved, people come and go.
pub const LOST_FREELY: u32 = 3;

/// First pause after that; it doubles up to [`LOST_MAX`].
pub const LOST_FIRST: Duration = Duration::from_millis(500);

/// Longest pause while links come up and are lost at once, as on a path that drops large packets.
pub const LOST_MAX: Duration = Duration::from_secs(30);

/// Devices of one peer that are remembered: as many as a card has live ones.
pub(super) const MAX_TROUBLES: usize = 8;

#[derive(Debug, Default)]
struct Trouble {
    given_up: u32,
    lost: u32,
    until: Duration,
}

/// The devices of one peer whose links did not last.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<InstanceKey, Trouble>);

impl Troubles {
    /// A link to this device ended after `up_for`.
    pub(super) fn ended(
        &mut self,
        instance: &InstanceKey,
        reason: CloseCode,
        up_for: Duration,
        now: Duration,
    ) {
        if up_for > LASTING {
            self.0.remove(instance);
        }
        let given_up =
            matches!(reason, CloseCode::Violation | CloseCode::BadFrame | CloseCode::Internal);
        if !given_up && reason != CloseCode::Lost {
            return;
        }
        if self.0.len() >= MAX_TROUBLES && !self.0.contains_key(instance) {
            let first = self.0.iter().min_by_key(|(_, trouble)| trouble.until).map(|(of, _)| *of);
            first.map(|of| self.0.remove(&of));
        }
        let trouble = self.0.entry(*instance).or_default();
        let pause = if given_up {
            trouble.given_up = trouble.given_up.saturating_add(1);
            TROUBLE_FIRST.saturating_mul(1 << (2 * (trouble.given_up - 1)).min(16)).min(TROUBLE_MAX)
        } else {
            trouble.lost = trouble.lost.saturating_add(1);
            match trouble.lost.checked_sub(LOST_FREELY + 1) {
                Some(more) => LOST_FIRST.saturating_mul(1 << more.min(16)).min(LOST_MAX),
                None => Duration::ZERO,
            }
        };
        trouble.until = trouble.until.max(now + pause);
    }

    /// Before when a device is not dialled.
    pub(super) fn until(&self, instance: &InstanceKey) -> Duration {
        self.0.get(instance).map_or(Duration::ZERO, |trouble| trouble.until)
    }

    /// Another process runs there: the links that the one before lost say nothing of it.
    pub(super) fn restarted(&mut self, instance: &InstanceKey) {
        if let Some(trouble) = self.0.get_mut(instance) {
            trouble.lost = 0;
        }
    }

    /// What stood in the way may be over.
    pub(super) fn forgive(&mut self) {
        self.0.clear();
    }
}
