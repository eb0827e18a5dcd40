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

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::attacker::{ATTACK, launch};
use lab::story::{become_contacts, delivers, see_the_same, sees};
use lab::{Addressing, Lab, Person, available, until};

/// Far beyond every interval and patience of the program.
const LONG: Duration = Duration::from_secs(90);

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
    let _nodes = (alice.start(), bob.start());
    become_contacts_of(&alice, &bob);
    delivers(&alice, &bob, "before the cut");
    lab.cut(&host);
    parted(&alice, &bob);
    parted(&bob, &alice);
    alice.nexus(&["send", &bob.id, "written by Alice, apart"]).rows();
    bob.nexus(&["send", &alice.id, "written by Bob, apart"]).rows();
    lab.join(&host);
    linked(&alice, &bob, "10.46.78.2:");
    delivers(&alice, &bob, "after the cut");
    see_the_same(&alice, &bob);
    assert_eq!(alice.texts(&bob.id).len(), 4);
}

fn become_contacts_of(alice: &Person, bob: &Person) {
    sees(alice, bob);
    become_contacts(alice, bob);
}

/// Waits until `who` has no link with `other`.
fn parted(who: &Person, other: &Person) {
    let began = Instant::now();
    until(&format!("{} misses {}", who.name, other.name), LONG, || {
        let links = who.nexus(&["status"]).row()["links"].clone();
        let is_other = |link: &serde_json::Value| link["connect_id"] == other.id.as_str();
        match links.as_array().unwrap().iter().any(is_other) {
            true => Err(links.to_string()),
            false => Ok(()),
        }
    });
    eprintln!("{} misses {} after {:?}; 15 s are promised", who.name, other.name, began.elapsed());
}

/// Waits until `who` has a link with `other` at an address that begins so.
fn linked(who: &Person, other: &Person, address: &str) {
    let began = Instant::now();
    until(&format!("{} links with {} at {address}", who.name, other.name), LONG, || {
        let status = who.nexus(&["status"]).row();
        let fits = |link: &&serde_json::Value| {
            link["connect_id"] == other.id.as_str()
                && link["address"].as_str().is_some_and(|at| at.starts_with(address))
        };
        match status["links"].as_array().unwrap().iter().find(fits) {
            Some(_) => Ok(()),
            None => Err(status["links"].to_string()),
        }
    });
    eprintln!("{} has a link with {} after {:?}", who.name, other.name, began.elapsed());
}

#[test]
fn an_address_that_changes_under_running_nodes_costs_the_link_and_it_comes_again() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let (a, b) = (lab.host(), lab.host());
    let (alice, bob) = (Person::new("Alice", Some(&a)), Person::new("Bob", Some(&b)));
    let _nodes = (alice.start(), bob.start());
    become_contacts_of(&alice, &bob);
    delivers(&alice, &bob, "from the old address");
    lab.ip(&a, &["addr", "del", "10.46.78.1/24", "dev", "eth0"]);
    lab.ip(&a, &["addr", "add", "10.46.78.101/24", "dev", "eth0"]);
    linked(&bob, &alice, "10.46.78.101:");
    delivers(&alice, &bob, "from the new one");
    delivers(&bob, &alice, "and back");
    see_the_same(&alice, &bob);
}

#[test]
fn interfaces_that_come_and_go_take_their_links_along_and_no_others() {
    if !available() {
        return;
    }
    let (mut first, mut second) = (Lab::new(Addressing::V4), Lab::new(Addressing::V4));
    let (a, b, c) = (first.host(), first.host(), second.host());
    second.ip(&c, &["addr", "flush", "dev", "eth0"]);
    second.ip(&c, &["addr", "add", "10.47.0.2/24", "dev", "eth0"]);
    let alice = Person::new("Alice", Some(&a));
    let (bob, carol) = (Person::new("Bob", Some(&b)), Person::new("Carol", Some(&c)));
    let _nodes = (alice.start(), bob.start(), carol.start());
    become_contacts_of(&alice, &bob);
    // A second card, in another network.
    second.plug(&a, "eth1", "10.47.0.1/24");
    become_contacts_of(&alice, &carol);
    delivers(&carol, &alice, "over the second card");
    // The first one is pulled out of the machine.
    first.ip(&a, &["link", "del", "eth0"]);
    parted(&alice, &bob);
    delivers(&alice, &carol, "still over the second");
    // Another one in its place.
    first.plug(&a, "eth7", "10.46.78.77/24");
    linked(&bob, &alice, "10.46.78.77:");
    delivers(&bob, &alice, "over the third");
    see_the_same(&alice, &bob);
    see_the_same(&alice, &carol);
}

/// More than discovery ever uses.
const CARDS: usize = 24;

