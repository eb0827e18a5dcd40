//! What is measured, and against what.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::driver::{Control, Node, Person, until};
use crate::table::{Table, Target};

/// Single sends whose time to `delivered` is taken.
const SENDS: usize = 200;
/// How long one of them may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Runs of a command.
const COMMANDS: usize = 30;
/// Searches a size.
const SEARCHES: usize = 300;

/// A text of 200 bytes with words that are worth searching.
pub(crate) fn text(number: usize) -> String {
    let rare = number % 997;
    let mut text = format!("message {number} about topic{rare} and");
    while text.len() < 200 {
        text.push_str(" some more words");
    }
    text.truncate(200);
    text
}

pub(crate) fn port() -> Result<u16> {
    Ok(std::net::UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

pub(crate) fn become_contacts(
    alice: &Person,
    bob: &Person,
    a: &mut Control,
    b: &mut Control,
) -> Result<()> {
    let nearby = json!({"command": "nearby", "watch": false});
    until("discovery", Duration::from_secs(30), || {
        let rows = a.rows(nearby.clone())?;
        Ok(rows.iter().any(|row| row["connect_id"] == bob.id.as_str()))
    })?;
    a.rows(json!({"command": "contact_add", "who": bob.id}))?;
    until("request", Duration::from_secs(30), || {
        Ok(!b.rows(json!({"command": "requests"}))?.is_empty())
    })?;
    b.rows(json!({"command": "contact_accept", "who": alice.id}))?;
    until("accepted", Duration::from_secs(30), || {
        let rows = a.rows(json!({"command": "contacts"}))?;
        Ok(rows.iter().any(|row| row["state"] == "accepted"))
    })
}

/// The `share`th part of sorted times, in milliseconds.
pub(crate) fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "few"
    )]
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// Send until durable at the peer, beside a bare fsync on the same disk in the same run.
pub(crate) fn latency(program: &Path, table: &mut Table) -> Result<()> {
    let port = port()?;
    let (alice, bob) = (Person::new(program, "Alice", port)?, Person::new(program, "Bob", port)?);
    let (node_a, _) = alice.start()?;
    let (node_b, _) = bob.start()?;
    let (mut a, mut b) = (node_a.control()?, node_b.control()?);
    become_contacts(&alice, &bob, &mut a, &mut b)?;

    let mut file = std::fs::File::create(alice.data_dir().join("bare"))?;
    let told = node_b.control()?.messages()?;
    let (mut bare, mut arrivals, mut sends) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SENDS {
        let began = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        bare.push(began.elapsed());
        let began = Instant::now();
        let send =
            json!({"command": "send", "to": bob.id, "text": text(number), "wait": "delivered"});
        a.rows(send)?;
        sends.push(began.elapsed());
        arrivals.push(told.recv_timeout(PATIENCE)?.saturating_duration_since(began));
    }
    let fsync = percentile(&mut bare, 0.5);
    table.add("bare write of 4 KiB + fdatasync, p50", 0, fsync, "ms", Target::None);
    let target = Target::AtMost(2.0 * fsync + 1.0);
    let durable = "send → durable at the peer and told by its `watch`";
    let learned = "send → the sender has written down that it is";
    for (what, times, target) in
        [(durable, &mut arrivals, target), (learned, &mut sends, Target::None)]
    {
        table.add(&format!("{what}, p50"), 0, percentile(times, 0.5), "ms", target);
        table.add(&format!("{what}, p99"), 0, percentile(times, 0.99), "ms", Target::None);
    }

    let mut commands = Vec::new();
    for number in 0..COMMANDS {
        let began = Instant::now();
        alice.nexus(&["send", &bob.id, &text(number)])?;
        commands.push(began.elapsed());
    }
    let p50 = percentile(&mut commands, 0.5);
    table.add("command `nexus send`, node running, p50", 0, p50, "ms", Target::None);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// Everything that depends on how much is in the store.
pub(crate) fn with_messages(program: &Path, size: usize, table: &mut Table) -> Result<()> {
    let port = port()?;
    let (alice, bob) = (Person::new(program, "Alice", port)?, Person::new(program, "Bob", port)?);
    let (node_a, _) = alice.start()?;
    let (node_b, _) = bob.start()?;
    let (mut a, mut b) = (node_a.control()?, node_b.control()?);
    become_contacts(&alice, &bob, &mut a, &mut b)?;
    // One message over and back, so that both logs are open before the parting.
    a.rows(json!({"command": "send", "to": bob.id, "text": "first", "wait": "delivered"}))?;
    drop(b);
    node_b.stop()?;

    let began = Instant::now();
    a.send_many(&bob.id, size, text)?;
    table.add("written here, durable", size, per_second(size, began.elapsed()), "/s", Target::None);

    let cpu = node_a.cpu()?;
    let began = Instant::now();
    let (node_b, _) = bob.start()?;
    let mut b = node_b.control()?;
    let limit = Duration::from_secs(60 + size as u64 / 500);
    // Unread are all, and the one before the parting.
    let all = size as u64 + 1;
    until("the peer has everything in its view", limit, || {
        let rows = b.rows(json!({"command": "conversations"}))?;
        Ok(rows.first().is_some_and(|row| row["unread"].as_u64() >= Some(all)))
    })?;
    let viewed = began.elapsed();
    let query = json!({"command": "search", "query": format!("message {}", size - 1), "limit": 1});
    until("the last message is found", limit, || Ok(!b.rows(query.clone())?.is_empty()))?;
    let found = began.elapsed();
    let cpu = [node_a.cpu()? - cpu, node_b.cpu()?];
    let (view, search_rate) =
        if size > 500_000 { (12_000.0, 12_000.0) } else { (30_000.0, 20_000.0) };
    let mut add = |what: &str, figure, unit, target| table.add(what, size, figure, unit, target);
    add(
        "synced to the peer: in its view and durable",
        per_second(size, viewed),
        "/s",
        Target::AtLeast(view),
    );
    add(
        "synced to the peer: found by search too",
        per_second(size, found),
        "/s",
        Target::AtLeast(search_rate),
    );
    for (cpu, what) in cpu.into_iter().zip(["sender", "receiver"]) {
        let each = cpu / messages(size) * 1e6;
        add(&format!("synced to the peer: CPU of the {what} a message"), each, "µs", Target::None);
    }

    search(&mut b, size, table)?;
    read_all(&bob, &alice, size, table)?;
    drop(b);
    node_b.stop()?;
    size_on_disk(&bob, size, table)?;
    start(&bob, size, table)
}

/// The commands that go through a whole conversation.
fn read_all(bob: &Person, alice: &Person, size: usize, table: &mut Table) -> Result<()> {
    let all = size.to_string();
    for (name, args) in [
        ("`nexus export`", vec!["export", &alice.id]),
        ("`nexus history --limit ALL`", vec!["history", &alice.id, "--limit", &all]),
        ("`nexus history` (the last 50)", vec!["history", &alice.id]),
        ("`nexus digest`", vec!["digest", &alice.id]),
        ("`nexus log verify`", vec!["log", "verify"]),
    ] {
        let began = Instant::now();
        bob.nexus(&args)?;
        table.add(name, size, began.elapsed().as_secs_f64() * 1000.0, "ms", Target::None);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn messages(size: usize) -> f64 {
    size as f64
}

fn search(b: &mut Control, size: usize, table: &mut Table) -> Result<()> {
    let mut times = Vec::new();
    for number in 0..SEARCHES {
        let query = match number % 3 {
            0 => format!("topic{}", number % 997),
            1 => format!("message {number}"),
            _ => "mor wor".to_owned(),
        };
        let began = Instant::now();
        b.rows(json!({"command": "search", "query": query, "limit": 20}))?;
        times.push(began.elapsed());
    }
    table.add("search, p50", size, percentile(&mut times, 0.5), "ms", Target::None);
    table.add("search, p99", size, percentile(&mut times, 0.99), "ms", Target::AtMost(20.0));
    Ok(())
}

fn size_on_disk(bob: &Person, size: usize, table: &mut Table) -> Result<()> {
    let mut bytes = 0;
    for name in ["nexus.db", "nexus.db-wal"] {
        bytes += std::fs::metadata(bob.data_dir().join(name)).map_or(0, |file| file.len());
    }
    let each = mebibytes(bytes) * 1_048_576.0 / messages(size);
    table.add("database, each 200-byte message", size, each, "B", Target::AtMost(1.1 * 1024.0));
    Ok(())
}

fn start(bob: &Person, size: usize, table: &mut Table) -> Result<()> {
    let mut times = Vec::new();
    let mut node: Option<Node> = None;
    for _ in 0..5 {
        if let Some(running) = node.take() {
            running.stop()?;
        }
        let (running, took) = bob.start()?;
        times.push(took);
        node = Some(running);
    }
    table.add("start → ready, p50", size, percentile(&mut times, 0.5), "ms", Target::AtMost(150.0));
    let node = node.context("started")?;
    std::thread::park_timeout(Duration::from_secs(2));
    table.add("memory after a start", size, mebibytes(node.memory()?), "MiB", Target::None);
    Ok(())
}
