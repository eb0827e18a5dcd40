//! Files between two people, through the program alone: offered, fetched, resumed, refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use desk::{Desk, Node, Person};
use serde_json::Value;

/// Bytes that are the same nowhere, and the same each time.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut made: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(next).collect();
    made.truncate(bytes);
    made
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Offers, and waits until the other side sees it.
fn offer(from: &Person, to: &Person, paths: &[&Path]) -> String {
    let mut news = to.goes_on(&["watch", "--event", "message", "--since", "0"]);
    let names: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    let row = from.json(&[&["file", "send", &to.id], names.as_slice()].concat()).row();
    let id = row["transfer_id"].as_str().unwrap().to_owned();
    news.until(|event| event["message"]["entry_id"] == id.as_str());
    id
}

fn accept(who: &Person, id: &str, to: &Path) -> Value {
    fs::create_dir_all(to).unwrap();
    let done = who.json(&["file", "accept", id, "--to", to.to_str().unwrap(), "--wait"]);
    done.rows().pop().unwrap()
}

/// A state of a file, as somebody sees it.
fn becomes(who: &Person, id: &str, state: &str) -> Value {
    let mut changes = who.goes_on(&["file", "list", "--watch"]);
    changes.until(|row| row["transfer_id"] == id && row["state"] == state)
}

/// Every file and folder, whether it may be run, and the hash of what it holds.
fn tree(root: &Path) -> Vec<(PathBuf, u32, Option<String>)> {
    let mut found = Vec::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let inside = path.strip_prefix(root).unwrap().to_owned();
            if meta.is_dir() {
                found.push((inside, 0, None));
                dirs.push(path);
            } else {
                let runs = meta.permissions().mode() & 0o100;
                found.push((
                    inside,
                    runs,
                    Some(blake3::hash(&fs::read(&path).unwrap()).to_string()),
                ));
            }
        }
    }
    found.sort();
    found
}

fn pair(desk: &Desk) -> (Person, Node, Person, Node) {
    desk.friends()
}

#[test]
fn a_file_is_offered_fetched_and_known_to_have_arrived() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = pair(&desk);
    let source = desk.path("plan.pdf");
    write(&source, &noise(300_000, 1));
    let id = offer(&ana, &ben, &[&source]);
    assert_eq!(ben.json(&["file", "list"]).row()["state"], "offered");
    let row = accept(&ben, &id, &desk.path("in"));
    assert_eq!(row["state"], "done");
    assert!(fs::read(desk.path("in/plan.pdf")).unwrap() == fs::read(&source).unwrap());
    assert_eq!(row["root"], blake3::hash(&fs::read(&source).unwrap()).to_hex().as_str());
    becomes(&ana, &id, "done");
    ben.json(&["file", "verify", &id]).row();
}

#[test]
fn a_file_larger_than_what_is_read_before_it_is_offered_arrives_too() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = pair(&desk);
    let source = desk.path("large");
    write(&source, &noise(20_000_001, 2));
    let id = offer(&ana, &ben, &[&source]);
    assert_eq!(ben.json(&["file", "list"]).row()["root"], Value::Null);
    let row = accept(&ben, &id, &desk.path("in"));
    assert_eq!(row["root"], blake3::hash(&fs::read(&source).unwrap()).to_hex().as_str());
    assert!(fs::read(desk.path("in/large")).unwrap() == fs::read(&source).unwrap());
}

#[test]
fn an_empty_file_arrives() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = pair(&desk);
    write(&desk.path("nothing"), b"");
    let id = offer(&ana, &ben, &[&desk.path("nothing")]);
    accept(&ben, &id, &desk.path("in"));
    assert_eq!(fs::read(desk.path("in/nothing")).unwrap(), b"");
}

#[test]
fn folders_and_files_in_one_offer_arrive_as_they_are() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = pair(&desk);
    let root = desk.path("out");
    for n in 0..40_u64 {
        write(&root.join(format!("trip/day {}/{n}.jpg", n % 7)), &noise(5_000, n));
    }
    fs::create_dir_all(root.join("trip/empty/deeper")).unwrap();
    write(&root.join("run.sh"), b"#!/bin/sh\n");
    fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let id = offer(&ana, &ben, &[&root.join("trip"), &root.join("run.sh")]);
    let row = accept(&ben, &id, &desk.path("in"));
    assert_eq!((row["state"].as_str(), row["kind"].as_str()), (Some("done"), Some("several")));
    assert_eq!(tree(&desk.path("in/2 items")), tree(&root));
}

#[test]
fn what_is_there_already_does_not_come_again_and_is_not_stored_twice() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = pair(&desk);
    for n in 0..200_u64 {
        write(&desk.path(&format!("out/f{n}")), &noise(60_000, n));
    }
    let into = desk.path("in");
    let first = offer(&ana, &ben, &[&desk.path("out")]);
    accept(&ben, &first, &into);
    let again = offer(&ana, &ben, &[&desk.path("out")]);
    let row = accept(&ben, &again, &into);
    assert_eq!(row["path"], into.join("out").to_str().unwrap());
    assert_eq!(fs::read_dir(&into).unwrap().count(), 1, "no second copy, nothing left over");
}

