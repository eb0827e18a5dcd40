//! One large file from disk to disk over the loopback interface: Nexus beside a plain TCP copy, scp and rsync. The
//! source is in the page cache, source and target are on one disk, and every copy ends with an fsync.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::driver::{Person, until};
use crate::measures::{become_contacts, port};
use crate::table::{Table, Target};

/// Bytes read and written at once by the plain copy.
const AT_ONCE: usize = 1 << 20;
/// For a copy to be done.
const PATIENCE: Duration = Duration::from_secs(600);
/// Runs of each; the middle one counts.
const RUNS: usize = 3;

/// Copies a file of `mib` MiB by each way there is here.
pub(crate) fn files(program: &Path, mib: usize, table: &mut Table) -> Result<()> {
    let dir = tempfile::Builder::new().prefix("nexus-bench-files-").tempdir()?;
    let source = dir.path().join("source");
    make(&source, mib)?;
    let target = dir.path().join("target");
    let plain = median(|| timed(&source, &target, plain_copy))?;
    let rate = |seconds: f64| mib as f64 * 1.048_576 / seconds;
    table.add("plain TCP copy", mib, rate(plain), "MB/s", Target::None);
    nexus(program, &source, dir.path(), mib, rate(plain), table)?;
    match Ssh::start(dir.path()) {
        Ok(ssh) => {
            let fast = ["-c", "aes128-gcm@openssh.com"];
            for (name, cipher) in [("scp aes128-gcm", &fast[..]), ("scp", &[])] {
                let seconds =
                    median(|| timed(&source, &target, |from, to| ssh.scp(cipher, from, to)))?;
                table.add(name, mib, rate(seconds), "MB/s", Target::None);
            }
            if Command::new("rsync").arg("--version").stdout(Stdio::null()).status().is_ok() {
                let seconds = median(|| timed(&source, &target, |from, to| ssh.rsync(from, to)))?;
                table.add("rsync over ssh", mib, rate(seconds), "MB/s", Target::None);
            }
        }
        Err(error) => eprintln!("  no sshd, so no scp and rsync: {error:#}"),
    }
    Ok(())
}

/// Bytes that do not compress.
fn make(path: &Path, mib: usize) -> Result<()> {
    let mut random = File::open("/dev/urandom")?;
    let mut file = File::create(path)?;
    let mut block = vec![0; AT_ONCE];
    for _ in 0..mib {
        random.read_exact(&mut block)?;
        file.write_all(&block)?;
    }
    Ok(file.sync_all()?)
}

fn median(mut run: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut seconds = (0..RUNS).map(|_| run()).collect::<Result<Vec<_>>>()?;
    seconds.sort_by(f64::total_cmp);
    seconds.get(RUNS / 2).copied().context("no run")
}

/// Seconds until the copy is there and on disk.
fn timed(from: &Path, to: &Path, copy: impl Fn(&Path, &Path) -> Result<()>) -> Result<f64> {
    let _absent = fs::remove_file(to);
    let began = Instant::now();
    copy(from, to)?;
    File::open(to)?.sync_all()?;
    let took = began.elapsed().as_secs_f64();
    ensure!(fs::metadata(to)?.len() == fs::metadata(from)?.len(), "the copy is not whole");
    Ok(took)
}

fn plain_copy(from: &Path, to: &Path) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let source = from.to_owned();
    let sender = std::thread::spawn(move || -> Result<()> {
        pump(File::open(source)?, TcpStream::connect(address)?)
    });
    pump(listener.accept()?.0, File::create(to)?)?;
    sender.join().ok().context("the sender failed")?
}

fn pump(mut from: impl Read, mut to: impl Write) -> Result<()> {
    let mut buffer = vec![0; AT_ONCE];
    loop {
        let read = from.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(to.flush()?);
        };
        to.write_all(bytes)?;
    }
}

