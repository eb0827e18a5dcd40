//! Disks that are full, read-only, or gone.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;

use common::*;
use nexus_files::{Landing, LandingError, Partial, free_space};

#[test]
fn a_full_disk_stops_the_landing_and_it_goes_on_once_there_is_room() {
    for folder in [false, true] {
        let place = Place::new();
        let Some(disk) = SmallDisk::at(&place.to(), "size=512k") else { return };
        (0..10).for_each(|n| drop(place.file(&format!("d/{n}"), &noise(2 * G, n))));
        place.file("f", &noise(20 * G, 1));
        let source = source(&place.from().join(if folder { "d" } else { "f" }));
        assert!(free_space(&place.to()).unwrap() < source.what().size.get());
        let landing = Landing::create(&place.partial(), source.what()).unwrap();
        give(&source, &landing, 0);
        if folder {
            landing.set_manifest(source.manifest().unwrap()).unwrap();
        }
        let mut full = None;
        for index in 1..source.what().size.groups() {
            let (bytes, hash) = group(&source, index);
            match landing.write_group(index, &bytes, &hash) {
                Ok(()) => {}
                Err(LandingError::DiskFull { .. }) => {
                    full = Some(index);
                    break;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        let come = full.unwrap();
        assert_eq!(landing.have_count(), come, "all that came before is there");
        let mut bytes = Vec::new();
        (0..come).for_each(|index| landing.read_group(index, &mut bytes).unwrap());
        disk.remount("size=8m");
        assert!(free_space(&place.to()).unwrap() > source.what().size.get());
        fill(&source, &landing);
        let landed = landing.finish(&root(&source)).unwrap();
        assert_eq!(content(&common::source(&landed.path)).len(), content(&source).len());
        assert_eq!(place.landed().len(), 1);
        drop(disk);
    }
}

#[test]
fn a_full_disk_under_the_state_loses_no_group_either() {
    let place = Place::new();
    fs::create_dir_all(place.state()).unwrap();
    let Some(disk) = SmallDisk::at(&place.state(), "size=12k") else { return };
    let source = source(&place.file("f", &noise(700 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    let mut come = 0;
    let full = loop {
        let (bytes, hash) = group(&source, come);
        match landing.write_group(come, &bytes, &hash) {
            Ok(()) => come += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, LandingError::DiskFull { .. }), "{full:?}");
    assert_eq!(landing.have_count(), come);
    disk.remount("size=1m");
    drop(landing);
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    assert_eq!(landing.have_count(), come);
    fill(&source, &landing);
    landing.finish(&root(&source)).unwrap();
    drop(disk);
}

#[test]
fn a_disk_that_is_full_from_the_start_is_said() {
    let place = Place::new();
    fs::create_dir_all(place.state()).unwrap();
    let Some(disk) = SmallDisk::at(&place.state(), "size=4k") else { return };
    fs::write(place.state().join("filler"), vec![1; 4096]).unwrap();
    let source = source(&place.file("f", b"1"));
    let refused = Landing::create(&place.partial(), source.what());
    assert!(matches!(refused, Err(LandingError::DiskFull { .. })), "{refused:?}");
    assert_eq!(names(&place.to()), Vec::<String>::new());
    drop(disk);
}

#[test]
fn a_disk_that_is_read_only_is_said_and_the_landing_goes_on_when_it_is_not() {
    let place = Place::new();
    let Some(disk) = SmallDisk::at(&place.to(), "size=4m") else { return };
    place.file("d/a", &noise(2 * G, 1));
    let source = source(&place.from().join("d"));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    drop(landing);
    disk.remount("ro");
    let other = Partial { id: [1; 32], ..place.partial() };
    assert!(matches!(Landing::create(&other, source.what()), Err(LandingError::Denied { .. })));
    disk.remount("rw");
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    landing.finish(&root(&source)).unwrap();
    assert_eq!(place.landed(), ["d"]);
    drop(disk);
}

#[test]
fn a_folder_that_may_not_be_written_is_said() {
    let place = Place::new();
    chmod(place.tmp.path(), 0o755);
    let source = source(&place.file("a", b"1"));
    let state = place.tmp.path().join("open");
    fs::create_dir(&state).unwrap();
    chmod(&state, 0o777);
    chmod(&place.to(), 0o555);
    as_nobody(|| {
        let at = Partial { state_dir: state.join("partial"), ..place.partial() };
        let refused = Landing::create(&at, source.what());
        assert!(matches!(refused, Err(LandingError::Denied { .. })), "{refused:?}");
    });
}

#[test]
fn a_target_that_is_not_there_is_said_and_the_state_is_kept_until_it_is_back() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(2 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    drop(landing);
    // Its disk was taken off.
    let away = place.tmp.path().join("away");
    fs::rename(place.to(), &away).unwrap();
    for _ in 0..2 {
        let gone = Landing::resume(&place.partial(), source.what());
        assert!(matches!(gone, Err(LandingError::TargetGone { .. })), "{gone:?}");
    }
    assert!(matches!(
        Landing::create(&place.partial(), source.what()),
        Err(LandingError::TargetGone { .. })
    ));
    fs::rename(&away, place.to()).unwrap();
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    assert_eq!(landing.have_count(), 2);
    landing.finish(&root(&source)).unwrap();
}

#[test]
fn a_target_that_was_removed_meanwhile_is_said_and_nothing_lands_elsewhere() {
    for folder in [false, true] {
        let place = Place::new();
        place.file("d/a", &noise(2 * G, 1));
        let source = source(&place.from().join(if folder { "d" } else { "d/a" }));
        let landing = Landing::create(&place.partial(), source.what()).unwrap();
        fill(&source, &landing);
        fs::remove_dir_all(place.to()).unwrap();
        let gone = landing.finish(&root(&source));
        assert!(matches!(gone, Err(LandingError::TargetGone { .. })), "{gone:?}");
        // Made again, it is empty.
        fs::create_dir(place.to()).unwrap();
        drop(landing);
        let landing = Landing::resume(&place.partial(), source.what()).unwrap();
        assert!(landing.have().is_empty());
        fill(&source, &landing);
        landing.finish(&root(&source)).unwrap();
        place.assert_tidy();
    }
}

#[test]
fn what_is_wanted_of_a_disk_that_is_not_there_is_an_error() {
    assert!(free_space(std::path::Path::new("/not there")).is_err());
}
