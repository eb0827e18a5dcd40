//! Starting and stopping a node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Event;
use crate::config::{Config, Visibility};
use crate::control::ControlSocket;
use crate::core::{Core, Parts};
use crate::error::{self, Answered};
use crate::events::Bus;
use crate::lock::DirectoryLock;
use crate::paths::Paths;
use crate::refused::Refused;
use crate::store_thread::{After, Store};
use crate::sync_thread::{self, SyncEvent};
use crate::time::Clock;
use crate::{files, hub, network, read_marks, start_up, timers};

/// How long tasks and the store may take to end.
const LAST_TASKS: std::time::Duration = std::time::Duration::from_secs(10);

/// How often a node that is about to end looks whether somebody is attached still.
const ALONE_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

/// How to run a node. What is `None` comes from the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Another configuration file than the one in the data directory.
    pub config: Option<PathBuf>,
    /// Addresses to listen on; empty: as configured.
    pub listen: Vec<SocketAddr>,
    /// UDP port of LAN discovery.
    pub discovery_port: Option<u16>,
    /// How visible it is on a LAN.
    pub visibility: Option<Visibility>,
    /// Only this machine.
    pub loopback_only: Option<bool>,
    /// Whether it may have links and beacons from the start (`Command::Network` changes it).
    pub network: bool,
    /// The wall clock it goes by.
    pub clock: Clock,
}

impl Options {
    /// As configured, on this directory, with the network on.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            config: None,
            listen: Vec::new(),
            discovery_port: None,
            visibility: None,
            loopback_only: None,
            network: true,
            clock: Clock::default(),
        }
    }

    /// The configuration in force with these options.
    ///
    /// # Errors
    /// `bad_config`.
    pub fn config(&self) -> Answered<Config> {
        let path = self.config.clone().unwrap_or_else(|| Paths::new(&self.data_dir).config());
        let mut config = Config::load(&path)?;
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        config.discovery_port = self.discovery_port.unwrap_or(config.discovery_port);
        config.visibility = self.visibility.unwrap_or(config.visibility);
        config.loopback_only = self.loopback_only.unwrap_or(config.loopback_only);
        Ok(config)
    }
}

/// A running node. Everything is asked of it through [`crate::client::Client`].
#[derive(Debug)]
pub struct Node {
    ready: Event,
    stop: CancellationToken,
    running: JoinHandle<()>,
    clients: TaskTracker,
}

impl Node {
    /// Starts a node; when this returns it is ready: store open, listening, control socket open.
    ///
    /// # Errors
    /// `busy` when another process holds the directory, `no_identity`, `bad_config`, and what can be wrong with a store.
    pub async fn start(options: Options) -> Answered<Self> {
        let paths = Paths::new(&options.data_dir);
        if !crate::setup::has_identity(&options.data_dir) {
            return Err(error::no_identity(&options.data_dir));
        }
        let lock = DirectoryLock::take(&paths)?;
        let config = options.config()?;
        let store_paths = paths.clone();
        let clock = options.clock;
        let now = clock.now();
        let opened = tokio::task::spawn_blocking(move || start_up::open(&store_paths, now));
        let opened = opened.await.map_err(error::failed)??;
        let (transport, network) = network::start(&config, &opened.me, options.network).await?;
        let (sync, inbox) = sync_thread::channels();
        let (effects, after) = mpsc::unbounded_channel();
        let reader = opened.db.reader()?;
        let (bus, refused) = (Bus::new(), Refused::new(clock.clone()));
        let at_once = (sync.events.clone(), bus.clone());
        let effects = move |after: After| {
            let (sync, bus) = &at_once;
            let later = hub::at_once(after, sync, bus);
            later.into_iter().for_each(|after| drop(effects.send(after)));
        };
        let (store, store_thread) = Store::start(opened.writer, opened.me, clock.clone(), effects)
            .map_err(error::failed)?;
        let sync_thread = sync_thread::start(&sync, inbox, reader, store.clone(), refused.clone());
        let sync_thread = sync_thread.map_err(error::failed)?;
        let stop = CancellationToken::new();
        let core = Core::new(Parts {
            paths: paths.clone(),
            config,
            db: opened.db,
            store,
            sync,
            transport,
            bus,
            refused,
            clock,
            stop: stop.clone(),
        });
        let ready = Event::Ready {
            connect_id: core.me().connect_id().to_string(),
            listen: core.transport().listen_addresses().iter().map(ToString::to_string).collect(),
        };
        let socket = ControlSocket::bind(&paths)?;
        let clients = socket.clients();
        let hub = tokio::spawn(hub::run(core.clone(), network, after));
        let timers = tokio::spawn(timers::run(core.clone()));
        core.tasks.spawn(read_marks::resume(core.clone()));
        core.tasks.spawn(files::watch(core.clone()));
        let health = tokio::spawn(start_up::check(core.clone(), opened.unclean));
        let running = tokio::spawn(async move {
            socket.serve(core.clone(), core.stop.clone()).await;
            health.abort();
            let _ = tokio::join!(hub, timers, health);
            stop_all(core, sync_thread, store_thread).await;
            drop(lock);
        });
        Ok(Self { ready, stop, running, clients })
    }

    /// The `ready` event: who runs, and where it listens.
    #[must_use]
    pub fn ready(&self) -> &Event {
        &self.ready
    }

    /// Resolves once the node has ended by itself (`Command::Shutdown`, a fatal error).
    pub async fn closed(&mut self) {
        if !self.running.is_finished() {
            let _ = (&mut self.running).await;
        }
    }

    /// Resolves once nobody is attached to the control socket.
    pub async fn until_alone(&self) {
        while !self.clients.is_empty() {
            tokio::time::sleep(ALONE_AGAIN).await;
        }
    }

    /// Ends the node in good order: answers are finished, the store is closed, the lock given back.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.closed().await;
    }
}

/// Ends everything in order: what I read is told, links say goodbye, the store is closed last.
async fn stop_all(
    core: Arc<Core>,
    sync_thread: std::thread::JoinHandle<()>,
    store_thread: std::thread::JoinHandle<()>,
) {
    read_marks::flush(&core).await;
    let _ = core.sync.events.send(SyncEvent::Stop);
    let _ = tokio::task::spawn_blocking(move || sync_thread.join()).await;
    core.transport().shutdown().await;
    core.tasks.close();
    if tokio::time::timeout(LAST_TASKS, core.tasks.wait()).await.is_err() {
        tracing::warn!("some tasks did not end in time");
    }
    core.close_readers();
    // The store thread ends when the last sender of jobs is gone.
    drop(core);
    let joined = tokio::task::spawn_blocking(move || store_thread.join());
    if tokio::time::timeout(LAST_TASKS, joined).await.is_err() {
        tracing::error!("the store was not closed in time; the next start checks it");
    }
}
