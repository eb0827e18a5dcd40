//! Peers and others that do not do what they should, over real sockets.
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

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{LIMIT, Node, Person, contacts};
use nexus_identity::{Secret32, Statement};
use nexus_transport::{CloseCode, DialError, Frame, RefusedCode, TransportEvent, Visibility};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn node(name: &str, seed: u64) -> Node {
    Node::start(Person::new(name, seed)).await
}

async fn dial_error(node: &mut Node) -> DialError {
    node.next(|event| match event {
        TransportEvent::DialFailed { error, .. } => Some(error),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn somebody_else_at_the_dialled_address_is_refused() {
    let mut a = node("Ada", 1).await;
    let b = node("Bob", 2).await;
    let c = Person::new("Cy", 3);
    a.transport.want(c.as_peer(&[b.address()]));
    assert_eq!(dial_error(&mut a).await, DialError::Ended(CloseCode::WrongIdentity));
    assert!(a.transport.links().is_empty());
    assert_eq!(a.transport.refused()[0].code, RefusedCode::Link(CloseCode::WrongIdentity));
}

#[tokio::test]
async fn a_key_that_the_card_does_not_certify_is_refused() {
    let mut a = node("Ada", 1).await;
    // Mallory has Bob's card, but not Bob's instance key.
    let bob = Person::new("Bob", 2);
    let mut mallory = Person::new("Mallory", 3);
    (mallory.card, mallory.record) = (bob.card.clone(), bob.record.clone());
    let mut config = mallory.config();
    config.connect_id = bob.id();
    let mut mallory = Node::start_with(mallory, config).await;
    mallory.transport.want(a.person.as_peer(&[a.address()]));
    assert_eq!(dial_error(&mut mallory).await, DialError::Ended(CloseCode::NotLive));
    assert_eq!(a.refused().await, RefusedCode::Link(CloseCode::NotLive));
    a.transport.want(bob.as_peer(&[mallory.address()]));
    assert_eq!(dial_error(&mut a).await, DialError::Ended(CloseCode::NotLive));
}

#[tokio::test]
async fn a_revoked_instance_is_refused_although_its_own_card_does_not_say_so() {
    let mut a = node("Ada", 1).await;
    let mut b = node("Bob", 2).await;
    let revoke = Statement::Revoke { instance: b.person.key() };
    let mut peer = b.person.as_peer(&[]);
    peer.card = Some(b.person.card.with(&b.person.identity, &revoke).unwrap());
    a.transport.want(peer);
    b.want(&a);
    assert_eq!(dial_error(&mut b).await, DialError::Ended(CloseCode::NotLive));
    assert_eq!(a.refused().await, RefusedCode::Link(CloseCode::NotLive));
}

#[tokio::test]
async fn a_link_ends_when_its_instance_is_revoked() {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    a.transport.want(b.person.as_peer(&[]));
    b.want(&a);
    let (_up_a, _up_b) = (a.link_up().await, b.link_up().await);
    let revoke = Statement::Revoke { instance: b.person.key() };
    a.transport.merge_card(&b.person.card.with(&b.person.identity, &revoke).unwrap());
    assert_eq!(b.link_down().await, (CloseCode::NotLive, true));
}

/// Bytes that an attacker sends after connecting; gives what comes back until the end.
async fn attack(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let _closed = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let _reset = tokio::time::timeout(LIMIT, socket.read_to_end(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn garbage_is_refused_and_counted() {
    let mut a = node("Ada", 1).await;
    attack(a.address(), &[0x55; 4000]).await;
    assert_eq!(a.refused().await, RefusedCode::Tls);
    let rows = a.transport.refused();
    assert_eq!((rows[0].code, rows[0].count), (RefusedCode::Tls, 1));
    assert!(rows[0].source.unwrap().is_loopback());
}

#[tokio::test]
async fn a_slow_handshake_is_cut_off() {
    let mut a = node("Ada", 1).await;
    let mut socket = TcpStream::connect(a.address()).await.unwrap();
    // A gate and the first bytes of a TLS record, and then nothing.
    socket.write_all(&[0x55; 16]).await.unwrap();
    socket.write_all(&[0x16, 3, 1]).await.unwrap();
    assert_eq!(a.refused().await, RefusedCode::SlowHandshake);
    assert_eq!(socket.read(&mut [0; 10]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_keep_a_contact_out() {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    contacts(&a, &b);
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(TcpStream::connect(a.address()).await.unwrap());
    }
    let mut peer = a.person.as_peer(&[a.address()]);
    peer.pair_secret = Some(Secret32::new([77; 32]));
    b.transport.want(peer);
    b.link_up().await;
    a.link_up().await;
}

#[tokio::test]
async fn only_contacts_get_past_the_gate_of_who_is_for_contacts() {
    for visibility in [Visibility::Contacts, Visibility::Hidden] {
        let person = Person::new("Ada", 1);
        let mut config = person.config();
        config.visibility = visibility;
        let mut a = Node::start_with(person, config).await;
        let (mut b, mut c) = (node("Bob", 2).await, node("Cy", 3).await);
        contacts(&a, &b);
        c.want(&a);
        assert_eq!(dial_error(&mut c).await, DialError::ClosedEarly);
        assert_eq!(a.refused().await, RefusedCode::Gate);
        assert_eq!(attack(a.address(), &[7; 3000]).await, b"", "closed in silence");
        let mut peer = a.person.as_peer(&[a.address()]);
        peer.pair_secret = Some(Secret32::new([77; 32]));
        b.transport.want(peer);
        b.link_up().await;
    }
}

#[tokio::test]
async fn an_oversize_frame_is_not_even_sent() {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (up_a, _up_b) = (a.link_up().await, b.link_up().await);
    up_a.frames.sync.tx.send(Frame::new(1, vec![0; 200_000])).await.unwrap();
    assert_eq!(a.link_down().await, (CloseCode::Internal, false));
}

#[tokio::test]
async fn a_peer_that_sends_what_no_honest_one_does_is_cut_off() {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (up_a, _up_b) = (a.link_up().await, b.link_up().await);
    // A second HELLO.
    up_a.frames.control.tx.send(Frame::new(1, vec![0; 10])).await.unwrap();
    assert_eq!(b.link_down().await, (CloseCode::BadFrame, false));
    assert_eq!(a.link_down().await, (CloseCode::BadFrame, true));
    assert_eq!(b.transport.refused()[0].code, RefusedCode::Link(CloseCode::BadFrame));
}

#[tokio::test]
async fn strangers_get_two_links_an_address_and_a_short_time() {
    let mut b = node("Bob", 9).await;
    let mut all = Vec::new();
    for seed in 1..4 {
        let mut a = node("A", seed).await;
        a.want(&b);
        if seed < 3 {
            let up = a.link_up().await;
            all.push((a, up));
        } else {
            assert_eq!(dial_error(&mut a).await, DialError::Ended(CloseCode::Busy));
        }
    }
    assert_eq!(b.refused().await, RefusedCode::TooManyStrangers);
    for (a, _up) in &mut all {
        assert_eq!(a.link_down().await, (CloseCode::Done, true), "nothing was said for a while");
    }
}

#[tokio::test]
async fn a_stranger_that_sends_two_letters_is_cut_off() {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    a.want(&b);
    let up = a.link_up().await;
    up.frames.control.tx.send(Frame::new(2, vec![1])).await.unwrap();
    let _letter = b
        .next(|event| match event {
            TransportEvent::Letter(letter) => Some(letter),
            _ => None,
        })
        .await;
    up.frames.control.tx.send(Frame::new(2, vec![2])).await.unwrap();
    assert_eq!(a.link_down().await, (CloseCode::BadFrame, true));
    assert_eq!(b.refused().await, RefusedCode::Stranger);
}

/// A TCP relay that can stop passing bytes while it keeps both connections.
async fn frozen_on_demand(to: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let frozen = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&frozen);
    tokio::spawn(async move {
        while let Ok((inside, _)) = listener.accept().await {
            let Ok(outside) = TcpStream::connect(to).await else { continue };
            let (mut inside_read, mut inside_write) = inside.into_split();
            let (mut outside_read, mut outside_write) = outside.into_split();
            let (there, back) = (Arc::clone(&stop), Arc::clone(&stop));
            tokio::spawn(async move { pass(&mut inside_read, &mut outside_write, &there).await });
            tokio::spawn(async move { pass(&mut outside_read, &mut inside_write, &back).await });
        }
    });
    (address, frozen)
}

async fn pass(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    frozen: &AtomicBool,
) {
    let mut buffer = [0; 4096];
    while let Ok(length) = from.read(&mut buffer).await {
        if frozen.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if length == 0 || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_link_that_dies_in_silence_is_noticed_at_both_ends_and_dialled_again() {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    b.transport.want(a.person.as_peer(&[]));
    let (proxy, frozen) = frozen_on_demand(b.address()).await;
    a.transport.want(b.person.as_peer(&[proxy]));
    let (_up_a, _up_b) = (a.link_up().await, b.link_up().await);
    let since = tokio::time::Instant::now();
    frozen.store(true, Ordering::Relaxed);
    assert_eq!(a.link_down().await, (CloseCode::Lost, false));
    assert_eq!(b.link_down().await, (CloseCode::Lost, false));
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    frozen.store(false, Ordering::Relaxed);
    a.link_up().await;
}

#[tokio::test]
async fn round_trips_are_measured() {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (_up_a, _up_b) = (a.link_up().await, b.link_up().await);
    let measured = async {
        while a.transport.links()[0].rtt.is_none() {
            tokio::task::yield_now().await;
        }
        a.transport.links()[0].rtt.unwrap()
    };
    assert!(tokio::time::timeout(LIMIT, measured).await.unwrap() < Duration::from_secs(1));
}

#[tokio::test]
async fn two_devices_of_one_identity_link_with_each_other_and_each_with_the_contact() {
    let ada = Person::new("Ada", 1);
    let mut tablet = ada.second_device(50);
    let mut phone = ada;
    phone.card = tablet.card.clone();
    tablet.card = phone.card.clone();
    let (mut phone, mut tablet) = (Node::start(phone).await, Node::start(tablet).await);
    let mut b = node("Bob", 2).await;
    phone.want(&tablet);
    tablet.want(&phone);
    phone.link_up().await;
    tablet.link_up().await;
    b.transport.want(phone.person.as_peer(&[phone.address()]));
    phone.transport.want(b.person.as_peer(&[]));
    tablet.transport.want(b.person.as_peer(&[b.address()]));
    let instances =
        std::collections::BTreeSet::from([b.link_up().await.instance, b.link_up().await.instance]);
    assert_eq!(
        instances,
        std::collections::BTreeSet::from([phone.person.key(), tablet.person.key()])
    );
}
