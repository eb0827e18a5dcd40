//! The other end of the control socket: how every front end speaks with a node.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

use crate::api::{API_VERSION, Answer, Command, ErrorBody, ErrorCode, Request};
use crate::control::with_short_path;
use crate::error::{self, Answered};
use crate::lock::DirectoryLock;
use crate::paths::Paths;

/// How long a process that holds the directory may take to open its socket and greet.
pub const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle connections kept for the next request.
const MAX_IDLE: usize = 4;

type Connection = Framed<UnixStream, LinesCodec>;

/// A node on this machine, seen from a front end. Cheap to clone; each request under way has a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Client {
    /// Attaches to the node that runs on this data directory; `None` when no process holds it.
    ///
    /// # Errors
    /// `busy` when a process holds the directory and does not answer within [`ATTACH_TIMEOUT`]; `api_version`; `limit`
    /// when too many use that node at once.
    pub async fn attach(data_dir: &Path) -> Answered<Option<Self>> {
        let paths = Paths::new(data_dir);
        let deadline = tokio::time::Instant::now() + ATTACH_TIMEOUT;
        loop {
            if let Ok(greeted) = tokio::time::timeout_at(deadline, greet(&paths.control())).await {
                match greeted {
                    Ok(connection) => {
                        let idle = Arc::new(Mutex::new(vec![connection]));
                        return Ok(Some(Self { socket: paths.control(), idle }));
                    }
                    Err(e) if matches!(e.code, ErrorCode::ApiVersion | ErrorCode::Limit) => {
                        return Err(e);
                    }
                    Err(_) => {}
                }
            }
            if !data_dir.exists() || DirectoryLock::try_take(&paths)?.is_some() {
                return Ok(None);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(error::busy(data_dir));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Attaches to a node that must be running.
    ///
    /// # Errors
    /// `unreachable` when none runs; else as [`Client::attach`].
    pub async fn connect(data_dir: &Path) -> Answered<Self> {
        Self::attach(data_dir).await?.ok_or_else(|| {
            ErrorBody::new(
                ErrorCode::Unreachable,
                format!("no node runs on {}", data_dir.display()),
                "start one with `nexus node`",
            )
        })
    }

    /// Sends a command; its answer comes as [`Answers`]. Dropping those ends the request.
    ///
    /// # Errors
    /// `unreachable` when the node has gone away, `api_version`, `limit`.
    pub async fn request(&self, command: Command) -> Answered<Answers> {
        let line = serde_json::to_string(&Request { id: 1, command }).map_err(error::failed)?;
        let pooled = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        if let Some(mut connection) = pooled {
            // A pooled connection may be of a node that has ended since; then a new one tells.
            if connection.send(line.clone()).await.is_ok() {
                return Ok(Answers { connection: Some(connection), home: self.idle.clone() });
            }
        }
        let mut connection = greet(&self.socket).await?;
        connection.send(line).await.map_err(|e| gone(&e))?;
        Ok(Answers { connection: Some(connection), home: self.idle.clone() })
    }

    /// Sends a command and gives all its rows.
    ///
    /// # Errors
    /// What the node answered.
    pub async fn all<T: DeserializeOwned>(&self, command: Command) -> Answered<Vec<T>> {
        let mut answers = self.request(command).await?;
        let mut rows = Vec::new();
        while let Some(row) = answers.next::<T>().await? {
            rows.push(row);
        }
        Ok(rows)
    }

    /// Sends a command that answers one row, and gives it.
    ///
    /// # Errors
    /// What the node answered.
    pub async fn one<T: DeserializeOwned>(&self, command: Command) -> Answered<T> {
        let mut answers = self.request(command).await?;
        let row = answers
            .next::<T>()
            .await?
            .ok_or_else(|| error::failed("the node answered without a row"))?;
        while answers.next::<serde_json::Value>().await?.is_some() {}
        Ok(row)
    }

    /// Sends a command that answers no row.
    ///
    /// # Errors
    /// What the node answered.
    pub async fn done(&self, command: Command) -> Answered<()> {
        self.all::<serde_json::Value>(command).await.map(drop)
    }
}

/// The answer to one request, row by row.
#[derive(Debug)]
pub struct Answers {
    connection: Option<Connection>,
    home: Arc<Mutex<Vec<Connection>>>,
}

impl Answers {
    /// The next row; `None` when the answer is complete. Safe to drop and call again (in `select!`).
    ///
    /// # Errors
    /// What the node answered; `unreachable` when it went away in between.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Answered<Option<T>> {
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let line = match receive(connection).await {
            Ok(line) => line,
            Err(error) => {
                self.connection = None;
                return Err(error);
            }
        };
        if let Ok(RowLine { answer: RowTag::Row, row }) = serde_json::from_str(&line) {
            return serde_json::from_str(row.get()).map(Some).map_err(error::failed);
        }
        match parse(&line) {
            Ok(Answer::Row { row, .. }) => {
                serde_json::from_value(row).map(Some).map_err(error::failed)
            }
            Ok(Answer::Hello { .. }) => Err(error::failed("the node greeted twice")),
            Ok(Answer::Done { .. }) => {
                self.put_back();
                Ok(None)
            }
            Ok(Answer::Error { error, .. }) => {
                self.put_back();
                Err(error)
            }
            Err(error) => {
                self.connection = None;
                Err(error)
            }
        }
    }

    fn put_back(&mut self) {
        if let (Some(connection), Ok(mut idle)) = (self.connection.take(), self.home.lock())
            && idle.len() < MAX_IDLE
        {
            idle.push(connection);
        }
    }
}

async fn greet(socket: &Path) -> Answered<Connection> {
    // Connecting to a local socket never waits for the peer, so the blocking call is fine.
    let stream = with_short_path(socket, |p| std::os::unix::net::UnixStream::connect(p))
        .map_err(|e| gone(&e))?;
    stream.set_nonblocking(true).map_err(|e| gone(&e))?;
    let stream = UnixStream::from_std(stream).map_err(|e| gone(&e))?;
    // Rows are made by our own node, which bounds them; a history row can be longer than a request line.
    let mut connection =
        Framed::new(stream, LinesCodec::new_with_max_length(16 * crate::control::MAX_LINE));
    match parse(&receive(&mut connection).await?)? {
        Answer::Hello { api: API_VERSION, .. } => Ok(connection),
        Answer::Hello { api, .. } => Err(error::api_version(api)),
        Answer::Error { error, .. } => Err(error),
        _ => Err(error::failed("the node did not greet")),
    }
}

/// [`Answer::Row`] whose row is not taken apart before it is known what it is.
#[derive(serde::Deserialize)]
struct RowLine<'a> {
    answer: RowTag,
    #[serde(borrow)]
    row: &'a serde_json::value::RawValue,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum RowTag {
    Row,
}

fn parse(line: &str) -> Answered<Answer> {
    serde_json::from_str(line).map_err(error::failed)
}

async fn receive(connection: &mut Connection) -> Answered<String> {
    match connection.next().await {
        Some(Ok(line)) => Ok(line),
        Some(Err(LinesCodecError::Io(e))) => Err(gone(&e)),
        Some(Err(e)) => Err(error::failed(e)),
        None => Err(gone(&"it closed the connection")),
    }
}

fn gone(why: &impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::Unreachable,
        format!("the node can't be reached: {why}"),
        "start it again with `nexus node`; what was confirmed is kept",
    )
}

#[cfg(test)]
mod tests;
