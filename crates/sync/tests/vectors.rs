//! Golden vectors: `docs/vectors/sync.json` is what this code computes from fixed seeds.
//!
//! `NEXUS_BLESS=1 cargo test -p nexus-sync --test vectors` writes the file again; without it the
//! test compares, so that no format changes unnoticed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use lab::hostile::run_of;
use lab::wire::framed;
use lab::{Room, Writer};
use nexus_identity::Secret32;
use nexus_identity::id::hex;
use nexus_log::entry::Entry;
use nexus_log::fork::ForkProof;
use nexus_log::frontier::Fingerprint;
use nexus_log::ids::{EntryHash, Head, LogHead, LogKey, Topic};
use nexus_log::topic::TopicSecret;
use nexus_sync::fingerprint::{scope_fingerprint, set_hash, topic_fingerprint, want_id};
use nexus_sync::frame::{Bye, Fork, Heads, Listing, Mark, Mode, Refusal, ShownHead, Summary, Want};
use nexus_sync::ids::{ScopeFingerprint, SetHash, TopicFingerprint, WantId};
use nexus_sync::{ByeCode, Frame, Received, Side, WantSecret};
use serde_json::{Value, json};

fn topic(byte: u8) -> Topic {
    Topic::from_bytes([byte; 32])
}

fn head(log: u8, seq: u64, hash: u8, branch: Option<u8>) -> LogHead {
    LogHead {
        log: LogKey::from_bytes([log; 32]),
        branch: branch.map(|byte| EntryHash::from_bytes([byte; 32])),
        first: 0,
        head: Head { seq, hash: EntryHash::from_bytes([hash; 32]) },
    }
}

fn heads_json(heads: &[LogHead]) -> Value {
    let one = |head: &LogHead| {
        json!({
            "log": hex(head.log.as_bytes()),
            "seq": head.head.seq,
            "hash": hex(head.head.hash.as_bytes()),
        })
    };
    heads.iter().map(one).collect()
}

fn fingerprints() -> Value {
    // Not in the order in which they are hashed, and with two branches of one log.
    let first = vec![head(0x21, 9, 3, None), head(0x11, 5, 7, None), head(0x11, 5, 6, Some(1))];
    let second = vec![head(0x31, 0, 8, None)];
    let of = |topic: &Topic, heads: &[LogHead]| {
        json!({
            "topic": hex(topic.as_bytes()),
            "heads": heads_json(heads),
            "full": hex(&Fingerprint::of_topic(topic, heads)),
            "fingerprint": hex(&topic_fingerprint(topic, heads).0),
        })
    };
    let topics = [(topic(1), first), (topic(2), second), (topic(3), Vec::new())];
    let scope = scope_fingerprint(topics.iter().map(|(topic, heads)| (topic, heads.clone())));
    json!({
        "topics": topics.iter().map(|(topic, heads)| of(topic, heads)).collect::<Vec<_>>(),
        "scope": hex(&scope.0),
        "set": hex(&set_hash(topics.iter().map(|(topic, _)| topic)).0),
        "empty_set": hex(&set_hash([].iter()).0),
    })
}

fn want_ids() -> Value {
    let one = |byte: u8, side: Side| {
        let secret = TopicSecret::from_secret(Secret32::new([byte; 32]));
        let exporter = [byte ^ 0xff; 32];
        let id = want_id(&WantSecret::of(&secret), &exporter, side);
        assert_eq!(id.0, secret.want_id(&exporter, side.byte()), "log names it in the same way");
        json!({
            "topic_secret": hex(&[byte; 32]),
            "want_secret": hex(secret.want_secret().expose()),
            "exporter": hex(&exporter),
            "side": side.byte(),
            "id": hex(&id.0),
        })
    };
    json!([one(1, Side::Dialler), one(1, Side::Listener), one(2, Side::Dialler)])
}

fn entries(writer: &mut Writer, noise: u8, count: usize) -> Vec<Entry> {
    (0..count).map(|_| writer.write(40, noise)).collect()
}

fn fork() -> (Fork, Vec<Entry>) {
    let mut one = Writer::new(5, &Room::new(1));
    let mut all = entries(&mut one, 1, 2);
    let mut other = one.clone();
    let mut twin = all.clone();
    all.extend(entries(&mut one, 2, 2));
    twin.extend(entries(&mut other, 3, 1));
    let (a, b) = (run_of(&all).check().unwrap(), run_of(&twin).check().unwrap());
    let proof = ForkProof::from_runs(&a, &b);
    let locator = [3, 2, 1, 0].map(|seq| Head { seq, hash: a.hash_at(seq).unwrap() });
    (Fork { log: one.log(), proof, locator: locator.to_vec() }, all)
}

