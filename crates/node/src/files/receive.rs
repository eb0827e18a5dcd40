//! One incoming transfer: the task that runs it, over the scheduler of `nexus-blobs` and the landing of `nexus-files`.
//!
//! Every source has a task that reads its stream and a thread that hashes, checks and writes, so that several sources
//! and the cores there are work side by side. What is decided is decided by [`Fetch`], under one lock that nobody holds
//! while waiting for anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nexus_blobs::wire::{Get, Message};
use nexus_blobs::{Action, Fetch, GROUP, GroupHash, SourceId, SourceKind};
use nexus_files::{Landed, Landing, LandingError, Source};
use nexus_identity::InstanceKey;
use nexus_transport::LinkId;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::book::{self, Job};
use super::live::Live;
use super::{Place, source};
use crate::api::ErrorCode;
use crate::core::{Core, locked};
use crate::error::{self, Answered};

/// Watchers hear of progress, and the store keeps it, so often.
const TELL: Duration = Duration::from_millis(500);
/// What came is made durable so often: that much is fetched again after a power cut.
const SYNC: Duration = Duration::from_secs(10);
/// After the disk was full, or a source could not be reached, it is tried again so often.
const AGAIN: Duration = Duration::from_secs(5);

/// After so many looks in vain for somebody to ask, a transfer makes room for others.
const ALONE: u32 = 12;

/// So often what somebody changed while it came is looked through anew; then the transfer fails.
const TAMPERED: u32 = 3;

/// What the tasks of one transfer share.
pub(super) struct Transfer {
    pub core: Arc<Core>,
    pub job: Job,
    pub fetch: Mutex<Fetch>,
    pub landing: Landing,
    /// The hash list is here and fits the root.
    pub listed: AtomicBool,
    pub live: Arc<Live>,
    /// Held while hashes are taken into the list.
    pub listing: Mutex<()>,
    /// What the disk said last.
    pub trouble: Mutex<Option<LandingError>>,
    /// The scheduler may have something to do.
    pub changed: Notify,
    /// Something of that name is there already: what of it is the same need not come, which shows once the hash list is
    /// known.
    pub earlier: bool,
    begun: Instant,
}

impl Transfer {
    /// Time of the scheduler.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The disk did not take something: it is tried again later, or the transfer ends.
    pub(super) fn troubled(&self, error: LandingError) {
        locked(&self.trouble).get_or_insert(error);
        self.changed.notify_one();
    }
}

/// How it ended.
enum End {
    /// It is where it belongs.
    /// With what it can be served from, unless somebody changed it at once.
    Landed(Landed, Option<Box<Source>>),
    /// It is to be opened anew: what is there already can be looked at now.
    Again,
    /// Somebody changed what had come so far: what is still as it came is looked for.
    Tampered(String),
    /// Somebody stopped it: paused, cancelled, or the node ends.
    Stopped,
    /// It can't be put where it belongs, or not be had.
    Failed(String),
}

/// Runs a transfer until it is done, stopped or can't go on. `poke`: what is known of its offer may have changed.
pub(crate) async fn run(
    core: Arc<Core>,
    job: Job,
    live: Arc<Live>,
    stop: CancellationToken,
    poke: Arc<Notify>,
    place: Place,
) {
    let entry = job.entry;
    let (mut job, mut tampered) = (job, 0);
    let end = loop {
        match open(&core, job.clone(), Arc::clone(&live)).await {
            Ok(transfer) => {
                let transfer = Arc::new(transfer);
                let end = follow(&transfer, &stop, &poke).await;
                book::save_done(&core, &entry.hash, live.progress().done).await;
                match end {
                    End::Again => {}
                    End::Tampered(_) if tampered < TAMPERED => tampered += 1,
                    end => break end,
                }
                job.root = locked(&transfer.fetch).root().copied();
            }
            Err(error) => break End::Failed(error.message),
        }
    };
    let told = match end {
        End::Landed(landed, source) => book::landed(&core, &entry, landed, source).await,
        End::Failed(why) | End::Tampered(why) => book::failed(&core, &entry.hash, &why).await,
        End::Stopped | End::Again => Ok(()),
    };
    if let Err(error) = told {
        tracing::warn!(%error, "how a transfer ended could not be noted");
    }
    drop(place);
    book::tell(&core, &entry.hash).await;
}

