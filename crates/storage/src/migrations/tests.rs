use std::path::Path;

use rusqlite::Connection;
use rusqlite_migration::M;

use super::{STEPS, up_to};
use crate::error::OpenError;

/// A database of version 1 with a row in it.
fn first() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    up_to(Path::new("test"), &mut conn, &STEPS[..1]).unwrap();
    conn.execute("INSERT INTO settings (key, value) VALUES ('kept', x'01')", []).unwrap();
    conn
}

fn ask(conn: &Connection, sql: &str) -> i64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn schema(conn: &Connection) -> String {
    let mut statement = conn
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
        .unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(|sql| sql.unwrap() + ";\n").collect()
}

#[test]
fn version_1_is_what_it_was_when_it_was_released() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schema-1.sql");
    let now = schema(&first());
    if std::env::var_os("NEXUS_BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    assert_eq!(now, std::fs::read_to_string(path).unwrap(), "a released migration is never edited");
}

#[test]
fn every_version_reaches_the_latest_and_keeps_its_rows() {
    for version in 1..=STEPS.len() {
        let mut conn = first();
        up_to(Path::new("test"), &mut conn, &STEPS[..version]).unwrap();
        up_to(Path::new("test"), &mut conn, STEPS).unwrap();
        assert_eq!(ask(&conn, "PRAGMA user_version"), STEPS.len() as i64);
        assert_eq!(ask(&conn, "SELECT count(*) FROM settings"), 1);
        let mut fresh = Connection::open_in_memory().unwrap();
        up_to(Path::new("test"), &mut fresh, STEPS).unwrap();
        assert_eq!(schema(&conn), schema(&fresh));
    }
}

#[test]
fn a_step_that_fails_leaves_the_version_before_it() {
    let mut conn = first();
    up_to(Path::new("test"), &mut conn, STEPS).unwrap();
    let mut steps = STEPS.to_vec();
    steps.push(M::up(
        "ALTER TABLE settings ADD COLUMN note TEXT NOT NULL DEFAULT ''; SELECT broken;",
    ));
    let failed = up_to(Path::new("test"), &mut conn, &steps);
    assert!(
        matches!(failed, Err(OpenError::Sqlite { .. } | OpenError::Damaged { .. })),
        "{failed:?}"
    );
    assert_eq!(ask(&conn, "PRAGMA user_version"), STEPS.len() as i64);
    assert_eq!(ask(&conn, "SELECT count(*) FROM pragma_table_info('settings')"), 2);
    steps.pop();
    steps.push(M::up("ALTER TABLE settings ADD COLUMN note TEXT NOT NULL DEFAULT ''"));
    up_to(Path::new("test"), &mut conn, &steps).unwrap();
    assert_eq!(ask(&conn, "SELECT count(*) FROM settings WHERE note = ''"), 1);
}

#[test]
fn a_version_from_the_future_is_refused() {
    let mut conn = first();
    conn.pragma_update(None, "user_version", 999).unwrap();
    let refused = up_to(Path::new("test"), &mut conn, STEPS);
    assert!(matches!(refused, Err(OpenError::NewerVersion { found: 999, .. })));
}
