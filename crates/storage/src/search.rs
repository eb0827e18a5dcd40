//! Full-text search.

mod index;
mod query;
mod words;

pub use index::{Hit, MAX_INDEX_LAG};
