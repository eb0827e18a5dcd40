//! What every part of a running node shares.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nexus_identity::{ConnectId, InstanceKey};
use nexus_storage::{Database, Queries, Reader};
use nexus_transport::{FrameSender, LinkId, Transport};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::ErrorCode;
use crate::config::Config;
use crate::error::{self, Answered};
use crate::events::Bus;
use crate::files::Files;
use crate::me::Me;
use crate::paths::Paths;
use crate::read_marks::Pacer;
use crate::refused::Refused;
use crate::resolve::Candidate;
use crate::store_thread::Store;
use crate::sync_thread::Sync;
use crate::time::Clock;
use crate::views::Outside;

/// Read connections kept for the next question.
const READERS: usize = 8;
/// Length and code before the body of a frame.
const FRAME_HEAD: u64 = 5;

/// Shared by dispatch, links and timers.
pub(crate) struct Core {
    pub paths: Paths,
    pub config: Config,
    pub db: Database,
    readers: Mutex<Vec<Reader>>,
    pub store: Store,
    pub sync: Sync,
    pub transport: Mutex<Transport>,
    pub bus: Bus,
    pub refused: Refused,
    pub clock: Clock,
    pub links: Mutex<BTreeMap<LinkId, LiveLink>>,
    /// When what my `Hello` says changed last.
    pub hello_changed: Mutex<Option<Instant>>,
    /// Wakes the timer task.
    pub timers: Notify,
    pub marks: Pacer,
    /// State of the background check of the store.
    pub health: Mutex<String>,
    /// Files that are fetched and served.
    pub files: Files,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
}

/// A link that is up, as the node needs it.
#[derive(Debug, Clone)]
pub(crate) struct LiveLink {
    pub peer: ConnectId,
    pub instance: InstanceKey,
    pub path: String,
    pub control: FrameSender,
    pub traffic: Arc<Traffic>,
}

/// Bytes on the sync stream of one link, lengths and codes of frames included.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// A frame was handed to the link.
    pub(crate) fn sent(&self, body: usize) {
        self.sent.fetch_add(FRAME_HEAD + body as u64, Ordering::Relaxed);
    }

    /// A frame came.
    pub(crate) fn received(&self, body: usize) {
        self.received.fetch_add(FRAME_HEAD + body as u64, Ordering::Relaxed);
    }

    /// So many bytes were sent and received.
    pub(crate) fn both(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }
}

/// What [`Core`] is made of, besides what it makes itself.
pub(crate) struct Parts {
    pub paths: Paths,
    pub config: Config,
    pub db: Database,
    pub store: Store,
    pub sync: Sync,
    pub transport: Transport,
    pub bus: Bus,
    pub refused: Refused,
    pub clock: Clock,
    pub stop: CancellationToken,
}

/// Locks without caring whether somebody panicked while holding it: what is inside is always whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let files = Files::new(parts.config.upload_rate);
        Arc::new(Self {
            paths: parts.paths,
            config: parts.config,
            db: parts.db,
            readers: Mutex::default(),
            store: parts.store,
            sync: parts.sync,
            transport: Mutex::new(parts.transport),
            bus: parts.bus,
            refused: parts.refused,
            clock: parts.clock,
            links: Mutex::default(),
            timers: Notify::new(),
            marks: Pacer::default(),
            hello_changed: Mutex::new(None),
            health: Mutex::new("ok".to_owned()),
            files,
            stop: parts.stop,
            tasks: TaskTracker::new(),
        })
    }

    /// How the store is: what the check after an unclean end found, or why nothing can be written.
    pub(crate) fn store_health(&self) -> String {
        match (self.store.trouble(), self.store.damage()) {
            (Some(error), _) => format!("failing: {}", error.message),
            (None, Some(damage)) => format!("damaged: {damage}"),
            (None, None) => locked(&self.health).clone(),
        }
    }

    /// This instance as of the last commit.
    pub(crate) fn me(&self) -> Arc<Me> {
        self.store.me()
    }

    /// The transport; it is another one after a change of instance.
    pub(crate) fn transport(&self) -> Transport {
        locked(&self.transport).clone()
    }

    /// Reads on one state of the store, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Queries, &Me) -> Answered<T> + Send + 'static,
    ) -> Answered<T> {
        let core = Arc::clone(self);
        let answer = tokio::task::spawn_blocking(move || {
            let pooled = locked(&core.readers).pop();
            let mut reader = match pooled {
                Some(reader) => reader,
                None => core.db.reader()?,
            };
            let me = core.me();
            let answer = reader.snapshot(|store| question(store, &me));
            let mut readers = locked(&core.readers);
            if readers.len() < READERS {
                readers.push(reader);
            }
            answer
        });
        let answer = answer.await.map_err(error::failed)?;
        if let Err(error) = &answer
            && error.code == ErrorCode::Damaged
        {
            self.store.met(error).await;
        }
        answer
    }

    /// Gives the read connections back, at the end.
    pub(crate) fn close_readers(&self) {
        locked(&self.readers).clear();
    }

    /// What views show beside the store.
    pub(crate) fn outside(&self) -> Outside {
        Outside { paths: self.live_paths(), now: self.clock.now(), progress: self.files.progress() }
    }

    /// Kind of the best live link to each peer.
    pub(crate) fn live_paths(&self) -> BTreeMap<ConnectId, String> {
        locked(&self.links).values().map(|link| (link.peer, link.path.clone())).collect()
    }

    /// Live links to a peer.
    pub(crate) fn links_to(&self, peer: &ConnectId) -> Vec<LiveLink> {
        locked(&self.links).values().filter(|link| link.peer == *peer).cloned().collect()
    }

    /// Everybody that discovery sees, as names to choose from.
    pub(crate) fn nearby_names(&self) -> Vec<Candidate> {
        let nearby = self.transport().nearby();
        nearby
            .into_iter()
            .map(|n| Candidate { id: n.connect_id, name: n.name, mine: false })
            .collect()
    }
}
