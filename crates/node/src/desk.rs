//! A store with one identity in it and nothing running, and a peer with a log of their own: for tests of single jobs.

use std::sync::Arc;

use nexus_identity::card::{Statement, VerifiedCard};
use nexus_identity::prekey::Prekeys;
use nexus_identity::record::VerifiedRecord;
use nexus_identity::{IdentitySecrets, InstanceSecret, Millis};
use nexus_log::body::Payload;
use nexus_log::compose::compose;
use nexus_log::context::Conversation;
use nexus_log::hlc::Now;
use nexus_log::ids::{EntryRef, LogKey, Topic};
use nexus_log::memory::MemoryLedger;
use nexus_log::run::CheckedRun;
use nexus_storage::contacts::{ContactRow, ContactState};
use nexus_storage::{Database, OpenOptions, Opened};

use crate::error::Answered;
use crate::ingest::{self, Taken};
use crate::me::{self, Me};
use crate::store_thread::{After, Work};

/// When everything here begins.
pub(crate) const START: Millis = Millis(1_795_000_000_000);

/// One node's store.
pub(crate) struct Desk {
    pub opened: Opened,
    pub me: Arc<Me>,
    /// What the last job left to do.
    pub after: After,
    pub now: Millis,
    pub dir: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Arc::new(IdentitySecrets::generate(&mut rand::rng()));
        let options = OpenOptions::new(me::machine(), START);
        let mut opened = Database::open(&dir.path().join("nexus.db"), &options).unwrap();
        let made: Answered<Option<Me>> = opened.writer.transaction(|tx| {
            me::new_instance(tx, &secrets, None, Some("Ana"), START)?;
            Me::load(&secrets, tx)
        });
        let me = Arc::new(made.unwrap().unwrap());
        Self { opened, me, after: After::default(), now: START, dir }
    }

    /// One job, as the store thread runs it.
    pub(crate) fn run<T>(
        &mut self,
        job: impl FnOnce(&mut Work<'_, '_>) -> Answered<T>,
    ) -> Answered<T> {
        let (mut me, mut after, now) = (Arc::clone(&self.me), After::default(), self.now);
        let done = self
            .opened
            .writer
            .transaction(|tx| job(&mut Work { tx, me: &mut me, after: &mut after, now }));
        if done.is_ok() {
            self.me = me;
        }
        self.after = after;
        done
    }

    /// Somebody new, who is a contact and knows my OPEN.
    pub(crate) fn contact(&mut self) -> Peer {
        let mut peer = Peer::of(&self.me);
        let card = peer.card.clone();
        self.run(|work| {
            let who = card.connect_id();
            work.tx.put_contact(&ContactRow::new(who, ContactState::Accepted, work.now))?;
            work.learn_card(&card)?;
            let conversation = work.me.conversation_with(&who).cloned().unwrap();
            work.open_log(&conversation)
        })
        .unwrap();
        peer.pull(self);
        peer
    }

    /// Takes in what the peer wrote from `seq` on.
    pub(crate) fn take(&mut self, peer: &Peer, from: u64) -> Answered<Taken> {
        let (topic, run) = (peer.topic(), peer.run(from));
        self.run(|work| ingest::take(work, &topic, &run))
    }

    /// Writes a text to somebody.
    pub(crate) fn text(&mut self, peer: &Peer, text: &str) -> EntryRef {
        let (who, payload) = (peer.card.connect_id(), Payload::Text(text.to_owned()));
        let (sent, (log, seq)) =
            self.run(|work| crate::messages::say(work, &who, payload)).unwrap();
        let hash = nexus_log::ids::EntryHash::from_bytes(unhex(&sent.entry_id));
        EntryRef { log, seq, hash }
    }
}

fn unhex(text: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
    std::array::from_fn(byte)
}

/// Somebody on the other side, who writes what they like.
pub(crate) struct Peer {
    pub card: VerifiedCard,
    pub me: nexus_log::context::Me,
    pub conversation: Conversation,
    pub ledger: MemoryLedger,
    /// My own records, as they know them.
    pub others: Vec<VerifiedRecord>,
    pub now: Millis,
}

impl Peer {
    fn of(other: &Me) -> Self {
        let mut rng = rand::rng();
        let secrets = IdentitySecrets::generate(&mut rng);
        let instance = InstanceSecret::generate(&mut rng);
        let says = [
            Statement::Contact { key: secrets.contact_key() },
            Statement::Add { instance: instance.key(), created: START },
        ];
        let card = VerifiedCard::create(&secrets, &says).unwrap();
        let key = other.card.contact_key().unwrap();
        let conversation = Conversation::direct(&secrets, other.connect_id(), &key).unwrap();
        let me = nexus_log::context::Me {
            who: secrets.connect_id(),
            identity: secrets.identity_key(),
            add: card.add_statement(&instance.key()).unwrap(),
            instance,
            prekeys: Prekeys::generate(START, &mut rng).unwrap(),
        };
        let others = vec![other.record.clone()];
        Self { card, me, conversation, ledger: MemoryLedger::new(), others, now: START }
    }

    pub(crate) fn topic(&self) -> Topic {
        self.conversation.topic()
    }

    pub(crate) fn log(&self) -> LogKey {
        self.me.log(&self.conversation)
    }

    /// Writes an entry; gives its sequence number.
    pub(crate) fn say(&mut self, payload: Payload) -> u64 {
        let now = Now::new(self.now, crate::time::RELEASED);
        let composed = compose(
            &mut self.ledger,
            &self.conversation,
            &self.me,
            payload,
            &self.others,
            now,
            &mut rand::rng(),
        );
        composed.unwrap().log.head.seq
    }

    /// What they wrote from `seq` on.
    pub(crate) fn run(&self, from: u64) -> CheckedRun {
        self.ledger.run(&self.log(), None, from, usize::MAX).unwrap().check().unwrap()
    }

    /// Takes in all that the desk wrote.
    pub(crate) fn pull(&mut self, desk: &Desk) {
        use nexus_sync::Store;
        let reader = desk.opened.db.reader().unwrap();
        let log = desk.me.log(self.topic());
        let run = reader.run(&log, None, 0, 1 << 20).unwrap().unwrap().check().unwrap();
        let now = Now::new(self.now, crate::time::RELEASED);
        nexus_log::ingest::ingest(&mut self.ledger, &self.conversation, &self.me, &run, now)
            .unwrap();
    }
}
