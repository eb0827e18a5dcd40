//! The handle on a running transport.

use std::net::SocketAddr;

use crate::stand_in::VerifiedCard;
use nexus_identity::ConnectId;
use tokio::sync::mpsc;

use crate::code::CloseCode;
use crate::config::{Config, LocalHello, Peer, Visibility};
use crate::event::{LinkId, LinkInfo, Nearby, RefusedRow, TransportEvent};

/// Events that may wait for the caller.
pub const EVENT_QUEUE: usize = 1024;

/// A running transport. Cheap to clone; [`Transport::shutdown`] ends it for all.
#[derive(Debug, Clone)]
pub struct Transport {}

/// Why a transport can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A configured address can't be listened at: another program has the port, or the address isn't ours.
    #[error("can't listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The instance key does not make a TLS configuration.
    #[error("the instance key can't be used for TLS")]
    Tls(#[source] rustls::Error),
}

impl Transport {
    /// Binds the listeners, starts discovery. Everything runs until [`Transport::shutdown`].
    ///
    /// # Errors
    /// [`StartError`]. Discovery that can't start is no error; [`crate::doctor`] tells about it.
    #[expect(clippy::unused_async, reason = "skeleton")]
    pub async fn start(
        _config: Config,
    ) -> Result<(Self, mpsc::Receiver<TransportEvent>), StartError> {
        let (_events, receiver) = mpsc::channel(EVENT_QUEUE);
        Ok((Self {}, receiver))
    }

    /// Wants links with a peer from now on, or changes what is known of it; dials at once where there is no link.
    pub fn want(&self, _peer: Peer) {}

    /// No longer wants a peer: its links end with `BYE(unwanted)`, and it is a stranger again.
    pub fn unwant(&self, _peer: &ConnectId) {}

    /// Says what `Hello` and beacons say from now on; links that are up stay.
    pub fn set_hello(&self, _hello: LocalHello) {}

    /// A card became known by another way than a link (a letter, a record): wanted peers are updated, and links of
    /// instances that it revokes end with `BYE(not_live)`.
    pub fn merge_card(&self, _card: &VerifiedCard) {}

    /// Changes who may notice this node.
    pub fn set_visibility(&self, _visibility: Visibility) {}

    /// Turns the network off (links end, no beacons, listeners accept nobody) or on again.
    pub fn set_enabled(&self, _enabled: bool) {}

    /// Ends one link with this code.
    pub fn close_link(&self, _link: LinkId, _code: CloseCode) {}

    /// Who discovery hears now.
    #[must_use]
    pub fn nearby(&self) -> Vec<Nearby> {
        Vec::new()
    }

    /// The links to wanted peers that are up.
    #[must_use]
    pub fn links(&self) -> Vec<LinkInfo> {
        Vec::new()
    }

    /// What was refused since the start, by code and source; bounded.
    #[must_use]
    pub fn refused(&self) -> Vec<RefusedRow> {
        Vec::new()
    }

    /// Where this node listens; with unspecified addresses as such.
    #[must_use]
    pub fn listen_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    /// Ends all links with `BYE(shutdown)`, waits for them for a moment, frees the ports.
    pub async fn shutdown(&self) {}
}
