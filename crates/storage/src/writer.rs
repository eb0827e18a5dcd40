//! The write connection with its transactions, and readers.

use std::ops::Deref;
use std::time::Duration;

use crate::error::StoreError;
use crate::open::BUSY_TIMEOUT;
use crate::queries::Queries;

/// The one write connection of a database. Give it to the storage thread.
///
/// Calling order: [`Writer::transaction`] for one job, or [`Writer::group`] and then [`Group::job`] for each job that
/// waits and [`Group::commit`] once; [`Writer::close`] at the end. A commit that returned is on disk.
#[derive(Debug)]
pub struct Writer {
    queries: Queries,
}

/// A transaction. Derefs to [`Queries`]; what it writes is seen by its own reads at once and by readers after the commit.
#[derive(Debug)]
pub struct Tx<'w> {
    queries: &'w Queries,
    /// Keeps a second transaction from beginning inside this one.
    _exclusive: std::marker::PhantomData<&'w mut Writer>,
}

/// Many jobs in one transaction, and so in one fsync. Dropped without a commit, nothing of it is kept.
#[derive(Debug)]
pub struct Group<'w> {
    tx: Tx<'w>,
    finished: bool,
    /// Rows changed on this connection before it began.
    before: u64,
}

/// A read connection. Each query sees the newest commit; [`Reader::snapshot`] holds one state for several.
#[derive(Debug)]
pub struct Reader {
    queries: Queries,
}

impl Writer {
    pub(crate) fn new(queries: Queries) -> Self {
        Self { queries }
    }

    /// Runs one job in a transaction of its own and commits it.
    ///
    /// # Errors
    /// The job's error, or that of the commit; nothing is kept then.
    pub fn transaction<T, E: From<StoreError>>(
        &mut self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut group = self.group()?;
        let value = job(&mut group.tx)?;
        group.commit()?;
        Ok(value)
    }

    /// Begins a transaction for many jobs.
    ///
    /// # Errors
    /// When the database can't be written at all.
    pub fn group(&mut self) -> Result<Group<'_>, StoreError> {
        self.queries.run("BEGIN IMMEDIATE", [])?;
        let tx = Tx { queries: &self.queries, _exclusive: std::marker::PhantomData };
        let before = self.queries.conn().total_changes();
        Ok(Group { tx, finished: false, before })
    }

    /// Reads on the write connection, between transactions.
    #[must_use]
    pub fn queries(&self) -> &Queries {
        &self.queries
    }

    /// Moves the write-ahead log into the database and notes that it was closed in order.
    ///
    /// # Errors
    /// When the note can't be written; the next start then checks the database.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.queries.run("UPDATE meta SET clean = 1", [])?;
        self.checkpoint()
    }

    /// Moves the write-ahead log into the database, so that what was deleted is gone from both. For quiet moments, and
    /// after texts or keys were erased.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        // Busy readers keep the log where it is: no harm, the next one takes it in.
        self.queries.first("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

impl Writer {
    /// Damage was met: has the next opening heal the database, also if it can't be written any more.
    ///
    /// # Errors
    /// What the file system said.
    pub fn want_healing(&self) -> std::io::Result<()> {
        crate::beside::want_healing(&self.queries.shared.path)
    }

    /// Whether texts or keys were erased since the last [`Writer::wipe`], so that the files may still hold them.
    #[must_use]
    pub fn must_wipe(&self) -> bool {
        self.queries.erased.get()
    }

    /// Takes what was erased out of the files. Does not wait for readers: `false` when one still needs the write-ahead
    /// log as it is; try again later.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn wipe(&mut self) -> Result<bool, StoreError> {
        let conn = self.queries.conn();
        conn.busy_timeout(Duration::ZERO)?;
        let busy = self
            .queries
            .first("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)?));
        conn.busy_timeout(BUSY_TIMEOUT)?;
        let done = busy? == Some(0);
        self.queries.erased.set(!done);
        Ok(done)
    }

    /// Pages of 4 KiB that wait in the write-ahead log to be moved into the database.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn untidy(&self) -> Result<u64, StoreError> {
        let pages = self.queries.first("PRAGMA wal_checkpoint(NOOP)", [], |row| {
            Ok(row.get::<_, i64>(1)?.saturating_sub(row.get(2)?))
        })?;
        Ok(u64::try_from(pages.unwrap_or(0)).unwrap_or(0))
    }

    /// Moves into the database what readers do not need in the write-ahead log, and keeps the log's file for what is
    /// written next: cheaper than one that grows anew. For moments in which nobody waits for a commit.
    ///
    /// # Errors
    /// When the database can't be written.
    pub fn tidy(&mut self) -> Result<(), StoreError> {
        self.queries.first("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(())
    }
}

impl<'w> Group<'w> {
    /// Runs a job in a savepoint. Its error undoes only what it did itself, unless SQLite had to give up the whole
    /// transaction (no space left): then every later job and the commit say [`StoreError::RolledBack`].
    ///
    /// # Errors
    /// The job's error.
    pub fn job<T, E: From<StoreError>>(
        &mut self,
        job: impl FnOnce(&mut Tx<'w>) -> Result<T, E>,
    ) -> Result<T, E> {
        if self.lost() {
            return Err(StoreError::RolledBack.into());
        }
        self.tx.run("SAVEPOINT job", [])?;
        let undo = Undo(self.tx.queries);
        let result =
            job(&mut Tx { queries: self.tx.queries, _exclusive: std::marker::PhantomData });
        match result {
            Ok(value) => {
                undo.0.flush_working()?;
                undo.0.run("RELEASE job", [])?;
                std::mem::forget(undo);
                Ok(value)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether there is anything to make durable; if not, a commit says nothing about the disk.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.tx.conn().total_changes() != self.before
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`], [`StoreError::RolledBack`] and so on: no job of the group was kept.
    pub fn commit(mut self) -> Result<(), StoreError> {
        if self.lost() {
            return Err(StoreError::RolledBack);
        }
        self.tx.flush_working()?;
        self.tx.index_if_behind()?;
        self.tx.run("COMMIT", [])?;
        self.finished = true;
        Ok(())
    }

    /// Whether SQLite ended the transaction by itself.
    fn lost(&self) -> bool {
        self.tx.conn().is_autocommit()
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        self.tx.queries.forget_working();
        if !self.lost()
            && let Err(error) = self.tx.run("ROLLBACK", [])
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
}

/// Undoes a job that failed or panicked.
struct Undo<'a>(&'a Queries);

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.0.forget_working();
        if self.0.conn().is_autocommit() {
            return;
        }
        if let Err(error) = self.0.conn().execute_batch("ROLLBACK TO job; RELEASE job") {
            tracing::error!(%error, "a job could not be undone");
        }
    }
}

impl Reader {
    pub(crate) fn new(queries: Queries) -> Self {
        Self { queries }
    }

    /// Runs several queries on one state of the database.
    ///
    /// # Errors
    /// What the queries return.
    pub fn snapshot<T, E: From<StoreError>>(
        &mut self,
        read: impl FnOnce(&Queries) -> Result<T, E>,
    ) -> Result<T, E> {
        self.queries.run("BEGIN", [])?;
        let result = read(&self.queries);
        let end = self.queries.run("COMMIT", []);
        let value = result?;
        end?;
        Ok(value)
    }
}

impl Deref for Tx<'_> {
    type Target = Queries;

    fn deref(&self) -> &Queries {
        self.queries
    }
}

impl Deref for Reader {
    type Target = Queries;

    fn deref(&self) -> &Queries {
        &self.queries
    }
}
