//! The crate graph is the layer diagram of `ARCHITECTURE.md`: exactly these arrows, and pure crates stay pure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate and what it may use of ours. `identity` has an arrow from all that handle keys or ids.
const ARROWS: [(&str, &[&str]); 12] = [
    ("nexus-bench", &["nexus-identity", "nexus-log", "nexus-sync", "nexus-transport"]),
    ("nexus-blobs", &["nexus-identity"]),
    ("nexus-cli", &["nexus-node", "nexus-tui"]),
    ("nexus-files", &["nexus-blobs"]),
    ("nexus-identity", &[]),
    ("nexus-log", &["nexus-identity"]),
    (
        "nexus-node",
        &[
            "nexus-blobs",
            "nexus-files",
            "nexus-identity",
            "nexus-log",
            "nexus-storage",
            "nexus-sync",
            "nexus-transport",
        ],
    ),
    (
        "nexus-sim",
        &["nexus-identity", "nexus-log", "nexus-storage", "nexus-sync", "nexus-transport"],
    ),
    ("nexus-storage", &["nexus-identity", "nexus-log", "nexus-sync"]),
    ("nexus-sync", &["nexus-identity", "nexus-log"]),
    ("nexus-transport", &["nexus-identity"]),
    ("nexus-tui", &["nexus-node"]),
];

/// What crates without I/O, clocks and async have no use for.
const PURE: [&str; 4] = ["nexus-blobs", "nexus-identity", "nexus-log", "nexus-sync"];
const IMPURE: [&str; 6] = ["tokio", "rusqlite", "rand", "socket2", "futures", "jiff"];

/// Dependencies of each crate of the workspace, those of tests left out: the name, and what Cargo says of it.
fn dependencies() -> BTreeMap<String, BTreeMap<String, Value>> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    let package = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let used = all.filter(|dependency| dependency["kind"] != "dev");
        let named = used.map(|one| (one["name"].as_str().unwrap().to_owned(), one.clone()));
        (package["name"].as_str().unwrap().to_owned(), named.collect())
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn the_crates_have_exactly_the_arrows_of_the_architecture() {
    let ours = |names: &BTreeMap<String, Value>| -> BTreeSet<String> {
        names.keys().filter(|name| name.starts_with("nexus-")).cloned().collect()
    };
    let found: BTreeMap<_, _> =
        dependencies().iter().map(|(name, uses)| (name.clone(), ours(uses))).collect();
    let wanted = ARROWS
        .iter()
        .map(|(name, uses)| ((*name).to_owned(), uses.iter().map(ToString::to_string).collect()));
    assert_eq!(found, wanted.collect());
}

#[test]
fn pure_crates_depend_on_nothing_that_does_io_or_tells_the_time() {
    let all = dependencies();
    for name in PURE {
        for impure in IMPURE {
            assert!(!all[name].contains_key(impure), "{name} depends on {impure}");
        }
    }
}

#[test]
fn mistakes_that_are_built_in_on_purpose_are_in_nothing_but_the_simulator() {
    for (name, uses) in dependencies() {
        let mut features = uses.values().flat_map(|one| one["features"].as_array().unwrap());
        let seeded = features.any(|feature| feature.as_str().unwrap().contains("seeded-bugs"));
        assert_eq!(seeded, name == "nexus-sim", "{name}");
    }
}
