//! A writer and a reader whose nodes are killed at random instants, and whose machines lose their power.
//!
//! What was confirmed is recorded here, outside the killed processes: `queued` by the answer to `send`, `delivered` by the
//! event of the writer's node. After each kill some of it, at the end all of it must be there, once and on both sides; a
//! message whose answer was lost in a kill may be there or not, but on both sides alike.
//!
//! Sizes: `NEXUS_CRASH_KILLS`, `NEXUS_CRASH_CUTS`; `NEXUS_CRASH_SEED` repeats the random choices.

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
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use disk::{Disk, Fault};
use lab::person::{Control, Node};
use lab::random::Random;
use lab::story::contacts_on_loopback;
use lab::written::{Written, assert_whole};
use lab::{Person, long, until};
use serde_json::Value;

/// Within this some message arrives, however busy the machine: else the two are stuck.
const PATIENCE: Duration = Duration::from_secs(60);
/// Deliveries that are waited for at most before a kill.
const DELIVERIES: usize = 40;
/// An early kill comes within so many milliseconds after the start of the process.
const EARLY: usize = 150;
/// With the power going, one in so many writes is the last one …
const TORN: u32 = 12;
/// … and whoever writes nothing for so long is killed where it stands.
const MID_WRITE: Duration = Duration::from_millis(40);
/// One in so many kills has the store of the dead looked at before it runs again.
const LOOK: usize = 4;

/// What the writer is to do.
enum Order {
    /// Go on over this connection: the node was started anew.
    Node(Control),
    /// Write so many more.
    Write(usize),
}

/// One side, and the disk under it, where the power is to fail.
struct Side {
    person: Person,
    disk: Option<Disk>,
}

/// Both sides and what is known of what they confirmed.
struct World<'a> {
    sides: &'a [Side; 2],
    nodes: [Option<Node>; 2],
    written: &'a Mutex<Written>,
    /// Ids of messages that were told to be delivered.
    delivered: BTreeSet<String>,
    orders: Sender<Order>,
    random: Random,
    kills: usize,
    looks: usize,
    /// Sectors that were in no file after a power cut.
    lost: usize,
}

impl World<'_> {
    /// Kills so often, and starts again what it killed.
    fn run(&mut self, kills: usize) {
        self.start(1);
        self.start(0);
        while self.kills < kills {
            let arriving = self.random.below(DELIVERIES);
            // Some are still on their way when the kill comes.
            let order = Order::Write(arriving + self.random.below(DELIVERIES));
            self.orders.send(order).unwrap();
            self.deliver(arriving);
            let (side, pause) = (self.random.below(2), self.instant(20));
            std::thread::park_timeout(pause);
            self.kill(side);
            if self.random.below(LOOK) == 0 {
                self.look(side);
            }
            self.start(side);
        }
    }

    /// Starts a node, which may be killed some times before it comes to be ready.
    fn start(&mut self, side: usize) {
        let Side { person, disk } = &self.sides[side];
        while self.random.below(3) == 0 {
            disk.iter().for_each(Disk::fails);
            self.nodes[side] = Some(person.spawn());
            let pause = self.instant(EARLY);
            std::thread::park_timeout(pause);
            self.kill(side);
        }
        let node = person.spawn();
        node.event("ready", PATIENCE, |_| true);
        if side == 0 {
            self.orders.send(Order::Node(node.control())).unwrap();
        }
        self.nodes[side] = Some(node);
    }

    /// How long until the kill, below so many milliseconds.
    fn instant(&mut self, below: usize) -> Duration {
        Duration::from_micros(self.random.below(1_000 * below) as u64)
    }

    /// Waits until so many more messages were told to be delivered.
    fn deliver(&mut self, count: usize) {
        let until = self.delivered.len() + count;
        while self.delivered.len() < until {
            let event = self.nodes[0].as_ref().unwrap().next(PATIENCE).expect("the writer runs");
            self.heard(&event);
        }
    }

    fn heard(&mut self, event: &Value) {
        if event["event"] == "state" && event["state"] == "delivered" {
            self.delivered.insert(event["entry_id"].as_str().unwrap().to_owned());
        }
    }

    fn kill(&mut self, side: usize) {
        let node = self.nodes[side].take().unwrap();
        assert!(!node.said().contains("panicked"), "{}", node.said());
        let Side { person, disk } = &self.sides[side];
        // With a disk, the end comes in the middle of one of the next writes, if there are any.
        disk.iter().for_each(Disk::fails);
        let said = node.die(if disk.is_some() { MID_WRITE } else { Duration::ZERO });
        self.kills += 1;
        if side == 0 {
            said.iter().for_each(|event| self.heard(event));
        }
        if let Some(disk) = disk {
            disk.works();
            self.lost += disk.power_cut(person.data_dir(), &mut self.random);
        }
    }

    /// What this side confirmed is in its store, before anybody could bring it back.
    fn look(&mut self, side: usize) {
        let sought: Vec<String> = {
            let written = self.written.lock().unwrap();
            let told = |id: &String| side == 0 || self.delivered.contains(id);
            written.confirmed.iter().filter(|(_, id)| told(id)).map(|(t, _)| t.clone()).collect()
        };
        let [person, other] = [side, 1 - side].map(|side| &self.sides[side].person);
        let held: BTreeSet<String> = person.texts(&other.id).into_iter().collect();
        for text in &sought {
            assert!(
                held.contains(text),
                "confirmed, and not in the store of {}: {text}",
                person.name
            );
        }
        self.looks += 1;
    }
}

