//! Killed at any moment, cut off from power, its state damaged: nothing wrong lands, nothing is lost that need not be.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use common::*;
use nexus_blobs::GroupSet;
use nexus_files::{Landing, LandingError, Source, leftovers};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What a process leaves behind that is killed now: what it wrote is there, what it had in memory is not.
fn kill(landing: Landing) {
    drop(landing);
}

fn state_file(place: &Place, end: &str) -> PathBuf {
    let hex: String = ID.iter().map(|byte| format!("{byte:02x}")).collect();
    place.state().join(format!("{hex}.{end}"))
}

fn folder(place: &Place) -> Source {
    for (name, len) in [("d/a", 3 * G), ("d/b/small", 10), ("d/b/none", 0), ("d/c", 2 * G + 9)] {
        place.file(name, &noise(len, len as u8));
    }
    (0..40).for_each(|n| drop(place.file(&format!("d/many/{n}"), &noise(4000, n))));
    std::os::unix::fs::symlink("b/small", place.from().join("d/link")).unwrap();
    set_mtime(&place.from().join("d/b"), 1000);
    source(&place.from().join("d"))
}

#[test]
fn a_kill_after_each_group_costs_no_group() {
    let place = Place::new();
    let source = folder(&place);
    let groups = source.what().size.groups();
    for come in 0..=groups {
        let landing = Landing::resume(&place.partial(), source.what()).unwrap();
        assert_eq!(landing.have(), GroupSet::from_range(0..come), "{come}");
        if come == 1 {
            landing.set_manifest(source.manifest().unwrap()).unwrap();
        }
        if come < groups {
            give(&source, &landing, come);
        }
        assert_eq!(leftovers(&place.state()).unwrap().len(), 1);
        kill(landing);
    }
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(tree(&landed.path), tree(&place.from().join("d")));
    place.assert_tidy();
}

#[test]
fn what_was_known_of_the_list_and_the_manifest_survives_a_kill() {
    let place = Place::new();
    let source = folder(&place);
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    give(&source, &landing, 0);
    landing.set_manifest(source.manifest().unwrap()).unwrap();
    landing.put_list(2, &hashes(&source)[2..4]).unwrap();
    kill(landing);
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    assert_eq!(landing.manifest(), source.manifest());
    assert_eq!(landing.listed(), GroupSet::from_range(2..4));
    assert_eq!(landing.list_hash(3).unwrap(), Some(hashes(&source)[3]));
}

/// The disk as it is between any two writes of a landing, made by hand: a group whose bytes were written and whose
/// hash was not, a manifest that was kept and whose folders were not made, and so on.
#[test]
fn every_state_between_two_writes_goes_on_to_the_right_end() {
    type Undo = fn(&Place);
    let states: [(&str, Undo); 8] = [
        ("the head was being replaced", |place| {
            fs::write(state_file(place, "head.new"), "half").unwrap()
        }),
        ("the manifest was being kept", |place| {
            fs::write(state_file(place, "tree.new"), "half").unwrap()
        }),
        ("no hash was written", |place| fs::write(state_file(place, "got"), "").unwrap()),
        ("a hash was half written", |place| {
            let got = fs::File::options().write(true).open(state_file(place, "got")).unwrap();
            let len = got.metadata().unwrap().len();
            got.set_len(len - 7).unwrap();
        }),
        ("the list was not there yet", |place| fs::remove_file(state_file(place, "list")).unwrap()),
        ("folders were not made yet", |place| {
            fs::remove_dir_all(place.to().join(PARTIAL).join("many")).unwrap();
            fs::write(state_file(place, "got"), "").unwrap();
        }),
        ("links were made and nothing was named", |place| {
            std::os::unix::fs::symlink("b/small", place.to().join(PARTIAL).join("link")).unwrap();
        }),
        ("another link was made", |place| {
            std::os::unix::fs::symlink("/etc", place.to().join(PARTIAL).join("link")).unwrap();
        }),
    ];
    for (what, undo) in states {
        let place = Place::new();
        let source = folder(&place);
        let landing = Landing::create(&place.partial(), source.what()).unwrap();
        fill(&source, &landing);
        kill(landing);
        undo(&place);
        let landing = Landing::resume(&place.partial(), source.what()).unwrap();
        fill(&source, &landing);
        let landed =
            landing.finish(&root(&source)).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(tree(&landed.path), tree(&place.from().join("d")), "{what}");
        place.assert_tidy();
    }
}

