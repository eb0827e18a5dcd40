//! Terminals to type at and to look at: those of tmux, which `./test` installs.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{Person, program};

/// Far beyond what anything here takes: a screen that never comes must end the test.
pub const NEVER: Duration = Duration::from_secs(60);

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Waits until it is so.
pub fn until(so: impl Fn() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < NEVER, "it never came to that");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A terminal of tmux.
pub struct Terminal {
    server: String,
}

impl Terminal {
    /// A terminal of this size in which the UI of somebody is opened, and afterwards how it ended and what the terminal is like is told.
    pub fn open(person: &Person, size: (u16, u16), environment: &str) -> Self {
        Self::with(person, size, environment, "")
    }

    /// The same, with further arguments.
    pub fn with(person: &Person, size: (u16, u16), environment: &str, args: &str) -> Self {
        let line = format!(
            "{environment} {} --data-dir {} {args}; echo \"ended $?\"; stty -a | grep -ow -e '-*icanon'; exec sleep 1000",
            program(),
            person.dir.display()
        );
        Self::run(person, size, &line)
    }

    /// A terminal with a shell that has job control.
    pub fn shell(person: &Person, size: (u16, u16)) -> Self {
        Self::run(person, size, "PS1='$ ' exec bash --norc --noprofile -i")
    }

    fn run(person: &Person, size: (u16, u16), line: &str) -> Self {
        let name = person.dir.file_name().unwrap().to_string_lossy().into_owned();
        // Each has a server of its own, also two of one person.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let terminal = Self { server: format!("nexus-{}-{name}-{number}", std::process::id()) };
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let window = ["new-session", "-d", "-x", &width, "-y", &height, "sh", "-c", line];
        assert!(terminal.tmux(&[&["-f", "/dev/null"], &window[..]].concat()).0);
        terminal
    }

    pub fn tmux(&self, args: &[&str]) -> (bool, String) {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.server]).args(args);
        command.env_remove("TMUX").env_remove("NO_COLOR").env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        let out = command.output().expect("tmux, which ./test installs");
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    }

    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).1
    }

    /// Waits until the screen shows all of these words.
    pub fn shows(&self, words: &[&str]) -> String {
        let since = Instant::now();
        loop {
            let screen = self.screen();
            if words.iter().all(|w| screen.contains(w)) {
                return screen;
            }
            assert!(since.elapsed() < NEVER, "no {words:?} on this screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Keys by tmux's names.
    pub fn press(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).0);
    }

    pub fn types(&self, text: &str) {
        assert!(self.tmux(&["send-keys", "-l", text]).0);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
