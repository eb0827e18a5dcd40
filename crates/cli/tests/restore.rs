//! A lost machine: the backup is restored on a third host, and the history comes back from the contact.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use std::time::Duration;

use lab::story::{become_contacts, delivers, see_the_same, sees};
use lab::{Addressing, Lab, Person, available, until};

const MESSAGES: usize = 400;

#[test]
fn a_restore_on_a_third_host_brings_the_whole_history_back_from_the_contact() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let alice = Person::new("Alice", Some(&lab.host()));
    let bob = Person::new("Bob", Some(&lab.host()));
    let node_a = alice.start();
    let node_b = bob.start();
    sees(&alice, &bob);
    become_contacts(&alice, &bob);

    // The backup is older than half of what is written: the keys of the rest come by key request.
    write(&node_a, &bob.id, "early");
    let file = bob.data_dir().join("alice.backup");
    let made = alice.nexus(&["backup", "create", file.to_str().unwrap()]).row();
    let phrase = made["phrase"].as_str().expect("a phrase is made and shown").to_owned();
    write(&node_a, &bob.id, "late");
    delivers(&bob, &alice, "the last that old Alice saw");
    delivers(&alice, &bob, "the last that old Alice wrote");
    let before = bob.texts(&alice.id);
    assert_eq!(before.len(), 2 * MESSAGES + 2);
    drop(node_a);
    drop(alice);

    let mut again = Person::blank("Alice", Some(&lab.host()));
    let restore = again.command_with_input(
        &["backup", "restore", file.to_str().unwrap(), "--phrase-file", "-"],
        format!("{phrase}\n").as_bytes(),
    );
    assert_eq!(restore.code, 0, "{restore:?}");
    again.id = again.nexus(&["id"]).row()["connect_id"].as_str().unwrap().to_owned();
    let node_again = again.start();

    until("the history is back", Duration::from_secs(60), || {
        let texts = again.texts(&bob.id);
        if texts == before { Ok(()) } else { Err(format!("{} of {}", texts.len(), before.len())) }
    });
    delivers(&again, &bob, "new Alice writes on");
    delivers(&bob, &again, "and so does Bob");
    see_the_same(&again, &bob);
    again.assert_log_verifies();
    bob.assert_log_verifies();
    node_again.stop();
    node_b.stop();
}

#[test]
fn two_copies_of_one_data_directory_used_at_once_lose_nothing_and_converge() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let alice = Person::new("Alice", Some(&lab.host()));
    let bob = Person::new("Bob", Some(&lab.host()));
    let (node_a, node_b) = (alice.start(), bob.start());
    sees(&alice, &bob);
    become_contacts(&alice, &bob);
    write(&node_a, &bob.id, "before the copy");
    node_a.stop();

    let copy = alice.copy(Some(&lab.host()));
    let (node_a, node_copy) = (alice.start(), copy.start());
    let status = copy.nexus(&["status"]).row();
    let notices = status["notices"].as_array().unwrap();
    assert!(!notices.is_empty(), "a copy must say that it is one: {status}");
    assert_ne!(
        alice.nexus(&["id"]).row()["instance"],
        copy.nexus(&["id"]).row()["instance"],
        "one instance in two places"
    );
    write(&node_a, &bob.id, "original");
    write(&node_copy, &bob.id, "copy");
    delivers(&bob, &alice, "Bob reads both");

    let limit = Duration::from_secs(60);
    until("all three converge", limit, || {
        let words = [alice.digest(&bob.id), copy.digest(&bob.id), bob.digest(&alice.id)];
        if words[0] == words[1] && words[1] == words[2] { Ok(()) } else { Err(words.join(" / ")) }
    });
    let texts = bob.texts(&alice.id);
    assert_eq!(texts.len(), 3 * MESSAGES + 1, "lost or doubled");
    assert_eq!(alice.texts(&bob.id), texts);
    assert_eq!(copy.texts(&bob.id), texts);
    for person in [&alice, &copy, &bob] {
        person.assert_log_verifies();
    }
    node_b.stop();
}

fn write(node: &lab::person::Node, to: &str, prefix: &str) {
    node.control().send_all(to, MESSAGES, |number| format!("{prefix} {number}"));
}
