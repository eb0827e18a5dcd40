//! How fast it is. Not a test: run it by name with `--ignored --nocapture`, best as a release build.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::*;
use nexus_blobs::{GROUP, RootBuilder, group_hash};
use nexus_files::{Landing, scan};

/// Sends from memory to the disk of the temporary directory, and says how long each part took.
fn run(place: &Place, what: &str) {
    let to = tempfile::tempdir().unwrap();
    let at = nexus_files::Partial {
        dir: to.path().to_owned(),
        state_dir: place.state(),
        ..place.partial()
    };
    let clock = Instant::now();
    let source = scan(&[place.from().join(what)]).unwrap();
    let (files, size) = (source.files() as f64, source.what().size);
    eprintln!(
        "{what}: {files} files, {} MB: scanned in {:?}",
        size.get() / 1_000_000,
        clock.elapsed()
    );
    let landing = Landing::create(&at, source.what()).unwrap();
    let [mut read, mut hashed, mut written] = [Duration::ZERO; 3];
    let mut builder = RootBuilder::new(size);
    let mut bytes = Vec::new();
    let manifest = source.manifest().unwrap_or_default();
    let front = (manifest.len() as u64).div_ceil(GROUP as u64);
    for first in (0..size.groups()).step_by(64) {
        let clock = Instant::now();
        source.read_run(first, 64, &mut bytes).unwrap();
        read += clock.elapsed();
        for (index, part) in (first..).zip(bytes.chunks(GROUP)) {
            let clock = Instant::now();
            let hash = group_hash(size, index, part).unwrap();
            builder.push(hash).unwrap();
            hashed += clock.elapsed();
            let clock = Instant::now();
            landing.write_group(index, part, &hash).unwrap();
            if index + 1 == front {
                landing.set_manifest(manifest).unwrap();
            }
            written += clock.elapsed();
        }
    }
    let clock = Instant::now();
    let root = builder.finish().unwrap();
    let landed = landing.finish(&root).unwrap();
    let finished = clock.elapsed();
    eprintln!("  read {read:?}, hashed {hashed:?}, written {written:?}, finished {finished:?}");
    let all = written + finished;
    eprintln!(
        "  landed {:.0} files/s, {:.0} MB/s",
        files / all.as_secs_f64(),
        size.get() as f64 / 1e6 / all.as_secs_f64()
    );

    let landing = Landing::create(&at, source.what()).unwrap();
    (0..front).for_each(|index| give(&source, &landing, index));
    if front > 0 {
        landing.set_manifest(manifest).unwrap();
    }
    let list = hashes(&source);
    landing.put_list(0, &list).unwrap();
    let clock = Instant::now();
    assert_eq!(landing.reuse(|_, _| true).unwrap().whole, Some(landed.path));
    landing.finish(&root).unwrap();
    eprintln!("  found again in {:?}", clock.elapsed());
}

#[test]
#[ignore = "figures, not a test"]
fn a_hundred_thousand_small_files() {
    let place = Place::in_memory();
    for folder in 0..1000 {
        fs::create_dir_all(place.from().join(format!("d/{folder:04}"))).unwrap();
        (0..100).for_each(|n| {
            fs::write(place.from().join(format!("d/{folder:04}/{n:03}")), noise(4096, n)).unwrap()
        });
    }
    run(&place, "d");
}

#[test]
#[ignore = "figures, not a test"]
fn one_large_file() {
    let place = Place::in_memory();
    place.file("f", &noise(1 << 30, 1));
    run(&place, "f");
}
