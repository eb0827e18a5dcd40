//! The shipped program on a disk that fails. What was confirmed is there afterwards, or the damage is found, told and healed
//! from a contact: never silently gone, and never a panic.
//!
//! `NEXUS_FAULTS_SEED` repeats the random choices.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod disk;
mod lab;

use std::collections::BTreeSet;

use disk::{Disk, Fault};
use lab::person::Node;
use lab::random::Random;
use lab::story::{SOON, contacts_on_loopback, see_the_same};
use lab::written::{Written, assert_whole};
use lab::{Person, long, until};
use serde_json::Value;

/// Bytes of a page of the database.
const PAGE: u64 = 4096;

/// Ana's disk is the one that fails; Ben's is sound.
struct Desk {
    ana: Person,
    ben: Person,
    disk: Disk,
    written: Written,
    random: Random,
}

impl Desk {
    fn new(fault: Fault, one_in: u32) -> Self {
        let mut random = Random::from_env("NEXUS_FAULTS_SEED");
        let [mut ana, ben] = contacts_on_loopback(["Ana", "Ben"]);
        let disk = Disk::new();
        ana.set_environment(disk.failing(fault, one_in, random.draw()));
        Self { ana, ben, disk, written: Written::default(), random }
    }

    /// Ana writes so many; gives how many of them were confirmed.
    fn writes(&mut self, node: &Node, mut count: usize) -> usize {
        let before = self.written.confirmed.len();
        let random = &mut self.random;
        let mut control = node.control();
        let lived = self.written.send(&mut control, &self.ben.id, |written, _| {
            count = count.checked_sub(1)?;
            Some(written.next_text("Ana", random.below(200)))
        });
        assert!(lived, "the node went away: {}", node.said());
        self.written.confirmed.len() - before
    }

    fn refused(&self, codes: &[&str]) {
        for error in self.written.refused.values() {
            assert!(codes.contains(&error["code"].as_str().unwrap()), "{error}");
            assert!(error["hint"].as_str().unwrap().len() > 10, "{error}");
        }
    }

    fn power_cut(&mut self, node: Node) {
        ends(node);
        self.disk.power_cut(self.ana.data_dir(), &mut self.random);
    }

    fn kill(&mut self, node: Node) {
        ends(node);
        self.disk.killed();
    }

    /// All that Ana's node confirmed is in her store, as it is.
    fn holds_what_was_confirmed(&self) {
        let held: BTreeSet<String> = self.ana.texts(&self.ben.id).into_iter().collect();
        for text in self.written.confirmed.keys() {
            assert!(held.contains(text), "confirmed and lost: {text}");
        }
    }

    /// With a sound disk and time, all is well on both sides.
    fn ends_well(&self) {
        self.disk.works();
        let nodes = (self.ana.start(), self.ben.start());
        see_the_same(&self.ana, &self.ben);
        let texts = self.ana.texts(&self.ben.id);
        assert_whole(&texts, &[&self.written]);
        self.ana.assert_log_verifies();
        self.ben.assert_log_verifies();
        ends(nodes.0);
    }
}

/// SIGKILL, and it must not have panicked before.
fn ends(node: Node) {
    assert!(!node.said().contains("panicked"), "{}", node.said());
    node.kill();
}

#[test]
fn what_was_confirmed_survives_an_fsync_that_fails_and_the_power_cut_after_it() {
    let mut desk = Desk::new(Fault::FsyncFails, 3);
    for round in 0..long(4, 40) {
        let node = desk.ana.start();
        desk.disk.fails();
        // A few at a time, so that there are many commits; the last one fails.
        let confirmed: usize = (0..15).map(|_| desk.writes(&node, 4)).sum();
        until("another one fails", SOON, || {
            if desk.writes(&node, 1) == 0 { Ok(()) } else { Err(String::new()) }
        });
        desk.disk.works();
        eprintln!("round {round}: {confirmed} of 60 while it failed");
        // It goes on by itself; or another process does, which sees in the kernel what the disk has not got.
        let node = if round % 2 == 0 {
            desk.kill(node);
            desk.ana.start()
        } else {
            node
        };
        assert_eq!(desk.writes(&node, 5), 5, "{:?}", desk.written.refused);
        desk.power_cut(node);
        desk.holds_what_was_confirmed();
    }
    assert!(desk.disk.faults() > 0 && !desk.written.refused.is_empty(), "no fsync failed");
    desk.refused(&["disk_failed"]);
    desk.ends_well();
}

#[test]
fn short_writes_are_finished() {
    let mut desk = Desk::new(Fault::ShortWrite, 2);
    desk.disk.fails();
    let node = desk.ana.start();
    assert_eq!(desk.writes(&node, 100), 100);
    desk.power_cut(node);
    desk.holds_what_was_confirmed();
    assert!(desk.disk.faults() > 100, "{} short writes", desk.disk.faults());
    desk.ends_well();
}

