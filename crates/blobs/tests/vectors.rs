//! Golden vectors: `docs/vectors/blobs.json` is what this code computes from fixed content.
//!
//! `NEXUS_BLESS=1 cargo test -p nexus-blobs --test vectors` writes the file again; without it the
//! test compares, so that no format changes unnoticed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use nexus_blobs::manifest::{Encoder, Entry, Kind, LinkTarget, Manifest};
use nexus_blobs::sealed::{Sealer, sealed_size};
use nexus_blobs::wire::{Get, Message, NoCode, What, hashes_header, parse};
use nexus_blobs::{
    BlobId, BlobSize, GROUP, GroupHash, RequestId, Root, RootBuilder, SafeName, group_hash,
};
use nexus_identity::Secret32;
use nexus_identity::id::hex;
use nexus_identity::kdf::derive;
use serde_json::{Value, json};

/// Byte i is i mod 251.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn tree(content: &[u8]) -> (BlobSize, Vec<GroupHash>, Root) {
    let size = BlobSize::new(content.len() as u64).unwrap();
    let mut builder = RootBuilder::new(size);
    let mut hashes = Vec::new();
    for index in 0..size.groups() {
        let start = size.group_start(index) as usize;
        let hash = group_hash(size, index, &content[start..start + size.group_len(index)]).unwrap();
        builder.push(hash).unwrap();
        hashes.push(hash);
    }
    (size, hashes, builder.finish().unwrap())
}

fn trees() -> Value {
    let one = |length: usize| {
        let (_, hashes, root) = tree(&content(length));
        let hashes: Vec<_> = hashes.iter().map(|hash| hex(hash.as_bytes())).collect();
        json!({ "length": length, "group_hashes": hashes, "root": hex(root.as_bytes()) })
    };
    json!([one(0), one(5), one(GROUP), one(GROUP + 1), one(3 * GROUP), one(5 * GROUP + 4000)])
}

fn sealed() -> Value {
    let one = |secret: [u8; 32], length: usize| {
        let mut bytes = content(length);
        let (size, _, root) = tree(&bytes);
        let sealer = Sealer::new(&Secret32::new(secret), &root, size).unwrap();
        let (mut all, mut tags) = (Vec::new(), Vec::new());
        for (index, group) in bytes.chunks_mut(GROUP).enumerate() {
            let tag = sealer.seal(index as u64, group).unwrap();
            all.extend_from_slice(group);
            all.extend_from_slice(&tag);
            tags.push(hex(&tag));
        }
        assert_eq!(sealed_size(size).unwrap().get(), all.len() as u64);
        let mut vector = json!({
            "secret": hex(&secret),
            "length": length,
            "root": hex(root.as_bytes()),
            "key": hex(&derive("nexus blob v1", &[&secret, root.as_bytes()])),
            "sealed_length": all.len(),
            "tags": tags,
            "sealed_root": hex(tree(&all).2.as_bytes()),
        });
        if all.len() < 100 {
            vector["bytes"] = hex(&all).into();
        }
        vector
    };
    json!([one([1; 32], 40), one([2; 32], 2 * GROUP + 7), one([3; 32], 2 * GROUP)])
}

fn names(names: &[&str]) -> Vec<SafeName> {
    names.iter().map(|name| SafeName::new(name).unwrap()).collect()
}

