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
