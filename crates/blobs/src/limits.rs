//! Every number that a peer can run into, with its unit and its reason.

use core::time::Duration;

/// Bytes in a group; only the last one of a blob may have fewer. What is asked for, hashed,
/// checked and stored at once: an interruption costs at most one of them.
pub const GROUP: usize = 64 * 1024;
/// Largest blob in bytes: 16 TiB. Its hash list is 8 GiB, its numbers stay far from overflow.
pub const MAX_BLOB: u64 = 1 << 44;
/// Largest frame on a stream: length, code and body together, in bytes. A group and its header.
pub const MAX_FRAME: usize = GROUP + 64;
/// Groups, or hashes, that one GET may name: 256 MiB of content.
pub const MAX_GET: u32 = 4096;
/// Hashes in one HASHES frame: 32 KiB, so that no group waits long behind one.
pub const MAX_HASHES: usize = 1024;
/// Requests that one asker may have open on a stream.
pub const MAX_OPEN: usize = 16;

/// Entries of a manifest.
pub const MAX_ENTRIES: u32 = 1_000_000;
/// Bytes of a manifest, its header included.
pub const MAX_MANIFEST: u64 = 256 * 1024 * 1024;
/// Names in the path of an entry: folders in folders.
pub const MAX_DEPTH: usize = 64;
/// Bytes of the path of an entry, its names joined by one byte each (`PATH_MAX` of Linux).
pub const MAX_PATH: usize = 4096;
/// Bytes of UTF-8 in one name: what common file systems take.
pub const MAX_NAME: usize = 255;

/// Bytes that may be under way from one source: a fast LAN's delay times bandwidth, and what an
/// interruption may cost in socket buffers.
pub const WINDOW: usize = 4 * 1024 * 1024;
/// Groups in [`WINDOW`].
pub const WINDOW_GROUPS: u64 = (WINDOW / GROUP) as u64;
/// Groups under way or received and not written, over all sources of a transfer (16 MiB): a slow
/// disk stops the asking, so memory is bounded whatever the number of sources.
pub const MAX_PENDING: u64 = 4 * WINDOW_GROUPS;
/// Groups asked for at once: four requests fill the window, and the asking costs nothing.
pub const ASK_GROUPS: u64 = WINDOW_GROUPS / 4;
/// Requests of the hash list under way at once: 512 KiB of it.
pub const HASH_REQUESTS: usize = 4;
/// Sources of one transfer.
pub const MAX_SOURCES: usize = 32;
/// A source that owes something and sends nothing for so long is stalled: others get its groups.
pub const STALL: Duration = Duration::from_secs(10);
/// How long a source that said `busy` or `not_ready` is left alone first; doubled each time.
pub const RETRY: Duration = Duration::from_secs(1);
/// Longest time for which such a source is left alone.
pub const MAX_RETRY: Duration = Duration::from_secs(60);
