//! Files as they are spoken of: the offer, what its content turned out to be, and what became of it.
//!
//! The content itself is no part of a log: it travels beside it, and `nexus-blobs` knows its format.

use nexus_identity::cbor::{CborError, Map, MapWriter};
use nexus_identity::id::Millis;
use nexus_identity::kdf::Secret32;

/// Bytes of the name of an offer at most: what file systems take.
pub const MAX_FILE_NAME: usize = 255;
/// Bytes of a media type at most: RFC 6838 allows 127 on each side of the slash; what is in use is far shorter.
pub const MAX_MEDIA_TYPE: usize = 127;

/// What an offer is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// One file; its bytes are the content.
    File,
    /// A folder: a manifest, then the contents of its files.
    Folder,
    /// Several items side by side: as a folder, without one around them.
    Several,
}

impl FileKind {
    /// The number in the log.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::File => 0,
            Self::Folder => 1,
            Self::Several => 2,
        }
    }

    /// Back from [`FileKind::code`].
    #[must_use]
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::File),
            1 => Some(Self::Folder),
            2 => Some(Self::Several),
            _ => None,
        }
    }
}

/// An offer.
///
/// | key | value |
/// | --- | --- |
/// | 1 | name, text of 1 to 255 bytes; data, never a path |
/// | 2 | size of the content in bytes |
/// | 3 | kind: 0 file, 1 folder, 2 several items |
/// | 4 | the file secret, 32 bytes |
/// | 5 | root of the content, 32 bytes, if it was known |
/// | 6 | bytes of the manifest at the start of the content; only for kinds 1 and 2 |
/// | 7 | files in it; only for kinds 1 and 2 |
/// | 8 | media type, optional |
/// | 9 | of a file: when it was changed, milliseconds since 1970, optional |
/// | 10 | of a file: whether it may be run, bool, optional |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOffer {
    /// What its author calls it.
    pub name: String,
    /// Bytes of the content, the manifest included.
    pub size: u64,
    /// What it is.
    pub kind: FileKind,
    /// From which the blob's id and the key of its sealed form come.
    pub secret: FileSecret,
    /// Root of the content, if it was known when the offer was made.
    pub root: Option<[u8; 32]>,
    /// Bytes of the manifest at the start of the content; 0 for a file.
    pub manifest: u64,
    /// Files in it; 1 for a file.
    pub files: u64,
    /// Media type, as the author's system says.
    pub media_type: Option<String>,
    /// Of a file: when it was changed.
    pub mtime: Option<Millis>,
    /// Of a file: whether it may be run.
    pub executable: bool,
}

/// The secret of an offer: shows nothing, and is compared as bytes.
#[derive(Clone)]
pub struct FileSecret(Secret32);

impl FileSecret {
    /// From its bytes.
    #[must_use]
    pub fn new(secret: Secret32) -> Self {
        Self(secret)
    }

    /// For keys and ids.
    #[must_use]
    pub const fn secret(&self) -> &Secret32 {
        &self.0
    }
}

impl std::fmt::Debug for FileSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileSecret(..)")
    }
}

impl PartialEq for FileSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0)
    }
}

impl Eq for FileSecret {}

impl FileOffer {
    /// Forgets what an offer that was taken back said.
    pub(crate) fn forget(&mut self) {
        self.name.clear();
        self.media_type = None;
        self.secret = FileSecret(Secret32::new([0; 32]));
        self.root = None;
    }

    pub(super) fn write(&self, map: &mut MapWriter) {
        map.text(1, &self.name).uint(2, self.size).uint(3, self.kind.code());
        map.bytes(4, self.secret.0.expose());
        if let Some(root) = &self.root {
            map.bytes(5, root);
        }
        if self.kind != FileKind::File {
            map.uint(6, self.manifest).uint(7, self.files);
        }
        if let Some(media_type) = &self.media_type {
            map.text(8, media_type);
        }
        if let Some(mtime) = self.mtime {
            map.uint(9, mtime.0);
        }
        if self.executable {
            map.bool(10, true);
        }
    }

    pub(super) fn read(map: &Map<'_>) -> Result<Self, CborError> {
        let name = map.get(1)?.text_up_to(MAX_FILE_NAME)?.to_owned();
        let size = map.get(2)?.uint()?;
        let kind = FileKind::from_code(map.get(3)?.uint()?)
            .ok_or(CborError::Expected("a kind of file"))?;
        let (manifest, files) = match kind {
            FileKind::File => (0, 1),
            _ => (map.get(6)?.uint()?, map.get(7)?.uint()?),
        };
        if manifest > size {
            return Err(CborError::Expected("a manifest within the content"));
        }
        Ok(Self {
            name,
            size,
            kind,
            secret: FileSecret(Secret32::new(map.get(4)?.array_of()?)),
            root: map.find(5).map(|mut reader| reader.array_of()).transpose()?,
            manifest,
            files,
            media_type: map
                .find(8)
                .map(|mut reader| reader.text_up_to(MAX_MEDIA_TYPE).map(str::to_owned))
                .transpose()?,
            mtime: map.find(9).map(|mut reader| reader.uint()).transpose()?.map(Millis),
            executable: map.find(10).map(|mut reader| reader.bool()).transpose()?.unwrap_or(false),
        })
    }

    /// As an entry says it: a deterministic CBOR map.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        self.write(&mut map);
        map.into_bytes()
    }

    /// Back from [`FileOffer::encode`].
    ///
    /// # Errors
    /// [`CborError`] if it is not that.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        Self::read(&Map::decode(bytes)?)
    }
}

/// What the content of an offer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileRoot {
    /// BLAKE3 of the content.
    pub content: [u8; 32],
    /// BLAKE3 of its sealed form, once that was made.
    pub sealed: Option<[u8; 32]>,
}

impl FileRoot {
    pub(super) fn write(&self, map: &mut MapWriter) {
        map.bytes(2, &self.content);
        if let Some(sealed) = &self.sealed {
            map.bytes(3, sealed);
        }
    }

    pub(super) fn read(map: &Map<'_>) -> Result<Self, CborError> {
        Ok(Self {
            content: map.get(2)?.array_of()?,
            sealed: map.find(3).map(|mut reader| reader.array_of()).transpose()?,
        })
    }
}

/// What became of an offer, as one person says. The last word of each counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Not wanted.
    Declined,
    /// Verified and on disk.
    Done,
    /// By the author: no longer offered.
    Withdrawn,
    /// By the author: the source changed or went away, so that the rest can't be had.
    Changed,
}

impl Answer {
    /// Every answer.
    pub const ALL: [Self; 4] = [Self::Declined, Self::Done, Self::Withdrawn, Self::Changed];

    /// The number in the log.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Declined => 1,
            Self::Done => 2,
            Self::Withdrawn => 3,
            Self::Changed => 4,
        }
    }

    /// Back from [`Answer::code`].
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.code() == code)
    }
}
