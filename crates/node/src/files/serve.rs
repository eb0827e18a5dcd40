//! Answering on a blob stream: requests in, frames out, a run of groups at a time.
//!
//! What is read from the disk for one frame is under way while the one before it is written, and no more: memory is
//! bounded, and an asker that reads slowly costs two runs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_blobs::limits::MAX_OPEN;
use nexus_blobs::serve::{Next, Piece};
use nexus_blobs::wire::{self, Message, NoCode, What};
use nexus_blobs::{BlobId, RequestId, Serve};
use nexus_identity::ConnectId;
use nexus_log::ids::EntryHash;
use nexus_transport::BlobStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::live::Progress;
use super::outgoing::{Outgoing, RUN, Unreadable};
use crate::core::{Core, locked};

/// Runs that wait to be written.
const AHEAD: usize = 1;
/// An asker that asks for nothing for so long has its stream closed; it opens another when it wants more.
const IDLE: Duration = Duration::from_secs(60);

/// Watchers hear of progress so often.
const TELL: Duration = Duration::from_millis(500);

/// What the reader and the writer of one stream share.
#[derive(Debug, Default)]
struct Desk {
    serve: Mutex<Serve>,
    /// Requests that are answered with a no.
    refused: Mutex<Vec<(RequestId, NoCode)>>,
    /// Runs that were read and are not written yet.
    pending: AtomicUsize,
    /// Something to do.
    changed: Notify,
}

impl Desk {
    fn is_idle(&self) -> bool {
        locked(&self.serve).open() == 0 && self.pending.load(Ordering::Relaxed) == 0
    }
}

/// Serves until the stream ends or nothing is asked for any more.
pub(crate) async fn run(core: Arc<Core>, peer: ConnectId, stream: BlobStream) {
    let (reader, mut writer) = tokio::io::split(stream);
    let desk = Arc::<Desk>::default();
    let blobs = Arc::<Mutex<HashMap<BlobId, Arc<Outgoing>>>>::default();
    let (frames, mut ready) = mpsc::channel::<Vec<u8>>(AHEAD);
    let reading = read(&core, peer, reader, &desk, &blobs);
    let making = make(&core, &desk, &blobs, frames);
    let writing = async {
        while let Some(run) = ready.recv().await {
            core.files.pace(run.len()).await;
            writer.write_all(&run).await?;
            if ready.is_empty() {
                writer.flush().await?;
            }
            desk.pending.fetch_sub(1, Ordering::Relaxed);
        }
        writer.shutdown().await
    };
    let telling = tell(&core, &blobs);
    let reason = tokio::select! {
        () = telling => "told",
        reason = reading => reason,
        () = making => "nobody reads",
        written = writing => match written {
            Ok(()) => "done",
            Err(_) => "lost",
        },
    };
    let served = std::mem::take(&mut *locked(&blobs));
    for blob in served.into_values() {
        let entry = blob.entry.hash;
        core.files.release(blob);
        super::book::tell(&core, &entry).await;
    }
    tracing::debug!(%peer, reason, "a blob stream ended");
}

/// Tells watchers how far what is asked for here is, while it moves.
async fn tell(core: &Arc<Core>, blobs: &Mutex<HashMap<BlobId, Arc<Outgoing>>>) {
    let mut told: HashMap<EntryHash, Progress> = HashMap::new();
    loop {
        tokio::time::sleep(TELL).await;
        let now: Vec<(EntryHash, Progress)> =
            locked(blobs).values().map(|blob| (blob.entry.hash, blob.live.progress())).collect();
        for (entry, progress) in now {
            if told.insert(entry, progress) != Some(progress) {
                super::book::tell(core, &entry).await;
            }
        }
    }
}

/// Takes requests; gives why it ended.
async fn read(
    core: &Arc<Core>,
    peer: ConnectId,
    mut stream: ReadHalf<BlobStream>,
    desk: &Desk,
    blobs: &Mutex<HashMap<BlobId, Arc<Outgoing>>>,
) -> &'static str {
    let mut frame = Vec::new();
    loop {
        let mut length = [0; 4];
        {
            let reading = stream.read_exact(&mut length);
            tokio::pin!(reading);
            loop {
                match timeout(IDLE, &mut reading).await {
                    Ok(Ok(_)) => break,
                    Ok(Err(_)) => return "closed",
                    Err(_) if desk.is_idle() => return "idle",
                    // It has enough to read.
                    Err(_) => {}
                }
            }
        }
        let Ok(len) = wire::frame_len(length) else { return "oversized_frame" };
        frame.resize(len, 0);
        if stream.read_exact(&mut frame).await.is_err() {
            return "closed";
        }
        match wire::parse(&frame) {
            Ok(Some(Message::Get(get))) => {
                let found = find(core, peer, &get.blob, blobs).await;
                let refusal = match found {
                    Ok(blob) if !get.fits(blob.size) => return "out_of_range",
                    Ok(blob) => blob.refusal(),
                    Err(code) => Some(code),
                };
                match refusal {
                    Some(code) => locked(&desk.refused).push((get.request, code)),
                    None => {
                        if let Err(error) = locked(&desk.serve).handle_get(get) {
                            core.refused.count("blob_requests", &peer.to_string());
                            tracing::debug!(%peer, %error, "a blob stream broke a rule");
                            return "violation";
                        }
                    }
                }
                desk.changed.notify_one();
            }
            Ok(Some(Message::Stop(request))) => {
                locked(&desk.serve).handle_stop(request);
                desk.changed.notify_one();
            }
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => {
                core.refused.count("blob_frame", &peer.to_string());
                return "malformed_frame";
            }
        }
        if locked(&desk.refused).len() > MAX_OPEN {
            return "too_many_requests";
        }
    }
}

