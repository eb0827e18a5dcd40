//! `send`, `history`, `watch`, `export`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::State;
use crate::duration;
use crate::render::event::KINDS;

/// `send`.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// Contact or conversation.
    pub(crate) to: String,
    /// The text; `-` reads standard input.
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// The message this answers: its id or a unique beginning of it.
    #[arg(long, value_name = "ID")]
    pub(crate) reply: Option<String>,
    /// Stay until the message has come so far.
    #[arg(long, value_name = "STATE", value_enum)]
    pub(crate) wait: Option<State>,
    /// How long to wait.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    pub(crate) timeout: Duration,
}

/// `history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Contact or conversation.
    pub(crate) conversation: String,
    /// Only the newest so many.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// Only messages before this one.
    #[arg(long, value_name = "ID")]
    pub(crate) before: Option<String>,
    /// Go on with what is new or changes.
    #[arg(long)]
    pub(crate) follow: bool,
}

/// `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Go on after this cursor; without it, from now on. `0` begins with the oldest event kept.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) since: Option<String>,
    /// End after so many events.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Only events of this kind; may be repeated.
    #[arg(long, value_name = "EVENT", value_parser = clap::builder::PossibleValuesParser::new(KINDS))]
    pub(crate) event: Vec<String>,
    /// End with exit code 4 when so long nothing came.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
}

/// `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Contact or conversation.
    pub(crate) conversation: String,
    /// What to write.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    pub(crate) format: Format,
    /// Where to; standard output when absent. An existing file is not touched.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a message.
    Json,
    /// Markdown.
    Md,
    /// One HTML page.
    Html,
}
