//! Who was heard lately; bounded, with room for contacts whatever strangers send.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::{ConnectId, InstanceKey};

use crate::beacon::BootId;
use crate::event::Nearby;
use crate::limits::Source;

/// Devices that are remembered.
pub const MAX_NEARBY: usize = 512;

/// Strangers' devices from one source.
pub const MAX_NEARBY_PER_SOURCE: usize = 16;

/// Addresses of one device that are remembered.
pub const MAX_ADDRESSES: usize = 8;

/// Checked beacons of one device that need no second check: IPv4 and IPv6, answer or not.
pub(super) const MAX_DIGESTS: usize = 4;

/// Silence of an address after which its beacon gets an answer: the sender may have been away and not know us.
const SILENCE: Duration = Duration::from_secs(12);

/// Who a beacon is from.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    pub(super) connect_id: ConnectId,
    pub(super) instance: Option<InstanceKey>,
    pub(super) name: String,
    pub(super) by_token: bool,
    /// Of the whole beacon, when it is a signed one.
    pub(super) digest: Option<[u8; 32]>,
}

type Key = (ConnectId, Option<InstanceKey>);

#[derive(Debug)]
struct Row {
    name: String,
    by_token: bool,
    source: Source,
    addresses: Vec<At>,
    digests: Vec<[u8; 32]>,
    last: Duration,
}

#[derive(Debug)]
struct At {
    address: SocketAddr,
    boot: BootId,
    last: Duration,
}

/// What a beacon changed.
#[derive(Debug)]
pub(super) struct News {
    /// To be shown, if what is shown changed.
    pub(super) shown: Option<Nearby>,
    /// Nothing came from that address for a while.
    pub(super) silent_before: bool,
}

#[derive(Debug)]
pub(super) struct Table {
    expiry: Duration,
    rows: HashMap<Key, Row>,
}

impl Table {
    pub(super) fn new(expiry: Duration) -> Self {
        Self { expiry, rows: HashMap::new() }
    }

    /// Whether exactly this beacon was checked before.
    pub(super) fn checked_before(&self, claimed: &Claimed) -> bool {
        let row = self.rows.get(&(claimed.connect_id, claimed.instance));
        row.is_some_and(|row| claimed.digest.is_some_and(|digest| row.digests.contains(&digest)))
    }

    /// Takes a beacon in; `None` when there is no room for a stranger.
    pub(super) fn heard(
        &mut self,
        claimed: &Claimed,
        address: SocketAddr,
        boot: BootId,
        now: Duration,
    ) -> Option<News> {
        let key = (claimed.connect_id, claimed.instance);
        let source = Source::from(address.ip());
        if !self.rows.contains_key(&key) && !self.make_room(source, claimed.by_token) {
            return None;
        }
        let mut changed = false;
        let row = self.rows.entry(key).or_insert_with(|| {
            changed = true;
            let (addresses, digests) = (Vec::new(), Vec::new());
            Row {
                name: String::new(),
                by_token: claimed.by_token,
                source,
                addresses,
                digests,
                last: now,
            }
        });
        if let Some(digest) = claimed.digest.filter(|digest| !row.digests.contains(digest)) {
            if row.digests.len() >= MAX_DIGESTS {
                row.digests.remove(0);
            }
            row.digests.push(digest);
        }
        changed |= row.name != claimed.name;
        row.name.clone_from(&claimed.name);
        row.last = now;
        let known = row
            .addresses
            .iter()
            .position(|at| at.address == address)
            .map(|at| row.addresses.swap_remove(at));
        changed |= known.is_none();
        let silent_before = known.is_none_or(|at| {
            at.boot != boot || now.saturating_sub(at.last) >= SILENCE.min(self.expiry)
        });
        row.addresses.retain(|at| now.saturating_sub(at.last) < self.expiry);
        row.addresses.insert(0, At { address, boot, last: now });
        row.addresses.truncate(MAX_ADDRESSES);
        let shown = changed.then(|| nearby(&key, row, now));
        Some(News { shown, silent_before })
    }

    fn make_room(&mut self, source: Source, by_token: bool) -> bool {
        // A signed beacon may claim to be anybody's; only a token proves a contact.
        let of_source =
            || self.rows.iter().filter(|(_, row)| !row.by_token && row.source == source);
        let oldest = if !by_token && of_source().count() >= MAX_NEARBY_PER_SOURCE {
            of_source().min_by_key(|(_, row)| row.last).map(|(key, _)| *key)
        } else if self.rows.len() >= MAX_NEARBY {
            self.rows
                .iter()
                .filter(|(_, row)| !row.by_token || by_token)
                .min_by_key(|(_, row)| row.last)
                .map(|(key, _)| *key)
        } else {
            return true;
        };
        match oldest {
            Some(key) => self.rows.remove(&key).is_some(),
            None => false,
        }
    }

    /// Forgets who was not heard for too long.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<Nearby> {
        let expiry = self.expiry;
        self.take(now, |row| now.saturating_sub(row.last) >= expiry)
    }

    /// Forgets everybody.
    pub(super) fn clear(&mut self, now: Duration) -> Vec<Nearby> {
        self.take(now, |_| true)
    }

    fn take(&mut self, now: Duration, which: impl Fn(&Row) -> bool) -> Vec<Nearby> {
        let keys: Vec<Key> =
            self.rows.iter().filter(|(_, row)| which(row)).map(|(key, _)| *key).collect();
        keys.into_iter()
            .filter_map(|key| Some(nearby(&key, &self.rows.remove(&key)?, now)))
            .collect()
    }

    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.rows.values().map(|row| row.last + self.expiry).min()
    }

    pub(super) fn rows(&self, now: Duration) -> Vec<Nearby> {
        let mut rows: Vec<Nearby> =
            self.rows.iter().map(|(key, row)| nearby(key, row, now)).collect();
        rows.sort_by_key(|row| (row.last_seen, row.connect_id, row.instance));
        rows
    }
}

fn nearby((connect_id, instance): &Key, row: &Row, now: Duration) -> Nearby {
    Nearby {
        connect_id: *connect_id,
        instance: *instance,
        name: row.name.clone(),
        by_token: row.by_token,
        addresses: row.addresses.iter().map(|at| at.address).collect(),
        last_seen: now.saturating_sub(row.last),
    }
}