#[test]
fn a_kill_between_the_manifest_and_moving_what_came_with_it_loses_nothing() {
    let place = Place::new();
    let source = folder(&place);
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    (0..4).for_each(|index| give(&source, &landing, index));
    kill(landing);
    let first = fs::read(state_file(&place, "first")).unwrap();
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    landing.set_manifest(source.manifest().unwrap()).unwrap();
    kill(landing);
    // As it was when the manifest had just been kept, and again when half of the rest had been moved.
    for half in [false, true] {
        fs::write(state_file(&place, "first"), &first).unwrap();
        for name in names(&place.to().join(PARTIAL)) {
            let path = place.to().join(PARTIAL).join(name);
            if path.is_file() && !half {
                fs::remove_file(path).unwrap();
            } else if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            }
        }
        let landing = Landing::resume(&place.partial(), source.what()).unwrap();
        assert_eq!(landing.have(), GroupSet::from_range(0..4));
        assert!(!state_file(&place, "first").exists());
        let mut bytes = Vec::new();
        for index in 0..4 {
            landing.read_group(index, &mut bytes).unwrap();
            assert_eq!(bytes, group(&source, index).0);
        }
        kill(landing);
    }
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(tree(&landed.path), tree(&place.from().join("d")));
}

/// Renames back what landed, as if it were the moment before or after, with the state of that moment.
#[test]
fn a_kill_around_the_moment_of_naming_lands_once_and_only_once() {
    for of_folder in [false, true] {
        let place = Place::new();
        let source =
            if of_folder { folder(&place) } else { source(&place.file("f", &noise(G + 1, 1))) };
        let name = source.what().name.as_str().to_owned();
        let landing = Landing::create(&place.partial(), source.what()).unwrap();
        fill(&source, &landing);
        // Nothing of that directory may be made: naming fails at the last step, its state is kept.
        fs::write(place.to().join(&name), "in the way").unwrap();
        (2..=nexus_files::MAX_NUMBERED)
            .for_each(|n| drop(fs::write(numbered(&place, &name, n), "")));
        assert!(matches!(landing.finish(&root(&source)), Err(LandingError::NoFreeName { .. })));
        kill(landing);
        (2..=nexus_files::MAX_NUMBERED)
            .for_each(|n| fs::remove_file(numbered(&place, &name, n)).unwrap());
        // Killed right after the name was given:
        fs::rename(place.to().join(PARTIAL), numbered(&place, &name, 2)).unwrap();
        let landing = Landing::resume(&place.partial(), source.what()).unwrap();
        assert_eq!(landing.have_count(), source.what().size.groups());
        let mut bytes = Vec::new();
        landing.read_group(0, &mut bytes).unwrap();
        assert_eq!(bytes, group(&source, 0).0, "it serves on");
        assert_eq!(landing.manifest(), source.manifest());
        kill(landing);
        // Killed again, when all but the head of the state was removed:
        ["got", "list", "first", "tree"]
            .iter()
            .for_each(|end| drop(fs::remove_file(state_file(&place, end))));
        let landing = Landing::resume(&place.partial(), source.what()).unwrap();
        let landed = landing.finish(&root(&source)).unwrap();
        assert_eq!((landed.path, landed.already_there), (numbered(&place, &name, 2), false));
        assert_eq!(place.landed().len(), 2);
        place.assert_tidy();
    }
}

