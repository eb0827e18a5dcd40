//! One source of a transfer: a stream on which it is asked, and a thread that hashes, checks and writes what comes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nexus_blobs::tree::list_fits as fits;
use nexus_blobs::wire::{self, Get, Message, What};
use nexus_blobs::{Check, GroupHash, RequestId, Root, SourceId, SourceKind, Take, group_hash};
use nexus_files::{Landing, LandingError};
use nexus_transport::{BlobStream, LinkId};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::book::Job;
use super::receive::{Transfer, bytes_of};
use crate::core::locked;

/// Frames that wait to be hashed and written: 2 MiB.
const AHEAD: usize = 32;

/// A request of which nothing is expected; the scheduler does not count so far.
const NUDGE: RequestId = RequestId(u32::MAX);

/// It broke a rule: its stream ends, and it is not asked again.
struct Broken;

/// Asks one instance until its stream ends or it is stopped. `true`: it broke a rule.
pub(super) async fn run(
    t: Arc<Transfer>,
    link: LinkId,
    id: SourceId,
    kind: SourceKind,
    gets: mpsc::UnboundedReceiver<Vec<u8>>,
    stop: CancellationToken,
) -> bool {
    let transport = t.core.transport();
    let opened = tokio::select! {
        opened = transport.open_blob(link) => opened,
        () = stop.cancelled() => return false,
    };
    let stream = match opened {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "a source of a file could not be asked");
            return false;
        }
    };
    if !locked(&t.fetch).add_source(id, kind) {
        return false;
    }
    t.changed.notify_one();
    t.live.joined();
    let (reader, mut writer) = tokio::io::split(stream);
    let lacks_root = {
        let fetch = locked(&t.fetch);
        let all = fetch.have().len() == t.job.what.size.groups();
        fetch.root().is_none() && (t.earlier || all)
    };
    if lacks_root {
        // Its author is asked for the list, and reads the source through for it.
        let nudge =
            Get { request: NUDGE, blob: t.job.blob, what: What::Hashes, first: 0, count: 1 };
        let _ = writer.write_all(&Message::Get(nudge).to_bytes()).await;
        let _ = writer.flush().await;
    }
    let (frames, queue) = mpsc::channel(AHEAD);
    let worker = Arc::clone(&t);
    let working = tokio::task::spawn_blocking(move || work(&worker, id, queue));
    tokio::select! {
        () = ask(writer, gets) => {}
        () = read(reader, frames) => {}
        () = stop.cancelled() => {}
    }
    let broke = matches!(working.await, Ok(Err(Broken)));
    t.live.left();
    broke
}

