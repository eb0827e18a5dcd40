//! The frames of a blob stream: what they hold, how they are written, what is refused.
//!
//! A frame is `length 4 ‖ code 1 ‖ body`, big-endian; `length` counts code and body. Reading
//! borrows from the buffer, and the writer of a group sends [`group_header`] and then the bytes from
//! where they are, so content is not copied here.

use crate::ids::{BlobId, GroupHash, RequestId};
use crate::limits::{GROUP, MAX_FRAME, MAX_GET, MAX_HASHES};
use crate::size::BlobSize;

mod codec;
#[cfg(test)]
mod tests;

pub use codec::{frame_len, group_header, hashes_header, parse};

/// Bytes before the content of a GROUP or the list of a HASHES: length 4, code 1, request 4, index 8.
pub const DATA_HEADER: usize = 17;

/// Why a frame is refused. Each is a violation: end the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Wrong length, or a value outside its range.
    #[error("malformed_frame")]
    Malformed,
    /// A code below 128 that is not defined.
    #[error("unknown_frame")]
    Unknown,
    /// Longer than [`MAX_FRAME`], or empty.
    #[error("oversized_frame")]
    Oversized,
}

/// What is asked for of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum What {
    /// Its groups.
    Content = 0,
    /// Hashes of its groups.
    Hashes = 1,
}

/// A range of groups, or of hashes of groups, of one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Get {
    /// Chosen by the asker; not one that is open.
    pub request: RequestId,
    /// The blob.
    pub blob: BlobId,
    /// Its groups or their hashes.
    pub what: What,
    /// First index.
    pub first: u64,
    /// How many, 1 to [`MAX_GET`].
    pub count: u32,
}

impl Get {
    /// Whether the range is inside a blob of this size. Else it is a violation: who asks knows the
    /// size from the file entry.
    pub fn fits(&self, size: BlobSize) -> bool {
        self.first.checked_add(u64::from(self.count)).is_some_and(|end| end <= size.groups())
    }
}

/// Why a request gets nothing, or nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u8)]
pub enum NoCode {
    /// No such blob here. Also what is said to who may not have it.
    #[error("unknown")]
    Unknown = 0,
    /// The root, or this part, is not known here yet: later.
    #[error("not_ready")]
    NotReady = 1,
    /// The source is not any more what was offered: it cannot be had from here.
    #[error("changed")]
    Changed = 2,
    /// The offer was taken back.
    #[error("withdrawn")]
    Withdrawn = 3,
    /// Not to this asker.
    #[error("refused")]
    Refused = 4,
    /// Too much to do: later.
    #[error("busy")]
    Busy = 5,
    /// It could not be read.
    #[error("failed")]
    Failed = 6,
}

impl NoCode {
    /// The code for a byte; unknown ones count as [`NoCode::Refused`], so that later versions can
    /// say more.
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Unknown,
            1 => Self::NotReady,
            2 => Self::Changed,
            3 => Self::Withdrawn,
            5 => Self::Busy,
            6 => Self::Failed,
            _ => Self::Refused,
        }
    }

    /// Whether to ask again later can help.
    pub const fn passes(self) -> bool {
        matches!(self, Self::NotReady | Self::Busy)
    }
}

/// A frame, borrowed from the buffer it was read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Asker: send me this.
    Get(Get),
    /// Asker: enough of that; answered with END unless END or NO is on its way.
    Stop(RequestId),
    /// Server: one group.
    Group {
        /// Which GET it answers.
        request: RequestId,
        /// Which group.
        index: u64,
        /// Its bytes, at most [`GROUP`].
        bytes: &'a [u8],
    },
    /// Server: hashes of groups.
    Hashes {
        /// Which GET it answers.
        request: RequestId,
        /// Index of the first.
        first: u64,
        /// 1 to [`MAX_HASHES`] of them.
        hashes: HashList<'a>,
    },
    /// Server: that was all of this GET.
    End(RequestId),
    /// Server: nothing, or nothing more, of this GET.
    No {
        /// Which GET it answers.
        request: RequestId,
        /// Why.
        code: NoCode,
    },
}

/// Hashes of groups, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashList<'a>(&'a [[u8; 32]]);

impl<'a> HashList<'a> {
    /// How many, 1 to [`MAX_HASHES`].
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: a frame holds at least one.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hashes in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = GroupHash> + 'a {
        self.0.iter().map(|hash| GroupHash::from_bytes(*hash))
    }

    /// Their bytes, 32 each: what is stored.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.as_flattened()
    }
}
