//! Logs as they came and the keys to them: the raw side of the store, from which everything else can be rebuilt.

mod chains;
mod entries;
mod keys;
mod sync;

pub(crate) use entries::{RecentEntries, limit_column};
pub use keys::KeyRow;
