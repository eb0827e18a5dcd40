//! Two people write at once while the cable is pulled and their nodes are killed at random instants.
//!
//! A message is *confirmed* once `send` answered `queued`. None of those may be lost, none doubled, and nothing may be there that nobody
//! wrote; a message whose answer was lost in a kill may or may not be there, but on both sides alike.
//!
//! Sizes: `NEXUS_CHAOS_MESSAGES`, `NEXUS_CHAOS_KILLS`; `NEXUS_CHAOS_SEED` repeats the random choices.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lab::random::Random;
use lab::story::{become_contacts, sees};
use lab::written::{Written, assert_whole};
use lab::{Addressing, Lab, Person, available, until};

fn size(variable: &str, usual: usize, long: usize) -> usize {
    let by_default = if std::env::var_os("NEXUS_TEST_LONG").is_some() { long } else { usual };
    std::env::var(variable).map_or(by_default, |text| text.parse().unwrap())
}

/// What both writers and the chaos share.
#[derive(Default)]
struct Shared {
    confirmed: AtomicUsize,
    /// Process of each side's node; 0 while it is being started.
    nodes: [AtomicU32; 2],
    done: AtomicBool,
}

/// Writes `count` messages, starting the node again whenever it has been killed; says how often it was at work then.
fn write(
    me: &Person,
    to: &str,
    side: usize,
    count: usize,
    shared: &Shared,
    random: &mut Random,
) -> (Written, usize) {
    let (mut written, mut kills, mut told) = (Written::default(), 0, 0);
    while written.confirmed.len() < count {
        let node = me.start();
        shared.nodes[side].store(node.pid(), Ordering::SeqCst);
        let Ok(mut control) = node.try_control() else { continue };
        let lived = written.send(&mut control, to, |written, waiting| {
            shared.confirmed.fetch_add(written.confirmed.len() - told, Ordering::SeqCst);
            told = written.confirmed.len();
            (told + waiting < count).then(|| written.next_text(&me.name, random.below(40)))
        });
        kills += usize::from(!lived);
        shared.nodes[side].store(0, Ordering::SeqCst);
    }
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    (written, kills)
}

/// Pulls cables and kills nodes, spread over the whole time of writing.
fn chaos(
    lab: &Lab,
    hosts: &[String; 2],
    total: usize,
    kills: usize,
    shared: &Shared,
    random: &mut Random,
) -> usize {
    // Not among the very last, so that all of them come while somebody writes.
    let mut instants: Vec<usize> = (0..kills).map(|_| random.below(total - total / 20)).collect();
    instants.sort_unstable();
    let mut instants = instants.into_iter().peekable();
    let mut cut: Option<Instant> = None;
    let mut killed = 0;
    while !shared.done.load(Ordering::SeqCst) {
        let written = shared.confirmed.load(Ordering::SeqCst);
        let side = random.below(2);
        if instants.peek().is_some_and(|at| *at <= written) {
            let pid = shared.nodes[side].swap(0, Ordering::SeqCst);
            if pid != 0 {
                let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
                instants.next();
                killed += 1;
            }
        }
        match cut {
            Some(until) if until < Instant::now() => {
                lab.join(&hosts[0]);
                cut = None;
            }
            None if random.below(40) == 0 => {
                lab.cut(&hosts[0]);
                let length = 50 + random.below(1500);
                cut = Some(Instant::now() + Duration::from_millis(length as u64));
            }
            _ => {}
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    lab.join(&hosts[0]);
    killed
}

#[test]
fn messages_survive_cut_cables_and_killed_nodes() {
    if !available() {
        return;
    }
    let total = size("NEXUS_CHAOS_MESSAGES", 3_000, 100_000);
    let kills = size("NEXUS_CHAOS_KILLS", 6, 50);
    let mut random = Random::from_env("NEXUS_CHAOS_SEED");
    let mut lab = Lab::new(Addressing::V4);
    let hosts = [lab.host(), lab.host()];
    let (alice, bob) = (Person::new("Alice", Some(&hosts[0])), Person::new("Bob", Some(&hosts[1])));
    {
        let (node_a, node_b) = (alice.start(), bob.start());
        sees(&alice, &bob);
        become_contacts(&alice, &bob);
        node_a.stop();
        node_b.stop();
    }

    let shared = Shared::default();
    let began = Instant::now();
    let (by_alice, by_bob, killed) = std::thread::scope(|scope| {
        let (mut left, mut right, mut wild) = (random.fork(), random.fork(), random.fork());
        let (shared, alice, bob) = (&shared, &alice, &bob);
        let a = scope.spawn(move || write(alice, &bob.id, 0, total / 2, shared, &mut left));
        let b =
            scope.spawn(move || write(bob, &alice.id, 1, total - total / 2, shared, &mut right));
        let (lab, hosts) = (&lab, &hosts);
        let chaos = scope.spawn(move || chaos(lab, hosts, total, kills, shared, &mut wild));
        let written = (a.join(), b.join());
        shared.done.store(true, Ordering::SeqCst);
        let killed = chaos.join().unwrap();
        (written.0.unwrap(), written.1.unwrap(), killed)
    });
    let ((by_alice, died_a), (by_bob, died_b)) = (by_alice, by_bob);
    let died = died_a + died_b;
    eprintln!(
        "{total} messages, {killed} kills, {died} of them with something under way, in {:?}",
        began.elapsed()
    );
    assert_eq!(killed, kills);

    let _nodes = (alice.start(), bob.start());
    let began = Instant::now();
    let limit = Duration::from_secs(60 + total as u64 / 200);
    until("both converge", limit, || {
        let (left, right) = (alice.digest(&bob.id), bob.digest(&alice.id));
        if left == right { Ok(()) } else { Err(format!("{left} / {right}")) }
    });
    eprintln!("converged {:?} after the last start", began.elapsed());

    let texts = alice.texts(&bob.id);
    assert_eq!(texts, bob.texts(&alice.id), "equal digests, different histories");
    assert_whole(&texts, &[&by_alice, &by_bob]);
    alice.assert_log_verifies();
    bob.assert_log_verifies();
    assert!(died > 0 || kills == 0, "no kill hit a writing node");
}
