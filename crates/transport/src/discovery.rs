//! LAN discovery: when to send which beacon where, and what to make of those that come. Sans I/O: time and randomness
//! come in as arguments, datagrams and news go out as [`DiscoveryOutput`].
//!
//! Call the `handle_*` and `set_*` methods as things happen, then [`Discovery::poll_output`] until it gives `None`,
//! then [`Discovery::handle_timeout`] at [`Discovery::poll_timeout`].

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::{ConnectId, InstanceSecret, Secret32};
use rand::rngs::StdRng;
use rand::{CryptoRng, RngExt, SeedableRng};

use crate::beacon::{BootId, Head, TOKENS, encode_contacts, encode_everyone};
use crate::code::RefusedCode;
use crate::config::{Timing, Visibility};
use crate::dial::Heard;
use crate::event::Nearby;
use crate::gate::Nonce;
use crate::interfaces::Interface;
use crate::limits::{Rate, SourceRates, TotalRate};

mod hear;
mod replay;
mod table;

pub use replay::{KEPT_HEARD, REPLAYED_AFTER};
pub use table::{MAX_ADDRESSES, MAX_NEARBY, MAX_NEARBY_PER_SOURCE};

use replay::HeardNonces;
use table::Table;

/// Beacons that one source may send: an honest host sends a few a second even with several nodes and interfaces.
pub const SOURCE_RATE: Rate = Rate { per_second: 20.0, burst: 60.0 };

/// The same for this machine itself, where many nodes may run.
pub const OWN_RATE: Rate = Rate { per_second: 400.0, burst: 800.0 };

/// Signatures and tokens of unknown beacons that are checked, of all sources together.
pub const CHECK_RATE: Rate = Rate { per_second: 200.0, burst: 400.0 };

/// Answers that one source may cause.
pub const ANSWER_RATE: Rate = Rate { per_second: 2.0, burst: 6.0 };

/// Beacons after a start, a change or a wake-up, measured from it; then the usual interval goes on. Several, because
/// the first ones get lost while a radio link or an address is still being set up.
pub const BURST: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(400),
    Duration::from_millis(1200),
    Duration::from_millis(2600),
];

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// 255.255.255.255 and 239.255.78.88.
    V4Group,
    /// ff02::4e58.
    V6Group,
    /// One address.
    To(SocketAddr),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum DiscoveryOutput {
    /// Send this datagram on the interface with this index.
    Send {
        /// Interface index.
        interface: u32,
        /// Where to.
        to: Destination,
        /// The beacon.
        bytes: Vec<u8>,
    },
    /// A nonce goes out, under which contacts may knock.
    SentNonce(Nonce),
    /// A beacon of a contact came.
    Heard(Heard),
    /// Somebody is there, or what is shown of it changed.
    Nearby(Nearby),
    /// Somebody is no longer heard.
    Gone(Nearby),
    /// Something was refused.
    Refused(RefusedCode, SocketAddr),
}

/// Who announces itself.
#[derive(Debug)]
pub struct Announcer {
    /// My ConnectID.
    pub connect_id: ConnectId,
    /// My instance; signs beacons for everyone.
    pub instance: InstanceSecret,
    /// My boot id.
    pub boot: BootId,
}

/// TCP ports to announce; `None`: that family is not listened on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// IPv4.
    pub v4: Option<u16>,
    /// IPv6.
    pub v6: Option<u16>,
}

#[derive(Debug)]
struct OnInterface {
    interface: Interface,
    changed: Duration,
    burst: usize,
    next: Duration,
}

/// The machine.
#[derive(Debug)]
pub struct Discovery {
    me: Announcer,
    interval: Duration,
    visibility: Visibility,
    enabled: bool,
    name: String,
    ports: Ports,
    contacts: BTreeMap<ConnectId, Option<Secret32>>,
    interfaces: BTreeMap<u32, OnInterface>,
    table: Table,
    nonce: Option<(Nonce, Duration)>,
    /// Makes what stands where no token is, anew with each nonce.
    filler: [u8; 32],
    heard: HeardNonces,
    turn: Vec<ConnectId>,
    last_turn: Option<ConnectId>,
    sources: SourceRates,
    own: SourceRates,
    answers: SourceRates,
    checks: TotalRate,
    outputs: VecDeque<DiscoveryOutput>,
}

