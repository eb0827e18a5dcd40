//! What a front end may say to a node and what it hears back.
//!
//! These types are the whole contract between `node` and everything that draws: commands go in, rows and events
//! come out, as JSON lines over the control socket. Adding a variant or a field is free; renaming one is a breaking
//! change and raises [`API_VERSION`].

use serde::{Deserialize, Serialize};

/// Version of the JSON-lines protocol on the control socket. The node sends it first; a client that speaks another goes away.
pub const API_VERSION: u32 = 1;

/// One thing that a front end asks of the node. Each answer is zero or more rows, then done or an [`ErrorBody`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Who I am. Answers one [`IdentityView`].
    Id,
    /// Links, paths, queue and store. Answers one [`StatusView`].
    Status,
    /// Checks of this machine's surroundings. Answers [`CheckView`] rows.
    Doctor,
    /// Who LAN discovery sees. Answers [`NearbyView`] rows; with `watch` it goes on as peers come and go.
    Nearby {
        /// Keep the answer open and send a row at each change.
        watch: bool,
    },
    /// Make an invite link. Answers one [`InviteView`].
    Invite {
        /// Seconds until the link expires; the node's default when absent.
        expires: Option<u64>,
        /// How many people may use it.
        uses: u32,
    },
    /// Ask somebody to become a contact. Answers one [`ContactView`].
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
    /// All contacts that are not incoming requests. Answers [`ContactView`] rows.
    Contacts,
    /// Incoming contact requests. Answers [`ContactView`] rows.
    Requests,
    /// Accept an incoming request. Answers one [`ContactView`].
    ContactAccept {
        /// The peer.
        who: String,
    },
    /// Decline an incoming request. Answers one [`ContactView`].
    ContactDecline {
        /// The peer.
        who: String,
    },
    /// Block. Answers one [`ContactView`].
    ContactBlock {
        /// The peer.
        who: String,
    },
    /// Unblock. Answers one [`ContactView`].
    ContactUnblock {
        /// The peer.
        who: String,
    },
    /// Change my local name for a contact. Answers one [`ContactView`].
    ContactRename {
        /// The peer.
        who: String,
        /// The new local name.
        name: String,
    },
    /// Remove a contact and what was readable of the conversation. Answers one [`ContactView`].
    ContactRemove {
        /// The peer.
        who: String,
    },
    /// Show the safety number, or record the person's word on it. Answers one [`ContactView`].
    ContactVerify {
        /// The peer.
        who: String,
        /// `Some(true)`: they match; `Some(false)`: take it back; `None`: only show.
        verified: Option<bool>,
    },
    /// Write a text. Answers one [`SentView`] at `queued`, then, with `wait`, a row for each later state.
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
    /// Replace the text of one of my messages. Answers one [`SentView`].
    Edit {
        /// Entry id.
        id: String,
        /// New text.
        text: String,
    },
    /// Take one of my messages back. Answers one [`SentView`].
    Retract {
        /// Entry id.
        id: String,
    },
    /// React to a message; an empty emoji takes the reaction back. Answers one [`SentView`].
    React {
        /// Entry id.
        id: String,
        /// One emoji, or empty.
        emoji: String,
    },
    /// Mark a conversation read up to a message, or wholly. Answers one [`ConversationView`].
    Read {
        /// Conversation.
        conversation: String,
        /// Entry id; the newest when absent.
        to: Option<String>,
    },
    /// Set (seconds) or clear the timer of disappearing messages. Answers one [`ConversationView`].
    Timer {
        /// Conversation.
        conversation: String,
        /// Seconds; `None` turns it off.
        seconds: Option<u64>,
    },
    /// Mute for some seconds; 0 unmutes. Answers one [`ConversationView`].
    Mute {
        /// Conversation.
        conversation: String,
        /// Seconds from now; `None`: until unmuted.
        seconds: Option<u64>,
    },
    /// Get (`None`) or set the draft of a conversation. Answers one [`DraftView`].
    Draft {
        /// Conversation.
        conversation: String,
        /// New draft; empty clears.
        text: Option<String>,
    },
    /// Change my name for others. Answers one [`IdentityView`].
    ProfileSet {
        /// New name, at most 64 bytes.
        name: String,
    },
    /// Live and revoked instances of this identity. Answers [`DeviceView`] rows.
    Devices,
    /// Revoke one of my instances. Answers one [`DeviceView`].
    DeviceRevoke {
        /// Instance key, hex or unique prefix.
        instance: String,
    },
    /// Messages of a conversation in the one order every peer sees. Answers [`MessageView`] rows, oldest first.
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
    /// All conversations, latest first. Answers [`ConversationView`] rows.
    Conversations,
    /// Full-text search, newest first. Answers [`MessageView`] rows with `snippet`.
    Search {
        /// Words; prefixes from 3 letters match.
        query: String,
        /// Only in this conversation.
        conversation: Option<String>,
        /// At most so many.
        limit: Option<u32>,
    },
    /// Every event. Answers [`EventView`] rows until the client goes away.
    Watch {
        /// Go on after this cursor; from now when absent.
        since: Option<String>,
    },
    /// The story of one message. Answers [`WhyView`] rows, oldest first.
    Why {
        /// Entry id.
        id: String,
    },
    /// Six words equal on both sides exactly when both see the same. Answers one [`DigestView`].
    Digest {
        /// Conversation.
        conversation: String,
    },
    /// Check every chain and signature. Answers [`LogView`] rows.
    LogVerify,
    /// Logs of a conversation. Answers [`LogView`] rows, or [`RawEntryView`] rows with `raw`.
    LogShow {
        /// Conversation.
        conversation: String,
        /// Raw entries in hex.
        raw: bool,
    },
    /// Drop and rebuild everything derived. Answers [`LogView`] rows.
    LogRebuild,
    /// Seal a backup under a phrase. Answers one [`BackupView`]; the front end writes the bytes to its file.
    BackupCreate {
        /// The phrase; a 12-word one is made and returned when absent.
        phrase: Option<String>,
    },
    /// All messages of a conversation. Answers [`MessageView`] rows, oldest first.
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
    /// Stop the node in good order. Answers nothing.
    Shutdown,
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
                | Self::Conversations
                | Self::Search { .. }
                | Self::Watch { .. }
                | Self::Why { .. }
                | Self::Digest { .. }
                | Self::LogVerify
                | Self::LogShow { .. }
                | Self::Export { .. }
        )
    }
}

