use nexus_identity::id::ConnectId;
use nexus_identity::kdf::Secret32;
use proptest::prelude::*;

use super::payload::PayloadType;
use super::*;

fn any_ref() -> impl Strategy<Value = EntryRef> {
    (any::<[u8; 32]>(), any::<u64>(), any::<[u8; 32]>()).prop_map(|(log, seq, hash)| EntryRef {
        log: LogKey::from_bytes(log),
        seq,
        hash: EntryHash::from_bytes(hash),
    })
}

fn any_offer() -> impl Strategy<Value = FileOffer> {
    let kinds = [FileKind::File, FileKind::Folder, FileKind::Several];
    (
        "\\PC{1,60}",
        any::<u64>(),
        prop::sample::select(kinds.to_vec()),
        any::<[u8; 32]>(),
        any::<Option<[u8; 32]>>(),
        prop::option::of("[a-z]{1,9}/[a-z]{1,9}"),
    )
        .prop_map(|(name, size, kind, secret, root, media_type)| FileOffer {
            name,
            size,
            kind,
            secret: FileSecret::new(Secret32::new(secret)),
            root,
            manifest: if kind == FileKind::File { 0 } else { size / 2 },
            files: if kind == FileKind::File { 1 } else { size % 1000 },
            media_type,
            mtime: root.map(|bytes| Millis(u64::from(bytes[0]))),
            executable: size % 2 == 1,
        })
}

fn any_payload() -> impl Strategy<Value = Payload> {
    let text = "\\PC{0,40}";
    prop_oneof![
        text.prop_map(Payload::Text),
        (any_ref(), text).prop_map(|(target, text)| Payload::Edit { target, text }),
        any_ref().prop_map(|target| Payload::Retract { target }),
        (any_ref(), "\\PC{0,8}").prop_map(|(target, emoji)| Payload::Reaction { target, emoji }),
        (any_ref(), text).prop_map(|(target, text)| Payload::Reply { target, text }),
        prop::collection::vec(any_ref(), 0..4).prop_map(Payload::ReadMark),
        prop::option::of(1..u64::MAX).prop_map(|seconds| Payload::Timer { seconds }),
        (
            any::<[u8; 32]>(),
            any::<Option<u8>>(),
            any::<Option<bool>>(),
            any::<Option<Vec<u8>>>(),
            any::<Option<u64>>()
        )
            .prop_map(|(who, state, verified, card, muted)| Payload::Contact(
                ContactData {
                    who: ConnectId::from_bytes(who),
                    name: state.map(|n| n.to_string()),
                    state,
                    verified,
                    card,
                    muted,
                }
            )),
        prop::collection::vec((any::<[u8; 32]>(), any::<u32>()), 0..4).prop_map(|keys| {
            let name = |(log, epoch)| KeyName { log: LogKey::from_bytes(log), epoch };
            Payload::KeyRequest(keys.into_iter().map(name).collect())
        }),
        Just(Payload::Retire),
        any_offer().prop_map(|offer| Payload::File(Box::new(offer))),
        (any_ref(), any::<[u8; 32]>(), any::<Option<[u8; 32]>>()).prop_map(
            |(target, content, sealed)| Payload::FileRoot {
                target,
                root: FileRoot { content, sealed }
            }
        ),
        (any_ref(), prop::sample::select(Answer::ALL.to_vec()))
            .prop_map(|(target, answer)| Payload::FileAnswer { target, answer }),
        "[a-z]{0,20}".prop_map(|name| Payload::Profile { name }),
        (100..u64::MAX).prop_map(|code| Payload::Unknown { code, body: vec![0xa1, 1, 0xf6] }),
    ]
}

fn any_body() -> impl Strategy<Value = Body> {
    (
        any::<u64>(),
        any::<u64>(),
        prop::collection::vec(any_ref(), 0..=MAX_DEPS),
        prop::option::of(any::<u64>()),
        any_payload(),
    )
        .prop_map(|(hlc, sent, deps, timer, payload)| Body {
            hlc: Hlc(hlc),
            sent: Millis(sent),
            deps,
            timer,
            payload,
            extra: Extra::default(),
        })
}

fn plain(payload: Payload) -> Body {
    let extra = Extra::default();
    Body { hlc: Hlc(1), sent: Millis(2), deps: vec![], timer: None, payload, extra }
}

#[test]
fn unknown_keys_are_kept_and_unknown_types_too() {
    let mut map = MapWriter::new();
    map.uint(1, 5).uint(2, 6).raw(3, &[0x80]).uint(4, 999).raw(5, &[0xa1, 7, 8]);
    map.text(40, "later");
    let bytes = map.into_bytes();
    let body = Body::decode(&bytes).unwrap();
    assert_eq!(body.payload, Payload::Unknown { code: 999, body: vec![0xa1, 7, 8] });
    assert!(!body.extra.is_empty());
    assert_eq!(body.encode(), bytes);
}