#[test]
fn nothing_is_overwritten() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = pair(&desk);
    write(&desk.path("in/plan.pdf"), b"mine");
    write(&desk.path("plan.pdf"), b"theirs");
    let id = offer(&ana, &ben, &[&desk.path("plan.pdf")]);
    let row = accept(&ben, &id, &desk.path("in"));
    assert_eq!(row["path"], desk.path("in/plan (2).pdf").to_str().unwrap());
    assert_eq!(fs::read(desk.path("in/plan.pdf")).unwrap(), b"mine");
}

#[test]
fn what_is_declined_or_withdrawn_is_so_on_both_sides() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = pair(&desk);
    write(&desk.path("one"), b"1");
    write(&desk.path("two"), b"2");
    let one = offer(&ana, &ben, &[&desk.path("one")]);
    assert_eq!(ben.json(&["file", "decline", &one]).row()["state"], "declined");
    let mut at_ana = ana.goes_on(&["watch", "--event", "message", "--since", "0"]);
    at_ana.until(|event| event["message"]["file"]["state"] == "declined");
    let two = offer(&ana, &ben, &[&desk.path("two")]);
    assert_eq!(ana.json(&["file", "cancel", &two]).row()["state"], "withdrawn");
    let mut at_ben = ben.goes_on(&["watch", "--event", "message", "--since", "0"]);
    at_ben.until(|event| event["message"]["file"]["state"] == "withdrawn");
    let refused = ben.json(&["file", "accept", &two]);
    assert_eq!(refused.error()["code"], "wrong_state");
}

#[test]
fn a_source_that_changed_since_it_was_offered_is_not_sent() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = pair(&desk);
    let source = desk.path("draft");
    write(&source, &noise(10_000_000, 3));
    let id = offer(&ana, &ben, &[&source]);
    write(&source, &noise(10_000_000, 4));
    let into = desk.path("in");
    fs::create_dir_all(&into).unwrap();
    let to = into.to_str().unwrap();
    let failed = ben.json(&["file", "accept", &id, "--to", to, "--wait"]);
    assert_eq!(failed.error()["code"], "failed");
    assert!(!into.join("draft").exists());
    assert_eq!(becomes(&ana, &id, "changed")["state"], "changed");
}

#[test]
fn a_transfer_goes_on_after_both_nodes_died() {
    let desk = Desk::new();
    let (ana, a, ben, b) = pair(&desk);
    a.stop();
    // Slow enough to be there when they die.
    ana.json(&["config", "set", "upload_rate", "16384"]).row();
    let a = ana.node();
    ben.sees(&ana);
    let source = desk.path("large");
    write(&source, &noise(48_000_000, 5));
    let id = offer(&ana, &ben, &[&source]);
    let into = desk.path("in");
    fs::create_dir_all(&into).unwrap();
    let mut changes = ben.goes_on(&["file", "list", "--watch"]);
    ben.json(&["file", "accept", &id, "--to", into.to_str().unwrap()]).row();
    let came = |row: &Value| row["done"].as_u64() > Some(4_000_000);
    changes.until(came);
    b.kill();
    let b = ben.node();
    let mut changes = ben.goes_on(&["file", "list", "--watch"]);
    changes.until(|row| came(row) && row["done"].as_u64() > Some(16_000_000));
    a.kill();
    let _a = ana.node();
    let row = ben.json(&["file", "resume", &id, "--wait"]).rows().pop().unwrap();
    assert_eq!(row["state"], "done");
    assert!(fs::read(into.join("large")).unwrap() == fs::read(&source).unwrap());
    assert_eq!(fs::read_dir(&into).unwrap().count(), 1, "nothing is left over");
    drop(b);
}

#[test]
fn offers_of_contacts_within_the_rule_are_fetched_without_asking() {
    let desk = Desk::new();
    let (ana, _a, ben, b) = pair(&desk);
    b.stop();
    let into = desk.path("in");
    ben.json(&["config", "set", "downloads", into.to_str().unwrap()]).row();
    ben.json(&["config", "set", "auto_accept", "1"]).row();
    ben.json(&["config", "set", "keep_free", "0"]).row();
    let _b = ben.node();
    write(&desk.path("small"), &noise(1000, 6));
    write(&desk.path("large"), &noise(1_100_000, 7));
    let small = offer(&ana, &ben, &[&desk.path("small")]);
    let large = offer(&ana, &ben, &[&desk.path("large")]);
    becomes(&ben, &small, "done");
    assert_eq!(fs::read(into.join("small")).unwrap(), noise(1000, 6));
    assert_eq!(becomes(&ben, &large, "offered")["state"], "offered");
}
