//! Mallory with keys of her own: speaks the handshake rightly and everything after it as she likes.

use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::letter::{Letter, LetterId, Recipient, Sender};
use nexus_identity::{
    IdentitySecrets, InstanceRecord, InstanceSecret, Millis, Prekeys, Secret32, SigningKey,
    Statement, VerifiedCard, VerifiedRecord,
};
use nexus_log::context::{Conversation, Me};
use nexus_log::entry::Entry;
use nexus_log::header::Kind;
use nexus_log::ids::{EntryHash, Head, LogKey};
use nexus_log::run::{MAX_RUN_BYTES, RunBuilder};
use nexus_log::topic::TopicSecret;
use nexus_sync::frame::{Frame as SyncFrame, Heads, Listing, ShownHead, Summary, Want};
use nexus_sync::ids::{ScopeFingerprint, SetHash, TopicFingerprint, WantId};
use nexus_transport::{
    Config, Frame, LinkUp, LocalHello, Peer, Side, Transport, TransportEvent, Visibility,
};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use crate::forger::Forger;
use crate::recorder::{self, Session};

const LETTER: u8 = 2;
const LETTER_OK: u8 = 3;
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Millis(u64::try_from(since.as_millis()).unwrap())
}

/// Somebody with an identity, and no program.
pub struct Evil {
    identity: IdentitySecrets,
    instance: InstanceSecret,
    card: VerifiedCard,
    record: VerifiedRecord,
}

impl Evil {
    pub fn new(name: &str) -> Self {
        let rng = &mut UnwrapErr(SysRng);
        let identity = IdentitySecrets::generate(rng);
        let instance = InstanceSecret::generate(rng);
        let prekeys = Prekeys::generate(now(), rng).unwrap();
        let says = [
            Statement::Contact { key: identity.contact_key() },
            Statement::Add { instance: instance.key(), created: now() },
            Statement::Profile { hlc: 1, name: name.into() },
        ];
        let card = VerifiedCard::create(&identity, &says).unwrap();
        let id = identity.connect_id();
        let record = InstanceRecord::new(id, instance.key(), 1, prekeys.current(), now());
        let record = record.sign(&instance).unwrap();
        Self { identity, instance, card, record }
    }

    /// A transport that says `card` in its `Hello`; her own by default.
    async fn start(&self, card: Option<&VerifiedCard>) -> (Transport, Receiver<TransportEvent>) {
        let card = card.unwrap_or(&self.card).clone();
        let connect_id = card.connect_id();
        let hello = LocalHello { card, record: self.record.clone(), capabilities: 0 };
        let instance = InstanceSecret::from_seed(self.instance.seed().clone());
        let mut config = Config::new(connect_id, instance, hello);
        config.visibility = Visibility::Hidden;
        config.discovery_port = 0;
        Transport::start(config).await.unwrap()
    }

    /// Links with whoever is at `address`.
    async fn link(
        &self,
        transport: &Transport,
        events: &mut Receiver<TransportEvent>,
        victim: &str,
        address: SocketAddr,
    ) -> Option<Box<LinkUp>> {
        transport.want(Peer {
            connect_id: victim.parse().unwrap(),
            card: None,
            pair_secret: None,
            addresses: vec![address],
        });
        let up = async {
            loop {
                if let TransportEvent::LinkUp(up) = events.recv().await? {
                    return Some(up);
                }
            }
        };
        timeout(PATIENCE, up).await.ok().flatten()
    }

    /// Lets a stranger's link come up and go, through a relay that writes it down.
    pub async fn recorded(&self, victim: &str, address: SocketAddr) -> Session {
        let (relay, session) = recorder::record(address).await;
        let (transport, mut events) = self.start(None).await;
        let up = self.link(&transport, &mut events, victim, relay).await;
        assert!(up.is_some(), "no link to record");
        transport.shutdown().await;
        let session = session.lock().unwrap();
        session.clone()
    }

    fn letter(&self, to: &VerifiedRecord, text: &str) -> Vec<u8> {
        let rng = &mut UnwrapErr(SysRng);
        let letter =
            Letter { id: LetterId::random(rng), created: now(), text: text.into(), invite: None };
        let from = Sender { instance: &self.instance, card: &self.card, record: &self.record };
        letter.seal(from, Recipient::Instance(to), rng).unwrap()
    }

