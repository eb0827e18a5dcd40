//! Opening a database: the lock, the checks, the migrations and what the opener has to be told.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nexus_identity::id::Millis;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::beside;
use crate::error::{OpenError, StoreError};
use crate::events;
use crate::migrations;
use crate::queries::Queries;
use crate::writer::{Reader, Writer};

/// `application_id` in the header of the file: "NXUS".
pub const APPLICATION_ID: i32 = 0x4e58_5553;
/// First SQLite without the WAL-reset corruption.
pub const MIN_SQLITE: i32 = 3_051_003;
/// How long a connection waits for another one of this process before it gives up, in milliseconds.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_millis(2_000);
/// Page cache of the writer, in KiB.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Page cache of a reader, in KiB.
const READER_CACHE_KIB: i64 = 4 * 1024;
/// Pages in the write-ahead log after which a commit itself moves them into the database (64 MiB), which takes as long as
/// many commits: whoever writes much calls [`Writer::tidy`] before it comes to that.
const CHECKPOINT_PAGES: i64 = 16_384;
/// The write-ahead log is cut back to this after a checkpoint, in bytes.
const WAL_KEEP: i64 = 64 * 1024 * 1024;
/// Prepared statements kept per connection.
const STATEMENTS: usize = 192;
/// First bytes of every SQLite file.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How to open.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// What identifies this machine (contents of `/etc/machine-id` or the like); compared, never interpreted.
    pub machine: Vec<u8>,
    /// Now.
    pub now: Millis,
    /// The database may not grow beyond so many pages of 4 KiB; writes beyond fail with [`StoreError::DiskFull`].
    pub max_pages: Option<u32>,
}

impl OpenOptions {
    /// No limit of size.
    #[must_use]
    pub fn new(machine: impl Into<Vec<u8>>, now: Millis) -> Self {
        Self { machine: machine.into(), now, max_pages: None }
    }
}

/// Something the opener should act on or tell the person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The last process did not close the database. Run [`crate::Queries::check`] in the background.
    UncleanShutdown,
    /// The own instance was made on another machine or in another file: this may be a copy. Open a new instance.
    Copied {
        /// The machine differs.
        machine: bool,
        /// The file differs.
        place: bool,
    },
    /// The database was healed: entries of the own instance may be gone that others hold. Open a new instance, rebuild
    /// the views ([`Tx::rebuild`](crate::Tx::rebuild)) and synchronize.
    Healed,
    /// A log of the own instance lacks its head. Open a new instance; never continue that log.
    OwnLogDamaged {
        /// The log key.
        log: [u8; 32],
    },
}

/// An open database.
#[derive(Debug)]
pub struct Opened {
    /// For readers, checks and size.
    pub db: Database,
    /// The one write connection.
    pub writer: Writer,
    /// What to act on, worst last.
    pub notices: Vec<Notice>,
    /// Whether the file was made just now.
    pub created: bool,
}

/// A database that this process holds. Cheap to clone; the lock is let go when the last clone, reader and writer are gone.
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) shared: Arc<Shared>,
}

/// What every connection of one database has in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    #[expect(dead_code, reason = "held for its lock")]
    pub(crate) lock: File,
}

impl Database {
    /// Opens or makes the database at `path`.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed then.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
        if rusqlite::version_number() < MIN_SQLITE {
            return Err(OpenError::OldSqlite { found: rusqlite::version() });
        }
        let lock = lock(path)?;
        // Whatever stopped a healing near its end: the damaged file must not be taken for the healed one.
        beside::finish(path, options.now).map_err(|e| OpenError::from_io(path, e))?;
        let (conn, created) = open_file(path, options)?;
        let shared = Arc::new(Shared { path: path.to_path_buf(), lock });
        let queries = Queries::new(conn, Arc::clone(&shared));
        let notices = notices(&queries, options).map_err(|e| into_open(path, e))?;
        let db = Self { shared };
        Ok(Opened { db, writer: Writer::new(queries), notices, created })
    }

    /// A new read connection; it sees every committed transaction. For one thread at a time.
    ///
    /// # Errors
    /// When the file can't be opened again.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let conn = connect(&self.shared.path, false)?;
        pragma(&conn, "query_only", 1)?;
        pragma(&conn, "cache_size", -READER_CACHE_KIB)?;
        Ok(Reader::new(Queries::new(conn, Arc::clone(&self.shared))))
    }

    /// Where it lives.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Bytes on disk, write-ahead log included.
    #[must_use]
    pub fn size(&self) -> u64 {
        let wal = with_suffix(&self.shared.path, "-wal");
        [self.shared.path.as_path(), &wal]
            .into_iter()
            .filter_map(|p| fs::metadata(p).ok())
            .map(|m| m.len())
            .sum()
    }
}

/// The file, made or checked, set up and brought up to date. Says whether it was made.
fn open_file(path: &Path, options: &OpenOptions) -> Result<(Connection, bool), OpenError> {
    let created = prepare_file(path)?;
    let mut conn = connect(path, true).map_err(|e| OpenError::from_sqlite(path, e))?;
    if !created {
        check_identity(path, &conn)?;
    }
    set_up(&conn, options, created).map_err(|e| OpenError::from_sqlite(path, e))?;
    migrations::run(path, &mut conn)?;
    Ok((conn, created))
}

/// A new database, without the lock of its own.
pub(crate) fn create(path: &Path, options: &OpenOptions) -> Result<Connection, OpenError> {
    open_file(path, options).map(|(conn, _)| conn)
}

