//! Limits on what strangers can make this node do: rates by source, unfinished handshakes, strangers' links.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use nexus_identity::InstanceKey;

use crate::blob::MAX_BLOB_HANDSHAKES;

/// Sources with a bucket of their own; when all are busy, further ones share one.
pub const MAX_SOURCES: usize = 2048;

/// Connections of which nothing has come yet.
pub const MAX_LOBBY: usize = 256;

/// Unfinished handshakes of those who did not show a contact's gate.
pub const MAX_HANDSHAKES: usize = 32;

/// Of these at most so many from one source.
pub const MAX_HANDSHAKES_PER_SOURCE: usize = 8;

/// Unfinished handshakes of those who did.
pub const MAX_CONTACT_HANDSHAKES: usize = 64;

/// Handshakes begun by those who did not show a contact's gate, of all sources together: each costs a key exchange, and a
/// `Hello` with the signatures of a whole card.
pub const STRANGER_RATE: Rate = Rate { per_second: 20.0, burst: 64.0 };

/// An unfinished handshake of this age makes room for a new one when there is none.
pub const SLOW_HANDSHAKE: Duration = Duration::from_secs(1);

/// Links of strangers at one time.
pub const MAX_STRANGERS: usize = 16;

/// Links of strangers from one source.
pub const MAX_STRANGERS_PER_SOURCE: usize = 2;

/// What counts as one source: an IPv4 address, an IPv6 link-local address, or else an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_unicast_link_local() && !v6.is_loopback() => {
                Self(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)))
            }
            other => Self(other),
        }
    }
}

impl fmt::Display for Source {
    /// The address, or the network with its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(v6) if !v6.is_unicast_link_local() && !v6.is_loopback() => {
                write!(f, "{v6}/64")
            }
            address => write!(f, "{address}"),
        }
    }
}

/// How much of something is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// A second, in the long run.
    pub per_second: f64,
    /// At once.
    pub burst: f64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Duration,
}

impl Bucket {
    fn fill(&mut self, rate: Rate, now: Duration) {
        self.left =
            rate.burst.min(self.left + now.saturating_sub(self.at).as_secs_f64() * rate.per_second);
        self.at = now;
    }

    fn take(&mut self, rate: Rate, now: Duration) -> bool {
        self.fill(rate, now);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

/// A token bucket for each source; bounded.
#[derive(Debug)]
pub struct SourceRates {
    rate: Rate,
    buckets: HashMap<Source, Bucket>,
    shared: Bucket,
    swept: Duration,
}

impl SourceRates {
    /// The same rate for every source.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let shared = Bucket { left: rate.burst, at: Duration::ZERO };
        Self { rate, buckets: HashMap::new(), shared, swept: Duration::ZERO }
    }

    /// Whether this source may do it once more now.
    pub fn allow(&mut self, source: Source, now: Duration) -> bool {
        if let Some(bucket) = self.buckets.get_mut(&source) {
            return bucket.take(self.rate, now);
        }
        if self.buckets.len() >= MAX_SOURCES
            && now.saturating_sub(self.swept) >= Duration::from_secs(1)
        {
            self.swept = now;
            let rate = self.rate;
            self.buckets.retain(|_, bucket| {
                bucket.fill(rate, now);
                bucket.left < rate.burst
            });
        }
        if self.buckets.len() >= MAX_SOURCES {
            return self.shared.take(self.rate, now);
        }
        let mut bucket = Bucket { left: self.rate.burst, at: now };
        let allowed = bucket.take(self.rate, now);
        self.buckets.insert(source, bucket);
        allowed
    }
}

/// One rate for all sources together.
#[derive(Debug)]
pub struct TotalRate {
    rate: Rate,
    bucket: Bucket,
}

impl TotalRate {
    /// This rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, bucket: Bucket { left: rate.burst, at: Duration::ZERO } }
    }

    /// Whether once more is fine now.
    pub fn allow(&mut self, now: Duration) -> bool {
        self.bucket.take(self.rate, now)
    }
}

/// Number of an inbound connection.
pub type InboundId = u64;

/// Connections whose first 16 bytes have not come yet. The oldest makes room for a new one, so nobody can fill it: who
/// means it sends them at once.
#[derive(Debug, Default)]
pub struct Lobby {
    next: InboundId,
    waiting: BTreeSet<InboundId>,
}

