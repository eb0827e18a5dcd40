//! Others can write in the target directory, too: nothing they do leads a write elsewhere or lands anything wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::*;
use nexus_files::{Landing, LandingError, Source};

fn folder(place: &Place) -> Source {
    place.file("d/sub/large", &noise(3 * G, 1));
    place.file("d/sub/small", &noise(10, 2));
    source(&place.from().join("d"))
}

/// A landing with its manifest known and no content.
fn begun(place: &Place, source: &Source) -> Landing {
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    give(source, &landing, 0);
    landing.set_manifest(source.manifest().unwrap()).unwrap();
    landing.forget(0).unwrap();
    landing
}

fn write_all(source: &Source, landing: &Landing) -> Result<(), LandingError> {
    for index in 0..source.what().size.groups() {
        let (bytes, hash) = group(source, index);
        landing.write_group(index, &bytes, &hash)?;
    }
    Ok(())
}

#[test]
fn a_folder_that_was_replaced_by_a_link_leads_no_write_elsewhere() {
    let place = Place::new();
    let source = folder(&place);
    let landing = begun(&place, &source);
    let victim = place.tmp.path().join("victim");
    fs::create_dir(&victim).unwrap();
    let sub = place.to().join(PARTIAL).join("sub");
    let _ = fs::remove_dir_all(&sub);
    symlink(&victim, &sub).unwrap();
    // A fresh process, with no folder open.
    drop(landing);
    let resumed = Landing::resume(&place.partial(), source.what());
    let refused = resumed.and_then(|landing| write_all(&source, &landing));
    assert!(matches!(refused, Err(LandingError::Tampered { .. })), "{refused:?}");
    assert_eq!(names(&victim), Vec::<String>::new());
}

#[test]
fn a_file_that_was_replaced_by_a_link_leads_no_write_elsewhere() {
    let place = Place::new();
    let source = folder(&place);
    let landing = begun(&place, &source);
    let victim = place.tmp.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for name in ["large", "small"] {
        let path = place.to().join(PARTIAL).join("sub").join(name);
        let _ = fs::remove_file(&path);
        symlink(&victim, &path).unwrap();
    }
    drop(landing);
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    assert!(matches!(write_all(&source, &landing), Err(LandingError::Tampered { .. })));
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_link_in_the_place_of_the_partial_is_left_alone() {
    let place = Place::new();
    let victim = place.tmp.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, place.to().join(PARTIAL)).unwrap();
    let source = source(&place.file("a", &noise(G, 1)));
    let landed = send(&place, &source);
    assert_eq!(fs::read(landed.path).unwrap(), noise(G, 1));
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(place.to().join(PARTIAL).is_symlink(), "it is not ours");
}

#[test]
fn a_partial_that_was_replaced_while_it_came_does_not_land() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(2 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    let partial = place.to().join(PARTIAL);
    fs::rename(&partial, place.to().join("moved")).unwrap();
    fs::write(&partial, noise(2 * G, 2)).unwrap();
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::Tampered { .. })));
    drop(landing);
    // Neither the other's file is taken for ours, nor removed.
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    assert!(landing.have().is_empty());
    landing.discard().unwrap();
    assert_eq!(fs::read(&partial).unwrap(), noise(2 * G, 2));
    assert_eq!(place.landed(), ["moved"]);
}

#[test]
fn a_file_that_was_removed_or_cut_in_the_folder_is_noticed_and_fetched_again() {
    for cut in [false, true] {
        let place = Place::new();
        let source = folder(&place);
        let landing = Landing::create(&place.partial(), source.what()).unwrap();
        fill(&source, &landing);
        let large = place.to().join(PARTIAL).join("sub/large");
        if cut {
            fs::write(&large, "short").unwrap()
        } else {
            fs::remove_file(&large).unwrap()
        }
        assert!(matches!(landing.finish(&root(&source)), Err(LandingError::Tampered { .. })));
        assert!(landing.needs_recheck() && landing.have().is_empty());
        landing.recheck(|_, _| true).unwrap();
        let missing = landing.have().missing(source.what().size.groups()).count();
        assert!(missing > 0);
        fill(&source, &landing);
        let landed = landing.finish(&root(&source)).unwrap();
        assert_eq!(tree(&landed.path), tree(&place.from().join("d")));
        place.assert_tidy();
    }
}

#[test]
fn a_partial_that_was_removed_while_it_came_is_not_found_again_by_looking_at_what_is_open() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(2 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    fs::remove_file(place.to().join(PARTIAL)).unwrap();
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::Tampered { .. })));
    assert!(matches!(landing.recheck(|_, _| true), Err(LandingError::Tampered { .. })));
    assert!(landing.have().is_empty());
    drop(landing);
    let landing = Landing::resume(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    landing.finish(&root(&source)).unwrap();
    place.assert_tidy();
}

#[test]
fn a_disk_that_takes_two_names_for_one_file_is_noticed() {
    let place = Place::new();
    place.file("d/a", &noise(10, 1));
    place.file("d/A", &noise(10, 2));
    let source = source(&place.from().join("d"));
    let landing = begun(&place, &source);
    // As it is where `a` and `A` are the same.
    let partial = place.to().join(PARTIAL);
    let _ = fs::remove_file(partial.join("A"));
    fs::write(partial.join("a"), "").unwrap();
    fs::hard_link(partial.join("a"), partial.join("A")).unwrap();
    write_all(&source, &landing).unwrap();
    let clash = landing.finish(&root(&source));
    assert!(matches!(clash, Err(LandingError::NameClash { .. })), "{clash:?}");
    landing.discard().unwrap();
    place.assert_tidy();
}

#[test]
fn reading_a_group_of_a_file_that_was_cut_is_an_error_and_no_wrong_bytes() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(3 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    fs::File::options()
        .write(true)
        .open(place.to().join(PARTIAL))
        .unwrap()
        .set_len(G as u64)
        .unwrap();
    let mut bytes = Vec::new();
    landing.read_group(0, &mut bytes).unwrap();
    assert!(matches!(landing.read_group(2, &mut bytes), Err(LandingError::Tampered { .. })));
    assert!(landing.needs_recheck());
}

#[test]
fn a_link_that_somebody_made_where_one_of_ours_belongs_is_replaced() {
    let place = Place::new();
    let source = {
        place.file("d/file", b"1");
        symlink("file", place.from().join("d/link")).unwrap();
        source(&place.from().join("d"))
    };
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    symlink("/etc/passwd", place.to().join(PARTIAL).join("link")).unwrap();
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(fs::read_link(landed.path.join("link")).unwrap().to_str(), Some("file"));
}

#[test]
fn discarding_removes_no_target_of_a_link() {
    let place = Place::new();
    let source = folder(&place);
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    let victim = place.tmp.path().join("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("precious"), "").unwrap();
    symlink(&victim, place.to().join(PARTIAL).join("link")).unwrap();
    landing.discard().unwrap();
    assert_eq!(names(&victim), ["precious"]);
    place.assert_tidy();
}
