//! The node a command speaks with.
//!
//! One that runs already is attached to. When none runs, one is started in this process for as long as the command
//! needs it, and spoken with over the same socket: there is one path, and another command meanwhile finds this node.

use std::path::Path;
use std::time::Duration;

use nexus_node::api::{Command, ErrorBody, ErrorCode};
use nexus_node::client::Client;
use nexus_node::{Node, Options};

use crate::args::Global;
use crate::output::Out;
use crate::place;
use crate::signals::Signals;
use crate::stop::{Done, Stop};

/// How often two commands that start at the same moment may find each other's half-open door.
const ATTEMPTS: u32 = 5;
/// How long a node that was started for a command goes on so that what was written gets to the other side.
pub(crate) const OWN_WAIT: Duration = Duration::from_secs(10);
/// How long a node of this process may take to end.
const END: Duration = Duration::from_secs(10);

/// What a command needs of a node that it has to start itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Only what is stored here.
    Store,
    /// Other people too.
    Network,
}

/// A node, attached to.
#[derive(Debug)]
pub(crate) struct Session {
    /// The way to ask it.
    pub(crate) client: Client,
    own: Option<Node>,
}

impl Session {
    pub(crate) async fn open(global: &Global, need: Need) -> Result<Self, Stop> {
        let data_dir = place::data_dir(global)?;
        let mut last = nexus_node::error::busy(&data_dir);
        for _ in 0..ATTEMPTS {
            if let Some(client) = Client::attach(&data_dir).await? {
                return Ok(Self { client, own: None });
            }
            match start(global, &data_dir, need).await {
                Ok(node) => {
                    let client = Client::connect(&data_dir).await?;
                    return Ok(Self { client, own: Some(node) });
                }
                Err(error) if error.code == ErrorCode::Busy => last = error,
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.into())
    }

    /// Whether the node was started for this command and ends with it.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Ends a node of our own, once other commands that found it meanwhile are done too.
    pub(crate) async fn close(self, signals: &mut Signals) {
        let Self { client, own: Some(node) } = self else { return };
        drop(client);
        tokio::select! {
            _ = tokio::time::timeout(OWN_WAIT, node.until_alone()) => {}
            _ = signals.next() => {}
        }
        tokio::select! {
            _ = tokio::time::timeout(END, node.shutdown()) => {}
            // A second signal: the person can't wait. What was confirmed is durable.
            _ = signals.next() => {}
        }
    }
}

async fn start(global: &Global, data_dir: &Path, need: Need) -> Result<Node, ErrorBody> {
    let mut options = Options::new(data_dir);
    options.config.clone_from(&global.config);
    options.network = need == Need::Network;
    Node::start(options).await
}

/// Runs `work` with a node and closes it in good order, also when a signal ends the work early.
///
/// # Errors
/// Those of finding or starting a node, and of `work`.
pub(crate) async fn with(
    global: &Global,
    need: Need,
    work: impl AsyncFnOnce(&Session) -> Done,
) -> Done {
    let mut signals = Signals::listen();
    let session = tokio::select! {
        opened = Session::open(global, need) => opened?,
        number = signals.next() => return Err(Stop::Signal(number)),
    };
    let done = tokio::select! {
        done = work(&session) => done,
        number = signals.next() => Err(Stop::Signal(number)),
    };
    session.close(&mut signals).await;
    done
}

/// For work that goes on until somebody ends it: a signal is how it is meant to end.
pub(crate) fn endless(done: Done) -> Done {
    match done {
        Err(Stop::Signal(_)) => Ok(()),
        other => other,
    }
}

impl Session {
    /// With a node of our own: stays until all that was written for somebody has arrived, or [`OWN_WAIT`].
    ///
    /// # Errors
    /// What the node answered.
    pub(crate) async fn linger(&self, who: &str, out: &mut Out) -> Done {
        if !self.is_own() {
            return Ok(());
        }
        let progress = out.progress("waiting until it has arrived");
        let settled = self.client.done(Command::Settle { who: who.to_owned() });
        let settled = tokio::time::timeout(OWN_WAIT, settled).await;
        drop(progress);
        match settled {
            Ok(done) => Ok(done?),
            Err(_) => {
                out.remark("Not arrived yet; it is kept, and goes out when a node runs here (`nexus node`).");
                Ok(())
            }
        }
    }
}
