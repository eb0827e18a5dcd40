//! Any folder arrives as it was.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::*;
use nexus_blobs::SafeName;
use nexus_files::{Landing, Source};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Thing {
    File {
        len: usize,
        seed: u8,
        executable: bool,
        mtime: u64,
    },
    Folder {
        things: BTreeMap<String, Thing>,
        mtime: u64,
    },
    /// To something next to it, there or not.
    Link(String),
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}",
        "[a-zäöüß€日本語🎉 ._-]{1,20}",
        Just("x".repeat(200)),
        Just("naïve café.tar.gz".to_owned()),
    ]
    .prop_filter("safe", |name| SafeName::new(name).is_ok())
}

fn things() -> impl Strategy<Value = BTreeMap<String, Thing>> {
    let len =
        prop_oneof![5 => 0..100usize, 3 => 0..3 * G, 1 => Just(0), 1 => Just(G), 1 => Just(2 * G)];
    let file = (len, any::<u8>(), any::<bool>(), 0..2_000_000_000_000u64)
        .prop_map(|(len, seed, executable, mtime)| Thing::File { len, seed, executable, mtime });
    let leaf = prop_oneof![6 => file, 1 => name().prop_map(Thing::Link)];
    let thing = leaf.prop_recursive(4, 40, 8, |inner| {
        (prop::collection::btree_map(name(), inner, 0..8), 0..2_000_000_000_000u64)
            .prop_map(|(things, mtime)| Thing::Folder { things, mtime })
    });
    prop::collection::btree_map(name(), thing, 0..8)
}

fn make(at: &Path, things: &BTreeMap<String, Thing>) {
    for (name, thing) in things {
        let path = at.join(name);
        match thing {
            Thing::File { len, seed, executable, mtime } => {
                fs::write(&path, noise(*len, *seed)).unwrap();
                chmod(&path, if *executable { 0o755 } else { 0o644 });
                set_mtime(&path, *mtime);
            }
            Thing::Folder { things, mtime } => {
                fs::create_dir(&path).unwrap();
                make(&path, things);
                chmod(&path, 0o755);
                set_mtime(&path, *mtime);
            }
            Thing::Link(target) => symlink(target, &path).unwrap(),
        }
    }
}

fn land(place: &Place, source: &Source, order: &[u8], stops: u8) -> PathBuf {
    let mut landing = Landing::create(&place.partial(), source.what()).unwrap();
    let manifest = source.manifest().unwrap();
    (0..(manifest.len() as u64).div_ceil(G as u64)).for_each(|index| give(source, &landing, index));
    landing.set_manifest(manifest).unwrap();
    let mut missing: Vec<_> =
        landing.have().missing(source.what().size.groups()).flatten().collect();
    for (at, index) in order.iter().enumerate() {
        if missing.is_empty() {
            break;
        }
        let next = missing.remove(usize::from(*index) % missing.len());
        give(source, &landing, next);
        if at % 8 < usize::from(stops) {
            drop(landing);
            landing = Landing::resume(&place.partial(), source.what()).unwrap();
        }
    }
    fill(source, &landing);
    landing.finish(&root(source)).unwrap().path
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_folder_arrives_as_it_was_in_any_order_of_groups_and_over_any_restarts(
        things in things(),
        order in prop::collection::vec(any::<u8>(), 0..40),
        stops in 0..3u8,
    ) {
        let place = Place::in_memory();
        let d = place.from().join("d");
        fs::create_dir(&d).unwrap();
        make(&d, &things);
        chmod(&d, 0o755);
        let source = source(&d);
        prop_assert_eq!(source.skipped(), &[]);
        let kept = Source::from_bytes(&source.to_bytes()).unwrap();
        let landed = land(&place, &kept, &order, stops);
        prop_assert_eq!(tree(&landed), tree(&d));
        place.assert_tidy();
    }
}
