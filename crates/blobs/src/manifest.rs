//! What a folder, or several items sent together, holds: the first bytes of its blob.
//!
//! After the manifest come the contents of its files, one after the other in its order. Entries
//! rise strictly by path, so a folder comes before what is in it and nothing is named twice. A
//! folder that is only a place for others need not have an entry of its own.
//!
//! What [`Decoder`] gives out is safe to be made on a disk: names are [`SafeName`]s, nothing lies
//! in a file or in a link, and no link leads out of the item that it is in, not even by way of
//! other links.

use crate::limits::{MAX_DEPTH, MAX_ENTRIES, MAX_MANIFEST, MAX_PATH};
use crate::name::{NameError, SafeName};
use crate::size::TooLarge;

mod decode;
mod encode;
mod order;
#[cfg(test)]
mod tests;

pub use decode::{Decoder, Manifest};
pub use encode::Encoder;

/// Bytes of the header: magic 4, version 1, entries 4, bytes of the entries 8, bytes of all files 8.
pub const HEADER: usize = 25;
const MAGIC: [u8; 4] = *b"NXFM";
const VERSION: u8 = 1;

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where: names from the outermost folder on, 1 to [`MAX_DEPTH`].
    pub path: Vec<SafeName>,
    /// What.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// Whether it may be run.
        executable: bool,
        /// When it was changed, in milliseconds since 1970, negative before.
        mtime_ms: i64,
    },
    /// A folder; empty ones have no other entry.
    Folder {
        /// When it was changed, as above.
        mtime_ms: i64,
    },
    /// A symbolic link.
    Link {
        /// Where it points.
        target: LinkTarget,
    },
}

/// Where a symbolic link points: some folders up, then down by names. Both together at least 1.
///
/// `..` stands only at the front, and no link lies in a link, so going up leads where the path says;
/// and it goes up less often than would leave the outermost folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTarget {
    /// How often `..`, from the folder that the link is in.
    pub up: u8,
    /// The names after that.
    pub down: Vec<SafeName>,
}

impl LinkTarget {
    /// Reads what a link says on the sender's disk, for a link with this path; `None` if it is
    /// absolute, leads out of the outermost folder, or holds what is not safe: such links are left
    /// out.
    pub fn parse(target: &str, link: &[SafeName]) -> Option<Self> {
        let mut found = Self { up: 0, down: Vec::new() };
        if target.starts_with('/') {
            return None;
        }
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." if found.down.is_empty() => found.up = found.up.checked_add(1)?,
                name => found.down.push(SafeName::new(name).ok()?),
            }
        }
        found.check(link).is_ok().then_some(found)
    }

    fn check(&self, link: &[SafeName]) -> Result<(), ManifestError> {
        let inside = link.len() >= usize::from(self.up) + 2;
        let names = self.down.len() + usize::from(self.up);
        let bytes = self.to_string().len();
        if inside && (1..=MAX_DEPTH).contains(&names) && bytes <= MAX_PATH {
            Ok(())
        } else {
            Err(ManifestError::Link)
        }
    }
}

impl core::fmt::Display for LinkTarget {
    /// As it is made on the disk: `../../a/b`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let up = core::iter::repeat_n("..", self.up.into());
        for (at, name) in up.chain(self.down.iter().map(SafeName::as_str)).enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// Why a manifest is refused. Bytes that came verified by their root and are refused here were made
/// so by the author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It does not begin as a manifest of this version does.
    #[error("this is no manifest of a known version")]
    Header,
    /// No entry, or more than [`MAX_ENTRIES`]; how many it claims.
    #[error("{0} entries")]
    Entries(u64),
    /// More bytes than [`MAX_MANIFEST`]; how many it claims.
    #[error("a manifest of {0} bytes")]
    Bytes(u64),
    /// It ends within an entry, or its numbers do not agree with each other.
    #[error("its numbers do not agree")]
    Malformed,
    /// More content than a blob may have.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// Manifest and contents together are not as long as the blob.
    #[error("the contents are not as long as they are said to be")]
    Size,
    /// A name that is not safe.
    #[error("a name is not safe: {0}")]
    Name(#[from] NameError),
    /// A path deeper than [`MAX_DEPTH`] or longer than [`MAX_PATH`].
    #[error("a path is too deep or too long")]
    Path,
    /// Entries do not rise strictly by path: something is named twice, or out of order.
    #[error("entries are out of order, or one is named twice")]
    Order,
    /// An entry in something that is not a folder.
    #[error("an entry lies in something that is not a folder")]
    Parent,
    /// A link that points nowhere or could lead out of its folder.
    #[error("a link leads out of its folder")]
    Link,
}

const fn check_counts(entries: u64, bytes: u64) -> Result<(), ManifestError> {
    if entries == 0 || entries > MAX_ENTRIES as u64 {
        return Err(ManifestError::Entries(entries));
    }
    if bytes > MAX_MANIFEST {
        return Err(ManifestError::Bytes(bytes));
    }
    Ok(())
}
