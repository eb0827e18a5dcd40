//! Being idle among a hundred contacts: a hundred and one real nodes on the loopback interface.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::driver::{Control, Node, Person, until};
use crate::measures::{mebibytes, port};
use crate::table::{Table, Target};

/// Everybody is given so long to find everybody else.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long the idle node is watched.
const IDLE: Duration = Duration::from_secs(30);
/// Before that, what the links' coming up left to do is done.
const CALM: Duration = Duration::from_secs(10);

pub(crate) fn crowd(program: &Path, people: usize, table: &mut Table) -> Result<()> {
    let port = port()?;
    let hub = Person::new(program, "Hub", port)?;
    let (node, _) = hub.start()?;
    let mut control = node.control()?;
    let mut others: Vec<(Person, Node, Control)> = Vec::with_capacity(people);
    for number in 0..people {
        let person = Person::new(program, &format!("Person {number}"), port)?;
        let (node, _) = person.start()?;
        let theirs = node.control()?;
        others.push((person, node, theirs));
    }
    until("everybody is seen", PATIENCE, || {
        let rows = control.rows(json!({"command": "nearby", "watch": false}))?;
        Ok(rows.len() >= people)
    })?;
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
    let status = control.rows(json!({"command": "status"}))?;
    let links = status.first().and_then(|row| row["links"].as_array()).context("links")?.len();
    eprintln!("  {links} links");

    std::thread::park_timeout(CALM);
    let (before, began) = (node.cpu()?, Instant::now());
    std::thread::park_timeout(IDLE);
    let share = (node.cpu()? - before) / began.elapsed().as_secs_f64() * 100.0;
    let name = |what: &str| format!("idle, {people} contacts linked on the LAN: {what}");
    table.add(&name("CPU of one core"), 0, share, "%", Target::AtMost(0.5));
    table.add(&name("memory"), 0, mebibytes(node.memory()?), "MiB", Target::AtMost(40.0));
    Ok(())
}