/// Two nodes; the time is that from accepting to done, which is after the fsync and under the final name.
fn nexus(
    program: &Path,
    source: &Path,
    dir: &Path,
    mib: usize,
    plain: f64,
    table: &mut Table,
) -> Result<()> {
    let port = port()?;
    let (alice, bob) = (Person::new(program, "Alice", port)?, Person::new(program, "Bob", port)?);
    let ((node_a, _), (node_b, _)) = (alice.start()?, bob.start()?);
    let (mut a, mut b) = (node_a.control()?, node_b.control()?);
    become_contacts(&alice, &bob, &mut a, &mut b)?;
    let mut seconds = Vec::new();
    let used = || Ok::<_, anyhow::Error>(node_a.cpu()? + node_b.cpu()?);
    let before = used()?;
    for run in 0..RUNS {
        let into = dir.join(format!("in-{run}"));
        fs::create_dir(&into)?;
        let sent = json!({"command": "file_send", "to": bob.id, "paths": [source]});
        let id = text(a.rows(sent)?.first(), "transfer_id")?;
        let state = |control: &mut crate::driver::Control| -> Result<Option<String>> {
            let rows = control.rows(json!({"command": "files", "watch": false}))?;
            let row = rows.iter().find(|row| row["transfer_id"] == id.as_str());
            row.map(|row| text(Some(row), "state")).transpose()
        };
        until("the offer", PATIENCE, || Ok(state(&mut b)?.is_some()))?;
        let began = Instant::now();
        b.rows(json!({"command": "file_accept", "id": id, "to": into}))?;
        until("the file", PATIENCE, || Ok(state(&mut b)?.as_deref() == Some("done")))?;
        seconds.push(began.elapsed().as_secs_f64());
        fs::remove_dir_all(&into)?;
    }
    let per_gib = (used()? - before) / RUNS as f64 / (mib as f64 / 1024.0);
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.get(RUNS / 2).copied().context("no run")?;
    let rate = mib as f64 * 1.048_576 / middle;
    table.add("nexus file", mib, rate, "MB/s", Target::AtLeast(0.7 * plain));
    table.add("nexus file, CPU of both ends", mib, per_gib, "s/GiB", Target::None);
    for (what, node) in [("sender", &node_a), ("receiver", &node_b)] {
        let peak = node.peak_memory()? as f64 / f64::from(1 << 20);
        table.add(
            &format!("nexus file, peak memory of the {what}"),
            mib,
            peak,
            "MiB",
            Target::AtMost(64.0),
        );
    }
    Ok(())
}

fn text(row: Option<&Value>, field: &str) -> Result<String> {
    let value = row.and_then(|row| row.get(field)).and_then(Value::as_str);
    Ok(value.with_context(|| format!("no {field}"))?.to_owned())
}

/// An sshd of our own on the loopback interface.
struct Ssh {
    child: Child,
    key: PathBuf,
    port: u16,
}

impl Ssh {
    fn start(dir: &Path) -> Result<Self> {
        let dir = dir.join("ssh");
        fs::create_dir(&dir)?;
        let (host, key) = (dir.join("host"), dir.join("key"));
        for key in [&host, &key] {
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key);
            ensure!(make.status().context("ssh-keygen")?.success(), "ssh-keygen failed");
        }
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let _there = fs::create_dir("/run/sshd");
        let known = format!("AuthorizedKeysFile={}.pub", key.display());
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-f", "/dev/null", "-o", "ListenAddress=127.0.0.1"]);
        sshd.args(["-o", "UsePAM=no", "-o", "StrictModes=no", "-o", "PidFile=none"]);
        sshd.args(["-o", "Subsystem=sftp internal-sftp", "-o", &known, "-p", &port.to_string()]);
        sshd.arg("-h").arg(&host).stderr(Stdio::null());
        let child = sshd.spawn().context("/usr/sbin/sshd")?;
        let ssh = Self { child, key, port };
        until("sshd", Duration::from_secs(10), || {
            Ok(TcpStream::connect(("127.0.0.1", ssh.port)).is_ok())
        })?;
        Ok(ssh)
    }

    fn options(&self) -> Vec<String> {
        let key = format!("IdentityFile={}", self.key.display());
        let all =
            ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", &key];
        all.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]).collect()
    }

    fn scp(&self, cipher: &[&str], from: &Path, to: &Path) -> Result<()> {
        let mut scp = Command::new("scp");
        scp.args(["-q", "-P", &self.port.to_string()]).args(self.options()).args(cipher);
        scp.arg(from).arg(format!("root@127.0.0.1:{}", to.display()));
        ensure!(scp.status()?.success(), "scp failed");
        Ok(())
    }

    fn rsync(&self, from: &Path, to: &Path) -> Result<()> {
        let shell = format!("ssh -p {} {}", self.port, self.options().join(" "));
        let mut rsync = Command::new("rsync");
        rsync.args(["--whole-file", "-e", &shell]).arg(from);
        rsync.arg(format!("root@127.0.0.1:{}", to.display()));
        ensure!(rsync.status()?.success(), "rsync failed");
        Ok(())
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
