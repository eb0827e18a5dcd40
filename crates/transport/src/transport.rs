//! The handle on a running transport.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nexus_identity::{ConnectId, VerifiedCard};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::beacon::BootId;
use crate::blob::open::{Purpose, open};
use crate::blob::rate::{self, Measured, RateTest};
use crate::blob::{BlobError, BlobStream};
use crate::code::CloseCode;
use crate::config::{Config, LocalHello, Peer, Visibility};
use crate::dial::Dialler;
use crate::discovery::{Announcer, Discovery, Ports};
use crate::driver::{self, Setup};
use crate::event::{LinkId, LinkInfo, Nearby, RefusedRow, TransportEvent};
use crate::hub::{Hub, KnownPeer, State};
use crate::limits::{Rate, SourceRates};
use crate::tls::TlsConfigs;

/// Events that may wait for the caller.
pub const EVENT_QUEUE: usize = 1024;

/// Handshakes that one source may begin without a contact's gate.
pub const ACCEPT_RATE: Rate = Rate { per_second: 10.0, burst: 40.0 };

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Tries to find a port that is free for IPv4 and IPv6.
const PORT_TRIES: usize = 16;

/// Time that the links have to end when the transport does.
const SHUTDOWN_TIME: Duration = Duration::from_secs(2);

/// A running transport. Cheap to clone; [`Transport::shutdown`] ends it for all.
#[derive(Debug, Clone)]
pub struct Transport {
    hub: Arc<Hub>,
}

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
    #[expect(
        clippy::unused_async,
        reason = "needs a runtime around it, and may have to wait for one day"
    )]
    pub async fn start(
        config: Config,
    ) -> Result<(Self, mpsc::Receiver<TransportEvent>), StartError> {
        let tls = TlsConfigs::new(&config.instance).map_err(StartError::Tls)?;
        let listeners = bind_all(&config.listen, config.loopback_only)?;
        let boot = BootId::random(&mut rand::rng());
        let (events, receiver) = mpsc::channel(EVENT_QUEUE);
        let instance = config.instance.key();
        let me = Announcer { connect_id: config.connect_id, instance: config.instance, boot };
        let name = config.hello.card.name().unwrap_or_default().to_owned();
        let discovery = Discovery::new(me, name, config.visibility, config.enabled, &config.timing);
        let dialler = Dialler::new(instance, config.timing.clone(), config.enabled);
        let accepts = SourceRates::new(ACCEPT_RATE);
        let mut state = State::new(
            config.hello,
            config.visibility,
            config.enabled,
            dialler,
            discovery,
            accepts,
        );
        state.listening =
            listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let ports = Ports {
            v4: state.port_for(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            v6: state.port_for(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        };
        state.discovery.set_ports(ports, Duration::ZERO);
        let hub = Arc::new(Hub::new(
            config.connect_id,
            instance,
            boot,
            tls,
            config.timing,
            events,
            state,
        ));
        for listener in listeners {
            hub.tasks.spawn(driver::listen(Arc::clone(&hub), listener));
        }
        let (port, loopback_only, filter) =
            (config.discovery_port, config.loopback_only, config.interfaces);
        hub.tasks.spawn(driver::run(Arc::clone(&hub), Setup { port, loopback_only, filter }));
        Ok((Self { hub }, receiver))
    }

    /// Wants links with a peer from now on, or changes what is known of it; dials at once where there is no link.
    pub fn want(&self, peer: Peer) {
        let now = self.hub.now();
        {
            let mut guard = self.hub.state();
            let state = &mut *guard;
            let id = peer.connect_id;
            match &peer.pair_secret {
                Some(secret) => state.gates.insert(id, secret.clone()),
                None => state.gates.remove(&id),
            }
            state.discovery.set_contact(id, peer.pair_secret.clone());
            let known = state.peers.remove(&id).and_then(|known| known.card);
            let card = match (known, peer.card) {
                (Some(known), Some(told)) => Some(known.merge(&told).card),
                (known, told) => known.or(told),
            };
            if let Some(card) = &card {
                state.close_revoked(card);
            }
            state.peers.insert(id, KnownPeer { card, secret: peer.pair_secret });
            let heard: Vec<SocketAddr> = state
                .discovery
                .nearby(now)
                .into_iter()
                .filter(|nearby| nearby.connect_id == id)
                .flat_map(|nearby| nearby.addresses)
                .collect();
            state.dialler.handle_want(id, &peer.addresses, &heard, now);
        }
        self.hub.peers_changed.send_replace(());
        self.hub.changed.notify_one();
    }

    /// No longer wants a peer: its links end with `BYE(done)`, as those of strangers do.
    pub fn unwant(&self, peer: &ConnectId) {
        {
            let mut state = self.hub.state();
            state.gates.remove(peer);
            state.discovery.remove_contact(peer);
            state.peers.remove(peer);
            state.dialler.handle_unwant(peer);
        }
        self.hub.close_links(CloseCode::Done, |_, of| of == peer);
        self.hub.peers_changed.send_replace(());
        self.hub.changed.notify_one();
    }

    /// Says what `Hello` and beacons say from now on; links that are up stay.
    pub fn set_hello(&self, hello: LocalHello) {
        let now = self.hub.now();
        {
            let mut state = self.hub.state();
            let name = hello.card.name().unwrap_or_default().to_owned();
            state.discovery.set_name(&name, now);
            state.hello = hello;
        }
        self.hub.changed.notify_one();
    }

    /// A card became known by another way than a link (a letter, a record): wanted peers are updated, and links of
    /// instances that it revokes end with `BYE(not_live)`.
    pub fn merge_card(&self, card: &VerifiedCard) {
        let mut guard = self.hub.state();
        let state = &mut *guard;
        if let Some(known) = state.peers.get_mut(&card.connect_id()) {
            let merged =
                known.card.as_ref().map_or_else(|| card.clone(), |known| known.merge(card).card);
            known.card = Some(merged.clone());
            state.close_revoked(&merged);
        }
    }

    /// Changes who may notice this node. Links that are up stay.
    pub fn set_visibility(&self, visibility: Visibility) {
        let now = self.hub.now();
        {
            let mut state = self.hub.state();
            state.visibility = visibility;
            state.discovery.set_visibility(visibility, now);
        }
        self.hub.changed.notify_one();
    }

    /// Turns the network off (links end, no beacons, listeners accept nobody) or on again.
    pub fn set_enabled(&self, enabled: bool) {
        let now = self.hub.now();
        {
            let mut guard = self.hub.state();
            let state = &mut *guard;
            state.enabled = enabled;
            state.discovery.set_enabled(enabled, now);
            state.dialler.handle_enabled(enabled, now);
            if !enabled {
                state.inbound.drain().for_each(|(_, dropped)| dropped.cancel());
            }
        }
        if !enabled {
            self.hub.close_links(CloseCode::Shutdown, |_, _| true);
        }
        self.hub.changed.notify_one();
    }

    /// What failed on this side works again: whoever is waited for because of it is dialled at once.
    pub fn try_again(&self) {
        let now = self.hub.now();
        self.hub.state().dialler.handle_network_changed(now);
        self.hub.changed.notify_one();
    }

    /// Whether the network is on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.hub.state().enabled
    }

    /// Ends one link with this code.
    pub fn close_link(&self, link: LinkId, code: CloseCode) {
        self.hub.close_links(code, |id, _| id == link);
    }

    /// Opens a blob connection beside a link, to ask on it; the peer gets it as [`TransportEvent::Blob`].
    ///
    /// # Errors
    /// [`BlobError`]. After [`BlobError::NoLink`] the next link to the instance may do; after the others it is worth
    /// another try in a while.
    pub async fn open_blob(&self, link: LinkId) -> Result<BlobStream, BlobError> {
        open(&self.hub, link, Purpose::Ask).await
    }

    /// Measures how fast bytes go to the peer of a link or come from it, over a connection like those for files.
    ///
    /// # Errors
    /// [`BlobError`]; [`BlobError::TooMany`] when the peer was measured several times just now.
    pub async fn measure(&self, link: LinkId, test: RateTest) -> Result<Measured, BlobError> {
        rate::measure(open(&self.hub, link, Purpose::Measure).await?, test).await
    }

    /// Who discovery hears now.
    #[must_use]
    pub fn nearby(&self) -> Vec<Nearby> {
        self.hub.state().discovery.nearby(self.hub.now())
    }

    /// The links to wanted peers that are up.
    #[must_use]
    pub fn links(&self) -> Vec<LinkInfo> {
        self.hub.links()
    }

    /// What was refused since the start, by code and source; bounded.
    #[must_use]
    pub fn refused(&self) -> Vec<RefusedRow> {
        self.hub.state().refused.rows(self.hub.now())
    }

    /// Where this node listens; with unspecified addresses as such.
    #[must_use]
    pub fn listen_addresses(&self) -> Vec<SocketAddr> {
        self.hub.state().listening.clone()
    }

    /// Ends all links with `BYE(shutdown)`, waits for them for a moment, frees the ports.
    pub async fn shutdown(&self) {
        self.set_enabled(false);
        self.hub.stop.cancel();
        self.hub.tasks.close();
        let _late = tokio::time::timeout(SHUTDOWN_TIME, self.hub.tasks.wait()).await;
    }
}

