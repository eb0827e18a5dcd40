//! Peers that have TLS and `Hello` right and say something else after it than any transport of ours could.

use std::time::Duration;

use nexus_identity::InstanceKey;
use nexus_identity::{
    IdentitySecrets, InstanceRecord, InstanceSecret, Millis, Prekeys, Secret32, Statement,
    VerifiedCard,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;

use super::*;
use crate::beacon::BootId;
use crate::config::{Config, LocalHello, Peer};
use crate::event::TransportEvent;
use crate::frame::MAX_FRAME;
use crate::mux::MAX_STREAMS;
use crate::stranger::MAX_LETTER_FRAME;
use crate::transport::Transport;

/// No test may wait longer for anything.
const LIMIT: Duration = Duration::from_secs(20);

struct Person {
    identity: IdentitySecrets,
    seed: Secret32,
    hello: LocalHello,
}

impl Person {
    fn new(seed: u64) -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        let (identity, seed) = (IdentitySecrets::generate(rng), Secret32::random(rng));
        let instance = InstanceSecret::from_seed(seed.clone());
        let says = [
            Statement::Add { instance: instance.key(), created: Millis(1) },
            Statement::Contact { key: identity.contact_key() },
        ];
        let card = VerifiedCard::create(&identity, &says).unwrap();
        let prekeys = Prekeys::generate(Millis(1), rng).unwrap();
        let id = identity.connect_id();
        let record = InstanceRecord::new(id, instance.key(), 1, prekeys.current(), Millis(1));
        let record = record.sign(&instance).unwrap();
        Self { identity, seed, hello: LocalHello { card, record, capabilities: 0 } }
    }

    fn instance(&self) -> InstanceSecret {
        InstanceSecret::from_seed(self.seed.clone())
    }

    async fn start(&self) -> (Transport, Receiver<TransportEvent>) {
        self.start_as(Visibility::Everyone).await
    }

    async fn start_as(&self, visibility: Visibility) -> (Transport, Receiver<TransportEvent>) {
        let id = self.identity.connect_id();
        let mut config = Config::new(id, self.instance(), self.hello.clone());
        config.visibility = visibility;
        config.timing.blob_open = Duration::from_millis(500);
        config.loopback_only = true;
        config.discovery_port = 0;
        config.listen = vec!["127.0.0.1:0".parse().unwrap()];
        Transport::start(config).await.unwrap()
    }

    /// Gate, TLS and `Hello`, and then nothing more.
    async fn shake_hands(&self, with: &Transport) -> (Stream, Mux) {
        self.shake_hands_as(with, BootId([3; 8])).await
    }

    /// The same, as a process with this boot id.
    async fn shake_hands_as(&self, with: &Transport, boot: BootId) -> (Stream, Mux) {
        let mut socket = TcpStream::connect(with.listen_addresses()[0]).await.unwrap();
        socket.write_all(&[7; GATE_BYTES]).await.unwrap();
        let tls = tls::TlsConfigs::new(&self.instance()).unwrap();
        let connector = TlsConnector::from(Arc::clone(&tls.client));
        let tls = connector.connect(tls::server_name(), socket).await.unwrap();
        let mux = Mux::start(tls, Mode::Client);
        let mut control = mux.open().await.unwrap();
        let hello = Hello::local(self.identity.connect_id(), &self.hello, 0, boot);
        let mut first = vec![CONTROL_STREAM];
        encode(&Frame::new(control::HELLO, hello.encode()), &mut first);
        send(&mut control, &first).await.unwrap();
        let answer = Frame::read(&mut control).await.unwrap().unwrap();
        assert_eq!(answer.code, control::HELLO);
        (control, mux)
    }

    fn wants(&self, transport: &Transport) {
        self.is_wanted_at(transport, Vec::new());
    }

    /// Somebody whose card was never seen.
    fn is_wanted_at(&self, transport: &Transport, addresses: Vec<SocketAddr>) {
        let connect_id = self.identity.connect_id();
        transport.want(Peer { connect_id, card: None, pair_secret: None, addresses });
    }
}

