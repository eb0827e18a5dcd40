//! Which nonces of contacts' beacons were heard, and when first: one that comes again much later is played back.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use nexus_identity::ConnectId;

use crate::gate::Nonce;

/// Nonces of one contact that are remembered: an honest one uses one for at most half an interval, so these are those of
/// the last five minutes.
pub const KEPT_HEARD: usize = 128;

/// How long a nonce is good after it was first heard: three intervals of beacons. Its sender needs it for half a one, on
/// all its interfaces.
pub const REPLAYED_AFTER: Duration = Duration::from_secs(15);

/// Remembers, for contacts only, so the number of strangers plays no part.
#[derive(Debug, Default)]
pub(super) struct HeardNonces {
    of: HashMap<ConnectId, VecDeque<(Nonce, Duration)>>,
}

impl HeardNonces {
    /// A beacon of a contact came with this nonce; `false` when it is one of long ago.
    pub(super) fn is_fresh(&mut self, peer: ConnectId, nonce: &Nonce, now: Duration) -> bool {
        let heard = self.of.entry(peer).or_default();
        if let Some((_, first)) = heard.iter().find(|(known, _)| known == nonce) {
            return now.saturating_sub(*first) <= REPLAYED_AFTER;
        }
        if heard.len() >= KEPT_HEARD {
            heard.pop_front();
        }
        heard.push_back((*nonce, now));
        true
    }

    /// The contact is none any more.
    pub(super) fn forget(&mut self, peer: &ConnectId) {
        self.of.remove(peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_one_contact_has_a_limit() {
        let mut heard = HeardNonces::default();
        let peer = ConnectId::from_bytes([1; 32]);
        let nonce = |n: usize| {
            let mut nonce = Nonce::default();
            nonce[..8].copy_from_slice(&(n as u64).to_be_bytes());
            nonce
        };
        for n in 0..=KEPT_HEARD {
            assert!(heard.is_fresh(peer, &nonce(n), Duration::ZERO));
        }
        assert_eq!(heard.of[&peer].len(), KEPT_HEARD);
        let late = REPLAYED_AFTER + Duration::from_millis(1);
        assert!(!heard.is_fresh(peer, &nonce(KEPT_HEARD), late));
        assert!(heard.is_fresh(peer, &nonce(0), late), "the oldest was forgotten");
        heard.forget(&peer);
        assert!(heard.of.is_empty());
    }
}
