//! `contact …`.

use clap::{Args, Subcommand};

/// What can be done with contacts. WHO is a ConnectID, a unique beginning of it (6 characters or more), or a name.
#[derive(Debug, Subcommand)]
pub(crate) enum ContactVerb {
    /// Ask somebody to become a contact.
    #[command(
        after_help = "Example:\n  nexus contact add Ben --message 'it is Ana, from the train'"
    )]
    Add(AddArgs),
    /// Show my contacts.
    #[command(after_help = "Example:\n  nexus contact list")]
    List,
    /// Show who asks to become a contact.
    #[command(after_help = "Example:\n  nexus contact requests")]
    Requests,
    /// Accept a request.
    #[command(after_help = "Example:\n  nexus contact accept Ben")]
    Accept {
        /// Who.
        who: String,
    },
    /// Decline a request; the other side is not told.
    #[command(after_help = "Example:\n  nexus contact decline Ben")]
    Decline {
        /// Who.
        who: String,
    },
    /// Block somebody; to them it looks as if I were not there.
    #[command(after_help = "Example:\n  nexus contact block Ben")]
    Block {
        /// Who.
        who: String,
    },
    /// Unblock somebody, and catch up.
    #[command(after_help = "Example:\n  nexus contact unblock Ben")]
    Unblock {
        /// Who.
        who: String,
    },
    /// Change the name that a contact has here.
    #[command(after_help = "Example:\n  nexus contact rename Ben 'Ben from work'")]
    Rename {
        /// Who.
        who: String,
        /// The new name.
        name: String,
    },
    /// Remove a contact, and what is readable of the conversation.
    #[command(after_help = "Example:\n  nexus contact remove Ben")]
    Remove {
        /// Who.
        who: String,
    },
    /// Show the safety number, and record whether it is the same at the other side.
    #[command(after_help = "Example:\n  nexus contact verify Ben --yes")]
    Verify {
        /// Who.
        who: String,
        /// We compared the numbers, and they are the same.
        #[arg(long, conflicts_with = "no")]
        yes: bool,
        /// They are not the same, or no longer known to be.
        #[arg(long)]
        no: bool,
    },
}

/// `contact add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// ConnectID, invite link, or the name of somebody nearby.
    pub(crate) who: String,
    /// The name they shall have here.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where to try, as HOST:PORT.
    #[arg(long, value_name = "ADDR")]
    pub(crate) address: Option<String>,
    /// Words that go with the request, at most 500 characters.
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}
