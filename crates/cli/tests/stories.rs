//! The simulator's stories that need no clock of their own, told once more with the shipped program: real processes, real
//! sockets, `kill -9`. Time is only an order here: what a story does later is done next.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lab::person::Node;
use lab::story::{SOON, become_contacts, sees};
use lab::{Person, free_udp_port, until};
use nexus_sim::plan::{Act, ContactAct, Fault, Line, Ms, Plan};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Whoever was away finds the others again and has everything within this.
const LATER: Duration = Duration::from_secs(60);

/// Long enough for what can be delivered at all; what is kept back on purpose waits no longer than this.
const A_WHILE: Duration = Duration::from_secs(5);

#[test]
fn both_write_while_apart() {
    tell("both-write-while-apart");
}

#[test]
fn an_old_backup() {
    tell("an-old-backup");
}

#[test]
fn killed_while_writing() {
    tell("killed-while-writing");
}

#[test]
fn a_copied_device() {
    tell("a-copied-device");
}

#[test]
fn a_disk_that_goes_back() {
    tell("a-disk-that-goes-back");
}

#[test]
fn edits_that_cross() {
    tell("edits-that-cross");
}

#[test]
fn first_contact() {
    tell("first-contact");
}

#[test]
fn two_devices_of_one_person() {
    tell("two-devices-of-one-person");
}

