//! What comes lands whole, under its name, beside what was there.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::Arc;

use common::*;
use nexus_blobs::limits::MAX_MANIFEST;
use nexus_blobs::manifest::ManifestError;
use nexus_blobs::{BlobSize, GroupHash, GroupSet, Root, SafeName};
use nexus_files::{
    Kind, Landing, LandingError, MAX_NUMBERED, Source, What, expire, leftovers, scan,
};

#[test]
fn a_file_lands_with_its_bytes_its_time_and_its_mode() {
    let place = Place::new();
    let bytes = noise(5 * G + 77, 1);
    let path = place.file("run.sh", &bytes);
    chmod(&path, 0o4777);
    set_mtime(&path, 1_500_000_000_123);
    let landed = send(&place, &source(&path));
    assert_eq!((landed.path.clone(), landed.already_there), (place.to().join("run.sh"), false));
    assert_eq!(fs::read(&landed.path).unwrap(), bytes);
    let meta = fs::metadata(&landed.path).unwrap();
    assert_eq!(meta.permissions().mode() & 0o7111, 0o111, "executable, never setuid");
    assert_eq!(meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000, 1_500_000_000_123);
    place.assert_tidy();
}

#[test]
fn a_folder_lands_with_empty_folders_links_times_and_modes() {
    let place = Place::new();
    for (name, len) in [("d/a", 3 * G), ("d/b/small", 10), ("d/b/none", 0), ("d/b/c/deep", G + 1)] {
        place.file(name, &noise(len, 7));
    }
    let d = place.from().join("d");
    fs::create_dir_all(d.join("void/void")).unwrap();
    symlink("b/small", d.join("link")).unwrap();
    symlink("../../link", d.join("b/c/up")).unwrap();
    chmod(&d.join("b/small"), 0o755);
    for (number, path) in
        ["a", "b/small", "b/c/deep", "void/void", "void", "b/c", "b", ""].iter().enumerate()
    {
        set_mtime(&d.join(path), 1_000_000 * number as u64 + 5);
    }
    let before = tree(&d);
    let landed = send(&place, &source(&d));
    assert_eq!(tree(&landed.path), before);
    place.assert_tidy();
}

#[test]
fn several_items_land_in_a_folder_of_their_own() {
    let place = Place::new();
    let one = place.file("one", b"1");
    place.file("d/two", b"2");
    let source = scan(&[one, place.from().join("d")]).unwrap();
    let landed = send(&place, &source);
    assert_eq!(landed.path, place.to().join("2 items"));
    assert_eq!(names(&landed.path), ["d", "one"]);
    place.assert_tidy();
}

#[test]
fn a_folder_is_called_as_its_offer_says_and_not_as_its_manifest() {
    let place = Place::new();
    place.file("d/a", b"1");
    let source = source(&place.from().join("d"));
    let what = What { name: SafeName::new("other").unwrap(), ..source.what().clone() };
    let landing = Landing::create(&place.partial(), &what).unwrap();
    fill(&source, &landing);
    assert_eq!(landing.finish(&root(&source)).unwrap().path, place.to().join("other"));
    assert_eq!(names(&place.to().join("other")), ["a"]);
}

#[test]
fn a_file_of_no_bytes_lands() {
    let place = Place::new();
    let landed = send(&place, &source(&place.file("empty", b"")));
    assert_eq!(fs::read(landed.path).unwrap(), b"");
    place.assert_tidy();
}

#[test]
fn what_is_there_is_never_overwritten() {
    let place = Place::new();
    let file = place.file("a.txt", b"new");
    place.file("d/a", b"new");
    fs::write(place.to().join("a.txt"), "old").unwrap();
    symlink("nowhere", place.to().join("a (2).txt")).unwrap();
    fs::create_dir(place.to().join("d")).unwrap();
    assert_eq!(send(&place, &source(&file)).path, place.to().join("a (3).txt"));
    assert_eq!(send(&place, &source(&place.from().join("d"))).path, place.to().join("d (2)"));
    assert_eq!(fs::read(place.to().join("a.txt")).unwrap(), b"old");
    assert_eq!(names(&place.to().join("d")), Vec::<String>::new());
    place.assert_tidy();
}