/// A fault of each write: what it says, that it is told in `status` and `doctor`, and that it passes by itself.
fn writes_fail(fault: Fault, code: &str) {
    let mut desk = Desk::new(fault, 1);
    let (node, node_b) = (desk.ana.start(), desk.ben.start());
    desk.writes(&node, 20);
    desk.disk.fails();
    assert_eq!(desk.writes(&node, 20), 0);
    assert_eq!(desk.written.refused.len(), 20);
    desk.refused(&[code]);
    let run = desk.ana.nexus(&["send", &desk.ben.id, "not this one"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some(code)), "{run:?}");
    assert_eq!(desk.ana.texts(&desk.ben.id).len(), 20, "reading goes on");
    told(&desk.ana);

    // What a contact sends waits there.
    let run =
        desk.ben.nexus(&["send", &desk.ana.id, "to Ana", "--wait", "delivered", "--timeout", "1s"]);
    assert_eq!(run.error()["code"], "timed_out", "{run:?}");
    // A start says so too.
    ends(node);
    desk.disk.killed();
    let run = desk.ana.nexus(&["node"]);
    assert_eq!((run.code, run.error()["code"].as_str()), (1, Some(code)), "{run:?}");

    desk.disk.works();
    let node = desk.ana.start();
    until("what waited arrives", SOON, || {
        let texts = desk.ana.texts(&desk.ben.id);
        if texts.iter().any(|text| text == "to Ana") { Ok(()) } else { Err(format!("{texts:?}")) }
    });
    assert_eq!(desk.writes(&node, 20), 20);
    until("nothing is wrong any more", SOON, || {
        let status = desk.ana.nexus(&["status"]).row();
        if status["store"] == "ok" { Ok(()) } else { Err(status.to_string()) }
    });
    desk.power_cut(node);
    desk.holds_what_was_confirmed();
    drop(node_b);
    let Desk { ana, ben, .. } = &desk;
    let _nodes = (ana.start(), ben.start());
    see_the_same(ana, ben);
}

/// `status` and `doctor` say that the store fails, and what to do.
fn told(person: &Person) {
    let status = person.nexus(&["status"]).row();
    assert!(status["store"].as_str().unwrap().starts_with("failing: "), "{status}");
    let checks = person.nexus(&["doctor"]);
    let check = checks.rows.iter().find(|row| row["check"] == "store").unwrap();
    assert_eq!(check["ok"], false, "{check}");
    assert!(check["hint"].as_str().unwrap().len() > 10, "{check}");
}

#[test]
fn a_full_disk_is_told_and_passes() {
    writes_fail(Fault::NoSpace, "disk_full");
}

#[test]
fn a_disk_that_can_not_be_written_is_told_and_passes() {
    writes_fail(Fault::WriteFails, "disk_failed");
}

/// Starts the node, and where the store is damaged does what the program says: start again. Gives what was told.
fn starts_again(person: &Person) -> (Node, Vec<String>) {
    let mut told = Vec::new();
    loop {
        let node = person.spawn();
        if node.ready().is_none() {
            panic!("{}", node.said());
        }
        until("the check ends", SOON, || {
            let store = store(person);
            if store == "checking" { Err(store) } else { Ok(()) }
        });
        match store(person) {
            ok if ok == "ok" => return (node, told),
            damage => {
                assert!(damage.starts_with("damaged: "), "{damage}");
                assert!(told.len() < 3, "not healed: {told:?}");
                told.push(damage);
                node.stop();
            }
        }
    }
}

/// What `status` says of the store, and be it by its error.
fn store(person: &Person) -> String {
    let run = person.nexus(&["status"]);
    if run.code == 0 {
        return run.row()["store"].as_str().unwrap().to_owned();
    }
    let error = run.error();
    assert_eq!(error["code"], "damaged", "{error}");
    format!("damaged: {}", error["message"])
}

#[test]
fn what_was_delivered_comes_back_after_an_fsync_that_lied() {
    let mut desk = Desk::new(Fault::FsyncLies, 1);
    let node_b = desk.ben.start();
    // Each loss costs one of the eight places for devices.
    for round in 0..long(3, 6) {
        let node = desk.ana.start();
        desk.disk.fails();
        let before = desk.written.confirmed.clone();
        desk.writes(&node, 20);
        let mut under_way: BTreeSet<String> = desk.written.confirmed.values().cloned().collect();
        under_way.retain(|id| !before.values().any(|known| known == id));
        while !under_way.is_empty() {
            let event = node.event("state", SOON, |event| event["state"] == "delivered");
            under_way.remove(event["entry_id"].as_str().unwrap());
        }
        // A node that ends in good order moves everything into the database, of which the disk then has a part only.
        if round % 2 == 0 {
            node.stop();
            desk.disk.power_cut(desk.ana.data_dir(), &mut desk.random);
        } else {
            desk.power_cut(node);
        }
        desk.disk.works();
        let (node, told) = starts_again(&desk.ana);
        eprintln!("round {round}: told {told:?}");
        see_the_same(&desk.ana, &desk.ben);
        assert_whole(&desk.ana.texts(&desk.ben.id), &[&desk.written]);
        let status = desk.ana.nexus(&["status"]).row();
        assert!(!status["notices"].as_array().unwrap().is_empty(), "{status}");
        node.stop();
    }
    drop(node_b);
    desk.ends_well();
}

