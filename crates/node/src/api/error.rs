//! Errors as front ends see them.

use serde::{Deserialize, Serialize};

/// An error as front ends see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Stable code, for example `not_found`.
    pub code: ErrorCode,
    /// What happened, in plain words.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// Stable error codes. The exit code of each is [`ErrorCode::exit_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// Something inside failed.
    Failed,
    /// An argument can't be understood.
    Usage,
    /// No identity here yet.
    NoIdentity,
    /// An identity is here already.
    IdentityExists,
    /// Nobody or nothing by that name.
    NotFound,
    /// Several match.
    Ambiguous,
    /// A ConnectID is mistyped.
    BadConnectId,
    /// An invite link is damaged, forged or expired.
    BadInvite,
    /// Their card is not known yet.
    CardUnknown,
    /// Nobody answered in time.
    Unreachable,
    /// A wait ended before the state was reached.
    TimedOut,
    /// Blocked by me.
    Blocked,
    /// That is me.
    IsSelf,
    /// The state does not allow it (accepting what is no request, …).
    WrongState,
    /// Only the author may.
    NotAuthor,
    /// The text is too long.
    TooLong,
    /// The text is empty.
    Empty,
    /// A name is not allowed.
    BadName,
    /// A limit was reached.
    Limit,
    /// Nine devices.
    DeviceLimit,
    /// Another process holds this data directory and did not answer.
    Busy,
    /// The database is from a newer version.
    NewerVersion,
    /// The disk is full.
    DiskFull,
    /// The data directory can't be written.
    ReadOnly,
    /// The store is damaged.
    Damaged,
    /// A backup can't be opened: wrong phrase or damaged file.
    BadBackup,
    /// The phrase is too weak.
    WeakPhrase,
    /// The configuration has an error.
    BadConfig,
    /// The other side of the control socket speaks another version.
    ApiVersion,
    /// The confirmation does not match.
    NotConfirmed,
    /// The disk reports an error.
    DiskFailed,
}

impl ErrorCode {
    /// Every code, in the order of declaration.
    pub const ALL: &[Self] = &[
        Self::Failed,
        Self::Usage,
        Self::NoIdentity,
        Self::IdentityExists,
        Self::NotFound,
        Self::Ambiguous,
        Self::BadConnectId,
        Self::BadInvite,
        Self::CardUnknown,
        Self::Unreachable,
        Self::TimedOut,
        Self::Blocked,
        Self::IsSelf,
        Self::WrongState,
        Self::NotAuthor,
        Self::TooLong,
        Self::Empty,
        Self::BadName,
        Self::Limit,
        Self::DeviceLimit,
        Self::Busy,
        Self::NewerVersion,
        Self::DiskFull,
        Self::ReadOnly,
        Self::Damaged,
        Self::BadBackup,
        Self::WeakPhrase,
        Self::BadConfig,
        Self::ApiVersion,
        Self::NotConfirmed,
        Self::DiskFailed,
    ];

    /// Exit code of the program: 1 failed, 2 usage, 3 not found, 4 timed out or unreachable, 5 refused, 6 busy.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed
            | Self::NewerVersion
            | Self::DiskFull
            | Self::DiskFailed
            | Self::ReadOnly
            | Self::Damaged
            | Self::ApiVersion => 1,
            Self::Usage
            | Self::BadConnectId
            | Self::BadInvite
            | Self::BadName
            | Self::BadConfig
            | Self::Empty => 2,
            Self::NotFound | Self::NoIdentity | Self::Ambiguous => 3,
            Self::CardUnknown | Self::Unreachable | Self::TimedOut => 4,
            Self::IdentityExists
            | Self::Blocked
            | Self::IsSelf
            | Self::WrongState
            | Self::NotAuthor
            | Self::TooLong
            | Self::Limit
            | Self::DeviceLimit
            | Self::BadBackup
            | Self::WeakPhrase
            | Self::NotConfirmed => 5,
            Self::Busy => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_error_codes_is_whole() {
        for (place, code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, place);
        }
        // The last one declared: a new one after it must be added to the list too.
        assert_eq!(ErrorCode::ALL.len(), ErrorCode::DiskFailed as usize + 1);
    }
}
