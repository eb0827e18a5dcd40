//! What an attacker's process does; the hosts that suffer it are in `hostile.rs`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use nexus_transport::discovery::REPLAYED_AFTER;

use crate::evil::{Evil, Trick};
use crate::lab::attacker::Quarter;
use crate::lab::random::Random;
use crate::lab::{long, until};
use crate::recorder::Who;

/// Runs the attack of this name against a node at `target`.
pub fn run(attack: &str, target: SocketAddr) {
    match attack {
        "garbage" => garbage(target),
        "slow_loris" => slow_loris(target),
        "oversize" => oversize(target),
        "beacons" => beacons(),
        "replay" => runtime().block_on(replay(target)),
        "old_beacon" => old_beacon(),
        "stand_in" => runtime().block_on(stand_in(target)),
        "bearer" => runtime().block_on(bearer(target)),
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

/// A whole connection of an hour ago, played back byte for byte again and again.
async fn replay(target: SocketAddr) {
    let session = Evil::new("Mallory").recorded(&from_env("ALICE"), target).await;
    let turns = session.iter().filter(|(who, _)| *who == Who::Dialler).count();
    assert!(turns >= 2, "{turns} flights");
    let mut quarter = Quarter::new();
    for _ in 0..long(100, 2_000) {
        let Some(mut stream) = connect(target) else { continue };
        for (who, bytes) in &session {
            let gone = match who {
                Who::Dialler => stream.write_all(bytes).is_err(),
                // What is answered now is something else than then, if anything is.
                Who::Listener => matches!(stream.read(&mut [0; 4096]), Ok(0)),
            };
            if gone {
                break;
            }
        }
        quarter.breathe();
    }
}

/// A beacon of Bob, played back from another address when it is old.
fn old_beacon() {
    let beacon = overhear_from(from_env("BOB_AT").parse().unwrap());
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.set_broadcast(true).unwrap();
    // It has to be one of long ago; this is the only place where time itself is waited for.
    let heard = Instant::now();
    while heard.elapsed() < REPLAYED_AFTER + Duration::from_secs(2) {
        std::thread::park_timeout(Duration::from_millis(100));
    }
    for _ in 0..long(100, 1_000) {
        let _ = socket.send_to(&beacon, (Ipv4Addr::new(10, 46, 78, 255), 46339));
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Stands in for Bob: his beacon from another address, and there what he once answered to somebody.
async fn stand_in(target: SocketAddr) {
    let bob_at: SocketAddr = from_env("BOB_AT").parse().unwrap();
    let session = Evil::new("Mallory").recorded(&from_env("BOB"), bob_at).await;
    let beacon = overhear_from(bob_at);
    let port = u16::from_be_bytes([beacon[6], beacon[7]]);
    let listener = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    std::fs::write(from_env("READY"), "").unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            for (who, bytes) in &session {
                let _ = match who {
                    Who::Listener => stream.write_all(bytes).map(|()| 0),
                    Who::Dialler => stream.read(&mut [0; 4096]),
                };
            }
        }
    });
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.set_broadcast(true).unwrap();
    let stop = std::path::PathBuf::from(from_env("ACCEPTED"));
    until("somebody has seen enough", Duration::from_secs(180), || {
        let _ = socket.send_to(&beacon, (target.ip(), 46339));
        if stop.exists() { Ok(()) } else { Err("not yet".into()) }
    });
}

/// Once accepted, letters of people who do not exist.
async fn bearer(target: SocketAddr) {
    let (evil, alice) = (befriended(target).await, from_env("ALICE"));
    let taken = evil.bring_letters(&alice, target, long(400, 10_000)).await;
    eprintln!("{taken} letters were taken");
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
    for number in 0..long(300, 1_000) {
        let evil = Evil::new(&format!("Friend {number}"));
        taken += usize::from(evil.ask(&alice, target, "do you remember me?").await);
        quarter.breathe();
    }
    eprintln!("{taken} letters were taken");
}

/// Once accepted, everything that no honest peer does.
async fn contact(target: SocketAddr) {
    let (evil, alice) = (befriended(target).await, from_env("ALICE"));
    for trick in Trick::ALL {
        assert!(evil.misbehave(&alice, target, trick).await, "no link for {trick:?}");
    }
}

/// Mallory, after Alice has accepted her.
async fn befriended(target: SocketAddr) -> Evil {
    let evil = Evil::new("Mallory");
    assert!(evil.ask(&from_env("ALICE"), target, "let me in").await, "the letter was not taken");
    let accepted = std::path::PathBuf::from(from_env("ACCEPTED"));
    until("Alice accepts", Duration::from_secs(60), || {
        if accepted.exists() { Ok(()) } else { Err("not yet".into()) }
    });
    evil
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
    hear(|_| true).unwrap_or_default()
}

/// A beacon of whoever listens at this address.
fn overhear_from(address: SocketAddr) -> Vec<u8> {
    hear(|source| source.ip() == address.ip()).expect("a beacon")
}

fn hear(fits: impl Fn(SocketAddr) -> bool) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 46339)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    let mut buffer = [0; 2048];
    for _ in 0..1000 {
        let (length, source) = socket.recv_from(&mut buffer).ok()?;
        if fits(source) {
            return Some(buffer[..length].to_vec());
        }
    }
    None
}
