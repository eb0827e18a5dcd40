//! The errors that a person can meet, each with what happened and what to do next.
//!
//! One constructor for each situation, so that the same situation always speaks with the same words.

use std::path::Path;

use crate::api::{ErrorBody, ErrorCode};

/// What Unix calls an error of the device; the standard library has no name for it.
const EIO: i32 = 5;

/// Result of everything a front end can ask for.
pub type Answered<T> = Result<T, ErrorBody>;

impl ErrorBody {
    /// An error from its three parts.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }
}

impl std::fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

impl std::error::Error for ErrorBody {}

/// Nothing was written, because this instance must not go on (`why`), and the next one is not made yet.
pub(crate) fn between_instances(why: &impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::Failed,
        format!("{why}, so it goes on as a new one; nothing was written"),
        "try again in a moment",
    )
}

/// Something inside failed that the person can't mend by another argument.
pub fn failed(what: impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::Failed,
        format!("something failed: {what}"),
        "try again; if it stays, run `nexus doctor` and look at the log on standard error",
    )
}

/// An argument that can't be understood.
pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> ErrorBody {
    ErrorBody::new(ErrorCode::Usage, message, hint)
}

/// There is no identity in the data directory.
#[must_use]
pub fn no_identity(dir: &Path) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::NoIdentity,
        format!("there is no identity in {}", dir.display()),
        "make one with `nexus init --name NAME`, or bring one back with `nexus backup restore FILE`",
    )
}

/// There is one already, and it is never touched.
#[must_use]
pub fn identity_exists(dir: &Path) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::IdentityExists,
        format!("{} holds an identity already; it was not touched", dir.display()),
        "use another --data-dir, or remove everything there with `nexus wipe`",
    )
}

/// Another process holds the directory.
#[must_use]
pub fn busy(dir: &Path) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::Busy,
        format!("another process holds {} and did not answer", dir.display()),
        "end that process, or wait until it has ended, and try again",
    )
}

/// The other side of the control socket speaks another version.
#[must_use]
pub fn api_version(theirs: u32) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::ApiVersion,
        format!(
            "the running node speaks control protocol {theirs}, this program {}",
            crate::api::API_VERSION
        ),
        "stop the running node and start it with the same version of nexus",
    )
}

/// The node serves as many front ends at once as it may.
#[must_use]
pub fn too_many_clients() -> ErrorBody {
    ErrorBody::new(
        ErrorCode::Limit,
        format!("{} commands use this node already", crate::control::MAX_CLIENTS),
        "end some of them, such as `nexus watch` or `nexus history --follow`, and try again",
    )
}

/// As many invites are open as may be.
#[must_use]
pub fn too_many_invites() -> ErrorBody {
    ErrorBody::new(
        ErrorCode::Limit,
        format!("{} invites are open already", nexus_storage::letters::MAX_INVITES),
        "make one for several people with --uses, or wait until some have been used or expired",
    )
}

/// A file operation failed; maps the cases a person can act on.
pub fn io(what: &str, path: &Path, error: &std::io::Error) -> ErrorBody {
    use std::io::ErrorKind as K;
    let message = format!("{what} {}: {error}", path.display());
    match error.kind() {
        _ if error.raw_os_error() == Some(EIO) => disk_failed(&message),
        K::StorageFull | K::QuotaExceeded => disk_full(path),
        K::PermissionDenied | K::ReadOnlyFilesystem => read_only(path),
        _ => ErrorBody::new(
            ErrorCode::Failed,
            message,
            "look at the path and its permissions, and try again",
        ),
    }
}

/// No room left.
#[must_use]
pub fn disk_full(path: &Path) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::DiskFull,
        format!(
            "the disk that holds {} is full; nothing that was confirmed is lost",
            path.display()
        ),
        "free some space and try again",
    )
}

/// The disk reports an error; `what` says where.
fn disk_failed(what: impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::DiskFailed,
        format!("{what}; nothing that was confirmed is lost by that"),
        "look after the disk (the system's log, `nexus doctor`) and try again; if it goes on, stop the node and copy the \
         data directory to a sound disk",
    )
}

/// Can't be written.
#[must_use]
pub fn read_only(path: &Path) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::ReadOnly,
        format!("{} can't be written", path.display()),
        "give this user write permission, or choose another --data-dir",
    )
}

/// Nobody by that name.
#[must_use]
pub fn nobody(name: &str) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::NotFound,
        format!("there is no conversation {name:?} here"),
        "see `nexus conversations` and `nexus contact list`",
    )
}

/// A text over the limit.
#[must_use]
pub fn too_long() -> ErrorBody {
    ErrorBody::new(
        ErrorCode::TooLong,
        "the text is longer than 32 KiB; nothing was sent",
        "send it in parts, or as a file once files are there",
    )
}

/// The confirmation of a dangerous command does not match.
#[must_use]
pub fn not_confirmed(expected: &str) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::NotConfirmed,
        "the confirmation does not match; nothing was removed",
        format!("to remove everything, confirm with the name {expected:?}"),
    )
}

/// A name that is not allowed; `most` is the longest one, in bytes.
#[must_use]
pub fn bad_name(why: impl std::fmt::Display, most: usize) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::BadName,
        format!("that name can't be used: {why}"),
        format!("choose one of at most {most} bytes; what can't be seen in it is left out"),
    )
}

/// The configuration has an error.
pub fn bad_config(path: &Path, what: impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::BadConfig,
        format!("{}: {what}", path.display()),
        "mend that line; `nexus config get` lists the keys and their values",
    )
}

impl From<nexus_storage::StoreError> for ErrorBody {
    fn from(error: nexus_storage::StoreError) -> Self {
        use nexus_storage::StoreError as E;
        match error {
            E::DiskFull => Self::new(
                ErrorCode::DiskFull,
                "the disk is full; nothing that was confirmed is lost",
                "free some space and try again",
            ),
            E::Disk { .. } => disk_failed(error),
            E::ReadOnly => Self::new(
                ErrorCode::ReadOnly,
                "the store can't be written",
                "give this user write permission, and check whether the disk was mounted read-only",
            ),
            E::Damaged { detail } => Self::new(
                ErrorCode::Damaged,
                format!("the store is damaged: {detail}"),
                "stop the node and start it again: it checks the store and heals it from your contacts",
            ),
            other => failed(other),
        }
    }
}

/// A store that can't be opened.
pub fn open(error: nexus_storage::OpenError) -> ErrorBody {
    use nexus_storage::OpenError as E;
    match error {
        E::Locked { path } => busy(path.parent().unwrap_or(&path)),
        E::NewerVersion { path, found, known } => ErrorBody::new(
            ErrorCode::NewerVersion,
            format!(
                "{} has version {found}; this program knows versions up to {known}",
                path.display()
            ),
            "install the newer version of nexus again",
        ),
        E::ReadOnly { path } => read_only(&path),
        E::DiskFull { path } => disk_full(&path),
        E::Disk { .. } => disk_failed(error),
        E::Damaged { path, detail } => ErrorBody::new(
            ErrorCode::Damaged,
            format!("{} is damaged: {detail}", path.display()),
            "move that file away and start again: a new store is made and healed from your contacts",
        ),
        other => failed(other),
    }
}
