//! Hostile hosts on the same switch, over real sockets. Memory of the attacked node stays bounded, its contact goes on
//! being served meanwhile, and `status` names what was refused and from where.
//!
//! Sizes are moderate here and full with `./test --long`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

#[path = "lab/attacks.rs"]
mod attacks;
#[path = "lab/evil.rs"]
mod evil;
mod lab;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lab::attacker::{ATTACK, TARGET, launch};
use lab::story::{become_contacts, see_the_same, sees};
use lab::{Addressing, Lab, Person, available, long, until};

/// What the attacked node may use at most.
const MEMORY: u64 = 150 * 1024 * 1024;
/// Letters that may wait at most.
const INBOX: usize = 256;
/// The last address octet is the host's number in the lab: Alice 1, Bob 2, Mallory 3.
const MALLORY: &str = "10.46.78.3";
/// Messages by which the honest pair's rate is measured.
const SAMPLE: usize = 300;

/// The attacker's `main`; does nothing in a usual test run.
#[test]
#[ignore = "run by the tests here, inside a namespace"]
fn attacker() {
    let (Ok(attack), Ok(target)) = (std::env::var(ATTACK), std::env::var(TARGET)) else { return };
    let target: SocketAddr = target.parse().unwrap();
    attacks::run(&attack, target);
}

/// Alice and Bob are contacts; Mallory's host is on the same switch.
struct Scene {
    alice: Person,
    bob: Person,
    node_a: lab::person::Node,
    _node_b: lab::person::Node,
    mallory: String,
    target: String,
    attack: [(&'static str, String); 4],
    _lab: Lab,
}

fn scene() -> Scene {
    let mut lab = Lab::new(Addressing::V4);
    let (alice, bob) =
        (Person::new("Alice", Some(&lab.host())), Person::new("Bob", Some(&lab.host())));
    let mallory = lab.host();
    let (node_a, node_b) = (alice.start(), bob.start());
    sees(&alice, &bob);
    become_contacts(&alice, &bob);
    let (alice_at, bob_at) = (address(&bob, &alice), address(&alice, &bob));
    let attack = [
        ("ALICE", alice.id.clone()),
        ("BOB", bob.id.clone()),
        ("BOB_AT", bob_at),
        ("ACCEPTED", alice.data_dir().join("accepted").to_string_lossy().into_owned()),
    ];
    Scene { alice, bob, node_a, _node_b: node_b, mallory, target: alice_at, attack, _lab: lab }
}

/// Where `who` sees `other`.
fn address(who: &Person, other: &Person) -> String {
    let seen = who.nexus(&["nearby"]).rows();
    let row = seen.iter().find(|row| row["connect_id"] == other.id.as_str()).unwrap();
    row["addresses"][0].as_str().unwrap().to_owned()
}

/// Messages that wait to be read.
fn unread(who: &Person) -> u64 {
    let rows = who.nexus(&["conversations"]).rows();
    rows.iter().map(|row| row["unread"].as_u64().unwrap()).sum()
}

/// How long Alice takes to bring `SAMPLE` messages to Bob.
fn honest_rate(scene: &Scene, round: &str) -> f64 {
    let before = unread(&scene.bob);
    let began = Instant::now();
    let mut control = scene.node_a.control();
    control.send_all(&scene.bob.id, SAMPLE, |number| format!("{round} {number}"));
    until("Bob has them all", Duration::from_secs(60), || {
        let now = unread(&scene.bob);
        if now == before + SAMPLE as u64 { Ok(()) } else { Err(format!("{before} → {now}")) }
    });
    SAMPLE as f64 / began.elapsed().as_secs_f64()
}

/// Runs one attack beside honest traffic and checks what must hold for all of them.
fn withstands(attack: &str, codes: &[&str]) {
    withstands_while(attack, codes, |_| {});
}

/// The same, with something that Alice does meanwhile.
fn withstands_while(attack: &str, codes: &[&str], meanwhile: impl FnOnce(&Scene)) {
    if !available() {
        return;
    }
    let scene = scene();
    let before = honest_rate(&scene, "in peace");
    let attacker = launch(&scene.mallory, "attacker", attack, &scene.target, &scene.attack);
    meanwhile(&scene);
    let during = honest_rate(&scene, "under attack");
    attacker.finish(Duration::from_secs(long(120, 1200) as u64));
    let peak = scene.node_a.peak_memory();
    eprintln!(
        "{attack}: {before:.0} messages/s in peace, {during:.0} under attack ({:.0} %), peak memory {} MiB",
        100.0 * during / before,
        peak >> 20
    );
    assert!(peak < MEMORY, "{peak} bytes under {attack}");
    let status = scene.alice.nexus(&["status"]).row();
    let refused = status["refused"].as_array().unwrap();
    // Whoever attacks is named: by address, or by ConnectID once it is proven; never Bob.
    for row in refused {
        let source = row["source"].as_str().unwrap();
        assert!(source.starts_with(MALLORY) || source.starts_with("nx1"), "{row}");
        assert_ne!(source, scene.bob.id, "{row}");
    }
    for code in codes {
        assert!(
            refused
                .iter()
                .any(|row| row["code"] == *code
                    && row["count"].as_u64().is_some_and(|count| count > 0)),
            "no {code} in {refused:?}"
        );
    }
    see_the_same(&scene.alice, &scene.bob);
    let requests = scene.alice.nexus(&["contact", "requests"]).rows();
    assert!(requests.len() <= INBOX, "{} letters are kept", requests.len());
}

#[test]
fn garbage_on_connections_is_refused() {
    withstands("garbage", &["tls"]);
}

#[test]
fn connections_that_never_finish_their_handshake_are_cut_and_bounded() {
    withstands("slow_loris", &["slow_handshake"]);
}

#[test]
fn oversize_lengths_reserve_nothing() {
    withstands("oversize", &["tls"]);
}

#[test]
fn a_flood_of_beacons_is_refused() {
    withstands("beacons", &["bad_beacon"]);
}

#[test]
fn a_replayed_handshake_leads_nowhere() {
    withstands("replay", &["tls"]);
}

#[test]
fn a_card_of_somebody_else_opens_no_link() {
    withstands("impostor", &["not_live"]);
}

#[test]
fn a_flood_of_letters_leaves_a_bounded_inbox() {
    withstands("letters", &[]);
}

#[test]
fn a_contact_that_turned_evil_is_cut_off_by_name_of_its_faults() {
    let codes = ["malformed_frame", "unknown_frame", "forged_run", "unsolicited_log"];
    withstands_while("contact", &codes, |scene| {
        let request = until("Mallory asks", Duration::from_secs(30), || {
            let rows = scene.alice.nexus(&["contact", "requests"]).rows();
            rows.first().cloned().ok_or_else(|| "nobody".into())
        });
        let mallory = request["connect_id"].as_str().unwrap();
        scene.alice.nexus(&["contact", "accept", mallory]).rows();
        std::fs::write(scene.alice.data_dir().join("accepted"), "").unwrap();
    });
}