impl Lobby {
    /// A connection came in. Gives its number, and the one that is to be dropped for it.
    pub fn enter(&mut self) -> (InboundId, Option<InboundId>) {
        let dropped = if self.waiting.len() >= MAX_LOBBY { self.waiting.pop_first() } else { None };
        let id = self.next;
        self.next += 1;
        self.waiting.insert(id);
        (id, dropped)
    }

    /// The bytes came, or the connection is gone.
    pub fn leave(&mut self, id: InboundId) {
        self.waiting.remove(&id);
    }
}

/// Handshakes that are not finished, of inbound connections whose first 16 bytes have come.
#[derive(Debug, Default)]
pub struct Handshakes {
    strangers: BTreeMap<InboundId, (Source, Duration)>,
    contacts: BTreeSet<InboundId>,
    blobs: BTreeMap<InboundId, InstanceKey>,
}

/// What happens to an inbound connection of a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may begin its handshake.
    Admitted,
    /// The same, and this one, which has been too slow, is to be dropped for it.
    Instead(InboundId),
    /// There is no room.
    Full,
}

impl Handshakes {
    /// A connection without a contact's gate begins its handshake.
    pub fn stranger(&mut self, id: InboundId, source: Source, now: Duration) -> Admission {
        let of_source = || self.strangers.iter().filter(|(_, (of, _))| *of == source);
        let oldest = if of_source().count() >= MAX_HANDSHAKES_PER_SOURCE {
            of_source().next()
        } else if self.strangers.len() >= MAX_HANDSHAKES {
            self.strangers.first_key_value()
        } else {
            self.strangers.insert(id, (source, now));
            return Admission::Admitted;
        };
        let slow = oldest
            .filter(|(_, (_, since))| now.saturating_sub(*since) >= SLOW_HANDSHAKE)
            .map(|(id, _)| *id);
        match slow {
            None => Admission::Full,
            Some(slow) => {
                self.strangers.remove(&slow);
                self.strangers.insert(id, (source, now));
                Admission::Instead(slow)
            }
        }
    }

    /// A connection with a contact's gate begins its handshake. `false` when too many do.
    pub fn contact(&mut self, id: InboundId) -> bool {
        let room = self.contacts.len() < MAX_CONTACT_HANDSHAKES;
        if room {
            self.contacts.insert(id);
        }
        room
    }

    /// A connection with the gate of the blob connections of this instance's link begins its handshake. `false` when too
    /// many do.
    pub fn blob(&mut self, id: InboundId, instance: InstanceKey) -> bool {
        let same = self.blobs.values().filter(|of| **of == instance).count();
        let room = same < MAX_BLOB_HANDSHAKES && self.blobs.len() < MAX_CONTACT_HANDSHAKES;
        if room {
            self.blobs.insert(id, instance);
        }
        room
    }

    /// It is over, well or not.
    pub fn done(&mut self, id: InboundId) {
        self.strangers.remove(&id);
        self.contacts.remove(&id);
        self.blobs.remove(&id);
    }
}

/// Number of a stranger's link.
pub type StrangerId = u64;

/// Links of strangers. When there is no place the oldest one that has not brought its letter goes, so that nobody holds them
/// all by saying nothing: who means it brings one at once.
#[derive(Debug, Default)]
pub struct Strangers {
    next: StrangerId,
    open: BTreeMap<StrangerId, Stranger>,
}

#[derive(Debug)]
struct Stranger {
    source: Source,
    silent: bool,
}

impl Strangers {
    /// Takes a place; give it back by [`Strangers::leave`]. `None` when there is none; else its number, and that of the link
    /// that is to end for it.
    pub fn enter(&mut self, source: Source) -> Option<(StrangerId, Option<StrangerId>)> {
        let same = self.open.values().filter(|other| other.source == source).count();
        if same >= MAX_STRANGERS_PER_SOURCE {
            return None;
        }
        let dropped = if self.open.len() >= MAX_STRANGERS {
            let (oldest, _) = self.open.iter().find(|(_, other)| other.silent)?;
            Some(*oldest)
        } else {
            None
        };
        if let Some(dropped) = &dropped {
            self.open.remove(dropped);
        }
        let id = self.next;
        self.next += 1;
        self.open.insert(id, Stranger { source, silent: true });
        Some((id, dropped))
    }

    /// Its letter came.
    pub fn spoke(&mut self, id: StrangerId) {
        if let Some(stranger) = self.open.get_mut(&id) {
            stranger.silent = false;
        }
    }

    /// Gives a place back.
    pub fn leave(&mut self, id: StrangerId) {
        self.open.remove(&id);
    }
}

#[cfg(test)]
mod tests;
