//! The simulator: whole networks of nodes, through years of bad luck, from one seed. Not shipped.
//!
//! It drives the shipped `nexus-log` and `nexus-sync`, unchanged, over the ledger in memory or over the shipped
//! `nexus-storage`. One thread, one virtual clock, one seed: the same seed gives the same run, to the byte, on every
//! machine and over both stores, which the hash of its trace shows.
//!
//! The modules in reading order:
//!
//! | module | holds |
//! | --- | --- |
//! | [`plan`] | what a run does: who there is, who reaches whom, what is said, what goes wrong; drawn from the seed |
//! | [`story`] | plans that people wrote down |
//! | [`dice`] | chance |
//! | [`world`] | the clock, the events, and all that happens to nodes and links |
//! | [`node`] | one device: engine, store, and the glue between them as the shipped node has it |
//! | [`facts`], [`disk`] | what a device keeps, and what survives when it dies |
//! | [`net`] | links |
//! | [`oracle`] | what truly happened |
//! | [`invariants`] | the promises |
//! | [`reference`](mod@reference) | what devices must show, worked out a second time |
//! | [`trace`], [`coverage`] | what happened, and what was reached |
//! | [`sweep`], [`shrink`] | many seeds; one plan made as small as it can be |
//! | [`mistakes`] | mistakes built in on purpose, and the seeds that find them |
#![expect(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a panic here is a failed run, and is reported as one"
)]

pub mod coverage;
pub mod dice;
pub mod disk;
pub mod facts;
pub mod invariants;
pub mod mistakes;
pub mod net;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod reference;
pub mod shrink;
pub mod story;
pub mod sweep;
pub mod trace;
pub mod world;
