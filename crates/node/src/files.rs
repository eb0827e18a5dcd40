//! Files: offered, fetched, served. Commands are in `answers::files`; what is here runs.
//!
//! | module | holds |
//! | --- | --- |
//! | `book` | what the store knows of transfers, and what is said in the log |
//! | `receive`, `source` | one incoming transfer, and each stream it comes by |
//! | `serve`, `outgoing`, `hashes` | answering those who ask, and what they ask for |
//! | `live` | how far something is |

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nexus_blobs::BlobId;
use nexus_files::Source;
use nexus_log::ids::EntryHash;
use nexus_storage::transfers::{TransferRow, TransferState};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::core::{Core, locked};
use crate::error::{self, Answered};

pub(crate) mod book;
mod hashes;
pub(crate) mod live;
pub(crate) mod outgoing;
mod receive;
mod serve;
mod source;
mod watch_offers;

pub(crate) use serve::run as serve;
pub(crate) use watch_offers::run as watch;

use live::{Live, Progress};
use outgoing::Outgoing;

/// Incoming transfers that run at once; the others wait for their turn.
pub(crate) const MAX_RUNNING: usize = 32;

/// What runs of files in this node.
#[derive(Debug)]
pub(crate) struct Files {
    running: Mutex<BTreeMap<EntryHash, Running>>,
    served: Mutex<BTreeMap<BlobId, Arc<Outgoing>>>,
    live: Mutex<BTreeMap<EntryHash, Arc<Live>>>,
    links: watch::Sender<()>,
    /// When the next byte may be sent, under a limit of the rate.
    next: Mutex<Instant>,
    /// Bytes a second; 0: no limit.
    rate: u64,
}

#[derive(Debug)]
struct Running {
    blob: [u8; 32],
    stop: CancellationToken,
    poke: Arc<Notify>,
    over: Arc<Notify>,
}

impl Files {
    /// Nothing runs. `rate`: KiB a second that may be sent, 0 for no limit.
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            running: Mutex::default(),
            served: Mutex::default(),
            live: Mutex::default(),
            links: watch::channel(()).0,
            next: Mutex::new(Instant::now()),
            rate: u64::from(rate) * 1024,
        }
    }

    /// Links came or went.
    pub(crate) fn links_changed(&self) {
        self.links.send_replace(());
    }

    fn links(&self) -> watch::Receiver<()> {
        let mut links = self.links.subscribe();
        links.mark_changed();
        links
    }

    /// Waits until so many bytes may be sent.
    async fn pace(&self, bytes: usize) {
        if self.rate == 0 {
            return;
        }
        let takes = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        let at = {
            let mut next = locked(&self.next);
            let at = (*next).max(Instant::now());
            *next = at + takes;
            at
        };
        tokio::time::sleep_until(at.into()).await;
    }

    /// How far everything is that moves.
    pub(crate) fn progress(&self) -> BTreeMap<EntryHash, Progress> {
        locked(&self.live).iter().map(|(entry, live)| (*entry, live.progress())).collect()
    }

    fn live(&self, entry: EntryHash, done: u64) -> Arc<Live> {
        Arc::clone(locked(&self.live).entry(entry).or_insert_with(|| Arc::new(Live::new(done))))
    }

    fn ended(&self, entry: &EntryHash) {
        if let Some(running) = locked(&self.running).remove(entry) {
            running.over.notify_waiters();
        }
        locked(&self.live).remove(entry);
    }

    /// What is known of offers may have changed.
    fn poke(&self) {
        locked(&self.running).values().for_each(|running| running.poke.notify_one());
    }

    /// Stops a transfer and waits until it has let go of its files.
    pub(crate) async fn stop(&self, entry: &EntryHash) {
        let over = {
            let running = locked(&self.running);
            let Some(running) = running.get(entry) else { return };
            running.stop.cancel();
            Arc::clone(&running.over)
        };
        let over = over.notified();
        tokio::pin!(over);
        over.as_mut().enable();
        if locked(&self.running).contains_key(entry) {
            over.await;
        }
    }

    /// What is served under this name gets this answer from now on.
    pub(crate) fn close(&self, blob: &BlobId, code: nexus_blobs::wire::NoCode) {
        if let Some(outgoing) = locked(&self.served).remove(blob) {
            outgoing.close(code);
        }
    }

    /// Names of those that run, as their state on disk has them.
    fn partials(&self) -> Vec<[u8; 32]> {
        locked(&self.running).values().map(|running| running.blob).collect()
    }
}

