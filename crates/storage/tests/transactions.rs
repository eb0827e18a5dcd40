//! Transactions: one bad job hurts no other, a crash leaves all or nothing, entries are for ever.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use std::path::Path;

use common::{Author, conversation, options, prepare, prepared, say, them};
use nexus_log::ledger::{ChainId, Ledger};
use nexus_log::order::Position;
use nexus_storage::{Database, OpenOptions, StoreError, Window};

fn set(tx: &mut nexus_storage::Tx<'_>, key: &str) -> Result<(), StoreError> {
    tx.set_setting(key, b"x")
}

#[test]
fn an_error_in_one_job_does_not_hurt_the_others() {
    let (_dir, mut opened) = prepared();
    let mut group = opened.writer.group().unwrap();
    group.job(|tx| set(tx, "first")).unwrap();
    let failed = group.job(|tx| {
        set(tx, "second")?;
        tx.set_contact_state(&them(), nexus_storage::contacts::ContactState::Blocked)
    });
    assert!(matches!(failed, Err(StoreError::Missing { .. })));
    group.job(|tx| set(tx, "third")).unwrap();
    group.commit().unwrap();
    let reader = opened.db.reader().unwrap();
    let there = |key| reader.setting(key).unwrap().is_some();
    assert!(there("first") && !there("second") && there("third"));
}

#[test]
fn numbers_remembered_in_a_failed_job_are_forgotten() {
    let (_dir, mut opened) = prepared();
    let mut author = Author::new(them(), 1, 1);
    let mut group = opened.writer.group().unwrap();
    let failed: Result<(), StoreError> = group.job(|tx| {
        let mut author = author.clone();
        author.open(tx);
        say(tx, &mut author, 1, "never");
        Err(StoreError::Missing { what: "luck" })
    });
    assert!(failed.is_err());
    group
        .job(|tx| {
            author.open(tx);
            say(tx, &mut author, 1, "for ever");
            Ok::<_, StoreError>(())
        })
        .unwrap();
    group.commit().unwrap();
    let rows = opened.writer.queries().history(&conversation(1), Window::Newest, 10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].message.state.text, "for ever");
    assert_eq!(opened.writer.queries().unread(&conversation(1)).unwrap(), 1);
}

#[test]
fn a_panic_in_a_job_undoes_only_that_job() {
    let (_dir, mut opened) = prepared();
    let mut group = opened.writer.group().unwrap();
    group.job(|tx| set(tx, "first")).unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        group.job(|tx| -> Result<(), StoreError> {
            set(tx, "second")?;
            panic!("a mistake")
        })
    }));
    assert!(caught.is_err());
    group.job(|tx| set(tx, "third")).unwrap();
    group.commit().unwrap();
    let queries = opened.writer.queries();
    assert!(queries.setting("first").unwrap().is_some());
    assert!(queries.setting("second").unwrap().is_none());
    assert!(queries.setting("third").unwrap().is_some());
}

#[test]
fn a_group_that_is_dropped_leaves_nothing() {
    let (_dir, mut opened) = prepared();
    let mut group = opened.writer.group().unwrap();
    group.job(|tx| set(tx, "gone")).unwrap();
    drop(group);
    assert_eq!(opened.writer.queries().setting("gone").unwrap(), None);
}

#[test]
fn a_full_disk_fails_the_job_or_the_group_and_loses_nothing_committed() {
    let (dir, opened) = prepared();
    let path = opened.db.path().to_path_buf();
    opened.writer.close().unwrap();
    drop(opened.db);
    let pages = std::fs::metadata(&path).unwrap().len() / 4096 + 20;
    let tight = OpenOptions { max_pages: Some(u32::try_from(pages).unwrap()), ..options() };
    let mut writer = Database::open(&path, &tight).unwrap().writer;
    writer.transaction(|tx| set(tx, "before")).unwrap();
    let mut group = writer.group().unwrap();
    let small = group.job(|tx| set(tx, "small"));
    let big = group
        .job(|tx| (0..100).try_for_each(|i| tx.set_setting(&format!("big {i}"), &[0; 50_000])));
    assert!(small.is_ok());
    assert!(matches!(big, Err(StoreError::DiskFull)), "{big:?}");
    // Whether SQLite keeps the transaction is its own choice; either way the answer is honest.
    match group.commit() {
        Ok(()) => assert!(writer.queries().setting("small").unwrap().is_some()),
        Err(StoreError::RolledBack) => {
            assert!(writer.queries().setting("small").unwrap().is_none())
        }
        Err(error) => panic!("{error}"),
    }
    assert!(writer.queries().setting("before").unwrap().is_some());
    assert!(writer.queries().setting("big 0").unwrap().is_none());
    writer.transaction(|tx| set(tx, "after")).unwrap();
    drop(dir);
}