/// Opens what came so far, or begins.
async fn open(core: &Arc<Core>, job: Job, live: Arc<Live>) -> Answered<Transfer> {
    let core = Arc::clone(core);
    let opened = tokio::task::spawn_blocking(move || -> Result<Transfer, LandingError> {
        let landing = Landing::resume(&job.partial, &job.what)?;
        if landing.needs_recheck() {
            landing.recheck(|_, _| true)?;
        }
        // It may have been killed between the two.
        if landing.have().first_missing(job.front(), 0, 1).is_none() {
            source::read_manifest(&job, &landing)?;
        }
        if let (Some(root), true) = (&job.root, job.what.size.is_single()) {
            landing.put_list(0, &[GroupHash::from_bytes(*root.as_bytes())])?;
        }
        let listed = match &job.root {
            Some(root) if landing.is_listed() => source::list_fits(&landing, root)?,
            _ => false,
        };
        if listed {
            landing.forget_unfit()?;
        }
        let earlier = job.earlier();
        if listed && earlier {
            source::reuse(&job, &landing)?;
        }
        let mut fetch = Fetch::new(job.what.size, landing.have(), job.root, listed);
        if earlier && job.root.is_none() {
            fetch.pause();
        }
        live.set(bytes_of(&job, &fetch));
        Ok(Transfer {
            core,
            fetch: Mutex::new(fetch),
            landing,
            listed: AtomicBool::new(listed),
            live,
            listing: Mutex::default(),
            trouble: Mutex::default(),
            changed: Notify::new(),
            begun: Instant::now(),
            earlier: earlier && !listed,
            job,
        })
    });
    opened.await.map_err(error::failed)?.map_err(|error| {
        crate::api::ErrorBody::new(
            ErrorCode::Failed,
            error.to_string(),
            "accept it to another folder",
        )
    })
}

/// Bytes of the groups that are there.
pub(super) fn bytes_of(job: &Job, fetch: &Fetch) -> u64 {
    let (size, have) = (job.what.size, fetch.have());
    let last = size.groups() - 1;
    let short = if have.contains(last) { GROUP - size.group_len(last) } else { 0 };
    (have.len() * GROUP as u64).saturating_sub(short as u64)
}

/// A source that is being asked.
struct Asked {
    instance: InstanceKey,
    gets: mpsc::UnboundedSender<Vec<u8>>,
    stop: CancellationToken,
}

/// The sources of one transfer, as its task sees them.
struct Sources {
    next: u64,
    asked: BTreeMap<SourceId, Asked>,
    /// Instances that are left alone: they sent what is wrong.
    blamed: BTreeSet<InstanceKey>,
    /// Instances that could not be asked, until then.
    later: BTreeMap<InstanceKey, Instant>,
    ended: mpsc::UnboundedSender<(SourceId, bool)>,
}

async fn follow(t: &Arc<Transfer>, stop: &CancellationToken, poke: &Notify) -> End {
    let (ended, mut over) = mpsc::unbounded_channel();
    let mut sources = Sources {
        next: 1,
        asked: BTreeMap::new(),
        blamed: BTreeSet::new(),
        later: BTreeMap::new(),
        ended,
    };
    let mut links = t.core.files.links();
    let mut tell = tokio::time::interval(TELL);
    let mut sync = tokio::time::interval_at(tokio::time::Instant::now() + SYNC, SYNC);
    let mut again = tokio::time::interval(AGAIN);
    let (mut told, mut alone) = (None, 0);
    let end = loop {
        if let Some(end) = sources.act(t).await {
            break end;
        }
        let due = locked(&t.fetch).poll_timeout().map(|at| at.saturating_sub(t.now()));
        tokio::select! {
            () = stop.cancelled() => break End::Stopped,
            () = t.changed.notified() => {}
            () = poke.notified() => {
                if let Some(end) = refresh(t).await {
                    break end;
                }
            }
            _ = links.changed() => sources.look(t),
            Some((source, wrong)) = over.recv() => sources.over(t, source, wrong),
            () = tokio::time::sleep(due.unwrap_or(AGAIN)) => {
                let now = t.now();
                locked(&t.fetch).handle_timeout(now);
            }
            _ = tell.tick() => {
                let progress = t.live.progress();
                if told != Some(progress) {
                    told = Some(progress);
                    book::tell(&t.core, &t.job.entry.hash).await;
                }
            }
            _ = sync.tick() => {
                let transfer = Arc::clone(t);
                let synced = tokio::task::spawn_blocking(move || transfer.landing.sync());
                if let Ok(Err(error)) = synced.await {
                    t.troubled(error);
                }
                book::save_done(&t.core, &t.job.entry.hash, t.live.progress().done).await;
            }
            _ = again.tick() => {
                sources.look(t);
                if let Some(end) = retry(t).await {
                    break end;
                }
                // Its place is for those who are there; it is taken up again when somebody comes.
                alone = if sources.asked.is_empty() { alone + 1 } else { 0 };
                if alone > ALONE {
                    break End::Stopped;
                }
            }
        }
        if let Some(end) = trouble(t) {
            break end;
        }
    };
    sources.asked.values().for_each(|asked| asked.stop.cancel());
    // Their threads hold the landing; what they had in hand is written before anything else happens to it.
    drop(sources);
    while over.recv().await.is_some() {}
    if matches!(end, End::Stopped | End::Again) {
        let transfer = Arc::clone(t);
        let _ = tokio::task::spawn_blocking(move || transfer.landing.sync()).await;
    }
    end
}

