//! Opening: what is made, what is refused, and that a refusal changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use std::path::PathBuf;

use nexus_identity::id::{ConnectId, InstanceKey, Millis};
use nexus_storage::own::{OwnInstance, Retirement};
use nexus_storage::{Database, Notice, OpenError, OpenOptions, Opened, StoreError};
use tempfile::TempDir;

fn options() -> OpenOptions {
    OpenOptions::new(b"machine".to_vec(), Millis(1_000))
}

fn home() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nexus.db");
    (dir, path)
}

fn own() -> OwnInstance {
    OwnInstance {
        connect_id: ConnectId::from_bytes([6; 32]),
        instance: InstanceKey::from_bytes([7; 32]),
        seed: [8; 32].into(),
        prekeys: vec![9; 100].into(),
        record: vec![1],
        card: vec![2],
        created: Millis(5),
    }
}

#[test]
fn a_new_database_is_made_and_opens_again_without_notices() {
    let (_dir, path) = home();
    let opened = Database::open(&path, &options()).unwrap();
    assert!(opened.created);
    assert_eq!(opened.notices, []);
    let Opened { db, mut writer, .. } = opened;
    writer.transaction::<_, StoreError>(|tx| tx.set_own_instance(&own(), b"machine")).unwrap();
    writer.close().unwrap();
    drop(db);
    let again = Database::open(&path, &options()).unwrap();
    assert!(!again.created);
    assert_eq!(again.notices, []);
    assert_eq!(again.writer.queries().own_instance().unwrap(), Some(own()));
}

#[test]
fn a_second_opener_hears_that_it_is_locked() {
    let (_dir, path) = home();
    let first = Database::open(&path, &options()).unwrap();
    assert!(matches!(Database::open(&path, &options()), Err(OpenError::Locked { .. })));
    drop(first);
    Database::open(&path, &options()).unwrap();
}

#[test]
fn a_writer_of_another_program_is_named_as_a_lock() {
    let (_dir, path) = home();
    Database::open(&path, &options()).unwrap().writer.close().unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(matches!(Database::open(&path, &options()), Err(OpenError::Locked { .. })));
}

#[test]
fn a_newer_version_is_refused_and_kept_as_it_is() {
    let (_dir, path) = home();
    Database::open(&path, &options()).unwrap().writer.close().unwrap();
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let error = Database::open(&path, &options()).unwrap_err();
    assert!(matches!(error, OpenError::NewerVersion { found: 999, .. }), "{error}");
    let conn = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = conn.query_row("PRAGMA user_version", [], |r| r.get(0)).unwrap();
    assert_eq!(version, 999);
}

