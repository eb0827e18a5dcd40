//! Full-text search.

mod find;
mod index;
mod query;
mod words;

pub use find::Hit;
pub use index::MAX_INDEX_LAG;
