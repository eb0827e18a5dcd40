//! Attackers: this test binary runs itself again inside a host's namespace, with the attack named in the environment.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Which attack the process is to be; set only in an attacker.
pub const ATTACK: &str = "NEXUS_ATTACK";
/// `host:port` or whatever the attack needs to know.
pub const TARGET: &str = "NEXUS_ATTACK_TARGET";

/// Starts `attack` on `host`; `entry` is the ignored test that is the attacker's `main`.
pub fn launch(
    host: &str,
    entry: &str,
    attack: &str,
    target: &str,
    knows: &[(&str, String)],
) -> Attacker {
    let program: PathBuf = std::env::current_exe().unwrap();
    let child = Command::new("ip")
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
    Attacker { child, name: attack.into() }
}

/// A running attacker; dropping it ends it.
pub struct Attacker {
    child: Child,
    name: String,
}

impl Attacker {
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

/// Holds a busy loop to a quarter of a core: 5 ms of work, 15 ms of rest.
pub struct Quarter {
    began: Instant,
}

impl Quarter {
    pub fn new() -> Self {
        Self { began: Instant::now() }
    }

    pub fn breathe(&mut self) {
        if self.began.elapsed() > Duration::from_millis(5) {
            std::thread::park_timeout(Duration::from_millis(15));
            self.began = Instant::now();
        }
    }
}
