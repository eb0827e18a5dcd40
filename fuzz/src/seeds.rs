//! Writes the seed inputs of all targets into fuzz/corpus: small, valid, one of each kind.

use std::path::Path;

use base64::Engine as _;
use nexus_blobs::manifest::{Encoder, Entry as Item, Kind as ItemKind, LinkTarget};
use nexus_blobs::wire::{Get, Message, NoCode, What};
use nexus_blobs::{BlobId, RequestId, SafeName};
use nexus_fuzz::{backup, card, identity, instance, invite, letter, letter_body, log_key, record};
use nexus_identity::cbor::MapWriter;
use nexus_identity::{Millis, Secret32};
use nexus_log::body::{Body, KeyName, Payload};
use nexus_log::entry::Entry;
use nexus_log::fork::ForkProof;
use nexus_log::header::Kind;
use nexus_log::hlc::Hlc;
use nexus_log::ids::{EntryHash, EntryRef, LogKey};
use nexus_log::run::{MAX_RUN_BYTES, RunBuilder};
use nexus_sync::frame::Fork;
use nexus_transport::beacon::{self, BootId, Head};
use nexus_transport::hello::Hello;
use nexus_transport::{Frame, LocalHello};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn put(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&dir).expect("a directory");
    std::fs::write(dir.join(name), bytes).expect("a file");
}

