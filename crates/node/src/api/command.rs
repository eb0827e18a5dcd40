//! What a front end asks of the node.

use super::SecretText;
use crate::config::Visibility;
use serde::{Deserialize, Serialize};

use super::MessageState;

/// One thing that a front end asks of the node. Each answer is zero or more rows, then done or an [`ErrorBody`](super::ErrorBody).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Who I am. Answers one [`IdentityView`](super::IdentityView).
    Id,
    /// Links, paths, queue and store. Answers one [`StatusView`](super::StatusView).
    Status,
    /// Checks of this machine's surroundings. Answers [`CheckView`](super::CheckView) rows.
    Doctor,
    /// Who LAN discovery sees. Answers [`NearbyView`](super::NearbyView) rows; with `watch` it goes on as peers come and go.
    Nearby {
        /// Keep the answer open and send a row at each change.
        watch: bool,
    },
    /// Make an invite link. Answers one [`InviteView`](super::InviteView).
    Invite {
        /// Seconds until the link expires; the node's default when absent.
        expires: Option<u64>,
        /// How many people may use it.
        uses: u32,
    },
    /// Ask somebody to become a contact. Answers one [`ContactView`](super::ContactView).
    ContactAdd {
        /// ConnectID, unique prefix of a nearby one, invite link, or the name of somebody nearby.
        who: String,
        /// My local name for them.
        name: Option<String>,
        /// `host:port` at which to try.
        address: Option<String>,
        /// Words that go with the request, at most 500 characters.
        message: Option<String>,
    },
    /// All contacts that are not incoming requests. Answers [`ContactView`](super::ContactView) rows.
    Contacts,
    /// Incoming contact requests. Answers [`ContactView`](super::ContactView) rows.
    Requests,
    /// Accept an incoming request. Answers one [`ContactView`](super::ContactView).
    ContactAccept {
        /// The peer.
        who: String,
    },
    /// Decline an incoming request. Answers one [`ContactView`](super::ContactView).
    ContactDecline {
        /// The peer.
        who: String,
    },
    /// Block. Answers one [`ContactView`](super::ContactView).
    ContactBlock {
        /// The peer.
        who: String,
    },
    /// Unblock. Answers one [`ContactView`](super::ContactView).
    ContactUnblock {
        /// The peer.
        who: String,
    },
    /// Change my local name for a contact. Answers one [`ContactView`](super::ContactView).
    ContactRename {
        /// The peer.
        who: String,
        /// The new local name.
        name: String,
    },
    /// Remove a contact and what was readable of the conversation. Answers one [`ContactView`](super::ContactView).
    ContactRemove {
        /// The peer.
        who: String,
    },
    /// Show the safety number, or record the person's word on it. Answers one [`ContactView`](super::ContactView).
    ContactVerify {
        /// The peer.
        who: String,
        /// `Some(true)`: they match; `Some(false)`: take it back; `None`: only show.
        verified: Option<bool>,
    },
    /// Write a text. Answers one [`SentView`](super::SentView) at `queued`, then, with `wait`, a row for each later state.
    Send {
        /// Contact or conversation.
        to: String,
        /// The text, at most 32 KiB.
        text: String,
        /// Entry id (or unique prefix) this answers.
        reply: Option<String>,
        /// Keep the answer open until this state is reached.
        wait: Option<MessageState>,
    },
    /// Offer files or folders, as one offer. Answers one [`FileView`](super::FileView).
    FileSend {
        /// Contact or conversation.
        to: String,
        /// Absolute paths.
        paths: Vec<String>,
    },
    /// Files that were offered, newest first. Answers [`FileView`](super::FileView) rows; with `watch` it goes on with a
    /// row at each change.
    Files {
        /// Keep the answer open and send a row at each change.
        watch: bool,
    },
    /// Fetch what was offered. Answers one [`FileView`](super::FileView).
    FileAccept {
        /// Entry id.
        id: String,
        /// Absolute path of the directory it goes to; the configured one when absent.
        to: Option<String>,
    },
    /// Say that it is not wanted. Answers one [`FileView`](super::FileView).
    FileDecline {
        /// Entry id.
        id: String,
    },
    /// Let it wait. Answers one [`FileView`](super::FileView).
    FilePause {
        /// Entry id.
        id: String,
    },
    /// Go on with what was paused or failed. Answers one [`FileView`](super::FileView).
    FileResume {
        /// Entry id.
        id: String,
    },
    /// Give it up: of somebody's offer what came so far goes, one of mine is withdrawn. Answers one
    /// [`FileView`](super::FileView).
    FileCancel {
        /// Entry id.
        id: String,
    },
    /// Read what is on disk and compare it with what was offered. Answers one [`FileView`](super::FileView).
    FileVerify {
        /// Entry id.
        id: String,
    },
    /// Replace the text of one of my messages. Answers one [`SentView`](super::SentView).
    Edit {
        /// Entry id.
        id: String,
        /// New text.
        text: String,
    },
    /// Take one of my messages back. Answers one [`SentView`](super::SentView).
    Retract {
        /// Entry id.
        id: String,
    },
    /// React to a message; an empty emoji takes the reaction back. Answers one [`SentView`](super::SentView).
    React {
        /// Entry id.
        id: String,
        /// One emoji, or empty.
        emoji: String,
    },
    /// Mark a conversation read up to a message, or wholly. Answers one [`ConversationView`](super::ConversationView).
    Read {
        /// Conversation.
        conversation: String,
        /// Entry id; the newest when absent.
        to: Option<String>,
    },
    /// Set (seconds) or clear the timer of disappearing messages. Answers one [`ConversationView`](super::ConversationView).
    Timer {
        /// Conversation.
        conversation: String,
        /// Seconds; `None` turns it off.
        seconds: Option<u64>,
    },
    /// Mute for some seconds; 0 unmutes. Answers one [`ConversationView`](super::ConversationView).
    Mute {
        /// Conversation.
        conversation: String,
        /// Seconds from now; `None`: until unmuted.
        seconds: Option<u64>,
    },
    /// Get (`None`) or set the draft of a conversation. Answers one [`DraftView`](super::DraftView).
    Draft {
        /// Conversation.
        conversation: String,
        /// New draft; empty clears.
        text: Option<String>,
    },
    /// Change my name for others. Answers one [`IdentityView`](super::IdentityView).
    ProfileSet {
        /// New name, at most 64 bytes.
        name: String,
    },
    /// Live and revoked instances of this identity. Answers [`DeviceView`](super::DeviceView) rows.
    Devices,
    /// Revoke one of my instances. Answers one [`DeviceView`](super::DeviceView).
    DeviceRevoke {
        /// Instance key, hex or unique prefix.
        instance: String,
    },
    /// Messages of a conversation in the one order every peer sees. Answers [`MessageView`](super::MessageView) rows, oldest first.
    History {
        /// Conversation.
        conversation: String,
        /// At most so many, the newest ones; the node's default when absent.
        limit: Option<u32>,
        /// Only messages before this entry id.
        before: Option<String>,
        /// Keep the answer open and send a row for each new or changed message.
        follow: bool,
    },
    /// A window of a conversation of any length. Answers [`MessageView`](super::MessageView) rows, oldest first.
    Window {
        /// Conversation.
        conversation: String,
        /// Where it is.
        place: Place,
        /// At most so many; the node gives 1,000 at most.
        limit: u32,
    },
    /// The first message of others that is not read. Answers one [`MessageView`](super::MessageView), or none.
    FirstUnread {
        /// Conversation.
        conversation: String,
    },
    /// What happened to a conversation besides what was written: times apart that ended, changes of the other side's
    /// devices. Answers [`HappenedView`](super::HappenedView) rows, oldest first.
    Happened {
        /// Conversation.
        conversation: String,
    },
    /// Links to a contact that came up and ended. Answers [`WhyView`](super::WhyView) rows, oldest first.
    PathHistory {
        /// The peer.
        who: String,
    },
    /// All conversations, latest first. Answers [`ConversationView`](super::ConversationView) rows.
    Conversations,
    /// Full-text search, newest first. Answers [`MessageView`](super::MessageView) rows with `snippet`.
    Search {
        /// Words; prefixes from 3 letters match.
        query: String,
        /// Only in this conversation.
        conversation: Option<String>,
        /// At most so many.
        limit: Option<u32>,
    },
    /// Every event. Answers [`EventView`](super::EventView) rows until the client goes away.
    Watch {
        /// Go on after this cursor; from now when absent.
        since: Option<String>,
    },
    /// The story of one message. Answers [`WhyView`](super::WhyView) rows, oldest first.
    Why {
        /// Entry id.
        id: String,
    },
    /// Six words equal on both sides exactly when both see the same. Answers one [`DigestView`](super::DigestView).
    Digest {
        /// Conversation.
        conversation: String,
    },
    /// Check every chain and signature. Answers [`LogView`](super::LogView) rows.
    LogVerify,
    /// Logs of a conversation. Answers [`LogView`](super::LogView) rows, or [`RawEntryView`](super::RawEntryView) rows with `raw`.
    LogShow {
        /// Conversation.
        conversation: String,
        /// Raw entries in hex.
        raw: bool,
    },
    /// Drop and rebuild everything derived. Answers [`LogView`](super::LogView) rows.
    LogRebuild,
    /// Seal a backup under a phrase. Answers one [`BackupView`](super::BackupView); the front end writes the bytes to its file.
    BackupCreate {
        /// The phrase; a 12-word one is made and returned when absent.
        phrase: Option<SecretText>,
    },
    /// All messages of a conversation. Answers [`MessageView`](super::MessageView) rows, oldest first.
    Export {
        /// Conversation.
        conversation: String,
    },
    /// Answers nothing, and that only when everything written for somebody is durable there: what a node that was
    /// started for one command waits for.
    Settle {
        /// Contact or conversation.
        who: String,
    },
    /// Cut or join the network of this node: links are closed and none are made while it is off. For `nexus demo`.
    Network {
        /// Whether the node may have links and beacons.
        enabled: bool,
    },
    /// Who recognises this node on a LAN, from now on; `config.toml` says it for the next start. Answers nothing.
    Visibility {
        /// Who.
        visibility: Visibility,
    },
    /// Stop the node in good order. Answers nothing.
    Shutdown,
}

/// Where in a conversation a window is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The newest messages.
    Newest,
    /// The first ones.
    Oldest,
    /// Those just before this entry id.
    Before(String),
    /// Those just after this entry id.
    After(String),
    /// This entry id, and as many before it as after it.
    Around(String),
    /// RFC 3339: as [`Place::Around`], of the first message from that moment on.
    At(String),
}

impl Command {
    /// Whether it changes what is stored: such commands of one connection take effect in the order in which they came.
    #[must_use]
    pub const fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Id
                | Self::Status
                | Self::Doctor
                | Self::Nearby { .. }
                | Self::Contacts
                | Self::Requests
                | Self::Devices
                | Self::History { .. }
                | Self::Window { .. }
                | Self::FirstUnread { .. }
                | Self::Happened { .. }
                | Self::PathHistory { .. }
                | Self::Conversations
                | Self::Search { .. }
                | Self::Watch { .. }
                | Self::Why { .. }
                | Self::Digest { .. }
                | Self::LogVerify
                | Self::LogShow { .. }
                | Self::Export { .. }
                | Self::Files { .. }
                | Self::FileVerify { .. }
        )
    }
}
