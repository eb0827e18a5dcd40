//! Nexus logs: entries, chains, order, topics, frontiers and the folds; the one place that knows the formats.
//!
//! Nothing here does I/O, reads a clock or makes randomness: time comes in as [`hlc::Now`], randomness as a
//! `CryptoRng`, the store as a [`ledger::Ledger`]. What a stranger can send passes [`run::Run::check`] first, which
//! needs neither store nor keys; only a [`run::CheckedRun`] gets any further.
//!
//! The modules in reading order:
//!
//! | module | holds |
//! | --- | --- |
//! | [`ids`] | names of logs, topics, entries |
//! | [`header`], [`entry`], [`run`] | what is stored and sent, and the one meaning of *valid* |
//! | [`topic`], [`open`], [`context`] | who is in a conversation, and who let a log in |
//! | [`cipher`], [`body`] | what an ENTRY says, once opened |
//! | [`hlc`], [`order`] | the one order |
//! | [`seals`], [`requests`] | who gets the keys, and what happens if they come late |
//! | [`chain`], [`fork`], [`frontier`] | where a run fits; two branches of one log; what is known of many logs |
//! | [`ledger`], [`memory`] | what the log needs from a store, and a store in memory for tests |
//! | [`ingest`], [`compose`] | from checked runs to entries, keys and messages; from what I say to entries |
//! | [`fold`], [`digest`] | from messages to what is shown, and to six words that say whether it is the same |
//! | [`expire`], [`rebuild`] | what disappears; making again all that is derived |

pub mod body;
pub mod chain;
pub mod cipher;
pub mod compose;
pub mod context;
pub mod digest;
pub mod entry;
pub mod expire;
pub mod fold;
pub mod fork;
pub mod frontier;
pub mod header;
pub mod hlc;
pub mod ids;
pub mod ingest;
pub mod ledger;
pub mod memory;
pub mod open;
pub mod order;
pub mod rebuild;
pub mod requests;
pub mod run;
pub mod seals;
pub mod topic;