#[test]
fn entries_can_be_neither_changed_nor_deleted() {
    let (_dir, mut opened) = prepared();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            say(tx, &mut author, 1, "for ever");
            Ok(())
        })
        .unwrap();
    let path = opened.db.path().to_path_buf();
    drop(opened);
    let conn = rusqlite::Connection::open(path).unwrap();
    for sql in [
        "UPDATE entries SET seq = seq + 1",
        "UPDATE entries SET payload = x''",
        "DELETE FROM entries",
        "DELETE FROM entries WHERE id = 1",
    ] {
        let error = conn.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains("entries are never"), "{sql}: {error}");
    }
    let count: i64 = conn.query_row("SELECT count(*) FROM entries", [], |r| r.get(0)).unwrap();
    assert_eq!(count, 2);
}

/// Copies the files of a database as they lie on the disk at this moment, as a crash would leave them.
fn crash_copy(db: &Database, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(db.path()), name(to)).unwrap();
    }
}

fn look_after_crash(path: &Path, expected: u64) {
    let opened = Database::open(path, &options()).unwrap();
    let queries = opened.writer.queries();
    assert_eq!(queries.message_count(&conversation(1)).unwrap(), expected);
    assert_eq!(queries.unread(&conversation(1)).unwrap(), expected);
    for i in 1..=expected {
        assert_eq!(queries.search(&format!("word{i}x"), None, None, 9).unwrap().len(), 1);
    }
    let report = queries.check(&|| false).unwrap();
    assert!(report.is_ok(), "{:?}", report.problems());
    assert_eq!(report.chains[0].entries, expected + 1);
}

#[test]
fn a_crash_at_any_point_leaves_whole_transactions() {
    let (dir, path) = common::home();
    let mut opened = Database::open(&path, &options()).unwrap();
    opened.writer.transaction(prepare).unwrap();
    let mut author = Author::new(them(), 1, 1);
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            author.open(tx);
            Ok(())
        })
        .unwrap();
    let mut clock = 0;
    for round in 0..12_u64 {
        // Points of a crash: in the middle of a transaction, and just after its commit.
        let mut group = opened.writer.group().unwrap();
        for _ in 0..5 {
            clock += 1;
            group
                .job::<_, StoreError>(|tx| {
                    say(tx, &mut author, clock, &format!("word{clock}x"));
                    if clock % 3 == 0 {
                        tx.index_messages(2)?;
                    }
                    Ok(())
                })
                .unwrap();
        }
        let middle = dir.path().join(format!("{round}-middle.db"));
        crash_copy(&opened.db, &middle);
        group.commit().unwrap();
        let end = dir.path().join(format!("{round}-end.db"));
        crash_copy(&opened.db, &end);
        look_after_crash(&middle, round * 5);
        look_after_crash(&end, round * 5 + 5);
    }
}

#[test]
fn readers_see_commits_and_hold_snapshots() {
    let (_dir, mut opened) = prepared();
    let mut reader = opened.db.reader().unwrap();
    let mut group = opened.writer.group().unwrap();
    group.job(|tx| set(tx, "new")).unwrap();
    assert_eq!(reader.setting("new").unwrap(), None, "not before the commit");
    group.commit().unwrap();
    assert!(reader.setting("new").unwrap().is_some());
    let writer = &mut opened.writer;
    reader
        .snapshot::<_, StoreError>(|queries| {
            assert!(queries.setting("new")?.is_some());
            writer.transaction(|tx| tx.set_setting("new", b""))?;
            assert!(queries.setting("new")?.is_some(), "the snapshot stays");
            Ok(())
        })
        .unwrap();
    assert_eq!(reader.setting("new").unwrap(), None);
}

#[test]
fn what_waits_in_the_write_ahead_log_is_counted_and_moved_into_the_database() {
    let (_dir, mut opened) = prepared();
    opened.writer.tidy().unwrap();
    assert_eq!(opened.writer.untidy().unwrap(), 0);
    opened.writer.transaction(|tx| set(tx, "one more")).unwrap();
    assert!(opened.writer.untidy().unwrap() > 0);
    opened.writer.tidy().unwrap();
    assert_eq!(opened.writer.untidy().unwrap(), 0);
    assert!(opened.db.reader().unwrap().setting("one more").unwrap().is_some());
}

#[test]
fn a_message_of_an_unknown_conversation_or_entry_is_refused() {
    let (_dir, mut opened) = prepared();
    for (n, what) in [(9, "conversation"), (1, "entry")] {
        let failed = opened.writer.transaction::<_, StoreError>(|tx| {
            let message = common::text(Position::START, them(), "nowhere");
            tx.insert_message(&conversation(n), ChainId(1), &message)
        });
        assert!(matches!(failed, Err(StoreError::Missing { what: w }) if w == what));
    }
}
