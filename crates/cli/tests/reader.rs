//! The independent reader verifies what a real store exports. It is written from `docs/protocol.md` alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use std::path::{Path, PathBuf};
use std::process::Command;

use lab::story::{become_contacts, delivers, sees};
use lab::{Person, free_udp_port};

/// The Python that `./test` made; without it this can't be checked.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let made = root.join("target/python/bin/python");
    let python = std::env::var_os("NEXUS_PYTHON").map(PathBuf::from);
    let python = python.or_else(|| made.exists().then_some(made));
    if python.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI runs this through ./test");
        eprintln!("left out: no Python environment; ./test makes one");
    }
    python
}

#[test]
fn the_raw_export_of_a_real_store_reads_as_the_protocol_page_says() {
    let Some(python) = python() else { return };
    let port = free_udp_port();
    let (alice, bob) = (Person::on_loopback("Alice", port), Person::on_loopback("Bob", port));
    let _nodes = (alice.start(), bob.start());
    sees(&alice, &bob);
    become_contacts(&alice, &bob);
    for number in 0..20 {
        delivers(&alice, &bob, &format!("{number} {}", "long ".repeat(number * 40)));
    }
    let id = alice.nexus(&["send", &bob.id, "a typo"]).rows()[0]["entry_id"].clone();
    alice.nexus(&["edit", id.as_str().unwrap(), "no typo"]).rows();
    bob.nexus(&["react", id.as_str().unwrap(), "👍"]).rows();
    delivers(&bob, &alice, "the last one");

    let rows = alice.nexus(&["log", "show", &bob.id, "--raw"]).rows();
    assert!(rows.len() > 24, "{}", rows.len());
    let export = alice.data_dir().join("export.jsonl");
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    std::fs::write(&export, lines.join("\n")).unwrap();
    let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/reader.py");
    let out = Command::new(&python).arg(&reader).arg("store").arg(&export).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    eprint!("{said}");

    // And it does notice: one flipped bit in a payload, and it refuses.
    let last = lines.last().unwrap();
    let payload = rows.last().unwrap()["payload"].as_str().unwrap();
    let flipped = if payload.starts_with('0') { "1" } else { "0" };
    let forged = last.replace(payload, &format!("{flipped}{}", &payload[1..]));
    std::fs::write(&export, format!("{}\n{forged}", lines[..lines.len() - 1].join("\n"))).unwrap();
    let out = Command::new(&python).arg(&reader).arg("store").arg(&export).output().unwrap();
    assert!(!out.status.success(), "a forged payload was taken for good");
}