fn main() {
    let mut map = MapWriter::new();
    map.uint(1, 5).text(2, "hi").bytes(3, &[1, 2, 3]).uint(900, 1);
    put("cbor", "map", map.into_bytes());

    let head = Head { port: 4000, boot: BootId([1; 8]), answer: false };
    let id = identity().connect_id();
    let (nonce, secrets) = ([4; 16], [Secret32::new([6; 32])]);
    let rng = &mut ChaCha20Rng::from_seed([8; 32]);
    put("beacon", "contacts", beacon::encode_contacts(&head, &id, &nonce, secrets.iter(), rng));
    put("beacon", "everyone", beacon::encode_everyone(&head, instance(), &id, "Mallory"));

    let hello = LocalHello { card: card().clone(), record: record().clone(), capabilities: 0 };
    put("hello", "hello", Hello::local(id, &hello, 4000, BootId([1; 8])).encode());
    put("hello", "card", card().to_bytes());
    put("hello", "record", record().to_bytes());

    let mut frames = Vec::new();
    for (code, body) in [(5, vec![1; 8]), (7, vec![0]), (200, Vec::new())] {
        Frame::new(code, body).encode(&mut frames).expect("a frame");
    }
    put("frame", "three", frames);

    put("card", "card", card().to_bytes());
    let statements = [
        card().contact_statement().expect("contact").bytes,
        card().add_statement(&instance().key()).expect("add").bytes,
    ];
    put("card", "statements", statements.join(&0xff));
    put("record", "record", record().to_bytes());
    put("letter", "letter", letter());
    put("letter", "body", letter_body());
    put("backup", "backup", backup());
    let link = invite();
    let map = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&link["nexus:".len()..]);
    let map = map.expect("base64");
    put("invite", "map", &map[..map.len() - 4]);
    put("invite", "link", link);
    put("connect_id", "id", id.to_string());
    put("files", "identity", identity().to_bytes());
    put("files", "prekeys", nexus_fuzz::prekeys().to_bytes());

    let target =
        EntryRef { log: LogKey::from_bytes([1; 32]), seq: 9, hash: EntryHash::from_bytes([2; 32]) };
    let payloads = [
        ("text", Payload::Text("hello".into())),
        ("edit", Payload::Edit { target, text: "better".into() }),
        ("retract", Payload::Retract { target }),
        ("reaction", Payload::Reaction { target, emoji: "👍".into() }),
        ("read", Payload::ReadMark(vec![target])),
        ("timer", Payload::Timer { seconds: Some(60) }),
        ("request", Payload::KeyRequest(vec![KeyName { log: target.log, epoch: 3 }])),
        ("profile", Payload::Profile { name: "M".into() }),
    ];
    for (name, payload) in payloads {
        let body = Body {
            hlc: Hlc(1 << 40),
            sent: Millis(1_800_000_000_000),
            deps: vec![target],
            timer: None,
            payload,
            extra: Default::default(),
        };
        put("body", name, body.encode());
    }

    let key = log_key();
    let mut builder = RunBuilder::new();
    let mut prev = EntryHash::from_bytes([3; 32]);
    for seq in 5..8 {
        let entry = Entry::write(&key, Kind::Entry, seq, prev, vec![7; 100]).expect("an entry");
        prev = entry.hash();
        builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), MAX_RUN_BYTES);
    }
    let run = builder.finish().expect("a run");
    put("entry", "run", run.bytes());
    put("sync", "run", [&[4], run.bytes()].concat());
    put("sync", "summary", [&[1, 0], [0; 100].as_slice()].concat());
    put("sync", "want", [&[2], [1; 32].as_slice()].concat());
    put("sync", "heads", [&[3], [1; 200].as_slice()].concat());
    put("sync", "credit", [5, 0, 0, 1, 0]);
    put("sync", "mark", [&[6, 1], [1; 64].as_slice()].concat());
    put("sync", "no", [&[8, 0], [1; 32].as_slice()].concat());
    put("sync", "bye", [9, 0, 1]);
    let branch = |noise: u8| {
        let mut builder = RunBuilder::new();
        let start = EntryHash::from_bytes([3; 32]);
        let entry = Entry::write(&key, Kind::Entry, 5, start, vec![noise; 10]).expect("an entry");
        builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), MAX_RUN_BYTES);
        builder.finish().expect("a run").check().expect("a right run")
    };
    let proof = ForkProof::from_runs(&branch(1), &branch(2)).expect("they part").encode();
    let fork = Fork {
        log: LogKey::from_bytes(key.public()),
        proof: Some(ForkProof::decode(&proof).expect("a proof")),
        locator: Vec::new(),
    };
    put("fork", "proof", proof);
    put("sync", "fork", [vec![7], nexus_sync::Frame::Fork(Box::new(fork)).encode_body()].concat());

    for (name, line) in [
        ("send", r#"{"request":1,"command":"send","to":"Bob","text":"hi","reply":null,"wait":"read"}"#),
        ("status", r#"{"request":2,"command":"status"}"#),
        (
            "add",
            r#"{"request":3,"command":"contact_add","who":"nx1q","name":null,"address":"[::1]:4","message":"m"}"#,
        ),
        ("done", r#"{"answer":"done","request":3}"#),
    ] {
        put("control", name, line);
    }

    blobs();
}

fn blobs() {
    let (request, blob) = (RequestId(7), BlobId::from_bytes([1; 32]));
    let get = Get { request, blob, what: What::Content, first: 3, count: 16 };
    let messages = [
        Message::Get(get),
        Message::Group { request, index: 3, bytes: b"content" },
        Message::End(request),
        Message::Get(Get { what: What::Hashes, ..get }),
        Message::Stop(request),
        Message::No { request, code: NoCode::Busy },
    ];
    put("blob", "frames", messages.map(|message| message.to_bytes()).concat());

    let path = |path: &str| path.split('/').map(|name| SafeName::new(name).expect("safe")).collect();
    let mut encoder = Encoder::new();
    for (at, kind) in [
        ("a", ItemKind::Folder { mtime_ms: 0 }),
        ("a/b.txt", ItemKind::File { size: 7, executable: true, mtime_ms: -1 }),
        ("a/link", ItemKind::Link { target: LinkTarget { up: 0, down: path("b.txt") } }),
        ("c", ItemKind::File { size: 70_000, executable: false, mtime_ms: 5 }),
    ] {
        encoder.push(&Item { path: path(at), kind }).expect("in order");
    }
    put("manifest", "folder", encoder.finish().expect("a manifest").0);
    put("file_name", "path", "../a\\b/NUL.tar.gz");
    put("file_name", "link", "../b/c");
    put("sealed", "content", [5; 100]);
}
