//! Blob connections beside a link, over real loopback sockets.
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

use common::{LIMIT, Node, Person, contacts, short};
use nexus_identity::{ConnectId, Secret32, Statement};
use nexus_transport::blob::rate::MAX_RATE_BYTES;
use nexus_transport::blob::{BLOB_BUFFER, MAX_BLOB_HANDSHAKES, MAX_BLOBS_PER_SIDE};
use nexus_transport::gate::gate_for_blobs;
use nexus_transport::tls::{BLOB_ALPN, TlsConfigs, server_name};
use nexus_transport::{
    BlobError, BlobStream, CloseCode, Frame, LinkUp, RateTest, RefusedCode, TransportEvent,
    Visibility,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

async fn node(name: &str, seed: u64) -> Node {
    Node::start(Person::new(name, seed)).await
}

/// Two nodes, linked; Ada dialled.
async fn linked() -> (Node, Node, LinkUp, LinkUp) {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    b.transport.want(a.person.as_peer(&[]));
    a.want(&b);
    let (up_a, up_b) = (a.link_up().await, b.link_up().await);
    (a, b, up_a, up_b)
}

/// Opens one from `from`, and gives both ends.
async fn open(from: &Node, up: &LinkUp, to: &mut Node) -> (BlobStream, BlobStream) {
    let (opened, came) = tokio::join!(from.transport.open_blob(up.link), to.blob());
    (opened.unwrap(), came)
}

/// Waits for the end of a stream: `true` if it ended in good order.
async fn over(stream: &mut BlobStream) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await.unwrap().is_ok()
}

/// Waits until this was refused so often.
async fn refused(node: &Node, code: RefusedCode, times: u64) {
    let counted = async {
        let times_now = || {
            let rows = node.transport.refused();
            rows.iter().filter(|row| row.code == code).map(|row| row.count).sum::<u64>()
        };
        while times_now() < times {
            tokio::task::yield_now().await;
        }
        assert_eq!(times_now(), times);
    };
    tokio::time::timeout(LIMIT, counted).await.unwrap();
}

async fn talk(one: &mut BlobStream, other: &mut BlobStream) {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut ends = [&mut *one, &mut *other];
        let sent: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
        let (bytes, mut got) = (sent.clone(), vec![0; sent.len()]);
        let [first, second] = &mut ends;
        let (writer, reader) = if (from, to) == (0, 1) { (first, second) } else { (second, first) };
        let writing = async {
            writer.write_all(&bytes).await.unwrap();
            writer.flush().await.unwrap();
        };
        let ((), read) = tokio::join!(writing, reader.read_exact(&mut got));
        read.unwrap();
        assert!(got == sent);
    }
}

#[tokio::test]
async fn either_side_opens_one_whoever_dialled_the_link() {
    let (mut a, mut b, up_a, up_b) = linked().await;
    let (mut mine, mut theirs) = open(&a, &up_a, &mut b).await;
    talk(&mut mine, &mut theirs).await;
    let (mut asked, mut given) = open(&b, &up_b, &mut a).await;
    talk(&mut asked, &mut given).await;
    for (stream, of, with) in [(&mine, &up_a, &b), (&given, &up_a, &b), (&theirs, &up_b, &a)] {
        let info = stream.info().unwrap();
        assert_eq!(
            (info.link, info.peer, info.instance),
            (of.link, with.person.id(), with.person.key())
        );
        assert_eq!(info.path.group, "X25519MLKEM768");
        assert_eq!(info.path.cipher, "TLS13_AES_128_GCM_SHA256");
    }
    // Both are TCP connections to the listener of who was dialled.
    assert_eq!(mine.info().unwrap().path.address, b.address());
    assert_eq!(asked.info().unwrap().path.local, b.address());
    assert_ne!(asked.info().unwrap().path.address, up_b.path.address);
}

#[tokio::test]
async fn a_dropped_stream_ends_in_good_order_for_the_peer_after_all_that_was_written() {
    let (a, mut b, up_a, _up_b) = linked().await;
    let (mut mine, mut theirs) = open(&a, &up_a, &mut b).await;
    mine.write_all(b"the last words").await.unwrap();
    drop(mine);
    let mut words = Vec::new();
    theirs.read_to_end(&mut words).await.unwrap();
    assert_eq!(words, b"the last words");
}