/// `nexus.db` → `nexus.db-wal` and the like.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Takes the lock file beside the database, for as long as the returned file lives.
pub(crate) fn lock(path: &Path) -> Result<File, OpenError> {
    let file =
        private_file(&with_suffix(path, ".lock")).map_err(|e| OpenError::from_io(path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_path_buf() }),
        Err(TryLockError::Error(e)) => Err(OpenError::from_io(path, e)),
    }
}

/// Opens for writing, making it readable by its owner only.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes sure of a file that is ours to write. Returns whether it is new (or empty).
fn prepare_file(path: &Path) -> Result<bool, OpenError> {
    let mut file = private_file(path).map_err(|e| OpenError::from_io(path, e))?;
    let mut magic = [0u8; 16];
    let mut have = 0;
    while let Some(room) = magic.get_mut(have..).filter(|r| !r.is_empty()) {
        match file.read(room).map_err(|e| OpenError::from_io(path, e))? {
            0 => break,
            n => have += n,
        }
    }
    match have {
        0 => Ok(true),
        16 if &magic == SQLITE_MAGIC => Ok(false),
        _ => Err(OpenError::NotNexus { path: path.to_path_buf() }),
    }
}

pub(crate) fn connect(path: &Path, writer: bool) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_WRITE;
    if writer {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else a statement with `LIMIT ?` is planned anew each time it is run, which costs more than running it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    pragma(&conn, "foreign_keys", 1)?;
    pragma(&conn, "trusted_schema", 0)?;
    pragma(&conn, "cell_size_check", 1)?;
    pragma(&conn, "temp_store", 2)?;
    Ok(conn)
}

fn pragma(conn: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    conn.pragma_update(None, name, value)
}

/// A file that is SQLite's is ours, somebody else's, or broken.
fn check_identity(path: &Path, conn: &Connection) -> Result<(), OpenError> {
    let ask = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let id = ask("PRAGMA application_id").map_err(|e| OpenError::from_sqlite(path, e))?;
    if id == i64::from(APPLICATION_ID) {
        return Ok(());
    }
    let tables =
        ask("SELECT count(*) FROM sqlite_schema").map_err(|e| OpenError::from_sqlite(path, e))?;
    // A crash between making the file and its first transaction leaves a database without anything in it.
    if id == 0 && tables == 0 {
        return Ok(());
    }
    Err(OpenError::NotNexus { path: path.to_path_buf() })
}

fn set_up(conn: &Connection, options: &OpenOptions, created: bool) -> rusqlite::Result<()> {
    if created {
        pragma(conn, "page_size", 4096)?;
    }
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(%mode, "the write-ahead log is not available here");
    }
    // 2 = FULL: a commit that returned survives a loss of power.
    pragma(conn, "synchronous", 2)?;
    pragma(conn, "secure_delete", 1)?;
    pragma(conn, "cache_size", -WRITER_CACHE_KIB)?;
    pragma(conn, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    pragma(conn, "journal_size_limit", WAL_KEEP)?;
    if let Some(pages) = options.max_pages {
        pragma(conn, "max_page_count", i64::from(pages))?;
    }
    Ok(())
}

/// Writes down when a new database was made. One that has been begun is left as it is.
fn begin(conn: &Connection, options: &OpenOptions) -> rusqlite::Result<()> {
    let tx = conn.unchecked_transaction()?;
    let now = crate::sql::millis(options.now);
    if tx.execute("INSERT OR IGNORE INTO meta (id, created) VALUES (1, ?1)", [now])? > 0 {
        events::number_after(&tx, options.now, 0)?;
    }
    tx.commit()
}

/// Notes that the database is in use and gathers what the opener must know.
fn notices(queries: &Queries, options: &OpenOptions) -> Result<Vec<Notice>, StoreError> {
    let conn = queries.conn();
    begin(conn, options)?;
    let clean: bool = conn.query_row("SELECT clean FROM meta", [], |row| row.get(0))?;
    conn.execute("UPDATE meta SET clean = 0", [])?;
    let mut notices = Vec::new();
    if !clean {
        // Part of the write-ahead log may be in the kernel's cache only, and never get to the disk: after an fsync that failed
        // the kernel takes its pages for written. What is confirmed from now on must not hang on them.
        queries.first("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        notices.push(Notice::UncleanShutdown);
    }
    notices.extend(queries.copied(&options.machine)?);
    if conn.query_row("SELECT healed FROM meta", [], |row| row.get(0))? {
        notices.push(Notice::Healed);
    }
    let lost = queries.own_logs_without_head()?;
    notices.extend(lost.into_iter().map(|log| Notice::OwnLogDamaged { log }));
    Ok(notices)
}

pub(crate) fn into_open(path: &Path, error: StoreError) -> OpenError {
    let path = path.to_path_buf();
    match error {
        StoreError::DiskFull => OpenError::DiskFull { path },
        StoreError::Disk { detail } => OpenError::Disk { path, detail },
        StoreError::ReadOnly => OpenError::ReadOnly { path },
        StoreError::Busy => OpenError::Locked { path },
        StoreError::Sqlite(source) => OpenError::from_sqlite(&path, source),
        other => OpenError::Damaged { path, detail: other.to_string() },
    }
}

/// The inode of a file: with the machine, the place an instance was made in. 0 where there is no such thing.
pub(crate) fn inode(path: &Path) -> u64 {
    #[cfg(unix)]
    {
        fs::metadata(path).map(|m| std::os::unix::fs::MetadataExt::ino(&m)).unwrap_or(0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        0
    }
}
