//! Checking and healing: damage is found, named, and cut out without losing what is sound.
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

use std::path::{Path, PathBuf};

use common::{Author, conversation, me, options, prepare, say, them};
use nexus_identity::id::Millis;
use nexus_storage::contacts::{ContactRow, ContactState};
use nexus_storage::events::{EventKind, NewEvent};
use nexus_storage::own::Retirement;
use nexus_storage::{ChainProblem, CheckReport, Database, Notice, OpenOptions, StoreError, heal};
use tempfile::TempDir;

/// Two logs of 40 entries, of which only every tenth of theirs is signed; closed in order.
fn stored() -> (TempDir, PathBuf) {
    let (dir, path) = common::home();
    let mut opened = Database::open(&path, &options()).unwrap();
    opened.writer.transaction(prepare).unwrap();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let (mut mine, mut theirs) = (Author::new(me(), 1, 1), Author::new(them(), 1, 2));
            mine.open(tx);
            theirs.open(tx);
            for i in 1..40 {
                say(tx, &mut mine, i, &format!("mine {i}"));
                theirs = if i % 10 == 9 { theirs.signed() } else { theirs.unsigned() };
                say(tx, &mut theirs, i, &format!("theirs {i} {}", "x".repeat(300)));
            }
            tx.put_contact(&ContactRow::new(them(), ContactState::Accepted, Millis(1)))?;
            tx.index_messages(1000).map(drop)
        })
        .unwrap();
    opened.writer.close().unwrap();
    (dir, path)
}

fn check(path: &Path) -> CheckReport {
    let opened = Database::open(path, &options()).unwrap();
    let reader = opened.db.reader().unwrap();
    let report = std::thread::spawn(move || reader.check(&|| false).unwrap()).join().unwrap();
    opened.writer.close().unwrap();
    report
}

/// `nexus.db` with something after it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// Changes rows behind the back of the triggers.
fn tamper(path: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(path).unwrap();
    let trigger: Vec<String> = ["entries_are_not_changed", "entries_are_not_deleted"]
        .iter()
        .map(|name| {
            conn.query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [name], |r| r.get(0))
                .unwrap()
        })
        .collect();
    conn.execute_batch(
        "DROP TRIGGER entries_are_not_changed; DROP TRIGGER entries_are_not_deleted",
    )
    .unwrap();
    conn.execute_batch(sql).unwrap();
    trigger.iter().for_each(|sql| conn.execute_batch(sql).unwrap());
}

#[test]
fn a_sound_store_is_ok() {
    let (_dir, path) = stored();
    let report = check(&path);
    assert!(report.is_ok(), "{:?}", report.problems());
    assert_eq!(report.chains.iter().map(|c| c.entries).collect::<Vec<_>>(), [40, 40]);
    assert!(!report.stopped);
}

#[test]
fn a_check_can_be_stopped() {
    let (_dir, path) = stored();
    let opened = Database::open(&path, &options()).unwrap();
    let report = opened.db.reader().unwrap().check(&|| true).unwrap();
    assert!(report.stopped);
}

#[test]
fn each_kind_of_damage_is_named() {
    let cases = [
        (
            "UPDATE entries SET payload = x'00' WHERE chain = 2 AND seq = 5",
            ChainProblem::Damaged(5),
        ),
        ("UPDATE entries SET kind = 200 WHERE chain = 2 AND seq = 5", ChainProblem::Damaged(5)),
        (
            "UPDATE entries SET prev = zeroblob(32) WHERE chain = 2 AND seq = 7",
            ChainProblem::Prev(7),
        ),
        (
            "UPDATE entries SET hash = zeroblob(32) WHERE chain = 2 AND seq = 8",
            ChainProblem::Damaged(8),
        ),
        ("UPDATE entries SET flags = 256 WHERE chain = 2 AND seq = 8", ChainProblem::Damaged(8)),
        (
            "DELETE FROM messages WHERE id IN (SELECT id FROM entries WHERE chain = 2 AND seq = 9); DELETE FROM entries WHERE chain = 2 AND seq = 9",
            ChainProblem::Missing(9),
        ),
        (
            "DELETE FROM messages; DELETE FROM entries WHERE chain = 2 AND seq > 30",
            ChainProblem::Missing(31),
        ),
        (
            "UPDATE entries SET signature = zeroblob(64) WHERE chain = 2 AND seq = 19",
            ChainProblem::Signature(19),
        ),
        ("UPDATE entries SET signature = x'' WHERE chain = 2 AND seq = 39", ChainProblem::Head),
        ("UPDATE chains SET topic = zeroblob(32) WHERE id = 2", ChainProblem::Open),
    ];
    for (sql, problem) in cases {
        let (_dir, path) = stored();
        tamper(&path, sql);
        let report = check(&path);
        assert_eq!(report.chains[1].problem, Some(problem), "{sql}");
        assert_eq!(report.chains[0].problem, None, "{sql}");
        assert!(!report.is_ok() && !report.problems().is_empty());
    }
}

