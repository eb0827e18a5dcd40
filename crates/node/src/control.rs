//! The control socket: JSON lines between a node and its front ends on the same machine.
//!
//! A connection begins with [`Answer::Hello`] from the node. Then the client sends [`Request`] lines, several at once if
//! it likes; each is answered by rows and then `done` or `error`, under its id. Writing commands of one connection take
//! effect in the order in which they came; when the client closes, what it waits for ends. Lines are bounded ([`MAX_LINE`]), and so
//! are clients ([`MAX_CLIENTS`]) and requests at once ([`MAX_REQUESTS`]). When a client reads slowly only its own answers
//! wait: nothing is buffered beyond [`ANSWER_BUFFER`] lines, and events that were not read in time are told as `lagged`.

use std::fs;
use std::future::Future;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;

use futures::{SinkExt, StreamExt};
use serde::Serialize;
#[cfg(any(target_os = "linux", target_os = "android"))]
use tokio::io::Interest;
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::codec::{FramedRead, FramedWrite, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{API_VERSION, Answer, Command, ErrorBody, Request};
use crate::error::{self, Answered};
use crate::file::TEMP_PREFIX;
use crate::paths::Paths;

/// Longest line either way, bytes: a text of 32 KiB with every byte escaped, and some room.
pub const MAX_LINE: usize = 512 * 1024;
/// Clients at once.
pub const MAX_CLIENTS: usize = 64;
/// Requests at once of one client.
pub const MAX_REQUESTS: usize = 32;
/// Answer lines that may wait for one client.
pub const ANSWER_BUFFER: usize = 256;
/// How long a client may take to read its last lines once it or the node goes away.
const LAST_WRITE: std::time::Duration = std::time::Duration::from_millis(300);
/// Longest path that fits into a socket address, bytes (108 with the closing zero).
const MAX_SOCKET_PATH: usize = 107;

/// Answers commands; the node, or a double in tests.
pub trait Dispatch: Send + Sync + 'static {
    /// Answers one command into `rows`.
    fn dispatch(
        self: Arc<Self>,
        command: Command,
        rows: Rows,
    ) -> impl Future<Output = Answered<()>> + Send;
}

/// Where the rows of one answer go.
#[derive(Debug, Clone)]
pub struct Rows {
    id: u64,
    lines: mpsc::Sender<String>,
    turn: Turn,
}

/// Held by a writing command until what it writes has its place in the queue: the next one of the connection waits.
type Turn = Arc<std::sync::Mutex<Option<tokio::sync::OwnedMutexGuard<()>>>>;

/// The client went away; whoever answers it can stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientGone;

impl From<ClientGone> for ErrorBody {
    fn from(_: ClientGone) -> Self {
        error::failed("the client went away")
    }
}

/// [`Answer::Row`] without the tree of values in between, which costs more than all the rest of telling a row.
#[derive(Serialize)]
struct RowLine<'a, T: Serialize> {
    answer: &'static str,
    request: u64,
    row: &'a T,
}

/// Any other answer as a line.
fn line(answer: &Answer) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

impl Rows {
    /// Sends one row; waits while the client reads slowly.
    ///
    /// # Errors
    /// [`ClientGone`].
    pub async fn row(&self, row: &(impl Serialize + Sync)) -> Result<(), ClientGone> {
        let row = RowLine { answer: "row", request: self.id, row };
        let line = serde_json::to_string(&row).map_err(|_| ClientGone)?;
        self.lines.send(line).await.map_err(|_| ClientGone)
    }

    /// What this command writes has its place: the next writing command of the connection may go on.
    pub fn placed(&self) {
        self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }

    /// Resolves when the client has gone away.
    pub async fn gone(&self) {
        self.lines.closed().await;
    }
}

/// The listening socket; removed from the directory when dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    clients: TaskTracker,
}

