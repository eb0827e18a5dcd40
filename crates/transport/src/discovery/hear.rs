//! What comes in: beacons of others, and whose they are.

use std::net::SocketAddr;
use std::time::Duration;

use rand::CryptoRng;

use super::table::{Claimed, News};
use super::{Destination, Discovery, DiscoveryOutput};
use crate::beacon::{Beacon, BeaconError, Claim, MAX_BEACON};
use crate::code::RefusedCode;
use crate::config::Visibility;
use crate::dial::Heard;
use crate::gate::token;
use crate::limits::Source;

impl Discovery {
    /// A datagram came in on an interface.
    pub fn handle_datagram(
        &mut self,
        interface: u32,
        source: SocketAddr,
        bytes: &[u8],
        now: Duration,
        rng: &mut (impl CryptoRng + ?Sized),
    ) {
        if !self.enabled || bytes.get(8..16) == Some(&self.me.boot.0) {
            return;
        }
        let Some(on) = self.interfaces.get(&interface) else { return };
        // Beacons never pass a router: what comes from elsewhere is somebody's attempt to make this node speak.
        if !on.interface.is_on_link(source.ip()) {
            return;
        }
        let own = on.interface.loopback
            || on.interface.addresses.iter().any(|(at, _)| *at == source.ip().to_canonical());
        let rates = if own { &mut self.own } else { &mut self.sources };
        if !rates.allow(Source::from(source.ip()), now) {
            self.outputs.push_back(DiscoveryOutput::Refused(RefusedCode::BeaconFlood, source));
            return;
        }
        let beacon =
            if bytes.len() > MAX_BEACON { Err(BeaconError::Length) } else { Beacon::decode(bytes) };
        match beacon {
            Ok(beacon) => self.handle_beacon(interface, source, &beacon, bytes, now, rng),
            Err(BeaconError::Version) => {}
            Err(_) => {
                self.outputs.push_back(DiscoveryOutput::Refused(RefusedCode::BadBeacon, source))
            }
        }
    }

    fn handle_beacon(
        &mut self,
        interface: u32,
        source: SocketAddr,
        beacon: &Beacon,
        bytes: &[u8],
        now: Duration,
        rng: &mut (impl CryptoRng + ?Sized),
    ) {
        let Some(claimed) = self.recognise(beacon, bytes, source, now) else { return };
        let mut address = source;
        address.set_port(beacon.head.port);
        let contact = self.contacts.contains_key(&claimed.connect_id);
        let news = self.table.heard(&claimed, address, beacon.head.boot, now);
        let nonce = match &beacon.claim {
            Claim::Contacts { nonce, .. } => Some(*nonce),
            Claim::Everyone { .. } => None,
        };
        if contact {
            self.outputs.push_back(DiscoveryOutput::Heard(Heard {
                peer: claimed.connect_id,
                instance: claimed.instance,
                boot: beacon.head.boot,
                address,
                by_token: claimed.by_token,
                nonce,
            }));
        }
        let Some(News { shown, silent_before }) = news else { return };
        if let Some(nearby) = shown {
            self.outputs.push_back(DiscoveryOutput::Nearby(nearby));
        }
        // Anybody may claim to be a contact in a beacon for everyone.
        let welcome = self.visibility == Visibility::Everyone || (contact && claimed.by_token);
        if silent_before
            && !beacon.head.answer
            && welcome
            && self.answers.allow(Source::from(source.ip()), now)
        {
            let port = if source.is_ipv4() { self.ports.v4 } else { self.ports.v6 };
            if let Some(bytes) = port.and_then(|port| self.beacon(port, true, now, rng)) {
                self.outputs.push_back(DiscoveryOutput::Send {
                    interface,
                    to: Destination::To(source),
                    bytes,
                });
            }
        }
    }

    /// Whose beacon this is; `None` when it is nobody's that counts, or there are too many to check.
    fn recognise(
        &mut self,
        beacon: &Beacon,
        bytes: &[u8],
        source: SocketAddr,
        now: Duration,
    ) -> Option<Claimed> {
        match &beacon.claim {
            Claim::Everyone { instance, connect_id, name, .. } => {
                if *instance == self.me.instance.key() {
                    return None;
                }
                let digest = *blake3::hash(bytes).as_bytes();
                let claimed = Claimed {
                    connect_id: *connect_id,
                    instance: Some(*instance),
                    name: name.clone(),
                    by_token: false,
                    digest: Some(digest),
                };
                if self.table.checked_before(&claimed) {
                    return Some(claimed);
                }
                if !self.checks.allow(now) {
                    return None;
                }
                if beacon.verify(bytes).is_err() {
                    self.outputs
                        .push_back(DiscoveryOutput::Refused(RefusedCode::BadBeacon, source));
                    return None;
                }
                Some(claimed)
            }
            Claim::Contacts { nonce, tokens } => {
                if !self.checks.allow(now) {
                    return None;
                }
                let head = beacon.head_bytes();
                let sender = self.contacts.iter().find_map(|(peer, secret)| {
                    let expected = token(secret.as_ref()?, peer, &head, nonce);
                    tokens.contains(&expected).then_some(*peer)
                })?;
                if !self.heard.is_fresh(sender, nonce, now) {
                    let refused = DiscoveryOutput::Refused(RefusedCode::ReplayedBeacon, source);
                    self.outputs.push_back(refused);
                    return None;
                }
                Some(Claimed {
                    connect_id: sender,
                    instance: None,
                    name: String::new(),
                    by_token: true,
                    digest: None,
                })
            }
        }
    }
}
