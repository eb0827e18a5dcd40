//! One person: a data directory, the host it is on, and the program driven as a script would drive it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::until;

/// No single command may take longer; commands that wait have shorter limits of their own.
const COMMAND_SECONDS: &str = "90";

/// One data directory on one host.
pub struct Person {
    pub name: String,
    pub id: String,
    host: Option<String>,
    dir: TempDir,
    /// What the program finds in its environment, besides the usual.
    env: Vec<(String, String)>,
}

/// What one run of the program gave.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub rows: Vec<Value>,
    pub stderr: String,
}

impl Answer {
    /// The rows of a run that must succeed.
    pub fn rows(self) -> Vec<Value> {
        assert_eq!(self.code, 0, "rows {:?}, stderr: {}", self.rows, self.stderr);
        self.rows
    }

    /// The single row of a run that must succeed.
    pub fn row(self) -> Value {
        let mut rows = self.rows();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// The `error` object on stderr.
    pub fn error(&self) -> Value {
        let line = self.stderr.lines().find(|line| line.starts_with("{\"error\""));
        let line = line.unwrap_or_else(|| panic!("no error object: {}", self.stderr));
        serde_json::from_str::<Value>(line).unwrap()["error"].clone()
    }
}

/// The program under test: the one Cargo built, or another by `NEXUS_BIN`.
pub fn program() -> PathBuf {
    std::env::var_os("NEXUS_BIN").map_or_else(|| env!("CARGO_BIN_EXE_nexus").into(), PathBuf::from)
}

impl Person {
    /// Makes an identity on a host of a lab, or on this machine.
    pub fn new(name: &str, host: Option<&str>) -> Self {
        let mut person = Self::blank(name, host);
        person.init();
        person
    }

    /// A person on this machine whose node never leaves the loopback interface; those with one `port` find each other.
    pub fn on_loopback(name: &str, port: u16) -> Self {
        let person = Self::new(name, None);
        person.nexus(&["config", "set", "loopback_only", "true"]).rows();
        person.nexus(&["config", "set", "discovery_port", &port.to_string()]).rows();
        person
    }

    /// A person without identity yet, for `init` or `backup restore`.
    pub fn blank(name: &str, host: Option<&str>) -> Self {
        let dir = tempfile::Builder::new().prefix("nexus-test-").tempdir().unwrap();
        Self {
            name: name.into(),
            id: String::new(),
            host: host.map(Into::into),
            dir,
            env: Vec::new(),
        }
    }

    /// `nexus init`.
    pub fn init(&mut self) {
        let row = self.nexus(&["init", "--name", &self.name]).row();
        self.id = row["connect_id"].as_str().unwrap().to_owned();
        assert_eq!(self.id.len(), 62, "{row}");
    }

    /// A copy of the whole data directory on another host, as a person might make it with `cp -a`.
    pub fn copy(&self, host: Option<&str>) -> Self {
        let mut copy = Self::blank(&self.name, host);
        copy.id.clone_from(&self.id);
        let from = self.data_dir().join(".");
        let done = Command::new("cp").arg("-a").arg(from).arg(copy.data_dir()).status().unwrap();
        assert!(done.success());
        copy
    }

    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// From now on the program runs in this environment.
    pub fn set_environment(&mut self, env: Vec<(String, String)>) {
        self.env = env;
    }

