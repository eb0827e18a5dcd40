//! The dials of one peer: its candidates, grouped by device, and its links.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::InstanceKey;

use super::candidate::{Candidate, MAX_CANDIDATES, MAX_CANDIDATES_PER_HOST, Origin};
use super::trouble::Troubles;
use super::{AttemptId, HOLD_FIRST, HOLD_MAX, Heard, Knock, Linked, MAX_PARALLEL, YIELD};
use crate::beacon::BootId;
use crate::code::CloseCode;
use crate::config::Timing;
use crate::event::DialError;
use crate::tie::Quality;

/// Pause between two dials for a better path to a device that has a link.
const BETTER_PATH_EVERY: Duration = Duration::from_secs(60);

/// Pause between two dials to a device that has a link, because its beacons tell of another process.
const RESTARTED_EVERY: Duration = Duration::from_secs(60);

/// Links to remember the process of; beyond the live instances of any card.
pub(super) const MAX_BOOTS: usize = 16;

/// The device a candidate leads to, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    Instance(InstanceKey),
    Boot(BootId),
    Unknown,
}

/// A link that is up.
#[derive(Debug, Clone, Copy)]
struct LinkAt {
    boot: BootId,
    quality: Quality,
    since: Duration,
    better_tried: Duration,
    /// When it was last dialled because it seemed to have restarted.
    restart_tried: Option<Duration>,
}

/// A dial to start.
pub(super) struct Start {
    pub(super) address: SocketAddr,
    pub(super) knock: Knock,
    pub(super) why: String,
}

#[derive(Debug, Default)]
pub(super) struct PeerDials {
    candidates: Vec<Candidate>,
    links: BTreeMap<InstanceKey, LinkAt>,
    boots: Vec<(BootId, InstanceKey)>,
    hold_until: Duration,
    holds: u32,
    troubles: Troubles,
}