/// Delivery state of a message; it never falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Durable here.
    Queued,
    /// The last byte was written to a recipient's link.
    Sent,
    /// Durable at one live instance of every recipient at least.
    Delivered,
    /// Covered by every recipient's read mark.
    Read,
}

/// Where a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// I asked; no answer seen yet.
    Requested,
    /// They asked; I have not answered.
    Incoming,
    /// Both sides want the conversation.
    Accepted,
    /// Blocked by me.
    Blocked,
    /// No longer a contact (only in answers to decline and remove).
    Removed,
}

/// Me.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityView {
    /// Bech32m ConnectID.
    pub connect_id: String,
    /// Identity public key, hex.
    pub public_key: String,
    /// This instance's key, hex.
    pub instance: String,
    /// My name for others.
    pub name: String,
    /// Where it lives.
    pub data_dir: String,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkView {
    /// The peer.
    pub connect_id: String,
    /// Its name here.
    pub name: String,
    /// Its instance key, hex.
    pub instance: String,
    /// `lan`, `direct` or `relay`.
    pub path: String,
    /// Remote `host:port`.
    pub address: String,
    /// Round-trip time in milliseconds.
    pub rtt_ms: Option<f64>,
    /// Cipher suite and key exchange group.
    pub cipher: String,
    /// Seconds since the link came up.
    pub age: f64,
    /// Why this path.
    pub why: String,
    /// Bytes that sync wrote to it, above TLS.
    #[serde(default)]
    pub sync_sent: u64,
    /// Bytes that sync got from it, above TLS.
    #[serde(default)]
    pub sync_received: u64,
}

/// Attacks and mistakes of others, counted by code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedView {
    /// What it was, for example `bad_frame`.
    pub code: String,
    /// Address or ConnectID it came from.
    pub source: String,
    /// How often.
    pub count: u64,
    /// When last (RFC 3339).
    pub last: String,
}

/// The node at one glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// Who.
    pub connect_id: String,
    /// Live links.
    pub links: Vec<LinkView>,
    /// Messages not yet delivered.
    pub queued: u64,
    /// Coordination server, when there is one.
    pub server: Option<String>,
    /// Addresses this node listens on.
    pub listen: Vec<String>,
    /// The store: `ok`, `checking`, or what is wrong.
    pub store: String,
    /// Entries held.
    pub entries: u64,
    /// Bytes of the database.
    pub store_bytes: u64,
    /// What was refused.
    pub refused: Vec<RefusedView>,
    /// Things the person should know, in plain words (copied data directory, second contact key, …).
    pub notices: Vec<String>,
}

/// One check of `doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    /// What was looked at.
    pub check: String,
    /// Whether it is fine.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do, when it isn't.
    pub hint: Option<String>,
}