/// What the disk said: a full one is waited for, everything else ends it.
fn trouble(t: &Transfer) -> Option<End> {
    let trouble = locked(&t.trouble);
    match trouble.as_ref()? {
        LandingError::DiskFull { .. } => {
            t.live.says(Some("the disk is full: it goes on once there is room"));
            locked(&t.fetch).pause();
            None
        }
        error @ LandingError::Tampered { .. } => Some(End::Tampered(error.to_string())),
        error => Some(End::Failed(error.to_string())),
    }
}

/// Whether a full disk has room again.
async fn retry(t: &Arc<Transfer>) -> Option<End> {
    if locked(&t.trouble).is_none() {
        return None;
    }
    let left = t.job.what.size.get().saturating_sub(t.live.progress().done);
    let dirs = [t.job.partial.dir.clone(), t.job.partial.state_dir.clone()];
    let free = tokio::task::spawn_blocking(move || {
        let [target, state] = dirs.map(|dir| nexus_files::free_space(&dir));
        target.and_then(|target| state.map(|state| target.min(state)))
    });
    let free = free.await;
    if let Ok(Ok(free)) = free
        && free > left.min(book::ROOM)
    {
        locked(&t.trouble).take();
        t.live.says(None);
        // What the landing kept is looked at again: a disk that fails forgets what it had promised.
        return Some(End::Again);
    }
    None
}

/// What became known of the offer since.
async fn refresh(t: &Arc<Transfer>) -> Option<End> {
    let entry = t.job.entry;
    let offer = t.core.read(move |store, _| book::offer(store, &entry.hash)).await;
    let Ok(offer) = offer else { return Some(End::Failed("the offer is gone".to_owned())) };
    if let Some(why) = offer.over {
        return Some(End::Failed(why.to_owned()));
    }
    let mut fetch = locked(&t.fetch);
    match (offer.root, fetch.root().copied()) {
        (Some(root), None) => {
            fetch.set_root(root);
            if t.earlier && locked(&t.trouble).is_none() {
                fetch.resume();
            }
        }
        (Some(root), Some(known)) if root != known => {
            return Some(End::Failed("its author changed what it is".to_owned()));
        }
        _ => {}
    }
    None
}

impl Sources {
    /// Does what the scheduler wants.
    async fn act(&mut self, t: &Arc<Transfer>) -> Option<End> {
        loop {
            let now = t.now();
            let action = locked(&t.fetch).poll_action(now)?;
            match action {
                Action::Ask { source, request, what, first, count } => {
                    let get = Get { request, blob: t.job.blob, what, first, count };
                    self.send(source, &Message::Get(get));
                }
                Action::Stop { source, request } => self.send(source, &Message::Stop(request)),
                Action::Blame { source, why } => {
                    tracing::warn!(%why, "a source of a file sent what is wrong");
                    if let Some(asked) = self.asked.get(&source) {
                        t.core.refused.count("wrong_file", &asked.instance.to_string());
                        self.blamed.insert(asked.instance);
                        asked.stop.cancel();
                    }
                }
                Action::NeedRoot => {}
                Action::CheckList => {
                    if let Some(end) = check_list(t).await {
                        return Some(end);
                    }
                }
                Action::Verify => {
                    if let Some(end) = verify(t).await {
                        return Some(end);
                    }
                }
                Action::Complete => return Some(finish(t).await),
            }
        }
    }

    fn send(&self, source: SourceId, message: &Message<'_>) {
        if let Some(asked) = self.asked.get(&source) {
            let _ = asked.gets.send(message.to_bytes());
        }
    }

