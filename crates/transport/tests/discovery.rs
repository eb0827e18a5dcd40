//! Discovery over real sockets: loopback multicast, as on one host without any network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unused_crate_dependencies,
    reason = "tests"
)]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{LIMIT, Node, Person, contacts, discovering};
use nexus_identity::Secret32;
use nexus_transport::beacon::{BootId, Head, encode_everyone};
use nexus_transport::gate::{GATE_BYTES, Gate, HOUR, gate_for_hour};
use nexus_transport::tls::TlsConfigs;
use nexus_transport::{CloseCode, Nearby, RefusedCode, TransportEvent, Visibility};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

async fn node(name: &str, seed: u64, port: u16, visibility: Visibility) -> Node {
    let person = Person::new(name, seed);
    let config = discovering(&person, port, visibility);
    Node::start_with(person, config).await
}

async fn nearby(node: &mut Node) -> Nearby {
    node.next(|event| match event {
        TransportEvent::Nearby(nearby) => Some(nearby),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn three_nodes_on_one_host_see_each_other() {
    let mut a = node("Ada", 1, 46401, Visibility::Everyone).await;
    let mut b = node("Bob", 2, 46401, Visibility::Everyone).await;
    let mut c = node("Cy", 3, 46401, Visibility::Everyone).await;
    for (node, others) in
        [(&mut a, ["Bob", "Cy"]), (&mut b, ["Ada", "Cy"]), (&mut c, ["Ada", "Bob"])]
    {
        let mut names = vec![nearby(node).await.name, nearby(node).await.name];
        names.sort();
        assert_eq!(names, others);
    }
    let row = &a.transport.nearby()[..];
    assert!(
        row.iter().any(|row| row.connect_id == b.person.id() && row.addresses == [b.address()])
    );
}

#[tokio::test]
async fn contacts_that_only_contacts_may_notice_find_each_other_without_any_address() {
    let mut a = node("Ada", 1, 46402, Visibility::Contacts).await;
    let mut b = node("Bob", 2, 46402, Visibility::Contacts).await;
    let c = node("Cy", 3, 46402, Visibility::Everyone).await;
    contacts(&a, &b);
    let (up_a, up_b) = (a.link_up().await, b.link_up().await);
    assert_eq!((up_a.peer, up_b.peer), (b.person.id(), a.person.id()));
    assert!(c.transport.nearby().is_empty());
}

#[tokio::test]
async fn a_hidden_node_is_not_seen_but_reaches_its_contact() {
    let mut a = node("Ada", 1, 46403, Visibility::Everyone).await;
    let mut b = node("Bob", 2, 46403, Visibility::Hidden).await;
    contacts(&a, &b);
    let up = b.link_up().await;
    assert_eq!(up.side, nexus_transport::Side::Dialler);
    a.link_up().await;
    assert!(a.transport.nearby().is_empty());
}

#[tokio::test]
async fn a_node_that_goes_silent_is_gone_and_comes_back() {
    let mut a = node("Ada", 1, 46404, Visibility::Everyone).await;
    let b = node("Bob", 2, 46404, Visibility::Everyone).await;
    assert_eq!(nearby(&mut a).await.connect_id, b.person.id());
    b.transport.set_enabled(false);
    let gone = a
        .next(|event| match event {
            TransportEvent::NearbyGone(gone) => Some(gone),
            _ => None,
        })
        .await;
    assert_eq!(gone.connect_id, b.person.id());
    b.transport.set_enabled(true);
    assert_eq!(nearby(&mut a).await.connect_id, b.person.id());
}

#[tokio::test]
async fn a_peer_that_restarts_is_linked_again_within_a_second_of_its_beacon() {
    let mut a = node("Ada", 1, 46405, Visibility::Everyone).await;
    let mut b = node("Bob", 2, 46405, Visibility::Everyone).await;
    contacts(&a, &b);
    let _links = (a.link_up().await, b.link_up().await);
    let person = b.person;
    // As by a kill: nobody says goodbye. The new process has another port and another boot id.
    drop(b.events);
    b.transport.shutdown().await;
    let config = discovering(&person, 46405, Visibility::Everyone);
    let started = tokio::time::Instant::now();
    let mut b = Node::start_with(person, config).await;
    b.transport.want(a.person.as_peer(&[]));
    let up = b.link_up().await;
    assert_eq!(up.peer, a.person.id());
    assert!(started.elapsed() < std::time::Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_beacons_is_counted_and_an_honest_contact_still_comes() {
    let mut a = node("Ada", 1, 46406, Visibility::Contacts).await;
    let flood = std::thread::spawn(|| {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut beacon = [0x5a; 209];
        beacon[..8].copy_from_slice(b"NEXB\x01\x00\x12\x34");
        beacon[80] = 64;
        for n in 0..30_000u64 {
            beacon[8..16].copy_from_slice(&n.to_be_bytes());
            let _full = socket.send_to(&beacon, ("239.255.78.88", 46406));
            let _full = socket.send_to(&beacon, ("127.0.0.1", 46406));
        }
    });
    let mut b = node("Bob", 2, 46406, Visibility::Contacts).await;
    contacts(&a, &b);
    let _links = (a.link_up().await, b.link_up().await);
    flood.join().unwrap();
    assert!(a.transport.refused().iter().map(|row| row.count).sum::<u64>() > 0);
    assert!(a.transport.nearby().iter().all(|row| row.connect_id == b.person.id()));
}

/// Sends a beacon until somebody comes to this door.
async fn lure(beacon: &[u8], port: u16, door: &TcpListener) -> TcpStream {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut again = tokio::time::interval(Duration::from_millis(100));
    let visit = async {
        loop {
            tokio::select! {
                accepted = door.accept() => return accepted.unwrap().0,
                _ = again.tick() => {
                    let _full = socket.send_to(beacon, ("239.255.78.88", port)).await;
                }
            }
        }
    };
    tokio::time::timeout(LIMIT, visit).await.expect("somebody dials")
}

#[tokio::test]
async fn who_beacons_as_a_contact_gets_neither_a_key_nor_a_gate_that_opens_the_contacts_door() {
    for (visibility, port) in [(Visibility::Contacts, 46407), (Visibility::Hidden, 46408)] {
        let mut a = node("Ada", 1, port, visibility).await;
        let (bob, mallory) = (Person::new("Bob", 2), Person::new("Mallory", 3));
        let secret = Secret32::new([77; 32]);
        let mut peer = bob.as_peer(&[]);
        peer.pair_secret = Some(secret.clone());
        a.transport.want(peer);
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = door.local_addr().unwrap().port();
        let head = Head { port: at, boot: BootId([3; 8]), answer: true };
        let beacon = encode_everyone(&head, &mallory.instance(), &bob.id(), "Bob");
        let mut visitor = lure(&beacon, port, &door).await;
        let mut gate: Gate = [0; GATE_BYTES];
        visitor.read_exact(&mut gate).await.unwrap();
        let hour = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / HOUR;
        for hour in hour - 1..=hour + 1 {
            assert_ne!(gate, gate_for_hour(&secret, &a.person.id(), hour));
        }
        let server = TlsConfigs::new(&mallory.instance()).unwrap().server;
        let shaken = TlsAcceptor::from(server).accept(visitor).await;
        assert!(shaken.is_err(), "the visitor's key came");
        assert_eq!(a.refused().await, RefusedCode::Link(CloseCode::NotLive));
    }
}
