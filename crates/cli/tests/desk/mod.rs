//! A desk with several people at one machine: data directories of their own, loopback only, a discovery port that
//! nobody else uses. They drive the program as a script would.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests; each test binary uses its part of the desk"
)]

pub mod spoken;
pub mod terminal;

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_nexus")
}

/// The pages of the project.
pub fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub struct Desk {
    dir: TempDir,
    port: u16,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("nexus-desk-").tempdir().unwrap();
        let port = UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        Self { dir, port }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Somebody with a directory but without identity.
    pub fn nobody(&self, name: &str) -> Person {
        let person = Person { name: name.to_owned(), id: String::new(), dir: self.path(name) };
        let port = self.port.to_string();
        for (key, value) in [
            ("loopback_only", "true"),
            ("listen", "127.0.0.1:0"),
            ("discovery_port", port.as_str()),
        ] {
            person.json(&["config", "set", key, value]).rows();
        }
        person
    }

    /// Somebody with an identity.
    pub fn person(&self, name: &str) -> Person {
        let mut person = self.nobody(name);
        let row = person.json(&["init", "--name", name]).row();
        person.id = row["connect_id"].as_str().unwrap().to_owned();
        person
    }

    /// Two people with running nodes who are contacts.
    pub fn friends(&self) -> (Person, Node, Person, Node) {
        let (ana, ben) = (self.person("Ana"), self.person("Ben"));
        let (node_a, node_b) = (ana.node(), ben.node());
        ana.becomes_contact_of(&ben);
        (ana, node_a, ben, node_b)
    }
}

pub struct Person {
    pub name: String,
    pub id: String,
    pub dir: PathBuf,
}

impl Person {
    /// The program on this one's data directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.arg("--data-dir").arg(&self.dir).args(args);
        command.env_remove("NEXUS_DATA_DIR").env_remove("NEXUS_LOG").env("TZ", "UTC");
        // A backup costs a quarter of a GiB and a second on purpose; tests make many.
        command.env("NEXUS_TEST_ARGON2_KIB", "64");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end, with text output.
    pub fn text(&self, args: &[&str]) -> Run {
        Run::of(self.command(args), b"")
    }

    /// Runs to the end, with JSON output.
    pub fn json(&self, args: &[&str]) -> Run {
        self.json_with_input(args, b"")
    }

    pub fn json_with_input(&self, args: &[&str], input: &[u8]) -> Run {
        let mut command = self.command(args);
        command.arg("--json");
        Run::of(command, input)
    }

    /// Starts something that goes on, with JSON output, line by line.
    pub fn goes_on(&self, args: &[&str]) -> Node {
        let mut command = self.command(args);
        command.arg("--json").stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Node { child, lines }
    }

    /// Starts the node and waits for `ready`.
    pub fn node(&self) -> Node {
        let mut node = self.goes_on(&["node"]);
        let ready = node.line();
        assert_eq!(ready["event"], "ready", "{ready}");
        assert_eq!(ready["connect_id"], self.id.as_str());
        node
    }

    /// Waits, by `nearby --watch`, until this one sees the other.
    pub fn sees(&self, other: &Self) {
        let mut nearby = self.goes_on(&["nearby", "--watch"]);
        while nearby.line()["connect_id"] != other.id.as_str() {}
    }

    /// The whole way: see, ask, hear of it, accept, hear of that.
    pub fn becomes_contact_of(&self, other: &Self) {
        self.sees(other);
        let mut theirs = other.goes_on(&["watch", "--event", "contact", "--since", "c0"]);
        let mut mine = self.goes_on(&["watch", "--event", "contact", "--since", "c0"]);
        let row = self.json(&["contact", "add", &other.id, "--message", "it is me"]).row();
        assert_eq!(row["state"], "requested", "{row}");
        theirs.until(|e| {
            e["contact"]["connect_id"] == self.id.as_str() && e["contact"]["state"] == "incoming"
        });
        let row = other.json(&["contact", "accept", &self.id]).row();
        assert_eq!(row["state"], "accepted", "{row}");
        mine.until(|e| {
            e["contact"]["connect_id"] == other.id.as_str() && e["contact"]["state"] == "accepted"
        });
    }

    /// Writes, waits until it is there, and gives its entry id.
    pub fn delivers(&self, to: &Self, text: &str) -> String {
        let row = self.json(&["send", &to.id, text, "--wait", "delivered"]).row();
        assert_eq!(row["state"], "delivered", "{row}");
        row["entry_id"].as_str().unwrap().to_owned()
    }

    pub fn history(&self, with: &Self) -> Vec<Value> {
        self.json(&["history", &with.id]).rows()
    }
}

/// Cuts or joins the network of somebody's running node.
pub fn network(person: &Person, enabled: bool) {
    let mut socket = UnixStream::connect(person.dir.join("control.sock")).unwrap();
    writeln!(socket, r#"{{"request":1,"command":"network","enabled":{enabled}}}"#).unwrap();
    let lines = BufReader::new(socket).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains(r#""answer":"done""#)));
}

/// What one run gave.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(mut command: Command, input: &[u8]) -> Self {
        if !input.is_empty() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read it closes the pipe; that is its affair.
            let _ = stdin.write_all(input);
        }
        let out = child.wait_with_output().unwrap();
        Self {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8(out.stdout).unwrap(),
            stderr: String::from_utf8(out.stderr).unwrap(),
        }
    }

    /// The output of a run that must succeed.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// The JSON rows of a run that must succeed.
    pub fn rows(self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{self:?}");
        self.lines()
    }

    /// The JSON rows, whatever the exit code.
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|e| panic!("not JSON ({e}): {line}"))
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The single JSON row of a run that must succeed.
    pub fn row(self) -> Value {
        let mut rows = self.rows();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// The error of a JSON run.
    pub fn error(&self) -> Value {
        let line: Value = serde_json::from_str(&self.stderr)
            .unwrap_or_else(|e| panic!("not one JSON object on standard error ({e}): {self:?}"));
        line["error"].clone()
    }
}

/// A process that goes on, read line by line. Dropping it kills it.
pub struct Node {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Node {
    /// The next line; it comes or the process ends.
    pub fn line(&mut self) -> Value {
        self.try_line().expect("another line, but the process ended")
    }

    pub fn try_line(&mut self) -> Option<Value> {
        let mut line = String::new();
        let length = self.lines.read_line(&mut line).unwrap();
        (length > 0).then(|| serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")))
    }

    /// The first line that fits.
    pub fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.line();
            if fits(&line) {
                return line;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Its exit code, once it has ended.
    pub fn ends(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// SIGTERM, and it must end in good order.
    pub fn stop(self) {
        self.signal("TERM");
        assert_eq!(self.ends(), 0);
    }

    /// SIGKILL, as a power cut.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
