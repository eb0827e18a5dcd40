//! What a transaction keeps in memory until its end: small facts asked for once, and counts written once.

use std::collections::HashMap;

use nexus_identity::id::ConnectId;
use nexus_log::ids::LogKey;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::Bytes;

/// Facts remembered between statements of one connection that writes. Forgotten at the end of every transaction and
/// when a job is undone.
#[derive(Debug, Default)]
pub(crate) struct Working {
    /// The own identity, once looked up.
    me: Option<Option<ConnectId>>,
    /// Messages up to this number are in the search index.
    pub(crate) indexed: Option<i64>,
    /// Changes of unread counts that are not in the database yet.
    unread: HashMap<i64, i64>,
    /// My own read marks.
    marks: HashMap<(i64, LogKey), i64>,
}

impl Queries {
    /// The identity whose instance this is; `None` before there is one.
    pub(crate) fn me(&self) -> Result<Option<ConnectId>, StoreError> {
        if let Some(me) = self.working.borrow().me {
            return Ok(me);
        }
        let me = self.first("SELECT connect_id FROM own_instance", [], |row| {
            Ok(ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0))
        })?;
        self.working.borrow_mut().me = Some(me);
        Ok(me)
    }

    /// How far I have read a log; -1 before the first.
    pub(super) fn my_mark(&self, conversation: i64, log: &LogKey) -> Result<i64, StoreError> {
        if let Some(mark) = self.working.borrow().marks.get(&(conversation, *log)) {
            return Ok(*mark);
        }
        let mark = match self.me()? {
            None => -1,
            Some(me) => self.mark_of(conversation, &me, log)?,
        };
        self.working.borrow_mut().marks.insert((conversation, *log), mark);
        Ok(mark)
    }

    pub(super) fn set_my_mark(&self, conversation: i64, log: &LogKey, mark: i64) {
        self.working.borrow_mut().marks.insert((conversation, *log), mark);
    }

    /// Changes an unread count; the database learns it from [`Queries::flush_working`].
    pub(super) fn add_unread(&self, conversation: i64, change: i64) {
        if change != 0 {
            *self.working.borrow_mut().unread.entry(conversation).or_default() += change;
        }
    }

    /// The change of an unread count that is not in the database yet.
    pub(super) fn unread_change(&self, conversation: i64) -> i64 {
        self.working.borrow().unread.get(&conversation).copied().unwrap_or(0)
    }

    /// Writes the counts; before a savepoint or transaction ends.
    pub(crate) fn flush_working(&self) -> Result<(), StoreError> {
        let changes = std::mem::take(&mut self.working.borrow_mut().unread);
        for (conversation, change) in changes {
            self.run(
                "UPDATE conversation_state SET unread = max(0, unread + ?2) WHERE conversation = ?1",
                (conversation, change),
            )?;
        }
        Ok(())
    }

    /// Forgets everything that the database may not say (any more).
    pub(crate) fn forget_working(&self) {
        *self.working.borrow_mut() = Working::default();
        self.interned.borrow_mut().clear();
        self.recent.borrow_mut().clear();
    }
}
