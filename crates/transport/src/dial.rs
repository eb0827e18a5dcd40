//! Whom to dial where and when: candidates, their order, and patience. Sans I/O: time and randomness come in as
//! arguments, dials go out as [`DialOutput`].
//!
//! Call the `handle_*` methods as things happen, then [`Dialler::poll_output`] until it gives `None`, then again at
//! [`Dialler::poll_timeout`].
//!
//! A peer may have several devices. Candidates that lead to one device form a group; a group is dialled while no link
//! leads to its device: the best candidate first, the next one a little later, and so on, until one authenticates.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::{ConnectId, InstanceKey};
use rand::{CryptoRng, RngExt};

use crate::beacon::BootId;
use crate::code::CloseCode;
use crate::config::Timing;
use crate::event::DialError;
use crate::gate::Nonce;
use crate::tie::Quality;

mod candidate;
mod peer;
mod trouble;

pub use candidate::{MAX_CANDIDATES, MAX_CANDIDATES_PER_HOST};
pub use trouble::{LASTING, LOST_FIRST, LOST_FREELY, LOST_MAX, TROUBLE_FIRST, TROUBLE_MAX};

use candidate::Origin;
use peer::PeerDials;

/// Dials to one device at the same time.
pub const MAX_PARALLEL: usize = 4;

/// Longest pause before an address is tried again from which beacons come.
pub const BACKOFF_WHILE_HEARD: Duration = Duration::from_secs(30);

/// Silence after which a beacon counts as a return and resets the pause.
pub const RETURN_AFTER: Duration = Duration::from_secs(15);

/// Pause after an answer that time does not mend: a wrong identity or a revoked instance.
pub const BACKOFF_WRONG: Duration = Duration::from_secs(30);

/// First pause for a peer that ended the link because it has not decided about us; it quadruples up to the last.
pub const HOLD_FIRST: Duration = Duration::from_secs(4);

/// Longest such pause.
pub const HOLD_MAX: Duration = Duration::from_secs(60);

/// Head start of the smaller instance key when both ends have the same reason to dial: a first beacon, a lost link.
pub const YIELD: Duration = Duration::from_millis(250);

/// Number of one dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialOutput {
    /// Dial, and report back by [`Dialler::handle_failed`] or [`Dialler::handle_link_up`].
    Start {
        /// Its number.
        attempt: AttemptId,
        /// Who is expected there.
        peer: ConnectId,
        /// Where.
        address: SocketAddr,
        /// How to knock there.
        knock: Knock,
        /// Why this address now, for people.
        why: String,
    },
    /// Drop this dial; nothing needs to be reported.
    Cancel(AttemptId),
}

/// Which gate to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knock {
    /// That for the nonce of the last beacon from there, which only the peer can have made.
    Nonce(Nonce),
    /// That of the hour: the address was given, or has led to the peer before.
    Hour,
    /// None that tells a contact: the address is known only from beacons that anybody can make.
    Stranger,
}

/// A beacon of a wanted peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Who.
    pub peer: ConnectId,
    /// The instance it claims; unknown for a token.
    pub instance: Option<InstanceKey>,
    /// Its boot id.
    pub boot: BootId,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether only this peer can have made it.
    pub by_token: bool,
    /// The nonce, for the gate.
    pub nonce: Option<Nonce>,
}

/// A link that came up, from either side.
#[derive(Debug, Clone, Copy)]
pub struct Linked {
    /// Who.
    pub peer: ConnectId,
    /// Which device.
    pub instance: InstanceKey,
    /// Its process.
    pub boot: BootId,
    /// Where it can be dialled, if known.
    pub address: Option<SocketAddr>,
    /// How direct the path is.
    pub quality: Quality,
    /// The dial that made it, if this side dialled.
    pub attempt: Option<AttemptId>,
}

/// The machine.
#[derive(Debug)]
pub struct Dialler {
    timing: Timing,
    peers: BTreeMap<ConnectId, PeerDials>,
    attempts: HashMap<AttemptId, (ConnectId, SocketAddr)>,
    outputs: VecDeque<DialOutput>,
    next: u64,
    enabled: bool,
    mine: InstanceKey,
}

impl Dialler {
    /// A machine without peers.
    #[must_use]
    pub fn new(mine: InstanceKey, timing: Timing, enabled: bool) -> Self {
        let (peers, attempts, outputs) = (BTreeMap::new(), HashMap::new(), VecDeque::new());
        Self { timing, peers, attempts, outputs, next: 0, enabled, mine }
    }

    /// Wants links with `peer`, and may try these addresses. A peer that is wanted again is tried at once.
    ///
    /// `addresses` come from the caller, `heard` from beacons before the peer was wanted.
    pub fn handle_want(
        &mut self,
        peer: ConnectId,
        addresses: &[SocketAddr],
        heard: &[SocketAddr],
        now: Duration,
    ) {
        let dials = self.peers.entry(peer).or_default();
        dials.end_hold();
        for address in heard {
            dials.candidate(*address, Origin::Beacon, now).retry_at(now);
        }
        for address in addresses.iter().rev() {
            dials.candidate(*address, Origin::Configured, now).retry_at(now);
        }
    }