    /// Asks to become a contact, as anybody may. Whether the letter was taken.
    pub async fn ask(&self, victim: &str, address: SocketAddr, text: &str) -> bool {
        let (transport, mut events) = self.start(None).await;
        let mut taken = false;
        if let Some(mut up) = self.link(&transport, &mut events, victim, address).await {
            let letter = self.letter(&up.record, text);
            let _ = up.frames.control.tx.send(Frame::new(LETTER, letter)).await;
            let answer = timeout(PATIENCE, up.frames.control.rx.recv()).await;
            taken = answer.ok().flatten().is_some_and(|frame| frame.code == LETTER_OK);
        }
        transport.shutdown().await;
        taken
    }

    /// Comes with the card of somebody else: the one of `whose`, which she asks for first.
    pub async fn impersonate(
        &self,
        whose: (&str, SocketAddr),
        victim: &str,
        address: SocketAddr,
    ) -> bool {
        let (transport, mut events) = self.start(None).await;
        let up = self.link(&transport, &mut events, whose.0, whose.1).await;
        transport.shutdown().await;
        let card = up.expect("a stranger gets to see the card").card.clone();
        let (transport, mut events) = self.start(Some(&card)).await;
        let linked = self.link(&transport, &mut events, victim, address).await.is_some();
        transport.shutdown().await;
        linked
    }

    /// Her side of the conversation, empty so far.
    fn forger(&self, up: &LinkUp) -> Forger {
        let key = up.card.contact_key().expect("a contact key");
        let conversation = Conversation::direct(&self.identity, up.peer, &key).unwrap();
        let add = self.card.add_statement(&self.instance.key()).expect("it is hers");
        let me = Me {
            who: self.identity.connect_id(),
            identity: self.identity.identity_key(),
            instance: InstanceSecret::from_seed(self.instance.seed().clone()),
            add: add.clone(),
            prekeys: Prekeys::generate(now(), &mut UnwrapErr(SysRng)).unwrap(),
        };
        Forger::new(conversation, me, up.record.clone())
    }

    /// Brings letters of so many others, who are nobody, over a contact's link. How many were taken.
    pub async fn bring_letters(&self, victim: &str, address: SocketAddr, count: usize) -> usize {
        let (transport, mut events) = self.start(None).await;
        let up = self.link(&transport, &mut events, victim, address).await.expect("a link");
        let (record, control) = (up.record.clone(), up.frames.control);
        let bringing = async {
            for number in 0..count {
                let letter = Self::new(&format!("Friend {number}")).letter(&record, "remember me?");
                if control.tx.send(Frame::new(LETTER, letter)).await.is_err() {
                    return;
                }
            }
        };
        let mut answers = control.rx;
        let counting = async {
            let mut taken = 0;
            while taken < count {
                match timeout(PATIENCE, answers.recv()).await {
                    Ok(Some(frame)) => taken += usize::from(frame.code == LETTER_OK),
                    _ => break,
                }
            }
            taken
        };
        let ((), taken) = tokio::join!(bringing, counting);
        transport.shutdown().await;
        taken
    }

    /// One link as a contact: shares the topic rightly, then sends what `trick` makes of it. True if it came so far.
    pub async fn misbehave(&self, victim: &str, address: SocketAddr, trick: Trick) -> bool {
        let (transport, mut events) = self.start(None).await;
        let Some(up) = self.link(&transport, &mut events, victim, address).await else {
            transport.shutdown().await;
            return false;
        };
        let mut forger = self.forger(&up);
        let topic = forger.conversation.secret.clone();
        let side = if up.side == Side::Dialler { 0 } else { 1 };
        let mine = WantId(topic.want_id(up.exporter.expose(), side));
        let mut tx = vec![
            SyncFrame::Summary(Summary {
                lazy: false,
                credit: 1 << 20,
                set: SetHash([1; 32]),
                remembered: SetHash::NONE,
                scope: ScopeFingerprint([2; 32]),
            }),
            SyncFrame::Want(Want { last: true, ids: vec![(mine, TopicFingerprint([3; 16]))] }),
        ];
        tx.extend(trick.frames(&topic));
        let sync = up.frames.sync;
        for frame in tx {
            if sync.tx.send(Frame::new(frame.code() as u8, frame.into_body())).await.is_err() {
                break;
            }
        }
        for (code, body) in trick.raw(&mut forger) {
            if sync.tx.send(Frame::new(code, body)).await.is_err() {
                break;
            }
        }
        let _ = sync.tx.flushed().await;
        // The victim ends it, or sees nothing worth ending it for.
        let down = async {
            while let Some(event) = events.recv().await {
                if matches!(event, TransportEvent::LinkDown { .. }) {
                    break;
                }
            }
        };
        let _ = timeout(Duration::from_secs(3), down).await;
        transport.shutdown().await;
        true
    }
}

