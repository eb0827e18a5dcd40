//! People with devices over ledgers in memory, and runs carried between them.

use nexus_identity::card::{SignedStatement, Statement};
use nexus_identity::id::{ConnectId, Millis};
use nexus_identity::kdf::Secret32;
use nexus_identity::keys::{IdentitySecrets, InstanceSecret};
use nexus_identity::prekey::Prekeys;
use nexus_identity::record::{InstanceRecord, VerifiedRecord};
use nexus_log::body::{KeyName, Payload};
use nexus_log::compose::{ComposeError, Composed, compose, open};
use nexus_log::context::{Conversation, Me};
use nexus_log::digest::Digest;
use nexus_log::expire::{Expired, expire};
use nexus_log::fold::Message;
use nexus_log::hlc::Now;
use nexus_log::ids::{EntryRef, LogKey};
use nexus_log::ingest::{Ingested, ingest};
use nexus_log::memory::{MemoryLedger, Misuse};
use nexus_log::requests;
use nexus_log::run::{CheckedRun, Run};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

pub const START: u64 = 1_795_000_000_000;
pub const RELEASED: Millis = Millis(1_790_000_000_000);
pub const DAY: u64 = 86_400_000;

pub fn at(millis: u64) -> Now {
    Now::new(Millis(millis), RELEASED)
}

/// One device of one person, and one conversation of theirs.
#[derive(Clone)]
pub struct Device {
    pub secrets: IdentitySecrets,
    pub me: Me,
    pub conversation: Conversation,
    pub ledger: MemoryLedger,
    pub rng: ChaCha20Rng,
    pub record: u64,
    pub time: u64,
}

pub fn person(seed: u8) -> IdentitySecrets {
    IdentitySecrets::from_parts(
        Secret32::new([seed; 32]),
        Secret32::new([seed.wrapping_add(100); 32]),
        Secret32::new([seed.wrapping_add(200); 32]),
    )
}

impl Device {
    pub fn direct(secrets: &IdentitySecrets, their: &IdentitySecrets, seed: u8) -> Self {
        let conversation =
            Conversation::direct(secrets, their.connect_id(), &their.contact_key()).unwrap();
        Self::with(secrets, conversation, seed)
    }

    pub fn own(secrets: &IdentitySecrets, seed: u8) -> Self {
        Self::with(secrets, Conversation::own(secrets), seed)
    }

    fn with(secrets: &IdentitySecrets, conversation: Conversation, seed: u8) -> Self {
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let instance = InstanceSecret::from_seed(Secret32::new([seed; 32]));
        let add = Statement::Add { instance: instance.key(), created: Millis(START) };
        let add: SignedStatement = secrets.sign_statement(&add).unwrap();
        let prekeys = Prekeys::generate(Millis(START), &mut rng).unwrap();
        let (who, identity) = (secrets.connect_id(), secrets.identity_key());
        let me = Me { who, identity, instance, add, prekeys };
        let (secrets, ledger) = (secrets.clone(), MemoryLedger::new());
        Self { secrets, me, conversation, ledger, rng, record: 1, time: START }
    }

    pub fn now(&self) -> Now {
        at(self.time)
    }

    pub fn log(&self) -> LogKey {
        self.me.log(&self.conversation)
    }

    pub fn record(&self) -> VerifiedRecord {
        let (who, instance) = (self.me.who, self.me.instance.key());
        let prekey = self.me.prekeys.current();
        let record = InstanceRecord::new(who, instance, self.record, prekey, Millis(self.time));
        record.sign(&self.me.instance).unwrap()
    }

    pub fn try_say(
        &mut self,
        payload: Payload,
        to: &[VerifiedRecord],
    ) -> Result<Composed, ComposeError<Misuse>> {
        let (ledger, rng, now) = (&mut self.ledger, &mut self.rng, at(self.time));
        compose(ledger, &self.conversation, &self.me, payload, to, now, rng)
    }

    pub fn say(&mut self, payload: Payload, to: &[VerifiedRecord]) -> EntryRef {
        let composed = self.try_say(payload, to).unwrap();
        EntryRef { log: composed.log.log, seq: composed.log.head.seq, hash: composed.id }
    }

    pub fn text(&mut self, text: &str, to: &[VerifiedRecord]) -> EntryRef {
        self.say(Payload::Text(text.into()), to)
    }

    pub fn open(&mut self) {
        let (ledger, rng, now) = (&mut self.ledger, &mut self.rng, at(self.time));
        open(ledger, &self.conversation, &self.me, now, rng).unwrap();
    }

    pub fn take(&mut self, run: &CheckedRun) -> Ingested {
        let now = at(self.time);
        ingest(&mut self.ledger, &self.conversation, &self.me, run, now).unwrap()
    }

    /// Takes all that `other` holds, in runs of at most `entries`.
    pub fn pull_in(&mut self, other: &MemoryLedger, entries: usize) -> Vec<Ingested> {
        let runs = other.all_runs(&self.conversation.topic(), entries);
        runs.into_iter().map(|run| self.take(&run.check().unwrap())).collect()
    }

    pub fn pull(&mut self, other: &Self) -> Vec<Ingested> {
        self.pull_in(&other.ledger, 300)
    }

    /// Asks for what is missing and answers what is asked, as a node does by itself.
    pub fn tend(&mut self, to: &[VerifiedRecord]) {
        let now = self.now();
        let names = requests::due(&mut self.ledger, &self.conversation, now).unwrap();
        if !names.is_empty() {
            self.say(Payload::KeyRequest(names), to);
        }
        let (ledger, rng) = (&mut self.ledger, &mut self.rng);
        requests::answer(ledger, &self.conversation, &self.me, to, now, rng).unwrap();
    }

    pub fn due(&mut self) -> Vec<KeyName> {
        let now = self.now();
        requests::due(&mut self.ledger, &self.conversation, now).unwrap()
    }

    pub fn rotate(&mut self) {
        if self.me.prekeys.rotate_if_due(Millis(self.time), &mut self.rng) {
            self.record += 1;
        }
        self.me.prekeys.erase_due(Millis(self.time));
    }

    pub fn expire(&mut self) -> Vec<Expired> {
        let now = self.now();
        expire(&mut self.ledger, now).unwrap()
    }

    pub fn view(&self) -> Vec<Message> {
        self.ledger.view(&self.conversation.id)
    }

    pub fn texts(&self) -> Vec<String> {
        self.view().into_iter().map(|message| message.state.text).collect()
    }

    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Digest::new(&self.conversation.id);
        for message in self.view() {
            digest.push(&message);
        }
        digest.finish()
    }

    pub fn unreadable(&self) -> usize {
        self.view().iter().filter(|message| !message.is_readable()).count()
    }
}

/// Both take what the other has.
pub fn meet(a: &mut Device, b: &mut Device) {
    let before = a.clone();
    a.pull(b);
    b.pull(&before);
}

pub fn pair() -> (Device, Device) {
    let (alice, bob) = (person(1), person(2));
    (Device::direct(&alice, &bob, 11), Device::direct(&bob, &alice, 12))
}

pub fn who(device: &Device) -> ConnectId {
    device.me.who
}

pub fn run_of(device: &Device, from: u64) -> Run {
    device.ledger.run(&device.log(), None, from, usize::MAX).unwrap()
}
