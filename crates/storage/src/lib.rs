//! Nexus storage: SQLite behind the append-only log, views, contacts, peers and search.
//!
//! It keeps what it is told and answers questions; what a conversation means is decided in `nexus-log`, which runs
//! over [`Tx`] through its `Ledger` trait. It is synchronous: the node owns its thread.
//!
//! [`Database::open`] takes the lock and gives the one [`Writer`]; [`Database::reader`] gives as many [`Reader`]s as
//! there are threads that read. Both lead to [`Queries`], which has every question. Writes happen in a [`Tx`], alone
//! or many in a [`Group`].
//!
//! The modules in reading order:
//!
//! | module | holds |
//! | --- | --- |
//! | `open`, `migrations`, `error` | the file: lock, checks, schema, typed errors |
//! | `queries`, `writer` | connections, transactions, group commit |
//! | [`own`] | this instance and the ones before |
//! | [`contacts`], [`letters`], [`peers`] | people and how to reach them |
//! | [`conversations`] | title, quiet, draft |
//! | [`delivery`], [`story`], [`events`] | what became of what I wrote, and what happened |
//! | [`settings`] | settings and notices |
//! | `log`, `ledger` | chains, entries and keys as they came; `Ledger` and sync's `Store` over them |
//! | `view` | messages, operations, unread counts, history |
//! | `search` | words, queries and the index |
//! | `rebuild` | everything derived, made again |
//! | `transfers` | files that are sent and received, without their content |
//! | `check`, `heal`, `beside` | is everything in order, and what to do if it isn't |

mod beside;
mod check;
pub mod contacts;
pub mod conversations;
pub mod delivery;
mod error;
pub mod events;
mod heal;
mod intern;
mod ledger;
pub mod letters;
mod log;
mod migrations;
mod open;
pub mod own;
pub mod peers;
mod queries;
mod rebuild;
mod search;
pub mod settings;
mod sql;
pub mod story;
pub mod transfers;
mod view;
mod writer;

pub use beside::{erase_damaged, set_aside, wants_healing};
pub use check::{ChainProblem, ChainReport, CheckReport};
pub use error::{OpenError, StoreError};
pub use heal::{Healed, heal};
pub use log::KeyRow;
pub use migrations::SCHEMA_VERSION;
pub use open::{APPLICATION_ID, Database, MIN_SQLITE, Notice, OpenOptions, Opened};
pub use queries::Queries;
pub use search::{Hit, MAX_INDEX_LAG};
pub use view::{ConversationSummary, MessageRow, ReadMark, Window};
pub use writer::{Group, Reader, Tx, Writer};
