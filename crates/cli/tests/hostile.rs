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
#[path = "lab/forger.rs"]
mod forger;
mod lab;
#[path = "lab/recorder.rs"]
mod recorder;

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
fn sample() -> usize {
    long(1_000, 10_000)
}

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
    node_b: Option<lab::person::Node>,
    mallory: String,
    target: String,
    attack: [(&'static str, String); 5],
    bobs: String,
    lab: Lab,
}

fn scene() -> Scene {
    let mut lab = Lab::new(Addressing::V4);
    let alice = Person::new("Alice", Some(&lab.host()));
    let bobs = lab.host();
    let bob = Person::new("Bob", Some(&bobs));
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
        ("READY", alice.data_dir().join("ready").to_string_lossy().into_owned()),
    ];
    let (node_b, target) = (Some(node_b), alice_at);
    Scene { alice, bob, node_a, node_b, mallory, target, attack, bobs, lab }
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

/// Messages a second that Alice brings to Bob, who has them on his disk.
fn honest_rate(scene: &Scene, round: &str) -> f64 {
    let (before, sample) = (unread(&scene.bob), sample());
    let began = Instant::now();
    let mut control = scene.node_a.control();
    control.send_all(&scene.bob.id, sample, |number| format!("{round} {number}"));
    until("Bob has them all", Duration::from_secs(long(60, 600) as u64), || {
        let now = unread(&scene.bob);
        if now == before + sample as u64 { Ok(()) } else { Err(format!("{before} → {now}")) }
    });
    sample as f64 / began.elapsed().as_secs_f64()
}

/// What Alice's `status` says was refused.
fn refused(scene: &Scene) -> Vec<serde_json::Value> {
    scene.alice.nexus(&["status"]).row()["refused"].as_array().unwrap().clone()
}

fn is_named(refused: &[serde_json::Value], code: &str) -> bool {
    refused.iter().any(|row| row["code"] == code && row["count"].as_u64().unwrap() > 0)
}

/// Runs one attack beside honest traffic and checks what must hold for all of them.
fn withstands(attack: &str, codes: &[&str]) {
    withstands_while(attack, codes, |_| {}, |_| {});
}

/// The same, after something was prepared and with something that happens meanwhile.
fn withstands_while(
    attack: &str,
    codes: &[&str],
    before: impl FnOnce(&mut Scene),
    meanwhile: impl FnOnce(&Scene),
) {
    if !available() {
        return;
    }
    let mut scene = scene();
    before(&mut scene);
    let first = honest_rate(&scene, "in peace");
    let mut attacker = launch(&scene.mallory, "attacker", attack, &scene.target, &scene.attack);
    meanwhile(&scene);
    let during = honest_rate(&scene, "under attack");
    let whole = if attacker.is_busy() { "all along" } else { "not to the end" };
    attacker.finish(Duration::from_secs(long(180, 3_600) as u64));
    // This machine has other work, too, which changes from second to second.
    let peace = f64::midpoint(first, honest_rate(&scene, "in peace again"));
    let peak = scene.node_a.peak_memory();
    eprintln!(
        "{attack}: {peace:.0} messages/s in peace, {during:.0} under attack ({:.0} %; attacked {whole}), \
         peak memory {} MiB",
        100.0 * during / peace,
        peak >> 20
    );
    assert!(peak < MEMORY, "{peak} bytes under {attack}");
    let refused = refused(&scene);
    eprintln!("{attack}: {}", serde_json::json!(refused));
    // Whoever attacks is named: by address, or by ConnectID once it is proven; never Bob.
    for row in &refused {
        let source = row["source"].as_str().unwrap();
        assert!(source.starts_with(MALLORY) || source.starts_with("nx1"), "{row}");
        assert_ne!(source, scene.bob.id, "{row}");
    }
    for code in codes {
        assert!(is_named(&refused, code), "no {code} in {refused:?}");
    }
    see_the_same(&scene.alice, &scene.bob);
    let requests = scene.alice.nexus(&["contact", "requests"]).rows();
    assert!(requests.len() <= INBOX, "{} letters are kept", requests.len());
    scene.alice.assert_log_verifies();
}

/// Alice accepts the one who asks.
fn accept(scene: &Scene) {
    let request = until("Mallory asks", Duration::from_secs(30), || {
        let rows = scene.alice.nexus(&["contact", "requests"]).rows();
        rows.first().cloned().ok_or_else(|| "nobody".into())
    });
    let mallory = request["connect_id"].as_str().unwrap();
    scene.alice.nexus(&["contact", "accept", mallory]).rows();
    std::fs::write(scene.alice.data_dir().join("accepted"), "").unwrap();
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
fn a_recorded_connection_that_is_played_back_leads_nowhere() {
    withstands("replay", &["tls"]);
}

#[test]
fn a_recorded_beacon_of_a_contact_that_is_played_back_later_is_named() {
    let only_contacts = |scene: &mut Scene| {
        scene.node_b.take().unwrap().stop();
        scene.bob.nexus(&["config", "set", "visibility", "contacts"]).rows();
        scene.node_b = Some(scene.bob.start());
    };
    withstands_while("old_beacon", &["replayed_beacon"], only_contacts, |_| {});
}

#[test]
fn whoever_plays_a_contact_back_from_another_address_is_not_taken_for_it() {
    withstands_while(
        "stand_in",
        &["tls"],
        |_| {},
        |scene| {
            until("Mallory stands ready", Duration::from_secs(60), || {
                let ready = scene.alice.data_dir().join("ready").exists();
                if ready { Ok(()) } else { Err("not yet".into()) }
            });
            // Bob is away, so Alice looks for him where his beacons seem to come from.
            scene.lab.cut(&scene.bobs);
            until("Alice knocks there and notices", Duration::from_secs(90), || {
                let refused = refused(scene);
                if is_named(&refused, "tls") { Ok(()) } else { Err(format!("{refused:?}")) }
            });
            scene.lab.join(&scene.bobs);
            // How fast they write is measured after this; how fast they meet again is another figure.
            let joined = Instant::now();
            until("Bob is found all the same", Duration::from_secs(30), || {
                let status = scene.alice.nexus(&["status"]).row();
                let links = status["links"].as_array().unwrap();
                let there = links.iter().any(|link| link["connect_id"] == scene.bob.id.as_str());
                if there { Ok(()) } else { Err(status["links"].to_string()) }
            });
            eprintln!(
                "stand_in: Bob was found again after {:.1} s",
                joined.elapsed().as_secs_f32()
            );
            std::fs::write(scene.alice.data_dir().join("accepted"), "").unwrap();
        },
    );
}

#[test]
fn a_card_of_somebody_else_opens_no_link() {
    withstands("impostor", &["not_live"]);
}

#[test]
fn a_flood_of_letters_leaves_a_bounded_inbox() {
    withstands("letters", &["inbox_full"]);
}

#[test]
fn a_contact_that_brings_letters_without_end_is_heard_at_a_bounded_rate() {
    withstands_while("bearer", &["control_flood"], |_| {}, accept);
}

#[test]
fn a_contact_that_turned_evil_is_cut_off_by_name_of_its_faults() {
    let codes = [
        "future_time",
        "malformed_frame",
        "unknown_frame",
        "forged_run",
        "unsolicited_log",
        "gap",
        "unshared_topic",
        "fork",
        "over_limit",
    ];
    withstands_while("contact", &codes, |_| {}, accept);
}