impl PeerDials {
    /// The candidate with this address; made, if need be in place of a worse one.
    pub(super) fn candidate(
        &mut self,
        address: SocketAddr,
        origin: Origin,
        now: Duration,
    ) -> &mut Candidate {
        let known = self.candidates.iter().position(|candidate| candidate.address == address);
        let position = known.unwrap_or_else(|| {
            self.make_room(address, origin);
            self.candidates.push(Candidate::new(address, origin, now));
            self.candidates.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the position was found or made just above")]
        let candidate = &mut self.candidates[position];
        if origin == Origin::Configured {
            candidate.origin = origin;
        }
        candidate
    }

    fn make_room(&mut self, address: SocketAddr, origin: Origin) {
        let same_host = |candidate: &Candidate| {
            candidate.address.ip() == address.ip()
                && candidate.origin == Origin::Beacon
                && candidate.authenticated.is_none()
        };
        let of_host = self.candidates.iter().filter(|candidate| same_host(candidate)).count();
        if origin == Origin::Beacon && of_host >= MAX_CANDIDATES_PER_HOST {
            self.forget_worst(same_host);
        }
        if self.candidates.len() >= MAX_CANDIDATES {
            self.forget_worst(|_| true);
        }
    }

    fn forget_worst(&mut self, among: impl Fn(&Candidate) -> bool) {
        let worst = self
            .candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| among(candidate))
            .min_by(|(_, a), (_, b)| a.worth().cmp(&b.worth()))
            .map(|(position, _)| position);
        if let Some(position) = worst {
            self.candidates.swap_remove(position);
        }
    }

    pub(super) fn end_hold(&mut self) {
        self.hold_until = Duration::ZERO;
        self.holds = 0;
    }

    pub(super) fn heard(&mut self, heard: &Heard, mine: &InstanceKey, now: Duration) {
        if self.is_past(&heard.boot) {
            return;
        }
        if heard.by_token {
            self.hold_until = Duration::ZERO;
        }
        let by_boot =
            self.boots.iter().find(|(boot, _)| *boot == heard.boot).map(|(_, instance)| *instance);
        let instance = heard.instance.or(by_boot);
        let candidate = self.candidate(heard.address, Origin::Beacon, now);
        // Most likely it hears this side at the same moment.
        let wait =
            if instance.is_some_and(|instance| *mine > instance) { YIELD } else { Duration::ZERO };
        candidate.heard(heard.boot, now, wait);
        // Else anybody could put an end to knocking by nonce at a door that opens to nothing else.
        if heard.by_token || candidate.authenticated.is_some() {
            candidate.nonce = heard.nonce;
        }
        candidate.instance = instance.or(candidate.instance);
    }

    /// Whether a device had a link under this boot id and another one since: its beacon was recorded then and is played back.
    fn is_past(&self, boot: &BootId) -> bool {
        let known = self.boots.iter().position(|(of, _)| of == boot);
        known.is_some_and(|at| {
            let mut since = self.boots.iter().skip(at).map(|(_, instance)| instance);
            let instance = since.next();
            since.any(|later| Some(later) == instance)
        })
    }

    /// Everything may be tried again at once.
    pub(super) fn forgive(&mut self, now: Duration) {
        self.end_hold();
        self.troubles.forgive();
        for candidate in &mut self.candidates {
            candidate.retry_at(now);
        }
    }

    /// A dial passed TLS with this instance. `false` when it is not needed.
    pub(super) fn proven(&mut self, address: SocketAddr, instance: InstanceKey) -> bool {
        let Some(candidate) =
            self.candidates.iter_mut().find(|candidate| candidate.address == address)
        else {
            return false;
        };
        let guessed_wrong = candidate.instance != Some(instance);
        candidate.instance = Some(instance);
        candidate.proven = true;
        if guessed_wrong && self.links.contains_key(&instance) {
            candidate.attempt = None;
            candidate.proven = false;
            candidate.failures = 0;
            return false;
        }
        true
    }

    pub(super) fn failed(
        &mut self,
        address: SocketAddr,
        error: DialError,
        now: Duration,
        jitter: f64,
        timing: &Timing,
    ) -> Duration {
        let pause = match self.candidates.iter_mut().find(|candidate| candidate.address == address)
        {
            Some(candidate) => candidate.failed(error, now, jitter, timing),
            None => Duration::ZERO,
        };
        if let DialError::Ended(CloseCode::Done | CloseCode::Unwanted | CloseCode::Busy) = error {
            self.hold(now);
        }
        pause
    }

    fn hold(&mut self, now: Duration) {
        let pause = HOLD_FIRST.saturating_mul(1 << (2 * self.holds).min(16)).min(HOLD_MAX);
        self.holds = self.holds.saturating_add(1);
        self.hold_until = now + pause;
    }

    pub(super) fn cancelled(&mut self, address: SocketAddr) {
        if let Some(candidate) =
            self.candidates.iter_mut().find(|candidate| candidate.address == address)
        {
            candidate.attempt = None;
            candidate.proven = false;
        }
    }

    /// A link is up; gives the addresses whose dials are needless now.
    pub(super) fn linked(&mut self, linked: &Linked, now: Duration) -> Vec<SocketAddr> {
        // The same process again: that it had restarted was not true, and is not believed again soon.
        let before = self.links.get(&linked.instance).filter(|old| old.boot == linked.boot);
        let at = LinkAt {
            boot: linked.boot,
            quality: linked.quality,
            since: now,
            better_tried: now,
            restart_tried: before.and_then(|old| old.restart_tried),
        };
        self.links.insert(linked.instance, at);
        if !self.boots.iter().any(|(boot, _)| *boot == linked.boot) {
            self.troubles.restarted(&linked.instance);
        }
        self.boots.retain(|(boot, _)| *boot != linked.boot);
        if self.boots.len() >= MAX_BOOTS {
            self.boots.remove(0);
        }
        self.boots.push((linked.boot, linked.instance));
        if let Some(address) = linked.address {
            let candidate = self.candidate(address, Origin::Link, now);
            candidate.instance = Some(linked.instance);
            candidate.boot = Some(linked.boot);
            candidate.authenticated = Some(now);
            candidate.retry_at(now);
            if candidate.attempt == linked.attempt {
                candidate.attempt = None;
                candidate.proven = false;
            }
        }
        let devices: Vec<_> =
            self.candidates.iter().map(|candidate| self.device(candidate)).collect();
        self.candidates
            .iter()
            .zip(devices)
            .filter(|(candidate, _)| candidate.attempt.is_some() && !candidate.proven)
            .filter(|(_, device)| {
                matches!(device, Device::Instance(of) if *of == linked.instance)
                    || *device == Device::Unknown
            })
            .map(|(candidate, _)| candidate.address)
            .collect()
    }

    pub(super) fn unlinked(
        &mut self,
        instance: &InstanceKey,
        reason: CloseCode,
        by_peer: bool,
        now: Duration,
        wait: Duration,
    ) {
        let up_for = self.links.remove(instance).map(|link| now.saturating_sub(link.since));
        let undecided =
            matches!(reason, CloseCode::Done | CloseCode::Unwanted | CloseCode::Busy) && by_peer;
        if undecided {
            self.hold(now);
        } else if up_for.is_some_and(|up_for| up_for > HOLD_MAX) {
            self.end_hold();
        }
        self.troubles.ended(instance, reason, up_for.unwrap_or_default(), now);
        for candidate in
            self.candidates.iter_mut().filter(|candidate| candidate.instance == Some(*instance))
        {
            match reason {
                // A peer that leaves says so with its last link: nobody listens there for a while.
                CloseCode::Shutdown if by_peer => {
                    candidate.not_before = now + Duration::from_secs(1)
                }
                _ => candidate.retry_at(now + wait),
            }
        }
    }

    fn device(&self, candidate: &Candidate) -> Device {
        let by_boot =
            |boot| self.boots.iter().find(|(of, _)| *of == boot).map(|(_, instance)| *instance);
        match (candidate.instance.or_else(|| candidate.boot.and_then(by_boot)), candidate.boot) {
            (Some(instance), _) => Device::Instance(instance),
            (None, Some(boot)) => Device::Boot(boot),
            (None, None) => Device::Unknown,
        }
    }

    /// Whether there is a reason to dial this candidate now, other addresses left aside.
    fn wants(&self, candidate: &Candidate, now: Duration) -> bool {
        match self.device(candidate) {
            Device::Unknown => self.links.is_empty(),
            Device::Boot(_) => true,
            Device::Instance(instance) => self.links.get(&instance).is_none_or(|link| {
                let restarted = candidate.heard.is_some_and(|heard| heard > link.since)
                    && candidate.boot.is_some_and(|boot| boot != link.boot)
                    && link
                        .restart_tried
                        .is_none_or(|last| now.saturating_sub(last) >= RESTARTED_EVERY);
                let better = Quality::of_address(candidate.address.ip()) < link.quality
                    && candidate.heard.is_some_and(|heard| heard > link.since)
                    && now.saturating_sub(link.better_tried) >= BETTER_PATH_EVERY;
                restarted || better
            }),
        }
    }

    /// When this candidate may be dialled next, if it should be at all.
    fn due(&self, candidate: &Candidate, now: Duration, stagger: Duration) -> Option<Duration> {
        if candidate.attempt.is_some() || !self.wants(candidate, now) {
            return None;
        }
        // Where an address of unknown device leads is open, so it waits for all others, and they for it.
        let device = self.device(candidate);
        let same = |other: Device| {
            other == device || other == Device::Unknown || device == Device::Unknown
        };
        let others = || {
            self.candidates
                .iter()
                .filter(|other| other.attempt.is_some() && same(self.device(other)))
        };
        if others().count() >= MAX_PARALLEL {
            return None;
        }
        let staggered = others()
            .filter_map(|other| other.tried)
            .max()
            .map_or(Duration::ZERO, |last| last + stagger);
        let trouble = match device {
            Device::Instance(instance) => self.troubles.until(&instance),
            _ => Duration::ZERO,
        };
        Some(candidate.not_before.max(self.hold_until).max(trouble).max(staggered))
    }

    /// Starts the dial that is due, the best one first.
    pub(super) fn start(
        &mut self,
        attempt: AttemptId,
        now: Duration,
        stagger: Duration,
    ) -> Option<Start> {
        let best = self
            .candidates
            .iter()
            .filter(|candidate| self.due(candidate, now, stagger).is_some_and(|due| due <= now))
            .min_by(|a, b| a.rank().cmp(&b.rank()))?
            .address;
        let candidates = self.candidates.len();
        let candidate = self.candidates.iter_mut().find(|candidate| candidate.address == best)?;
        candidate.attempt = Some(attempt);
        candidate.proven = false;
        candidate.tried = Some(now);
        let why = match candidates {
            1 => format!("only candidate: {}", candidate.why(now)),
            n => format!("first of {n} candidates to authenticate: {}", candidate.why(now)),
        };
        let start = Start { address: best, knock: candidate.knock(), why };
        if let Some(link) = candidate.instance.and_then(|instance| self.links.get_mut(&instance)) {
            link.better_tried = now;
            if candidate.boot.is_some_and(|boot| boot != link.boot) {
                link.restart_tried = Some(now);
            }
        }
        Some(start)
    }

    /// When a dial is due next; in the future, or it would have started.
    pub(super) fn next_start(&self, now: Duration, stagger: Duration) -> Option<Duration> {
        self.candidates.iter().filter_map(|candidate| self.due(candidate, now, stagger)).min()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.candidates.len()
    }
}
