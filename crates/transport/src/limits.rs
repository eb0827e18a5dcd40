//! Limits on what strangers can make this node do: rates by source, unfinished handshakes, strangers' links.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

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

    /// It is over, well or not.
    pub fn done(&mut self, id: InboundId) {
        self.strangers.remove(&id);
        self.contacts.remove(&id);
    }
}

/// Links of strangers.
#[derive(Debug, Default)]
pub struct Strangers {
    open: Vec<Source>,
}

impl Strangers {
    /// Takes a place; give it back by [`Strangers::leave`]. `false` when there is none.
    pub fn enter(&mut self, source: Source) -> bool {
        let same = self.open.iter().filter(|other| **other == source).count();
        let room = self.open.len() < MAX_STRANGERS && same < MAX_STRANGERS_PER_SOURCE;
        if room {
            self.open.push(source);
        }
        room
    }

    /// Gives a place back.
    pub fn leave(&mut self, source: Source) {
        if let Some(position) = self.open.iter().position(|other| *other == source) {
            self.open.swap_remove(position);
        }
    }
}

#[cfg(test)]
mod tests;