impl ControlSocket {
    /// Opens the socket. Call it only while holding the directory's lock: a stale socket is replaced.
    ///
    /// # Errors
    /// What the file system said.
    pub fn bind(paths: &Paths) -> Answered<Self> {
        let path = paths.control();
        let wrong = |e: &std::io::Error| error::io("can't open", &path, e);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(wrong(&e)),
            _ => {}
        }
        // Bound where nobody else may look, and then moved, so that nobody can connect before the mode is set.
        let early = paths.root().join(format!("{TEMP_PREFIX}{:016x}", rand::random::<u64>()));
        fs::DirBuilder::new().mode(0o700).create(&early).map_err(|e| wrong(&e))?;
        let bound = early.join("control");
        let listener = with_short_path(&bound, |p| UnixListener::bind(p)).and_then(|listener| {
            fs::set_permissions(&bound, fs::Permissions::from_mode(0o600))?;
            fs::rename(&bound, &path).map(|()| listener)
        });
        let _ = fs::remove_dir_all(&early);
        let listener = listener.map_err(|e| wrong(&e))?;
        Ok(Self { listener, path, clients: TaskTracker::new() })
    }

    /// Counts the clients that are attached.
    pub(crate) fn clients(&self) -> TaskTracker {
        self.clients.clone()
    }

    /// Serves clients until `stop`; answers that are under way end with it.
    pub async fn serve<D: Dispatch>(self, dispatch: Arc<D>, stop: CancellationToken) {
        let clients = self.clients.clone();
        let room = Arc::new(Semaphore::new(MAX_CLIENTS));
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(e) => {
                        tracing::warn!(error = %e, "control socket: accept failed");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let Ok(permit) = room.clone().try_acquire_owned() else {
                tracing::warn!("control socket: too many clients");
                clients.spawn(turn_away(stream));
                continue;
            };
            let (dispatch, stop) = (dispatch.clone(), stop.child_token());
            clients.spawn(async move {
                client(stream, dispatch, stop).await;
                drop(permit);
            });
        }
        clients.close();
        clients.wait().await;
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Runs `f` with a name for `path` that fits into a socket address, however long the path is.
pub(crate) fn with_short_path<T>(
    path: &Path,
    f: impl FnOnce(&Path) -> std::io::Result<T>,
) -> std::io::Result<T> {
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        return f(path);
    }
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return f(path);
    };
    let dir = fs::File::open(dir)?;
    f(&Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name))
}

/// Says why there is no answer, instead of a greeting.
async fn turn_away(stream: UnixStream) {
    let mut lines = FramedWrite::new(stream, LinesCodec::new());
    let answer = Answer::Error { id: 0, error: error::too_many_clients() };
    if let Ok(line) = serde_json::to_string(&answer) {
        // One short line always fits into the socket's buffer, so nobody is waited for.
        let _ = tokio::time::timeout(LAST_WRITE, lines.send(line)).await;
    }
}

