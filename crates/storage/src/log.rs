//! Logs as they came and the keys to them: the raw side of the store, from which everything else can be rebuilt.

mod chains;
mod entries;
mod keys;
mod requests;
mod sync;

pub(crate) use entries::{RecentEntries, from_seq, limit_column, read_header};
pub use keys::KeyRow;
