//! What only two contacts can make: beacon tokens, and the 16 bytes that every dialler sends before TLS.
//!
//! Both are keyed BLAKE3 under the pair secret, cut to 16 bytes. The label and the ConnectID of whoever sends it come
//! first, so that one can't be thrown back at its maker.

use std::collections::{HashMap, VecDeque};

use nexus_identity::{ConnectId, Secret32};

/// Bytes of a gate, of a beacon's nonce and of a token.
pub const GATE_BYTES: usize = 16;

/// My own last nonces under which a gate is still let in: over a minute of beacons.
pub const KEPT_NONCES: usize = 16;

/// Seconds of the unit in which gates without a nonce count time.
pub const HOUR: u64 = 3600;

/// What a dialler sends first.
pub type Gate = [u8; GATE_BYTES];

/// The random part of a beacon that only contacts recognise.
pub type Nonce = [u8; GATE_BYTES];

/// The sender's mark for one contact in such a beacon.
pub type Token = [u8; GATE_BYTES];

const TOKEN_LABEL: &[u8] = b"nexus token v1";
const GATE_HOUR_LABEL: &[u8] = b"nexus gate hour v1";
const GATE_NONCE_LABEL: &[u8] = b"nexus gate nonce v1";
const GATE_BLOB_LABEL: &[u8] = b"nexus gate blob v1";

fn mac(secret: &Secret32, parts: &[&[u8]]) -> [u8; GATE_BYTES] {
    let mut hasher = blake3::Hasher::new_keyed(secret.expose());
    for part in parts {
        hasher.update(part);
    }
    let mut out = [0; GATE_BYTES];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// The token by which the contact that shares `secret` knows a beacon of `sender`; `head` is the beacon's first 16 bytes.
#[must_use]
pub fn token(secret: &Secret32, sender: &ConnectId, head: &[u8; 16], nonce: &Nonce) -> Token {
    mac(secret, &[TOKEN_LABEL, sender.as_bytes(), head, nonce])
}

/// The gate of `dialler` towards a listener whose last beacon carried `nonce`.
#[must_use]
pub fn gate_for_nonce(secret: &Secret32, dialler: &ConnectId, nonce: &Nonce) -> Gate {
    mac(secret, &[GATE_NONCE_LABEL, dialler.as_bytes(), nonce])
}

/// The gate of `dialler` in an hour: UTC seconds since 1970 divided by [`HOUR`].
#[must_use]
pub fn gate_for_hour(secret: &Secret32, dialler: &ConnectId, hour: u64) -> Gate {
    mac(secret, &[GATE_HOUR_LABEL, dialler.as_bytes(), &hour.to_be_bytes()])
}

/// The gate of the blob connections beside the link with this exporter: nobody but its two ends can make it.
#[must_use]
pub fn gate_for_blobs(exporter: &Secret32) -> Gate {
    mac(exporter, &[GATE_BLOB_LABEL])
}

/// Knows at any time which gates a contact may send.
///
/// All of them are computed ahead, so that a knock costs one look-up however many contacts there are.
#[derive(Debug, Default)]
pub struct GateKeeper {
    secrets: HashMap<ConnectId, Secret32>,
    nonces: VecDeque<Nonce>,
    hour: u64,
    by_nonce: HashMap<Gate, (ConnectId, Nonce)>,
    by_hour: HashMap<Gate, ConnectId>,
}

impl GateKeeper {
    /// Adds a contact, or changes its secret.
    pub fn insert(&mut self, peer: ConnectId, secret: Secret32) {
        if self.secrets.get(&peer).is_some_and(|known| known.ct_eq(&secret)) {
            return;
        }
        self.remove(&peer);
        for nonce in &self.nonces {
            self.by_nonce.insert(gate_for_nonce(&secret, &peer, nonce), (peer, *nonce));
        }
        for hour in hours(self.hour) {
            self.by_hour.insert(gate_for_hour(&secret, &peer, hour), peer);
        }
        self.secrets.insert(peer, secret);
    }

    /// Forgets a contact.
    pub fn remove(&mut self, peer: &ConnectId) {
        if self.secrets.remove(peer).is_some() {
            self.by_nonce.retain(|_, (of, _)| of != peer);
            self.by_hour.retain(|_, of| of != peer);
        }
    }

    /// A beacon of mine goes out with this nonce; the oldest of [`KEPT_NONCES`] is forgotten.
    pub fn sent_nonce(&mut self, nonce: Nonce) {
        if self.nonces.len() == KEPT_NONCES
            && let Some(old) = self.nonces.pop_front()
        {
            self.by_nonce.retain(|_, (_, of)| *of != old);
        }
        for (peer, secret) in &self.secrets {
            self.by_nonce.insert(gate_for_nonce(secret, peer, &nonce), (*peer, nonce));
        }
        self.nonces.push_back(nonce);
    }

    /// Whose gate this is at this UTC time in seconds; `None` for anything else, random bytes for one.
    pub fn check(&mut self, gate: &Gate, unix_seconds: u64) -> Option<ConnectId> {
        let hour = unix_seconds / HOUR;
        if hour != self.hour {
            self.hour = hour;
            self.by_hour = self
                .secrets
                .iter()
                .flat_map(|(peer, secret)| {
                    hours(hour).map(|hour| (gate_for_hour(secret, peer, hour), *peer))
                })
                .collect();
        }
        self.by_hour.get(gate).copied().or_else(|| self.by_nonce.get(gate).map(|(peer, _)| *peer))
    }
}

/// This hour and its neighbours, for clocks that differ.
fn hours(hour: u64) -> impl Iterator<Item = u64> {
    hour.saturating_sub(1)..=hour.saturating_add(1)
}

#[cfg(test)]
mod tests;