#[test]
fn junk_interfaces_neither_break_nor_flood() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let (a, b) = (lab.host(), lab.host());
    let pair = |name: &str, address: Option<&str>, up: bool| {
        let other = format!("{name}x");
        lab.ip(&a, &["link", "add", name, "type", "veth", "peer", "name", &other]);
        if let Some(address) = address {
            lab.ip(&a, &["addr", "add", address, "dev", name]);
        }
        if up {
            lab.ip(&a, &["link", "set", &other, "up"]);
            lab.ip(&a, &["link", "set", name, "up"]);
        }
    };
    pair("docker0", Some("172.17.0.1/16"), true);
    pair("wg0", Some("10.8.0.1/24"), true);
    pair("down0", Some("10.9.0.1/24"), false);
    pair("bare0", None, true);
    let many: Vec<String> = (0..CARDS).map(|number| format!("card{number}")).collect();
    for (number, name) in many.iter().enumerate() {
        pair(name, Some(&format!("10.60.{number}.1/24")), true);
    }
    let (alice, bob) = (Person::new("Alice", Some(&a)), Person::new("Bob", Some(&b)));
    let (_node_a, node_b) = (alice.start(), bob.start());
    become_contacts_of(&alice, &bob);
    delivers(&bob, &alice, "past all the junk");
    // Long enough for several rounds of beacons: Bob goes, and comes again only by them.
    let rounds = lab.sent(&a, "eth0");
    node_b.stop();
    let _node_b = bob.start();
    delivers(&alice, &bob, "again");
    until("some more beacons", LONG, || match lab.sent(&a, "eth0") - rounds {
        20.. => Ok(()),
        few => Err(format!("{few} packets")),
    });
    for silent in ["docker0", "wg0", "down0", "bare0"] {
        assert_eq!(lab.sent(&a, silent), 0, "something went out on {silent}");
    }
    let used: Vec<&String> = many.iter().filter(|name| lab.sent(&a, name) > 0).collect();
    assert!(used.len() < 16, "{} interfaces were used: {used:?}", used.len());
    assert!(!used.is_empty());
    // Nothing floods: some beacons a card, two datagrams each.
    let most = many.iter().map(|name| lab.sent(&a, name)).max().unwrap();
    assert!(most < 200, "{most} packets on one card");
}

#[test]
fn a_machine_that_slept_is_missed_and_linked_again_when_it_wakes() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let alice = Person::new("Alice", Some(&lab.host()));
    let bob = Person::new("Bob", Some(&lab.host()));
    let (node_a, _node_b) = (alice.start(), bob.start());
    become_contacts_of(&alice, &bob);
    delivers(&alice, &bob, "good night");
    node_a.signal("STOP");
    parted(&bob, &alice);
    bob.nexus(&["send", &alice.id, "while you slept"]).rows();
    node_a.signal("CONT");
    linked(&bob, &alice, "10.46.78.1:");
    see_the_same(&alice, &bob);
    assert_eq!(alice.texts(&bob.id), ["good night", "while you slept"]);
    delivers(&alice, &bob, "good morning");
}

/// The witness's `main`: writes down every datagram on the discovery port of its host.
#[test]
#[ignore = "run by the tests here, inside a namespace"]
fn witness() {
    let (Ok(_), Ok(file)) = (std::env::var(ATTACK), std::env::var("WITNESSED")) else { return };
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 46339)).unwrap();
    let mut buffer = [0; 2048];
    let mut out = std::fs::File::create(file).unwrap();
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let bytes: String = buffer[..length].iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "{} {bytes}", from.ip()).unwrap();
    }
}

/// What the witness heard from a host, in hexadecimal.
fn witnessed(file: &Path, from: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(ip, _)| *ip == from).map(|(_, bytes)| bytes.to_owned()).collect()
}

#[test]
fn who_notices_a_node_depends_on_its_visibility() {
    if !available() {
        return;
    }
    let mut lab = Lab::new(Addressing::V4);
    let alice = Person::new("Alice", Some(&lab.host()));
    let bob = Person::new("Bob", Some(&lab.host()));
    let carol = Person::new("Carol", Some(&lab.host()));
    let listening = lab.host();
    let (node_a, _node_b, _node_c) = (alice.start(), bob.start(), carol.start());
    become_contacts_of(&alice, &bob);
    let name: String = "Alice".bytes().map(|byte| format!("{byte:02x}")).collect();
    node_a.stop();
    until("Carol forgets Alice", LONG, || match is_nearby(&carol, &alice) {
        false => Ok(()),
        true => Err("still nearby".into()),
    });
    for visibility in ["hidden", "contacts", "everyone"] {
        let file = alice.data_dir().join(visibility);
        let knows = [("WITNESSED", file.to_string_lossy().into_owned())];
        let _witness = launch(&listening, "witness", visibility, "", &knows);
        alice.nexus(&["config", "set", "visibility", visibility]).rows();
        let node_a = alice.start();
        delivers(&alice, &bob, visibility);
        // Bob is there for everyone, and a new name makes him say so at once: when so many of his beacons came, those of
        // Alice would have come, too.
        bob.nexus(&["profile", "set", "--name", &format!("Bob {visibility}")]).rows();
        until("enough was heard", LONG, || match witnessed(&file, "10.46.78.2").len() {
            3.. => Ok(()),
            few => Err(format!("{few} of Bob")),
        });
        let of_alice = witnessed(&file, "10.46.78.1");
        let named = of_alice.iter().filter(|bytes| bytes.contains(&name)).count();
        eprintln!("{visibility}: {} beacons of Alice, {named} with her name", of_alice.len());
        assert_eq!(is_nearby(&carol, &alice), visibility == "everyone", "{visibility}");
        match visibility {
            "everyone" => assert!(named > 0 && named == of_alice.len()),
            "contacts" => assert!(named == 0 && !of_alice.is_empty()),
            _ => assert_eq!(of_alice.len(), 0, "who is hidden says nothing"),
        }
        node_a.stop();
    }
}

fn is_nearby(who: &Person, other: &Person) -> bool {
    who.nexus(&["nearby"]).rows().iter().any(|row| row["connect_id"] == other.id.as_str())
}
