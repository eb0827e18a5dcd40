//! Seeded bugs: mistakes that are built in on purpose, so that the simulator can show that it finds such mistakes.
//!
//! Without the feature `seeded-bugs`, which nothing that is shipped turns on, [`is`] is a constant `false` and none of them is
//! compiled. With it, none acts until a test of the simulator selects one on its own thread.

macro_rules! bugs {
    ($($what:literal $bug:ident,)*) => {
        /// A mistake. Each acts at one place.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug {
            $(#[doc = $what] $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];

            /// What goes wrong, in words.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$bug => $what,)*
                }
            }
        }
    };
}

bugs! {
    "a prekey is erased as soon as it is replaced" PrekeyErasedEarly,
    "a replaced prekey is never erased" PrekeyKept,
    "a log is continued though somebody else wrote there, too" OwnLogContinued,
    "the second branch of a log counts as known" ForkBranchDropped,
    "a log of somebody else that is forked takes in no more" ForkedLogFrozen,
    "a message stands where the clock was when it came" PlaceByArrival,
    "the edit that comes last wins" EditByArrival,
    "the first edit wins, wherever it stands" FirstEditWins,
    "what comes before the message that it changes is lost" EarlyOperationDropped,
    "the clock does not follow what others wrote" ClockNotFollowed,
    "nobody answers who asks for a key" KeyRequestIgnored,
    "keys of messages that disappeared are kept" FleetingKeyKept,
    "sending begins one entry too late" FrontierOffByOne,
    "half of the credit is never granted again" CreditLeak,
    "a changed set of topics counts as the same" FastPathIgnoresTopics,
    "what changes during a round is not compared" ChangeInRoundLost,
    "a topic that comes during a round waits for ever" RoundNotRepeated,
    "a link that brings nothing stays the one that is to bring it" EagerNeverReplaced,
    "a run that waits for another is forgotten" WaitingRunDropped,
    "the end of one link makes others forget its topics" ViewReleasedEarly,
    "what is on the wire counts as delivered" DeliveredWhenWritten,
    "heads are shown before they are durable" HeadsBeforeDurable,
}

#[cfg(feature = "seeded-bugs")]
mod selected {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static SELECTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// From now on this mistake is made on this thread, and no other; `None`: none is.
    pub fn select(bug: Option<Bug>) {
        SELECTED.set(bug);
    }

    /// Whether this mistake is to be made.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        SELECTED.get() == Some(bug)
    }
}

#[cfg(feature = "seeded-bugs")]
pub use selected::{is, select};

/// Whether this mistake is to be made: never, in what is shipped.
#[cfg(not(feature = "seeded-bugs"))]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}