#[test]
fn healing_keeps_what_is_signed_and_sound() {
    let (_dir, path) = stored();
    tamper(&path, "UPDATE entries SET payload = x'00' WHERE chain = 2 AND seq = 25");
    let healed = heal(&path, &options()).unwrap();
    let their_log = Author::new(them(), 1, 2).log();
    // Entry 19 is the last signed one before the damage.
    assert_eq!(healed.cut, [(their_log, Some(19))]);
    assert_eq!(healed.entries, 40 + 20);
    assert_eq!(healed.incomplete, Vec::<&str>::new());
    assert!(healed.damaged.exists());
    let opened = Database::open(&path, &options()).unwrap();
    assert_eq!(opened.notices, [Notice::Healed]);
    let queries = opened.writer.queries();
    assert!(queries.check(&|| false).unwrap().is_ok());
    assert_eq!(queries.contact(&them()).unwrap().unwrap().state, ContactState::Accepted);
    assert!(queries.conversation(&conversation(1)).unwrap().unwrap().wanted);
    opened.writer.close().unwrap();
    drop(opened.db);
    let mut opened = Database::open(&path, &options()).unwrap();
    assert_eq!(opened.notices, [Notice::Healed], "until there is a new instance");
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            tx.retire_own_instance(Retirement::Damaged, Millis(9))?;
            tx.set_own_instance(&common::own(), b"machine")
        })
        .unwrap();
    opened.writer.close().unwrap();
    drop(opened.db);
    assert_eq!(Database::open(&path, &options()).unwrap().notices, []);
}

/// Three events of a store; the cursor of the first and of the last.
fn told(path: &Path) -> (u64, u64) {
    let mut opened = Database::open(path, &options()).unwrap();
    let cursors = opened.writer.transaction::<_, StoreError>(|tx| {
        let notice = |text: &str| NewEvent {
            text: text.to_owned(),
            ..NewEvent::new(EventKind::Notice, Millis(3))
        };
        let first = tx.append_event(&notice("one"))?;
        tx.append_event(&notice("two"))?;
        Ok((first, tx.append_event(&notice("three"))?))
    });
    opened.writer.close().unwrap();
    cursors.unwrap()
}

#[test]
fn a_watcher_goes_on_over_a_healing_as_if_nothing_had_happened() {
    let (_dir, path) = stored();
    let (first, last) = told(&path);
    tamper(&path, "UPDATE entries SET payload = x'00' WHERE chain = 2 AND seq = 25");
    // Also when the clock was set back meanwhile.
    heal(&path, &OpenOptions { now: Millis(1), ..options() }).unwrap();
    let mut opened = Database::open(&path, &options()).unwrap();
    let events = opened.writer.transaction::<_, StoreError>(|tx| {
        assert!(tx.append_event(&NewEvent::new(EventKind::Contact, Millis(9)))? > last);
        tx.events_since(first, 10)
    });
    let events = events.unwrap();
    let texts: Vec<_> = events.rows.iter().map(|row| row.event.text.as_str()).collect();
    assert_eq!((texts, events.missing), (vec!["two", "three", ""], false));
}

#[test]
fn a_watcher_hears_of_it_when_healing_could_not_keep_the_events() {
    let (_dir, path) = stored();
    let (_, last) = told(&path);
    std::fs::write(&path, vec![0x5a; 100_000]).unwrap();
    let later = OpenOptions { now: Millis(options().now.0 + 1), ..options() };
    heal(&path, &later).unwrap();
    let opened = Database::open(&path, &later).unwrap();
    let found = opened.writer.queries().events_since(last, 10).unwrap();
    assert!(found.missing && found.rows.is_empty() && found.next > last, "{found:?}");
}

