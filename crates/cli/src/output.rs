//! Where output goes: JSON lines for scripts, short aligned text for people; both stop quietly when a pipe closes.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

use crate::stop::{Done, Stop};

pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod table;

use style::Style;
use table::Table;

/// How to show things, as the person asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// JSON lines instead of text.
    pub(crate) json: bool,
    /// Colours are allowed (they are used on a terminal only).
    pub(crate) color: bool,
    /// Lines for a screen reader: no columns, no drawings.
    pub(crate) screen_reader: bool,
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Out {
    shape: Shape,
    terminal: bool,
    to: BufWriter<Stdout>,
}

impl Out {
    /// Standard output in this shape.
    pub(crate) fn new(shape: Shape) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { shape, terminal, to: BufWriter::new(io::stdout()) }
    }

    /// Whether JSON lines are wanted.
    pub(crate) fn json(&self) -> bool {
        self.shape.json
    }

    /// Whether a person sits at both ends, so that a question makes sense.
    pub(crate) fn can_ask(&self) -> bool {
        !self.shape.json && self.terminal && io::stdin().is_terminal()
    }

    /// Whether drawings (QR codes, columns) are wanted.
    pub(crate) fn draws(&self) -> bool {
        !self.shape.json && !self.shape.screen_reader
    }

    /// The colours for standard output.
    pub(crate) fn style(&self) -> Style {
        Style { on: self.shape.color && self.terminal && !self.shape.json }
    }

    /// A moving line on the terminal while something takes long; nothing elsewhere.
    pub(crate) fn progress(&self, what: &str) -> progress::Progress {
        progress::Progress::start(!self.shape.json && !self.shape.screen_reader, what)
    }

    /// A bar on the terminal for something of `size` bytes; nothing elsewhere.
    pub(crate) fn bar(&self, size: u64) -> progress::Bar {
        progress::Bar::start(!self.shape.json && !self.shape.screen_reader, size)
    }

    /// One JSON line.
    ///
    /// # Errors
    /// When standard output is closed or broken.
    pub(crate) fn object(&mut self, row: &impl Serialize) -> Done {
        json::write(&mut self.to, row)?;
        self.to.write_all(b"\n")?;
        Ok(())
    }

    /// One line of text, which must be safe already.
    ///
    /// # Errors
    /// As [`Out::object`].
    pub(crate) fn text(&mut self, line: &str) -> Done {
        self.to.write_all(line.as_bytes())?;
        self.to.write_all(b"\n")?;
        Ok(())
    }

    /// Text as it is, without a line break added.
    ///
    /// # Errors
    /// As [`Out::object`].
    pub(crate) fn raw(&mut self, text: &[u8]) -> Done {
        self.to.write_all(text)?;
        Ok(())
    }

    /// A table.
    ///
    /// # Errors
    /// As [`Out::object`].
    pub(crate) fn table(&mut self, table: &Table) -> Done {
        let text =
            if self.shape.screen_reader { table.spoken() } else { table.aligned(self.style()) };
        self.raw(text.as_bytes())
    }

    /// Sends out what is buffered; after each row of something that goes on.
    ///
    /// # Errors
    /// As [`Out::object`].
    pub(crate) fn flush(&mut self) -> Done {
        self.to.flush()?;
        Ok(())
    }

    /// A remark for people, on standard error; scripts never see it.
    pub(crate) fn remark(&mut self, line: &str) {
        if !self.shape.json {
            let _ = self.to.flush();
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::BrokenPipe {
            return Self::PipeClosed;
        }
        Self::Error(nexus_node::error::failed(format!("standard output can't be written: {e}")))
    }
}