#[tokio::test]
async fn a_side_that_shuts_down_still_hears_the_other() {
    let (a, mut b, up_a, _up_b) = linked().await;
    let (mut mine, mut theirs) = open(&a, &up_a, &mut b).await;
    mine.shutdown().await.unwrap();
    assert!(over(&mut theirs).await);
    theirs.write_all(b"one more thing").await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut words = Vec::new();
    mine.read_to_end(&mut words).await.unwrap();
    assert_eq!(words, b"one more thing");
}

#[tokio::test]
async fn it_ends_with_the_link_and_with_all_that_ends_links() {
    type Act = fn(&Node, &LinkUp, ConnectId);
    let acts: [Act; 5] = [
        |node, _, peer| node.transport.unwant(&peer),
        |node, _, _| node.transport.set_enabled(false),
        |node, up, _| node.transport.close_link(up.link, CloseCode::Done),
        |_, up, _| up.frames.closer.close(CloseCode::Violation),
        |node, _, _| {
            let transport = node.transport.clone();
            tokio::spawn(async move { transport.shutdown().await });
        },
    ];
    for (nth, act) in acts.into_iter().enumerate() {
        for by_dialler in [true, false] {
            let (a, mut b, up_a, up_b) = linked().await;
            let (mut mine, mut theirs) = open(&a, &up_a, &mut b).await;
            if by_dialler {
                act(&a, &up_a, b.person.id());
            } else {
                act(&b, &up_b, a.person.id());
            }
            let near = if by_dialler { &mut mine } else { &mut theirs };
            let error = near.read_u8().await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted, "act {nth}");
            assert!(near.write_all(&[0; 100_000]).await.is_err(), "act {nth}");
            let far = if by_dialler { &mut theirs } else { &mut mine };
            far.read_u8().await.unwrap_err();
            let gone =
                [a.transport.open_blob(up_a.link).await, b.transport.open_blob(up_b.link).await];
            assert!(matches!(gone, [Err(_), Err(_)]), "act {nth}");
        }
    }
}

#[tokio::test]
async fn it_ends_when_the_instance_is_revoked() {
    let (a, mut b, up_a, _up_b) = linked().await;
    let (mut mine, _theirs) = open(&a, &up_a, &mut b).await;
    let revoke = Statement::Revoke { instance: b.person.key() };
    a.transport.merge_card(&b.person.card.with(&b.person.identity, &revoke).unwrap());
    mine.read_u8().await.unwrap_err();
    assert!(matches!(a.transport.open_blob(up_a.link).await, Err(BlobError::NoLink)));
}

#[tokio::test]
async fn a_link_that_never_was_has_none() {
    let a = node("Ada", 1).await;
    let none = a.transport.open_blob(nexus_transport::LinkId(u64::MAX)).await;
    assert!(matches!(none, Err(BlobError::NoLink)));
}

#[tokio::test]
async fn one_side_asks_on_four_at_a_time_and_a_closed_one_makes_room() {
    let (mut a, mut b, up_a, up_b) = linked().await;
    let mut kept = Vec::new();
    for _ in 0..MAX_BLOBS_PER_SIDE {
        kept.push(open(&a, &up_a, &mut b).await);
        kept.push(open(&b, &up_b, &mut a).await);
    }
    assert!(matches!(a.transport.open_blob(up_a.link).await, Err(BlobError::TooMany)));
    assert!(matches!(b.transport.open_blob(up_b.link).await, Err(BlobError::TooMany)));
    let (mine, mut theirs) = kept.swap_remove(0);
    drop(mine);
    assert!(over(&mut theirs).await);
    drop(theirs);
    open(&a, &up_a, &mut b).await;
}

/// A connection with the gate of a link, as a program of one's own would make it: TLS with this person's key.
async fn raw(
    to: SocketAddr,
    gate: &[u8],
    person: &Person,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut client = (*TlsConfigs::new(&person.instance()).unwrap().client).clone();
    client.alpn_protocols = vec![BLOB_ALPN.to_vec()];
    let mut socket = TcpStream::connect(to).await?;
    socket.write_all(gate).await?;
    TlsConnector::from(Arc::new(client)).connect(server_name(), socket).await
}

/// What comes back on a raw connection after these first bytes; nothing if it just ends.
async fn answer(stream: std::io::Result<TlsStream<TcpStream>>, first: &[u8]) -> Vec<u8> {
    let Ok(mut stream) = stream else { return Vec::new() };
    let mut answer = Vec::new();
    if stream.write_all(first).await.is_ok() {
        let mut byte = [0];
        if tokio::time::timeout(LIMIT, stream.read(&mut byte)).await.unwrap().unwrap_or(0) == 1 {
            answer.push(byte[0]);
        }
    }
    answer
}