#[test]
fn healing_that_was_stopped_between_its_steps_is_finished_at_the_next_opening() {
    // What is left when it stops after moving so many of the damaged files away.
    for moved in [&[][..], &["-wal"], &["-wal", "-shm", ""]] {
        let (_dir, path) = stored();
        tamper(&path, "UPDATE entries SET payload = x'00' WHERE chain = 2 AND seq = 25");
        let damaged = std::fs::read(&path).unwrap();
        let healed = heal(&path, &options()).unwrap();
        std::fs::rename(&path, beside(&path, ".healed")).unwrap();
        std::fs::remove_file(healed.damaged).unwrap();
        // The log of the damaged one would be played into the healed one, were it left where it is.
        for suffix in ["", "-wal", "-shm"].iter().filter(|suffix| !moved.contains(suffix)) {
            std::fs::write(beside(&path, suffix), &damaged).unwrap();
        }
        let opened = Database::open(&path, &options()).unwrap();
        assert_eq!(opened.notices, [Notice::Healed], "{moved:?}");
        assert!(opened.writer.queries().check(&|| false).unwrap().is_ok());
        assert!(!beside(&path, ".healed").exists());
        opened.writer.close().unwrap();
    }
}

#[test]
fn a_healed_store_that_was_not_finished_is_made_anew() {
    let (_dir, path) = stored();
    std::fs::write(beside(&path, ".healing"), b"half").unwrap();
    let opened = Database::open(&path, &options()).unwrap();
    assert!(!opened.notices.contains(&Notice::Healed));
    opened.writer.close().unwrap();
    drop(opened.db);
    assert_eq!(heal(&path, &options()).unwrap().entries, 80);
    assert!(!beside(&path, ".healing").exists());
}

#[test]
fn what_was_healed_long_ago_is_erased() {
    let (dir, path) = stored();
    let healed = heal(&path, &options()).unwrap();
    std::fs::write(beside(&healed.damaged, "-wal"), b"old").unwrap();
    std::fs::write(dir.path().join("mine"), b"mine").unwrap();
    let now = options().now;
    nexus_storage::erase_damaged(&path, now).unwrap();
    assert!(healed.damaged.exists(), "not before its time");
    nexus_storage::erase_damaged(&path, Millis(now.0 + 1)).unwrap();
    assert!(!healed.damaged.exists() && !beside(&healed.damaged, "-wal").exists());
    assert!(path.exists() && dir.path().join("mine").exists());
}

#[test]
fn healing_survives_overwritten_pages() {
    let (_dir, path) = stored();
    let mut bytes = std::fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    // Half of the pages behind the schema are noise.
    for page in (pages / 2)..pages {
        bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
    }
    std::fs::write(&path, &bytes).unwrap();
    let healed = heal(&path, &options()).unwrap();
    let opened = Database::open(&path, &options()).unwrap();
    let report = opened.writer.queries().check(&|| false).unwrap();
    assert!(report.is_ok(), "{:?}", report.problems());
    assert!(healed.entries <= 80);
}

#[test]
fn healing_a_file_of_noise_gives_an_empty_store() {
    let (_dir, path) = stored();
    std::fs::write(&path, vec![0x5a; 100_000]).unwrap();
    let healed = heal(&path, &options()).unwrap();
    assert_eq!(healed.entries, 0);
    assert!(!healed.incomplete.is_empty());
    assert_eq!(std::fs::read(&healed.damaged).unwrap(), vec![0x5a; 100_000]);
    let opened = Database::open(&path, &options()).unwrap();
    assert!(opened.writer.queries().contacts().unwrap().is_empty());
}

#[test]
fn an_own_log_without_its_head_is_noticed_at_opening() {
    let (_dir, path) = stored();
    let log = Author::new(me(), 1, 1).log();
    tamper(
        &path,
        "UPDATE chains SET who = (SELECT connect_id FROM own_instance), identity = zeroblob(32),
             instance = (SELECT instance FROM own_instance) WHERE id = 1;
         DELETE FROM messages; DELETE FROM entries WHERE chain = 1 AND seq = 39",
    );
    let opened = Database::open(&path, &options()).unwrap();
    assert_eq!(opened.notices, [Notice::OwnLogDamaged { log: *log.as_bytes() }]);
}
