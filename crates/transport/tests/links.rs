//! Links between two transports over real loopback sockets.
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

use common::{Node, Person};
use nexus_identity::Statement;
use nexus_transport::{CloseCode, DialError, Frame, Side, StrangerLetter, TransportEvent};

async fn pair() -> (Node, Node) {
    (Node::start(Person::new("Ada", 1)).await, Node::start(Person::new("Bob", 2)).await)
}

#[tokio::test]
async fn two_nodes_link_and_frames_arrive_in_order_on_both_streams() {
    let (mut a, mut b) = pair().await;
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (mut up_a, mut up_b) = (a.link_up().await, b.link_up().await);
    assert_eq!(
        (up_a.peer, up_a.instance, up_a.side),
        (b.person.id(), b.person.key(), Side::Dialler)
    );
    assert_eq!(
        (up_b.peer, up_b.instance, up_b.side),
        (a.person.id(), a.person.key(), Side::Listener)
    );
    assert_eq!(up_a.exporter, up_b.exporter);
    assert_ne!(*up_a.exporter.expose(), [0; 32]);
    assert_eq!(up_a.path.group, "X25519MLKEM768");
    assert_eq!(up_a.path.cipher, "TLS13_AES_128_GCM_SHA256");
    assert_eq!(up_b.redial, Some(a.address()));
    for n in 0..100u8 {
        up_a.frames.sync.tx.send(Frame::new(n, vec![n; 70_000])).await.unwrap();
        up_b.frames.control.tx.send(Frame::new(4, vec![n; 10])).await.unwrap();
        assert_eq!(up_b.frames.sync.rx.recv().await.unwrap(), Frame::new(n, vec![n; 70_000]));
        assert_eq!(up_a.frames.control.rx.recv().await.unwrap(), Frame::new(4, vec![n; 10]));
    }
    up_b.frames.sync.tx.send(Frame::new(9, b"from the listener".to_vec())).await.unwrap();
    up_b.frames.sync.tx.flushed().await.unwrap();
    assert_eq!(up_a.frames.sync.rx.recv().await.unwrap().body, b"from the listener");
    up_a.frames.closer.close(CloseCode::Violation);
    assert_eq!(b.link_down().await, (CloseCode::Violation, true));
    assert_eq!(a.link_down().await, (CloseCode::Violation, false));
}

#[tokio::test]
async fn what_was_queued_before_a_close_arrives() {
    let (mut a, mut b) = pair().await;
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (up_a, mut up_b) = (a.link_up().await, b.link_up().await);
    for n in 0..10u8 {
        up_a.frames.sync.tx.send(Frame::new(n, vec![n; 1000])).await.unwrap();
    }
    up_a.frames.closer.close(CloseCode::Shutdown);
    for n in 0..10u8 {
        assert_eq!(up_b.frames.sync.rx.recv().await.unwrap().code, n);
    }
    assert_eq!(b.link_down().await, (CloseCode::Shutdown, true));
}

#[tokio::test]
async fn a_link_that_is_dropped_ends() {
    let (mut a, mut b) = pair().await;
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (up_a, _up_b) = (a.link_up().await, b.link_up().await);
    drop(up_a);
    assert_eq!(b.link_down().await, (CloseCode::Shutdown, true));
}

