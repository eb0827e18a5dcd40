//! What an incoming blob is and where it lands: the one file of the state that is never in pieces.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use nexus_blobs::{BlobSize, SafeName};

use super::BootId;
use crate::pack::{Packer, Unpacker};
use crate::what::{Kind, What};

/// What the file is, and its version: another one is not read, and the blob starts anew.
const MAGIC: [u8; 8] = *b"nxpart\0\x01";

/// How far a landing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Groups come in.
    Coming,
    /// Everything is there and on disk; the next step gives it its name.
    Naming,
}

/// The head of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: [u8; 32],
    pub(crate) what: What,
    /// The directory it lands in.
    pub(crate) dir: PathBuf,
    /// What it is called there until it is whole.
    pub(crate) partial: String,
    /// Which file or folder of that name is ours; 0 before it was made.
    pub(crate) inode: u64,
    /// The run of the machine in which the hashes were written that are believed.
    pub(crate) boot: BootId,
    pub(crate) stage: Stage,
}

impl Head {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut packer = Packer::new(MAGIC);
        packer.bytes(&self.id).u8(self.what.kind.to_kept()).u64(self.what.size.get());
        packer.bytes(self.what.name.as_str().as_bytes()).u8(self.what.executable.into());
        match self.what.mtime_ms {
            Some(mtime_ms) => packer.u8(1).i64(mtime_ms),
            None => packer.u8(0),
        };
        packer.bytes(self.dir.as_os_str().as_bytes()).bytes(self.partial.as_bytes());
        packer.u64(self.inode).bytes(&self.boot.to_kept());
        packer.u8(match self.stage {
            Stage::Coming => 0,
            Stage::Naming => 1,
        });
        packer.finish()
    }

    /// Nothing if the bytes are not a whole head that this version wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Unpacker::new(bytes, MAGIC)?;
        let id = from.bytes()?.try_into().ok()?;
        let (kind, size) = (Kind::from_kept(from.u8()?)?, BlobSize::new(from.u64()?).ok()?);
        let (name, executable) = (SafeName::new(from.str()?).ok()?, from.u8()? == 1);
        let mtime_ms = match from.u8()? {
            0 => None,
            _ => Some(from.i64()?),
        };
        let dir = PathBuf::from(OsStr::from_bytes(from.bytes()?));
        // One name: it is joined to a directory, and removed.
        let partial = SafeName::new(from.str()?).ok()?.as_str().to_owned();
        let (inode, boot) = (from.u64()?, BootId::from_kept(from.bytes()?.try_into().ok()?));
        let stage = match from.u8()? {
            0 => Stage::Coming,
            1 => Stage::Naming,
            _ => return None,
        };
        let what = What { kind, name, size, executable, mtime_ms };
        let head = Self { id, what, dir, partial, inode, boot, stage };
        from.is_done().then_some(head)
    }
}