#[test]
fn a_known_type_with_another_body_is_unknown_not_unreadable() {
    let odd = [0xa1, 0x01, 0x05];
    let payload = Payload::decode(PayloadType::TEXT, &odd);
    assert_eq!(payload, Payload::Unknown { code: PayloadType::TEXT, body: odd.to_vec() });
    assert!(payload.is_shown());
    let long = Payload::Text("x".repeat(MAX_TEXT + 1)).encode();
    assert!(matches!(Payload::decode(PayloadType::TEXT, &long), Payload::Unknown { .. }));
    let just = Payload::Text("x".repeat(MAX_TEXT)).encode();
    assert!(matches!(Payload::decode(PayloadType::TEXT, &just), Payload::Text(_)));
}

#[test]
fn limits_hold() {
    let entry =
        EntryRef { log: LogKey::from_bytes([1; 32]), seq: 1, hash: EntryHash::from_bytes([2; 32]) };
    let mut body = plain(Payload::Retire);
    body.deps = vec![entry; MAX_DEPS];
    assert!(Body::decode(&body.encode()).is_ok());
    body.deps.push(entry);
    assert!(Body::decode(&body.encode()).is_err());
    let known = |payload: Payload| Payload::decode(payload.code(), &payload.encode()) == payload;
    assert!(known(Payload::ReadMark(vec![entry; MAX_READ_MARKS])));
    assert!(!known(Payload::ReadMark(vec![entry; MAX_READ_MARKS + 1])));
    let key = KeyName { log: entry.log, epoch: 0 };
    assert!(known(Payload::KeyRequest(vec![key; MAX_KEY_REQUESTS])));
    assert!(!known(Payload::KeyRequest(vec![key; MAX_KEY_REQUESTS + 1])));
    let react = |len| Payload::Reaction { target: entry, emoji: "x".repeat(len) };
    assert!(known(react(MAX_EMOJI)) && !known(react(MAX_EMOJI + 1)));
    let named = |len| Payload::Profile { name: "x".repeat(len) };
    assert!(known(named(MAX_NAME)) && !known(named(MAX_NAME + 1)));
}

#[test]
fn other_than_deterministic_cbor_is_refused() {
    let good = plain(Payload::Text("hi".into())).encode();
    assert!(Body::decode(&good).is_ok());
    let trailing = [good.as_slice(), &[0]].concat();
    assert!(Body::decode(&trailing).is_err());
    assert!(Body::decode(&[]).is_err());
    // hlc 1 written in two bytes.
    let mut long = good;
    assert_eq!(long[1..3], [1, 1]);
    long.splice(2..3, [0x18, 1]);
    assert!(Body::decode(&long).is_err());
}

proptest! {
    #[test]
    fn bodies_round_trip(body in any_body()) {
        prop_assert_eq!(Body::decode(&body.encode()), Ok(body));
    }

    #[test]
    fn arbitrary_bytes_do_no_harm_and_what_is_read_is_written_back(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        code in 0..20_u64,
    ) {
        if let Ok(body) = Body::decode(&bytes) {
            prop_assert_eq!(body.encode(), bytes.clone());
        }
        let _ = Payload::decode(code, &bytes);
    }

    #[test]
    fn a_damaged_body_does_no_harm(body in any_body(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = body.encode();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = Body::decode(&bytes);
    }
}

#[test]
fn an_offer_one_past_a_limit_needs_a_newer_version() {
    let offer = |name: String, media_type: Option<String>| FileOffer {
        name,
        size: 7,
        kind: FileKind::Folder,
        secret: FileSecret::new(Secret32::new([1; 32])),
        root: None,
        manifest: 7,
        files: 0,
        media_type,
        mtime: None,
        executable: false,
    };
    let reads = |offer: FileOffer| {
        let bytes = offer.encode();
        matches!(Payload::decode(PayloadType::FILE, &bytes), Payload::File(_))
    };
    assert!(reads(offer("n".repeat(MAX_FILE_NAME), Some("t".repeat(MAX_MEDIA_TYPE)))));
    assert!(!reads(offer("n".repeat(MAX_FILE_NAME + 1), None)));
    assert!(!reads(offer(String::new(), None)));
    assert!(!reads(offer("n".into(), Some("t".repeat(MAX_MEDIA_TYPE + 1)))));
    assert!(!reads(FileOffer { manifest: 8, ..offer("n".into(), None) }));
    let odd = Payload::decode(PayloadType::FILE_ANSWER, &{
        let mut map = MapWriter::new();
        map.value(1, |w| {
            write_ref(
                w,
                &EntryRef {
                    log: LogKey::from_bytes([1; 32]),
                    seq: 1,
                    hash: EntryHash::from_bytes([2; 32]),
                },
            )
        });
        map.uint(2, 5);
        map.into_bytes()
    });
    assert!(matches!(odd, Payload::Unknown { code: 17, .. }), "{odd:?}");
}

#[test]
fn the_secret_of_an_offer_is_not_printed() {
    let secret = FileSecret::new(Secret32::new([0xab; 32]));
    assert_eq!(format!("{secret:?}"), "FileSecret(..)");
}
