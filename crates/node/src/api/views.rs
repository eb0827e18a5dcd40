//! Rows of answers.

use super::SecretText;
use serde::{Deserialize, Serialize};

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
    /// RFC 3339: how old the newest key is to which messages for them are sealed; a week at most while they are about.
    #[serde(default)]
    pub keys_from: Option<String>,
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
    /// What is offered, of a message that offers files.
    pub file: Option<FileView>,
    /// Found words in context (search only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
    /// RFC 3339 when it disappears here, under a timer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// 32 hex digits: messages of a conversation sort by it, as text.
    #[serde(default)]
    pub order: String,
    /// Marks: `clock` (time far off), `fork` (its log has two branches).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

/// Files that somebody offers, and how far they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileView {
    /// Entry id of the offer.
    pub transfer_id: String,
    /// Conversation id, hex.
    pub conversation: String,
    /// ConnectID of who offers it.
    pub author: String,
    /// Whether it is mine.
    pub outgoing: bool,
    /// Name as offered; whoever shows it makes it safe.
    pub name: String,
    /// `file`, `folder` or `several`.
    pub kind: String,
    /// Bytes of the content.
    pub size: u64,
    /// Files in it.
    pub files: u64,
    /// `offered`; of mine `sending`, `withdrawn`, `changed`; of others' `waiting` (nobody who has it is there), `receiving`,
    /// `verifying`, `paused`, `cancelled`, `withdrawn`, `changed`; of both `done`, `declined`, `failed`.
    pub state: String,
    /// Bytes of it that are there; of mine, that were sent.
    pub done: u64,
    /// Bytes a second; 0 while nothing moves.
    pub rate: u64,
    /// Seconds left at that rate.
    pub left: Option<u64>,
    /// Instances it comes from, or goes to, now.
    pub sources: u64,
    /// Where it is, or is going, or comes from.
    pub path: Option<String>,
    /// BLAKE3 of the content, hex, once known.
    pub root: Option<String>,
    /// Why it failed or waits.
    pub detail: Option<String>,
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

/// Something that happened to a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HappenedView {
    /// Conversation id, hex.
    pub conversation: String,
    /// RFC 3339; of a merge when the link came up.
    pub time: String,
    /// `merge`, `device_added`, `device_revoked`, `second_contact_key`, `renamed`, `verified`, `unverified`.
    pub kind: String,
    /// It stands above the first message whose `order` is not less.
    pub order: String,
    /// The first message of a merge.
    pub first: Option<String>,
    /// Messages of a merge.
    pub count: u64,
    /// Plain words.
    pub detail: String,
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
    /// RFC 3339: how old the key is to which messages for it are sealed; a week at most while it is about.
    #[serde(default)]
    pub keys_from: Option<String>,
}

/// One moment in the story of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhyView {
    /// RFC 3339.
    pub time: String,
    /// `queued`, `dialled`, `refused`, `linked`, `unlinked`, `sent`, `delivered`, `read`; `waiting`: what it waits for now.
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
    pub phrase: Option<SecretText>,
    /// The sealed file, base64.
    pub file: String,
}