#[tokio::test]
async fn the_listener_keeps_to_the_limit_whatever_the_dialler_does() {
    let (a, mut b, up_a, _up_b) = linked().await;
    let gate = gate_for_blobs(&up_a.exporter);
    let mut kept = Vec::new();
    for _ in 0..MAX_BLOBS_PER_SIDE {
        let mut stream = raw(b.address(), &gate, &a.person).await.unwrap();
        stream.write_all(&[0; 5]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 0);
        kept.push((stream, b.blob().await));
    }
    let one_more = raw(b.address(), &gate, &a.person).await;
    assert_eq!(answer(one_more, &[0; 5]).await, [CloseCode::Busy.to_byte()]);
    assert_eq!(b.refused().await, RefusedCode::TooManyBlobs);
}

#[tokio::test]
async fn a_link_begins_so_many_in_a_while() {
    let (a, mut b, up_a, _up_b) = linked().await;
    let gate = gate_for_blobs(&up_a.exporter);
    loop {
        // The gate alone, and away again.
        let mut socket = TcpStream::connect(b.address()).await.unwrap();
        socket.write_all(&gate).await.unwrap();
        drop(socket);
        if b.transport.refused().iter().any(|row| row.code == RefusedCode::TooManyBlobs) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(b.refused().await, RefusedCode::TooManyBlobs);
    drop(a);
}

#[tokio::test]
async fn unfinished_handshakes_beside_a_link_are_few() {
    let (_a, mut b, up_a, _up_b) = linked().await;
    let gate = gate_for_blobs(&up_a.exporter);
    let mut silent = Vec::new();
    for _ in 0..=MAX_BLOB_HANDSHAKES {
        let mut socket = TcpStream::connect(b.address()).await.unwrap();
        socket.write_all(&gate).await.unwrap();
        silent.push(socket);
    }
    assert_eq!(b.refused().await, RefusedCode::TooManyBlobs);
}

#[tokio::test]
async fn a_stranger_with_the_recorded_gate_of_a_link_is_refused_after_tls() {
    let (a, mut b, up_a, _up_b) = linked().await;
    let gate = gate_for_blobs(&up_a.exporter);
    let stranger = Person::new("Mallory", 9);
    assert_eq!(answer(raw(b.address(), &gate, &stranger).await, &[0; 5]).await, b"");
    assert_eq!(b.refused().await, RefusedCode::Blob);
    // Ada's own are not in the way of it.
    open(&a, &up_a, &mut b).await;
}

#[tokio::test]
async fn without_a_gate_of_a_link_there_is_no_blob_connection() {
    let (a, mut b, up_a, _up_b) = linked().await;
    let unlinked = node("Cy", 3).await;
    contacts(&unlinked, &b);
    let stranger = Person::new("Mallory", 9);
    for (person, times) in [(&a.person, 1), (&unlinked.person, 2), (&stranger, 3)] {
        assert_eq!(answer(raw(b.address(), &[5; 16], person).await, &[0; 5]).await, b"");
        refused(&b, RefusedCode::Tls, times).await;
    }
    // Nor does the gate of a link open the door to links.
    let mut socket = TcpStream::connect(b.address()).await.unwrap();
    socket.write_all(&gate_for_blobs(&up_a.exporter)).await.unwrap();
    let client = TlsConfigs::new(&a.person.instance()).unwrap().client;
    assert!(TlsConnector::from(client).connect(server_name(), socket).await.is_err());
    while let Ok(event) = b.events.try_recv() {
        assert!(!matches!(event, TransportEvent::Blob { .. }));
    }
}

#[tokio::test]
async fn bytes_that_no_dialler_sends_first_are_refused() {
    let (a, mut b, up_a, _up_b) = linked().await;
    let gate = gate_for_blobs(&up_a.exporter);
    for (first, times) in [([3, 0, 0, 0, 0], 1), ([0, 0, 0, 0, 1], 2)] {
        assert_eq!(answer(raw(b.address(), &gate, &a.person).await, &first).await, b"");
        refused(&b, RefusedCode::Blob, times).await;
    }
    // A number that nobody asked with.
    let unasked = answer(raw(b.address(), &gate, &a.person).await, &[1, 0, 0, 0, 7]).await;
    assert_eq!(unasked, [CloseCode::Unwanted.to_byte()]);
    while let Ok(event) = b.events.try_recv() {
        assert!(!matches!(event, TransportEvent::Blob { .. }));
    }
}

#[tokio::test]
async fn frames_about_blob_connections_from_the_wrong_side_end_the_link() {
    for (code, from_dialler, length) in [(8, true, 5), (9, false, 5), (8, false, 4), (9, true, 4)] {
        let (mut a, mut b, up_a, up_b) = linked().await;
        let (up, other) = if from_dialler { (&up_a, &mut b) } else { (&up_b, &mut a) };
        up.frames.control.tx.send(Frame::new(code, vec![0; length])).await.unwrap();
        assert_eq!(other.link_down().await, (CloseCode::BadFrame, false));
    }
}

#[tokio::test]
async fn more_asked_for_than_may_be_is_answered_with_no() {
    let (mut a, mut b, _up_a, mut up_b) = linked().await;
    // Asked past our own table, so that nobody here expects them.
    for number in 0..40u32 {
        let mut body = (1000 + number).to_be_bytes().to_vec();
        body.push(0);
        let frame = Frame::new(8, body);
        up_b.frames.control.tx.send(frame).await.unwrap();
    }
    // They are refused one by one, and the link goes on.
    up_b.frames.control.tx.send(Frame::new(4, b"still here".to_vec())).await.unwrap();
    up_b.frames.control.tx.flushed().await.unwrap();
    while let Ok(event) = a.events.try_recv() {
        assert!(!matches!(event, TransportEvent::Blob { .. } | TransportEvent::LinkDown { .. }));
    }
    while let Ok(event) = b.events.try_recv() {
        assert!(!matches!(event, TransportEvent::Blob { .. } | TransportEvent::LinkDown { .. }));
    }
    assert!(up_b.frames.control.rx.try_recv().is_none());
}

/// Passes bytes on between a listener of its own and `to`, until it is told to drop them all.
async fn proxy(to: SocketAddr) -> (SocketAddr, tokio_util::sync::CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, frozen) =
        (listener.local_addr().unwrap(), tokio_util::sync::CancellationToken::new());
    let stop = frozen.clone();
    tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            let Ok(mut outside) = TcpStream::connect(to).await else { continue };
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    _ended = tokio::io::copy_bidirectional(&mut inside, &mut outside) => {}
                    () = stop.cancelled() => std::future::pending::<()>().await,
                }
            });
        }
    });
    (address, frozen)
}

