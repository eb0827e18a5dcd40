//! What all tasks of a transport share, and the decisions that need to see all of it.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nexus_identity::{ConnectId, InstanceKey, Secret32, VerifiedCard};
use rand::RngExt;
use rustls::ClientConfig;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::beacon::BootId;
use crate::blob::table::Blobs;
use crate::code::{CloseCode, RefusedCode};
use crate::config::{LocalHello, Timing, Visibility};
use crate::dial::{AttemptId, Dialler, Knock};
use crate::discovery::Discovery;
use crate::event::{DialError, LinkId, TransportEvent};
use crate::gate::{Gate, GateKeeper, HOUR, gate_for_hour, gate_for_nonce};
use crate::handshake::Dial;
use crate::hello::Hello;
use crate::limits::{
    Admission, Handshakes, InboundId, Lobby, STRANGER_RATE, Source, SourceRates, StrangerId,
    Strangers, TotalRate,
};
use crate::refused::RefusedTable;
use crate::tls::TlsConfigs;

mod blobs;
mod links;

pub(crate) use blobs::Wish;
use links::LinkEntry;
pub(crate) use links::{Admitted, Place, redial};

/// Shared by all tasks.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) connect_id: ConnectId,
    pub(crate) instance: InstanceKey,
    pub(crate) boot: BootId,
    pub(crate) tls: TlsConfigs,
    pub(crate) timing: Timing,
    pub(crate) events: mpsc::Sender<TransportEvent>,
    /// Something changed that the driver should look at.
    pub(crate) changed: Notify,
    /// The machine woke up: links make sure that they still live.
    pub(crate) woken: watch::Sender<()>,
    /// The set of wanted peers changed.
    pub(crate) peers_changed: watch::Sender<()>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    start: Instant,
    state: Mutex<State>,
}

/// What changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) enabled: bool,
    pub(crate) visibility: Visibility,
    pub(crate) hello: LocalHello,
    pub(crate) listening: Vec<SocketAddr>,
    pub(crate) peers: HashMap<ConnectId, KnownPeer>,
    pub(crate) gates: GateKeeper,
    pub(crate) dialler: Dialler,
    pub(crate) discovery: Discovery,
    pub(crate) lobby: Lobby,
    pub(crate) handshakes: Handshakes,
    pub(crate) accepts: SourceRates,
    pub(crate) knocks: TotalRate,
    pub(crate) strangers: Strangers,
    pub(crate) stranger_links: HashMap<StrangerId, CancellationToken>,
    pub(crate) refused: RefusedTable,
    pub(crate) dials: HashMap<AttemptId, CancellationToken>,
    pub(crate) inbound: HashMap<InboundId, CancellationToken>,
    pub(crate) blobs: Blobs,
    links: BTreeMap<LinkId, LinkEntry>,
}

/// What a gate opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The way to a link.
    Link,
    /// The way to a blob connection beside the link to this instance.
    Blob(InstanceKey),
}

/// A wanted peer.
#[derive(Debug, Clone)]
pub(crate) struct KnownPeer {
    pub(crate) card: Option<VerifiedCard>,
    pub(crate) secret: Option<Secret32>,
}

