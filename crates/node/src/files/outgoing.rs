//! What is sent: a source that is read once, its hashes, and who may have it.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use nexus_blobs::limits::MAX_HASHES;
use nexus_blobs::wire::{NoCode, group_header, hashes_header};
use nexus_blobs::{BlobSize, GROUP, RequestId, Root, group_hash};
use nexus_files::{Source, SourceError};
use nexus_log::ids::EntryRef;

use super::hashes::Hashes;
use super::live::Live;

/// Groups that are read from the disk at once: 1 MiB.
pub(crate) const RUN: u64 = 16;
/// No reason to say no.
const OPEN: u8 = u8::MAX;

/// One blob that others may fetch from here.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The offer.
    pub entry: EntryRef,
    /// How large it is.
    pub size: BlobSize,
    /// Whether the offer is this instance's own: then it serves before the root is known, and says the root.
    pub author: bool,
    source: Source,
    hashes: Hashes,
    root: OnceLock<Root>,
    closed: AtomicU8,
    /// It is being read for its hashes.
    pub reading: AtomicBool,
    /// What it is is being said.
    pub saying: AtomicBool,
    /// How far it is.
    pub live: Arc<Live>,
}

/// Why a part can't be had.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// To be said as it is.
    No(NoCode),
    /// The source is not what was offered.
    Source(SourceError),
    /// The list of hashes can't be read or written.
    List(io::Error),
}

impl Unreadable {
    /// What the asker is told.
    pub(crate) const fn code(&self) -> NoCode {
        match self {
            Self::No(code) => *code,
            // What is gone for now, with its disk, may come back.
            Self::Source(SourceError::Changed { .. }) => NoCode::Changed,
            Self::Source(_) | Self::List(_) => NoCode::Failed,
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::List(error)
    }
}

impl From<SourceError> for Unreadable {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl Outgoing {
    /// Over a source; blocking. `list` is where its hashes are kept.
    pub(crate) fn open(
        entry: EntryRef,
        author: bool,
        source: Source,
        list: &Path,
        root: Option<Root>,
        live: Arc<Live>,
    ) -> io::Result<Self> {
        let size = source.what().size;
        let hashes = Hashes::open(list, size, root.as_ref())?;
        let known = OnceLock::new();
        if let Some(root) = root {
            let _ = known.set(root);
        }
        let closed = AtomicU8::new(OPEN);
        Ok(Self {
            entry,
            size,
            author,
            source,
            hashes,
            root: known,
            closed,
            reading: AtomicBool::new(false),
            saying: AtomicBool::new(false),
            live,
        })
    }

    /// The root, once known.
    pub(crate) fn root(&self) -> Option<&Root> {
        self.root.get()
    }

    /// From now on every request gets this.
    pub(crate) fn close(&self, code: NoCode) {
        self.closed.store(code as u8, Ordering::Relaxed);
    }

    /// Why nothing is to be had, if so.
    pub(crate) fn refusal(&self) -> Option<NoCode> {
        match self.closed.load(Ordering::Relaxed) {
            OPEN => None,
            byte => Some(NoCode::from_byte(byte)),
        }
    }

    /// Frames of a run of groups; blocking. Hashes are noted on the way, and compared with those of an earlier reading:
    /// what changed is never mixed.
    pub(crate) fn groups(
        &self,
        request: RequestId,
        first: u64,
        count: u64,
        frames: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        self.check()?;
        let mut run = Vec::new();
        self.source.read_run(first, count, &mut run)?;
        frames.reserve(run.len() + run.len() / 1024);
        for (index, bytes) in self.each(first, count, &run) {
            self.note(index, bytes)?;
            frames.extend_from_slice(&group_header(request, index, bytes.len()));
            frames.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Frames of hashes; blocking.
    pub(crate) fn hashes(
        &self,
        request: RequestId,
        first: u64,
        count: u32,
        frames: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        self.check()?;
        if self.root.get().is_none() || !self.hashes.is_whole() {
            return Err(Unreadable::No(NoCode::NotReady));
        }
        let list = self.hashes.get(first, count)?;
        for (at, part) in (first..).step_by(MAX_HASHES).zip(list.chunks(MAX_HASHES)) {
            frames.extend_from_slice(&hashes_header(request, at, part.len()));
            frames.extend_from_slice(part.as_flattened());
        }
        Ok(())
    }

    /// Whether hashes are missing that somebody needs.
    pub(crate) fn needs_reading(&self) -> bool {
        !self.hashes.is_whole()
    }

    /// Reads on what was not read yet, a run; blocking. `false` once there is nothing left.
    pub(crate) fn read_on(&self) -> Result<bool, Unreadable> {
        self.check()?;
        let Some(run) = self.hashes.first_missing(RUN) else { return Ok(false) };
        self.look_at(run.start, run.end - run.start)?;
        Ok(true)
    }

    /// Once everything was read for the first time: the root, to be said; blocking.
    pub(crate) fn found_root(&self) -> io::Result<Option<Root>> {
        if self.root.get().is_some() || !self.hashes.is_whole() {
            return Ok(None);
        }
        self.hashes.root()
    }

    /// It was said.
    pub(crate) fn know(&self, root: Root) {
        let _known = self.root.set(root);
    }

    fn look_at(&self, first: u64, count: u64) -> Result<(), Unreadable> {
        let mut run = Vec::new();
        self.source.read_run(first, count, &mut run)?;
        self.each(first, count, &run).try_for_each(|(index, bytes)| self.note(index, bytes))
    }

    /// The groups of a run; an empty blob has one, which is empty.
    fn each<'a>(
        &self,
        first: u64,
        count: u64,
        run: &'a [u8],
    ) -> impl Iterator<Item = (u64, &'a [u8])> {
        let mut left = run;
        (first..first.saturating_add(count).min(self.size.groups())).map(move |index| {
            let (group, rest) = left.split_at(left.len().min(GROUP));
            left = rest;
            (index, group)
        })
    }

    fn check(&self) -> Result<(), Unreadable> {
        self.refusal().map_or(Ok(()), |code| Err(Unreadable::No(code)))
    }

    fn note(&self, index: u64, bytes: &[u8]) -> Result<(), Unreadable> {
        let hash =
            group_hash(self.size, index, bytes).map_err(|_| Unreadable::No(NoCode::Changed))?;
        match self.hashes.put(index, hash)? {
            Ok(()) => Ok(()),
            Err(super::hashes::Changed) => Err(Unreadable::No(NoCode::Changed)),
        }
    }
}