    /// Asks who is linked and may have it.
    fn look(&mut self, t: &Arc<Transfer>) {
        let now = Instant::now();
        let links: Vec<(LinkId, InstanceKey)> = locked(&t.core.links)
            .iter()
            .filter(|(_, live)| t.job.holders.contains(&live.peer))
            .map(|(link, live)| (*link, live.instance))
            .collect();
        for (link, instance) in links {
            let asked = self.asked.values().any(|asked| asked.instance == instance);
            let later = self.later.get(&instance).is_some_and(|until| *until > now);
            if asked || later || self.blamed.contains(&instance) {
                continue;
            }
            let id = SourceId(self.next);
            self.next += 1;
            let author = instance == t.job.author;
            let kind = if author { SourceKind::Author } else { SourceKind::Holder };
            let (gets, queue) = mpsc::unbounded_channel();
            let stop = CancellationToken::new();
            let task = source::run(Arc::clone(t), link, id, kind, queue, stop.clone());
            let ended = self.ended.clone();
            t.core.tasks.spawn(async move {
                let wrong = task.await;
                let _ = ended.send((id, wrong));
            });
            self.asked.insert(id, Asked { instance, gets, stop });
        }
    }

    fn over(&mut self, t: &Transfer, source: SourceId, wrong: bool) {
        locked(&t.fetch).remove_source(source);
        if let Some(asked) = self.asked.remove(&source) {
            self.later.insert(asked.instance, Instant::now() + AGAIN);
            if wrong {
                t.core.refused.count("file_rules", &asked.instance.to_string());
                self.blamed.insert(asked.instance);
            }
        }
    }
}

/// All hashes of the list are here: do they give the root?
async fn check_list(t: &Arc<Transfer>) -> Option<End> {
    let transfer = Arc::clone(t);
    let checked = tokio::task::spawn_blocking(move || -> Result<bool, LandingError> {
        drop(locked(&transfer.listing));
        let Some(root) = locked(&transfer.fetch).root().copied() else { return Ok(false) };
        let right = source::list_fits(&transfer.landing, &root)?;
        if right {
            for index in transfer.landing.forget_unfit()?.ranges().flatten() {
                locked(&transfer.fetch).lost(index);
            }
        } else {
            transfer.landing.forget_list()?;
        }
        transfer.listed.store(right, Ordering::Release);
        Ok(right)
    });
    match checked.await {
        Ok(Ok(true)) if t.earlier => Some(End::Again),
        Ok(Ok(right)) => {
            locked(&t.fetch).list_complete(right);
            None
        }
        Ok(Err(error)) => Some(End::Failed(error.to_string())),
        Err(error) => Some(End::Failed(error.to_string())),
    }
}

/// All groups are here: do their hashes give the root?
async fn verify(t: &Arc<Transfer>) -> Option<End> {
    t.live.verify(true);
    let transfer = Arc::clone(t);
    let root = tokio::task::spawn_blocking(move || transfer.landing.root()).await;
    t.live.verify(false);
    match root {
        Ok(Ok(found)) => {
            let mut fetch = locked(&t.fetch);
            let right = found.is_some() && found.as_ref() == fetch.root();
            fetch.verified(right);
            None
        }
        Ok(Err(error)) => Some(End::Failed(error.to_string())),
        Err(error) => Some(End::Failed(error.to_string())),
    }
}

/// Puts it where it belongs.
async fn finish(t: &Arc<Transfer>) -> End {
    t.live.verify(true);
    let transfer = Arc::clone(t);
    let landed = tokio::task::spawn_blocking(move || {
        let root = locked(&transfer.fetch).root().copied();
        let root = root.ok_or(LandingError::WrongRoot)?;
        let manifest = transfer.landing.manifest().map(<[u8]>::to_vec).unwrap_or_default();
        let landed = transfer.landing.finish(&root)?;
        // From here on it is served to others, and can be looked at again.
        let source = Source::landed(&landed.path, &transfer.job.what, manifest);
        Ok::<_, LandingError>((landed, source.ok().map(Box::new)))
    });
    let landed = landed.await;
    t.live.verify(false);
    match landed {
        Ok(Ok((landed, source))) => End::Landed(landed, source),
        // Something is not what was noted of it: that is found when it is opened anew.
        Ok(Err(error @ (LandingError::WrongRoot | LandingError::Incomplete { .. }))) => {
            End::Tampered(error.to_string())
        }
        Ok(Err(error)) => End::Failed(error.to_string()),
        Err(error) => End::Failed(error.to_string()),
    }
}
