//! Nodes for tests: an identity, an instance and a transport on loopback.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::{
    ConnectId, IdentitySecrets, InstanceKey, InstanceRecord, InstanceSecret, Millis, Prekeys,
    Secret32, Statement, VerifiedCard, VerifiedRecord,
};
use nexus_transport::{
    BlobStream, Config, LinkUp, LocalHello, Peer, Timing, Transport, TransportEvent, Visibility,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::mpsc;

/// No test may wait longer for anything.
pub const LIMIT: Duration = Duration::from_secs(20);

/// An identity with one instance.
pub struct Person {
    pub identity: IdentitySecrets,
    pub instance: Secret32,
    pub card: VerifiedCard,
    pub record: VerifiedRecord,
}

impl Person {
    /// Always the same for one seed.
    pub fn new(name: &str, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let identity = IdentitySecrets::generate(&mut rng);
        let seed = Secret32::random(&mut rng);
        let instance = InstanceSecret::from_seed(seed.clone());
        let card = VerifiedCard::create(
            &identity,
            &[
                Statement::Add { instance: instance.key(), created: Millis(1) },
                Statement::Profile { hlc: 1, name: name.to_owned() },
                Statement::Contact { key: identity.contact_key() },
            ],
        )
        .unwrap();
        let record = record(&identity, &instance, &mut rng);
        Self { identity, instance: seed, card, record }
    }

    pub fn id(&self) -> ConnectId {
        self.identity.connect_id()
    }

    pub fn instance(&self) -> InstanceSecret {
        InstanceSecret::from_seed(self.instance.clone())
    }

    pub fn key(&self) -> InstanceKey {
        self.instance().key()
    }

    pub fn hello(&self) -> LocalHello {
        LocalHello { card: self.card.clone(), record: self.record.clone(), capabilities: 0 }
    }

    /// The same identity on another device.
    pub fn second_device(&self, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let seed = Secret32::random(&mut rng);
        let instance = InstanceSecret::from_seed(seed.clone());
        let add = Statement::Add { instance: instance.key(), created: Millis(2) };
        let card = self.card.with(&self.identity, &add).unwrap();
        let record = record(&self.identity, &instance, &mut rng);
        let identity = IdentitySecrets::from_bytes(&self.identity.to_bytes()).unwrap();
        Self { identity, instance: seed, card, record }
    }

    /// As a peer of somebody else.
    pub fn as_peer(&self, addresses: &[SocketAddr]) -> Peer {
        Peer {
            connect_id: self.id(),
            card: Some(self.card.clone()),
            pair_secret: None,
            addresses: addresses.to_vec(),
        }
    }

    /// A configuration on loopback, without discovery, with short times.
    pub fn config(&self) -> Config {
        let mut config = Config::new(self.id(), self.instance(), self.hello());
        config.loopback_only = true;
        config.discovery_port = 0;
        config.listen = vec!["127.0.0.1:0".parse().unwrap()];
        config.timing = short();
        config
    }
}

fn record(
    identity: &IdentitySecrets,
    instance: &InstanceSecret,
    rng: &mut ChaCha20Rng,
) -> VerifiedRecord {
    let prekeys = Prekeys::generate(Millis(1), rng).unwrap();
    let prekey = prekeys.all().next().unwrap();
    InstanceRecord::new(identity.connect_id(), instance.key(), 1, prekey, Millis(1))
        .sign(instance)
        .unwrap()
}

/// Times for tests.
pub fn short() -> Timing {
    Timing {
        beacon_interval: Duration::from_millis(200),
        interface_poll: Duration::from_millis(200),
        nearby_expiry: Duration::from_millis(1500),
        ping_interval: Duration::from_millis(100),
        dead_after: Duration::from_millis(500),
        connect_timeout: Duration::from_secs(2),
        handshake_timeout: Duration::from_millis(1500),
        stagger: Duration::from_millis(50),
        backoff_first: Duration::from_millis(50),
        backoff_max: Duration::from_secs(2),
        stranger_life: Duration::from_secs(2),
        blob_open: Duration::from_secs(10),
    }
}

/// A running transport and its events.
pub struct Node {
    pub person: Person,
    pub transport: Transport,
    pub events: mpsc::Receiver<TransportEvent>,
}

impl Node {
    pub async fn start(person: Person) -> Self {
        let config = person.config();
        Self::start_with(person, config).await
    }

    pub async fn start_with(person: Person, config: Config) -> Self {
        let (transport, events) = Transport::start(config).await.unwrap();
        Self { person, transport, events }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.transport.listen_addresses()[0]
    }

    /// Wants the other, at its address.
    pub fn want(&self, other: &Node) {
        self.transport.want(other.person.as_peer(&[other.address()]));
    }

    /// The next event that `pick` takes; others are dropped.
    pub async fn next<T>(&mut self, mut pick: impl FnMut(TransportEvent) -> Option<T>) -> T {
        tokio::time::timeout(LIMIT, async {
            loop {
                let event = self.events.recv().await.expect("events go on");
                if let Some(picked) = pick(event) {
                    return picked;
                }
            }
        })
        .await
        .expect("it happens in time")
    }

    pub async fn link_up(&mut self) -> LinkUp {
        self.next(|event| match event {
            TransportEvent::LinkUp(up) => Some(*up),
            _ => None,
        })
        .await
    }

    pub async fn link_down(&mut self) -> (nexus_transport::CloseCode, bool) {
        self.next(|event| match event {
            TransportEvent::LinkDown { reason, by_peer, .. } => Some((reason, by_peer)),
            _ => None,
        })
        .await
    }

    /// The next blob connection on which a peer asks.
    pub async fn blob(&mut self) -> BlobStream {
        self.next(|event| match event {
            TransportEvent::Blob { stream, .. } => Some(stream),
            _ => None,
        })
        .await
    }

    pub async fn refused(&mut self) -> nexus_transport::RefusedCode {
        self.next(|event| match event {
            TransportEvent::Refused { code, .. } => Some(code),
            _ => None,
        })
        .await
    }
}

/// Two people that are contacts by this secret.
pub fn contacts(a: &Node, b: &Node) {
    let secret = Secret32::new([77; 32]);
    for (of, other) in [(a, b), (b, a)] {
        let mut peer = other.person.as_peer(&[]);
        peer.pair_secret = Some(secret.clone());
        of.transport.want(peer);
    }
}

/// Discovery on loopback on a port of the test's own.
pub fn discovering(person: &Person, port: u16, visibility: Visibility) -> Config {
    let mut config = person.config();
    config.discovery_port = port;
    config.visibility = visibility;
    config
}
