//! What a front end may say to a node and what it hears back.
//!
//! These types are the whole contract between `node` and everything that draws: commands go in, rows and events
//! come out, as JSON lines over the control socket. Adding a variant or a field is free; renaming one is a breaking
//! change and raises [`API_VERSION`].

mod command;
mod error;
mod event;
mod secret;
mod views;

pub use command::{Command, Place};
pub use error::{ErrorBody, ErrorCode};
pub use event::{Event, EventView};
pub use secret::SecretText;
use serde::{Deserialize, Serialize};
pub use views::*;

/// Version of the JSON-lines protocol on the control socket. The node sends it first; a client that speaks another goes away.
pub const API_VERSION: u32 = 1;

/// One line from a client: an id of its choosing and a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Echoed in every answer. On the wire it is `request`, since commands have an `id` of their own.
    #[serde(rename = "request")]
    pub id: u64,
    /// What to do.
    #[serde(flatten)]
    pub command: Command,
}

/// One line to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// First line of a connection.
    Hello {
        /// [`API_VERSION`] of the node.
        api: u32,
        /// Program version of the node.
        version: String,
    },
    /// One row of the answer to request `id`.
    Row {
        /// The request.
        #[serde(rename = "request")]
        id: u64,
        /// One of the view types, as documented at the command.
        row: serde_json::Value,
    },
    /// Request `id` is done.
    Done {
        /// The request.
        #[serde(rename = "request")]
        id: u64,
    },
    /// Request `id` failed.
    Error {
        /// The request.
        #[serde(rename = "request")]
        id: u64,
        /// Why.
        error: ErrorBody,
    },
}
