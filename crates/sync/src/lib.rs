//! Nexus sync: what is missing where; a sans-IO state machine for each link.
//!
//! No async, no clock, no randomness, no sockets: frames and events go in, [`Output`]s come out,
//! time is an argument. Entries are read through the small [`Store`] trait; nothing is written.
//! Nothing that a peer says is believed: only comparisons and signatures count.
//!
//! The modules in reading order:
//!
//! | module | holds |
//! | --- | --- |
//! | [`limits`] | every number that a peer can run into |
//! | [`ids`] | links, sides, tickets, fingerprints |
//! | [`code`] | the codes on the wire |
//! | [`fingerprint`] | hashes of sets and heads, WANT ids |
//! | [`frame`] | the frames and their bytes |
//! | [`store`] | what is read from a store |
//! | [`shared`] | what is remembered of a peer |
//! | [`output`] | what the engine asks for and tells |
//! | [`engine`] | all links of a node |

pub mod code;
mod compare;
pub mod engine;
pub mod fingerprint;
pub mod frame;
pub mod ids;
mod intake;
pub mod limits;
mod link;
pub mod output;
mod share;
pub mod shared;
pub mod store;
mod view;

pub use code::{ByeCode, FrameCode, ViolationCode};
pub use engine::{Config, Engine, Refused};
pub use frame::{Frame, FrameError, Received};
pub use ids::{LinkId, LinkParams, Serial, Side, Ticket, WantSecret, WantedTopic};
pub use output::Output;
pub use shared::Shared;
pub use store::{Store, StoreError};
