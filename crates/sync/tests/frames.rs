//! Every frame has one encoding, and any bytes at all are read or refused without harm.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use nexus_identity::Secret32;
use nexus_log::ids::{EntryHash, Head, LogKey, Topic};
use nexus_sync::frame::{Bye, Fork, Heads, Listing, Mark, Mode, Refusal, ShownHead, Summary, Want};
use nexus_sync::ids::{ScopeFingerprint, SetHash, TopicFingerprint, WantId};
use nexus_sync::limits::{MAX_BODY, MAX_LOCATOR};
use nexus_sync::{ByeCode, Frame, Received, Shared, ViolationCode, WantSecret};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

fn topics() -> impl Strategy<Value = Vec<Topic>> {
    btree_set(any::<[u8; 32]>(), 1..20)
        .prop_map(|set| set.into_iter().map(Topic::from_bytes).collect())
}

fn heads() -> impl Strategy<Value = Vec<ShownHead>> {
    let shown = any::<([u8; 32], u64, u64, [u8; 32])>().prop_map(|(log, a, b, hash)| ShownHead {
        log: LogKey::from_bytes(log),
        first: a.min(b),
        head: Head { seq: a.max(b), hash: EntryHash::from_bytes(hash) },
    });
    vec(shown, 0..30).prop_map(|mut heads| {
        heads.sort_unstable();
        heads.dedup_by_key(|shown| (shown.log, shown.head));
        heads
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    let summary =
        any::<(bool, u32, [u8; 32], [u8; 32], [u8; 32])>().prop_map(|(lazy, credit, a, b, c)| {
            let (set, remembered) = (SetHash(a), SetHash(b));
            Frame::Summary(Summary { lazy, credit, set, remembered, scope: ScopeFingerprint(c) })
        });
    let ids = btree_set(any::<[u8; 16]>(), 0..40);
    let want = (any::<bool>(), ids, any::<[u8; 16]>()).prop_map(|(last, ids, print)| {
        let ids = ids.into_iter().map(|id| (WantId(id), TopicFingerprint(print))).collect();
        Frame::Want(Want { last, ids })
    });
    let listing = prop_oneof![Just(Listing::News), Just(Listing::More), Just(Listing::Last)];
    let shown = (any::<[u8; 32]>(), listing, heads()).prop_map(|(topic, listing, heads)| {
        Frame::Heads(Heads { topic: Topic::from_bytes(topic), listing, heads })
    });
    let mark = (any::<bool>(), topics()).prop_map(|(lazy, topics)| {
        Frame::Mark(Mark { mode: if lazy { Mode::Lazy } else { Mode::Eager }, topics })
    });
    let points = btree_set(any::<u64>(), 0..MAX_LOCATOR);
    let fork = (any::<[u8; 32]>(), points, any::<[u8; 32]>()).prop_map(|(log, points, hash)| {
        let hash = EntryHash::from_bytes(hash);
        let locator = points.into_iter().rev().map(|seq| Head { seq, hash }).collect();
        Frame::Fork(Box::new(Fork { log: LogKey::from_bytes(log), proof: None, locator }))
    });
    let no = any::<(bool, [u8; 32])>().prop_map(|(log, key)| {
        Frame::No(match log {
            true => Refusal::Log(LogKey::from_bytes(key)),
            false => Refusal::Topic(Topic::from_bytes(key)),
        })
    });
    let bye = (0..5u8, any::<Option<[u8; 32]>>()).prop_map(|(code, topic)| {
        Frame::Bye(Bye { code: ByeCode::from_byte(code), topic: topic.map(Topic::from_bytes) })
    });
    prop_oneof![summary, want, shown, any::<u32>().prop_map(Frame::Credit), mark, fork, no, bye]
}

/// A frame that came in, to be written again; a RUN as its bytes.
fn again(frame: Received) -> Vec<u8> {
    match frame {
        Received::Summary(x) => Frame::Summary(x).encode_body(),
        Received::Want(x) => Frame::Want(x).encode_body(),
        Received::Heads(x) => Frame::Heads(x).encode_body(),
        Received::Run(run) => run.bytes().to_vec(),
        Received::Credit(x) => Frame::Credit(x).encode_body(),
        Received::Mark(x) => Frame::Mark(x).encode_body(),
        Received::Fork(x) => Frame::Fork(x).encode_body(),
        Received::No(x) => Frame::No(x).encode_body(),
        Received::Bye(x) => Frame::Bye(x).encode_body(),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_the_same(frame in frame()) {
        let body = frame.encode_body();
        prop_assert_eq!(body.len(), frame.body_len());
        let read = Received::decode(frame.code() as u8, &body).unwrap().unwrap();
        prop_assert_eq!(again(read), body);
    }

    #[test]
    fn any_bytes_are_refused_or_are_the_one_encoding(code in 0..12u8, body in vec(any::<u8>(), 0..400)) {
        if let Ok(Some(frame)) = Received::decode(code, &body) {
            // An unknown reason to part counts as the first.
            let mut body = body;
            if code == 9 && body[0] > 4 {
                body[0] = 0;
            }
            prop_assert_eq!(again(frame), body);
        }
    }

    #[test]
    fn a_frame_with_one_byte_more_or_less_is_refused(frame in frame(), more in any::<bool>()) {
        let mut body = frame.encode_body();
        if more {
            body.push(0);
        } else {
            body.pop();
        }
        let read = Received::decode(frame.code() as u8, &body);
        prop_assert!(read.is_err());
    }

    #[test]
    fn what_is_remembered_survives_a_store(mine in any::<[u8; 32]>(), theirs in any::<[u8; 32]>(), topics in topics()) {
        let shared = Shared { mine: SetHash(mine), theirs: SetHash(theirs), topics };
        let mut bytes = shared.to_bytes();
        prop_assert_eq!(Shared::from_bytes(&bytes), Some(shared));
        bytes.pop();
        prop_assert_eq!(Shared::from_bytes(&bytes), None);
    }
}

#[test]
fn a_frame_that_names_something_twice_is_malformed() {
    let head = Head { seq: 3, hash: EntryHash::from_bytes([3; 32]) };
    let shown = ShownHead { log: LogKey::from_bytes([2; 32]), head, first: 0 };
    let topic = Topic::from_bytes([1; 32]);
    for (times, read) in [(1, true), (2, false)] {
        let frames = [
            Frame::Mark(Mark { mode: Mode::Lazy, topics: vec![topic; times] }),
            Frame::Heads(Heads { topic, listing: Listing::News, heads: vec![shown; times] }),
            Frame::Fork(Box::new(Fork { log: shown.log, proof: None, locator: vec![head; times] })),
        ];
        for frame in frames {
            let decoded = Received::decode(frame.code() as u8, &frame.encode_body());
            assert_eq!(decoded.is_ok(), read, "{frame:?}");
        }
    }
}

#[test]
fn a_fork_with_more_points_than_the_limit_is_malformed() {
    let locator = |count: u64| {
        let point = |seq| Head { seq, hash: EntryHash::ZERO };
        let locator = (0..count).rev().map(point).collect();
        Frame::Fork(Box::new(Fork { log: LogKey::from_bytes([1; 32]), proof: None, locator }))
    };
    let most = locator(MAX_LOCATOR as u64).encode_body();
    assert!(Received::decode(7, &most).is_ok());
    let over = locator(MAX_LOCATOR as u64 + 1).encode_body();
    assert_eq!(Received::decode(7, &over).unwrap_err().0, ViolationCode::Malformed);
}

#[test]
fn the_largest_body_is_read_and_one_byte_more_is_oversized() {
    let body = |count: usize| [vec![1], vec![0; count]].concat();
    let largest = Received::decode(2, &body(MAX_BODY - 1)).unwrap_err();
    assert_eq!(largest.0, ViolationCode::Malformed);
    let over = Received::decode(2, &body(MAX_BODY)).unwrap_err();
    assert_eq!(over.0, ViolationCode::Oversized);
}

#[test]
fn want_secrets_do_not_show() {
    let secret = WantSecret::new(Secret32::new([0xab; 32]));
    assert_eq!(format!("{secret:?}"), "WantSecret(..)");
}