/// Goes on with an accepted transfer, unless it runs.
pub(crate) async fn start(core: &Arc<Core>, row: &TransferRow) -> Answered<()> {
    use std::os::unix::ffi::OsStringExt;
    let (entry, done) = (row.entry, row.done);
    let dir = std::path::PathBuf::from(std::ffi::OsString::from_vec(row.place.clone()));
    let reader = Arc::clone(core);
    let job = core
        .read(move |store, me| {
            let offer = book::offer(store, &entry)?;
            book::job(&reader, store, me, &offer, dir)
        })
        .await;
    let job = match job {
        Ok(job) => job,
        Err(error) => return book::failed(core, &entry, &error.message).await,
    };
    let (stop, poke) = (core.stop.child_token(), Arc::<Notify>::default());
    {
        let mut running = locked(&core.files.running);
        if running.contains_key(&entry) || running.len() >= MAX_RUNNING {
            return Ok(());
        }
        let over = Arc::<Notify>::default();
        running.insert(
            entry,
            Running { blob: row.blob, stop: stop.clone(), poke: Arc::clone(&poke), over },
        );
    }
    let live = core.files.live(entry, done);
    core.tasks.spawn(receive::run(Arc::clone(core), job, live, stop, poke));
    Ok(())
}

/// Goes on with everything that was accepted and has room to run.
pub(crate) async fn start_all(core: &Arc<Core>) -> Answered<()> {
    let rows = core.read(|store, _| Ok(store.transfers_in(&[TransferState::Active])?)).await?;
    for row in rows.iter().filter(|row| !row.outgoing) {
        start(core, row).await?;
    }
    Ok(())
}

/// Keeps what a source is, so that it can be served after a restart too.
pub(crate) async fn keep_source(core: &Arc<Core>, blob: &BlobId, source: Source) -> Answered<()> {
    let ((path, _), dir) = (book::kept(core, blob), core.paths.sent());
    let kept = tokio::task::spawn_blocking(move || {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(|e| error::io("can't make", &dir, &e))?;
        crate::setup::write_atomically(&path, &source.to_bytes(), true)
    });
    kept.await.map_err(error::failed)?
}

/// What is offered, opened once for all who ask.
pub(crate) async fn open_outgoing(
    core: &Arc<Core>,
    offer: &book::Offer,
    own: bool,
) -> Answered<Arc<Outgoing>> {
    let blob = offer.blob();
    if let Some(known) = locked(&core.files.served).get(&blob) {
        return Ok(Arc::clone(known));
    }
    let ((source, list), entry, root) = (book::kept(core, &blob), offer.entry(), offer.root);
    let live = core.files.live(entry.hash, 0);
    let opened = tokio::task::spawn_blocking(move || {
        let source = book::kept_source(&source)?;
        Outgoing::open(entry, own, source, &list, root, live)
            .map_err(|e| error::io("can't open", &list, &e))
    });
    let opened = Arc::new(opened.await.map_err(error::failed)??);
    Ok(Arc::clone(locked(&core.files.served).entry(blob).or_insert(opened)))
}

/// Reads what was not read yet, for somebody who needs all hashes; once at a time.
fn read_in_background(core: &Arc<Core>, blob: &Arc<Outgoing>) {
    use std::sync::atomic::Ordering;
    if blob.reading.swap(true, Ordering::Relaxed) {
        return;
    }
    let (core, blob) = (Arc::clone(core), Arc::clone(blob));
    core.tasks.clone().spawn(async move {
        loop {
            let reader = Arc::clone(&blob);
            let read = tokio::task::spawn_blocking(move || reader.read_on());
            match read.await {
                Ok(Ok(true)) if !core.stop.is_cancelled() => {}
                Ok(Ok(_)) => break,
                Ok(Err(error)) => {
                    book::unreadable(&core, &blob, &error).await;
                    break;
                }
                Err(_) => break,
            }
        }
        book::read_through(&core, &blob).await;
        blob.reading.store(false, Ordering::Relaxed);
    });
}
