//! What can go wrong with the store, in types.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// What Unix calls an error of the device; the standard library has no name for it.
const EIO: i32 = 5;

/// Why a database could not be opened. Nothing was changed in any of these cases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds this database. Attach to it, or wait for it to end.
    #[error("another process holds {}", path.display())]
    Locked {
        /// The database.
        path: PathBuf,
    },
    /// A newer program wrote this database. Install that version or a later one.
    #[error("{} has schema version {found}; this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The database.
        path: PathBuf,
        /// Version found.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// The directory or the file can't be written. Mend its permissions, or choose another data directory.
    #[error("{} can't be written", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// There is no room. Free some space and start again.
    #[error("no space left for {}", path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// The disk reported an error. See to the disk; what it has confirmed is there.
    #[error("the disk that holds {} failed: {detail}", path.display())]
    Disk {
        /// The database.
        path: PathBuf,
        /// What was said.
        detail: String,
    },
    /// The file is there, and is something else. Choose another data directory.
    #[error("{} is not a Nexus database", path.display())]
    NotNexus {
        /// The file.
        path: PathBuf,
    },
    /// The file is a Nexus database with broken pages or an incomplete schema. [`crate::heal`] keeps what is readable.
    #[error("{} is damaged: {detail}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The directory does not exist, or something on the way to it is no directory.
    #[error("there is no directory for {}", path.display())]
    NoDirectory {
        /// The database.
        path: PathBuf,
    },
    /// The SQLite linked in is older than the first one without the WAL-reset corruption. A build mistake.
    #[error("SQLite {found} is too old: 3.51.3 or later is needed")]
    OldSqlite {
        /// Version linked in.
        found: &'static str,
    },
    /// The operating system refused for another reason.
    #[error("{} can't be opened", path.display())]
    Io {
        /// The database.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// SQLite refused for a reason that is none of the above: a mistake in this program.
    #[error("{} can't be opened", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
}

impl OpenError {
    pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match StoreError::from(source) {
            StoreError::DiskFull => Self::DiskFull { path },
            StoreError::ReadOnly => Self::ReadOnly { path },
            StoreError::Busy => Self::Locked { path },
            StoreError::Disk { detail } => Self::Disk { path, detail },
            StoreError::Damaged { detail } => Self::Damaged { path, detail },
            StoreError::Sqlite(source) => match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => Self::NotNexus { path },
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    Self::ReadOnly { path }
                }
                _ => Self::Sqlite { path, source },
            },
            other => Self::Damaged { path, detail: other.to_string() },
        }
    }

    pub(crate) fn from_io(path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let path = path.to_path_buf();
        if source.raw_os_error() == Some(EIO) {
            return Self::Disk { path, detail: source.to_string() };
        }
        match source.kind() {
            K::PermissionDenied | K::ReadOnlyFilesystem => Self::ReadOnly { path },
            K::StorageFull | K::QuotaExceeded => Self::DiskFull { path },
            K::NotFound | K::NotADirectory => Self::NoDirectory { path },
            K::IsADirectory => Self::NotNexus { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Why a read or a write failed. A failed job leaves no trace; see [`crate::Group`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room. Nothing of the transaction was kept; free some space and repeat it.
    #[error("no space left for the database")]
    DiskFull,
    /// The disk reported an error. Whatever was to be committed may or may not be found at the next opening; here it counts
    /// as not kept, and the next transaction writes over it.
    #[error("the disk failed: {detail}")]
    Disk {
        /// What SQLite said.
        detail: String,
    },
    /// The database can't be written (any more): the file system became read-only.
    #[error("the database can't be written")]
    ReadOnly,
    /// Another process is writing. It should not: the lock file says that this one owns the database.
    #[error("another process writes to the database")]
    Busy,
    /// Pages or rows are broken. Stop writing, then [`crate::heal`].
    #[error("the database is damaged: {detail}")]
    Damaged {
        /// What is broken.
        detail: String,
    },
    /// A number does not fit the store (sequence numbers end at 2⁶³ − 1). Only forged input gets there.
    #[error("{what} is out of range")]
    OutOfRange {
        /// What number.
        what: &'static str,
    },
    /// A value is longer than the store takes.
    #[error("{what} is longer than {limit} bytes")]
    TooLong {
        /// What value.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
    },
    /// What is named is not there.
    #[error("no such {what}")]
    Missing {
        /// What it is.
        what: &'static str,
    },
    /// The transaction was rolled back by an earlier error in it; nothing of it was kept.
    #[error("the transaction was rolled back")]
    RolledBack,
    /// Anything else SQLite says: a mistake in this program.
    #[error("the database refused: {0}")]
    Sqlite(#[source] rusqlite::Error),
}

impl StoreError {
    /// A row that can't be what this program wrote.
    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged { detail: detail.into() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if let rusqlite::Error::FromSqlConversionFailure(_, _, _)
        | rusqlite::Error::IntegralValueOutOfRange(_, _)
        | rusqlite::Error::InvalidColumnType(_, _, _) = &error
        {
            return Self::damaged(error.to_string());
        }
        // The index of the write-ahead log could not grow: that is how a full disk shows itself when opening.
        if error
            .sqlite_error()
            .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
        {
            return Self::DiskFull;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::SystemIoFailure) => Self::Disk { detail: error.to_string() },
            // Also where the disk could not be read: SQLite makes no difference there.
            Some(ErrorCode::DatabaseCorrupt) => Self::damaged(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}