#[test]
fn names_run_out_after_the_last_number_and_the_blob_stays_as_a_partial() {
    let place = Place::new();
    let source = source(&place.file("a", b"new"));
    fs::write(place.to().join("a"), "").unwrap();
    (2..=MAX_NUMBERED).for_each(|n| fs::write(place.to().join(format!("a ({n})")), "").unwrap());
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::NoFreeName { .. })));
    fs::remove_file(place.to().join(format!("a ({MAX_NUMBERED})"))).unwrap();
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(landed.path, place.to().join(format!("a ({MAX_NUMBERED})")));
}

#[test]
fn groups_come_in_any_order_and_from_several_threads() {
    let place = Place::new();
    for number in 0..300 {
        place.file(&format!("d/{}/{number}", number % 7), &noise(number * 37 % 5000, number as u8));
    }
    place.file("d/large", &noise(9 * G, 1));
    let d = place.from().join("d");
    let source = source(&d);
    let landing = Arc::new(Landing::create(&place.partial(), source.what()).unwrap());
    // The manifest first.
    let manifest = source.manifest().unwrap();
    (0..(manifest.len() as u64).div_ceil(G as u64))
        .for_each(|index| give(&source, &landing, index));
    landing.set_manifest(manifest).unwrap();
    let groups = source.what().size.groups();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (source, landing) = (&source, &landing);
            scope.spawn(move || {
                (0..groups)
                    .rev()
                    .filter(|i| i % 4 == thread)
                    .for_each(|i| give(source, landing, i));
            });
        }
    });
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(tree(&landed.path), tree(&d));
}

#[test]
fn content_that_came_with_the_manifest_goes_to_its_place() {
    let place = Place::new();
    (0..20).for_each(|n| drop(place.file(&format!("d/{n}"), &noise(9000, n))));
    let d = place.from().join("d");
    let source = source(&d);
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    // More than the manifest needs, before it is known.
    (0..3).for_each(|index| give(&source, &landing, index));
    assert_eq!(names(&place.to().join(PARTIAL)), Vec::<String>::new());
    landing.set_manifest(source.manifest().unwrap()).unwrap();
    assert_eq!(landing.have().len(), 3);
    let mut bytes = Vec::new();
    for index in 0..3 {
        landing.read_group(index, &mut bytes).unwrap();
        assert_eq!(bytes, group(&source, index).0);
    }
    fill(&source, &landing);
    assert_eq!(tree(&landing.finish(&root(&source)).unwrap().path), tree(&d));
    place.assert_tidy();
}

#[test]
fn nothing_lands_that_is_not_whole_or_not_what_was_announced() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(3 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    give(&source, &landing, 0);
    give(&source, &landing, 2);
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::Incomplete { missing: 1 })));
    assert_eq!(landing.root().unwrap(), None);
    give(&source, &landing, 1);
    assert_eq!(landing.root().unwrap(), Some(root(&source)));
    let other = Root::from_bytes([9; 32]);
    assert!(matches!(landing.finish(&other), Err(LandingError::WrongRoot)));
    assert_eq!(place.landed(), Vec::<String>::new());
    landing.finish(&root(&source)).unwrap();
}

#[test]
fn nothing_more_can_be_done_once_it_landed_or_was_discarded() {
    let place = Place::new();
    let source = source(&place.file("a", b"1"));
    let (bytes, hash) = group(&source, 0);
    for discard in [false, true] {
        let landing = Landing::create(&place.partial(), source.what()).unwrap();
        landing.write_group(0, &bytes, &hash).unwrap();
        if discard {
            landing.discard().unwrap();
        } else {
            landing.finish(&root(&source)).unwrap();
        }
        assert!(matches!(landing.write_group(0, &bytes, &hash), Err(LandingError::Over)));
        assert!(matches!(landing.read_group(0, &mut Vec::new()), Err(LandingError::Over)));
        assert!(matches!(landing.forget(0), Err(LandingError::Over)));
        assert!(matches!(landing.finish(&root(&source)), Err(LandingError::Over)));
        assert!(matches!(landing.discard(), Err(LandingError::Over)));
        place.assert_tidy();
    }
    assert_eq!(place.landed(), ["a"]);
}

