//! Runs: consecutive entries of one log with the signature of the last one, the unit that travels and is checked.

use std::sync::Arc;

use nexus_identity::id::{Signature, verify};
use thiserror::Error;

use crate::entry::{Entry, EntryView, HEAD_CONTEXT};
use crate::header::{HEADER_LEN, Header, HeaderError, Kind, entry_hash, payload_hash};
use crate::ids::{EntryHash, Head, LogKey, Seq, Topic};
use crate::open;

#[cfg(test)]
mod tests;

/// Bytes of a run at most: a sync frame (72 KiB) less room for its head.
pub const MAX_RUN_BYTES: usize = 72 * 1024 - 64;
/// Entries of a run at most, so that the headers of two runs fit one fork proof.
pub const MAX_RUN_ENTRIES: usize = 300;
/// Bytes of the signature at the end of a run.
pub const SIGNATURE_LEN: usize = 64;

/// Why a run is refused. No honest peer sends such a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RunError {
    /// No entry, or an entry or the signature is cut short.
    #[error("the run is cut short")]
    Truncated,
    /// More bytes than [`MAX_RUN_BYTES`] or more entries than [`MAX_RUN_ENTRIES`].
    #[error("the run is over the limit")]
    TooLong,
    /// A header can't be read.
    #[error("entry {at}: {error}")]
    Header {
        /// Index in the run.
        at: usize,
        /// What is wrong with it.
        error: HeaderError,
    },
    /// An entry names another log than the first.
    #[error("entry {0} is of another log")]
    OtherLog(usize),
    /// An entry's seq is not the one before plus 1.
    #[error("entry {0} does not follow in sequence")]
    Sequence(usize),
    /// An entry's prev is not the hash of the one before, or not zeros at seq 0.
    #[error("entry {0} does not name the entry before it")]
    Prev(usize),
    /// A payload does not have the hash that its header names.
    #[error("the payload of entry {0} is not the one its header names")]
    Payload(usize),
    /// An OPEN that is not at seq 0, or something else there.
    #[error("entry {0}: an OPEN is the first entry, and only that")]
    Open(usize),
    /// The topic did not sign the log key.
    #[error("the topic did not let this log in")]
    TopicSignature,
    /// The log key did not sign the last entry.
    #[error("the signature at the end is not valid")]
    Signature,
}

/// Consecutive entries of one log and the signature of the last, as received; nothing is checked yet.
///
/// Bytes: entries (header 112 ‖ payload), one after the other, then the signature (64).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run(Vec<u8>);

impl Run {
    /// Takes the body of a frame. [`Run::check`] says what it is worth.
    #[must_use]
    pub const fn from_vec(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Copies the body of a frame.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The body of a frame.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The body of a frame, without copying.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// Checks all that a peer without keys can check; needs no store, so any thread can do it.
    ///
    /// # Errors
    /// See [`RunError`]; none of them can happen between honest peers.
    pub fn check(self) -> Result<CheckedRun, RunError> {
        if self.0.len() > MAX_RUN_BYTES {
            return Err(RunError::TooLong);
        }
        let (body, signature) =
            self.0.split_last_chunk::<SIGNATURE_LEN>().ok_or(RunError::Truncated)?;
        let signature = Signature(*signature);
        let items = check_chain(body)?;
        let (first, last) = items.first().zip(items.last()).ok_or(RunError::Truncated)?;
        let log = first.header.log;
        let topic = match first.header.kind {
            Kind::Open => {
                Some(open::check(&log, first.payload(body)).ok_or(RunError::TopicSignature)?)
            }
            _ => None,
        };
        verify(log.as_bytes(), HEAD_CONTEXT, last.hash.as_bytes(), &signature)
            .map_err(|_| RunError::Signature)?;
        Ok(CheckedRun(Arc::new(Checked { bytes: self.0, items, log, topic, signature })))
    }
}

/// Writes a run from stored entries until a limit is reached.
#[derive(Debug, Clone, Default)]
pub struct RunBuilder {
    bytes: Vec<u8>,
    entries: usize,
    signed: Option<(usize, Signature)>,
}

impl RunBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry of the log; `false` if it would go over `max_bytes` or a limit, and then nothing changes.
    /// The run will end with the last entry added that came with a signature.
    pub fn push(
        &mut self,
        header: &[u8; HEADER_LEN],
        payload: &[u8],
        signature: Option<&Signature>,
        max_bytes: usize,
    ) -> bool {
        let len = self.bytes.len() + HEADER_LEN + payload.len();
        if self.entries >= MAX_RUN_ENTRIES || len + SIGNATURE_LEN > max_bytes.min(MAX_RUN_BYTES) {
            return false;
        }
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(payload);
        self.entries += 1;
        if let Some(signature) = signature {
            self.signed = Some((len, *signature));
        }
        true
    }

    /// The run up to the last signed entry; `None` if there is none.
    #[must_use]
    pub fn finish(mut self) -> Option<Run> {
        let (len, signature) = self.signed?;
        self.bytes.truncate(len);
        self.bytes.extend_from_slice(signature.as_bytes());
        Some(Run(self.bytes))
    }
}

