//! A damaged store: found after an unclean end, healed at the next start, made whole by a contact.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::process::Command;
use std::time::{Duration, Instant};

use desk::{Desk, Person};

/// Damages what is stored of the last entries of every log.
fn damage(person: &Person) {
    let script = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1])
for (name,) in db.execute(\"select name from sqlite_master where type='trigger'\").fetchall():
    db.execute('drop trigger '+name)
n=db.execute('update entries set payload=zeroblob(length(payload)) where id in (select e.id from entries e join chains c on c.id=e.chain where e.seq > c.head_seq - 2 and e.seq > 2)').rowcount
db.commit()
sys.exit(0 if n>2 else 3)";
    let done =
        Command::new("python3").args(["-c", script]).arg(person.dir.join("nexus.db")).status();
    assert!(done.unwrap().success(), "nothing was damaged");
}

fn wait(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn store(person: &Person) -> String {
    person.json(&["status"]).row()["store"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_damaged_comes_back_from_a_contact() {
    let desk = Desk::new();
    let (ana, node_a, ben, _node_b) = desk.friends();
    for i in 0..3 {
        ana.delivers(&ben, &format!("from Ana {i}"));
        ben.delivers(&ana, &format!("from Ben {i}"));
    }
    node_a.kill();
    damage(&ana);
    let node_a = ana.node();
    wait("the check finds it", || store(&ana).starts_with("damaged"));
    node_a.stop();
    let node_a = ana.node();
    wait("all is back", || {
        let texts = |rows: Vec<serde_json::Value>| {
            rows.iter()
                .filter(|row| row["text"].as_str().is_some_and(|t| t.starts_with("from ")))
                .count()
        };
        texts(ana.history(&ben)) == 6
    });
    assert_eq!(store(&ana), "ok");
    let logs = ana.json(&["log", "verify"]).rows();
    assert!(logs.iter().all(|log| log["ok"] == true), "{logs:?}");
    ana.delivers(&ben, "after the damage");
    assert_eq!(ben.history(&ana).last().unwrap()["text"], "after the damage");
    node_a.stop();
}

#[test]
fn damage_that_a_link_meets_is_told_and_healed_at_the_next_start() {
    let desk = Desk::new();
    let (ana, node_a, ben, node_b) = desk.friends();
    for i in 0..3 {
        ben.delivers(&ana, &format!("from Ben {i}"));
    }
    node_b.stop();
    for i in 0..3 {
        ana.json(&["send", &ben.id, &format!("from Ana {i}")]).row();
    }
    // In good order: the next start has no reason to check anything.
    node_a.stop();
    damage(&ana);
    let (node_a, _node_b) = (ana.node(), ben.node());
    wait("the link meets it", || {
        let status = ana.json(&["status"]).row();
        let notices = status["notices"].as_array().unwrap();
        notices.iter().any(|n| n.as_str().unwrap().starts_with("the store is damaged"))
    });
    node_a.stop();
    let _node_a = ana.node();
    ana.delivers(&ben, "after the damage");
    assert_eq!(ben.history(&ana).last().unwrap()["text"], "after the damage");
    let logs = ana.json(&["log", "verify"]).rows();
    assert!(logs.iter().all(|log| log["ok"] == true), "{logs:?}");
}