/// What an accepted contact may try.
#[derive(Clone, Copy, Debug)]
pub enum Trick {
    /// Bodies that do not decode.
    Malformed,
    /// Codes that nobody defined.
    Unknown,
    /// Runs whose signature is wrong.
    Forged,
    /// Runs of a log that nobody knows, without its beginning.
    Unsolicited,
    /// Runs that leave out entries of a log that is known.
    Gaps,
    /// Heads of a topic that is none of theirs.
    Unshared,
    /// Entries dated 30 years ahead.
    Future,
    /// One log in several versions.
    Forks,
    /// Far more logs than anybody may offer.
    Logs(usize),
}

impl Trick {
    pub const ALL: [Self; 9] = [
        Self::Future,
        Self::Malformed,
        Self::Unknown,
        Self::Forged,
        Self::Unsolicited,
        Self::Gaps,
        Self::Unshared,
        Self::Forks,
        Self::Logs(100_000),
    ];

    fn frames(self, topic: &TopicSecret) -> Vec<SyncFrame> {
        let Self::Logs(count) = self else { return Vec::new() };
        let logs: Vec<ShownHead> = (0..count)
            .map(|number| {
                let mut log = [0; 32];
                log[..8].copy_from_slice(&(number as u64).to_be_bytes());
                ShownHead {
                    log: LogKey::from_bytes(log),
                    head: Head { seq: 9, hash: EntryHash::from_bytes([5; 32]) },
                    first: 0,
                }
            })
            .collect();
        logs.chunks(800)
            .map(|part| {
                let heads = part.to_vec();
                SyncFrame::Heads(Heads { topic: topic.topic(), listing: Listing::More, heads })
            })
            .collect()
    }

    fn raw(self, forger: &mut Forger) -> Vec<(u8, Vec<u8>)> {
        const HEADS: u8 = 3;
        const RUN: u8 = 4;
        match self {
            Self::Malformed => (0..5).map(|_| (HEADS, vec![1; 17])).collect(),
            Self::Unknown => (0..5).map(|_| (77, vec![1; 100])).collect(),
            Self::Forged => (0..5).map(|_| (RUN, run(9, true))).collect(),
            Self::Unsolicited => (0..5).map(|_| (RUN, run(9, false))).collect(),
            // A topic, "these are all", one head.
            Self::Unshared => (0..5)
                .map(|n| (HEADS, [vec![0x40 + n; 32], vec![0], vec![5; 80]].concat()))
                .collect(),
            Self::Gaps => {
                (0..20).for_each(|number| forger.say(&number.to_string(), now()));
                // Beyond whatever is held of this log: what could hang on another branch is answered with FORK.
                let holes = (0..5).map(|hole| (RUN, forger.part(10 + 2 * hole, 20)));
                [(RUN, forger.part(0, 3))].into_iter().chain(holes).collect()
            }
            Self::Future => {
                let later = Millis(now().0 + 30 * 365 * 86_400_000);
                (0..5).for_each(|number| forger.say(&format!("from the future {number}"), later));
                vec![(RUN, forger.run(0))]
            }
            Self::Forks => {
                forger.say("all of you see this", now());
                let open = (RUN, forger.run(0));
                let versions = (0..5).map(|number| {
                    let mut version = forger.clone();
                    version.say(&format!("and only you this {number}"), now());
                    (RUN, version.run(0))
                });
                std::iter::once(open).chain(versions).collect()
            }
            Self::Logs(_) => Vec::new(),
        }
    }
}

/// A run of three entries of a log that nobody knows.
fn run(first: u64, forged: bool) -> Vec<u8> {
    let key = SigningKey::from_seed(Secret32::random(&mut UnwrapErr(SysRng)));
    let (mut builder, mut prev) = (RunBuilder::new(), EntryHash::from_bytes([4; 32]));
    for seq in first..first + 3 {
        let entry = Entry::write(&key, Kind::Entry, seq, prev, vec![6; 200]).unwrap();
        prev = entry.hash();
        builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), MAX_RUN_BYTES);
    }
    let mut bytes = builder.finish().unwrap().into_vec();
    if forged {
        *bytes.last_mut().unwrap() ^= 1;
    }
    bytes
}