impl Discovery {
    /// A machine without interfaces and contacts.
    #[must_use]
    pub fn new(
        me: Announcer,
        name: String,
        visibility: Visibility,
        enabled: bool,
        timing: &Timing,
    ) -> Self {
        Self {
            me,
            interval: timing.beacon_interval,
            visibility,
            enabled,
            name,
            ports: Ports::default(),
            contacts: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            table: Table::new(timing.nearby_expiry),
            nonce: None,
            filler: [0; 32],
            heard: HeardNonces::default(),
            turn: Vec::new(),
            last_turn: None,
            sources: SourceRates::new(SOURCE_RATE),
            own: SourceRates::new(OWN_RATE),
            answers: SourceRates::new(ANSWER_RATE),
            checks: TotalRate::new(CHECK_RATE),
            outputs: VecDeque::new(),
        }
    }

    /// A contact whose beacons are to be reported; with its pair secret, if there is one.
    pub fn set_contact(&mut self, peer: ConnectId, secret: Option<Secret32>) {
        let new = secret.is_some();
        let known = self.contacts.insert(peer, secret).flatten();
        if new && known.is_none() {
            // It has no token in the beacons of this round: at a start, nobody has.
            self.nonce = None;
        }
    }

    /// Forgets a contact.
    pub fn remove_contact(&mut self, peer: &ConnectId) {
        self.contacts.remove(peer);
        self.heard.forget(peer);
    }

    /// Where the node listens now.
    pub fn set_ports(&mut self, ports: Ports, now: Duration) {
        self.ports = ports;
        self.announce(now);
    }

    /// The profile name.
    pub fn set_name(&mut self, name: &str, now: Duration) {
        if self.name != name {
            name.clone_into(&mut self.name);
            self.announce(now);
        }
    }

    /// Who may notice this node.
    pub fn set_visibility(&mut self, visibility: Visibility, now: Duration) {
        if self.visibility != visibility {
            self.visibility = visibility;
            self.announce(now);
        }
    }

    /// The network is on or off. Off, nothing is sent and nothing heard.
    pub fn set_enabled(&mut self, enabled: bool, now: Duration) {
        self.enabled = enabled;
        if enabled {
            self.announce(now);
        } else {
            self.outputs.extend(self.table.clear(now).into_iter().map(DiscoveryOutput::Gone));
        }
    }

    /// The usable interfaces, all of them. `true` when something changed that others should hear.
    pub fn handle_interfaces(&mut self, interfaces: Vec<Interface>, now: Duration) -> bool {
        let mut old = std::mem::take(&mut self.interfaces);
        let mut changed = false;
        for interface in interfaces {
            let same = old.remove(&interface.index).filter(|known| known.interface == interface);
            changed |= same.is_none();
            let index = interface.index;
            let on = same.unwrap_or(OnInterface { interface, changed: now, burst: 0, next: now });
            self.interfaces.insert(index, on);
        }
        changed || !old.is_empty()
    }

    /// Sends soon, and a few times in a row: something changed that others should hear.
    pub fn announce(&mut self, now: Duration) {
        for on in self.interfaces.values_mut() {
            (on.changed, on.burst, on.next) = (now, 0, now);
        }
    }

    /// The machine slept: the others may have forgotten it, and its nonce is an old one by now.
    pub fn handle_woken(&mut self, now: Duration) {
        self.nonce = None;
        self.announce(now);
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Duration, rng: &mut (impl CryptoRng + ?Sized)) {
        self.outputs.extend(self.table.expire(now).into_iter().map(DiscoveryOutput::Gone));
        let due: Vec<u32> = self
            .interfaces
            .iter()
            .filter(|(_, on)| on.next <= now)
            .map(|(index, _)| *index)
            .collect();
        for index in due {
            if let Some(on) = self.interfaces.get_mut(&index) {
                on.burst = (on.burst + 1).min(BURST.len());
                let jitter = rng.random_range(0.8..1.2);
                // Bursts keep to short intervals, too.
                on.next = match BURST.get(on.burst) {
                    Some(offset) if *offset < self.interval => on.changed + *offset,
                    _ => now + self.interval.mul_f64(jitter),
                };
            }
            self.beacon_on(index, now, rng);
        }
    }

