//! Whom the transport shall reach: everybody asked or accepted, and my own other devices.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use nexus_identity::card::VerifiedCard;
use nexus_identity::{ConnectId, Secret32};
use nexus_storage::Queries;
use nexus_storage::contacts::ContactState;
use nexus_transport::Peer;

use crate::cards::stored_card;
use crate::core::Core;
use crate::error::Answered;
use crate::lookups::{Found, Lookups};
use crate::me::Me;

/// Addresses of names that are remembered for one peer; beyond, the transport keeps what it was told.
const MAX_RESOLVED: usize = 16;

/// What the transport was told last, by peer.
pub(crate) struct Wants {
    told: BTreeMap<ConnectId, Wanted>,
    resolved: BTreeMap<ConnectId, BTreeSet<SocketAddr>>,
    lookups: Lookups,
}

#[derive(Clone)]
struct Wanted {
    card: Option<VerifiedCard>,
    pair_secret: Option<Secret32>,
    addresses: Vec<String>,
}

impl Wanted {
    fn same(&self, other: &Self) -> bool {
        self.card == other.card
            && self.addresses == other.addresses
            && self.pair_secret.is_some() == other.pair_secret.is_some()
    }

    fn peer(&self, connect_id: ConnectId, addresses: Vec<SocketAddr>) -> Peer {
        let (card, pair_secret) = (self.card.clone(), self.pair_secret.clone());
        Peer { connect_id, card, pair_secret, addresses }
    }
}

impl Wants {
    /// Nobody is wanted yet.
    pub(crate) const fn new(lookups: Lookups) -> Self {
        Self { told: BTreeMap::new(), resolved: BTreeMap::new(), lookups }
    }

    /// Tells the transport what changed since the last time.
    pub(crate) async fn update(&mut self, core: &Arc<Core>) -> Answered<()> {
        let now = core.read(wanted).await?;
        let transport = core.transport();
        for gone in self.told.keys().filter(|id| !now.contains_key(id)) {
            transport.unwant(gone);
            self.resolved.remove(gone);
            self.lookups.start(*gone, Vec::new());
        }
        for (id, wanted) in &now {
            if self.told.get(id).is_some_and(|known| known.same(wanted)) {
                continue;
            }
            let mut addresses = numeric(&wanted.addresses);
            addresses.extend(self.resolved.get(id).into_iter().flatten());
            transport.want(wanted.peer(*id, addresses));
            self.lookups.start(*id, names(&wanted.addresses, core.config.loopback_only));
        }
        self.told = now;
        Ok(())
    }

    /// Names of a peer were looked up.
    pub(crate) fn found(&mut self, core: &Arc<Core>, (peer, addresses): Found) {
        let Some(wanted) = self.told.get(&peer) else { return };
        let known = self.resolved.entry(peer).or_default();
        let new: Vec<SocketAddr> =
            addresses.into_iter().filter(|address| !known.contains(address)).collect();
        if new.is_empty() {
            return;
        }
        if known.len() + new.len() > MAX_RESOLVED {
            known.clear();
        }
        known.extend(&new);
        core.transport().want(wanted.peer(peer, new));
    }

    /// Looks all names up again: time has passed, or this machine is elsewhere.
    pub(crate) fn look_again(&mut self, core: &Arc<Core>) {
        for (id, wanted) in &self.told {
            let names = names(&wanted.addresses, core.config.loopback_only);
            if !names.is_empty() {
                self.lookups.start(*id, names);
            }
        }
    }

    /// Forgets what was told: the transport is a new one.
    pub(crate) fn forget(&mut self) {
        self.told.clear();
        self.resolved.clear();
    }
}

fn wanted(store: &Queries, me: &Me) -> Answered<BTreeMap<ConnectId, Wanted>> {
    let mut wanted = BTreeMap::new();
    for contact in store.contacts()? {
        if matches!(contact.state, ContactState::Requested | ContactState::Accepted) {
            let id = contact.connect_id;
            let one = Wanted {
                card: stored_card(&contact),
                pair_secret: me.conversation_with(&id).map(|c| c.secret.pair_secret()),
                addresses: store.addresses(&id)?.into_iter().map(|a| a.address).collect(),
            };
            wanted.insert(id, one);
        }
    }
    let id = me.connect_id();
    // My other devices, also one that this one has not heard of yet: a copy, or a restored one.
    let one = Wanted {
        card: Some(me.card.clone()),
        pair_secret: me.conversation_with(&id).map(|c| c.secret.pair_secret()),
        addresses: store.addresses(&id)?.into_iter().map(|a| a.address).collect(),
    };
    wanted.insert(id, one);
    Ok(wanted)
}

/// The addresses that need no look-up.
fn numeric(addresses: &[String]) -> Vec<SocketAddr> {
    addresses.iter().filter_map(|address| address.parse().ok()).collect()
}

/// The addresses that do. Who stays on this machine asks nobody outside for names.
fn names(addresses: &[String], loopback_only: bool) -> Vec<String> {
    let named = addresses.iter().filter(|address| address.parse::<SocketAddr>().is_err());
    named.filter(|name| !loopback_only || name.starts_with("localhost:")).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stays_on_this_machine_looks_up_no_name_but_its_own() {
        let all = ["10.0.0.1:7", "[fe80::1%2]:7", "localhost:7", "example.test:7"];
        let all = all.map(str::to_owned);
        assert_eq!(numeric(&all).len(), 2);
        assert_eq!(names(&all, false), ["localhost:7", "example.test:7"]);
        assert_eq!(names(&all, true), ["localhost:7"]);
    }
}
