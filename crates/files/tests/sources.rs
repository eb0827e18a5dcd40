//! What is sent: found without being read, read as it was offered or not at all.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use common::*;
use nexus_blobs::limits::{MAX_DEPTH, MAX_NAME};
use nexus_blobs::manifest::{Kind as EntryKind, Manifest};
use nexus_files::{Kind, Skip, Source, SourceError, scan};

fn paths(source: &Source) -> Vec<String> {
    let manifest = Manifest::decode(source.what().size, source.manifest().unwrap()).unwrap();
    let joined = |names: &[nexus_blobs::SafeName]| {
        names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join("/")
    };
    manifest.entries.iter().map(|entry| joined(&entry.path)).collect()
}

fn why(source: &Source) -> Vec<(String, Skip)> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut all: Vec<_> = source.skipped().iter().map(|s| (name(&s.path), s.why)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn one_file_is_its_bytes_and_nothing_else() {
    let place = Place::new();
    let bytes = noise(3 * G + 5, 1);
    let path = place.file("a.bin", &bytes);
    set_mtime(&path, 1_234_567);
    chmod(&path, 0o755);
    let source = source(&path);
    let what = source.what();
    assert_eq!(
        (what.kind, what.name.as_str(), what.size.get()),
        (Kind::File, "a.bin", bytes.len() as u64)
    );
    assert_eq!((what.executable, what.mtime_ms), (true, Some(1_234_567)));
    assert_eq!((source.manifest(), source.files()), (None, 1));
    assert_eq!(content(&source), bytes);
    assert_eq!(*root(&source).as_bytes(), *blake3::hash(&bytes).as_bytes());
}

#[test]
fn any_run_of_groups_is_the_same_part_of_the_whole() {
    let place = Place::new();
    for (name, len) in
        [("d/a", G), ("d/b", 0), ("d/c/one", 7), ("d/c/two", 2 * G + 1), ("d/e", 300)]
    {
        place.file(name, &noise(len, len as u8));
    }
    let source = source(&place.from().join("d"));
    let (size, whole) = (source.what().size, content(&source));
    assert_eq!(whole.len() as u64, size.get());
    let mut out = vec![1; 5 * G];
    for first in 0..size.groups() + 1 {
        for count in 0..size.groups() + 2 {
            source.read_run(first, count, &mut out).unwrap();
            let end = whole.len().min((first + count) as usize * G);
            assert_eq!(out, whole[whole.len().min(first as usize * G)..end], "{first} {count}");
        }
    }
    source.check().unwrap();
}

#[test]
fn a_file_of_no_bytes_is_one_group_of_none() {
    let place = Place::new();
    let source = source(&place.file("empty", b""));
    assert_eq!(group(&source, 0).0, b"");
    assert_eq!(*root(&source).as_bytes(), *blake3::hash(b"").as_bytes());
}

#[test]
fn holes_in_a_file_are_read_as_zeros() {
    let place = Place::new();
    let path = place.file("sparse", b"");
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(40 * G as u64).unwrap();
    file.write_all_at(b"island", 20 * G as u64).unwrap();
    drop(file);
    let bytes = content(&source(&path));
    assert_eq!(bytes.iter().filter(|byte| **byte != 0).count(), 6);
    assert_eq!(&bytes[20 * G..20 * G + 6], b"island");
}

#[test]
fn a_folder_lists_everything_in_it_in_order_and_its_own_name_first() {
    let place = Place::new();
    for name in ["d/b", "d/a/x", "d/a.txt", "d/ä/ö"] {
        place.file(name, b"1");
    }
    fs::create_dir(place.from().join("d/empty")).unwrap();
    let source = source(&place.from().join("d"));
    assert_eq!(source.what().kind, Kind::Folder);
    assert_eq!(source.what().name.as_str(), "d");
    assert_eq!(paths(&source), ["d", "d/a", "d/a/x", "d/a.txt", "d/b", "d/empty", "d/ä", "d/ä/ö"]);
    assert_eq!(source.files(), 4);
}

#[test]
fn several_items_of_one_name_get_numbers() {
    let place = Place::new();
    let items =
        [place.file("x/a.txt", b"1"), place.file("y/a.txt", b"2"), place.file("z/b/c", b"3")];
    let source = scan(&[items[0].clone(), items[1].clone(), place.from().join("z/b")]).unwrap();
    assert_eq!((source.what().kind, source.what().name.as_str()), (Kind::Several, "3 items"));
    assert_eq!(paths(&source), ["a (2).txt", "a.txt", "b", "b/c"]);
    // The same one twice is sent twice: that is what was asked for.
    let twice = scan(&[items[0].clone(), items[0].clone()]).unwrap();
    assert_eq!(paths(&twice), ["a (2).txt", "a.txt"]);
}

#[test]
fn names_that_others_do_not_take_are_changed_and_their_files_still_read() {
    let place = Place::new();
    let odd: [&[u8]; 5] = [b"a\\b", b"a_b", b"con.txt", b"bad\xff", b"end. "];
    for (seed, name) in odd.iter().enumerate() {
        fs::create_dir_all(place.from().join("d")).unwrap();
        fs::write(place.from().join("d").join(OsStr::from_bytes(name)), [seed as u8]).unwrap();
    }
    let source = source(&place.from().join("d"));
    let found = paths(&source);
    assert_eq!(found.len(), 6, "{found:?}");
    assert!(
        found.contains(&"d/a_b".to_owned()) && found.contains(&"d/a_b (2)".to_owned()),
        "{found:?}"
    );
    let landed = send(&place, &source);
    assert_eq!(fs::read(landed.path.join("a_b")).unwrap(), [1], "who has a good name keeps it");
    assert_eq!(fs::read(landed.path.join("a_b (2)")).unwrap(), [0]);
}

#[test]
fn links_that_stay_inside_are_kept_and_others_left_out() {
    let place = Place::new();
    place.file("d/sub/file", b"1");
    place.file("outside", b"2");
    let d = place.from().join("d");
    for (target, link) in [
        ("sub/file", "in"),
        ("../in", "sub/up"),
        ("gone", "dangling"),
        ("../outside", "out"),
        ("/etc/passwd", "absolute"),
        ("sub/../../outside", "around"),
        ("..", "parent"),
    ] {
        symlink(target, d.join(link)).unwrap();
    }
    let source = source(&d);
    assert_eq!(paths(&source), ["d", "d/dangling", "d/in", "d/sub", "d/sub/file", "d/sub/up"]);
    let out = |name: &str| (name.to_owned(), Skip::PointsOut);
    assert_eq!(why(&source), [out("absolute"), out("around"), out("out"), out("parent")]);
    assert_eq!(source.files(), 1, "what a link points to is not sent twice");
}

#[test]
fn a_link_that_was_named_stands_for_what_it_points_to() {
    let place = Place::new();
    let file = place.file("real", b"content");
    symlink(&file, place.from().join("link")).unwrap();
    let source = source(&place.from().join("link"));
    assert_eq!((source.what().kind, source.what().name.as_str()), (Kind::File, "link"));
    assert_eq!(content(&source), b"content");
}

#[test]
fn sockets_and_pipes_are_left_out_of_a_folder_and_refused_alone() {
    let place = Place::new();
    place.file("d/file", b"1");
    let socket = place.from().join("d/socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let source = source(&place.from().join("d"));
    assert_eq!(why(&source), [("socket".to_owned(), Skip::Special)]);
    assert!(matches!(scan(&[socket]), Err(SourceError::NotAFile { .. })));
}

#[test]
fn what_may_not_be_read_is_left_out_of_a_folder_and_refused_alone() {
    let place = Place::new();
    chmod(place.tmp.path(), 0o755);
    let closed = place.file("d/closed", b"1");
    place.file("d/open", b"1");
    place.file("d/folder/file", b"1");
    chmod(&closed, 0o000);
    chmod(&place.from().join("d/folder"), 0o000);
    as_nobody(|| {
        let source = source(&place.from().join("d"));
        let denied = |name: &str| (name.to_owned(), Skip::Denied);
        assert_eq!(why(&source), [denied("closed"), denied("folder")]);
        assert_eq!(paths(&source), ["d", "d/open"]);
        assert!(matches!(scan(std::slice::from_ref(&closed)), Err(SourceError::Denied { .. })));
        assert!(matches!(scan(&[place.from().join("d/folder")]), Err(SourceError::Denied { .. })));
    });
}

#[test]
fn what_is_not_there_is_said_and_nothing_is_nothing() {
    let place = Place::new();
    assert!(matches!(scan(&[place.from().join("no")]), Err(SourceError::Gone { .. })));
    assert!(matches!(scan(&[]), Err(SourceError::Nothing)));
}

#[test]
fn folders_deeper_than_a_manifest_takes_are_left_out_from_there() {
    let place = Place::new();
    let mut path = place.from().join("d");
    for _ in 0..MAX_DEPTH {
        path.push("d");
    }
    fs::create_dir_all(&path).unwrap();
    let source = source(&place.from().join("d"));
    assert_eq!(paths(&source).len(), MAX_DEPTH);
    assert_eq!(why(&source), [("d".to_owned(), Skip::TooDeep)]);
}

#[test]
fn the_longest_name_goes_through() {
    let place = Place::new();
    let name = "n".repeat(MAX_NAME);
    let source = source(&place.file(&name, b"1"));
    assert_eq!(send(&place, &source).path.file_name().unwrap().to_str().unwrap(), name);
}

#[test]
fn a_source_that_grew_shrank_was_replaced_or_touched_is_not_read_any_more() {
    type Change = fn(&std::path::Path);
    let changes: [(&str, Change); 6] = [
        ("grew", |path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.write_all_at(b"x", 3 * G as u64).unwrap();
        }),
        ("shrank", |path| {
            fs::File::options().write(true).open(path).unwrap().set_len(G as u64).unwrap()
        }),
        ("emptied", |path| fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap()),
        ("replaced", |path| {
            let bytes = fs::read(path).unwrap();
            let mtime = fs::metadata(path).unwrap().modified().unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path.with_extension("keeps the inode"), b"").unwrap();
            fs::write(path, bytes).unwrap();
            fs::File::open(path).unwrap().set_modified(mtime).unwrap();
        }),
        ("became a link", |path| {
            let other = path.with_extension("other");
            fs::rename(path, &other).unwrap();
            symlink(&other, path).unwrap();
        }),
        ("became a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (what, change) in changes {
        for folder in [false, true] {
            let place = Place::new();
            let path = place.file("d/file", &noise(3 * G, 1));
            let source = source(&if folder { place.from().join("d") } else { path.clone() });
            let mut bytes = Vec::new();
            source.read_run(0, 1, &mut bytes).unwrap();
            change(&path);
            let groups = source.what().size.groups();
            let read = source.read_run(groups - 1, 1, &mut bytes);
            assert!(matches!(read, Err(SourceError::Changed { .. })), "{what}, {folder}: {read:?}");
            let check = source.check();
            assert!(
                matches!(check, Err(SourceError::Changed { .. })),
                "{what}, {folder}: {check:?}"
            );
        }
    }
}

#[test]
fn a_source_that_went_is_said_to_be_gone() {
    let place = Place::new();
    let path = place.file("d/small", b"1");
    let source = source(&place.from().join("d"));
    fs::remove_file(&path).unwrap();
    let mut bytes = Vec::new();
    assert!(
        matches!(source.read_run(0, 1, &mut bytes), Err(SourceError::Gone { path: p }) if p == path)
    );
    assert!(matches!(source.check(), Err(SourceError::Gone { .. })));
}

#[test]
fn a_kept_source_serves_the_same_bytes_after_a_restart() {
    let place = Place::new();
    place.file("d/a", &noise(G, 1));
    place.file("d/sub/b", &noise(2 * G, 2));
    place.file("d/sub/empty", b"");
    for path in ["d", "d/a", "d/sub/empty"] {
        let source = source(&place.from().join(path));
        let kept = Source::from_bytes(&source.to_bytes()).unwrap();
        assert_eq!(kept.what(), source.what());
        assert_eq!(kept.manifest(), source.manifest());
        assert_eq!(kept.files(), source.files());
        assert_eq!(content(&kept), content(&source));
        kept.check().unwrap();
    }
}

#[test]
fn a_kept_source_that_changed_meanwhile_is_noticed() {
    let place = Place::new();
    let path = place.file("file", &noise(G, 1));
    let kept = source(&path).to_bytes();
    fs::write(&path, noise(G, 2)).unwrap();
    let source = Source::from_bytes(&kept).unwrap();
    assert!(matches!(source.check(), Err(SourceError::Changed { .. })));
    assert!(matches!(source.read_run(0, 1, &mut Vec::new()), Err(SourceError::Changed { .. })));
}

#[test]
fn a_kept_source_that_was_cut_or_changed_anywhere_is_refused() {
    let place = Place::new();
    place.file("d/a", b"1");
    let kept = source(&place.from().join("d")).to_bytes();
    for at in 0..kept.len() {
        let mut changed = kept.clone();
        changed[at] ^= 1;
        assert!(matches!(Source::from_bytes(&changed), Err(SourceError::Damaged)), "{at}");
        assert!(matches!(Source::from_bytes(&kept[..at]), Err(SourceError::Damaged)), "{at}");
    }
    assert!(matches!(Source::from_bytes(&[kept, vec![0]].concat()), Err(SourceError::Damaged)));
}

#[test]
fn the_times_and_the_executable_bit_are_in_the_manifest() {
    let place = Place::new();
    let path = place.file("d/run", b"1");
    chmod(&path, 0o4755);
    set_mtime(&path, 999);
    let source = source(&place.from().join("d"));
    let manifest = Manifest::decode(source.what().size, source.manifest().unwrap()).unwrap();
    assert_eq!(
        manifest.entries[1].kind,
        EntryKind::File { size: 1, executable: true, mtime_ms: 999 }
    );
}
