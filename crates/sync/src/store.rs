//! The little that sync reads from a store.

use std::error::Error;
use std::sync::Arc;

use nexus_log::ids::{EntryHash, LogHead, LogKey, Seq, Topic};
use nexus_log::run::Run;

/// The store could not be read: the link that needed it is closed with [`crate::ByeCode::Storage`].
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store could not be read")]
pub struct StoreError(#[source] Arc<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps the store's own error.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }

    /// The store's own error.
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

/// Read access to what is durable. Nothing that is not durable may be visible through it.
///
/// It may show more than the engine was told of (a commit whose `handle_committed` is still to
/// come), never less.
pub trait Store {
    /// The heads of all logs of `topic`, one per branch, ascending by (log, branch). Empty for an
    /// unknown topic.
    fn logs(&self, topic: &Topic) -> Result<Vec<LogHead>, StoreError>;

    /// The heads of one log, one per branch; empty for an unknown log.
    fn tips(&self, log: &LogKey) -> Result<Vec<LogHead>, StoreError>;

    /// Entries of one branch of `log` from `from` on that end with an entry whose signature is
    /// held. Below the first differing entry a branch shares its entries with the rest of the log.
    ///
    /// The longest such run of at most `max_bytes` encoded; if not even one fits, the shortest
    /// there is, which fits a frame. `None` when nothing from `from` on is held.
    fn run(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        from: Seq,
        max_bytes: usize,
    ) -> Result<Option<Run>, StoreError>;

    /// The hash of the entry at `seq` on a branch of `log`; `None` if it is not held.
    fn hash_at(
        &self,
        log: &LogKey,
        branch: Option<&EntryHash>,
        seq: Seq,
    ) -> Result<Option<EntryHash>, StoreError>;
}
