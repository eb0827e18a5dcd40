//! Client and control socket together, with a double in place of the node.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::control::{ControlSocket, Dispatch, MAX_LINE, MAX_REQUESTS, Rows};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

/// Nobody is ever nearby; it counts those who wait for somebody.
#[derive(Default)]
struct Double {
    stuck: tokio::sync::watch::Sender<usize>,
}

/// Counts a command that is never done, while there is anybody who waits for it.
struct Stuck<'a>(&'a Double);

impl<'a> Stuck<'a> {
    fn begin(double: &'a Double) -> Self {
        double.stuck.send_modify(|stuck| *stuck += 1);
        Self(double)
    }
}

impl Drop for Stuck<'_> {
    fn drop(&mut self) {
        self.0.stuck.send_modify(|stuck| *stuck -= 1);
    }
}

impl Dispatch for Double {
    async fn dispatch(self: Arc<Self>, command: Command, rows: Rows) -> Answered<()> {
        match command {
            Command::Status => {
                for n in 0..1000 {
                    rows.row(&n).await?;
                }
                Ok(())
            }
            Command::Watch { .. } => loop {
                rows.row(&"tick").await?;
            },
            Command::Nearby { watch: true } => {
                let _stuck = Stuck::begin(&self);
                std::future::pending().await
            }
            _ => Err(error::failed("no")),
        }
    }
}

struct Running {
    dir: tempfile::TempDir,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    _lock: DirectoryLock,
}

fn run(dir: tempfile::TempDir) -> Running {
    run_double(dir, Arc::default())
}

fn run_double(dir: tempfile::TempDir, double: Arc<Double>) -> Running {
    let paths = Paths::new(dir.path());
    let lock = DirectoryLock::take(&paths).unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(ControlSocket::bind(&paths).unwrap().serve(double, stop.clone()));
    Running { dir, stop, task, _lock: lock }
}

#[tokio::test]
async fn answers_come_in_order_and_errors_as_they_are() {
    let node = run(tempfile::tempdir().unwrap());
    let client = Client::connect(node.dir.path()).await.unwrap();
    assert_eq!(client.all::<u32>(Command::Status).await.unwrap(), (0..1000).collect::<Vec<_>>());
    assert_eq!(client.done(Command::Id).await.unwrap_err().code, ErrorCode::Failed);
    assert_eq!(client.all::<u32>(Command::Status).await.unwrap().len(), 1000);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody_nor_the_end() {
    let node = run(tempfile::tempdir().unwrap());
    let client = Client::connect(node.dir.path()).await.unwrap();
    let mut watch = client.request(Command::Watch { since: None }).await.unwrap();
    assert_eq!(watch.next::<String>().await.unwrap().unwrap(), "tick");
    assert_eq!(client.all::<u32>(Command::Status).await.unwrap().len(), 1000);
    node.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), node.task).await.unwrap().unwrap();
    assert!(!node.dir.path().join("control.sock").exists());
    drop(watch);
}

#[tokio::test]
async fn a_client_that_goes_away_with_more_requests_than_may_be_is_noticed_at_once() {
    let double = Arc::new(Double::default());
    let node = run_double(tempfile::tempdir().unwrap(), double.clone());
    let mut stuck = double.stuck.subscribe();
    let mut stream = UnixStream::connect(node.dir.path().join("control.sock")).await.unwrap();
    for id in 0..MAX_REQUESTS as u64 + 2 {
        let command = Command::Nearby { watch: true };
        let line = serde_json::to_string(&Request { id, command }).unwrap();
        stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    stuck.wait_for(|stuck| *stuck == MAX_REQUESTS).await.unwrap();
    drop(stream);
    let noticed = stuck.wait_for(|stuck| *stuck == 0);
    tokio::time::timeout(Duration::from_secs(30), noticed).await.unwrap().unwrap();
}

#[tokio::test]
async fn only_the_owner_may_open_the_socket_and_long_paths_work() {
    let top = tempfile::tempdir().unwrap();
    let deep = top.path().join("d".repeat(150));
    std::fs::create_dir(&deep).unwrap();
    let dir = tempfile::tempdir_in(&deep).unwrap();
    let node = run(dir);
    let mode =
        std::fs::metadata(node.dir.path().join("control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(Client::attach(node.dir.path()).await.unwrap().is_some());
}

#[tokio::test]
async fn garbage_and_endless_lines_are_answered_with_an_error() {
    let node = run(tempfile::tempdir().unwrap());
    let mut stream = UnixStream::connect(node.dir.path().join("control.sock")).await.unwrap();
    stream.write_all(b"{\"request\":7,\"command\":\"no such\"}\n").await.unwrap();
    stream.write_all(&vec![b'x'; MAX_LINE + 2]).await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    let lines: Vec<Answer> = all.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(matches!(lines[0], Answer::Hello { api: API_VERSION, .. }));
    assert!(matches!(&lines[1], Answer::Error { id: 7, error } if error.code == ErrorCode::Usage));
    assert!(
        matches!(&lines[2], Answer::Error { id: 0, error } if error.message.contains("too long"))
    );
}

#[tokio::test]
async fn without_a_node_there_is_nothing_to_attach_to() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Client::attach(dir.path()).await.unwrap().is_none());
    assert_eq!(Client::connect(dir.path()).await.unwrap_err().code, ErrorCode::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_does_not_answer_is_busy() {
    let dir = tempfile::tempdir().unwrap();
    let _held = DirectoryLock::take(&Paths::new(dir.path())).unwrap();
    assert_eq!(Client::attach(dir.path()).await.unwrap_err().code, ErrorCode::Busy);
}