#[test]
fn a_file_of_something_else_is_not_touched() {
    let (_dir, path) = home();
    std::fs::write(&path, b"dear diary, today nothing happened").unwrap();
    assert!(matches!(Database::open(&path, &options()), Err(OpenError::NotNexus { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"dear diary, today nothing happened");
    std::fs::write(&path, b"short").unwrap();
    assert!(matches!(Database::open(&path, &options()), Err(OpenError::NotNexus { .. })));
}

#[test]
fn a_database_of_another_program_is_not_touched() {
    let (_dir, path) = home();
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE recipes (title TEXT); INSERT INTO recipes VALUES ('soup')")
        .unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Database::open(&path, &options()), Err(OpenError::NotNexus { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_directory_in_place_of_the_file_is_refused() {
    let (dir, _) = home();
    let error = Database::open(dir.path(), &options()).unwrap_err();
    assert!(matches!(error, OpenError::NotNexus { .. }), "{error}");
}

#[test]
fn a_missing_directory_is_named() {
    let (dir, _) = home();
    let error = Database::open(&dir.path().join("gone/nexus.db"), &options()).unwrap_err();
    assert!(matches!(error, OpenError::NoDirectory { .. }), "{error}");
    std::fs::write(dir.path().join("file"), b"").unwrap();
    let error = Database::open(&dir.path().join("file/nexus.db"), &options()).unwrap_err();
    assert!(matches!(error, OpenError::NoDirectory { .. }), "{error}");
}

#[test]
fn a_read_only_place_is_named() {
    // Procfs refuses writing even to root.
    let error =
        Database::open(std::path::Path::new("/proc/self/nexus.db"), &options()).unwrap_err();
    assert!(matches!(error, OpenError::ReadOnly { .. } | OpenError::NoDirectory { .. }), "{error}");
    let error = Database::open(std::path::Path::new("/sys/nexus.db"), &options()).unwrap_err();
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
}

#[test]
fn a_full_disk_is_named_at_opening() {
    let (_dir, path) = home();
    let full = OpenOptions { max_pages: Some(3), ..options() };
    let error = Database::open(&path, &full).unwrap_err();
    assert!(matches!(error, OpenError::DiskFull { .. }), "{error}");
    Database::open(&path, &options()).unwrap();
}

#[test]
fn a_full_disk_in_a_transaction_keeps_what_was_committed() {
    let (_dir, path) = home();
    Database::open(&path, &options()).unwrap().writer.close().unwrap();
    let pages = std::fs::metadata(&path).unwrap().len() / 4096 + 8;
    let tight = OpenOptions { max_pages: Some(u32::try_from(pages).unwrap()), ..options() };
    let mut writer = Database::open(&path, &tight).unwrap().writer;
    writer.transaction::<_, StoreError>(|tx| tx.set_setting("a", b"kept")).unwrap();
    let fill = |writer: &mut nexus_storage::Writer| {
        writer.transaction::<_, StoreError>(|tx| {
            (0..100).try_for_each(|i| tx.set_setting(&format!("fill {i}"), &[1; 60_000]))
        })
    };
    assert!(matches!(fill(&mut writer), Err(StoreError::DiskFull)));
    assert_eq!(writer.queries().setting("a").unwrap().unwrap(), b"kept");
    assert_eq!(writer.queries().setting("fill 0").unwrap(), None);
    writer.transaction::<_, StoreError>(|tx| tx.set_setting("b", b"goes on")).unwrap();
}

#[test]
fn a_damaged_file_is_named() {
    let (_dir, path) = home();
    Database::open(&path, &options()).unwrap().writer.close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096..].fill(0x5a);
    bytes[200..4096].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let error = Database::open(&path, &options()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[test]
fn an_unclean_end_is_noticed_once() {
    let (_dir, path) = home();
    drop(Database::open(&path, &options()).unwrap());
    let second = Database::open(&path, &options()).unwrap();
    assert_eq!(second.notices, [Notice::UncleanShutdown]);
    second.writer.close().unwrap();
    drop(second.db);
    assert_eq!(Database::open(&path, &options()).unwrap().notices, []);
}

#[test]
fn a_copy_in_another_place_or_machine_is_noticed() {
    let (dir, path) = home();
    let mut opened = Database::open(&path, &options()).unwrap();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| tx.set_own_instance(&own(), b"machine"))
        .unwrap();
    opened.writer.close().unwrap();
    drop(opened.db);
    let copy = dir.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let there = Database::open(&copy, &options()).unwrap();
    assert_eq!(there.notices, [Notice::Copied { machine: false, place: true }]);
    let elsewhere = OpenOptions::new(b"another".to_vec(), Millis(1));
    let mut there = Database::open(&path, &elsewhere).unwrap();
    assert_eq!(there.notices, [Notice::Copied { machine: true, place: false }]);
    let fresh = OwnInstance { instance: InstanceKey::from_bytes([1; 32]), ..own() };
    there
        .writer
        .transaction::<_, StoreError>(|tx| {
            tx.retire_own_instance(Retirement::Copied, Millis(9))?;
            tx.set_own_instance(&fresh, b"another")
        })
        .unwrap();
    let retired = there.writer.queries().retired_instances().unwrap();
    assert_eq!(retired.len(), 1);
    assert_eq!((retired[0].instance, retired[0].reason), (own().instance, Retirement::Copied));
    there.writer.close().unwrap();
    drop(there.db);
    assert_eq!(Database::open(&path, &elsewhere).unwrap().notices, []);
}

#[cfg(unix)]
#[test]
fn files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, path) = home();
    let _open = Database::open(&path, &options()).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}