fn numbered(place: &Place, name: &str, number: u32) -> PathBuf {
    place.to().join(format!("{name} ({number})"))
}

#[test]
fn after_a_start_of_the_machine_nothing_counts_before_it_was_read_again() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(600 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    landing.put_list(0, &hashes(&source)).unwrap();
    landing.sync().unwrap();
    kill(landing);
    // The power went: some of what was written did not reach the disk, though the hashes did.
    let partial = fs::File::options().write(true).open(place.to().join(PARTIAL)).unwrap();
    for index in [3, 300] {
        partial.write_all_at(&[0; 512], index * G as u64 + 1000).unwrap();
    }
    partial.set_len(598 * G as u64 + 1).unwrap();
    let landing = Landing::resume(&place.partial_in("next run"), source.what()).unwrap();
    assert!(landing.needs_recheck());
    assert!(landing.have().is_empty() && landing.listed().is_empty());
    assert!(matches!(
        landing.finish(&root(&source)),
        Err(LandingError::Incomplete { missing: 600 })
    ));
    // What comes meanwhile counts.
    give(&source, &landing, 3);
    let mut heard = Vec::new();
    landing
        .recheck(|done, all| {
            heard.push((done, all));
            done < 512
        })
        .unwrap();
    assert_eq!(heard, [(256, 600), (512, 600)]);
    assert!(landing.needs_recheck(), "it was stopped");
    landing.recheck(|_, _| true).unwrap();
    assert!(!landing.needs_recheck());
    let missing: Vec<_> = landing.have().missing(600).flatten().collect();
    assert_eq!(missing, [300, 598, 599]);
    kill(landing);
    let landing = Landing::resume(&place.partial_in("next run"), source.what()).unwrap();
    assert!(!landing.needs_recheck());
    fill(&source, &landing);
    landing.finish(&root(&source)).unwrap();
}

#[test]
fn after_a_start_of_the_machine_a_folder_is_read_again_too() {
    let place = Place::new();
    let source = folder(&place);
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    kill(landing);
    let partial = place.to().join(PARTIAL);
    fs::remove_file(partial.join("many/7")).unwrap();
    fs::remove_dir_all(partial.join("b")).unwrap();
    fs::write(partial.join("c"), "short").unwrap();
    let landing = Landing::resume(&place.partial_in("next run"), source.what()).unwrap();
    landing.recheck(|_, _| true).unwrap();
    assert!(!landing.have().is_empty() && landing.have_count() < source.what().size.groups());
    fill(&source, &landing);
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(tree(&landed.path), tree(&place.from().join("d")));
}

#[test]
fn where_the_machine_does_not_say_which_run_it_is_everything_is_read_again() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(2 * G, 1)));
    let landing = Landing::create(&place.partial_in(""), source.what()).unwrap();
    fill(&source, &landing);
    kill(landing);
    assert!(Landing::resume(&place.partial_in(""), source.what()).unwrap().needs_recheck());
}

/// What a file of the state is replaced by.
fn damage(path: &Path, way: usize, at: usize) {
    let Ok(mut bytes) = fs::read(path) else { return };
    match way {
        0 => fs::remove_file(path).unwrap(),
        1 => fs::write(path, []).unwrap(),
        2 => fs::write(path, &bytes[..at % (bytes.len() + 1)]).unwrap(),
        3 => fs::write(path, noise(at % 100_000, 1)).unwrap(),
        _ if bytes.is_empty() => {}
        _ => {
            let at = at % bytes.len();
            bytes[at] ^= 0x40;
            fs::write(path, bytes).unwrap();
        }
    }
}

