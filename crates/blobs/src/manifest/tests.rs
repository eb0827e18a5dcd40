use proptest::prelude::*;

use super::*;
use crate::layout::Layout;
use crate::limits::{GROUP, MAX_BLOB};
use crate::size::BlobSize;

fn path(path: &str) -> Vec<SafeName> {
    path.split('/').map(|name| SafeName::new(name).unwrap()).collect()
}

fn file(at: &str, size: u64) -> Entry {
    Entry { path: path(at), kind: Kind::File { size, executable: false, mtime_ms: 5 } }
}

fn folder(at: &str) -> Entry {
    Entry { path: path(at), kind: Kind::Folder { mtime_ms: -5 } }
}

fn link(at: &str, up: u8, down: &[&str]) -> Entry {
    let down = down.iter().map(|name| SafeName::new(name).unwrap()).collect();
    Entry { path: path(at), kind: Kind::Link { target: LinkTarget { up, down } } }
}

fn encode(entries: &[Entry]) -> Result<(Vec<u8>, Layout), ManifestError> {
    let mut encoder = Encoder::new();
    for entry in entries {
        encoder.push(entry)?;
    }
    encoder.finish()
}

/// What an author who keeps to no rule writes.
fn unchecked(entries: u32, content: u64, body: &[u8]) -> (BlobSize, Vec<u8>) {
    let mut bytes = b"NXFM\x01".to_vec();
    bytes.extend_from_slice(&entries.to_be_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&content.to_be_bytes());
    bytes.extend_from_slice(body);
    let size = (bytes.len() as u64).saturating_add(content).min(MAX_BLOB);
    (BlobSize::new(size).unwrap(), bytes)
}

fn refused(entries: u32, content: u64, body: &[u8]) -> ManifestError {
    let (size, bytes) = unchecked(entries, content, body);
    Manifest::decode(size, &bytes).unwrap_err()
}

#[test]
fn what_a_folder_holds_is_read_back() {
    let entries = vec![
        folder("a"),
        file("a/b", 0),
        Entry { path: path("a/c"), kind: Kind::File { size: 9, executable: true, mtime_ms: -1 } },
        folder("a/empty"),
        file("a/sub/deep/er", 70_000),
        link("a/sub/link", 1, &["c"]),
        link("a/up", 0, &["sub", "deep"]),
        file("z", 1),
    ];
    let (bytes, layout) = encode(&entries).unwrap();
    let size = layout.size();
    assert_eq!(size.get(), bytes.len() as u64 + 70_010);
    let manifest = Manifest::decode(size, &bytes).unwrap();
    assert_eq!((manifest.entries, manifest.layout), (entries, layout));
}

#[test]
fn entries_out_of_order_twice_or_in_a_file_or_a_link_are_refused() {
    use ManifestError::{Order, Parent};
    for (entries, why) in [
        (vec![file("b", 1), file("a", 1)], Order),
        (vec![file("a", 1), file("a", 1)], Order),
        (vec![file("a/b", 1), folder("a")], Order),
        (vec![file("a", 1), file("a/b", 1)], Parent),
        (vec![folder("x"), link("x/a", 0, &["b"]), file("x/a/b", 1)], Parent),
        (vec![file("a/b", 1), file("a/b/c/d", 1)], Parent),
        // As one text `a-b` would go before `a/b`.
        (vec![file("a-b", 1), file("a/b", 1)], Order),
    ] {
        assert_eq!(encode(&entries).unwrap_err(), why, "{entries:?}");
    }
    assert!(encode(&[folder("a"), file("a/b", 1), file("a-b", 1)]).is_ok());
}

#[test]
fn no_link_leads_out_of_its_outermost_folder() {
    for (at, up, down) in [("a/l", 0, &["x"][..]), ("a/b/l", 1, &[]), ("a/b/l", 1, &["x", "y"])] {
        assert!(encode(&[link(at, up, down)]).is_ok(), "{at} {up} {down:?}");
    }
    for (at, up, down) in
        [("l", 0, &["x"][..]), ("a/l", 1, &["x"]), ("a/b/l", 2, &["a"]), ("a/l", 0, &[])]
    {
        assert_eq!(encode(&[link(at, up, down)]).unwrap_err(), ManifestError::Link, "{at}");
    }
    // Nothing goes up after it went down, so another link on the way cannot turn it around.
    for target in
        ["/etc/passwd", "..", "../..", "x/../y", "x/..", "", ".", "a\0b", "nul", "x/\u{202e}"]
    {
        assert_eq!(LinkTarget::parse(target, &path("a/l")), None, "{target:?}");
    }
    for (target, at, made) in
        [("./x//y/", "a/l", "x/y"), ("../../x", "a/b/c/l", "../../x"), ("..", "a/b/l", "..")]
    {
        assert_eq!(LinkTarget::parse(target, &path(at)).unwrap().to_string(), made);
    }
}