async fn client<D: Dispatch>(stream: UnixStream, dispatch: Arc<D>, stop: CancellationToken) {
    let (read, write) = stream.into_split();
    let (lines, outgoing) = mpsc::channel(ANSWER_BUFFER);
    let hello = Answer::Hello { api: API_VERSION, version: env!("CARGO_PKG_VERSION").to_owned() };
    if lines.send(line(&hello)).await.is_err() {
        return;
    }
    let mut writer =
        tokio::spawn(write_answers(FramedWrite::new(write, LinesCodec::new()), outgoing));
    let requests = TaskTracker::new();
    let here = CancellationToken::new();
    let mut read = FramedRead::new(read, LinesCodec::new_with_max_length(MAX_LINE));
    let room = Arc::new(Semaphore::new(MAX_REQUESTS));
    let writing = Arc::new(tokio::sync::Mutex::new(()));
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => break,
            next = read.next() => next,
        };
        let request = match next {
            None | Some(Err(LinesCodecError::Io(_))) => break,
            Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                let error = error::usage("the line is too long", "send shorter lines");
                let _ = say(&lines, Answer::Error { id: 0, error }, &stop).await;
                break;
            }
            Some(Ok(text)) => match serde_json::from_str::<Request>(&text) {
                Ok(request) => request,
                Err(e) => {
                    let error = error::usage(
                        format!("not a request: {e}"),
                        "see docs/cli.md for the control socket",
                    );
                    let answer = Answer::Error { id: request_id(&text), error };
                    if !say(&lines, answer, &stop).await {
                        break;
                    }
                    continue;
                }
            },
        };
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            // Nothing is read meanwhile, so that is not how its end would show.
            () = hung_up(read.get_ref()) => break,
            permit = room.clone().acquire_owned() => permit,
        };
        // What one client writes is written in the order in which it said so: each takes its place in the queue here, and
        // waits for its turn elsewhere, so that the client's going away is noticed meanwhile.
        let mut turn = request.command.writes().then(|| Box::pin(writing.clone().lock_owned()));
        let at_once = match &mut turn {
            Some(turn) => futures::poll!(turn),
            None => Poll::Pending,
        };
        let (dispatch, here, stop, lines) =
            (dispatch.clone(), here.clone(), stop.clone(), lines.clone());
        requests.spawn(async move {
            let turn = match (at_once, turn) {
                (Poll::Ready(turn), _) => Some(turn),
                (Poll::Pending, None) => None,
                (Poll::Pending, Some(turn)) => tokio::select! {
                    () = here.cancelled() => return,
                    () = stop.cancelled() => return,
                    turn = turn => Some(turn),
                },
            };
            let rows = Rows { id: request.id, lines, turn: Arc::new(std::sync::Mutex::new(turn)) };
            answer(dispatch, request, rows, here, stop).await;
            drop(permit);
        });
    }
    if !stop.is_cancelled() {
        here.cancel();
    }
    drop(lines);
    requests.close();
    requests.wait().await;
    // A client that does not read can't keep the node from ending.
    if tokio::time::timeout(LAST_WRITE, &mut writer).await.is_err() {
        writer.abort();
    }
}

/// Resolves when the client has closed its end, whatever it has sent before that is still unread.
async fn hung_up(read: &OwnedReadHalf) {
    // Ready for urgent data, which a local socket never has, or at the end of the other side.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = read.ready(Interest::PRIORITY).await;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = read;
        std::future::pending::<()>().await;
    }
}

/// Whether the client got it, or rather has room for it; a client that does not read can't keep the node from ending.
async fn say(lines: &mpsc::Sender<String>, answer: Answer, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        sent = lines.send(line(&answer)) => sent.is_ok(),
    }
}

async fn answer<D: Dispatch>(
    dispatch: Arc<D>,
    request: Request,
    rows: Rows,
    here: CancellationToken,
    stop: CancellationToken,
) {
    let (id, lines) = (request.id, rows.lines.clone());
    let last = tokio::select! {
        () = here.cancelled() => return,
        () = stop.cancelled() => Answer::Done { id },
        result = dispatch.dispatch(request.command, rows) => match result {
            Ok(()) => Answer::Done { id },
            Err(error) => Answer::Error { id, error },
        },
    };
    tokio::select! {
        () = here.cancelled() => {}
        () = async { stop.cancelled().await; tokio::time::sleep(LAST_WRITE).await } => {}
        _ = lines.send(line(&last)) => {}
    }
}

/// The id of a line that is no request, when it has at least that.
fn request_id(line: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(line)
        .ok()
        .and_then(|v| v.get("request")?.as_u64())
        .unwrap_or_default()
}

async fn write_answers(
    mut write: FramedWrite<tokio::net::unix::OwnedWriteHalf, LinesCodec>,
    mut outgoing: mpsc::Receiver<String>,
) {
    while let Some(line) = outgoing.recv().await {
        // Flushed when nothing more is waiting: many small rows go out in few writes.
        let written =
            if outgoing.is_empty() { write.send(line).await } else { write.feed(line).await };
        if written.is_err() {
            return;
        }
    }
    let _ = SinkExt::<String>::flush(&mut write).await;
}