#[derive(Debug, Clone)]
struct Item {
    header: Header,
    hash: EntryHash,
    /// Where its header starts in the body.
    start: usize,
}

impl Item {
    fn payload<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        let start = self.start + HEADER_LEN;
        let len = usize::try_from(self.header.payload_len).unwrap_or(usize::MAX);
        // The range was checked when the item was made.
        body.get(start..start.saturating_add(len)).unwrap_or_default()
    }
}

fn check_chain(body: &[u8]) -> Result<Vec<Item>, RunError> {
    let mut items: Vec<Item> = Vec::with_capacity((body.len() / 300).clamp(1, MAX_RUN_ENTRIES));
    let mut rest = body;
    while !rest.is_empty() {
        let at = items.len();
        if at >= MAX_RUN_ENTRIES {
            return Err(RunError::TooLong);
        }
        let start = body.len() - rest.len();
        let (bytes, after) = rest.split_first_chunk::<HEADER_LEN>().ok_or(RunError::Truncated)?;
        let header = Header::decode(bytes).map_err(|error| RunError::Header { at, error })?;
        let len = usize::try_from(header.payload_len).map_err(|_| RunError::Truncated)?;
        let (payload, after) = after.split_at_checked(len).ok_or(RunError::Truncated)?;
        check_place(&header, items.last(), at)?;
        if payload_hash(payload) != header.payload_hash {
            return Err(RunError::Payload(at));
        }
        items.push(Item { header, hash: entry_hash(bytes), start });
        rest = after;
    }
    Ok(items)
}

fn check_place(header: &Header, before: Option<&Item>, at: usize) -> Result<(), RunError> {
    if (header.kind == Kind::Open) != (header.seq == 0) {
        return Err(RunError::Open(at));
    }
    let Some(before) = before else {
        let zeros = header.prev == EntryHash::ZERO;
        return if zeros == (header.seq == 0) { Ok(()) } else { Err(RunError::Prev(at)) };
    };
    if header.log != before.header.log {
        return Err(RunError::OtherLog(at));
    }
    if before.header.seq.checked_add(1) != Some(header.seq) {
        return Err(RunError::Sequence(at));
    }
    if header.prev == before.hash { Ok(()) } else { Err(RunError::Prev(at)) }
}

#[derive(Debug)]
struct Checked {
    bytes: Vec<u8>,
    items: Vec<Item>,
    log: LogKey,
    topic: Option<Topic>,
    signature: Signature,
}

/// Proof that a run holds together: chain, lengths, hashes, kinds, the OPEN's topic signature and the last entry's
/// signature. Only [`Run::check`] makes it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CheckedRun(Arc<Checked>);

impl CheckedRun {
    /// The log.
    #[must_use]
    pub fn log(&self) -> LogKey {
        self.0.log
    }

    /// How many entries there are, at least 1.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a run is never empty")]
    pub fn len(&self) -> usize {
        self.0.items.len()
    }

    /// Sequence number of the first entry.
    #[must_use]
    pub fn first_seq(&self) -> Seq {
        self.0.items.first().map_or(0, |item| item.header.seq)
    }

    /// What the first entry names as the one before it; zeros at seq 0.
    #[must_use]
    pub fn first_prev(&self) -> EntryHash {
        self.0.items.first().map_or(EntryHash::ZERO, |item| item.header.prev)
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Head {
        let item = self.0.items.last();
        item.map_or(Head { seq: 0, hash: EntryHash::ZERO }, |item| Head {
            seq: item.header.seq,
            hash: item.hash,
        })
    }

    /// The hash of the entry at `seq`, if the run holds it.
    #[must_use]
    pub fn hash_at(&self, seq: Seq) -> Option<EntryHash> {
        let at = usize::try_from(seq.checked_sub(self.first_seq())?).ok()?;
        self.0.items.get(at).map(|item| item.hash)
    }

    /// The topic, if the run starts with the OPEN.
    #[must_use]
    pub fn topic(&self) -> Option<Topic> {
        self.0.topic
    }

    /// The log key's signature over the last entry's hash.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.0.signature
    }

    /// The last entry with its signature.
    #[must_use]
    pub fn signed_head(&self) -> (Head, Signature) {
        (self.last(), self.0.signature)
    }

    /// The run as it was received.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The entries in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = EntryView<'_>> + ExactSizeIterator {
        self.0.items.iter().map(|item| EntryView {
            header: item.header,
            // The range was checked when the item was made.
            bytes: self
                .0
                .bytes
                .get(item.start..)
                .and_then(|rest| rest.first_chunk())
                .unwrap_or(&[0; HEADER_LEN]),
            hash: item.hash,
            payload: item.payload(&self.0.bytes),
        })
    }

    /// Copies the entries out; the last one carries the signature.
    #[must_use]
    pub fn to_entries(&self) -> Vec<Entry> {
        let last = self.last();
        let own = |view: EntryView<'_>| Entry {
            header: *view.bytes,
            payload: view.payload.to_vec(),
            signature: (view.head() == last).then_some(self.0.signature),
        };
        self.entries().map(own).collect()
    }
}