fn bind_all(listen: &[SocketAddr], loopback_only: bool) -> Result<Vec<TcpListener>, StartError> {
    let [v4, v6] = if loopback_only {
        [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
    } else {
        [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)]
    };
    if !listen.is_empty() {
        let local = |address: SocketAddr| match address.ip() {
            ip if !loopback_only || ip.is_loopback() => address,
            IpAddr::V4(_) => SocketAddr::new(v4, address.port()),
            IpAddr::V6(_) => SocketAddr::new(v6, address.port()),
        };
        return listen
            .iter()
            .map(|address| local(*address))
            .map(|address| bind(address).map_err(|source| StartError::Listen { address, source }))
            .collect();
    }
    let any = SocketAddr::new(v4, 0);
    for _ in 0..PORT_TRIES {
        // A machine without IPv4 or without IPv6 has the other one.
        let Ok(first) = bind(any) else { break };
        let Ok(port) = first.local_addr().map(|address| address.port()) else { continue };
        match bind(SocketAddr::new(v6, port)) {
            Ok(second) => return Ok(vec![first, second]),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(_) => return Ok(vec![first]),
        }
    }
    let address = SocketAddr::new(v6, 0);
    bind(address)
        .map(|listener| vec![listener])
        .map_err(|source| StartError::Listen { address: any, source })
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // So that a node that comes back gets its port although old connections linger.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
