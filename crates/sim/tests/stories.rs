//! The stories of `stories/`, each over the store in memory and over the shipped database.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::Path;

use nexus_sim::disk::StoreKind;
use nexus_sim::story::read;
use nexus_sim::sweep::{Report, Watch, run};

/// A story leaves open how long wires and disks take: each is told so often.
const TELLINGS: u64 = 4;

fn stories() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
    let mut stories: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    stories.sort();
    assert!(!stories.is_empty());
    stories
}

fn tell(text: &str, seed: u64, kind: StoreKind) -> Report {
    run(&read(text, seed).unwrap_or_else(|error| panic!("{error}")), kind, Watch::Last)
}

fn all_hold(kind: StoreKind, tellings: u64) {
    let mut wrong = String::new();
    for (name, text) in stories() {
        let mut tellings = (0..tellings).map(|seed| (seed, tell(&text, seed, kind)));
        if let Some((seed, Report { failure: Some(failure), trace, .. })) =
            tellings.find(|(_, report)| report.failure.is_some())
        {
            wrong += &format!("{name}, told with seed {seed}: {}\n{trace}\n", failure.what);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_story_ends_as_it_says_in_memory() {
    all_hold(StoreKind::Memory, TELLINGS);
}

#[test]
fn every_story_ends_as_it_says_in_the_database() {
    all_hold(StoreKind::Sqlite, 1);
}

#[test]
fn a_story_that_says_something_untrue_fails() {
    let (_, text) =
        stories().into_iter().find(|(name, _)| name == "both-write-while-apart").unwrap();
    let wrong = text.replace("b shows \"are you there?\" with", "b shows \"are you here?\" with");
    assert_ne!(wrong, text);
    let failure = tell(&wrong, 0, StoreKind::Memory).failure.unwrap();
    assert!(failure.what.contains("are you here?"), "{}", failure.what);
}

#[test]
fn a_line_that_means_nothing_is_named() {
    for (text, what) in [
        ("device a of anna\n1s a sings", "line 2: nobody knows how to do this: sings"),
        ("device a of anna\n1s b crashes for 1h", "line 2: there is no device b"),
        ("device a of anna\nsoon a backs up", "line 2: \"soon\" is no time: 10s, 5m, 3h, 2d"),
        ("device a of anna\n2s a backs up\n1s a backs up", "line 3: 1s is before the line above"),
    ] {
        assert_eq!(read(text, 0).unwrap_err().to_string(), what);
    }
}
