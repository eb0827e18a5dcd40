//! A contact's log as no program would write it: with any clock, in two versions, with holes.

use nexus_identity::{Millis, VerifiedRecord};
use nexus_log::body::Payload;
use nexus_log::compose::compose;
use nexus_log::context::{Conversation, Me};
use nexus_log::hlc::Now;
use nexus_log::memory::MemoryLedger;
use nexus_log::run::MAX_RUN_BYTES;
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

/// A conversation with one other, and what was said in it so far. A clone goes on by itself: that is a fork.
#[derive(Clone)]
pub struct Forger {
    pub conversation: Conversation,
    pub me: Me,
    pub reader: VerifiedRecord,
    ledger: MemoryLedger,
}

impl Forger {
    pub fn new(conversation: Conversation, me: Me, reader: VerifiedRecord) -> Self {
        Self { conversation, me, reader, ledger: MemoryLedger::new() }
    }

    /// Writes a text at this time, whatever the real one is.
    pub fn say(&mut self, text: &str, at: Millis) {
        let payload = Payload::Text(text.into());
        let (readers, now) = ([self.reader.clone()], Now::new(at, Millis(0)));
        let rng = &mut UnwrapErr(SysRng);
        compose(&mut self.ledger, &self.conversation, &self.me, payload, &readers, now, rng)
            .unwrap();
    }

    /// The body of a RUN with everything from this entry on.
    pub fn run(&self, from: u64) -> Vec<u8> {
        let log = self.me.log(&self.conversation);
        self.ledger.run(&log, None, from, MAX_RUN_BYTES).expect("written").into_vec()
    }

    /// The body of a RUN with these entries only.
    pub fn part(&self, from: u64, until: u64) -> Vec<u8> {
        let log = self.me.log(&self.conversation);
        let mut builder = nexus_log::run::RunBuilder::new();
        let all = self.ledger.run(&log, None, from, MAX_RUN_BYTES).expect("written");
        for entry in all.check().expect("right").to_entries() {
            let header = nexus_log::header::Header::decode(&entry.header).unwrap();
            if header.seq < until {
                let key = self.me.log_key(&self.conversation);
                let signature = key.sign("nexus head v1", entry.hash().as_bytes());
                builder.push(&entry.header, &entry.payload, Some(&signature), MAX_RUN_BYTES);
            }
        }
        builder.finish().expect("a run").into_vec()
    }
}
