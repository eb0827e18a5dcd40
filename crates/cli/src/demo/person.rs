//! One throw-away person: an identity, and a process of this program that runs its node.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nexus_node::api::{Command, ErrorBody, Event, EventView, MessageView, SentView};
use nexus_node::client::Client;
use nexus_node::paths::Paths;
use nexus_node::{config, setup};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command as Program};

/// How long a node may take to end.
const END: Duration = Duration::from_secs(5);
/// How often a question is asked again whose answer will change.
const AGAIN: Duration = Duration::from_millis(20);
/// Lines of a failed node's log that are shown.
const LOG_LINES: usize = 5;

/// One of the two.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) id: String,
    dir: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    client: Client,
}

impl Person {
    pub(super) async fn make(name: &'static str, place: &Path, port: u16) -> Result<Self, String> {
        let dir = place.join(name.to_lowercase());
        let made = {
            let dir = dir.clone();
            tokio::task::spawn_blocking(move || {
                let made = setup::init(&dir, name)?;
                let file = Paths::new(&dir).config();
                config::set(&file, "loopback_only", "true")?;
                config::set(&file, "listen", "127.0.0.1:0")?;
                config::set(&file, "discovery_port", &port.to_string())?;
                config::set(&file, "visibility", "everyone")?;
                Ok::<_, ErrorBody>(made)
            })
        };
        let made = made.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        Ok(Self { name, id: made.connect_id, dir, running: None })
    }

    /// Starts the process and waits until it says `ready`; gives the address it listens on.
    pub(super) async fn start(&mut self) -> Result<String, String> {
        let program = std::env::current_exe().map_err(|e| format!("where am I? {e}"))?;
        let log = File::create(self.log()).map_err(|e| e.to_string())?;
        let mut child = Program::new(program)
            .args(["--json", "--data-dir"])
            .arg(&self.dir)
            .args(["-v", "node", "--until-stdin-closes"])
            .env_remove("NEXUS_DATA_DIR")
            // Ctrl-C is for the demo, which then ends its nodes itself.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("can't start a node: {e}"))?;
        let stdout = child.stdout.take().ok_or("a node without output")?;
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next_line().await.map_err(|e| e.to_string())?.unwrap_or_default();
        let listen = self.ready(&first)?;
        // Nobody reads the rest, but a full pipe would hold the node up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = Client::connect(&self.dir).await.map_err(|e| e.to_string())?;
        self.running = Some(Running { child, client });
        Ok(listen)
    }

    fn ready(&self, line: &str) -> Result<String, String> {
        let event = serde_json::from_str::<EventView>(line).ok().map(|view| view.event);
        let Some(Event::Ready { connect_id, listen }) = event else {
            return Err(format!("{}'s node did not start:\n{}", self.name, self.end_of_log()));
        };
        if connect_id != self.id {
            return Err(format!("{}'s node is somebody else: {connect_id}", self.name));
        }
        let on_loopback =
            |a: &String| a.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
        if listen.is_empty() || !listen.iter().all(on_loopback) {
            return Err(format!("{}'s node listens on {listen:?}, not on loopback", self.name));
        }
        Ok(listen.join(" "))
    }

    fn log(&self) -> PathBuf {
        self.dir.with_extension("log")
    }

    fn end_of_log(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    /// The way to ask the node.
    pub(super) fn client(&self) -> Result<&Client, String> {
        let running =
            self.running.as_ref().ok_or_else(|| format!("{} is not running", self.name))?;
        Ok(&running.client)
    }

    /// One row.
    pub(super) async fn one<T: DeserializeOwned>(&self, command: Command) -> Result<T, String> {
        self.client()?.one(command).await.map_err(|e| format!("{}: {e}", self.name))
    }

    /// All rows.
    pub(super) async fn all<T: DeserializeOwned>(
        &self,
        command: Command,
    ) -> Result<Vec<T>, String> {
        self.client()?.all(command).await.map_err(|e| format!("{}: {e}", self.name))
    }

    /// Asks for rows again and again until one fits.
    pub(super) async fn until<T: DeserializeOwned>(
        &self,
        command: Command,
        fits: impl Fn(&T) -> bool,
    ) -> Result<T, String> {
        loop {
            if let Some(row) =
                self.all::<T>(command.clone()).await?.into_iter().find(|row| fits(row))
            {
                return Ok(row);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Writes without waiting.
    pub(super) async fn write(&self, to: &str, text: &str) -> Result<SentView, String> {
        let (to, text) = (to.to_owned(), text.to_owned());
        self.one(Command::Send { to, text, reply: None, wait: None }).await
    }

    /// The conversation as this one sees it.
    pub(super) async fn history(&self, with: &str) -> Result<Vec<MessageView>, String> {
        let conversation = with.to_owned();
        let command = Command::History { conversation, limit: None, before: None, follow: false };
        self.all(command).await
    }

    /// Cuts or joins the network of this one.
    pub(super) async fn network(&self, enabled: bool) -> Result<(), String> {
        let done = self.client()?.done(Command::Network { enabled }).await;
        done.map_err(|e| format!("{}: {e}", self.name))
    }

    /// Ends the process in good order; by force when it does not.
    pub(super) async fn end(self) -> Result<(), String> {
        let Some(Running { mut child, client }) = self.running else { return Ok(()) };
        drop(client);
        drop(child.stdin.take());
        match tokio::time::timeout(END, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("{}'s node ended with {status}", self.name)),
            Ok(Err(e)) => Err(format!("{}'s node: {e}", self.name)),
            Err(_) => {
                // It must be gone before its files are.
                let killed = child.kill().await.err().map(|e| e.to_string()).unwrap_or_default();
                Err(format!("{}'s node did not end by itself {killed}", self.name))
            }
        }
    }
}