#[tokio::test]
async fn shutdown_says_goodbye_and_frees_the_port() {
    let (mut a, mut b) = pair().await;
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (_up_a, _up_b) = (a.link_up().await, b.link_up().await);
    let address = a.address();
    a.transport.shutdown().await;
    assert_eq!(b.link_down().await, (CloseCode::Shutdown, true));
    std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn a_cut_network_is_joined_again() {
    let (mut a, mut b) = pair().await;
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (_up_a, _up_b) = (a.link_up().await, b.link_up().await);
    a.transport.set_enabled(false);
    assert_eq!(b.link_down().await, (CloseCode::Shutdown, true));
    assert!(a.transport.links().is_empty());
    a.transport.set_enabled(true);
    let (up_a, up_b) = (a.link_up().await, b.link_up().await);
    assert_eq!(up_a.exporter, up_b.exporter);
}

#[tokio::test]
async fn no_two_links_of_a_process_have_one_number_and_off_is_told() {
    let (mut a, mut b) = pair().await;
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    assert_ne!(a.link_up().await.link, b.link_up().await.link);
    assert!(a.transport.is_enabled());
    a.transport.set_enabled(false);
    assert!(!a.transport.is_enabled());
}

#[tokio::test]
async fn two_dials_at_once_end_as_one_link() {
    for seed in 0..6 {
        let mut a = Node::start(Person::new("Ada", 10 + seed)).await;
        let mut b = Node::start(Person::new("Bob", 20 + seed)).await;
        a.want(&b);
        b.want(&a);
        // Whatever crossed, what stays is one and the same connection at both ends, and it carries frames.
        let (mut last_a, mut last_b) = (a.link_up().await, b.link_up().await);
        while last_a.exporter != last_b.exporter {
            tokio::select! {
                up = a.link_up() => last_a = up,
                up = b.link_up() => last_b = up,
            }
        }
        last_a.frames.sync.tx.send(Frame::new(1, b"hello".to_vec())).await.unwrap();
        assert_eq!(last_b.frames.sync.rx.recv().await.unwrap().body, b"hello");
        assert_eq!((a.transport.links().len(), b.transport.links().len()), (1, 1));
    }
}

async fn letter(node: &mut Node) -> StrangerLetter {
    node.next(|event| match event {
        TransportEvent::Letter(letter) => Some(*letter),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_stranger_brings_one_letter_and_the_link_ends_with_done() {
    let (mut a, mut b) = pair().await;
    a.want(&b);
    let mut up = a.link_up().await;
    up.frames.control.tx.send(Frame::new(2, b"a sealed letter".to_vec())).await.unwrap();
    let letter = letter(&mut b).await;
    assert_eq!(
        (letter.peer, letter.letter.as_slice()),
        (a.person.id(), b"a sealed letter".as_slice())
    );
    assert_eq!(letter.redial, Some(a.address()));
    letter.reply.send(Frame::new(3, vec![1; 16])).await.unwrap();
    drop(letter);
    assert_eq!(up.frames.control.rx.recv().await.unwrap(), Frame::new(3, vec![1; 16]));
    assert_eq!(a.link_down().await, (CloseCode::Done, true));
    assert!(b.transport.links().is_empty());
}

#[tokio::test]
async fn a_stranger_that_becomes_wanted_keeps_its_link() {
    let (mut a, mut b) = pair().await;
    a.want(&b);
    let mut up_a = a.link_up().await;
    up_a.frames.sync.tx.send(Frame::new(1, b"early".to_vec())).await.unwrap();
    up_a.frames.control.tx.send(Frame::new(2, b"letter".to_vec())).await.unwrap();
    let letter = letter(&mut b).await;
    letter.reply.send(Frame::new(3, vec![1; 16])).await.unwrap();
    b.transport.want(a.person.as_peer(&[]));
    drop(letter);
    let mut up_b = b.link_up().await;
    assert_eq!(up_a.exporter, up_b.exporter);
    assert_eq!(up_a.frames.control.rx.recv().await.unwrap().code, 3);
    assert_eq!(up_b.frames.sync.rx.recv().await.unwrap().body, b"early");
}

#[tokio::test]
async fn a_stranger_that_becomes_wanted_with_a_card_that_revokes_it_gets_no_link() {
    let (mut a, mut b) = pair().await;
    a.want(&b);
    let up_a = a.link_up().await;
    up_a.frames.control.tx.send(Frame::new(2, b"letter".to_vec())).await.unwrap();
    let letter = letter(&mut b).await;
    // What a letter by another device, or my own store, tells meanwhile.
    let revoke = Statement::Revoke { instance: a.person.key() };
    let mut peer = a.person.as_peer(&[]);
    peer.card = Some(a.person.card.with(&a.person.identity, &revoke).unwrap());
    b.transport.want(peer.clone());
    drop(letter);
    assert_eq!(a.link_down().await, (CloseCode::NotLive, true));
    assert!(b.transport.links().is_empty());
    // And it is not forgotten for what that link had said.
    b.transport.want(a.person.as_peer(&[a.address()]));
    let error = b.next(|event| match event {
        TransportEvent::DialFailed { error, .. } => Some(error),
        _ => None,
    });
    assert_eq!(error.await, DialError::Ended(CloseCode::NotLive));
}