#[test]
fn a_group_that_does_not_fit_the_size_is_refused() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(G + 1, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    let hash = GroupHash::from_bytes([1; 32]);
    for (index, len) in [(0, G - 1), (0, 0), (1, 0), (1, 2), (2, 0), (2, 1), (u64::MAX, 1)] {
        let refused = landing.write_group(index, &vec![0; len], &hash);
        assert!(matches!(refused, Err(LandingError::WrongGroup { .. })), "{index} {len}");
    }
    assert!(matches!(landing.put_list(1, &[hash, hash]), Err(LandingError::WrongGroup { .. })));
    assert!(matches!(landing.put_list(u64::MAX, &[hash]), Err(LandingError::WrongGroup { .. })));
    assert!(matches!(
        landing.read_group(0, &mut Vec::new()),
        Err(LandingError::NotHad { index: 0 })
    ));
    assert!(landing.have().is_empty());
}

#[test]
fn a_forgotten_group_has_to_come_again() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(2 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    assert_eq!(landing.hash(1).unwrap(), Some(group(&source, 1).1));
    landing.forget(1).unwrap();
    assert_eq!(landing.hash(1).unwrap(), None);
    assert_eq!(landing.have(), GroupSet::from_range(0..1));
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::Incomplete { missing: 1 })));
    fill(&source, &landing);
    landing.finish(&root(&source)).unwrap();
}

#[test]
fn a_group_that_comes_twice_counts_as_the_second_says() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(2 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    landing.write_group(0, &vec![0; G], &GroupHash::from_bytes([1; 32])).unwrap();
    give(&source, &landing, 1);
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::WrongRoot)));
    give(&source, &landing, 0);
    landing.finish(&root(&source)).unwrap();
}

#[test]
fn groups_that_do_not_fit_the_list_of_the_author_are_forgotten() {
    let place = Place::new();
    let source = source(&place.file("a", &noise(2000 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    // Before the root was known, these came from a source that changed.
    let wrong = [0, 5, 1023, 1024, 1999];
    for index in [0, 1, 5, 1022, 1023, 1024, 1025, 1999] {
        let (bytes, hash) = group(&source, index);
        let hash = if wrong.contains(&index) { GroupHash::from_bytes([3; 32]) } else { hash };
        landing.write_group(index, &bytes, &hash).unwrap();
    }
    let list = hashes(&source);
    assert!(!landing.is_listed());
    landing.put_list(0, &list[..10]).unwrap();
    assert_eq!(landing.list_hash(9).unwrap(), Some(list[9]));
    assert_eq!(landing.list_hash(10).unwrap(), None);
    assert_eq!(landing.listed(), GroupSet::from_range(0..10));
    assert_eq!(landing.forget_unfit().unwrap(), [0, 5].into_iter().collect());
    landing.put_list(10, &list[10..]).unwrap();
    assert!(landing.is_listed());
    assert_eq!(landing.forget_unfit().unwrap(), [1023, 1024, 1999].into_iter().collect());
    assert_eq!(landing.have(), [1, 1022, 1025].into_iter().collect());
    let mut seen = Vec::new();
    landing.each_hash(|index, hash| seen.push((index, hash))).unwrap();
    assert_eq!(seen, [1, 1022, 1025].map(|i| (i, list[i as usize])));
    landing.forget_list().unwrap();
    assert!(landing.listed().is_empty() && landing.list_hash(0).unwrap().is_none());
}

#[test]
fn a_manifest_that_is_wrong_or_not_the_one_that_came_is_refused() {
    let place = Place::new();
    place.file("d/a", &noise(G, 1));
    place.file("e/a", &noise(G, 1));
    let (source, other) =
        (source(&place.from().join("d")), common::source(&place.from().join("e")));
    let manifest = source.manifest().unwrap();
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    assert!(!landing.has_manifest());
    assert!(matches!(landing.set_manifest(manifest), Err(LandingError::Incomplete { missing: 1 })));
    give(&source, &landing, 0);
    assert!(matches!(
        landing.set_manifest(&manifest[1..]),
        Err(LandingError::Manifest(ManifestError::Header))
    ));
    assert!(matches!(
        landing.set_manifest(other.manifest().unwrap()),
        Err(LandingError::OtherManifest)
    ));
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::Incomplete { .. })));
    landing.set_manifest(manifest).unwrap();
    landing.set_manifest(manifest).unwrap();
    assert!(matches!(
        landing.set_manifest(other.manifest().unwrap()),
        Err(LandingError::OtherManifest)
    ));
    assert_eq!(landing.manifest(), Some(manifest));
    // A group with other bytes where the manifest is does not get in later either.
    let (bytes, hash) = group(&other, 0);
    assert!(matches!(landing.write_group(0, &bytes, &hash), Err(LandingError::OtherManifest)));
    assert!(!landing.have().contains(0));
    fill(&source, &landing);
    landing.finish(&root(&source)).unwrap();
}