/// The writer: a thread of its own, so that messages are on their way at any instant.
fn write(
    orders: Receiver<Order>,
    me: &str,
    to: &str,
    written: &Mutex<Written>,
    mut random: Random,
) {
    let mut node: Option<Control> = None;
    for order in orders {
        match order {
            Order::Node(control) => node = Some(control),
            Order::Write(mut count) => {
                let Some(control) = &mut node else { continue };
                written.lock().unwrap().send(control, to, |written, _| {
                    count = count.checked_sub(1)?;
                    Some(written.next_text(me, random.below(300)))
                });
            }
        }
    }
}

/// Two contacts, whose nodes do not run.
fn contacts(power: bool, seed: u64) -> [Side; 2] {
    let sides = contacts_on_loopback(["Writer", "Reader"]);
    sides.map(|mut person| {
        let disk = power.then(Disk::new);
        if let Some(disk) = &disk {
            person.set_environment(disk.failing(Fault::TornWrite, TORN, seed));
        }
        Side { person, disk }
    })
}

fn survives(power: bool, kills: usize) {
    let mut random = Random::from_env("NEXUS_CRASH_SEED");
    let sides = contacts(power, random.draw());
    let written = Mutex::new(Written::default());
    let (orders, taken) = channel();
    let began = Instant::now();
    let (writes, chooses) = (random.fork(), random.fork());
    let world = std::thread::scope(|scope| {
        let [writer, reader] = sides.each_ref().map(|side| &side.person);
        let written = &written;
        scope.spawn(move || write(taken, &writer.name, &reader.id, written, writes));
        let mut world = World {
            sides: &sides,
            nodes: [None, None],
            written,
            delivered: BTreeSet::new(),
            orders,
            random: chooses,
            kills: 0,
            looks: 0,
            lost: 0,
        };
        world.run(kills);
        world.orders = channel().0;
        world
    });
    let written = written.lock().unwrap();
    eprintln!(
        "{} kills in {:?}: {} messages queued, {} told to be delivered, {} of unknown fate; {} looks, {} sectors lost",
        world.kills,
        began.elapsed(),
        written.confirmed.len(),
        world.delivered.len(),
        written.unknown.len(),
        world.looks,
        world.lost,
    );
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    assert!(world.lost > 0 || !power, "no power cut took anything: the test is blind");

    let [writer, reader] = sides.each_ref().map(|side| &side.person);
    until("both converge", PATIENCE, || {
        let (left, right) = (writer.digest(&reader.id), reader.digest(&writer.id));
        if left == right { Ok(()) } else { Err(format!("{left} / {right}")) }
    });
    let texts = writer.texts(&reader.id);
    assert_eq!(texts, reader.texts(&writer.id), "equal digests, different histories");
    assert_whole(&texts, &[&written]);
    let ids: BTreeSet<&String> = written.confirmed.values().collect();
    let strange: Vec<_> = world.delivered.iter().filter(|id| !ids.contains(id)).collect();
    assert!(strange.len() <= written.unknown.len(), "delivered, and nobody wrote: {strange:?}");
    writer.assert_log_verifies();
    reader.assert_log_verifies();
}

fn times(variable: &str, usual: usize, many: usize) -> usize {
    std::env::var(variable).map_or_else(|_| long(usual, many), |text| text.parse().unwrap())
}

#[test]
fn nothing_confirmed_is_lost_by_kills_at_random_instants() {
    survives(false, times("NEXUS_CRASH_KILLS", 40, 500));
}

#[test]
fn nothing_confirmed_is_lost_by_power_cuts_at_random_instants() {
    survives(true, times("NEXUS_CRASH_CUTS", 20, 200));
}