#[test]
fn paths_and_links_are_as_deep_and_long_as_they_may_be_and_no_more() {
    let deep = |depth: usize| file(&vec!["a"; depth].join("/"), 1);
    assert!(encode(&[deep(MAX_DEPTH)]).is_ok());
    assert_eq!(encode(&[deep(MAX_DEPTH + 1)]).unwrap_err(), ManifestError::Path);
    let long = |last: usize| {
        let mut names = vec!["a".repeat(255); 15];
        names.extend(["b".repeat(254), "c".repeat(last)]);
        file(&names.join("/"), 1)
    };
    assert!(encode(&[long(1)]).is_ok());
    assert_eq!(encode(&[long(2)]).unwrap_err(), ManifestError::Path);
    assert!(encode(&[link("a/b", 0, &["x"; 64])]).is_ok());
    assert_eq!(encode(&[link("a/b", 0, &["x"; 65])]).unwrap_err(), ManifestError::Link);
}

#[test]
fn counts_and_sizes_are_kept_and_one_past_them_is_refused() {
    use ManifestError::{Bytes, Entries, Malformed, TooLarge};
    assert_eq!(encode(&[]).unwrap_err(), Entries(0));
    assert_eq!(refused(MAX_ENTRIES, 0, &[]), Malformed);
    assert_eq!(refused(MAX_ENTRIES + 1, 0, &[]), Entries(1_000_001));
    assert_eq!(refused(10_000_000, 0, &[]), Entries(10_000_000));
    let mut bomb = unchecked(1, 0, &[]).1;
    bomb[9..17].copy_from_slice(&(MAX_MANIFEST - HEADER as u64 + 1).to_be_bytes());
    let whole = BlobSize::new(MAX_MANIFEST + 1).unwrap();
    assert_eq!(Decoder::new(whole).push(&bomb).unwrap_err(), Bytes(MAX_MANIFEST + 1));
    bomb[9..17].copy_from_slice(&(MAX_MANIFEST - HEADER as u64).to_be_bytes());
    assert!(Decoder::new(BlobSize::new(MAX_MANIFEST).unwrap()).push(&bomb).is_ok());

    let huge = |size: u64| encode(&[file("a", MAX_BLOB), file("b", size)]).map(|_| ());
    assert_eq!(huge(1), Err(TooLarge(crate::size::TooLarge(MAX_BLOB + 1))));
    assert!(matches!(huge(u64::MAX), Err(TooLarge(_))));
    assert!(matches!(refused(1, u64::MAX, &[0; 40]), TooLarge(_)));
}

#[test]
fn numbers_that_do_not_agree_are_refused() {
    use ManifestError::{Header, Malformed, Size};
    let (bytes, layout) = encode(&[folder("a"), file("a/b", 7)]).unwrap();
    let size = layout.size();
    let with = |at: usize, byte: u8| {
        let mut changed = bytes.clone();
        changed[at] = byte;
        Manifest::decode(size, &changed).unwrap_err()
    };
    assert_eq!(with(0, b'X'), Header);
    assert_eq!(with(4, 2), Header);
    assert_eq!(with(8, 1), Malformed); // one entry, and bytes after it
    assert_eq!(with(8, 3), Malformed); // three entries, and no bytes for the third
    assert_eq!(with(24, 8), Size);
    assert_eq!(with(HEADER, 9), Malformed);
    // The name that is shared must be shared.
    let unshared =
        [&bytes[HEADER..HEADER + 13], &[1, 0, 2, 1, b'a', 1, b'b'], &[0; 7], &[7], &[0; 8]];
    let (size, changed) = unchecked(2, 7, &unshared.concat());
    assert_eq!(Manifest::decode(size, &changed).unwrap_err(), Malformed);
    for end in 0..bytes.len() {
        assert_eq!(Manifest::decode(layout.size(), &bytes[..end]).unwrap_err(), Malformed, "{end}");
    }
    let other = BlobSize::new(layout.size().get() + 1).unwrap();
    assert_eq!(Manifest::decode(other, &bytes).unwrap_err(), Size);
}

