//! Real `nexus` processes: started, asked over their control socket, ended.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Requests on their way at once; enough to let commits be shared, few enough for the buffers of a socket: a node that
/// can't write answers reads no more requests.
const WINDOW: usize = 64;

/// One data directory, and where its node runs.
pub(crate) struct Person {
    program: PathBuf,
    dir: TempDir,
    /// A host of its own; else this one.
    host: Option<String>,
    pub(crate) id: String,
}

impl Person {
    /// Somebody whose node stays on the loopback interface.
    pub(crate) fn new(program: &Path, name: &str, port: u16) -> Result<Self> {
        let config = format!("loopback_only = true\ndiscovery_port = {port}\n");
        Self::configured(program, name, None, &config)
    }

    /// Somebody with a host of their own on a LAN, configured as nodes are by default.
    pub(crate) fn on_host(program: &Path, name: &str, host: &str) -> Result<Self> {
        Self::configured(program, name, Some(host.to_owned()), "")
    }

    fn configured(program: &Path, name: &str, host: Option<String>, config: &str) -> Result<Self> {
        // On the disk that the build is on: what /tmp is made of may not be worth measuring.
        let base = program.parent().context("the program is in a directory")?;
        let dir = tempfile::Builder::new().prefix("bench-").tempdir_in(base)?;
        let mut person = Self { program: program.into(), dir, host, id: String::new() };
        let row = person.nexus(&["init", "--name", name])?;
        row["connect_id"].as_str().context("connect_id")?.clone_into(&mut person.id);
        std::fs::write(person.data_dir().join("config.toml"), config)?;
        Ok(person)
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = match &self.host {
            None => Command::new(&self.program),
            Some(host) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", host]).arg(&self.program);
                command
            }
        };
        command.arg("--json").arg("--data-dir").arg(self.data_dir()).args(args);
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        command
    }

    /// The terminal UI, run by `setsid` so that a terminal can be its own; nothing is redirected.
    pub(crate) fn screen(&self) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(&self.program).arg("--data-dir").arg(self.data_dir());
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        command
    }

    /// One command; its last row.
    pub(crate) fn nexus(&self, args: &[&str]) -> Result<Value> {
        let out = self.command(args).output()?;
        ensure!(out.status.success(), "nexus {args:?}: {}", out.status);
        let text = String::from_utf8(out.stdout)?;
        Ok(text.lines().last().map_or(Ok(Value::Null), serde_json::from_str)?)
    }

    /// Starts the node; the time is from the start of the process to its `ready`.
    pub(crate) fn start(&self) -> Result<(Node, Duration)> {
        let began = Instant::now();
        let mut child = self.command(&["node"]).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let first = lines.next().context("the node ended at once")??;
        let ready: Value = serde_json::from_str(&first)?;
        ensure!(ready["event"] == "ready", "{first}");
        let took = began.elapsed();
        // Somebody has to read the events.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let node = Node { child, socket: self.data_dir().join("control.sock") };
        Ok((node, took))
    }
}

/// A running node; killed on drop.
pub(crate) struct Node {
    child: Child,
    socket: PathBuf,
}

impl Node {
    pub(crate) fn control(&self) -> Result<Control> {
        let write = UnixStream::connect(&self.socket)?;
        write.set_read_timeout(Some(Duration::from_secs(120)))?;
        let read = BufReader::new(write.try_clone()?);
        let mut control = Control { write, read, next: 1 };
        ensure!(control.line()?["answer"] == "hello");
        Ok(control)
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        memory(self.child.id())
    }

    /// Most resident memory there was, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        kept(self.child.id(), "VmHWM:")
    }

    /// CPU time used so far, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        cpu(self.child.id())
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of the control socket.
pub(crate) struct Control {
    write: UnixStream,
    read: BufReader<UnixStream>,
    next: u64,
}

impl Control {
    /// Tells when `watch` told of each message, from the first on: it is durable there by then. Takes the connection.
    pub(crate) fn messages(mut self) -> Result<mpsc::Receiver<Instant>> {
        self.ask(json!({"command": "watch", "since": "c0"}))?;
        self.read.get_ref().set_read_timeout(None)?;
        let (told, times) = mpsc::channel();
        std::thread::spawn(move || {
            while let Ok(line) = self.line() {
                let is_message = line["row"]["event"] == "message" && line["row"]["new"] == true;
                if is_message && told.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
        Ok(times)
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        ensure!(self.read.read_line(&mut line)? > 0, "the node closed the control socket");
        Ok(serde_json::from_str(&line)?)
    }

    fn ask(&mut self, mut command: Value) -> Result<u64> {
        let id = self.next;
        self.next += 1;
        command["request"] = json!(id);
        // In one write: small pieces fill a socket's buffer by their number, not by their size.
        self.write.write_all(format!("{command}\n").as_bytes())?;
        Ok(id)
    }

    /// One command; its rows.
    pub(crate) fn rows(&mut self, command: Value) -> Result<Vec<Value>> {
        self.ask(command)?;
        let mut rows = Vec::new();
        loop {
            let mut answer = self.line()?;
            match answer["answer"].as_str() {
                Some("row") => rows.push(answer["row"].take()),
                Some("done") => return Ok(rows),
                _ => bail!("{answer}"),
            }
        }
    }

    /// Sends so many texts, many at a time; returns when all are durable here.
    pub(crate) fn send_many(
        &mut self,
        to: &str,
        count: usize,
        text: impl Fn(usize) -> String,
    ) -> Result<()> {
        let (mut asked, mut done) = (0, 0);
        while done < count {
            while asked < count && asked - done < WINDOW {
                self.ask(json!({"command": "send", "to": to, "text": text(asked)}))?;
                asked += 1;
            }
            let answer = self.line()?;
            match answer["answer"].as_str() {
                Some("done") => done += 1,
                Some("row") => {}
                _ => bail!("{answer}"),
            }
        }
        Ok(())
    }
}

/// Resident memory of a process in bytes.
pub(crate) fn memory(process: u32) -> Result<u64> {
    kept(process, "VmRSS:")
}

fn kept(process: u32, what: &'static str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with(what)).context(what)?;
    Ok(line.split_whitespace().nth(1).context("kB")?.parse::<u64>()? * 1024)
}

/// CPU time that a process used so far, in seconds.
pub(crate) fn cpu(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after = stat.rsplit_once(')').context("stat")?.1;
    let ticks: Vec<f64> =
        after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse().ok()).collect();
    // Linux counts in hundredths of a second for user space, everywhere.
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// Waits until `probe` is true.
pub(crate) fn until(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let began = Instant::now();
    while !probe()? {
        ensure!(began.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    Ok(())
}
