//! Why a command ends before it is done, and what the shell hears of it.

use std::io::{self, IsTerminal, Write};

use nexus_node::api::{ErrorBody, ErrorCode};

use crate::output::style::Style;
use crate::output::{Shape, json};
use crate::sanitize;

/// What every command gives back.
pub(crate) type Done = Result<(), Stop>;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It failed; the person hears why.
    Error(ErrorBody),
    /// Whoever read the output wants no more. That is not an error.
    PipeClosed,
    /// A signal ended it; the number of the signal.
    Signal(u8),
}

impl From<ErrorBody> for Stop {
    fn from(error: ErrorBody) -> Self {
        Self::Error(error)
    }
}

impl Stop {
    /// An error from its parts.
    pub(crate) fn error(
        code: ErrorCode,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Error(ErrorBody::new(code, message, hint))
    }

    /// A usage error.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::error(ErrorCode::Usage, message, hint)
    }

    /// Says it on standard error where there is something to say, and gives the exit code.
    pub(crate) fn tell(&self, shape: Shape) -> u8 {
        match self {
            Self::Error(error) => {
                // Nothing can be done when even standard error is gone.
                let _ = write_error(error, shape);
                error.code.exit_code()
            }
            Self::PipeClosed => 0,
            Self::Signal(number) => 128 + number,
        }
    }
}

fn write_error(error: &ErrorBody, shape: Shape) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    if shape.json {
        json::write(&mut stderr, &serde_json::json!({ "error": error }))?;
        return writeln!(stderr);
    }
    let style = Style { on: shape.color && stderr.is_terminal() };
    let message = sanitize::line(&error.message);
    let hint = sanitize::line(&error.hint);
    let dash = if hint.is_empty() { "" } else { " — " };
    writeln!(stderr, "{} {message}{dash}{hint}", style.bad("error:"))
}

/// A mistake on the command line as one of our errors: one line, and where to read more.
///
/// `command` is how far the command line was understood, such as `nexus contact add`.
pub(crate) fn from_clap(error: &clap::Error, command: &str) -> ErrorBody {
    let rendered = error.render().to_string();
    let mut message = Vec::new();
    let mut tip = None;
    for line in rendered.lines().map(str::trim) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        }
        match line.strip_prefix("tip: ") {
            Some(text) => tip = Some(text.to_owned()),
            None if line.is_empty() || tip.is_some() => {}
            None => message.push(line.strip_prefix("error: ").unwrap_or(line).to_owned()),
        }
    }
    let help = format!("`{command} --help` shows how");
    let hint = tip.map_or(help.clone(), |t| format!("{t}; {help}"));
    ErrorBody::new(ErrorCode::Usage, message.join(" "), hint)
}