#[test]
fn names_that_are_not_safe_are_refused() {
    for name in ["..", "/", "a\\b", "CON", "a\0", "e\u{301}", ""] {
        let body = [&[1, 0, 1, name.len() as u8], name.as_bytes(), &[0; 16]].concat();
        assert!(matches!(refused(1, 0, &body), ManifestError::Name(_)), "{name:?}");
    }
    let not_utf8 = [3, 0, 1, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(refused(1, 0, &not_utf8), ManifestError::Malformed);
}

#[test]
fn a_hundred_thousand_files_are_read_as_they_come_in() {
    let mut encoder = Encoder::new();
    for folder in 0..1000 {
        for number in 0..100 {
            encoder.push(&file(&format!("all/d{folder:04}/f{number:03}"), 4096)).unwrap();
        }
    }
    let (bytes, layout) = encoder.finish().unwrap();
    assert_eq!((layout.files(), bytes.len() < 30 * 100_000), (100_000, true));
    let mut decoder = Decoder::new(layout.size());
    let mut entries = 0;
    for group in bytes.chunks(GROUP) {
        assert_eq!(decoder.push(group).unwrap(), group.len());
        while decoder.next_entry().unwrap().is_some() {
            entries += 1;
        }
    }
    assert!(decoder.is_done() && decoder.wants() == 0);
    assert_eq!((entries, decoder.entry_count()), (100_000, Some(100_000)));
    assert_eq!(decoder.push(b"content").unwrap(), 0);
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let name = prop::sample::select(vec!["a", "b", "c.txt", "é"]);
    let at = prop::collection::vec(name.clone(), 1..5).prop_map(|names| path(&names.join("/")));
    let kind = prop_oneof![
        3 => (0..200_000u64, any::<bool>(), any::<i64>())
            .prop_map(|(size, executable, mtime_ms)| Kind::File { size, executable, mtime_ms }),
        1 => any::<i64>().prop_map(|mtime_ms| Kind::Folder { mtime_ms }),
        1 => (0..3u8, prop::collection::vec(name, 0..3)).prop_map(|(up, down)| {
            let down = down.iter().map(|name| SafeName::new(name).unwrap()).collect();
            Kind::Link { target: LinkTarget { up, down } }
        }),
    ];
    let entry = (at, kind).prop_map(|(path, kind)| Entry { path, kind });
    prop::collection::vec(entry, 1..25).prop_map(|mut entries| {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        // What may not follow is left out.
        let mut order = order::Order::default();
        entries.retain(|entry| {
            let mut next = order.clone();
            let fits = next.take(entry).is_ok();
            if fits {
                order = next;
            }
            fits
        });
        entries
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_whatever_the_pieces(entries in entries(), piece in 1..60usize) {
        prop_assume!(!entries.is_empty());
        let (bytes, layout) = encode(&entries).unwrap();
        prop_assert_eq!(&Manifest::decode(layout.size(), &bytes).unwrap().entries, &entries);
        let mut decoder = Decoder::new(layout.size());
        let mut read = Vec::new();
        for piece in bytes.chunks(piece) {
            decoder.push(piece).unwrap();
            while let Some(entry) = decoder.next_entry().unwrap() {
                read.push(entry);
            }
        }
        prop_assert!(decoder.is_done());
        prop_assert_eq!(read, entries);
    }

    #[test]
    fn a_changed_byte_is_refused_or_makes_the_one_encoding_of_something_else(
        entries in entries(), at: prop::sample::Index, to: u8
    ) {
        prop_assume!(!entries.is_empty());
        let (mut bytes, layout) = encode(&entries).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(manifest) = Manifest::decode(layout.size(), &bytes) {
            prop_assert_eq!(encode(&manifest.entries).unwrap().0, bytes);
        }
    }

    #[test]
    fn links_stay_inside_even_by_way_of_each_other(
        entries in entries(), first: prop::sample::Index
    ) {
        let link = |entry: &Entry| match &entry.kind {
            Kind::Link { target } => Some((entry.path.clone(), target.clone())),
            _ => None,
        };
        let links: Vec<_> = entries.iter().filter_map(link).collect();
        prop_assume!(!links.is_empty());
        // Walks from a link to where it points, and on through links that are met there.
        let mut at = links[first.index(links.len())].clone();
        for _ in 0..10 {
            let mut here = at.0[..at.0.len() - 1].to_vec();
            for _ in 0..at.1.up {
                prop_assert!(here.len() > 1, "out of the outermost folder");
                here.pop();
            }
            for name in &at.1.down.clone() {
                here.push(name.clone());
                if let Some(next) = links.iter().find(|(path, _)| *path == here) {
                    at = next.clone();
                    break;
                }
            }
            prop_assert_eq!(&here[0], &at.0[0]);
        }
    }
}