/// Somebody that discovery sees. Claims until a link proves them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearbyView {
    /// ConnectID claimed.
    pub connect_id: String,
    /// Name claimed, or the contact's name.
    pub name: String,
    /// `host:port` list.
    pub addresses: Vec<String>,
    /// RFC 3339.
    pub last_seen: String,
    /// Contact state, when known here.
    pub contact: Option<ContactState>,
}

/// An invite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InviteView {
    /// `nexus:…`
    pub link: String,
    /// RFC 3339.
    pub expires: String,
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContactView {
    /// Who.
    pub connect_id: String,
    /// Local name, else their own.
    pub name: String,
    /// Where it stands.
    pub state: ContactState,
    /// The person's own word.
    pub verified: bool,
    /// 60 digits in groups of five; absent until their key is known.
    pub safety_number: Option<String>,
    /// The words of an incoming request.
    pub message: Option<String>,
    /// Path of the best live link.
    pub path: Option<String>,
    /// RFC 3339 of the last authenticated sign of life.
    pub last_seen: Option<String>,
    /// Warnings, for example a second contact key or a name like another's.
    pub warnings: Vec<String>,
}

/// What became of something I wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SentView {
    /// Entry hash, 64 hex digits.
    pub entry_id: String,
    /// Conversation id, hex.
    pub conversation: String,
    /// State now.
    pub state: MessageState,
}

/// One reaction to a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReactionView {
    /// The emoji.
    pub emoji: String,
    /// ConnectIDs of who reacted so.
    pub by: Vec<String>,
}

/// A message as the fold shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    /// Entry hash, 64 hex digits.
    pub entry_id: String,
    /// Conversation id, hex.
    pub conversation: String,
    /// ConnectID of the author; empty when it can't be known.
    pub author: String,
    /// Name of the author here.
    pub author_name: String,
    /// `text`, `retracted`, `unreadable`, `unknown`, `timer`, `profile`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The text, as sent; whoever shows it makes it safe.
    pub text: String,
    /// The author's wall clock, RFC 3339; for display only.
    pub time: String,
    /// State, of my own messages; `delivered` of others'.
    pub state: MessageState,
    /// ConnectIDs.
    pub delivered_to: Vec<String>,
    /// ConnectIDs.
    pub read_by: Vec<String>,
    /// Whether the text was edited.
    pub edited: bool,
    /// Reactions.
    pub reactions: Vec<ReactionView>,
    /// Entry id this answers.
    pub reply_to: Option<String>,
    /// Always absent until files exist.
    pub file: Option<serde_json::Value>,
    /// Found words in context (search only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
    /// RFC 3339 when it disappears here, under a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Marks: `clock` (time far off), `fork` (its log has two branches).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConversationView {
    /// Conversation id, hex.
    pub id: String,
    /// `direct`, `self`, `group`.
    pub kind: String,
    /// Name here.
    pub name: String,
    /// ConnectIDs.
    pub members: Vec<String>,
    /// Messages of others not read.
    pub unread: u64,
    /// RFC 3339 of the last message.
    pub last_time: Option<String>,
    /// Text of the last message.
    pub last_text: Option<String>,
    /// Contact state of the other side.
    pub state: ContactState,
    /// RFC 3339 until which it is quiet, or `forever`.
    pub muted: Option<String>,
    /// Seconds of the timer in force.
    pub timer: Option<u64>,
}

/// A draft.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftView {
    /// Conversation id, hex.
    pub conversation: String,
    /// The text.
    pub text: String,
}

/// An instance of this identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Instance key, hex.
    pub instance: String,
    /// Always the profile name until devices can be named.
    pub name: String,
    /// RFC 3339.
    pub added: String,
    /// RFC 3339.
    pub last_seen: Option<String>,
    /// Whether it is this one.
    pub this: bool,
    /// Whether it is revoked.
    pub revoked: bool,
}

/// One moment in the story of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhyView {
    /// RFC 3339.
    pub time: String,
    /// `queued`, `dialled`, `refused`, `sent`, `delivered`, `read`, …
    pub stage: String,
    /// ConnectID concerned.
    pub peer: Option<String>,
    /// Path concerned.
    pub path: Option<String>,
    /// Plain words.
    pub detail: String,
}

/// A conversation's digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigestView {
    /// Conversation id, hex.
    pub conversation: String,
    /// The digest, hex.
    pub digest: String,
    /// Six words.
    pub words: String,
    /// How many messages it covers.
    pub entries: u64,
}

