//! The digest of a conversation: equal on two devices exactly when both show the same.

use nexus_identity::words::words;

use crate::fold::Message;
use crate::ids::ConversationId;

/// Context of a conversation's digest.
pub const DIGEST_CONTEXT: &str = "nexus digest v1";
/// Words that a person compares.
pub const DIGEST_WORDS: usize = 6;

/// Streams a view, in order of position, into its digest.
#[derive(Debug, Clone)]
pub struct Digest {
    hasher: blake3::Hasher,
    entries: u64,
}

impl Digest {
    /// Of an empty view.
    #[must_use]
    pub fn new(conversation: &ConversationId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(DIGEST_CONTEXT);
        hasher.update(conversation.as_bytes());
        Self { hasher, entries: 0 }
    }

    /// Adds the next message by position.
    pub fn push(&mut self, message: &Message) -> &mut Self {
        self.hasher.update(&row(message));
        self.entries += 1;
        self
    }

    /// How many messages it covers.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// The 32 bytes.
    #[must_use]
    pub fn finish(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

/// The words of a digest, separated by spaces.
#[must_use]
pub fn digest_words(digest: &[u8; 32]) -> String {
    words(digest, DIGEST_WORDS).join(" ")
}

/// One message in the digest: `position 80 ‖ state 1 (0 unreadable, 1 readable, 2 retracted) ‖ text length 4 ‖ text ‖
/// reactions 4 ‖ each: ConnectID 32, length 2, emoji`.
#[must_use]
pub fn row(message: &Message) -> Vec<u8> {
    let state = match (message.is_readable(), message.state.retracted) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
    };
    let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = Vec::with_capacity(96 + message.state.text.len());
    out.extend_from_slice(&message.base.position.encode());
    out.push(state);
    out.extend_from_slice(&len(message.state.text.len()));
    out.extend_from_slice(message.state.text.as_bytes());
    out.extend_from_slice(&len(message.state.reactions.len()));
    for reaction in &message.state.reactions {
        out.extend_from_slice(reaction.who.as_bytes());
        let len = u16::try_from(reaction.emoji.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(reaction.emoji.as_bytes());
    }
    out
}
