//! Files: offered, fetched, served. Commands are in `answers::files`; what is here runs.
//!
//! | module | holds |
//! | --- | --- |
//! | `book` | what the store knows of transfers, and what is said in the log |
//! | `receive`, `source` | one incoming transfer, and each stream it comes by |
//! | `serve`, `outgoing`, `hashes` | answering those who ask, and what they ask for |
//! | `live` | how far something is |

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nexus_files::Source;
use nexus_log::ids::EntryHash;
use nexus_storage::transfers::TransferState;
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
    served: Mutex<BTreeMap<EntryHash, Arc<Outgoing>>>,
    live: Mutex<BTreeMap<EntryHash, Arc<Live>>>,
    links: watch::Sender<()>,
    /// When the next byte may be sent, under a limit of the rate.
    next: tokio::sync::Mutex<Instant>,
    /// Bytes a second; 0: no limit.
    rate: u64,
}

#[derive(Debug)]
struct Running {
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
            next: tokio::sync::Mutex::new(Instant::now()),
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
        // One after the other, and only who still wants to send takes its time.
        let mut next = self.next.lock().await;
        tokio::time::sleep_until((*next).into()).await;
        *next = Instant::now() + takes;
    }

    /// How far everything is that moves.
    pub(crate) fn progress(&self) -> BTreeMap<EntryHash, Progress> {
        locked(&self.live).iter().map(|(entry, live)| (*entry, live.progress())).collect()
    }

    fn live(&self, entry: EntryHash, done: u64) -> Arc<Live> {
        Arc::clone(locked(&self.live).entry(entry).or_insert_with(|| Arc::new(Live::new(done))))
    }

    fn ended(&self, entry: &EntryHash, over: &Arc<Notify>) {
        let mut running = locked(&self.running);
        if running.get(entry).is_some_and(|running| Arc::ptr_eq(&running.over, over)) {
            running.remove(entry);
            locked(&self.live).remove(entry);
        }
        drop(running);
        over.notify_waiters();
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
        let ended = over.notified();
        tokio::pin!(ended);
        ended.as_mut().enable();
        let runs = |running: &Running| Arc::ptr_eq(&running.over, &over);
        let runs = locked(&self.running).get(entry).is_some_and(runs);
        if runs {
            ended.await;
        }
    }

    /// Whoever asks for this offer gets this answer from now on.
    pub(crate) fn close(&self, entry: &EntryHash, code: nexus_blobs::wire::NoCode) {
        if let Some(outgoing) = locked(&self.served).remove(entry) {
            outgoing.close(code);
        }
    }

    /// Nobody asks on this stream any more: what nobody else asks for is let go of, with its files.
    fn release(&self, outgoing: Arc<Outgoing>) {
        let entry = outgoing.entry.hash;
        outgoing.live.left();
        drop(outgoing);
        self.let_go(&entry);
    }

    fn let_go(&self, entry: &EntryHash) {
        let mut served = locked(&self.served);
        if served.get(entry).is_some_and(|outgoing| Arc::strong_count(outgoing) == 1) {
            served.remove(entry);
            drop(served);
            locked(&self.live).remove(entry);
        }
    }

    /// Names of those that run, as their state on disk has them.
    fn partials(&self) -> Vec<[u8; 32]> {
        locked(&self.running).keys().map(|entry| *entry.as_bytes()).collect()
    }
}

/// The place of a transfer among those that run, given back when it is dropped.
struct Place {
    core: Arc<Core>,
    entry: EntryHash,
    over: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.core.files.ended(&self.entry, &self.over);
    }
}

/// Goes on with an accepted transfer, unless it runs, or nobody is there who may have it.
pub(crate) async fn start(core: &Arc<Core>, entry: EntryHash) -> Answered<()> {
    let (stop, poke, over) = (core.stop.child_token(), Arc::default(), Arc::default());
    let place = {
        let mut running = locked(&core.files.running);
        if running.contains_key(&entry) || running.len() >= MAX_RUNNING {
            return Ok(());
        }
        let (stop, poke) = (stop.clone(), Arc::<Notify>::clone(&poke));
        running.insert(entry, Running { stop, poke, over: Arc::clone(&over) });
        Place { core: Arc::clone(core), entry, over }
    };
    let reader = Arc::clone(core);
    // Read once it has its place: whoever pauses it now stops it.
    let found = core.read(move |store, me| {
        let row = store.transfer(&entry)?;
        let Some(row) = row.filter(|r| r.state == TransferState::Active && !r.outgoing) else {
            return Ok(None);
        };
        let offer = book::offer(store, &entry)?;
        if let Some(over) = offer.over {
            return Err(error::failed(over));
        }
        let dir = PathBuf::from(OsString::from_vec(row.place));
        Ok(Some((book::job(&reader, store, me, &offer, dir)?, row.done)))
    });
    let (job, done) = match found.await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(()),
        Err(error) => return book::failed(core, &entry, &error.message).await,
    };
    let there = locked(&core.links).values().any(|live| job.holders.contains(&live.peer));
    if there {
        let live = core.files.live(entry, done);
        core.tasks.spawn(receive::run(Arc::clone(core), job, live, stop, poke, place));
    }
    Ok(())
}

/// Goes on with everything that was accepted and has room to run.
pub(crate) async fn start_all(core: &Arc<Core>) -> Answered<()> {
    let entries = core.read(|store, _| Ok(store.accepted()?)).await?;
    for entry in entries {
        start(core, entry).await?;
    }
    Ok(())
}

/// Keeps what a source is, so that it can be served after a restart too.
pub(crate) async fn keep_source(core: &Arc<Core>, key: &[u8; 32], source: Source) -> Answered<()> {
    let ((path, _), dir) = (book::kept(core, key), core.paths.sent());
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
    outgoing: bool,
    own: bool,
) -> Answered<Arc<Outgoing>> {
    let (entry, root) = (offer.entry(), offer.root);
    if let Some(known) = locked(&core.files.served).get(&entry.hash) {
        return Ok(Arc::clone(known));
    }
    let (source, list) = book::kept(core, &book::key(outgoing, offer));
    let live = core.files.live(entry.hash, 0);
    let opened = tokio::task::spawn_blocking(move || {
        let source = book::kept_source(&source)?;
        Outgoing::open(entry, own, source, &list, root, live)
            .map_err(|e| error::io("can't open", &list, &e))
    });
    let opened = Arc::new(opened.await.map_err(error::failed)??);
    Ok(Arc::clone(locked(&core.files.served).entry(entry.hash).or_insert(opened)))
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
        let entry = blob.entry.hash;
        drop(blob);
        core.files.let_go(&entry);
    });
}
