//! The task that gives the machines their time and does what they say.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::dial::DialOutput;
use crate::discovery::DiscoveryOutput;
use crate::event::TransportEvent;
use crate::handshake::{self, Accepted, Dial, DialEnd};
use crate::hub::Hub;
use crate::interfaces::{Interface, InterfaceFilter, scan};
use crate::session;
use crate::udp::Sockets;
use crate::wake::Wake;

/// How discovery is set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) port: u16,
    pub(crate) loopback_only: bool,
    pub(crate) filter: InterfaceFilter,
}

enum Output {
    Discovery(DiscoveryOutput),
    Dial(DialOutput),
}

/// Runs until the transport stops.
pub(crate) async fn run(hub: Arc<Hub>, setup: Setup) {
    let mut sockets = Sockets::default();
    let mut surroundings = Surroundings::new();
    loop {
        let next_look = surroundings.look(&hub, &setup, &mut sockets);
        hub.pass_time();
        while let Some(output) = hub.next_output() {
            act(&hub, &setup, &sockets, output).await;
        }
        let next = hub.next_timeout().map_or(next_look, |next| next.min(next_look));
        tokio::select! {
            () = hub.stop.cancelled() => return,
            () = hub.changed.notified() => {}
            () = tokio::time::sleep(next.saturating_sub(hub.now())) => {}
        }
    }
}

/// What changes around this machine: its interfaces, and whether it slept.
struct Surroundings {
    next_look: Duration,
    wake: Wake,
    addresses: Vec<SocketAddr>,
    own: Vec<IpAddr>,
    first: bool,
}

impl Surroundings {
    fn new() -> Self {
        Self {
            next_look: Duration::ZERO,
            wake: Wake::default(),
            addresses: Vec::new(),
            own: Vec::new(),
            first: true,
        }
    }

    /// Looks, if it is time to. Gives the time of the next look.
    fn look(&mut self, hub: &Arc<Hub>, setup: &Setup, sockets: &mut Sockets) -> Duration {
        let now = hub.now();
        if now < self.next_look {
            return self.next_look;
        }
        self.next_look = now + hub.timing.interface_poll;
        let slept = self.wake.look(SystemTime::now(), now, self.next_look);
        if slept {
            tracing::info!("this machine slept: links are tried, and beacons sent");
            hub.woken.send_replace(());
        }
        let all = match scan(&setup.filter, setup.loopback_only) {
            Ok(all) => all,
            Err(error) => {
                tracing::debug!(%error, "the system does not tell its interfaces");
                return self.next_look;
            }
        };
        let mut own: Vec<IpAddr> = all
            .iter()
            .flat_map(|interface| interface.addresses.iter().map(|(address, _)| *address))
            .collect();
        own.sort_unstable();
        let used: Vec<Interface> =
            all.into_iter().filter(|interface| interface.unused.is_none()).collect();
        if setup.port != 0 {
            sockets.update(hub, &used, setup.port);
        }
        let addresses: Vec<SocketAddr> = used
            .iter()
            .flat_map(|interface| interface.addresses.iter().map(|(address, _)| *address))
            .filter_map(|address| Some(SocketAddr::new(address, hub.state().port_for(address)?)))
            .collect();
        let changed = hub.state().discovery.handle_interfaces(used, now);
        if changed || slept {
            hub.network_changed(slept);
        }
        if own != self.own && !self.first {
            // Also addresses that discovery does not use may carry links, over a VPN for one.
            hub.close_stranded(|address| {
                address.is_loopback() || own.binary_search(&address).is_ok()
            });
            hub.woken.send_replace(());
        }
        self.own = own;
        if (addresses != self.addresses || slept) && !self.first {
            hub.tell(TransportEvent::AddressesChanged(addresses.clone()));
        }
        self.addresses = addresses;
        self.first = false;
        self.next_look
    }
}