#[test]
fn damaged_state_never_lands_anything_wrong_and_never_panics() {
    let config = Config { cases: 96, ..Config::default() };
    let place = Place::in_memory();
    let source = folder(&place);
    let (want, root) = (tree(&place.from().join("d")), root(&source));
    let any =
        (0..5usize, 0..5usize, any::<usize>(), 0..=source.what().size.groups(), any::<bool>());
    TestRunner::new(config)
        .run(&any, |(file, way, at, come, same_run)| {
            let landing = Landing::create(&place.partial(), source.what()).unwrap();
            if come > 0 {
                give(&source, &landing, 0);
                if at % 2 == 0 {
                    landing.set_manifest(source.manifest().unwrap()).unwrap();
                }
                (1..come).for_each(|index| give(&source, &landing, index));
            }
            kill(landing);
            damage(&state_file(&place, ["head", "got", "list", "first", "tree"][file]), way, at);
            // The bytes themselves have no check of their own but their hashes, which are looked at after a start of
            // the machine.
            let same_run = same_run && file != 3;
            let at = place.partial_in(if same_run { "this run" } else { "next run" });
            let landing = Landing::resume(&at, source.what()).unwrap();
            landing.recheck(|_, _| true).unwrap();
            fill_honestly(&source, &landing);
            match landing.finish(&root) {
                Ok(landed) => {
                    assert_eq!(tree(&landed.path), want);
                    fs::remove_dir_all(&landed.path).unwrap();
                }
                // A damaged hash: the author's list says which.
                Err(LandingError::WrongRoot) => {
                    landing.put_list(0, &hashes(&source)).unwrap();
                    assert!(!landing.forget_unfit().unwrap().is_empty());
                    fill_honestly(&source, &landing);
                    let landed = landing.finish(&root).unwrap();
                    assert_eq!(tree(&landed.path), want);
                    fs::remove_dir_all(&landed.path).unwrap();
                }
                Err(error) => panic!("{error:?}"),
            }
            // A head that can't be read does not say where its partial file is.
            for name in names(&place.to()) {
                assert!(name.starts_with(".nexus-"), "{name}");
                fs::remove_dir_all(place.to().join(name)).unwrap();
            }
            Ok(())
        })
        .unwrap();
}

/// As [`fill`], but whose first groups turn out to be damaged fetches them again.
fn fill_honestly(source: &Source, landing: &Landing) {
    let groups = (source.manifest().unwrap().len() as u64).div_ceil(G as u64);
    if !landing.has_manifest() {
        (0..groups).for_each(|index| give(source, landing, index));
    }
    fill(source, landing);
}

#[test]
fn a_state_of_another_name_size_or_target_begins_anew() {
    let place = Place::new();
    let one = source(&place.file("a", &noise(2 * G, 1)));
    let other = source(&place.file("b", &noise(2 * G + 1, 1)));
    let landing = Landing::create(&place.partial(), one.what()).unwrap();
    fill(&one, &landing);
    kill(landing);
    let landing = Landing::resume(&place.partial(), other.what()).unwrap();
    assert!(landing.have().is_empty());
    kill(landing);
    let elsewhere = place.tmp.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let at = nexus_files::Partial { dir: elsewhere.clone(), ..place.partial() };
    let landing = Landing::resume(&at, other.what()).unwrap();
    fill(&other, &landing);
    assert_eq!(landing.finish(&root(&other)).unwrap().path, elsewhere.join("b"));
    place.assert_tidy();
}

#[test]
fn a_partial_that_was_removed_begins_anew() {
    let place = Place::new();
    for path in ["f", "d"] {
        place.file("f", &noise(3 * G, 1));
        place.file("d/f", &noise(3 * G, 1));
        let source = source(&place.from().join(path));
        let landing = Landing::create(&place.partial(), source.what()).unwrap();
        fill(&source, &landing);
        kill(landing);
        let partial = place.to().join(PARTIAL);
        if path == "d" {
            fs::remove_dir_all(partial).unwrap()
        } else {
            fs::remove_file(partial).unwrap()
        }
        let landing = Landing::resume(&place.partial(), source.what()).unwrap();
        assert!(landing.have().is_empty() && !landing.needs_recheck());
        fill(&source, &landing);
        landing.finish(&root(&source)).unwrap();
        place.assert_tidy();
    }
}
