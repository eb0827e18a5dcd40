//! One job on the store: what it works on, and what it leaves to do once it is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexus_identity::{ConnectId, InstanceKey, Millis, VerifiedRecord};
use nexus_log::body::Payload;
use nexus_log::compose::{self, ComposeError, Composed};
use nexus_log::context::{Conversation, Me};
use nexus_log::hlc::Now;
use nexus_log::ids::{ConversationId, EntryHash, Head, LogKey, Topic};
use nexus_log::ledger::Ledger;
use nexus_log::order::Position;

use super::jobs::{Job, JobError};
use super::log_clock;
use crate::dice::Dice;
use crate::disk::{DiskError, DiskTx};
use crate::facts::Facts;

/// An entry that this node wrote.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Its hash.
    pub hash: EntryHash,
    /// Its place.
    pub position: Position,
    /// The conversation.
    pub conversation: ConversationId,
    /// Its topic.
    pub topic: Topic,
    /// Who.
    pub author: ConnectId,
    /// What it says.
    pub payload: Payload,
    /// It disappears after a while.
    pub fleeting: bool,
}

/// What to do once a job is durable.
#[derive(Debug, Default)]
pub struct After {
    /// Own entries that were appended.
    pub appended: BTreeMap<(Topic, LogKey), Head>,
    /// Whom I want may have changed.
    pub wants: bool,
    /// My card or record changed.
    pub hello: bool,
    /// Cards of others that changed.
    pub cards: Vec<ConnectId>,
    /// Newer records of others.
    pub records: Vec<Arc<VerifiedRecord>>,
    /// Letters may be due.
    pub letters: bool,
    /// Something may disappear earlier than thought.
    pub timers: bool,
    /// Conversations in which keys are missing or asked for.
    pub requests: BTreeSet<Topic>,
    /// This instance must be given up.
    pub give_up: Option<InstanceKey>,
    /// What a person wrote meanwhile.
    pub held: Vec<Job>,
    /// What I wrote.
    pub signed: Vec<Signed>,
    /// What somebody now is said to have.
    pub raised: Vec<(LogKey, ConnectId, Head)>,
    /// Logs of mine in which entries turned up that I did not write.
    pub tainted: Vec<LogKey>,
    /// A promise that broke inside the job.
    pub broken: Option<String>,
    /// For the coverage.
    pub seen: Vec<&'static str>,
}

impl After {
    /// Adds what another job left.
    pub fn merge(&mut self, other: Self) {
        self.appended.extend(other.appended);
        self.wants |= other.wants;
        self.hello |= other.hello;
        self.cards.extend(other.cards);
        self.records.extend(other.records);
        self.letters |= other.letters;
        self.timers |= other.timers;
        self.requests.extend(other.requests);
        self.give_up = self.give_up.take().or(other.give_up);
        self.held.extend(other.held);
        self.signed.extend(other.signed);
        self.tainted.extend(other.tainted);
        self.broken = self.broken.take().or(other.broken);
        self.raised.extend(other.raised);
        self.seen.extend(other.seen);
    }
}

/// What a job works on.
pub struct Work<'a, 't, 'w> {
    /// The ledger.
    pub tx: &'a mut DiskTx<'t, 'w>,
    /// What is kept beside it.
    pub facts: &'a mut Arc<Facts>,
    /// What to do after.
    pub after: &'a mut After,
    /// The wall clock.
    pub now: Millis,
    /// Chance.
    pub dice: &'a mut Dice,
}

impl Work<'_, '_, '_> {
    /// The clock as the log wants it.
    #[must_use]
    pub fn clock(&self) -> Now {
        log_clock(self.now)
    }

    /// Facts to be changed.
    pub fn facts_mut(&mut self) -> &mut Facts {
        Arc::make_mut(self.facts)
    }

    /// Me, to write; only a live instance may.
    pub fn author(&self) -> Result<Me, JobError> {
        if !self.facts.is_live() {
            return Err(JobError::NotNow("this instance is not live"));
        }
        self.facts.me().ok_or(JobError::NotNow("there is no statement for this instance"))
    }

    /// Opens my log in a conversation.
    pub fn open_log(&mut self, conversation: &Conversation) -> Result<(), JobError> {
        let (author, now) = (self.author()?, self.clock());
        let opened = compose::open(self.tx, conversation, &author, now, self.dice.rng());
        if let Some(composed) = self.composed(opened)? {
            self.appended(conversation, &composed);
        }
        Ok(())
    }

    /// Appends one entry of mine.
    pub fn write(
        &mut self,
        conversation: &Conversation,
        payload: Payload,
    ) -> Result<Composed, JobError> {
        let recipients = self.facts.recipients(conversation);
        let (author, now) = (self.author()?, self.clock());
        let said = payload.clone();
        let rng = self.dice.rng();
        let written =
            compose::compose(self.tx, conversation, &author, payload, &recipients, now, rng);
        let composed = self.composed(written)?;
        if let Some(position) = composed.position {
            self.check_order(conversation, &position)?;
            let message = self.tx.message(&conversation.id, &composed.id)?;
            let fleeting = message.is_some_and(|message| message.base.expires.is_some());
            self.after.signed.push(Signed {
                hash: composed.id,
                position,
                conversation: conversation.id,
                topic: conversation.topic(),
                author: author.who,
                payload: said,
                fleeting,
            });
        }
        self.appended(conversation, &composed);
        Ok(composed)
    }

    /// What I write stands after everything that I am shown and whose clock is followed.
    fn check_order(
        &mut self,
        conversation: &Conversation,
        position: &Position,
    ) -> Result<(), JobError> {
        let now = self.clock();
        let later = self.tx.messages(&conversation.id, position, 8)?;
        let before = later.iter().find(|message| {
            message.is_readable() && !message.base.far && message.base.position.hlc.is_followed(now)
        });
        if let Some(message) = before {
            let place = message.base.position;
            self.after.broken =
                Some(format!("wrote at {position:?}, before {place:?}, which it shows"));
        }
        Ok(())
    }

    /// What must happen after entries of mine were appended.
    pub fn appended(&mut self, conversation: &Conversation, composed: &Composed) {
        let (log, head) = (composed.log.log, composed.log.head);
        if self.facts.peer_of(conversation).is_some_and(|peer| !self.facts.wants(&peer)) {
            self.after.broken = Some("wrote to somebody whom it does not want".into());
        }
        self.after.appended.insert((conversation.topic(), log), head);
        self.after.timers = true;
    }

    /// A log that may not go on gives up this instance.
    pub fn composed<T>(
        &mut self,
        result: Result<T, ComposeError<DiskError>>,
    ) -> Result<T, JobError> {
        result.map_err(|error| match error {
            ComposeError::Ledger(error) => JobError::Disk(error),
            ComposeError::TooLong => JobError::NotNow("too long"),
            ComposeError::Header(error) => JobError::Bug(format!("composing: {error}")),
            ComposeError::Stopped | ComposeError::ClockBeyond => {
                self.give_up();
                JobError::NotNow("this instance must be given up")
            }
        })
    }

    /// This instance must not go on.
    pub fn give_up(&mut self) {
        self.after.give_up = Some(self.facts.instance.key());
    }
}