/// The first event that `pick` takes. Links that come up meanwhile are kept: without their user they would end.
async fn next<T>(
    events: &mut Receiver<TransportEvent>,
    links: &mut Vec<TransportEvent>,
    pick: impl Fn(&TransportEvent) -> Option<T>,
) -> T {
    let next = async {
        loop {
            let event = events.recv().await.expect("events go on");
            let picked = pick(&event);
            links.push(event);
            if let Some(picked) = picked {
                return picked;
            }
        }
    };
    tokio::time::timeout(LIMIT, next).await.expect("it happens in time")
}

/// The code of the next refusal.
async fn refused(events: &mut Receiver<TransportEvent>) -> RefusedCode {
    next(events, &mut Vec::new(), |event| match event {
        TransportEvent::Refused { code, .. } => Some(*code),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_frame_that_claims_to_be_longer_than_any_ends_the_link_before_it_comes() {
    let (alice, mallory) = (Person::new(1), Person::new(2));
    for length in [u32::MAX, u32::try_from(MAX_FRAME + 1).unwrap(), 0] {
        let (transport, mut events) = alice.start().await;
        mallory.wants(&transport);
        let (mut control, _mux) = mallory.shake_hands(&transport).await;
        send(&mut control, &length.to_be_bytes()).await.unwrap();
        let code = refused(&mut events).await;
        assert_eq!(code, RefusedCode::Link(CloseCode::BadFrame), "{length}");
        assert_eq!(transport.refused()[0].code.name(), "bad_frame");
        transport.shutdown().await;
    }
}

#[tokio::test]
async fn a_strangers_letter_over_the_limit_is_refused_unread() {
    let (alice, mallory) = (Person::new(1), Person::new(2));
    let (transport, mut events) = alice.start().await;
    let (mut control, _mux) = mallory.shake_hands(&transport).await;
    let mut letter = Vec::new();
    encode(&Frame::new(control::LETTER, vec![1; MAX_LETTER_FRAME + 1]), &mut letter);
    send(&mut control, &letter).await.unwrap();
    assert_eq!(refused(&mut events).await, RefusedCode::Stranger);
    // One that just fits is handed on, whatever is in it.
    let (mut control, _mux) = mallory.shake_hands(&transport).await;
    let mut letter = Vec::new();
    encode(&Frame::new(control::LETTER, vec![1; MAX_LETTER_FRAME]), &mut letter);
    send(&mut control, &letter).await.unwrap();
    let mut others = Vec::new();
    let length = next(&mut events, &mut others, |event| match event {
        TransportEvent::Letter(letter) => Some(letter.letter.len()),
        _ => None,
    });
    assert_eq!(length.await, MAX_LETTER_FRAME);
}

#[tokio::test]
async fn more_streams_than_a_link_has_end_that_link_and_no_other() {
    let (alice, mallory, bob) = (Person::new(1), Person::new(2), Person::new(3));
    let (transport, mut events) = alice.start().await;
    mallory.wants(&transport);
    bob.wants(&transport);
    let (_bobs, _mux) = bob.shake_hands(&transport).await;
    let (_control, mux) = mallory.shake_hands(&transport).await;
    let mut open = Vec::new();
    let flood = async {
        for _ in 0..=MAX_STREAMS {
            let Some(mut stream) = mux.open().await else { return };
            let _gone = send(&mut stream, &[99]).await;
            open.push(stream);
        }
    };
    let mut links = Vec::new();
    let ended = next(&mut events, &mut links, |event| match event {
        TransportEvent::LinkDown { peer, .. } => Some(*peer),
        _ => None,
    });
    let (ended, ()) = tokio::join!(ended, flood);
    assert_eq!(ended, mallory.identity.connect_id());
    let left: Vec<_> = transport.links().iter().map(|link| link.peer).collect();
    assert_eq!(left, [bob.identity.connect_id()]);
}

/// Why the next dial failed.
async fn dial_error(events: &mut Receiver<TransportEvent>) -> DialError {
    next(events, &mut Vec::new(), |event| match event {
        TransportEvent::DialFailed { error, .. } => Some(*error),
        _ => None,
    })
    .await
}

/// Takes one connection up to its first frame and answers that with a `HELLO` of `says`: what it was shown.
async fn claims(listener: &TcpListener, keys: &Person, says: &Person) -> (InstanceKey, Frame) {
    let (mut socket, _) = listener.accept().await.unwrap();
    socket.read_exact(&mut [0; GATE_BYTES]).await.unwrap();
    let tls = tls::TlsConfigs::new(&keys.instance()).unwrap();
    let tls = TlsAcceptor::from(tls.server).accept(socket).await.unwrap();
    let shown = tls::negotiated(tls.get_ref().1, tls::ALPN).unwrap().peer;
    let mut mux = Mux::start(tls, Mode::Server);
    let mut control = mux.accept().await.unwrap();
    assert_eq!(control.read_u8().await.unwrap(), CONTROL_STREAM);
    let frame = Frame::read(&mut control).await.unwrap().unwrap();
    let hello = Hello::local(says.identity.connect_id(), &says.hello, 0, BootId([3; 8]));
    let mut bytes = Vec::new();
    encode(&Frame::new(control::HELLO, hello.encode()), &mut bytes);
    send(&mut control, &bytes).await.unwrap();
    let _end = control.read_u8().await;
    (shown, frame)
}

#[tokio::test]
async fn who_only_contacts_may_notice_shows_nothing_to_who_only_claims_to_be_the_one_it_asks() {
    let (alice, mallory, bob) = (Person::new(1), Person::new(2), Person::new(3));
    for visibility in [Visibility::Contacts, Visibility::Hidden] {
        // As oneself, and with Bob's card, which anybody may have.
        for (says, code) in [(&mallory, CloseCode::WrongIdentity), (&bob, CloseCode::NotLive)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (transport, mut events) = alice.start_as(visibility).await;
            bob.is_wanted_at(&transport, vec![listener.local_addr().unwrap()]);
            let (shown, frame) = claims(&listener, &mallory, says).await;
            assert_ne!(shown, alice.instance().key());
            assert_eq!((frame.code, frame.body.len()), (control::HELLO, 0));
            assert_eq!(dial_error(&mut events).await, DialError::Ended(code));
            assert_eq!(transport.refused()[0].code, RefusedCode::Link(code));
            transport.shutdown().await;
        }
    }
}

#[tokio::test]
async fn who_only_contacts_may_notice_reaches_one_whose_card_it_has_never_seen_and_is_asked_in_vain()
 {
    let (alice, bob, carol) = (Person::new(1), Person::new(2), Person::new(3));
    let (hidden, mut events) = alice.start_as(Visibility::Hidden).await;
    let (open, mut at_bob) = bob.start().await;
    bob.is_wanted_at(&hidden, open.listen_addresses());
    alice.wants(&open);
    let up = |event: &TransportEvent| match event {
        TransportEvent::LinkUp(up) => Some(up.peer),
        _ => None,
    };
    let (mut here, mut there) = (Vec::new(), Vec::new());
    assert_eq!(next(&mut events, &mut here, up).await, bob.identity.connect_id());
    assert_eq!(next(&mut at_bob, &mut there, up).await, alice.identity.connect_id());
    assert!(open.refused().is_empty(), "{:?}", open.refused());

    let (curious, mut at_carol) = carol.start_as(Visibility::Hidden).await;
    alice.is_wanted_at(&curious, hidden.listen_addresses());
    assert_eq!(dial_error(&mut at_carol).await, DialError::ClosedEarly);
}

/// The exporter of the next link that comes up.
async fn link_up(
    events: &mut Receiver<TransportEvent>,
    links: &mut Vec<TransportEvent>,
) -> Secret32 {
    next(events, links, |event| match event {
        TransportEvent::LinkUp(up) => Some(up.exporter.clone()),
        _ => None,
    })
    .await
}

impl Person {
    /// A blob connection beside the link with this exporter, and what it became there.
    async fn blob(
        &self,
        with: &Transport,
        exporter: &Secret32,
        events: &mut Receiver<TransportEvent>,
    ) -> (tokio_rustls::client::TlsStream<TcpStream>, crate::BlobStream) {
        let mut socket = TcpStream::connect(with.listen_addresses()[0]).await.unwrap();
        socket.write_all(&crate::gate::gate_for_blobs(exporter)).await.unwrap();
        let mut client = (*tls::TlsConfigs::new(&self.instance()).unwrap().client).clone();
        client.alpn_protocols = vec![tls::BLOB_ALPN.to_vec()];
        let connector = TlsConnector::from(Arc::new(client));
        let mut stream = connector.connect(tls::server_name(), socket).await.unwrap();
        stream.write_all(&[0; 5]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 0);
        loop {
            if let TransportEvent::Blob { stream: here, .. } = events.recv().await.unwrap() {
                return (stream, here);
            }
        }
    }
}

#[tokio::test]
async fn a_blob_connection_outlives_its_link_when_another_takes_over_and_its_gate_still_opens() {
    let (alice, bob) = (Person::new(1), Person::new(2));
    let (transport, mut events) = alice.start().await;
    bob.wants(&transport);
    let (_first, _mux) = bob.shake_hands(&transport).await;
    let mut links = Vec::new();
    let exporter = link_up(&mut events, &mut links).await;
    let (mut there, mut here) = bob.blob(&transport, &exporter, &mut events).await;
    let (_second, _mux) = bob.shake_hands(&transport).await;
    let newer = link_up(&mut events, &mut links).await;
    let reason = next(&mut events, &mut links, |event| match event {
        TransportEvent::LinkDown { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason.await, CloseCode::Replaced);
    there.write_all(&[42]).await.unwrap();
    assert_eq!(here.read_u8().await.unwrap(), 42);
    // Knocked with before the old link was gone, perhaps.
    let _late = bob.blob(&transport, &exporter, &mut events).await;
    let _new = bob.blob(&transport, &newer, &mut events).await;
    transport.unwant(&bob.identity.connect_id());
    here.read_u8().await.unwrap_err();
}

#[tokio::test]
async fn a_blob_connection_ends_when_the_peer_comes_back_as_another_process() {
    let (alice, bob) = (Person::new(1), Person::new(2));
    let (transport, mut events) = alice.start().await;
    bob.wants(&transport);
    let (_first, _mux) = bob.shake_hands(&transport).await;
    let mut links = Vec::new();
    let exporter = link_up(&mut events, &mut links).await;
    let (_there, mut here) = bob.blob(&transport, &exporter, &mut events).await;
    let (_second, _mux) = bob.shake_hands_as(&transport, BootId([4; 8])).await;
    assert_eq!(here.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn a_blob_connection_ends_when_nothing_takes_over_from_a_link_that_was_replaced() {
    let (alice, bob) = (Person::new(1), Person::new(2));
    let (transport, mut events) = alice.start().await;
    bob.wants(&transport);
    let (mut control, mux) = bob.shake_hands(&transport).await;
    let mut links = Vec::new();
    let exporter = link_up(&mut events, &mut links).await;
    let (_there, mut here) = bob.blob(&transport, &exporter, &mut events).await;
    let mut bye = Vec::new();
    encode(&Frame::new(control::BYE, [CloseCode::Replaced.to_byte()]), &mut bye);
    send(&mut control, &bye).await.unwrap();
    drop((control, mux));
    let ended = tokio::time::timeout(LIMIT, here.read_u8()).await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionAborted);
}

#[tokio::test]
async fn who_was_asked_for_a_blob_connection_and_says_nothing_is_waited_for_so_long_and_one_that_says_no_is_not()
 {
    let (alice, bob) = (Person::new(1), Person::new(2));
    let (transport, mut events) = alice.start().await;
    bob.wants(&transport);
    let (mut control, _mux) = bob.shake_hands(&transport).await;
    let mut links = Vec::new();
    link_up(&mut events, &mut links).await;
    let link = transport.links()[0].link;
    let silent = transport.open_blob(link).await;
    assert!(matches!(silent, Err(crate::BlobError::TimedOut)), "{silent:?}");
    for (code, refused) in [(CloseCode::Busy, true), (CloseCode::Internal, false)] {
        let saying_no = async {
            loop {
                let frame = Frame::read(&mut control).await.unwrap().unwrap();
                let [number @ .., 0] = frame.body.as_slice() else { continue };
                if frame.code == control::BLOB_OPEN && number != [0; 4] {
                    let body = [number, &[code.to_byte()]].concat();
                    let mut no = Vec::new();
                    encode(&Frame::new(control::BLOB_NO, body), &mut no);
                    return send(&mut control, &no).await.unwrap();
                }
            }
        };
        let (answer, ()) = tokio::join!(transport.open_blob(link), saying_no);
        let too_many = matches!(answer, Err(crate::BlobError::TooMany));
        assert!(too_many == refused && answer.is_err(), "{answer:?}");
    }
}