#[test]
fn a_folder_whose_manifest_names_two_is_refused() {
    let place = Place::new();
    let items = [place.file("one", b"1"), place.file("two", b"2")];
    let source = scan(&items).unwrap();
    let what = What { kind: Kind::Folder, ..source.what().clone() };
    let landing = Landing::create(&place.partial(), &what).unwrap();
    give(&source, &landing, 0);
    let refused = landing.set_manifest(source.manifest().unwrap());
    assert!(matches!(refused, Err(LandingError::Manifest(_))), "{refused:?}");
}

#[test]
fn whole_groups_without_a_manifest_do_not_land() {
    let place = Place::new();
    place.file("d/a", b"1");
    let source = source(&place.from().join("d"));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    give(&source, &landing, 0);
    assert!(matches!(landing.finish(&root(&source)), Err(LandingError::NoManifest)));
}

#[test]
fn what_landed_is_served_on_with_the_same_bytes() {
    let place = Place::new();
    place.file("d/a", &noise(G, 1));
    place.file("d/b/c", &noise(100, 2));
    for path in ["d", "d/a"] {
        let source = source(&place.from().join(path));
        let landed = send(&place, &source);
        let manifest = source.manifest().unwrap_or_default().to_vec();
        let again = Source::landed(&landed.path, source.what(), manifest).unwrap();
        assert_eq!(content(&again), content(&source));
        let kept = Source::from_bytes(&again.to_bytes()).unwrap();
        assert_eq!(content(&kept), content(&source));
    }
}

#[test]
fn leftovers_are_shown_and_removed_when_they_are_old() {
    let place = Place::new();
    assert_eq!(leftovers(&place.state()).unwrap(), []);
    let source = source(&place.file("a", &noise(3 * G, 1)));
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    give(&source, &landing, 1);
    drop(landing);
    fs::write(place.state().join("not ours"), "").unwrap();
    let left = leftovers(&place.state()).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].id, left[0].bytes), (ID, G as u64));
    let partial = place.to().join(PARTIAL);
    assert_eq!(left[0].partial, Some((source.what().clone(), partial.clone())));
    let touched = left[0].touched;
    assert_eq!(expire(&place.state(), touched, |_| false).unwrap(), [], "not older than itself");
    let later = touched + std::time::Duration::from_secs(1);
    assert_eq!(expire(&place.state(), later, |_| true).unwrap(), [], "still wanted");
    assert!(partial.exists());
    assert_eq!(expire(&place.state(), later, |_| false).unwrap(), left);
    assert!(!partial.exists());
    assert_eq!(names(&place.state()), ["not ours"]);
}

