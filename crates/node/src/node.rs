//! Starting and stopping a node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{Command, Event};
use crate::config::{Config, Visibility};
use crate::control::{ControlSocket, Dispatch, Rows};
use crate::error::{self, Answered};
use crate::lock::DirectoryLock;
use crate::paths::Paths;

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
        let _config = options.config()?;
        let stop = CancellationToken::new();
        let core = Arc::new(Core { stop: stop.clone() });
        let socket = ControlSocket::bind(&paths)?;
        let ready = Event::Ready { connect_id: String::new(), listen: Vec::new() };
        let running = tokio::spawn({
            let stop = stop.clone();
            async move {
                socket.serve(core, stop).await;
                drop(lock);
            }
        });
        Ok(Self { ready, stop, running })
    }

    /// The `ready` event: who runs, and where it listens.
    #[must_use]
    pub fn ready(&self) -> &Event {
        &self.ready
    }

    /// Resolves once the node has ended by itself (`Command::Shutdown`, a fatal error).
    pub async fn closed(&mut self) {
        let _ = (&mut self.running).await;
    }

    /// Ends the node in good order: answers are finished, the store is closed, the lock given back.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.closed().await;
    }
}

struct Core {
    stop: CancellationToken,
}

impl Dispatch for Core {
    async fn dispatch(self: Arc<Self>, command: Command, _rows: Rows) -> Answered<()> {
        if command == Command::Shutdown {
            self.stop.cancel();
            return Ok(());
        }
        Err(error::failed("not built yet"))
    }
}