/// UTC seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Hub {
    pub(crate) fn new(
        connect_id: ConnectId,
        instance: InstanceKey,
        boot: BootId,
        tls: TlsConfigs,
        timing: Timing,
        events: mpsc::Sender<TransportEvent>,
        state: State,
    ) -> Self {
        Self {
            connect_id,
            instance,
            boot,
            tls,
            timing,
            events,
            changed: Notify::new(),
            woken: watch::Sender::new(()),
            peers_changed: watch::Sender::new(()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            start: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// Time since the start; what the machines know as now.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The state. Never held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the caller something that it may miss when it does not keep up.
    pub(crate) fn tell(&self, event: TransportEvent) {
        let _full = self.events.try_send(event);
    }

    pub(crate) fn visibility(&self) -> Visibility {
        self.state().visibility
    }

    /// My `Hello` on a connection with this local address.
    pub(crate) fn hello(&self, local: SocketAddr) -> Hello {
        let state = self.state();
        Hello::local(
            self.connect_id,
            &state.hello,
            state.port_for(local.ip()).unwrap_or(0),
            self.boot,
        )
    }

    /// The gate that tells a peer that I am a contact; random if we share no secret, and where anybody may listen: the gate
    /// of the hour would open that peer's real door to whoever got it.
    pub(crate) fn gate_towards(&self, dial: &Dial) -> Gate {
        let state = self.state();
        let secret = state.peers.get(&dial.peer).and_then(|known| known.secret.as_ref());
        match (secret, &dial.knock) {
            (Some(secret), Knock::Nonce(nonce)) => gate_for_nonce(secret, &self.connect_id, nonce),
            (Some(secret), Knock::Hour) => {
                gate_for_hour(secret, &self.connect_id, unix_seconds() / HOUR)
            }
            (None, _) | (_, Knock::Stranger) => rand::rng().random(),
        }
    }

    /// Whether to ask who is there before this side shows itself: what only contacts may notice tells no address of a peer
    /// whose card was never seen.
    pub(crate) fn must_ask(&self, peer: &ConnectId) -> bool {
        let state = self.state();
        let unknown = state.peers.get(peer).is_none_or(|known| known.card.is_none());
        state.visibility != Visibility::Everyone && unknown && *peer != self.connect_id
    }

    /// How to dial a peer: a node that only contacts may notice shows its own key to those keys only that the peer's card
    /// counts as live, be it the one that was `asked` for just now.
    pub(crate) fn client_towards(
        &self,
        peer: &ConnectId,
        asked: Option<&VerifiedCard>,
    ) -> Arc<ClientConfig> {
        let state = self.state();
        let card = state.peers.get(peer).and_then(|known| known.card.as_ref()).or(asked);
        match (state.visibility, card) {
            (Visibility::Everyone, _) | (_, None) => Arc::clone(&self.tls.client),
            (_, Some(card)) => self.tls.client_only(card.live().map(|(key, _)| key).collect()),
        }
    }

    /// The gate of an inbound connection is here: may it go on to TLS?
    pub(crate) fn pass_gate(
        &self,
        id: InboundId,
        gate: &Gate,
        source: SocketAddr,
    ) -> Result<Door, RefusedCode> {
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        state.lobby.leave(id);
        if let Some(instance) = state.blobs.behind_gate(gate) {
            return state.pass_blob_gate(id, &instance, now).map(|()| Door::Blob(instance));
        }
        if state.gates.check(gate, unix_seconds()).is_some() {
            return if state.handshakes.contact(id) {
                Ok(Door::Link)
            } else {
                Err(RefusedCode::TooManyHandshakes)
            };
        }
        if state.visibility != Visibility::Everyone {
            return Err(RefusedCode::Gate);
        }
        let source = Source::from(source.ip());
        if !state.accepts.allow(source, now) || !state.knocks.allow(now) {
            return Err(RefusedCode::TooManyHandshakes);
        }
        match state.handshakes.stranger(id, source, now) {
            Admission::Admitted => Ok(Door::Link),
            Admission::Full => Err(RefusedCode::TooManyHandshakes),
            Admission::Instead(slow) => {
                if let Some(dropped) = state.inbound.remove(&slow) {
                    dropped.cancel();
                }
                Ok(Door::Link)
            }
        }
    }

    /// An inbound connection came: its number, and what tells it to go. `None` while the network is off.
    pub(crate) fn enter(&self) -> Option<(InboundId, CancellationToken)> {
        let mut guard = self.state();
        let state = &mut *guard;
        if !state.enabled {
            return None;
        }
        let (id, oldest) = state.lobby.enter();
        if let Some(dropped) = oldest.and_then(|oldest| state.inbound.remove(&oldest)) {
            dropped.cancel();
        }
        let dropped = self.stop.child_token();
        state.inbound.insert(id, dropped.clone());
        Some((id, dropped))
    }

    /// An inbound connection is a link now, or gone.
    pub(crate) fn entered(&self, id: InboundId) {
        let mut state = self.state();
        state.lobby.leave(id);
        state.handshakes.done(id);
        state.inbound.remove(&id);
    }

    /// Whether this side may say who it is to whoever listens with this key. One that only contacts may notice tells no
    /// key that the contact's card does not name.
    pub(crate) fn may_greet(&self, peer: &ConnectId, instance: &InstanceKey) -> bool {
        if *peer == self.connect_id {
            // A device of mine that was revoked learns it from the card in my `Hello`; there is no link all the same.
            return true;
        }
        let state = self.state();
        let card = state.peers.get(peer).and_then(|known| known.card.as_ref());
        card.is_none_or(|card| match state.visibility {
            Visibility::Everyone => !card.is_revoked(instance),
            Visibility::Contacts | Visibility::Hidden => card.is_live(instance),
        })
    }

    /// TLS of a dial is through; from here on it is not cancelled.
    pub(crate) fn dial_proven(&self, attempt: AttemptId, instance: InstanceKey) -> bool {
        let mut state = self.state();
        state.dials.remove(&attempt);
        state.dialler.handle_proven(attempt, instance)
    }

    pub(crate) fn dial_failed(&self, dial: &Dial, error: DialError) {
        let now = self.now();
        let pause = {
            let mut state = self.state();
            state.dials.remove(&dial.attempt);
            state.dialler.handle_failed(dial.attempt, error, now, &mut rand::rng())
        };
        self.changed.notify_one();
        // That another link took over is no failure.
        if let Some(retry_in) = pause.filter(|_| error != DialError::Ended(CloseCode::Replaced)) {
            self.tell(TransportEvent::DialFailed {
                peer: dial.peer,
                address: dial.address,
                error,
                retry_in,
            });
        }
    }

    pub(crate) fn known_card(&self, peer: &ConnectId) -> Option<VerifiedCard> {
        self.state().peers.get(peer).and_then(|known| known.card.clone())
    }

    pub(crate) fn is_wanted(&self, peer: &ConnectId) -> bool {
        self.state().peers.contains_key(peer)
    }

    /// Returns once `peer` is wanted. Cancel-safe.
    pub(crate) async fn wanted(&self, peers: &mut watch::Receiver<()>, peer: &ConnectId) {
        while !self.is_wanted(peer) {
            if peers.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Counts something refused, and tells of it now and then.
    pub(crate) fn refuse(&self, code: RefusedCode, source: SocketAddr) {
        if self.state().refused.count(code, source.ip(), self.now()) {
            self.tell(TransportEvent::Refused { code, source });
        }
    }
}

impl State {
    /// What the start gives, and nothing else yet.
    pub(crate) fn new(
        hello: LocalHello,
        visibility: Visibility,
        enabled: bool,
        dialler: Dialler,
        discovery: Discovery,
        accepts: SourceRates,
    ) -> Self {
        Self {
            enabled,
            visibility,
            hello,
            listening: Vec::new(),
            peers: HashMap::new(),
            gates: GateKeeper::default(),
            dialler,
            discovery,
            lobby: Lobby::default(),
            handshakes: Handshakes::default(),
            accepts,
            knocks: TotalRate::new(STRANGER_RATE),
            strangers: Strangers::default(),
            stranger_links: HashMap::new(),
            refused: RefusedTable::default(),
            dials: HashMap::new(),
            inbound: HashMap::new(),
            blobs: Blobs::default(),
            links: BTreeMap::new(),
        }
    }

    /// The port at which peers of this address's family can dial.
    pub(crate) fn port_for(&self, address: IpAddr) -> Option<u16> {
        let v4 = address.to_canonical().is_ipv4();
        self.listening.iter().find(|at| at.is_ipv4() == v4).map(SocketAddr::port)
    }
}
