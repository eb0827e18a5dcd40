//! `file`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::duration;

/// `file`.
#[derive(Debug, Subcommand)]
pub(crate) enum FileVerb {
    /// Offer files or folders; they are fetched once the other side accepts.
    #[command(after_help = "Example:\n  nexus file send Ben holiday/ plan.pdf")]
    Send {
        /// Contact or conversation.
        to: String,
        /// Files and folders; several are one offer.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Show what was offered, by whom, and how far it is.
    #[command(after_help = "Example:\n  nexus file list --watch")]
    List {
        /// Go on, with a line at each change.
        #[arg(long)]
        watch: bool,
    },
    /// Fetch what somebody offers.
    #[command(after_help = "Example:\n  nexus file accept 3fa9c2d1 --to ~/Downloads --wait")]
    Accept {
        /// The offer: its id or a unique beginning of it.
        id: String,
        /// The directory it goes to; else as `config get downloads` says.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Say that it is not wanted.
    #[command(after_help = "Example:\n  nexus file decline 3fa9c2d1")]
    Decline {
        /// The offer: its id or a unique beginning of it.
        id: String,
    },
    /// Let it wait; what came is kept.
    #[command(after_help = "Example:\n  nexus file pause 3fa9c2d1")]
    Pause {
        /// The offer: its id or a unique beginning of it.
        id: String,
    },
    /// Go on with what was paused, or failed.
    #[command(after_help = "Example:\n  nexus file resume 3fa9c2d1 --wait")]
    Resume {
        /// The offer: its id or a unique beginning of it.
        id: String,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Give it up: what came so far goes; an offer of mine is withdrawn.
    #[command(after_help = "Example:\n  nexus file cancel 3fa9c2d1")]
    Cancel {
        /// The offer: its id or a unique beginning of it.
        id: String,
    },
    /// Read what is on disk and compare it with what was offered.
    #[command(after_help = "Example:\n  nexus file verify 3fa9c2d1")]
    Verify {
        /// The offer: its id or a unique beginning of it.
        id: String,
    },
}

/// How long to stay.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WaitArgs {
    /// Stay until it is done, with its progress.
    #[arg(long)]
    pub(crate) wait: bool,
    /// End with exit code 4 when it is not done by then; it goes on all the same.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
}
