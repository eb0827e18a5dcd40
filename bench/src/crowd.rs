//! Being idle among a hundred contacts: a hundred and one real nodes, each on a host of its own on one LAN.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::driver::{Control, Node, Person, until};
use crate::lan::Lan;
use crate::measures::mebibytes;
use crate::table::{Table, Target};

/// Everybody is given so long to find everybody else.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long the idle node is watched.
const IDLE: Duration = Duration::from_secs(60);
/// Before that, what the links' coming up left to do is done.
const CALM: Duration = Duration::from_secs(20);

pub(crate) fn crowd(program: &Path, people: usize, table: &mut Table) -> Result<()> {
    let mut lan = Lan::new()?;
    let hub = Person::on_host(program, "Hub", &lan.host()?)?;
    let (node, _) = hub.start()?;
    let mut control = node.control()?;
    let mut others: Vec<(Person, Node, Control)> = Vec::with_capacity(people);
    for number in 0..people {
        let person = Person::on_host(program, &format!("Person {number}"), &lan.host()?)?;
        let (node, _) = person.start()?;
        let theirs = node.control()?;
        others.push((person, node, theirs));
    }
    let mut seen = 0;
    let all_seen = until("everybody is seen", PATIENCE, || {
        seen = control.rows(json!({"command": "nearby", "watch": false}))?.len();
        std::thread::park_timeout(Duration::from_millis(500));
        Ok(seen >= people)
    });
    all_seen.with_context(|| format!("{seen} of {people} were seen"))?;
    for (person, _, theirs) in &mut others {
        control.rows(json!({"command": "contact_add", "who": person.id}))?;
        until("request", PATIENCE, || {
            Ok(!theirs.rows(json!({"command": "requests"}))?.is_empty())
        })?;
        theirs.rows(json!({"command": "contact_accept", "who": hub.id}))?;
    }
    until("all are contacts", PATIENCE, || {
        let rows = control.rows(json!({"command": "contacts"}))?;
        Ok(rows.iter().filter(|row| row["state"] == "accepted").count() == people)
    })?;
    until("all are linked", PATIENCE, || {
        let status = control.rows(json!({"command": "status"}))?;
        let links = status.first().and_then(|row| row["links"].as_array()).context("links")?;
        Ok(links.len() == people)
    })?;
    idle(&node, people, table)
}

/// What a node costs that does nothing but hold its links.
fn idle(node: &Node, people: usize, table: &mut Table) -> Result<()> {
    std::thread::park_timeout(CALM);
    let (before, began) = (node.cpu()?, Instant::now());
    std::thread::park_timeout(IDLE);
    let share = (node.cpu()? - before) / began.elapsed().as_secs_f64() * 100.0;
    let name = |what: &str| format!("idle, {people} contacts linked on the LAN: {what}");
    table.add(&name("CPU of one core"), 0, share, "%", Target::AtMost(0.5));
    table.add(&name("memory"), 0, mebibytes(node.memory()?), "MiB", Target::AtMost(40.0));
    Ok(())
}