    fn beacon_on(&mut self, index: u32, now: Duration, rng: &mut (impl CryptoRng + ?Sized)) {
        let Some(on) = self.interfaces.get(&index) else { return };
        let v4 = on.interface.v4().and(self.ports.v4).map(|port| (port, Destination::V4Group));
        // On loopback one family is enough.
        let v6 = on
            .interface
            .v6_link_local()
            .and(self.ports.v6)
            .map(|port| (port, Destination::V6Group));
        for (port, to) in v4.into_iter().chain(v6) {
            if let Some(bytes) = self.beacon(port, false, now, rng) {
                self.outputs.push_back(DiscoveryOutput::Send { interface: index, to, bytes });
            }
        }
    }

    /// My beacon now; `None` when there is none to send.
    fn beacon(
        &mut self,
        port: u16,
        answer: bool,
        now: Duration,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Option<Vec<u8>> {
        if !self.enabled || port == 0 {
            return None;
        }
        let head = Head { port, boot: self.me.boot, answer };
        match self.visibility {
            Visibility::Hidden => None,
            Visibility::Everyone => {
                Some(encode_everyone(&head, &self.me.instance, &self.me.connect_id, &self.name))
            }
            Visibility::Contacts => {
                let nonce = self.nonce(now, rng);
                let secrets = self.turn.iter().filter_map(|peer| self.contacts.get(peer)?.as_ref());
                // Fillers that change under one nonce would tell which tokens are real, and so how many.
                let [high, low] = port.to_be_bytes();
                let seed = blake3::keyed_hash(&self.filler, &[high, low, u8::from(answer)]);
                let mut filler = StdRng::from_seed(*seed.as_bytes());
                Some(encode_contacts(&head, &self.me.connect_id, &nonce, secrets, &mut filler))
            }
        }
    }

    /// The nonce of this round of beacons; with a new one the next contacts have their turn.
    fn nonce(&mut self, now: Duration, rng: &mut (impl CryptoRng + ?Sized)) -> Nonce {
        let round = self.interval.mul_f64(0.5);
        if let Some((nonce, made)) = self.nonce
            && now.saturating_sub(made) < round
        {
            return nonce;
        }
        let nonce: Nonce = rng.random();
        self.nonce = Some((nonce, now));
        self.filler = rng.random();
        let with_secret =
            || self.contacts.iter().filter(|(_, secret)| secret.is_some()).map(|(peer, _)| *peer);
        let after = with_secret().filter(|peer| self.last_turn.is_none_or(|last| *peer > last));
        let before = with_secret().filter(|peer| self.last_turn.is_some_and(|last| *peer <= last));
        self.turn = after.chain(before).take(TOKENS).collect();
        self.last_turn = self.turn.last().copied();
        self.outputs.push_back(DiscoveryOutput::SentNonce(nonce));
        nonce
    }

    /// What to do next; `None`: nothing before [`Discovery::poll_timeout`].
    pub fn poll_output(&mut self) -> Option<DiscoveryOutput> {
        self.outputs.pop_front()
    }

    /// The next thing to do, if it is to tell the dialler of a beacon.
    pub fn poll_heard(&mut self) -> Option<Heard> {
        match self.outputs.pop_front_if(|next| matches!(next, DiscoveryOutput::Heard(_)))? {
            DiscoveryOutput::Heard(heard) => Some(heard),
            _ => None,
        }
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// When to call [`Discovery::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        let beacons = self.interfaces.values().map(|on| on.next).filter(|_| self.enabled);
        beacons.chain(self.table.next_expiry()).min()
    }

    /// Who is heard now, the last heard first.
    #[must_use]
    pub fn nearby(&self, now: Duration) -> Vec<Nearby> {
        self.table.rows(now)
    }
}

#[cfg(test)]
mod tests;
