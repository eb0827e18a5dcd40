//! Nexus files: the disk side of a blob, reading what is sent and landing what comes.
//!
//! Synchronous: no network, no database, no async, no clock. The caller runs it on threads that may wait. What a blob
//! is, and how it is checked, is in `nexus-blobs`; here its bytes meet a file system that is full, slow, cut off, or
//! changed by others meanwhile.
//!
//! [`scan`] makes a [`Source`] of what a person names, [`Source::read_run`] reads it. A [`Landing`] takes groups in any
//! order, from several threads, and survives `kill -9` at any moment: a group counts as there only once its bytes were
//! written before its hash. [`Landing::finish`] gives the name, and nothing else does.
//!
//! The modules in reading order:
//!
//! | module | holds |
//! | --- | --- |
//! | `what`, `error` | kinds of blobs; typed errors that say what to do |
//! | `source` | looking at files, reading them, noticing that they changed |
//! | `items` | a manifest in the form in which it is made on a disk |
//! | `state` | what is kept of an incoming blob beside its bytes |
//! | `landing` | opening, writing, hashes, making it last, checking again, reusing, finishing |
//! | `leftovers` | what did not land: shown, and removed when too old |
//! | `beneath`, `pool`, `pack`, `sys` | folders without links, open files, bytes of our own files, calls to the system |
//!
//! Left out: quarantine marks (macOS, Windows). The program is built for systems that have none.

mod beneath;
mod error;
mod items;
mod landing;
mod leftovers;
mod pack;
mod pool;
mod source;
mod state;
mod sys;
mod what;

pub use error::{LandingError, SourceError};
pub use landing::{Landed, Landing, MAX_NUMBERED, Partial, Reused};
pub use leftovers::{Leftover, expire, leftovers, remove};
pub use source::{Skip, Skipped, Source, scan};
pub use state::BootId;
pub use sys::free_space;
pub use what::{Kind, What};
