//! What is there already does not come again.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::*;
use nexus_files::{Landing, LandingError, Reused, Source};

/// A landing that knows everything but the content.
fn informed(place: &Place, source: &Source) -> Landing {
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    if let Some(manifest) = source.manifest() {
        (0..(manifest.len() as u64).div_ceil(G as u64)).for_each(|i| give(source, &landing, i));
        landing.set_manifest(manifest).unwrap();
    }
    landing.put_list(0, &hashes(source)).unwrap();
    landing
}

fn folder(place: &Place) -> Source {
    (0..200).for_each(|n| drop(place.file(&format!("d/{}/{n}", n % 9), &noise(4096, n))));
    place.file("d/large", &noise(40 * G + 3, 1));
    symlink("large", place.from().join("d/link")).unwrap();
    fs::create_dir(place.from().join("d/empty")).unwrap();
    source(&place.from().join("d"))
}

#[test]
fn the_same_folder_again_needs_nothing_and_leaves_no_second_copy() {
    let place = Place::new();
    let source = folder(&place);
    let first = send(&place, &source);
    let landing = informed(&place, &source);
    let come = landing.have_count();
    let reused = landing.reuse(|_, _| true).unwrap();
    assert_eq!(reused.groups + come, source.what().size.groups());
    assert_eq!(reused.whole, Some(first.path.clone()));
    let mut bytes = Vec::new();
    landing.read_group(3, &mut bytes).unwrap();
    assert_eq!(bytes, group(&source, 3).0, "it serves on");
    assert_eq!(landing.root().unwrap(), Some(root(&source)));
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!((landed.path, landed.already_there), (first.path, true));
    assert_eq!(place.landed(), ["d"]);
    place.assert_tidy();
}

#[test]
fn the_same_file_again_is_found_under_a_numbered_name_too() {
    let place = Place::new();
    let source = source(&place.file("f.bin", &noise(30 * G + 1, 1)));
    fs::write(place.to().join("f.bin"), "another").unwrap();
    let first = send(&place, &source);
    assert_eq!(first.path, place.to().join("f (2).bin"));
    let landing = informed(&place, &source);
    assert_eq!(landing.reuse(|_, _| true).unwrap().whole, Some(first.path.clone()));
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!((landed.path, landed.already_there), (first.path, true));
    assert_eq!(place.landed(), ["f (2).bin", "f.bin"]);
    place.assert_tidy();
}

#[test]
fn a_file_of_no_bytes_is_found_again() {
    let place = Place::new();
    let source = source(&place.file("empty", b""));
    send(&place, &source);
    let landing = informed(&place, &source);
    assert!(landing.reuse(|_, _| true).unwrap().whole.is_some());
    assert!(landing.finish(&root(&source)).unwrap().already_there);
}

#[test]
fn of_a_folder_that_changed_only_what_changed_has_to_come() {
    let place = Place::new();
    let before = folder(&place);
    send(&place, &before);
    place.file("d/3/12", &noise(4096, 99));
    let large = fs::File::options().write(true).open(place.from().join("d/large")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&large, b"changed", 20 * G as u64).unwrap();
    drop(large);
    let source = source(&place.from().join("d"));
    let landing = informed(&place, &source);
    let reused = landing.reuse(|_, _| true).unwrap();
    assert_eq!(reused.whole, None);
    let missing: Vec<_> = landing.have().missing(source.what().size.groups()).flatten().collect();
    assert!((2..=4).contains(&missing.len()), "{missing:?}");
    fill(&source, &landing);
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(landed.path, place.to().join("d (2)"));
    assert_eq!(tree(&landed.path), tree(&place.from().join("d")));
    place.assert_tidy();
}