/// One log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogView {
    /// Topic key, hex.
    pub topic: String,
    /// Log key, hex.
    pub log: String,
    /// How many entries are held.
    pub entries: u64,
    /// Hash of the head, hex.
    pub head: String,
    /// Whether everything checked is in order.
    pub ok: bool,
    /// ConnectID of the author, when known.
    pub author: Option<String>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One entry as it is stored and sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawEntryView {
    /// Topic key, hex.
    pub topic: String,
    /// Log key, hex.
    pub log: String,
    /// Sequence number.
    pub seq: u64,
    /// Header, hex (112 bytes).
    pub header: String,
    /// Payload, hex.
    pub payload: String,
    /// Signature over the entry hash, hex, when it is held.
    pub signature: Option<String>,
}

/// A sealed backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupView {
    /// The phrase, when it was made here.
    pub phrase: Option<String>,
    /// The sealed file, base64.
    pub file: String,
}

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
    /// Events were dropped because this watcher was too slow; go on from the last cursor. Not durable.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// An error as front ends see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Stable code, for example `not_found`.
    pub code: ErrorCode,
    /// What happened, in plain words.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// Stable error codes. The exit code of each is [`ErrorCode::exit_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// Something inside failed.
    Failed,
    /// An argument can't be understood.
    Usage,
    /// No identity here yet.
    NoIdentity,
    /// An identity is here already.
    IdentityExists,
    /// Nobody or nothing by that name.
    NotFound,
    /// Several match.
    Ambiguous,
    /// A ConnectID is mistyped.
    BadConnectId,
    /// An invite link is damaged, forged or expired.
    BadInvite,
    /// Their card is not known yet.
    CardUnknown,
    /// Nobody answered in time.
    Unreachable,
    /// A wait ended before the state was reached.
    TimedOut,
    /// Blocked by me.
    Blocked,
    /// That is me.
    IsSelf,
    /// The state does not allow it (accepting what is no request, …).
    WrongState,
    /// Only the author may.
    NotAuthor,
    /// The text is too long.
    TooLong,
    /// The text is empty.
    Empty,
    /// A name is not allowed.
    BadName,
    /// A limit was reached.
    Limit,
    /// Nine devices.
    DeviceLimit,
    /// Another process holds this data directory and did not answer.
    Busy,
    /// The database is from a newer version.
    NewerVersion,
    /// The disk is full.
    DiskFull,
    /// The data directory can't be written.
    ReadOnly,
    /// The store is damaged.
    Damaged,
    /// A backup can't be opened: wrong phrase or damaged file.
    BadBackup,
    /// The phrase is too weak.
    WeakPhrase,
    /// The configuration has an error.
    BadConfig,
    /// The other side of the control socket speaks another version.
    ApiVersion,
    /// The confirmation does not match.
    NotConfirmed,
}

impl ErrorCode {
    /// Every code, in the order of declaration.
    pub const ALL: &[Self] = &[
        Self::Failed,
        Self::Usage,
        Self::NoIdentity,
        Self::IdentityExists,
        Self::NotFound,
        Self::Ambiguous,
        Self::BadConnectId,
        Self::BadInvite,
        Self::CardUnknown,
        Self::Unreachable,
        Self::TimedOut,
        Self::Blocked,
        Self::IsSelf,
        Self::WrongState,
        Self::NotAuthor,
        Self::TooLong,
        Self::Empty,
        Self::BadName,
        Self::Limit,
        Self::DeviceLimit,
        Self::Busy,
        Self::NewerVersion,
        Self::DiskFull,
        Self::ReadOnly,
        Self::Damaged,
        Self::BadBackup,
        Self::WeakPhrase,
        Self::BadConfig,
        Self::ApiVersion,
        Self::NotConfirmed,
    ];

    /// Exit code of the program: 1 failed, 2 usage, 3 not found, 4 timed out or unreachable, 5 refused, 6 busy.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed
            | Self::NewerVersion
            | Self::DiskFull
            | Self::ReadOnly
            | Self::Damaged
            | Self::ApiVersion => 1,
            Self::Usage
            | Self::BadConnectId
            | Self::BadInvite
            | Self::BadName
            | Self::BadConfig
            | Self::Empty => 2,
            Self::NotFound | Self::NoIdentity | Self::Ambiguous => 3,
            Self::CardUnknown | Self::Unreachable | Self::TimedOut => 4,
            Self::IdentityExists
            | Self::Blocked
            | Self::IsSelf
            | Self::WrongState
            | Self::NotAuthor
            | Self::TooLong
            | Self::Limit
            | Self::DeviceLimit
            | Self::BadBackup
            | Self::WeakPhrase
            | Self::NotConfirmed => 5,
            Self::Busy => 6,
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_error_codes_is_whole() {
        for (place, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, place);
        }
        // The last one declared: a new one after it must be added to the list too.
        assert_eq!(ErrorCode::ALL.len(), ErrorCode::NotConfirmed as usize + 1);
    }
}
