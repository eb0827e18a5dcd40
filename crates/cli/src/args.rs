//! What may be typed. Each command's help ends with one working example, which a test parses.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use nexus_node::api::MessageState;

use crate::duration::{self, OrOff, Quiet};

pub(crate) mod contact;
pub(crate) mod file;
pub(crate) mod message;
pub(crate) mod upkeep;

pub(crate) use contact::*;
pub(crate) use file::*;
pub(crate) use message::*;
pub(crate) use upkeep::*;

/// Private messages between people, with no server needed: on one cable, one LAN, or the internet.
#[derive(Debug, Parser)]
#[command(
    name = "nexus",
    version,
    propagate_version = true,
    after_help = "Example:\n  nexus init --name Ana"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do; with nothing, the terminal UI opens.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Global {
    /// Where identity and messages live; two directories are two devices.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "NEXUS_DATA_DIR",
        help_heading = "Global options"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// Another configuration file than config.toml in the data directory.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// One JSON object per line instead of text.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// No colours (as the environment's NO_COLOR does).
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// Plain sentences instead of columns and drawings.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) screen_reader: bool,
    /// Say on standard error what goes on; twice for more.
    #[arg(short, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make an identity; an existing one is never touched.
    #[command(after_help = "Example:\n  nexus init --name Ana")]
    Init {
        /// My name, as others will see it.
        #[arg(long, value_name = "NAME")]
        name: String,
    },
    /// Show who I am.
    #[command(after_help = "Example:\n  nexus id --qr")]
    Id {
        /// Draw the ConnectID as a QR code too.
        #[arg(long)]
        qr: bool,
    },
    /// Run in the foreground: be reachable, and print every event.
    #[command(after_help = "Example:\n  nexus node --listen 0.0.0.0:46340")]
    Node(NodeArgs),
    /// Show links, queue, store, and what was refused.
    #[command(after_help = "Example:\n  nexus status")]
    Status,
    /// Check clock, ports, interfaces and disk, and say what to do.
    #[command(after_help = "Example:\n  nexus doctor")]
    Doctor,
    /// Show who is on this LAN.
    #[command(after_help = "Example:\n  nexus nearby --watch")]
    Nearby {
        /// Go on, with a line at each change.
        #[arg(long)]
        watch: bool,
    },
    /// Make a link by which somebody becomes a contact at once.
    #[command(after_help = "Example:\n  nexus invite --qr --expires 2d")]
    Invite {
        /// Draw the link as a QR code too.
        #[arg(long)]
        qr: bool,
        /// How long it is good for.
        #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
        expires: Option<std::time::Duration>,
        /// How many people may use it.
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
    },
    /// People I know, and those who ask.
    #[command(subcommand, after_help = "Example:\n  nexus contact list")]
    Contact(ContactVerb),
    /// Write a message.
    #[command(after_help = "Example:\n  nexus send Ben 'see you at eight' --wait delivered")]
    Send(SendArgs),
    /// Mark a conversation as read.
    #[command(after_help = "Example:\n  nexus read Ben")]
    Read {
        /// Contact or conversation.
        conversation: String,
        /// Only up to this message.
        #[arg(long, value_name = "ID")]
        to: Option<String>,
    },
    /// Replace the text of one of my messages.
    #[command(after_help = "Example:\n  nexus edit 3fa9c2d1 'see you at nine'")]
    Edit {
        /// The message: its id or a unique beginning of it.
        id: String,
        /// The new text; `-` reads standard input.
        #[arg(required = true, value_name = "TEXT")]
        text: Vec<String>,
    },
    /// Take one of my messages back.
    #[command(after_help = "Example:\n  nexus retract 3fa9c2d1")]
    Retract {
        /// The message: its id or a unique beginning of it.
        id: String,
    },
    /// Send and receive files and folders.
    #[command(subcommand, after_help = "Example:\n  nexus file send Ben holiday/")]
    File(FileVerb),
    /// React to a message.
    #[command(after_help = "Example:\n  nexus react 3fa9c2d1 👍")]
    React {
        /// The message: its id or a unique beginning of it.
        id: String,
        /// One emoji; `off` takes the reaction back.
        emoji: String,
    },
    /// Let messages of a conversation disappear after a time.
    #[command(after_help = "Example:\n  nexus timer Ben 7d")]
    Timer {
        /// Contact or conversation.
        conversation: String,
        /// How long messages stay, or `off`.
        #[arg(value_name = "DURATION", value_parser = duration::parse_or_off)]
        after: OrOff,
    },
    /// Keep a conversation quiet.
    #[command(after_help = "Example:\n  nexus mute Ben 8h")]
    Mute {
        /// Contact or conversation.
        conversation: String,
        /// How long, or `forever`, or `off`.
        #[arg(value_name = "DURATION", value_parser = duration::parse_quiet)]
        quiet: Quiet,
    },
    /// Show or keep what I was about to write.
    #[command(after_help = "Example:\n  nexus draft Ben 'what I meant to say'")]
    Draft {
        /// Contact or conversation.
        conversation: String,
        /// The draft to keep; `-` reads standard input. Without it, the kept one is shown.
        text: Vec<String>,
        /// Throw the draft away.
        #[arg(long, conflicts_with = "text")]
        clear: bool,
    },
    /// Change what others see of me.
    #[command(subcommand, after_help = "Example:\n  nexus profile set --name 'Ana B.'")]
    Profile(ProfileVerb),
    /// Devices of this identity.
    #[command(subcommand, after_help = "Example:\n  nexus device list")]
    Device(DeviceVerb),
    /// Show a conversation in the one order that everybody sees.
    #[command(after_help = "Example:\n  nexus history Ben --limit 20")]
    History(HistoryArgs),
    /// Show all conversations, the latest first.
    #[command(after_help = "Example:\n  nexus conversations")]
    Conversations,
    /// Find messages by their words.
    #[command(after_help = "Example:\n  nexus search 'train eight' --in Ben")]
    Search {
        /// Words; beginnings of words match from three letters on.
        #[arg(required = true, value_name = "QUERY")]
        query: Vec<String>,
        /// Only in this conversation.
        #[arg(long = "in", value_name = "CONV")]
        conversation: Option<String>,
        /// At most so many.
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// Print every event as it happens.
    #[command(after_help = "Example:\n  nexus watch --json")]
    Watch(WatchArgs),
    /// Keep the identity safe in a sealed file.
    #[command(subcommand, after_help = "Example:\n  nexus backup create nexus.backup")]
    Backup(BackupVerb),
    /// Write a whole conversation to a file.
    #[command(after_help = "Example:\n  nexus export Ben --format html --output ben.html")]
    Export(ExportArgs),
    /// Look at the logs beneath the conversations.
    #[command(subcommand, after_help = "Example:\n  nexus log verify")]
    Log(LogVerb),
    /// Read and change settings.
    #[command(subcommand, after_help = "Example:\n  nexus config get visibility")]
    Config(ConfigVerb),
    /// Six words that are equal on both sides exactly when both see the same.
    #[command(after_help = "Example:\n  nexus digest Ben")]
    Digest {
        /// Contact or conversation.
        conversation: String,
    },
    /// Tell the story of one message: where it waits, or how it went.
    #[command(after_help = "Example:\n  nexus why 3fa9c2d1")]
    Why {
        /// The message: its id or a unique beginning of it.
        id: String,
    },
    /// Show that it works: two throw-away people on this machine meet, write, part and join.
    #[command(after_help = "Example:\n  nexus demo")]
    Demo,
    /// Remove everything here, after a confirmation.
    #[command(after_help = "Example:\n  nexus wipe --yes-delete Ana")]
    Wipe {
        /// The profile name, as confirmation without a question.
        #[arg(long, value_name = "NAME")]
        yes_delete: Option<String>,
    },
    /// Print completions for a shell.
    #[command(after_help = "Example:\n  nexus completions bash")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    #[command(after_help = "Example:\n  nexus man --dir target/man")]
    Man {
        /// Write a page for every command into this directory instead.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// `node`.
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Listen here instead of where the configuration says; may be repeated.
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<SocketAddr>,
    /// End when standard input does, as when the program that started this one is gone.
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
}

/// A state to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// Durable here.
    Queued,
    /// Written to a link.
    Sent,
    /// Durable at the other side.
    Delivered,
    /// Read by the other side.
    Read,
}

impl From<State> for MessageState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Sent => Self::Sent,
            State::Delivered => Self::Delivered,
            State::Read => Self::Read,
        }
    }
}

#[cfg(test)]
mod tests;
