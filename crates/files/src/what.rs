//! What a blob is, as far as the disk has to know.

use nexus_blobs::{BlobSize, SafeName};

/// What the bytes of a blob are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bytes of one file.
    File,
    /// The manifest and the files of one folder: the first name in each path is the folder itself.
    Folder,
    /// The manifest and the files of several files and folders that were named together.
    Several,
}

impl Kind {
    /// Whether it begins with a manifest.
    pub const fn has_manifest(self) -> bool {
        !matches!(self, Self::File)
    }

    pub(crate) const fn to_kept(self) -> u8 {
        match self {
            Self::File => 0,
            Self::Folder => 1,
            Self::Several => 2,
        }
    }

    pub(crate) const fn from_kept(kept: u8) -> Option<Self> {
        match kept {
            0 => Some(Self::File),
            1 => Some(Self::Folder),
            2 => Some(Self::Several),
            _ => None,
        }
    }
}

/// What a blob is, as its offer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct What {
    /// What its bytes are.
    pub kind: Kind,
    /// What it is to be called where it lands.
    pub name: SafeName,
    /// Bytes of the whole blob, its manifest included.
    pub size: BlobSize,
    /// Of one file: whether it may be run. A manifest says so itself.
    pub executable: bool,
    /// Of one file: when it was changed, in milliseconds since 1970, if known.
    pub mtime_ms: Option<i64>,
}
