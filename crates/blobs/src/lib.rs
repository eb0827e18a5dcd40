//! Nexus blobs: the bytes of files and folders, how they are verified, sealed and moved.
//!
//! No I/O, no async, no clock, no randomness: bytes and events go in, bytes and actions come out,
//! time is an argument. A *blob* is the bytes of one file, or of a folder: its manifest and the
//! contents of its files one after the other. It is moved in groups of 64 KiB, and each group is
//! checked against the BLAKE3 root of the whole.
//!
//! The modules in reading order:
//!
//! | module | holds |
//! | --- | --- |
//! | [`limits`] | every number that a peer can run into |
//! | [`size`] | [`BlobSize`]: how many bytes, how many groups |
//! | [`ids`] | [`BlobId`], [`Root`], [`GroupHash`] |
//! | [`tree`] | hashes of groups, merged up to the root |
//! | [`set`] | [`GroupSet`]: which groups are there |
//! | [`sealed`] | the form for carriers that cannot read |
//! | [`name`] | which names of files are safe |
//! | [`manifest`] | what a folder holds |
//! | [`layout`] | which bytes of a blob belong to which file |
//! | [`wire`] | the frames and their bytes |
//! | [`serve`] | what an asker has open: fair turns, limits |
//! | [`fetch`] | one transfer at the receiver: whom to ask for what |

pub mod fetch;
pub mod ids;
pub mod layout;
pub mod limits;
pub mod manifest;
pub mod name;
pub mod sealed;
pub mod serve;
pub mod set;
pub mod size;
pub mod tree;
pub mod wire;

pub use fetch::{Action, Check, Fetch, SourceId, SourceKind, Take, Violation};
pub use ids::{BlobId, GroupHash, RequestId, Root};
pub use layout::Layout;
pub use limits::GROUP;
pub use manifest::Manifest;
pub use name::SafeName;
pub use serve::Serve;
pub use set::GroupSet;
pub use size::BlobSize;
pub use tree::{RootBuilder, group_hash};