#[tokio::test]
async fn it_goes_the_way_of_the_link_and_dies_with_it_in_silence() {
    let (mut a, mut b) = (node("Ada", 1).await, node("Bob", 2).await);
    b.transport.want(a.person.as_peer(&[]));
    let (way, frozen) = proxy(b.address()).await;
    a.transport.want(b.person.as_peer(&[way]));
    let (up_a, _up_b) = (a.link_up().await, b.link_up().await);
    let (mut mine, mut theirs) = open(&a, &up_a, &mut b).await;
    assert_eq!(mine.info().unwrap().path.address, way);
    frozen.cancel();
    assert!(!over(&mut mine).await);
    assert!(!over(&mut theirs).await);
}

#[tokio::test]
async fn somebody_else_at_the_address_of_the_link_gets_nothing() {
    let (mut a, mut b, mut c) = (node("Ada", 1).await, node("Bob", 2).await, Person::new("Cy", 3));
    b.transport.want(a.person.as_peer(&[]));
    // The link goes to Bob, and what comes after it to whoever took its place.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (way, to) = (listener.local_addr().unwrap(), b.address());
    c.card = b.person.card.clone();
    let server = TlsConfigs::new(&c.instance()).unwrap().blob_server;
    let other = tokio::spawn(async move {
        let (mut inside, _) = listener.accept().await.unwrap();
        let mut outside = TcpStream::connect(to).await.unwrap();
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut inside, &mut outside).await });
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.read_exact(&mut [0; 16]).await.unwrap();
        tokio_rustls::TlsAcceptor::from(server).accept(socket).await.is_err()
    });
    a.transport.want(b.person.as_peer(&[way]));
    let (up_a, _up_b) = (a.link_up().await, b.link_up().await);
    assert!(matches!(a.transport.open_blob(up_a.link).await, Err(BlobError::Refused)));
    assert!(other.await.unwrap(), "it does not see who dials");
    assert_eq!(a.refused().await, RefusedCode::Blob);
}

