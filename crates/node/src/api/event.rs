//! What happens, as front ends hear of it.

use serde::{Deserialize, Serialize};

use super::{
    ContactView, ConversationView, FileView, LinkView, MessageState, MessageView, NearbyView,
};

/// Something that happened. Durable ones carry a cursor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// Where to go on from; absent in events that are not durable.
    pub cursor: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The node runs. Not durable.
    Ready {
        /// Who.
        connect_id: String,
        /// Addresses listened on.
        listen: Vec<String>,
    },
    /// A message is new or changed (edit, retraction, reaction, became readable). Durable.
    Message {
        /// Boxed: by far the largest.
        message: Box<MessageView>,
        /// Whether it was not there before.
        new: bool,
    },
    /// A message of mine rose in state. Durable.
    State {
        /// Entry id.
        entry_id: String,
        /// Conversation id.
        conversation: String,
        /// New state.
        state: MessageState,
    },
    /// A contact is new or changed. Durable.
    Contact {
        /// As it is now.
        contact: ContactView,
    },
    /// A conversation's unread count, timer or name changed. Durable.
    Conversation {
        /// As it is now.
        conversation: ConversationView,
    },
    /// Something happened to a conversation besides what was written: [`Command::Happened`](super::Command::Happened) tells.
    /// Not durable.
    Happened {
        /// Conversation id.
        conversation: String,
    },
    /// A file moved on or changed its state; twice a second at most while it moves. Not durable.
    Transfer {
        /// As it is now.
        file: Box<FileView>,
    },
    /// A link came up. Not durable.
    LinkUp {
        /// The link.
        link: LinkView,
    },
    /// A link ended. Not durable.
    LinkDown {
        /// The peer.
        connect_id: String,
        /// Its instance, hex.
        instance: String,
        /// Why.
        reason: String,
    },
    /// Discovery sees somebody new or no longer. Not durable.
    Nearby {
        /// Who.
        peer: NearbyView,
        /// Whether it went away.
        gone: bool,
    },
    /// Something the person should know. Durable.
    Notice {
        /// Plain words.
        text: String,
    },
    /// Events were dropped because this watcher was too slow, or those after its cursor are not kept: what follows begins
    /// with the oldest kept. Not durable.
    Lagged {
        /// How many; 0: nobody knows.
        missed: u64,
    },
}