async fn ask(mut stream: WriteHalf<BlobStream>, mut gets: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(get) = gets.recv().await {
        if stream.write_all(&get).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Reads frames until the stream ends, or whoever takes them has enough.
async fn read(mut stream: ReadHalf<BlobStream>, frames: mpsc::Sender<Vec<u8>>) {
    loop {
        let mut length = [0; 4];
        if stream.read_exact(&mut length).await.is_err() {
            return;
        }
        let Ok(len) = wire::frame_len(length) else { return };
        let mut frame = vec![0; len];
        if stream.read_exact(&mut frame).await.is_err() || frames.send(frame).await.is_err() {
            return;
        }
    }
}

/// Takes frames in their order; on a thread of its own.
fn work(t: &Transfer, id: SourceId, mut queue: mpsc::Receiver<Vec<u8>>) -> Result<(), Broken> {
    while let Some(frame) = queue.blocking_recv() {
        take(t, id, &frame)?;
    }
    Ok(())
}

fn take(t: &Transfer, id: SourceId, frame: &[u8]) -> Result<(), Broken> {
    let message = match wire::parse(frame) {
        Ok(Some(message)) => message,
        Ok(None) => return Ok(()),
        Err(_) => return Err(Broken),
    };
    let now = t.now();
    let rule = |broken: nexus_blobs::Violation| {
        tracing::debug!(%broken, "a source of a file broke a rule");
        Broken
    };
    match message {
        Message::No { request: NUDGE, .. }
        | Message::Hashes { request: NUDGE, .. }
        | Message::End(NUDGE) => {}
        Message::Group { request, index, bytes } => {
            let hash = group_hash(t.job.what.size, index, bytes).ok();
            let check = check(t, index, hash);
            let taken = locked(&t.fetch).handle_group(id, request, index, check, now);
            let taken = taken.map_err(rule)?;
            if let (Take::Write, Some(hash)) = (taken, hash) {
                write(t, index, bytes, &hash);
            }
        }
        Message::Hashes { request, first, hashes } => {
            // Whoever is told to look at the list waits until what came is in it.
            let _listing = locked(&t.listing);
            let taken = locked(&t.fetch).handle_hashes(id, request, first, hashes.len(), now);
            if taken.map_err(rule)? == Take::Write {
                let list: Vec<GroupHash> = hashes.iter().collect();
                if let Err(error) = t.landing.put_list(first, &list) {
                    t.troubled(error);
                }
            }
        }
        Message::End(request) => {
            locked(&t.fetch).handle_end(id, request, now).map_err(rule)?;
        }
        Message::No { request, code } => {
            tracing::debug!(%code, "a source of a file says no");
            locked(&t.fetch).handle_no(id, request, code, now).map_err(rule)?;
        }
        Message::Get(_) | Message::Stop(_) => return Err(Broken),
    }
    t.changed.notify_one();
    Ok(())
}

/// What the list, or the root of a blob of one group, says of a group.
fn check(t: &Transfer, index: u64, hash: Option<GroupHash>) -> Check {
    let Some(hash) = hash else { return Check::Bad };
    let expected = if t.job.what.size.is_single() {
        locked(&t.fetch).root().map(|root| GroupHash::from_bytes(*root.as_bytes()))
    } else if t.listed.load(Ordering::Acquire) {
        t.landing.list_hash(index).ok().flatten()
    } else {
        None
    };
    match expected {
        Some(expected) if expected == hash => Check::Good,
        Some(_) => Check::Bad,
        None => Check::Provisional,
    }
}

fn write(t: &Transfer, index: u64, bytes: &[u8], hash: &GroupHash) {
    let written = t.landing.write_group(index, bytes, hash);
    let mut fetch = locked(&t.fetch);
    match written {
        Ok(()) => {
            fetch.written(index);
            t.live.set(bytes_of(&t.job, &fetch));
            let front = t.job.front();
            if index < front && fetch.have().first_missing(front, 0, 1).is_none() {
                drop(fetch);
                if let Err(error) = read_manifest(&t.job, &t.landing) {
                    t.troubled(error);
                }
            }
        }
        Err(error) => {
            fetch.lost(index);
            drop(fetch);
            t.troubled(error);
        }
    }
}

/// The groups with the manifest are there: from now on everything has its place.
pub(super) fn read_manifest(job: &Job, landing: &Landing) -> Result<(), LandingError> {
    if landing.has_manifest() {
        return Ok(());
    }
    let mut front = landing.read_front(job.front())?;
    front.truncate(usize::try_from(job.manifest).unwrap_or(usize::MAX));
    landing.set_manifest(&front)
}

/// Takes what is there already under that name, where it is the same.
pub(super) fn reuse(job: &Job, landing: &Landing) -> Result<(), LandingError> {
    if !landing.has_manifest()
        && let Ok(earlier) = nexus_files::scan(&[job.place()])
        && earlier.what().size == job.what.size
    {
        // What lists the files is made again from the files, and compared as everything else is.
        let mut bytes = Vec::new();
        for index in 0..job.front() {
            if earlier.read_run(index, 1, &mut bytes).is_err() {
                break;
            }
            let hash = group_hash(job.what.size, index, &bytes).ok();
            if let Some(hash) =
                hash.filter(|hash| landing.list_hash(index).ok().flatten() == Some(*hash))
            {
                landing.write_group(index, &bytes, &hash)?;
            }
        }
    }
    if !landing.has_manifest() && landing.have().first_missing(job.front(), 0, 1).is_none() {
        read_manifest(job, landing)?;
    }
    landing.reuse(|_, _| true).map(drop)
}

/// Whether the list that was received is that of the root.
pub(super) fn list_fits(landing: &Landing, root: &Root) -> Result<bool, LandingError> {
    if !landing.is_listed() {
        return Ok(false);
    }
    let mut wrong = None;
    let hashes = (0..landing.size().groups()).map_while(|index| {
        landing.list_hash(index).unwrap_or_else(|error| {
            wrong = Some(error);
            None
        })
    });
    let right = fits(landing.size(), root, hashes);
    wrong.map_or(Ok(right), Err)
}