    /// The program in this person's host and data directory, output as JSON.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = match &self.host {
            Some(host) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", host]);
                command.args(["timeout", "-s", "KILL", COMMAND_SECONDS]);
                command
            }
            None => {
                let mut command = Command::new("timeout");
                command.args(["-s", "KILL", COMMAND_SECONDS]);
                command
            }
        };
        command.arg(program()).arg("--json").arg("--data-dir").arg(self.data_dir());
        command.args(args).env_remove("NEXUS_DATA_DIR").stdin(Stdio::null());
        command.envs(self.env.iter().cloned());
        command
    }

    /// Runs one command to its end.
    pub fn nexus(&self, args: &[&str]) -> Answer {
        self.command_with_input(args, b"")
    }

    /// The same with something on stdin.
    pub fn command_with_input(&self, args: &[&str], input: &[u8]) -> Answer {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that does not read it closes the pipe; that is its affair.
        let _ = child.stdin.take().unwrap().write_all(input);
        let out = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(out.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
        let rows = stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|e| panic!("{args:?}: not JSON ({e}): {line}"))
            })
            .collect();
        Answer { code: out.status.code().unwrap_or(-1), rows, stderr }
    }

    /// Starts `nexus node` and waits until it is ready.
    pub fn start(&self) -> Node {
        let began = Instant::now();
        let node = self.spawn();
        let ready = node.event("ready", Duration::from_secs(20), |_| true);
        assert_eq!(ready["connect_id"], Value::String(self.id.clone()), "{ready}");
        eprintln!("{} is ready after {:?}", self.name, began.elapsed());
        node
    }

    /// Starts `nexus node` and waits for nothing.
    pub fn spawn(&self) -> Node {
        let log = self.data_dir().join("../").join(format!("{}.stderr", self.dir_name()));
        let mut command = match &self.host {
            Some(host) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", host]);
                command.arg(program());
                command
            }
            None => Command::new(program()),
        };
        command.arg("--json").arg("--data-dir").arg(self.data_dir()).arg("node");
        let mut child = command
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { return };
                let Ok(event) = serde_json::from_str::<Value>(&line) else { return };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Node { child, events, log, data_dir: self.data_dir().into() }
    }

    fn dir_name(&self) -> String {
        self.data_dir().file_name().unwrap().to_string_lossy().into_owned()
    }

    /// A row of `contact list` or `contact requests` by ConnectID, once it is in `state`.
    pub fn contact_in_state(&self, who: &str, state: &str, limit: Duration) -> Value {
        let list = if state == "incoming" { "requests" } else { "list" };
        until(&format!("{} sees {who} as {state}", self.name), limit, || {
            let answer = self.nexus(&["contact", list]);
            let rows = answer.rows();
            rows.iter()
                .find(|row| row["connect_id"] == who && row["state"] == state)
                .cloned()
                .ok_or_else(|| format!("{rows:?}"))
        })
    }

    /// Texts of a conversation, oldest first.
    pub fn texts(&self, conversation: &str) -> Vec<String> {
        self.nexus(&["history", conversation, "--limit", "1000000"])
            .rows()
            .iter()
            .filter(|row| row["type"] == "text" || row["type"] == "reply")
            .map(|row| row["text"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The six words.
    pub fn digest(&self, conversation: &str) -> String {
        self.nexus(&["digest", conversation]).row()["words"].as_str().unwrap().to_owned()
    }

    /// `log verify` must find nothing wrong.
    pub fn assert_log_verifies(&self) {
        for row in self.nexus(&["log", "verify"]).rows() {
            assert_eq!(row["ok"], true, "{row}");
        }
    }

    pub fn control_socket(&self) -> PathBuf {
        self.data_dir().join("control.sock")
    }
}

/// A running node. Dropping it kills it, as the power cut would.
pub struct Node {
    child: Child,
    events: Receiver<Value>,
    log: PathBuf,
    data_dir: PathBuf,
}

impl Node {
    /// The next event of a kind that fits; others are passed over.
    pub fn event(&self, kind: &str, limit: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) if event["event"] == kind && fits(&event) => return event,
                Ok(_) => {}
                Err(why) => {
                    panic!("no {kind} event within {limit:?} ({why}); node said:\n{}", self.said())
                }
            }
        }
    }

    /// The next event of any kind; `None` once the node is gone and all was read that it said.
    pub fn next(&self, limit: Duration) -> Option<Value> {
        match self.events.recv_timeout(limit) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("no event within {limit:?}; node said:\n{}", self.said())
            }
        }
    }

    /// The `ready` event, or `None` when the node ended before it.
    pub fn ready(&self) -> Option<Value> {
        std::iter::from_fn(|| self.next(Duration::from_secs(60)))
            .find(|event| event["event"] == "ready")
    }

    /// SIGKILL, unless it ends by itself within `limit`; gives what it had said by then and nobody had read.
    pub fn die(mut self, limit: Duration) -> Vec<Value> {
        let (deadline, mut said) = (Instant::now() + limit, Vec::new());
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(event) = self.events.recv_timeout(left()) {
            said.push(event);
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        said.extend(std::iter::from_fn(|| self.next(Duration::from_secs(20))));
        said
    }

    /// The end of what the node logged.
    pub fn said(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = text.len().saturating_sub(4000);
        text.chars().skip(from).collect()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes, peak: `VmHWM` of /proc/PID/status.
    pub fn peak_memory(&self) -> u64 {
        self.status_kib("VmHWM:") * 1024
    }

    /// Resident memory in bytes, now.
    pub fn memory(&self) -> u64 {
        self.status_kib("VmRSS:") * 1024
    }

    fn status_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Sends a signal by its name, without SIG.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([&format!("-{name}"), &self.pid().to_string()]);
        assert!(kill.status().unwrap().success());
    }

    /// SIGKILL, at once.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and it must end in good order within ten seconds.
    pub fn stop(mut self) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = until("the node stops on SIGTERM", Duration::from_secs(10), || {
            self.child.try_wait().unwrap().ok_or_else(|| "still running".into())
        });
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// A connection to the control socket, for what would be too slow with one process a message.
    pub fn control(&self) -> Control {
        self.try_control().unwrap()
    }

    /// The same where somebody may be killing the node.
    pub fn try_control(&self) -> std::io::Result<Control> {
        Control::connect(&self.data_dir.join("control.sock"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- node {} said:\n{}", self.data_dir.display(), self.said());
        }
        let _ = std::fs::remove_file(&self.log);
    }
}

/// A client of the control socket.
pub struct Control {
    write: UnixStream,
    read: BufReader<UnixStream>,
    next: u64,
}

impl Control {
    fn connect(path: &Path) -> std::io::Result<Self> {
        let write = UnixStream::connect(path)?;
        write.set_read_timeout(Some(Duration::from_secs(60)))?;
        let read = BufReader::new(write.try_clone()?);
        let mut control = Self { write, read, next: 1 };
        let hello = control.answer()?;
        assert_eq!(hello["answer"], "hello", "{hello}");
        Ok(control)
    }

    /// Sends a command without waiting; returns its id.
    pub fn ask(&mut self, mut command: Value) -> std::io::Result<u64> {
        let id = self.next;
        self.next += 1;
        command["request"] = json!(id);
        writeln!(self.write, "{command}")?;
        Ok(id)
    }

    /// Sends so many texts, and waits until all are durable. Never more than a few on their way: whoever only writes
    /// and does not read fills the socket both ways.
    pub fn send_all(&mut self, to: &str, count: usize, text: impl Fn(usize) -> String) {
        let (mut asked, mut done) = (0, 0);
        while done < count {
            while asked < count && asked - done < 32 {
                self.ask(json!({"command": "send", "to": to, "text": text(asked)})).unwrap();
                asked += 1;
            }
            let answer = self.answer().unwrap();
            assert_ne!(answer["answer"], "error", "{answer}");
            done += usize::from(answer["answer"] == "done");
        }
    }

    /// The next answer line, of whatever request; an error when the node is gone.
    pub fn answer(&mut self) -> std::io::Result<Value> {
        let mut line = String::new();
        if self.read.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_str(&line).map_err(std::io::Error::other)
    }
}
