//! Attackers: this test binary runs itself again inside a host's namespace, with the attack named in the environment.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Which attack the process is to be; set only in an attacker.
pub const ATTACK: &str = "NEXUS_ATTACK";
/// `host:port` or whatever the attack needs to know.
pub const TARGET: &str = "NEXUS_ATTACK_TARGET";

/// Set in an attacker that the system holds to a quarter of a core; else it does so itself.
const HELD: &str = "NEXUS_ATTACK_HELD";

/// A control group of the system with a quarter of a core, where one can be made.
struct Cage {
    dir: PathBuf,
}

impl Cage {
    fn new() -> Option<Self> {
        static CAGES: AtomicU32 = AtomicU32::new(0);
        let number = CAGES.fetch_add(1, Ordering::Relaxed);
        let name = format!("nexus-lab-{}-{number}", std::process::id());
        let made = |root: &str, file: &str, value: &str| {
            let cage = Self { dir: PathBuf::from(root).join(&name) };
            std::fs::create_dir(&cage.dir).ok()?;
            std::fs::write(cage.dir.join(file), value).ok()?;
            Some(cage)
        };
        made("/sys/fs/cgroup", "cpu.max", "25000 100000")
            .or_else(|| made("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "25000"))
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.dir);
    }
}

/// Starts `attack` on `host`, with a quarter of a core; `entry` is the ignored test that is the attacker's `main`.
pub fn launch(
    host: &str,
    entry: &str,
    attack: &str,
    target: &str,
    knows: &[(&str, String)],
) -> Attacker {
    let program: PathBuf = std::env::current_exe().unwrap();
    let cage = Cage::new();
    let mut command = match &cage {
        Some(cage) => {
            let mut command = Command::new("sh");
            command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]);
            command.arg(cage.dir.join("cgroup.procs")).arg("ip").env(HELD, "1");
            command
        }
        None => Command::new("ip"),
    };
    let child = command
        .args(["netns", "exec", host])
        .arg(program)
        .args(["--ignored", "--exact", entry, "--nocapture"])
        .env(ATTACK, attack)
        .env(TARGET, target)
        .envs(knows.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Attacker { child, name: attack.into(), _cage: cage }
}

/// A running attacker; dropping it ends it.
pub struct Attacker {
    child: Child,
    name: String,
    _cage: Option<Cage>,
}

impl Attacker {
    /// Whether it is still at it.
    pub fn is_busy(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has done its worst; it must not have failed by itself.
    pub fn finish(mut self, limit: Duration) {
        let name = self.name.clone();
        let status = super::until(&format!("attack {name} ends"), limit, || {
            self.child.try_wait().unwrap().ok_or_else(|| "still running".into())
        });
        assert!(status.success(), "attack {name}: {status}");
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Holds a busy loop to a quarter of a core where the system does not: 5 ms of work, 15 ms of rest.
pub struct Quarter {
    began: Instant,
    held: bool,
}

impl Quarter {
    pub fn new() -> Self {
        Self { began: Instant::now(), held: std::env::var_os(HELD).is_some() }
    }

    pub fn breathe(&mut self) {
        if !self.held && self.began.elapsed() > Duration::from_millis(5) {
            std::thread::park_timeout(Duration::from_millis(15));
            self.began = Instant::now();
        }
    }
}