fn tell(name: &str) {
    let path = format!("{}/../sim/stories/{name}.story", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    Teller::new(nexus_sim::story::read(&text, 0).unwrap()).tell();
}

/// What ends by itself after a while.
enum Over {
    Network(usize),
    Down(usize),
}

struct Device {
    person: Person,
    node: Option<Node>,
}

struct Teller {
    plan: Plan,
    port: u16,
    dir: TempDir,
    devices: BTreeMap<usize, Device>,
    phrases: BTreeMap<usize, String>,
    over: Vec<(Ms, Over)>,
}

impl Teller {
    /// Everybody with their devices, friends as contacts, all nodes running.
    fn new(plan: Plan) -> Self {
        let dir = tempfile::Builder::new().prefix("nexus-story-").tempdir().unwrap();
        let (devices, phrases) = (BTreeMap::new(), BTreeMap::new());
        let mut teller =
            Self { plan, port: free_udp_port(), dir, devices, phrases, over: Vec::new() };
        let there: Vec<usize> = teller.plan.first_nodes().collect();
        let owner = |node: usize| teller.plan.nodes[node].person;
        let first = |node: usize| there.iter().copied().find(|one| owner(*one) == owner(node));
        let (firsts, others): (Vec<_>, Vec<_>) =
            there.iter().copied().partition(|node| first(*node) == Some(*node));
        let others: Vec<_> = others.iter().map(|node| (*node, first(*node).unwrap())).collect();
        for node in firsts {
            let name = format!("Person {}", teller.plan.nodes[node].person);
            teller.arrive(node, Person::on_loopback(&name, teller.port));
        }
        for (a, b) in teller.plan.friends.clone() {
            let (a, b) = (teller.of(a), teller.of(b));
            sees(a, b);
            become_contacts(a, b);
        }
        for (node, from) in others {
            teller.back_up(from);
            teller.restore(node, from);
        }
        teller
    }

    fn tell(mut self) {
        let mut now = 0;
        for step in self.plan.steps.clone() {
            if step.at > now {
                self.let_time_pass();
                now = step.at;
            }
            let (due, later): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.over).into_iter().partition(|(at, _)| *at <= step.at);
            self.over = later;
            due.into_iter().for_each(|(_, what)| self.end(what));
            eprintln!("{:?}", step.act);
            self.act(step.at, step.act);
        }
        for device in self.devices.values().filter(|device| device.node.is_some()) {
            device.person.assert_log_verifies();
        }
    }

    /// In the time that a story leaves, what can be delivered is.
    fn let_time_pass(&self) {
        let running = |device: &Device| device.node.is_some();
        if !self.over.is_empty() || !self.devices.values().all(running) {
            return;
        }
        let began = Instant::now();
        let queued = |person: &Person| person.nexus(&["status"]).row()["queued"] != 0;
        while self.devices.values().any(|device| queued(&device.person))
            && began.elapsed() < A_WHILE
        {
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn act(&mut self, at: Ms, act: Act) {
        match act {
            Act::Write { node, to, line } => self.write(node, &self.id(to), &line),
            Act::Look { node, with, shows } => self.look(node, &self.id(with), &shows),
            Act::Contact { node, who, what } => self.contact(node, who, what),
            Act::Backup { node } => self.back_up(node),
            Act::Restore { node, from } => self.restore(node, from),
            Act::Fault(Fault::Crash { node, during, .. }) => {
                drop(self.devices.get_mut(&node).unwrap().node.take());
                self.over.push((at + during, Over::Down(node)));
            }
            Act::Fault(Fault::Partition { nodes, during }) => {
                for node in nodes {
                    self.network(node, false);
                    self.over.push((at + during, Over::Network(node)));
                }
            }
            Act::Fault(Fault::Clone { node, from }) => {
                let copy = self.while_stopped(from, |person| person.copy(None));
                self.arrive(node, copy);
            }
            Act::Fault(Fault::Remember { node }) => {
                let kept = self.dir.path().join("remembered");
                self.while_stopped(node, |person| copy(person.data_dir(), &kept));
            }
            Act::Fault(Fault::Forget { node }) => {
                let kept = self.dir.path().join("remembered");
                self.while_stopped(node, |person| copy(&kept, person.data_dir()));
            }
            other => panic!("not without a clock: {other:?}"),
        }
    }

    fn end(&mut self, what: Over) {
        match what {
            Over::Network(node) => self.network(node, true),
            Over::Down(node) => {
                let device = self.devices.get_mut(&node).unwrap();
                device.node = Some(device.person.start());
            }
        }
    }

    fn write(&self, node: usize, to: &str, line: &Line) {
        let person = &self.devices[&node].person;
        let id = |text: &str| {
            until(&format!("{text:?} is shown"), SOON, || {
                let rows = person.nexus(&["history", to]).rows();
                let found = rows.iter().find(|row| row["text"] == text);
                found
                    .map(|row| row["entry_id"].as_str().unwrap().to_owned())
                    .ok_or_else(|| format!("{rows:?}"))
            })
        };
        // A device that has just learned that its log goes on elsewhere refuses until it has another, and says so.
        until(&format!("{line:?} is written"), SOON, || {
            let answer = match line {
                Line::Text(text) => person.nexus(&["send", to, text]),
                Line::Reply { of, text } => person.nexus(&["send", to, text, "--reply", &id(of)]),
                Line::Edit { of, text } => person.nexus(&["edit", &id(of), text]),
                Line::Retract(of) => person.nexus(&["retract", &id(of)]),
                Line::React { of, emoji } => person.nexus(&["react", &id(of), emoji]),
                Line::Timer(_) => panic!("not without a clock: {line:?}"),
            };
            if answer.code != 0 && answer.stderr.contains("continued elsewhere") {
                return Err(answer.stderr);
            }
            answer.rows();
            Ok(())
        });
    }

    fn look(&self, node: usize, with: &str, wanted: &[String]) {
        let person = &self.devices[&node].person;
        until(&format!("device {node} shows {wanted:?}"), LATER, || {
            let rows = person.nexus(&["history", with]).rows();
            let shows: Vec<String> = rows.iter().map(words).collect();
            if shows == wanted { Ok(()) } else { Err(format!("{shows:?}")) }
        });
    }

    fn contact(&self, node: usize, who: usize, what: ContactAct) {
        let (person, other) = (&self.devices[&node].person, self.of(who));
        match what {
            ContactAct::Ask => {
                sees(person, other);
                person.nexus(&["contact", "add", &other.id]).rows();
            }
            ContactAct::Accept => {
                person.contact_in_state(&other.id, "incoming", SOON);
                person.nexus(&["contact", "accept", &other.id]).rows();
            }
            ContactAct::Decline => {
                drop(person.nexus(&["contact", "decline", &other.id]).rows());
            }
            ContactAct::Remove => drop(person.nexus(&["contact", "remove", &other.id]).rows()),
            ContactAct::Block => drop(person.nexus(&["contact", "block", &other.id]).rows()),
            ContactAct::Unblock => drop(person.nexus(&["contact", "unblock", &other.id]).rows()),
        }
    }

    fn file(&self, node: usize) -> String {
        self.dir.path().join(format!("{node}.backup")).to_str().unwrap().to_owned()
    }

    fn back_up(&mut self, node: usize) {
        let file = self.file(node);
        let _older = std::fs::remove_file(&file);
        let made = self.devices[&node].person.nexus(&["backup", "create", &file]).row();
        self.phrases.insert(node, format!("{}\n", made["phrase"].as_str().unwrap()));
    }

    fn restore(&mut self, node: usize, from: usize) {
        let mut person = Person::blank(&self.devices[&from].person.name, None);
        let port = self.port.to_string();
        person.nexus(&["config", "set", "loopback_only", "true"]).rows();
        person.nexus(&["config", "set", "discovery_port", &port]).rows();
        let args = ["backup", "restore", &self.file(from), "--phrase-file", "-"];
        person.command_with_input(&args, self.phrases[&from].as_bytes()).rows();
        person.id.clone_from(&self.devices[&from].person.id);
        self.arrive(node, person);
    }

    fn arrive(&mut self, node: usize, person: Person) {
        let running = person.start();
        self.devices.insert(node, Device { person, node: Some(running) });
    }

    fn while_stopped<T>(&mut self, node: usize, deed: impl FnOnce(&Person) -> T) -> T {
        let device = self.devices.get_mut(&node).unwrap();
        device.node.take().unwrap().stop();
        let done = deed(&device.person);
        device.node = Some(device.person.start());
        done
    }

    fn network(&self, node: usize, enabled: bool) {
        let running = self.devices[&node].node.as_ref().unwrap();
        let mut control = running.control();
        control.ask(json!({"command": "network", "enabled": enabled})).unwrap();
        assert_eq!(control.answer().unwrap()["answer"], "done");
    }

    /// Some device of a person.
    fn of(&self, person: usize) -> &Person {
        let device = self.devices.iter().find(|(node, _)| self.plan.nodes[**node].person == person);
        &device.unwrap().1.person
    }

    fn id(&self, person: usize) -> String {
        self.of(person).id.clone()
    }
}

/// A row of `history` as a story has it.
fn words(row: &Value) -> String {
    match row["type"].as_str().unwrap() {
        "text" => {
            let reactions = row["reactions"].as_array().into_iter().flatten();
            let emoji = reactions.map(|one| one["emoji"].as_str().unwrap());
            let all: Vec<&str> =
                std::iter::once(row["text"].as_str().unwrap()).chain(emoji).collect();
            all.join(" ")
        }
        other => format!("({other})"),
    }
}

/// Makes `to` what `from` is.
fn copy(from: &Path, to: &Path) {
    let script = "rm -rf \"$2\" && cp -a \"$1\" \"$2\"";
    let done = Command::new("sh").args(["-c", script, "sh"]).args([from, to]).status().unwrap();
    assert!(done.success());
}
