//! Whole LANs: hosts in network namespaces on one switch, no router, no DHCP, no default route, the shipped program on each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use lab::story::{become_contacts, delivers, see_the_same, sees};
use lab::{Addressing, Lab, Person, available};

fn two_hosts_find_each_other_and_write(addressing: Addressing) {
    if !available() {
        return;
    }
    let mut lab = Lab::new(addressing);
    let (alice, bob) =
        (Person::new("Alice", Some(&lab.host())), Person::new("Bob", Some(&lab.host())));
    let (node_a, node_b) = (alice.start(), bob.start());
    sees(&alice, &bob);
    sees(&bob, &alice);
    become_contacts(&alice, &bob);
    delivers(&alice, &bob, "over nothing but the cable");
    delivers(&bob, &alice, "and back");
    see_the_same(&alice, &bob);
    alice.assert_log_verifies();
    bob.assert_log_verifies();
    node_a.stop();
    node_b.stop();
}

#[test]
fn two_hosts_on_a_switch_without_default_route() {
    two_hosts_find_each_other_and_write(Addressing::V4);
}

#[test]
fn two_hosts_with_nothing_but_ipv6_link_local() {
    two_hosts_find_each_other_and_write(Addressing::LinkLocalV6);
}

#[test]
fn two_nodes_on_one_host() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let host = lab.host();
    let (alice, bob) = (Person::new("Alice", Some(&host)), Person::new("Bob", Some(&host)));
    let _nodes = (alice.start(), bob.start());
    sees(&alice, &bob);
    become_contacts(&alice, &bob);
    delivers(&alice, &bob, "from the same machine");
    see_the_same(&alice, &bob);
}

#[test]
fn three_hosts_of_which_two_are_contacts_of_the_third() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let alice = Person::new("Alice", Some(&lab.host()));
    let bob = Person::new("Bob", Some(&lab.host()));
    let carol = Person::new("Carol", Some(&lab.host()));
    let _nodes = (alice.start(), bob.start(), carol.start());
    sees(&carol, &alice);
    sees(&carol, &bob);
    become_contacts(&alice, &carol);
    become_contacts(&bob, &carol);
    delivers(&alice, &carol, "for Carol from Alice");
    delivers(&bob, &carol, "for Carol from Bob");
    delivers(&carol, &alice, "to Alice only");
    see_the_same(&alice, &carol);
    see_the_same(&bob, &carol);
    assert_eq!(carol.texts(&bob.id), ["for Carol from Bob"]);
    let strangers = alice.nexus(&["contact", "list"]).rows();
    assert!(strangers.iter().all(|row| row["connect_id"] != bob.id.as_str()), "{strangers:?}");
}

#[test]
fn a_cut_cable_is_noticed_and_what_was_written_meanwhile_arrives_after() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let host = lab.host();
    let (alice, bob) = (Person::new("Alice", Some(&host)), Person::new("Bob", Some(&lab.host())));
    let (node_a, _node_b) = (alice.start(), bob.start());
    become_contacts_of(&alice, &bob);
    delivers(&alice, &bob, "before the cut");
    lab.cut(&host);
    // A dead link is noticed within 15 s.
    node_a.event("link_down", std::time::Duration::from_secs(16), |e| {
        e["connect_id"] == bob.id.as_str()
    });
    alice.nexus(&["send", &bob.id, "written by Alice, apart"]).rows();
    bob.nexus(&["send", &alice.id, "written by Bob, apart"]).rows();
    lab.join(&host);
    delivers(&alice, &bob, "after the cut");
    see_the_same(&alice, &bob);
    assert_eq!(alice.texts(&bob.id).len(), 4);
}

fn become_contacts_of(alice: &Person, bob: &Person) {
    sees(alice, bob);
    become_contacts(alice, bob);
}