    /// No longer wants `peer`.
    pub fn handle_unwant(&mut self, peer: &ConnectId) {
        self.peers.remove(peer);
        self.cancel(|of, _| of == peer);
    }

    /// Whether links with this peer are wanted.
    #[must_use]
    pub fn wants(&self, peer: &ConnectId) -> bool {
        self.peers.contains_key(peer)
    }

    /// A beacon came. Gives whether that peer is to be dialled now or later: only then has [`Dialler::poll_output`] or
    /// [`Dialler::poll_timeout`] something new to say.
    pub fn handle_heard(&mut self, heard: &Heard, now: Duration) -> bool {
        let Some(dials) = self.peers.get_mut(&heard.peer) else { return false };
        dials.heard(heard, &self.mine, now);
        dials.next_start(now, self.timing.stagger).is_some()
    }

    /// The network is on or off.
    pub fn handle_enabled(&mut self, enabled: bool, now: Duration) {
        self.enabled = enabled;
        if enabled {
            self.handle_network_changed(now);
        } else {
            self.cancel(|_, _| true);
        }
    }

    /// Addresses changed or the machine woke: whatever failed before may work now.
    pub fn handle_network_changed(&mut self, now: Duration) {
        for dials in self.peers.values_mut() {
            dials.forgive(now);
        }
    }

    /// The TLS handshake of a dial showed this instance. `false`: the dial is no longer needed and should stop
    /// without a word; `true`: go on, it will not be cancelled any more.
    pub fn handle_proven(&mut self, attempt: AttemptId, instance: InstanceKey) -> bool {
        let Some((peer, address)) = self.attempts.get(&attempt) else { return false };
        let Some(dials) = self.peers.get_mut(peer) else { return false };
        let needed = dials.proven(*address, instance);
        if !needed {
            self.attempts.remove(&attempt);
        }
        needed
    }

    /// A dial failed. Gives the pause until this address is tried again.
    pub fn handle_failed(
        &mut self,
        attempt: AttemptId,
        error: DialError,
        now: Duration,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Option<Duration> {
        let (peer, address) = self.attempts.remove(&attempt)?;
        let dials = self.peers.get_mut(&peer)?;
        let jitter = rng.random_range(0.75..1.25);
        let pause = dials.failed(address, error, now, jitter, &self.timing);
        Some(pause)
    }

    /// A link came up: other dials to the same device stop.
    pub fn handle_link_up(&mut self, linked: &Linked, now: Duration) {
        if let Some(attempt) = linked.attempt {
            self.attempts.remove(&attempt);
        }
        let Some(dials) = self.peers.get_mut(&linked.peer) else { return };
        let dropped = dials.linked(linked, now);
        self.cancel(|peer, address| *peer == linked.peer && dropped.contains(&address));
    }

    /// The link to a device is gone, and no other took over.
    pub fn handle_link_down(
        &mut self,
        peer: &ConnectId,
        instance: &InstanceKey,
        reason: CloseCode,
        by_peer: bool,
        now: Duration,
    ) {
        if let Some(dials) = self.peers.get_mut(peer) {
            // Both ends notice; if both dialled at once, one of the two links would be for nothing.
            let wait = if self.mine > *instance { YIELD } else { Duration::ZERO };
            dials.unlinked(instance, reason, by_peer, now, wait);
        }
    }

    /// What to do next; `None`: nothing before [`Dialler::poll_timeout`].
    pub fn poll_output(&mut self, now: Duration) -> Option<DialOutput> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if !self.enabled {
            return None;
        }
        let attempt = AttemptId(self.next);
        let (peer, start) = self.peers.iter_mut().find_map(|(peer, dials)| {
            Some((*peer, dials.start(attempt, now, self.timing.stagger)?))
        })?;
        self.next += 1;
        self.attempts.insert(attempt, (peer, start.address));
        Some(DialOutput::Start {
            attempt,
            peer,
            address: start.address,
            knock: start.knock,
            why: start.why,
        })
    }

    /// When to call [`Dialler::poll_output`] again if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self, now: Duration) -> Option<Duration> {
        if !self.enabled {
            return None;
        }
        self.peers.values().filter_map(|dials| dials.next_start(now, self.timing.stagger)).min()
    }

    fn cancel(&mut self, which: impl Fn(&ConnectId, SocketAddr) -> bool) {
        let gone: Vec<AttemptId> = self
            .attempts
            .iter()
            .filter(|(_, (peer, at))| which(peer, *at))
            .map(|(id, _)| *id)
            .collect();
        for attempt in gone {
            if let Some((peer, address)) = self.attempts.remove(&attempt)
                && let Some(dials) = self.peers.get_mut(&peer)
            {
                dials.cancelled(address);
            }
            self.outputs.push_back(DialOutput::Cancel(attempt));
        }
    }
}

#[cfg(test)]
mod tests;