fn manifest() -> Value {
    let file = |path: &[&str], size: u64, executable: bool, mtime_ms: i64| Entry {
        path: names(path),
        kind: Kind::File { size, executable, mtime_ms },
    };
    let folder = |path: &[&str]| Entry {
        path: names(path),
        kind: Kind::Folder { mtime_ms: 1_800_000_000_000 },
    };
    let link = |path: &[&str], up: u8, down: &[&str]| Entry {
        path: names(path),
        kind: Kind::Link { target: LinkTarget { up, down: names(down) } },
    };
    let entries = [
        folder(&["photos"]),
        file(&["photos", "Brücke.jpg"], 70_000, false, -1),
        folder(&["photos", "empty"]),
        file(&["photos", "tools", "sort.sh"], 300, true, 1_800_000_000_123),
        link(&["photos", "tools", "up"], 1, &["Brücke.jpg"]),
        link(&["photos", "up"], 0, &["tools", "sort.sh"]),
        file(&["zero.txt"], 0, false, 0),
    ];
    let mut encoder = Encoder::new();
    entries.iter().for_each(|entry| encoder.push(entry).unwrap());
    let (bytes, layout) = encoder.finish().unwrap();
    let shown = entries.iter().enumerate().map(|(index, entry)| {
        let mut shown = match &entry.kind {
            Kind::File { size, executable, mtime_ms } => {
                let start = layout.bytes(layout.file_of(index as u32).unwrap()).unwrap().start;
                json!({ "kind": "file", "size": size, "executable": executable, "mtime": mtime_ms, "start": start })
            }
            Kind::Folder { mtime_ms } => json!({ "kind": "folder", "mtime": mtime_ms }),
            Kind::Link { target } => json!({ "kind": "link", "target": target.to_string() }),
        };
        let path: Vec<_> = entry.path.iter().map(SafeName::as_str).collect();
        shown["path"] = path.join("/").into();
        shown
    });
    let shown: Vec<Value> = shown.collect();
    json!([{ "bytes": hex(&bytes), "size": layout.size().get(), "entries": shown }])
}

fn refused_manifests() -> Value {
    let one = |why: &str, entries: u32, content: u64, body: &[u8]| {
        let mut bytes = b"NXFM\x01".to_vec();
        bytes.extend_from_slice(&entries.to_be_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&content.to_be_bytes());
        bytes.extend_from_slice(body);
        let size = bytes.len() as u64 + content;
        assert!(Manifest::decode(BlobSize::new(size).unwrap(), &bytes).is_err(), "{why}");
        json!({ "why": why, "size": size, "bytes": hex(&bytes) })
    };
    let folder = |shared: u8, name: &str| {
        [&[3, shared, 1, name.len() as u8], name.as_bytes(), &[0; 8]].concat()
    };
    let file = |shared: u8, name: &str| {
        [&[1, shared, 1, name.len() as u8], name.as_bytes(), &[0; 16]].concat()
    };
    let link = |up: u8, down: &[u8]| {
        let names: Vec<u8> = down.iter().flat_map(|name| [1, *name]).collect();
        [&[4, 0, 2, 1, b'x', 1, b'l', up, down.len() as u8][..], &names].concat()
    };
    json!([
        one("no entry", 0, 0, &[]),
        one("more entries than a manifest may have", 10_000_000, 0, &[]),
        one("more entries than there are bytes for", 2, 0, &folder(0, "x")),
        one("bytes left over", 1, 0, &[folder(0, "x"), vec![0]].concat()),
        one("other content than its files have", 1, 1, &file(0, "x")),
        one("an unknown kind", 1, 0, &[&[5][..], &folder(0, "x")[1..]].concat()),
        one("a name twice", 2, 0, &[folder(0, "x"), folder(0, "x")].concat()),
        one("out of order", 2, 0, &[folder(0, "y"), folder(0, "x")].concat()),
        one("in a file", 2, 0, &[file(0, "x"), file(1, "y")].concat()),
        one(
            "a shared name written out",
            2,
            0,
            &[folder(0, "x"), [&[3, 0, 2, 1, b'x', 1, b'y'][..], &[0; 8]].concat()].concat()
        ),
        one("a name that is a path", 1, 0, &folder(0, "x/y")),
        one("a name that goes up", 1, 0, &folder(0, "..")),
        one("a link that points nowhere", 1, 0, &link(0, &[])),
        one("a link that leaves the outermost folder", 1, 0, &link(1, b"y")),
        one(
            "a link that goes up after down",
            1,
            0,
            &[4, 0, 2, 1, b'x', 1, b'l', 0, 2, 1, b'y', 2, b'.', b'.']
        ),
    ])
}