#[test]
fn a_folder_with_the_same_files_and_another_mode_or_link_is_copied_and_not_taken_for_the_same() {
    let changes: [fn(&std::path::Path); 4] = [
        |d| chmod(&d.join("1/1"), 0o755),
        |d| {
            fs::remove_file(d.join("link")).unwrap();
            symlink("empty", d.join("link")).unwrap();
        },
        |d| fs::remove_dir(d.join("empty")).unwrap(),
        |d| {
            fs::remove_file(d.join("large")).unwrap();
            fs::create_dir(d.join("large")).unwrap();
        },
    ];
    for change in changes {
        let place = Place::new();
        let source = folder(&place);
        let first = send(&place, &source);
        change(&first.path);
        let landing = informed(&place, &source);
        let reused = landing.reuse(|_, _| true).unwrap();
        assert!(reused.whole.is_none() && reused.groups > 0);
        fill(&source, &landing);
        let landed = landing.finish(&root(&source)).unwrap();
        assert!(!landed.already_there);
        assert_eq!(tree(&landed.path), tree(&place.from().join("d")));
    }
}

#[test]
fn more_files_in_the_folder_that_is_there_do_no_harm() {
    let place = Place::new();
    let source = folder(&place);
    let first = send(&place, &source);
    fs::write(first.path.join("mine"), "of the receiver").unwrap();
    let landing = informed(&place, &source);
    assert_eq!(landing.reuse(|_, _| true).unwrap().whole, Some(first.path));
}

#[test]
fn nothing_is_reused_before_the_list_or_the_manifest_is_known() {
    let place = Place::new();
    let source = folder(&place);
    send(&place, &source);
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    assert_eq!(landing.reuse(|_, _| true).unwrap(), Reused::default());
    landing.put_list(0, &hashes(&source)).unwrap();
    assert_eq!(landing.reuse(|_, _| true).unwrap(), Reused::default());
    assert!(landing.have().is_empty());
}

#[test]
fn a_file_of_the_same_size_and_other_bytes_is_not_reused() {
    let place = Place::new();
    let source = source(&place.file("f", &noise(30 * G, 1)));
    fs::write(place.to().join("f"), noise(30 * G, 2)).unwrap();
    let landing = informed(&place, &source);
    assert_eq!(landing.reuse(|_, _| true).unwrap(), Reused::default());
    fill(&source, &landing);
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(fs::read(landed.path).unwrap(), noise(30 * G, 1));
    assert_eq!(fs::read(place.to().join("f")).unwrap(), noise(30 * G, 2));
}

#[test]
fn what_was_found_whole_and_then_changed_is_not_taken_for_it() {
    let place = Place::new();
    let source = folder(&place);
    let first = send(&place, &source);
    let landing = informed(&place, &source);
    let had = landing.have();
    assert!(landing.reuse(|_, _| true).unwrap().whole.is_some());
    fs::write(first.path.join("large"), "gone").unwrap();
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::Tampered { .. })));
    assert_eq!(landing.have(), had, "back to what came itself");
    fill(&source, &landing);
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(tree(&landed.path), tree(&place.from().join("d")));
}

#[test]
fn a_link_is_never_followed_to_find_content() {
    let place = Place::new();
    let source = source(&place.file("f", &noise(2 * G, 1)));
    symlink(place.from().join("f"), place.to().join("f")).unwrap();
    let landing = informed(&place, &source);
    assert_eq!(landing.reuse(|_, _| true).unwrap(), Reused::default());
}

#[test]
fn only_the_first_eight_of_that_name_are_looked_at() {
    let place = Place::new();
    let source = source(&place.file("f", &noise(2 * G, 1)));
    fs::write(place.to().join("f"), "1").unwrap();
    (2..=8).for_each(|n| fs::write(place.to().join(format!("f ({n})")), "1").unwrap());
    assert_eq!(send(&place, &source).path, place.to().join("f (9)"));
    let landing = informed(&place, &source);
    assert_eq!(landing.reuse(|_, _| true).unwrap(), Reused::default());
    fs::rename(place.to().join("f (9)"), place.to().join("f (8)")).unwrap();
    assert_eq!(landing.reuse(|_, _| true).unwrap().whole, Some(place.to().join("f (8)")));
}

#[test]
fn looking_for_content_can_be_stopped() {
    let place = Place::new();
    let source = folder(&place);
    send(&place, &source);
    let landing = informed(&place, &source);
    let reused = landing.reuse(|_, _| false).unwrap();
    assert!(reused.whole.is_none());
    fill(&source, &landing);
    landing.finish(&root(&source)).unwrap();
}