#[tokio::test]
async fn a_node_for_contacts_or_hidden_has_them_with_its_links_only() {
    for visibility in [Visibility::Contacts, Visibility::Hidden] {
        let person = Person::new("Ada", 1);
        let mut config = person.config();
        config.visibility = visibility;
        let mut a = Node::start_with(person, config).await;
        let mut b = node("Bob", 2).await;
        contacts(&a, &b);
        let mut peer = a.person.as_peer(&[a.address()]);
        peer.pair_secret = Some(Secret32::new([77; 32]));
        b.transport.want(peer);
        let (up_b, up_a) = (b.link_up().await, a.link_up().await);
        let (mut mine, mut theirs) = open(&b, &up_b, &mut a).await;
        talk(&mut mine, &mut theirs).await;
        let (mut mine, mut theirs) = open(&a, &up_a, &mut b).await;
        talk(&mut mine, &mut theirs).await;
        // Without the gate of a link not a byte comes back, be the key a contact's or not.
        let mut socket = TcpStream::connect(a.address()).await.unwrap();
        socket.write_all(&[7; 3000]).await.unwrap();
        let mut answer = Vec::new();
        let _reset = socket.read_to_end(&mut answer).await;
        assert_eq!(answer, b"");
        assert_eq!(a.refused().await, RefusedCode::Gate);
    }
}

#[tokio::test]
async fn a_stream_that_nobody_reads_holds_up_neither_messages_nor_the_link() {
    let (a, mut b, mut up_a, mut up_b) = linked().await;
    let (mut mine, mut theirs) = open(&a, &up_a, &mut b).await;
    // More than the sockets on the way can hold.
    let all = vec![7; 8 * BLOB_BUFFER];
    let mut written = 0;
    let writing = async {
        while written < all.len() {
            written += mine.write(&all[written..]).await.unwrap();
        }
    };
    tokio::pin!(writing);
    // The link stays up for as many of its own beats as tell the dead, and carries messages.
    let beats = short().dead_after.as_millis() / short().ping_interval.as_millis() * 4;
    for n in 0..beats {
        let talking = async {
            up_a.frames.control.tx.send(Frame::new(4, vec![n as u8])).await.unwrap();
            assert_eq!(up_b.frames.control.rx.recv().await.unwrap().body, [n as u8]);
            tokio::time::sleep(short().ping_interval).await;
        };
        tokio::select! {
            biased;
            () = talking => {}
            () = &mut writing => panic!("nobody reads"),
        }
    }
    let mut got = vec![0; all.len()];
    let (read, ()) = tokio::join!(theirs.read_exact(&mut got), writing);
    read.unwrap();
    assert!(got == all);
    assert!(up_a.frames.control.rx.try_recv().is_none());
    assert_eq!((a.transport.links().len(), b.transport.links().len()), (1, 1));
}

#[tokio::test]
async fn either_side_measures_both_ways_sealed_and_plain_and_the_caller_of_the_other_sees_nothing()
{
    let (mut a, mut b, up_a, up_b) = linked().await;
    for (node, up) in [(&a, &up_a), (&b, &up_b)] {
        for (send, sealed) in [(true, true), (true, false), (false, true), (false, false)] {
            let test = RateTest { send, sealed, bytes: 3_000_000 };
            let measured = node.transport.measure(up.link, test).await.unwrap();
            assert!(measured.bytes > 0 && measured.bytes <= test.bytes, "{measured:?}");
        }
    }
    for node in [&mut a, &mut b] {
        while let Ok(event) = node.events.try_recv() {
            assert!(!matches!(event, TransportEvent::Blob { .. }));
        }
    }
}

#[tokio::test]
async fn who_measures_too_much_or_too_often_is_told_no() {
    let (a, b, up_a, _up_b) = linked().await;
    let test = |bytes| RateTest { send: true, sealed: true, bytes };
    let much = a.transport.measure(up_a.link, test(MAX_RATE_BYTES + 1)).await;
    assert!(matches!(much, Err(BlobError::TooMany)));
    let mut answered = 0;
    let refused = loop {
        match a.transport.measure(up_a.link, test(1)).await {
            Ok(_) => answered += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, BlobError::TooMany));
    assert!((1..20).contains(&answered), "{answered}");
    drop(b);
}
