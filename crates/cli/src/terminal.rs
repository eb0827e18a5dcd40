//! The terminal that somebody types at.

use std::io::{self, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// While it lives, what is typed is not shown. Nothing happens where standard input is no terminal.
pub(crate) struct Unseen(Option<Termios>);

impl Unseen {
    /// From now on.
    pub(crate) fn begin() -> Self {
        Self(Self::hide())
    }

    fn hide() -> Option<Termios> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        // What was typed ahead of the question would have been shown; it is thrown away.
        tcsetattr(&stdin, OptionalActions::Flush, &unseen).ok()?;
        Some(before)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Nothing more can be done when the terminal is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
            // The line break that was typed was not shown either.
            let _ = writeln!(io::stderr());
        }
    }
}