/// The blob that is asked for, if this asker may have it.
async fn find(
    core: &Arc<Core>,
    peer: ConnectId,
    blob: &BlobId,
    blobs: &Mutex<HashMap<BlobId, Arc<Outgoing>>>,
) -> Result<Arc<Outgoing>, NoCode> {
    let known = locked(blobs).get(blob).cloned();
    match known {
        Some(known) if known.refusal().is_none() => return Ok(known),
        // It was paused or is over; it may be offered again by now.
        Some(closed) => {
            locked(blobs).remove(blob);
            core.files.release(closed);
        }
        None => {}
    }
    let found = super::book::outgoing(core, &peer, blob).await?;
    if locked(blobs).insert(*blob, Arc::clone(&found)).is_none() {
        found.live.joined();
    }
    Ok(found)
}

/// Makes frames of what is asked for.
async fn make(
    core: &Arc<Core>,
    desk: &Desk,
    blobs: &Mutex<HashMap<BlobId, Arc<Outgoing>>>,
    frames: mpsc::Sender<Vec<u8>>,
) {
    loop {
        let mut out = Vec::new();
        for (request, code) in std::mem::take(&mut *locked(&desk.refused)) {
            Message::No { request, code }.encode(&mut out);
        }
        if out.is_empty() {
            let work = next(&mut locked(&desk.serve));
            match work {
                Some(Work::End(request)) => Message::End(request).encode(&mut out),
                Some(Work::Run(piece, count)) => {
                    let blob = locked(blobs).get(&piece.blob).cloned();
                    let Some(blob) = blob else { continue };
                    out = answer(core, desk, blob, piece, count).await;
                }
                None => {
                    desk.changed.notified().await;
                    continue;
                }
            }
        }
        desk.pending.fetch_add(1, Ordering::Relaxed);
        if frames.send(out).await.is_err() {
            return;
        }
    }
}

enum Work {
    /// So many groups (or hashes) from this one on.
    Run(Piece, u64),
    End(RequestId),
}

/// What is to be sent next: as many groups of one request as are read at once.
fn next(serve: &mut Serve) -> Option<Work> {
    match serve.poll_next()? {
        Next::End(request) => Some(Work::End(request)),
        Next::Piece(piece) if piece.what == What::Hashes => {
            Some(Work::Run(piece, u64::from(piece.count)))
        }
        Next::Piece(piece) => {
            let more = serve.take_more(&piece, RUN as u32 - 1);
            Some(Work::Run(piece, 1 + u64::from(more)))
        }
    }
}

/// The frames of a run, or the no to its request.
async fn answer(
    core: &Arc<Core>,
    desk: &Desk,
    blob: Arc<Outgoing>,
    piece: Piece,
    count: u64,
) -> Vec<u8> {
    let reader = Arc::clone(&blob);
    let read = tokio::task::spawn_blocking(move || {
        let mut frames = Vec::new();
        let done = match piece.what {
            What::Content => reader.groups(piece.request, piece.index, count, &mut frames),
            What::Hashes => reader.hashes(piece.request, piece.index, piece.count, &mut frames),
        };
        (frames, done)
    });
    let (mut frames, done) = match read.await {
        Ok(read) => read,
        Err(_) => (Vec::new(), Err(Unreadable::No(NoCode::Failed))),
    };
    match done {
        Ok(()) => {
            if piece.what == What::Content {
                let bytes = (piece.index..piece.index + count)
                    .map(|index| blob.size.group_len(index) as u64);
                blob.live.add(bytes.sum());
                super::book::read_through(core, &blob).await;
            }
        }
        Err(error) => {
            let code = error.code();
            if code == NoCode::NotReady {
                super::read_in_background(core, &blob);
            }
            locked(&desk.serve).drop_request(piece.request);
            Message::No { request: piece.request, code }.encode(&mut frames);
            super::book::unreadable(core, &blob, &error).await;
        }
    }
    frames
}
