//! The codes on the wire: frames, reasons to part, violations.

/// What a frame on the sync stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum FrameCode {
    /// Hashes of the wanted sets and of the shared scope.
    Summary = 1,
    /// The wanted topics, as only members recognise them.
    Want = 2,
    /// Heads of logs in one topic.
    Heads = 3,
    /// Entries of one log.
    Run = 4,
    /// RUN bytes that became durable.
    Credit = 5,
    /// Which topics are eager or lazy.
    Mark = 6,
    /// Two signed heads of one log that do not fit.
    Fork = 7,
    /// This log or topic not over this link.
    No = 8,
    /// The end of a topic or of the link.
    Bye = 9,
}

impl FrameCode {
    /// The code for a byte; `None` if there is no such frame.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Summary,
            2 => Self::Want,
            3 => Self::Heads,
            4 => Self::Run,
            5 => Self::Credit,
            6 => Self::Mark,
            7 => Self::Fork,
            8 => Self::No,
            9 => Self::Bye,
            _ => return None,
        })
    }
}

/// Why a topic or a link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u8)]
pub enum ByeCode {
    /// Nothing is wrong: shutting down, or a better link is there. Reconnect at will.
    #[error("done")]
    Done = 0,
    /// Over a limit of the sender's. Nobody's fault; later or less.
    #[error("over a limit")]
    Limit = 1,
    /// Three violations. Back off before dialling again.
    #[error("too many violations")]
    Violations = 2,
    /// The sender's store cannot be read or written now.
    #[error("the store does not work")]
    Storage = 3,
    /// The sender does not deal with this instance any more.
    #[error("not welcome")]
    Unwelcome = 4,
}

impl ByeCode {
    /// The code for a byte; unknown ones count as [`ByeCode::Done`], so that later versions can
    /// say more.
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Limit,
            2 => Self::Violations,
            3 => Self::Storage,
            4 => Self::Unwelcome,
            _ => Self::Done,
        }
    }
}

/// What no honest peer sends. Three on one link end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u8)]
pub enum ViolationCode {
    /// A frame that does not decode: wrong length, wrong order, trailing bytes, unknown value.
    #[error("malformed_frame")]
    Malformed = 1,
    /// A frame code below 128 that is not defined.
    #[error("unknown_frame")]
    UnknownFrame = 2,
    /// A frame larger than [`crate::limits::MAX_FRAME`].
    #[error("oversized_frame")]
    Oversized = 3,
    /// A RUN whose chain, hashes or signatures are wrong.
    #[error("forged_run")]
    ForgedRun = 4,
    /// A FORK whose proof proves nothing.
    #[error("forged_proof")]
    ForgedProof = 5,
    /// A SUMMARY or WANT while none can come.
    #[error("out_of_turn")]
    OutOfTurn = 6,
    /// A frame about a topic that was never shared on this link.
    #[error("unshared_topic")]
    UnsharedTopic = 7,
    /// A RUN of an unknown log that does not begin with its OPEN.
    #[error("unsolicited_log")]
    UnsolicitedLog = 8,
    /// A RUN that leaves out entries.
    #[error("gap")]
    Gap = 9,
    /// More RUN bytes than were granted.
    #[error("credit_overrun")]
    CreditOverrun = 10,
    /// A window below [`crate::limits::MIN_WINDOW`], or credit beyond
    /// [`crate::limits::MAX_WINDOW`].
    #[error("bad_credit")]
    BadCredit = 11,
    /// More WANT ids than [`crate::limits::MAX_WANT_IDS`].
    #[error("too_many_wants")]
    TooManyWants = 12,
}