fn refused_names() -> Value {
    let names = [
        "",
        ".",
        "..",
        "x/y",
        "x\\y",
        "x\0",
        "x\n",
        "x\u{202e}y",
        "x\u{200b}y",
        "x\u{200d}y",
        " x",
        "x ",
        "x.",
        "CON",
        "nul.txt",
        "Com1.tar.gz",
        "LPT¹",
        "e\u{301}",
    ];
    let long = "x".repeat(256);
    for name in names.into_iter().chain([long.as_str()]) {
        assert!(SafeName::new(name).is_err(), "{name:?}");
    }
    let all: Vec<_> =
        names.into_iter().chain([long.as_str()]).map(|name| json!({ "name": name })).collect();
    all.into()
}

fn frames() -> Value {
    let request = RequestId(7);
    let blob = BlobId::of(&Secret32::new([1; 32]));
    let get = Get { request, blob, what: What::Content, first: 1 << 20, count: 4096 };
    let mut hashes = hashes_header(request, 5, 2).to_vec();
    hashes.extend_from_slice(&[[8; 32], [9; 32]].concat());
    let one = |name: &str, framed: Vec<u8>, says: Value| {
        assert!(matches!(parse(&framed[4..]), Ok(Some(_))));
        json!({ "name": name, "code": framed[4], "framed": hex(&framed), "says": says })
    };
    let message =
        |name: &str, message: Message<'_>, says: Value| one(name, message.to_bytes(), says);
    let id = hex(blob.as_bytes());
    json!([
        message(
            "get",
            Message::Get(get),
            json!({ "request": 7, "blob": id, "what": 0, "first": 1 << 20, "count": 4096 })
        ),
        message(
            "get",
            Message::Get(Get { what: What::Hashes, count: 1, ..get }),
            json!({ "request": 7, "blob": id, "what": 1, "first": 1 << 20, "count": 1 })
        ),
        message("stop", Message::Stop(request), json!({ "request": 7 })),
        message(
            "group",
            Message::Group { request, index: 3, bytes: &content(20) },
            json!({ "request": 7, "index": 3, "bytes": hex(&content(20)) })
        ),
        one(
            "hashes",
            hashes,
            json!({ "request": 7, "first": 5, "hashes": [hex(&[8; 32]), hex(&[9; 32])] })
        ),
        message("end", Message::End(request), json!({ "request": 7 })),
        message(
            "no",
            Message::No { request, code: NoCode::Changed },
            json!({ "request": 7, "why": 2 })
        ),
    ])
}

fn refused_frames() -> Value {
    let get = |what: u8, count: u32| {
        [&[1, 0, 0, 0, 7][..], &[1; 32], &[what], &[0; 8], &count.to_be_bytes()].concat()
    };
    let all = [
        ("a GET of nothing", get(0, 0)),
        ("a GET of too much", get(0, 4097)),
        ("a GET of what there is not", get(2, 1)),
        ("no request", vec![5, 0, 0, 0]),
        ("bytes left over", vec![2, 0, 0, 0, 7, 0]),
        ("no hash", [&[4][..], &[0; 12]].concat()),
        ("half a hash", [&[4][..], &[0; 12 + 48]].concat()),
        ("an unknown code", vec![7, 0, 0, 0, 7]),
    ];
    let one = |(why, frame): (&str, Vec<u8>)| {
        assert!(parse(&frame).is_err(), "{why}");
        let framed = [&(frame.len() as u32).to_be_bytes()[..], &frame].concat();
        json!({ "why": why, "framed": hex(&framed) })
    };
    all.into_iter().map(one).collect()
}

#[test]
fn vectors_are_as_blessed() {
    let id = |secret: [u8; 32]| {
        let id = BlobId::of(&Secret32::new(secret));
        json!({ "secret": hex(&secret), "id": hex(id.as_bytes()) })
    };
    let all = json!({
        "ids": [id([1; 32]), id([2; 32])],
        "trees": trees(),
        "sealed": sealed(),
        "manifests": manifest(),
        "refused_manifests": refused_manifests(),
        "refused_names": refused_names(),
        "frames": frames(),
        "refused_frames": refused_frames(),
    });
    let text = serde_json::to_string_pretty(&all).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors/blobs.json");
    if std::env::var_os("NEXUS_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text, "run with NEXUS_BLESS=1 and look");
}
