//! Whom the transport shall reach: everybody asked or accepted, and my own other devices.

use std::collections::BTreeMap;
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
use crate::me::Me;

/// What the transport was told last, by peer.
#[derive(Default)]
pub(crate) struct Wants(BTreeMap<ConnectId, Wanted>);

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
}

impl Wants {
    /// Tells the transport what changed since the last time.
    pub(crate) async fn update(&mut self, core: &Arc<Core>) -> Answered<()> {
        let now = core.read(wanted).await?;
        let transport = core.transport();
        for gone in self.0.keys().filter(|id| !now.contains_key(id)) {
            transport.unwant(gone);
        }
        for (id, wanted) in &now {
            if self.0.get(id).is_some_and(|known| known.same(wanted)) {
                continue;
            }
            transport.want(Peer {
                connect_id: *id,
                card: wanted.card.clone(),
                pair_secret: wanted.pair_secret.clone(),
                addresses: resolve(&wanted.addresses).await,
            });
        }
        self.0 = now;
        Ok(())
    }

    /// Forgets what was told: the transport is a new one.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
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

/// `host:port` texts as addresses; names are looked up, what can't be is left out.
async fn resolve(addresses: &[String]) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for address in addresses {
        match address.parse() {
            Ok(address) => found.push(address),
            Err(_) => match tokio::net::lookup_host(address).await {
                Ok(resolved) => found.extend(resolved.take(4)),
                Err(error) => tracing::debug!(%address, %error, "an address can't be looked up"),
            },
        }
    }
    found
}
