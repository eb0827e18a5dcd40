//! Sockets of discovery: for each interface and family one that hears the group, and one that sends and hears answers.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::beacon::MAX_BEACON;
use crate::discovery::Destination;
use crate::hub::Hub;
use crate::interfaces::Interface;

/// IPv4 multicast group of discovery.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 78, 88);

/// IPv6 multicast group of discovery, link-local.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x4e58);

/// Datagrams that one socket takes in [`BUDGET_TIME`]; what comes beyond waits in the system's buffer or is lost there.
const BUDGET: u32 = 1000;

/// The time of a budget.
const BUDGET_TIME: Duration = Duration::from_millis(50);

/// Beacons come a few at a time, one by each way from each neighbour: a socket that has nothing left pauses for this part of
/// the interval, rather than wake the machine for each.
const PAUSES: u32 = 25;

/// Datagrams without a pause between them that are more than neighbours send: the system's buffer would overflow.
const FEW: u32 = 64;

/// Pause after a socket failed: the interface is going, or the system is short of memory.
const AFTER_ERROR: Duration = Duration::from_millis(300);

/// The sockets of all used interfaces.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: HashMap<u32, Open>,
}

#[derive(Debug)]
struct Open {
    interface: Interface,
    v4: Option<Arc<UdpSocket>>,
    v6: Option<Arc<UdpSocket>>,
    complete: bool,
    _stop: DropGuard,
}

impl Sockets {
    /// Opens what is missing and closes what is gone. What can't be opened now is tried again the next time.
    pub(crate) fn update(&mut self, hub: &Arc<Hub>, interfaces: &[Interface], port: u16) {
        self.open.retain(|_, open| open.complete && interfaces.contains(&open.interface));
        for interface in interfaces {
            self.open.entry(interface.index).or_insert_with(|| Open::new(hub, interface, port));
        }
    }

    /// Sends a datagram; errors are the interface's business (down, no route) and end with it.
    pub(crate) async fn send(&self, interface: u32, to: Destination, port: u16, bytes: &[u8]) {
        let Some(open) = self.open.get(&interface) else { return };
        match to {
            Destination::V4Group => {
                let Some(socket) = &open.v4 else { return };
                let _down = socket.send_to(bytes, (GROUP_V4, port)).await;
                if !open.interface.loopback {
                    let _down = socket.send_to(bytes, (Ipv4Addr::BROADCAST, port)).await;
                }
            }
            Destination::V6Group => {
                let Some(socket) = &open.v6 else { return };
                let group = SocketAddrV6::new(GROUP_V6, port, 0, interface);
                let _down = socket.send_to(bytes, group).await;
            }
            Destination::To(address) => {
                let socket = if address.is_ipv4() { &open.v4 } else { &open.v6 };
                if let Some(socket) = socket {
                    let _down = socket.send_to(bytes, address).await;
                }
            }
        }
    }
}

impl Open {
    fn new(hub: &Arc<Hub>, interface: &Interface, port: u16) -> Self {
        let stop = hub.stop.child_token();
        let mut complete = true;
        let mut open = |address: Option<IpAddr>| {
            let address = address?;
            match pair(interface, address, port) {
                Ok((hearing, sending)) => {
                    let sending = Arc::new(sending);
                    hear(hub, interface.index, Arc::new(hearing), &stop);
                    hear(hub, interface.index, Arc::clone(&sending), &stop);
                    Some(sending)
                }
                Err(error) => {
                    tracing::debug!(interface = interface.name, %address, %error, "no discovery here");
                    complete = false;
                    None
                }
            }
        };
        let v4 = open(interface.v4().map(IpAddr::V4));
        let v6 = open(interface.v6_link_local().map(IpAddr::V6));
        Self { interface: interface.clone(), v4, v6, complete, _stop: stop.drop_guard() }
    }
}

/// The socket that hears the group, and the one that sends, on one interface.
pub(crate) fn pair(
    interface: &Interface,
    address: IpAddr,
    port: u16,
) -> io::Result<(UdpSocket, UdpSocket)> {
    match address {
        IpAddr::V4(v4) => {
            let hearing = socket(Domain::IPV4, interface)?;
            share(&hearing)?;
            #[cfg(any(target_os = "linux", target_os = "android"))]
            hearing.set_multicast_all_v4(false)?;
            hearing.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
            hearing
                .join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(interface.index))?;
            let sending = socket(Domain::IPV4, interface)?;
            sending.set_broadcast(true)?;
            sending.set_multicast_if_v4(&v4)?;
            sending.set_multicast_ttl_v4(1)?;
            sending.set_multicast_loop_v4(true)?;
            sending.bind(&SocketAddr::from((v4, 0)).into())?;
            Ok((finish(hearing)?, finish(sending)?))
        }
        IpAddr::V6(_) => {
            let hearing = socket(Domain::IPV6, interface)?;
            share(&hearing)?;
            hearing.set_only_v6(true)?;
            hearing.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
            hearing.join_multicast_v6(&GROUP_V6, interface.index)?;
            let sending = socket(Domain::IPV6, interface)?;
            sending.set_only_v6(true)?;
            sending.set_multicast_if_v6(interface.index)?;
            sending.set_multicast_hops_v6(1)?;
            sending.set_multicast_loop_v6(true)?;
            sending.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
            Ok((finish(hearing)?, finish(sending)?))
        }
    }
}

fn socket(domain: Domain, interface: &Interface) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // Where the system does not let us, membership and multicast interface still do most of it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _denied = socket.bind_device(Some(interface.name.as_bytes()));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = interface;
    Ok(socket)
}

/// Several nodes on one host share the port.
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    #[cfg(all(
        unix,
        not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))
    ))]
    socket.set_reuse_port(true)?;
    Ok(())
}

fn finish(socket: Socket) -> io::Result<UdpSocket> {
    UdpSocket::from_std(socket.into())
}

fn hear(hub: &Arc<Hub>, interface: u32, socket: Arc<UdpSocket>, stop: &CancellationToken) {
    let (hub, stop) = (Arc::clone(hub), stop.clone());
    hub.tasks.clone().spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = hear_all(&hub, interface, &socket) => {}
        }
    });
}

async fn hear_all(hub: &Hub, interface: u32, socket: &UdpSocket) {
    let pause = hub.timing.beacon_interval / PAUSES;
    let mut buffer = [0; MAX_BEACON + 1];
    let mut left = BUDGET;
    let mut since = tokio::time::Instant::now();
    let mut heard = 0;
    loop {
        let received = match socket.try_recv_from(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if (1..FEW).contains(&heard) {
                    tokio::time::sleep(pause).await;
                }
                heard = 0;
                socket.recv_from(&mut buffer).await
            }
            other => other,
        };
        let Ok((length, source)) = received else {
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        heard += 1;
        if since.elapsed() >= BUDGET_TIME {
            (left, since) = (BUDGET, tokio::time::Instant::now());
        }
        left -= 1;
        hub.heard(interface, source, buffer.get(..length).unwrap_or(&[]));
        if left == 0 {
            tokio::time::sleep_until(since + BUDGET_TIME).await;
            (left, since) = (BUDGET, tokio::time::Instant::now());
        }
    }
}