#[test]
fn a_leftover_whose_head_is_damaged_is_still_shown_and_removed() {
    let place = Place::new();
    let source = source(&place.file("a", b"1"));
    drop(Landing::create(&place.partial(), source.what()).unwrap());
    let head = fs::read_dir(place.state())
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().unwrap() == "head");
    fs::write(head.unwrap(), "rubbish").unwrap();
    let left = leftovers(&place.state()).unwrap();
    assert_eq!((left.len(), left[0].partial.clone()), (1, None));
    nexus_files::remove(&place.state(), &ID).unwrap();
    assert_eq!(names(&place.state()), Vec::<String>::new());
}

#[test]
fn groups_beyond_the_longest_manifest_wait_until_it_is_known() {
    let place = Place::new();
    let what = What {
        kind: Kind::Folder,
        name: SafeName::new("d").unwrap(),
        size: BlobSize::new(1 << 40).unwrap(),
        executable: false,
        mtime_ms: None,
    };
    let landing = Landing::create(&place.partial(), &what).unwrap();
    let hash = GroupHash::from_bytes([1; 32]);
    let beyond = MAX_MANIFEST / G as u64;
    landing.write_group(beyond - 1, &vec![1; G], &hash).unwrap();
    let refused = landing.write_group(beyond, &vec![1; G], &hash);
    assert!(matches!(refused, Err(LandingError::NoManifest)), "{refused:?}");
}

#[test]
fn names_of_partials_that_are_taken_are_left_alone_up_to_the_last() {
    let place = Place::new();
    let source = source(&place.file("a", b"1"));
    let name = |n| place.to().join(PARTIAL.replace(".partial", &format!("-{n}.partial")));
    fs::write(place.to().join(PARTIAL), "other").unwrap();
    (2..=100).for_each(|n| fs::write(name(n), "other").unwrap());
    let refused = Landing::create(&place.partial(), source.what());
    assert!(matches!(refused, Err(LandingError::NoFreeName { .. })), "{refused:?}");
    fs::remove_file(name(100)).unwrap();
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    assert_eq!(landing.partial_path(), name(100));
    landing.discard().unwrap();
    assert_eq!(names(&place.to()).len(), 99);
}

#[test]
fn the_largest_blob_begins_without_its_memory_or_its_disk() {
    let place = Place::new();
    let what = What {
        kind: Kind::File,
        name: SafeName::new("huge").unwrap(),
        size: BlobSize::new(1 << 44).unwrap(),
        executable: false,
        mtime_ms: None,
    };
    let landing = Landing::create(&place.partial(), &what).unwrap();
    let last = what.size.groups() - 1;
    let hash = GroupHash::from_bytes([1; 32]);
    // Some file systems end before 16 TiB: then this is an error, and nothing worse.
    match landing.write_group(last, &vec![1; G], &hash) {
        Ok(()) => {
            assert_eq!(landing.hash(last).unwrap(), Some(hash));
            drop(landing);
            let landing = Landing::resume(&place.partial(), &what).unwrap();
            assert_eq!(landing.have(), GroupSet::from_range(last..last + 1));
        }
        Err(error) => assert!(matches!(error, LandingError::Io { .. }), "{error:?}"),
    }
}

#[test]
fn ten_thousand_files_land_with_few_open_at_once() {
    let place = Place::in_memory();
    for folder in 0..100 {
        fs::create_dir_all(place.from().join(format!("d/{folder}"))).unwrap();
        for file in 0..100 {
            fs::write(place.from().join(format!("d/{folder}/{file}")), noise(64, file)).unwrap();
        }
    }
    // Files longer than a group are kept open for a while.
    (0..100).for_each(|n| drop(place.file(&format!("d/{n}/long"), &noise(G + 1, n))));
    let d = place.from().join("d");
    let source = source(&d);
    let landing = Landing::create(&place.partial(), source.what()).unwrap();
    fill(&source, &landing);
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 250, "{open} files are open");
    let landed = landing.finish(&root(&source)).unwrap();
    assert_eq!(tree(&landed.path), tree(&d));
    place.assert_tidy();
}