#[test]
fn what_lies_in_bad_sectors_is_missed_told_and_comes_back() {
    let mut desk = Desk::new(Fault::ReadFails, 1);
    let node_b = desk.ben.start();
    let node = desk.ana.start();
    desk.writes(&node, 300);
    until("all is delivered", SOON, || {
        let status = desk.ana.nexus(&["status"]).row();
        if status["queued"] == 0 { Ok(()) } else { Err(status.to_string()) }
    });
    node.stop();
    for round in 0..long(3, 6) {
        let file = desk.ana.data_dir().join("nexus.db");
        let pages = std::fs::metadata(&file).unwrap().len() / PAGE;
        // Not in the first page: then the disk has no database, and nothing to heal.
        let first = 1 + desk.random.below(usize::try_from(pages).unwrap() - 1) as u64;
        let bad = first * PAGE..(first + 8) * PAGE;
        desk.ana.set_environment(desk.disk.bad_sectors(&file, bad.clone()));
        desk.disk.fails();
        let (mut node, mut told) = starts_again(&desk.ana);
        add_again(&desk.ana, &desk.ben);
        // Whoever asks for what is there gets everything, or an error; and then the next start heals.
        while let Some(error) = asks_for_everything(&desk.ana, &desk.ben) {
            assert!(told.len() < 3, "not healed: {told:?}");
            told.push(error);
            node.stop();
            let (again, more) = starts_again(&desk.ana);
            node = again;
            told.extend(more);
            add_again(&desk.ana, &desk.ben);
        }
        eprintln!(
            "round {round}: bytes {bad:?} of {pages} pages, {} faults, told {told:?}",
            desk.disk.faults()
        );
        see_the_same(&desk.ana, &desk.ben);
        assert_whole(&desk.ana.texts(&desk.ben.id), &[&desk.written]);
        node.stop();
    }
    assert!(desk.disk.faults() > 0);
    drop(node_b);
    desk.ends_well();
}

/// Where the store lost its contacts with everything else, it says so, and what to do.
fn add_again(who: &Person, other: &Person) {
    let contacts = who.nexus(&["contact", "list"]);
    if contacts.code != 0 || !contacts.rows.is_empty() {
        return;
    }
    let status = who.nexus(&["status"]).row();
    let notices = status["notices"].as_array().unwrap();
    let says = |notice: &Value| notice.as_str().unwrap().contains("add your contacts again");
    assert!(notices.iter().any(says), "no contacts, and not a word of it: {status}");
    eprintln!("the store was lost");
    who.nexus(&["contact", "add", &other.id]).row();
    who.contact_in_state(&other.id, "accepted", SOON);
}

/// Reads every message and every entry; gives what could not be read.
fn asks_for_everything(who: &Person, with: &Person) -> Option<String> {
    let questions: [&[&str]; 2] =
        [&["history", &with.id, "--limit", "1000000"], &["log", "verify"]];
    for question in questions {
        let run = who.nexus(question);
        let bad = run.rows.iter().find(|row| row["ok"] == false);
        if run.code != 0 && bad.is_none() {
            let error = run.error();
            assert!(
                ["damaged", "disk_failed"].contains(&error["code"].as_str().unwrap()),
                "{error}"
            );
            assert!(error["hint"].as_str().unwrap().len() > 10, "{error}");
            return Some(error.to_string());
        }
        if let Some(bad) = bad {
            return Some(bad.to_string());
        }
    }
    None
}

#[test]
fn reads_that_fail_now_and_then_are_told_and_cost_nothing() {
    let mut desk = Desk::new(Fault::ReadFails, 20);
    let node_b = desk.ben.start();
    let node = desk.ana.start();
    desk.writes(&node, 200);
    node.stop();
    let node = desk.ana.start();
    desk.disk.fails();
    let mut failed = 0;
    for _ in 0..10 {
        failed += usize::from(asks_for_everything(&desk.ana, &desk.ben).is_some());
        desk.writes(&node, 3);
    }
    eprintln!("{failed} of 10 questions failed, {} reads", desk.disk.faults());
    desk.refused(&["damaged", "disk_failed"]);
    assert!(desk.disk.faults() > 0);
    ends(node);
    desk.disk.killed();
    desk.disk.works();
    let (node, told) = starts_again(&desk.ana);
    eprintln!("told {told:?}");
    see_the_same(&desk.ana, &desk.ben);
    node.stop();
    drop(node_b);
    desk.ends_well();
}
