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

/// Waits until the store is said to be damaged.
fn damage_is_told(person: &Person) {
    let mut notices = person.goes_on(&["watch", "--since", "0", "--event", "notice"]);
    notices.until(|e| e["text"].as_str().unwrap().starts_with("the store is damaged"));
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
    damage_is_told(&ana);
    node_a.stop();
    let node_a = ana.node();
    // What a watcher had not heard of yet outlives the healing, and then it hears of what comes back.
    let mut messages = ana.goes_on(&["watch", "--since", "0", "--event", "message"]);
    let all_is_back = || {
        let rows = ana.history(&ben);
        let texts = rows.iter().filter_map(|row| row["text"].as_str());
        texts.filter(|text| text.starts_with("from ")).count() == 6
    };
    while !all_is_back() {
        messages.line();
    }
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
    damage_is_told(&ana);
    node_a.stop();
    let _node_a = ana.node();
    ana.delivers(&ben, "after the damage");
    assert_eq!(ben.history(&ana).last().unwrap()["text"], "after the damage");
    let logs = ana.json(&["log", "verify"]).rows();
    assert!(logs.iter().all(|log| log["ok"] == true), "{logs:?}");
}
