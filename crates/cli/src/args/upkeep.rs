//! `profile …`, `device …`, `backup …`, `log …`, `config …`.

use std::path::PathBuf;

use clap::Subcommand;

/// What others see of me.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileVerb {
    /// Change my name for others.
    #[command(after_help = "Example:\n  nexus profile set --name 'Ana B.'")]
    Set {
        /// The new name, at most 64 bytes.
        #[arg(long, value_name = "NAME")]
        name: String,
    },
}

/// Devices of this identity.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceVerb {
    /// Show them.
    #[command(after_help = "Example:\n  nexus device list")]
    List,
    /// Revoke one that is lost; this can't be taken back.
    #[command(after_help = "Example:\n  nexus device revoke 9b1e44d0")]
    Revoke {
        /// The device's instance key, or a unique beginning of it.
        instance: String,
    },
}

/// Sealed backups.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupVerb {
    /// Seal identity, keys and contacts into a new file, under a phrase of twelve words that is shown once.
    #[command(after_help = "Example:\n  nexus backup create nexus.backup")]
    Create {
        /// The file to make; an existing one is not touched.
        file: PathBuf,
        /// Take the first line of this file as the phrase; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
    },
    /// Bring an identity back from such a file, as a new device.
    #[command(after_help = "Example:\n  nexus backup restore nexus.backup")]
    Restore {
        /// The backup.
        file: PathBuf,
        /// Take the first line of this file as the phrase; without it, standard input is asked.
        #[arg(long, value_name = "FILE")]
        phrase_file: Option<PathBuf>,
        /// Revoke all other devices of this identity, because they are lost.
        #[arg(long)]
        revoke_others: bool,
    },
}

/// The logs beneath.
#[derive(Debug, Subcommand)]
pub(crate) enum LogVerb {
    /// Check every chain and signature in the store.
    #[command(after_help = "Example:\n  nexus log verify")]
    Verify,
    /// Show the logs of a conversation.
    #[command(after_help = "Example:\n  nexus log show Ben --raw")]
    Show {
        /// Contact or conversation.
        conversation: String,
        /// Every entry as it is stored and sent, in hex.
        #[arg(long)]
        raw: bool,
    },
    /// Drop everything that is derived from the logs, and make it again.
    #[command(after_help = "Example:\n  nexus log rebuild")]
    Rebuild,
}

/// Settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Show one setting, or all.
    #[command(after_help = "Example:\n  nexus config get visibility")]
    Get {
        /// The setting.
        key: Option<String>,
    },
    /// Change a setting; a running node takes it at its next start.
    #[command(after_help = "Example:\n  nexus config set visibility contacts")]
    Set {
        /// The setting.
        key: String,
        /// The new value.
        value: String,
    },
    /// Show where the file is.
    #[command(after_help = "Example:\n  nexus config path")]
    Path,
}
