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
    reason = "tests"
)]

mod lab;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use lab::attacker::{ATTACK, Quarter, TARGET, launch};
use lab::random::Random;
use lab::story::{become_contacts, see_the_same, sees};
use lab::{Addressing, Lab, Person, available, until};
use serde_json::json;

/// What the attacked node may use at most.
const MEMORY: u64 = 150 * 1024 * 1024;
/// The last address octet is the host's number in the lab: Alice 1, Bob 2, Mallory 3.
const MALLORY: &str = "10.46.78.3";
/// Messages by which the honest pair's rate is measured.
const SAMPLE: usize = 300;

fn long(usual: usize, long: usize) -> usize {
    if std::env::var_os("NEXUS_TEST_LONG").is_some() { long } else { usual }
}

/// The attacker's `main`; does nothing in a usual test run.
#[test]
#[ignore = "run by the tests here, inside a namespace"]
fn attacker() {
    let (Ok(attack), Ok(target)) = (std::env::var(ATTACK), std::env::var(TARGET)) else { return };
    let target: SocketAddr = target.parse().unwrap();
    match attack.as_str() {
        "garbage" => garbage(target),
        "slow_loris" => slow_loris(target),
        "oversize" => oversize(target),
        "beacons" => beacons(),
        other => panic!("no such attack: {other}"),
    }
}

fn connect(target: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&target, Duration::from_secs(2)).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    Some(stream)
}

/// Connections that send random bytes as fast as they are taken.
fn garbage(target: SocketAddr) {
    let mut random = Random::from_env("NEXUS_ATTACK_SEED");
    let mut quarter = Quarter::new();
    for _ in 0..long(300, 5_000) {
        if let Some(mut stream) = connect(target) {
            let length = random.below(70_000);
            let _ = stream.write_all(&random.bytes(length));
        }
        quarter.breathe();
    }
}

/// Many connections, each of which gives one byte now and then and never finishes.
fn slow_loris(target: SocketAddr) {
    let began = Instant::now();
    let mut open: Vec<TcpStream> = Vec::new();
    while began.elapsed() < Duration::from_secs(long(12, 60) as u64) {
        while open.len() < 300 {
            match connect(target) {
                Some(stream) => open.push(stream),
                None => break,
            }
        }
        // The byte that begins a TLS record, then silence: the handshake never comes to an end.
        open.retain_mut(|stream| stream.write_all(&[0x16]).is_ok());
        std::thread::park_timeout(Duration::from_millis(300));
    }
}

/// After the gate's 16 bytes, records and handshakes that claim to be as long as can be written.
fn oversize(target: SocketAddr) {
    let mut quarter = Quarter::new();
    for round in 0..long(200, 5_000) {
        let Some(mut stream) = connect(target) else { continue };
        let mut bytes = vec![7; 16];
        if round % 2 == 0 {
            // A TLS record of 65,535 bytes, which TLS forbids.
            bytes.extend([0x16, 3, 1, 0xff, 0xff]);
            bytes.extend([0; 70_000]);
        } else {
            // A ClientHello that says it is 16 MiB long, in records of the greatest length allowed.
            bytes.extend([0x16, 3, 1, 0x40, 0x00, 1, 0xff, 0xff, 0xff]);
            bytes.extend([0; 0x3ffc]);
            for _ in 0..16 {
                bytes.extend([0x16, 3, 1, 0x40, 0x00]);
                bytes.extend([0; 0x4000]);
            }
        }
        let _ = stream.write_all(&bytes);
        let _ = stream.read(&mut [0; 64]);
        quarter.breathe();
    }
}

/// Datagrams on the discovery port: noise, and noise that begins like what was heard on the LAN.
fn beacons() {
    let mut random = Random::from_env("NEXUS_ATTACK_SEED");
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.set_broadcast(true).unwrap();
    let heard = overhear();
    let mut quarter = Quarter::new();
    for round in 0..long(50_000, 1_000_000) {
        let mut datagram = heard.clone();
        let length = datagram.len().max(1);
        match round % 4 {
            0 => datagram = random.bytes(40),
            1 => datagram = vec![0x5a; 1400],
            2 => {
                let at = random.below(length);
                if let Some(byte) = datagram.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            // Played back as it was.
            _ => {}
        }
        let _ = socket.send_to(&datagram, (Ipv4Addr::new(10, 46, 78, 255), 46339));
        quarter.breathe();
    }
}

/// A real beacon, as everybody on the switch can hear it; empty when none comes in a while.
fn overhear() -> Vec<u8> {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 46339)) else { return Vec::new() };
    socket.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    let mut buffer = [0; 2048];
    socket.recv(&mut buffer).map(|length| buffer[..length].to_vec()).unwrap_or_default()
}

/// Alice and Bob are contacts; Mallory's host is on the same switch.
struct Scene {
    alice: Person,
    bob: Person,
    node_a: lab::person::Node,
    _node_b: lab::person::Node,
    mallory: String,
    target: String,
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
    let seen = bob.nexus(&["nearby"]).rows();
    let seen = seen.iter().find(|row| row["connect_id"] == alice.id.as_str()).unwrap();
    let addresses = seen["addresses"].as_array().unwrap();
    let target = addresses[0].as_str().unwrap().to_owned();
    Scene { alice, bob, node_a, _node_b: node_b, mallory, target, _lab: lab }
}

/// How long Alice takes to bring `SAMPLE` messages to Bob.
fn honest_rate(scene: &Scene, round: &str) -> f64 {
    let began = Instant::now();
    let mut control = scene.node_a.control();
    for number in 0..SAMPLE {
        let text = format!("{round} {number}");
        control.ask(json!({"command": "send", "to": scene.bob.id, "text": text})).unwrap();
    }
    let mut done = 0;
    while done < SAMPLE {
        let answer = control.answer().unwrap();
        assert_ne!(answer["answer"], "error", "{answer}");
        done += usize::from(answer["answer"] == "done");
    }
    until("Bob has them all", Duration::from_secs(60), || {
        let rows = scene.bob.nexus(&["history", &scene.alice.id, "--limit", "1"]).rows();
        let last = format!("{round} {}", SAMPLE - 1);
        if rows.last().is_some_and(|row| row["text"] == last.as_str()) {
            Ok(())
        } else {
            Err(format!("{rows:?}"))
        }
    });
    SAMPLE as f64 / began.elapsed().as_secs_f64()
}

/// Runs one attack beside honest traffic and checks what must hold for all of them.
fn withstands(attack: &str, codes: &[&str]) {
    if !available() {
        return;
    }
    let scene = scene();
    let before = honest_rate(&scene, "in peace");
    let attacker = launch(&scene.mallory, "attacker", attack, &scene.target);
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
    for code in codes {
        assert!(
            refused.iter().any(|row| row["code"] == *code
                && row["source"].as_str().is_some_and(|source| source.starts_with(MALLORY))
                && row["count"].as_u64().is_some_and(|count| count > 0)),
            "no {code} from {MALLORY} in {refused:?}"
        );
    }
    see_the_same(&scene.alice, &scene.bob);
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
