//! Full-text search.

pub(crate) mod query;
pub(crate) mod words;
