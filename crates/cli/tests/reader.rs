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
use serde_json::Value;

/// The Python that `./test` made; without it this can't be checked.
fn python() -> Option<PathBuf> {
    let made = root().join("target/python/bin/python");
    let python = std::env::var_os("NEXUS_PYTHON").map(PathBuf::from);
    let python = python.or_else(|| made.exists().then_some(made));
    if python.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI runs this through ./test");
        eprintln!("left out: no Python environment; ./test makes one");
    }
    python
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether the reader takes what is there for good, and what it said.
fn reads(python: &Path, what: &str, place: &Path) -> (bool, String) {
    let reader = root().join("tools/reader.py");
    let out = Command::new(python).arg(reader).arg(what).arg(place).output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Changes one digit or one number in the first thing below that has one.
fn change(value: &mut Value) -> bool {
    match value {
        Value::String(text) if text.len() >= 8 => {
            let middle = text.len() / 2;
            let other = if &text[middle..=middle] == "0" { "1" } else { "0" };
            text.replace_range(middle..=middle, other);
            true
        }
        Value::Number(number) => {
            *value = (number.as_u64().unwrap() + 1).into();
            true
        }
        Value::Array(items) => items.iter_mut().rev().any(change),
        Value::Object(fields) => fields.values_mut().any(change),
        _ => false,
    }
}

#[test]
fn a_changed_byte_in_any_section_of_the_vectors_is_noticed() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(root().join("docs/vectors")).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let (good, said) = reads(&python, "vectors", dir.path());
    assert!(good, "{said}");
    let mut sections = 0;
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        let vectors: Value = serde_json::from_slice(&whole).unwrap();
        for section in vectors.as_object().unwrap().keys() {
            // What is refused may be refused however it is changed; many a body is one of its type.
            if section.starts_with("refused") || section == "bodies" {
                continue;
            }
            let mut forged = vectors.clone();
            assert!(change(&mut forged[section]), "{section}");
            std::fs::write(&path, forged.to_string()).unwrap();
            let (taken, _) = reads(&python, "vectors", dir.path());
            assert!(!taken, "{path:?}: a change in {section} was taken for good");
            sections += 1;
        }
        std::fs::write(&path, whole).unwrap();
    }
    assert!(sections > 25, "{sections}");
}

#[test]
fn the_reader_folds_edits_retractions_and_reactions_by_itself() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(root().join("docs/vectors")).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = dir.path().join("log.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut told = 0;
    for message in 0..vectors["conversation"]["view"].as_array().unwrap().len() {
        for (field, says) in [
            ("edited", None),
            ("retracted", None),
            ("reply_to", Some("00".repeat(32).into())),
            ("text", Some("something else".into())),
            ("reactions", Some(serde_json::json!([["00".repeat(32), "👎"]]))),
        ] {
            // Once for each field and what it holds, so that it does not take long.
            let was = &vectors["conversation"]["view"][message][field];
            let first = (0..message).all(|n| vectors["conversation"]["view"][n][field] != *was);
            if !first {
                continue;
            }
            let mut forged = vectors.clone();
            let says = says.unwrap_or_else(|| Value::Bool(!was.as_bool().unwrap()));
            forged["conversation"]["view"][message][field] = says;
            std::fs::write(&path, forged.to_string()).unwrap();
            let (taken, _) = reads(&python, "vectors", dir.path());
            assert!(!taken, "another `{field}` of message {message} was taken for good");
            told += 1;
        }
    }
    assert!(told > 10, "{told}");
}

#[test]
fn the_reader_is_two_scripts_of_400_lines_at_most_each() {
    let tools = std::fs::read_dir(root().join("tools")).unwrap();
    let scripts: Vec<PathBuf> = tools.map(|file| file.unwrap().path()).collect();
    let python: Vec<&PathBuf> = scripts
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
        .collect();
    assert_eq!(python.len(), 2, "{python:?}");
    for script in python {
        let text = std::fs::read_to_string(script).unwrap();
        assert!(text.lines().count() <= 400, "{script:?}");
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{script:?}");
    }
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
    let (good, said) = reads(&python, "store", &export);
    assert!(good, "{said}");
    eprint!("{said}");

    // And it does notice: one flipped bit in a payload, and it refuses.
    let last = lines.last().unwrap();
    let payload = rows.last().unwrap()["payload"].as_str().unwrap();
    let flipped = if payload.starts_with('0') { "1" } else { "0" };
    let forged = last.replace(payload, &format!("{flipped}{}", &payload[1..]));
    std::fs::write(&export, format!("{}\n{forged}", lines[..lines.len() - 1].join("\n"))).unwrap();
    assert!(!reads(&python, "store", &export).0, "a forged payload was taken for good");
}