fn frames() -> Vec<(&'static str, Frame)> {
    let (fork, run) = fork();
    let question = Fork { proof: None, ..fork.clone() };
    let shown = |log: u8, seq: u64, hash: u8| ShownHead::from(&head(log, seq, hash, None));
    let heads = vec![shown(0x11, 5, 6), shown(0x11, 5, 7), shown(0x21, 9, 3)];
    let ids = vec![
        (WantId([2; 16]), TopicFingerprint([3; 16])),
        (WantId([4; 16]), TopicFingerprint([5; 16])),
    ];
    let summary = Summary {
        lazy: false,
        credit: 4 * 1024 * 1024,
        set: SetHash([1; 32]),
        remembered: SetHash([2; 32]),
        scope: ScopeFingerprint([3; 32]),
    };
    let list = |listing| Heads { topic: topic(1), listing, heads: heads.clone() };
    vec![
        ("summary", Frame::Summary(summary)),
        ("summary_lazy", Frame::Summary(Summary { lazy: true, credit: 0, ..summary })),
        ("want_more", Frame::Want(Want { last: false, ids: ids.clone() })),
        ("want_last", Frame::Want(Want { last: true, ids })),
        ("want_nothing", Frame::Want(Want { last: true, ids: Vec::new() })),
        ("heads_news", Frame::Heads(list(Listing::News))),
        ("heads_more", Frame::Heads(list(Listing::More))),
        ("heads_last", Frame::Heads(list(Listing::Last))),
        ("run", Frame::Run(run_of(&run))),
        ("credit", Frame::Credit(65_536)),
        ("mark_eager", Frame::Mark(Mark { mode: Mode::Eager, topics: vec![topic(1)] })),
        ("mark_lazy", Frame::Mark(Mark { mode: Mode::Lazy, topics: vec![topic(1), topic(2)] })),
        ("fork_question", Frame::Fork(Box::new(question))),
        ("fork_proof", Frame::Fork(Box::new(fork))),
        ("no_topic", Frame::No(Refusal::Topic(topic(1)))),
        ("no_log", Frame::No(Refusal::Log(LogKey::from_bytes([2; 32])))),
        ("bye_link", Frame::Bye(Bye { code: ByeCode::Violations, topic: None })),
        ("bye_topic", Frame::Bye(Bye { code: ByeCode::Limit, topic: Some(topic(1)) })),
    ]
}

fn frame_json(name: &str, frame: &Frame) -> Value {
    let (code, body) = (frame.code() as u8, frame.encode_body());
    let read = Received::decode(code, &body).unwrap().unwrap();
    assert_eq!(read.code(), frame.code());
    let mut out = json!({
        "name": name,
        "code": code,
        "body": hex(&body),
        "framed": hex(&framed(code, &body)),
    });
    if let Received::Run(run) = read {
        let (last, signature) = run.signed_head();
        out["run"] = json!({
            "log": hex(run.log().as_bytes()),
            "topic": run.topic().map(|topic| hex(topic.as_bytes())),
            "hashes": (0..=last.seq).map(|seq| hex(run.hash_at(seq).unwrap().as_bytes())).collect::<Vec<_>>(),
            "signature": hex(signature.as_bytes()),
        });
    }
    out
}

fn refused() -> Value {
    let mut run =
        Frame::Run(run_of(&entries(&mut Writer::new(5, &Room::new(1)), 1, 2))).encode_body();
    let last = run.len() - 1;
    run[last] ^= 1;
    let cases: Vec<(&str, u8, Vec<u8>)> = vec![
        ("a SUMMARY that is too short", 1, vec![0; 100]),
        ("a SUMMARY with an unknown flag", 1, [vec![2], vec![0; 100]].concat()),
        ("WANT ids out of order", 2, [vec![1], vec![9; 32], vec![8; 32]].concat()),
        ("a WANT id twice", 2, [vec![1], vec![9; 64]].concat()),
        ("HEADS with a first above the seq", 3, [vec![0; 65], vec![1; 1], vec![0; 47]].concat()),
        ("a RUN with a wrong signature", 4, run),
        ("an empty RUN", 4, Vec::new()),
        ("a MARK of no topic", 6, vec![0]),
        ("a NO of an unknown kind", 8, vec![2; 33]),
        ("a BYE with half a topic", 9, vec![0; 17]),
        ("a code that does not exist", 10, Vec::new()),
    ];
    let one = |(why, code, body): &(&str, u8, Vec<u8>)| {
        let error = Received::decode(*code, body).unwrap_err();
        json!({ "why": why, "code": code, "body": hex(body), "violation": error.0.to_string() })
    };
    cases.iter().map(one).collect()
}

#[test]
fn the_vectors_are_what_this_code_computes() {
    let frames: Vec<Value> = frames().iter().map(|(name, frame)| frame_json(name, frame)).collect();
    let all = json!({
        "want_ids": want_ids(),
        "fingerprints": fingerprints(),
        "frames": frames,
        "refused": refused(),
    });
    let text = serde_json::to_string_pretty(&all).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors/sync.json");
    if std::env::var_os("NEXUS_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text, "run with NEXUS_BLESS=1 and look");
}
