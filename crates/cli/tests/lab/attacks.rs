//! What an attacker's process does; the hosts that suffer it are in `hostile.rs`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::evil::{Evil, Trick};
use crate::lab::attacker::Quarter;
use crate::lab::random::Random;
use crate::lab::{long, until};

/// Runs the attack of this name against a node at `target`.
pub fn run(attack: &str, target: SocketAddr) {
    match attack {
        "garbage" => garbage(target),
        "slow_loris" => slow_loris(target),
        "oversize" => oversize(target),
        "beacons" => beacons(),
        "replay" => runtime().block_on(replay(target)),
        "impostor" => runtime().block_on(impostor(target)),
        "letters" => runtime().block_on(letters(target)),
        "contact" => runtime().block_on(contact(target)),
        other => panic!("no such attack: {other}"),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn from_env(variable: &str) -> String {
    std::env::var(variable).unwrap()
}

/// The first flight of a real handshake, played back again and again.
async fn replay(target: SocketAddr) {
    let flight = Evil::new("Mallory").first_flight(&from_env("ALICE")).await;
    assert!(flight.len() > 16, "{} bytes", flight.len());
    let mut quarter = Quarter::new();
    for _ in 0..long(100, 2_000) {
        if let Some(mut stream) = connect(target) {
            let _ = stream.write_all(&flight);
            let _ = stream.read(&mut [0; 4096]);
            // What came second in the recorded handshake fits no other.
            let _ = stream.write_all(&flight[16..]);
        }
        quarter.breathe();
    }
}

/// The card of Bob, over a key that he never certified.
async fn impostor(target: SocketAddr) {
    let (alice, bob) = (from_env("ALICE"), from_env("BOB"));
    let bob_at: SocketAddr = from_env("BOB_AT").parse().unwrap();
    for _ in 0..2 {
        let linked = Evil::new("Mallory").impersonate((&bob, bob_at), &alice, target).await;
        assert!(!linked, "Alice took Mallory for Bob");
    }
}

/// Contact requests from ever new identities.
async fn letters(target: SocketAddr) {
    let alice = from_env("ALICE");
    let mut quarter = Quarter::new();
    let mut taken = 0;
    for number in 0..long(300, 10_000) {
        let evil = Evil::new(&format!("Friend {number}"));
        taken += usize::from(evil.ask(&alice, target, "do you remember me?").await);
        quarter.breathe();
    }
    eprintln!("{taken} letters were taken");
}

/// Once accepted, everything that no honest peer does.
async fn contact(target: SocketAddr) {
    let alice = from_env("ALICE");
    let evil = Evil::new("Mallory");
    assert!(evil.ask(&alice, target, "let me in").await, "the letter was not taken");
    let accepted = std::path::PathBuf::from(from_env("ACCEPTED"));
    until("Alice accepts", Duration::from_secs(60), || {
        if accepted.exists() { Ok(()) } else { Err("not yet".into()) }
    });
    for trick in Trick::ALL {
        assert!(evil.misbehave(&alice, target, trick).await, "no link for {trick:?}");
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
