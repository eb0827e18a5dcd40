//! A terminal with a program in it: keys go in, what the screen then shows comes out, with the time.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// How long a screen may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of the program.
struct Seen {
    screen: vt100::Parser,
    bytes: u64,
    /// When the last of it came.
    at: Instant,
    gone: bool,
}

/// A pseudo-terminal and the program that it belongs to, which is killed on drop.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

impl Terminal {
    /// Starts the program on a terminal of that many rows and columns.
    pub(crate) fn open(
        mut command: Command,
        rows: NonZeroU16,
        columns: NonZeroU16,
    ) -> Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let size =
            Winsize { ws_row: rows.get(), ws_col: columns.get(), ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size)?;
        let name = ptsname(&master, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = File::from(rustix::fs::open(name, flags, Mode::empty())?);
        let (input, output) = (slave.try_clone()?, slave.try_clone()?);
        command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::from(slave));
        let began = Instant::now();
        let child = command.spawn().context("setsid, of util-linux")?;
        // It keeps the slave's ends open otherwise, and the end of the program would never show.
        drop(command);
        let keys = File::from(master);
        let screen = vt100::Parser::new(rows, columns, 0);
        let first = Seen { screen, bytes: 0, at: began, gone: false };
        let seen = Arc::new((Mutex::new(first), Condvar::new()));
        let (mut from, told) = (keys.try_clone()?, Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count) = from.read(&mut buffer)
                && count > 0
            {
                let at = Instant::now();
                let mut seen = told.0.lock().unwrap_or_else(PoisonError::into_inner);
                seen.screen.process(buffer.get(..count).unwrap_or_default());
                seen.bytes += count as u64;
                seen.at = at;
                told.1.notify_all();
            }
            told.0.lock().unwrap_or_else(PoisonError::into_inner).gone = true;
            told.1.notify_all();
        });
        Ok(Self { child, keys, seen })
    }

    /// The process, for its memory and its CPU time.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Bytes that the program wrote so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Types, and tells when.
    pub(crate) fn press(&mut self, keys: &str) -> Result<Instant> {
        let now = Instant::now();
        self.keys.write_all(keys.as_bytes())?;
        Ok(now)
    }

    /// Waits until the screen is as wanted, and tells when that came.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<Instant> {
        let began = Instant::now();
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let screen = seen.screen.screen().contents();
            if wanted(&screen) {
                return Ok(seen.at);
            }
            if seen.gone || began.elapsed() > PATIENCE {
                bail!("{what} never showed:\n{screen}");
            }
            let waited = self.seen.1.wait_timeout(seen, PATIENCE);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Presses and waits: the time from the key to the screen.
    pub(crate) fn answers(
        &mut self,
        keys: &str,
        what: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Duration> {
        let pressed = self.press(keys)?;
        Ok(self.until(what, wanted)?.saturating_duration_since(pressed))
    }

    /// Ends the program in good order.
    pub(crate) fn close(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
