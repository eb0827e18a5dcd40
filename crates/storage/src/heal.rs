//! From a damaged database to a sound one: what can be read and verified is kept, the rest comes back from peers.
//!
//! The own instance must not go on: its logs may have lost entries that others hold. [`crate::Notice::Healed`] says so at
//! every opening until there is a new one. The damaged file is kept beside the new one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nexus_log::ids::{Head, LogKey, Seq};
use nexus_log::ledger::Chain;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::beside;
use crate::error::{OpenError, StoreError};
use crate::events;
use crate::log::from_seq;
use crate::open::{self, OpenOptions, Shared};
use crate::queries::Queries;
use crate::sql::millis;

/// Tables that are copied row by row. Views are rebuilt; story and delivery marks are let go.
const LOCAL: [&str; 19] = [
    "own_instance",
    "settings",
    "contacts",
    "letters_in",
    "letters_seen",
    "letters_out",
    "invites",
    "addresses",
    "instance_records",
    "retired_instances",
    "notices",
    "conversations",
    "people",
    "keyring",
    "key_requests",
    "crowded",
    "citations",
    "read_marks",
    "contact_said",
];

/// What healing kept and lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healed {
    /// Where the damaged file is now.
    pub damaged: PathBuf,
    /// Entries kept.
    pub entries: u64,
    /// Logs that lost entries, with the last one kept. Peers have the rest.
    pub cut: Vec<(LogKey, Option<Seq>)>,
    /// Tables of which rows could not be read.
    pub incomplete: Vec<&'static str>,
}

/// Makes a sound database at `path` from the damaged one there. Afterwards open it and do what [`crate::Notice::Healed`]
/// asks for. If this fails, the damaged database is where it was, or the next opening finishes the work.
///
/// # Errors
/// As for opening: locked, read-only, no space.
pub fn heal(path: &Path, options: &OpenOptions) -> Result<Healed, OpenError> {
    let lock = open::lock(path)?;
    let fresh = beside::healing(path)?;
    let conn = open::create(&fresh, options)?;
    let shared = Arc::new(Shared { path: fresh.clone(), lock });
    let to = Queries::new(conn, Arc::clone(&shared));
    let report = salvage(path, &to, options).map_err(|e| open::into_open(path, e))?;
    drop(to);
    let damaged = beside::healed(path, options.now).map_err(|e| OpenError::from_io(path, e))?;
    Ok(Healed { damaged, ..report })
}