impl Hub {
    /// A datagram came on the discovery port or on a sending socket.
    pub(crate) fn heard(&self, interface: u32, source: SocketAddr, bytes: &[u8]) {
        let now = self.now();
        let mut state = self.state();
        state.discovery.handle_datagram(interface, source, bytes, now, &mut rand::rng());
        // A beacon of a contact whose link is up changes nothing: the driver sleeps on.
        let mut changed = false;
        while let Some(heard) = state.discovery.poll_heard() {
            changed |= state.dialler.handle_heard(&heard, now);
        }
        if changed || state.discovery.has_output() {
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Interfaces changed, or the machine woke up.
    fn network_changed(&self, slept: bool) {
        let now = self.now();
        let mut state = self.state();
        if slept {
            state.discovery.handle_woken(now);
        }
        state.dialler.handle_network_changed(now);
    }

    fn pass_time(&self) {
        let now = self.now();
        self.state().discovery.handle_timeout(now, &mut rand::rng());
    }

    fn next_timeout(&self) -> Option<Duration> {
        let now = self.now();
        let state = self.state();
        state.discovery.poll_timeout().into_iter().chain(state.dialler.poll_timeout(now)).min()
    }

    /// The next thing to do; what concerns the machines among themselves is done here.
    fn next_output(&self) -> Option<Output> {
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        loop {
            match state.discovery.poll_output() {
                Some(DiscoveryOutput::SentNonce(nonce)) => state.gates.sent_nonce(nonce),
                Some(DiscoveryOutput::Heard(heard)) => {
                    state.dialler.handle_heard(&heard, now);
                }
                Some(output) => return Some(Output::Discovery(output)),
                None => return state.dialler.poll_output(now).map(Output::Dial),
            }
        }
    }
}

async fn act(hub: &Arc<Hub>, setup: &Setup, sockets: &Sockets, output: Output) {
    match output {
        Output::Discovery(DiscoveryOutput::Send { interface, to, bytes }) => {
            sockets.send(interface, to, setup.port, &bytes).await;
        }
        Output::Discovery(DiscoveryOutput::Nearby(nearby)) => {
            hub.tell(TransportEvent::Nearby(nearby))
        }
        Output::Discovery(DiscoveryOutput::Gone(nearby)) => {
            hub.tell(TransportEvent::NearbyGone(nearby))
        }
        Output::Discovery(DiscoveryOutput::Refused(code, source)) => hub.refuse(code, source),
        Output::Discovery(DiscoveryOutput::SentNonce(_) | DiscoveryOutput::Heard(_)) => {}
        Output::Dial(DialOutput::Start { attempt, peer, address, knock, why }) => {
            start_dial(hub, Dial { attempt, peer, address, knock, why });
        }
        Output::Dial(DialOutput::Cancel(attempt)) => {
            if let Some(dropped) = hub.state().dials.remove(&attempt) {
                dropped.cancel();
            }
        }
    }
}

fn start_dial(hub: &Arc<Hub>, dial: Dial) {
    let dropped = hub.stop.child_token();
    hub.state().dials.insert(dial.attempt, dropped.clone());
    hub.tell(TransportEvent::Dialling { peer: dial.peer, address: dial.address });
    let hub = Arc::clone(hub);
    hub.tasks.clone().spawn(async move {
        let outcome = tokio::select! {
            outcome = handshake::dial(&hub, &dial) => outcome,
            () = dropped.cancelled() => return,
        };
        match outcome {
            Ok((established, admitted)) => session::run(hub, established, admitted).await,
            Err(DialEnd::Failed(error)) => hub.dial_failed(&dial, error),
            Err(DialEnd::Needless) => hub.changed.notify_one(),
        }
    });
}

/// Accepts connections until the transport stops.
pub(crate) async fn listen(hub: Arc<Hub>, listener: tokio::net::TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = hub.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, remote)) = accepted else {
            // Out of file descriptors, most likely; do not spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Some((id, dropped)) = hub.enter() else { continue };
        let remote = canonical(remote);
        let hub = Arc::clone(&hub);
        hub.tasks.clone().spawn(async move {
            let outcome = handshake::accept(&hub, id, socket, remote, &dropped).await;
            hub.entered(id);
            match outcome {
                Some(Accepted::Link(established, admitted)) => {
                    session::run(hub, *established, admitted).await;
                }
                Some(Accepted::Blob(arrived)) => arrived.hand_over(&hub).await,
                None => {}
            }
        });
    }
}

/// An IPv4 peer on a dual-stack socket is an IPv4 peer.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}
