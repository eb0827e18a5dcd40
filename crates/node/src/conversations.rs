//! Writing into conversations: making them, opening my log in them, appending to it.

use std::sync::Arc;

use nexus_identity::ConnectId;
use nexus_identity::record::VerifiedRecord;
use nexus_log::body::Payload;
use nexus_log::compose::{self, ComposeError, Composed};
use nexus_log::context::Conversation;
use nexus_log::hlc::Now;
use nexus_log::ids::{LogKey, Topic};
use nexus_log::topic::{LogKind, log_key};
use nexus_storage::StoreError;
use nexus_storage::delivery::Delivery;
use nexus_storage::own::Retirement;
use nexus_storage::story::{About, Stage, StoryRow};

use crate::api::{ErrorBody, ErrorCode};
use crate::error::{self, Answered};
use crate::ingest;
use crate::me::Me;
use crate::rises::Rise;
use crate::store_thread::Work;

impl Me {
    /// The log that this instance writes in a topic.
    pub(crate) fn log(&self, topic: Topic) -> LogKey {
        LogKey::from_bytes(log_key(&self.instance, topic, LogKind::MESSAGES).public())
    }

    /// Who writes, as the log wants to know it.
    ///
    /// # Errors
    /// `device_limit` when this instance is not live: nobody would see what it writes.
    pub(crate) fn author(&self) -> Answered<nexus_log::context::Me> {
        if !self.is_live() {
            return Err(not_live());
        }
        self.reader().ok_or_else(not_live)
    }
}

fn not_live() -> ErrorBody {
    ErrorBody::new(
        ErrorCode::DeviceLimit,
        "this device is not among the live devices of the identity (at most 8), so it can only read",
        "see `nexus device list` and revoke one that is no longer used: `nexus device revoke INSTANCE`",
    )
}

impl Work<'_, '_> {
    /// The log's clock.
    pub(crate) fn clock(&self) -> Now {
        Now::new(self.now, crate::time::RELEASED)
    }

    /// Makes sure that a conversation is in the store.
    pub(crate) fn keep_conversation(
        &mut self,
        conversation: &Conversation,
        peer: &ConnectId,
    ) -> Answered<()> {
        let (id, kind, topic) = (conversation.id, conversation.kind.code(), conversation.topic());
        Ok(self.tx.add_conversation(&id, kind, &topic, Some(peer))?)
    }

    /// Appends my OPEN to a conversation, unless it is there: from then on others can let me be heard.
    pub(crate) fn open_log(&mut self, conversation: &Conversation) -> Answered<()> {
        let (author, now) = (self.me.author()?, self.clock());
        let opened = compose::open(self.tx, conversation, &author, now, &mut rand::rng());
        if let Some(composed) = self.composed(opened)? {
            self.appended(conversation, &composed)?;
        }
        Ok(())
    }

    /// Appends one entry of mine, with whatever has to come before it.
    pub(crate) fn write(
        &mut self,
        conversation: &Arc<Conversation>,
        payload: Payload,
    ) -> Answered<Composed> {
        let recipients = self.recipients(conversation)?;
        let (author, now) = (self.me.author()?, self.clock());
        let written = compose::compose(
            self.tx,
            conversation,
            &author,
            payload,
            &recipients,
            now,
            &mut rand::rng(),
        );
        let composed = self.composed(written)?;
        self.appended(conversation, &composed)?;
        ingest::changes(self, &conversation.id, &composed.changes)?;
        Ok(composed)
    }

    /// Records of all live instances of the members, but this one: to them new epoch keys are sealed.
    pub(crate) fn recipients(&self, conversation: &Conversation) -> Answered<Vec<VerifiedRecord>> {
        let mut records = Vec::new();
        let this = self.me.instance.key();
        for member in &conversation.members {
            let card = self.card_of(member)?;
            for row in self.tx.records(member)? {
                let live = card.as_ref().is_some_and(|card| card.is_live(&row.instance));
                if live && row.instance != this {
                    records.extend(crate::verified::record(&row.bytes));
                }
            }
        }
        Ok(records)
    }

    /// What must happen after entries of mine were appended.
    pub(crate) fn appended(
        &mut self,
        conversation: &Conversation,
        composed: &Composed,
    ) -> Answered<()> {
        let (log, head) = (composed.log.log, composed.log.head);
        self.after.appended.insert((conversation.topic(), log), head);
        let me = self.me.connect_id();
        for member in conversation.members.iter().filter(|m| **m != me) {
            self.tx.add_recipient(&log, member)?;
        }
        let row = StoryRow {
            at: self.now,
            stage: Stage::Queued,
            peer: None,
            path: String::new(),
            detail: "written and on disk here".to_owned(),
        };
        self.tx.tell(About::Entries { log, from: composed.first, to: head.seq }, &row)?;
        self.after.timers |= self.tx.timer_of(&conversation.id)?.is_some();
        Ok(())
    }

    /// Turns an error of composing into one for people; a log that may not go on gives up this instance.
    pub(crate) fn composed<T>(
        &mut self,
        result: Result<T, ComposeError<StoreError>>,
    ) -> Answered<T> {
        result.map_err(|e| match e {
            ComposeError::Ledger(e) => e.into(),
            ComposeError::TooLong => error::too_long(),
            other => {
                // Told outside this job, whose writes are undone with its failure.
                self.give_up(match other {
                    ComposeError::ClockBeyond => Retirement::Clock,
                    _ => Retirement::Forked,
                });
                error::between_instances(&other)
            }
        })
    }

    /// This instance must not go on: the hub makes another one once this is durable.
    pub(crate) fn give_up(&mut self, why: Retirement) {
        self.after.give_up = Some((self.me.instance.key(), why));
    }

    /// Raises how far a recipient has my log; tells of the messages that rose with it.
    pub(crate) fn raise(&mut self, rise: Rise) -> Answered<()> {
        let Rise { log, who, state, upto, path, at } = rise;
        let Some(risen) = self.tx.raise(&log, &who, state, upto)? else { return Ok(()) };
        let (stage, detail) = match state {
            Delivery::Queued | Delivery::Sent => {
                (Stage::Sent, "the last byte was written to their link")
            }
            Delivery::Delivered => (Stage::Delivered, "on disk at their side"),
            Delivery::Read => (Stage::Read, "covered by their read mark"),
        };
        let row = StoryRow { at, stage, peer: Some(who), path, detail: detail.to_owned() };
        self.tx.tell(About::Entries { log, from: risen.from, to: risen.to }, &row)?;
        self.tell_states(&log, risen.from, risen.to)
    }

    /// State events of my shown messages in a range of my log; of a long range only the last ones.
    fn tell_states(&mut self, log: &LogKey, from: u64, to: u64) -> Answered<()> {
        /// State events of one rise: who catches up with more reads the state with the history.
        const MOST: u64 = 64;
        let from = from.max(to.saturating_sub(MOST - 1));
        let Some(chain) = self.tx.chain(log, None)? else { return Ok(()) };
        let marks = self.tx.marks(log)?;
        let peer = self.me.conversations.get(&chain.topic).and_then(|c| self.me.peer_of(c));
        let count = usize::try_from(to - from + 1).unwrap_or(usize::MAX);
        for entry in self.tx.entries_of_chain(chain.id, from, count)? {
            if entry.seq > to {
                break;
            }
            if let Some(row) = self.tx.message_by_hash(&entry.hash)? {
                let state = crate::views::message_state(&marks, entry.seq, peer.as_ref());
                self.state_event(&row.conversation, &entry.hash, state)?;
            }
        }
        Ok(())
    }
}