fn salvage(path: &Path, to: &Queries, options: &OpenOptions) -> Result<Healed, StoreError> {
    let mut healed =
        Healed { damaged: PathBuf::new(), entries: 0, cut: Vec::new(), incomplete: Vec::new() };
    to.run("BEGIN IMMEDIATE", [])?;
    match open::connect(path, false) {
        Ok(conn) => {
            let from = Queries::new(conn, Arc::clone(&to.shared));
            for table in LOCAL {
                if !copy_table(&from, to, table)? {
                    healed.incomplete.push(table);
                }
            }
            copy_logs(&from, to, &mut healed)?;
            copy_events(&from, to, options)?;
        }
        Err(_) => {
            healed.incomplete.extend(LOCAL);
            events::number_after(to.conn(), options.now, 0)?;
        }
    }
    // Of a contact that is lost, everything that my devices ever said is news again.
    to.run(
        "DELETE FROM contact_said WHERE connect_id NOT IN (SELECT connect_id FROM contacts)",
        [],
    )?;
    to.run(
        "INSERT OR IGNORE INTO conversation_state (conversation) SELECT id FROM conversations",
        [],
    )?;
    to.run(
        "INSERT OR REPLACE INTO meta (id, created, healed) VALUES (1, ?1, 1)",
        [millis(options.now)],
    )?;
    to.run("COMMIT", [])?;
    to.first("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(healed)
}

/// Copies what can be read, from both ends. `false`: something could not.
fn copy_table(from: &Queries, to: &Queries, table: &str) -> Result<bool, StoreError> {
    let forward = copy_rows(from.conn(), to, &format!("SELECT * FROM {table}"), table)?;
    if !forward {
        // Tables without a rowid can't be read backwards this way; then the first part is what there is.
        copy_rows(from.conn(), to, &format!("SELECT * FROM {table} ORDER BY rowid DESC"), table)?;
    }
    Ok(forward)
}

/// All events, or none: a watcher hears of what is missing only if nothing is kept before it.
fn copy_events(from: &Queries, to: &Queries, options: &OpenOptions) -> Result<(), StoreError> {
    if !copy_table(from, to, "events")? {
        to.run("DELETE FROM events", [])?;
    }
    let last = from.last_cursor().ok().and_then(|last| i64::try_from(last).ok()).unwrap_or(0);
    events::number_after(to.conn(), options.now, last)?;
    Ok(())
}

fn copy_rows(
    from: &Connection,
    to: &Queries,
    select: &str,
    table: &str,
) -> Result<bool, StoreError> {
    let Ok(mut statement) = from.prepare(select) else { return Ok(false) };
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let insert = format!("INSERT OR IGNORE INTO {table} ({}) VALUES ({marks})", columns.join(", "));
    let Ok(mut rows) = statement.query([]) else { return Ok(false) };
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        };
        let values: Result<Vec<Value>, _> = (0..columns.len()).map(|i| row.get(i)).collect();
        let Ok(values) = values else { continue };
        match to.run(&insert, params_from_iter(values)) {
            Ok(_) => {}
            // A row that breaks a rule of the schema is a damaged row.
            Err(StoreError::Sqlite(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

fn copy_logs(from: &Queries, to: &Queries, healed: &mut Healed) -> Result<(), StoreError> {
    let Ok(chains) = from.all_chains() else {
        healed.incomplete.push("chains");
        return Ok(());
    };
    for chain in &chains {
        let Some(report) = from.check_chain(chain, &|| false) else { continue };
        to.run("SAVEPOINT chain", [])?;
        match copy_chain(from, to, chain, report.good) {
            Ok(copied) => {
                healed.entries += copied;
                if report.problem.is_some() {
                    healed.cut.push((chain.log, report.good.map(|head| head.seq)));
                }
            }
            // These are of the new database; everything else is damage that the check did not meet on its way.
            Err(
                error @ (StoreError::DiskFull | StoreError::Disk { .. } | StoreError::ReadOnly),
            ) => return Err(error),
            Err(_) => {
                to.run("ROLLBACK TO chain", [])?;
                healed.cut.push((chain.log, None));
            }
        }
        to.run("RELEASE chain", [])?;
    }
    copy_table(from, to, "epochs")?;
    to.run(
        "DELETE FROM epochs WHERE NOT EXISTS (SELECT 1 FROM entries e
             WHERE e.chain = epochs.chain AND e.seq = epochs.seq)",
        [],
    )?;
    copy_table(from, to, "pending")?;
    to.run(
        "DELETE FROM pending WHERE NOT EXISTS (SELECT 1 FROM entries e
             WHERE e.chain = pending.chain AND e.seq = pending.seq)",
        [],
    )?;
    Ok(())
}

/// Copies a chain up to its last good entry. Gives how many that were.
fn copy_chain(
    from: &Queries,
    to: &Queries,
    chain: &Chain,
    good: Option<Head>,
) -> Result<u64, StoreError> {
    let Some(good) = good else { return Ok(0) };
    if !holds_base(to, chain)? {
        return Ok(0);
    }
    to.insert_chain_as(&Chain { head: good, ..chain.clone() }, chain.id)?;
    copy_entries(from, to, chain, good.seq)
}

/// Whether the entry that a branch hangs on was kept.
fn holds_base(to: &Queries, chain: &Chain) -> Result<bool, StoreError> {
    let Some((base, seq)) = chain.base else { return Ok(true) };
    let held = to.number(
        "SELECT count(*) FROM entries WHERE chain = ?1 AND seq = ?2",
        (base.0, from_seq(seq)),
    )?;
    Ok(held > 0)
}

fn copy_entries(from: &Queries, to: &Queries, chain: &Chain, upto: Seq) -> Result<u64, StoreError> {
    let mut select = from.statement(
        "SELECT id, chain, seq, kind, flags, prev, hash, stored, signature, payload
         FROM entries WHERE chain = ?1 AND seq <= ?2 ORDER BY seq",
    )?;
    let mut insert = to.statement(
        "INSERT INTO entries (id, chain, seq, kind, flags, prev, hash, stored, signature, payload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let mut rows = select.query((chain.id.0, from_seq(upto)))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let values: Vec<Value> = (0..10).map(|i| row.get(i)).collect::<Result<_, _>>()?;
        insert.execute(params_from_iter(values))?;
        count += 1;
    }
    Ok(count)
}
