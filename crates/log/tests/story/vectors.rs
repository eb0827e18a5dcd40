//! Golden vectors: `docs/vectors/log.json` is what this code computes from fixed seeds.
//!
//! `NEXUS_BLESS=1 cargo test -p nexus-log --test story vectors` writes the file again; without it the test compares, so
//! that no format changes unnoticed.

use nexus_identity::id::hex;
use nexus_identity::kdf::{Secret32, derive, hkdf32};
use nexus_identity::keys::IdentitySecrets;
use nexus_log::body::{Body, ContactData, KeyName, Payload};
use nexus_log::cipher::{self, Commitment, padded_len};
use nexus_log::context::Conversation;
use nexus_log::digest::{digest_words, row};
use nexus_log::entry::{Entry, EntryView};
use nexus_log::fold::{Message, Shown};
use nexus_log::fork::ForkProof;
use nexus_log::frontier::Fingerprint;
use nexus_log::header::Kind;
use nexus_log::ids::{EntryHash, Epoch, Head, LogHead, LogKey, Topic};
use nexus_log::ledger::{KeyState, Ledger};
use nexus_log::open;
use nexus_log::run::Run;
use nexus_log::seals::Seals;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

use crate::common::{DAY, Device, person};

struct Story {
    alice: IdentitySecrets,
    bob: IdentitySecrets,
    a: Device,
    b: Device,
}

/// Each of the two says a bit of everything; a key is asked for and answered.
fn story() -> Story {
    let (alice, bob) = (person(1), person(2));
    let (mut a, mut b) = (Device::direct(&alice, &bob, 11), Device::direct(&bob, &alice, 12));
    let (to_a, to_b) = (vec![a.record()], vec![b.record()]);
    a.text("before you were there", &[]);
    let hello = a.text("Hello, Bob", &to_b);
    b.time += 1000;
    b.pull(&a);
    let hi = b.text("Hi Alice — schön ☕", &to_a);
    b.tend(&to_a);
    let reply = Payload::Reply { target: hello, text: "first, or not at all".into() };
    let reply = b.say(reply, &to_a);
    a.time += 2000;
    a.pull(&b);
    a.tend(&to_b);
    a.say(Payload::Edit { target: hello, text: "Hello Bob!".into() }, &to_b);
    a.say(Payload::Reaction { target: hi, emoji: "👍".into() }, &to_b);
    a.say(Payload::Reaction { target: reply, emoji: "🎉".into() }, &to_b);
    a.say(Payload::Reaction { target: reply, emoji: String::new() }, &to_b);
    a.say(Payload::ReadMark(vec![hi, reply]), &to_b);
    a.say(Payload::Profile { name: "Alice".into() }, &to_b);
    a.say(Payload::Unknown { code: 4711, body: vec![0xa1, 0x01, 0xf5] }, &to_b);
    b.pull(&a);
    b.say(Payload::Retract { target: reply }, &to_a);
    b.say(Payload::Edit { target: hello, text: "not mine to edit".into() }, &to_a);
    b.say(Payload::Timer { seconds: Some(86_400) }, &to_a);
    b.text("gone in a day", &to_a);
    a.pull(&b);
    a.time += DAY / 2;
    a.text("and this", &to_b);
    b.pull(&a);
    Story { alice, bob, a, b }
}

fn topic(
    name: &str,
    conversation: &Conversation,
    ikm: (&str, Vec<u8>),
    label: &[u8],
    members: &[IdentitySecrets],
) -> Value {
    let secret = conversation.secret.secret();
    let seed = hkdf32(secret, &[b"topic"]);
    let exporter = [0x5e; 32];
    let want = |side| hex(&conversation.secret.want_id(&exporter, side));
    json!({
        "kind": name,
        ikm.0: hex(&ikm.1),
        "info": hex(label),
        "members": members.iter().map(|one| hex(one.connect_id().as_bytes())).collect::<Vec<_>>(),
        "topic_secret": hex(secret.expose()),
        "topic_seed": hex(seed.expose()),
        "topic": hex(conversation.topic().as_bytes()),
        "conversation": hex(conversation.id.as_bytes()),
        "slot_secret": hex(hkdf32(secret, &[b"slot"]).expose()),
        "want_secret": hex(hkdf32(secret, &[b"want"]).expose()),
        "pair_secret": hex(conversation.secret.pair_secret().expose()),
        "exporter": hex(&exporter),
        "want_ids": [want(0), want(1)],
    })
}

fn topics(story: &Story) -> Value {
    let Story { alice, bob, a, .. } = story;
    let shared = alice.agree(&bob.contact_key()).unwrap();
    let mut ids = [alice.connect_id(), bob.connect_id()];
    ids.sort();
    let label = [b"nexus direct v1".as_slice(), ids[0].as_bytes(), ids[1].as_bytes()].concat();
    let both = [alice.clone(), bob.clone()];
    let own = Conversation::own(alice);
    let own_label = [b"nexus self v1".as_slice(), alice.connect_id().as_bytes()].concat();
    json!([
        topic("direct", &a.conversation, ("agreement", shared.expose().to_vec()), &label, &both),
        topic(
            "own",
            &own,
            ("self_secret", alice.self_secret().expose().to_vec()),
            &own_label,
            &both[..1]
        ),
    ])
}

fn log(device: &Device) -> Value {
    let topic = device.conversation.topic();
    let seed = device.me.instance.seed();
    json!({
        "instance_seed": hex(seed.expose()),
        "instance": hex(device.me.instance.key().as_bytes()),
        "log_kind": 0,
        "log_seed": hex(hkdf32(seed, &[topic.as_bytes(), &[0]]).expose()),
        "log": hex(device.log().as_bytes()),
        "prekey_secret": hex(&device.me.prekeys.to_bytes()[3..35]),
        "prekey_id": hex(device.record().prekey_id().as_bytes()),
    })
}

fn entry(view: &EntryView<'_>, entry: &Entry) -> serde_json::Map<String, Value> {
    let header = &view.header;
    let value = json!({
        "header": hex(view.bytes),
        "kind": header.kind.code(),
        "flags": header.flags,
        "log": hex(header.log.as_bytes()),
        "seq": header.seq,
        "prev": hex(header.prev.as_bytes()),
        "payload_hash": hex(&header.payload_hash),
        "payload": hex(view.payload),
        "hash": hex(view.hash.as_bytes()),
        "signature": entry.signature.map(|signature| hex(signature.as_bytes())),
    });
    match value {
        Value::Object(map) => map,
        _ => unreachable!("json! of an object"),
    }
}

fn entries_of(device: &Device, of: LogKey) -> Vec<Entry> {
    let mut ledger = device.ledger.clone();
    let chain = ledger.chains(&of).unwrap()[0].id;
    let stored = ledger.entries(chain, 0, usize::MAX).unwrap();
    stored.into_iter().map(|stored| stored.entry).collect()
}

fn open_vector(device: &Device) -> Value {
    let entries = entries_of(device, device.log());
    let view = entries[0].view().unwrap();
    let binding = device.conversation.binding(device.log());
    let author = open::author(&device.conversation.secret, &binding, view.payload).unwrap();
    let key = device.conversation.secret.open_key(&device.log());
    let aad = [device.conversation.topic().as_bytes().as_slice(), device.log().as_bytes()].concat();
    let mut map = entry(&view, &entries[0]);
    let mut body = binding.conversation.as_bytes().to_vec();
    body.extend_from_slice(device.conversation.topic().as_bytes());
    body.push(binding.kind.code());
    body.extend_from_slice(author.identity.as_bytes());
    body.extend_from_slice(author.instance.as_bytes());
    body.extend_from_slice(device.log().as_bytes());
    let signature = device.me.instance.sign(open::CERTIFICATE_CONTEXT, &body);
    let add = &device.me.add;
    let plain =
        [&body, signature.as_bytes().as_slice(), add.signature.as_bytes(), &add.bytes].concat();
    for (name, value) in [
        ("topic", hex(&view.payload[..32])),
        ("topic_signature", hex(&view.payload[32..96])),
        ("nonce", hex(&view.payload[96..120])),
        ("open_key", hex(key.expose())),
        ("associated", hex(&aad)),
        ("certificate_body", hex(&body)),
        ("certificate", hex(&plain)),
        ("identity", hex(author.identity.as_bytes())),
        ("instance", hex(author.instance.as_bytes())),
        ("connect_id", hex(author.who.as_bytes())),
    ] {
        map.insert(name.into(), value.into());
    }
    Value::Object(map)
}

fn key_of(device: &Device, log: &LogKey, epoch: Epoch) -> (Commitment, Secret32) {
    let mut ledger = device.ledger.clone();
    let commitment = ledger.epochs(log, epoch).unwrap()[0].commitment;
    match ledger.key(log, epoch, &commitment).unwrap() {
        KeyState::Held(key) => (commitment, key),
        other => panic!("{other:?}"),
    }
}

fn seals_vectors(story: &Story, device: &Device) -> Vec<Value> {
    let mut out = Vec::new();
    for one in entries_of(device, device.log()) {
        let view = one.view().unwrap();
        if view.header.kind != Kind::Seals {
            continue;
        }
        let seals = Seals::decode(view.payload).unwrap();
        let sealed = seals.sealed;
        let (_, key) = key_of(device, &sealed.log, sealed.epoch);
        let slots: Vec<Value> = seals
            .slots()
            .map(|(tag, closed)| {
                let to = [&story.a, &story.b]
                    .into_iter()
                    .find(|to| {
                        let id = to.record().prekey_id();
                        to.conversation.secret.slot_tag(&sealed.log, sealed.epoch, id.as_bytes())
                            == tag
                    })
                    .unwrap();
                let instance = to.me.instance.key();
                let id = to.record().prekey_id();
                let info = [
                    b"nexus seal v1\0".as_slice(),
                    to.conversation.id.as_bytes(),
                    sealed.log.as_bytes(),
                    &sealed.epoch.to_be_bytes(),
                    instance.as_bytes(),
                    id.as_bytes(),
                ]
                .concat();
                let opened =
                    to.me.prekeys.current().open(&info, &sealed.commitment.0, closed).unwrap();
                assert_eq!(&*opened, key.expose());
                json!({
                    "tag": hex(&tag),
                    "sealed": hex(closed),
                    "instance": hex(instance.as_bytes()),
                    "prekey_id": hex(id.as_bytes()),
                    "prekey_secret": hex(&to.me.prekeys.to_bytes()[3..35]),
                    "info": hex(&info),
                })
            })
            .collect();
        let mut map = entry(&view, &one);
        for (name, value) in [
            ("sealed_log", json!(hex(sealed.log.as_bytes()))),
            ("epoch", json!(sealed.epoch)),
            ("commitment", json!(hex(&sealed.commitment.0))),
            ("epoch_key", json!(hex(key.expose()))),
            ("suite", json!(1)),
            ("slots", json!(slots)),
        ] {
            map.insert(name.into(), value);
        }
        out.push(Value::Object(map));
    }
    out
}

fn entry_vectors(device: &Device) -> Vec<Value> {
    let mut out = Vec::new();
    for one in entries_of(device, device.log()) {
        let view = one.view().unwrap();
        if view.header.kind != Kind::Entry {
            continue;
        }
        let epoch = cipher::epoch_of(view.payload).unwrap();
        let (log, seq) = (view.header.log, view.header.seq);
        let (_, key) = key_of(device, &log, epoch);
        let id = &device.conversation.id;
        let cbor = cipher::open(id, view.bytes, &log, seq, &key, view.payload).unwrap();
        let body = Body::decode(&cbor).unwrap();
        assert_eq!(body.encode(), *cbor);
        let entry_key =
            derive("nexus entry key v1", &[key.expose(), log.as_bytes(), &seq.to_be_bytes()]);
        let aad = [id.as_bytes().as_slice(), &view.bytes[..76]].concat();
        let mut plain = [cbor.as_slice(), &[0x80]].concat();
        plain.resize(padded_len(plain.len()), 0);
        let deps: Vec<Value> = body
            .deps
            .iter()
            .map(|dep| json!([hex(dep.log.as_bytes()), dep.seq, hex(dep.hash.as_bytes())]))
            .collect();
        let mut map = entry(&view, &one);
        for (name, value) in [
            ("epoch", json!(epoch)),
            ("nonce", json!(hex(&view.payload[4..28]))),
            ("epoch_key", json!(hex(key.expose()))),
            ("entry_key", json!(hex(&entry_key))),
            ("associated", json!(hex(&aad))),
            ("plaintext", json!(hex(&plain))),
            ("cbor", json!(hex(&cbor))),
            ("hlc", json!(body.hlc.0)),
            ("sent", json!(body.sent.0)),
            ("deps", json!(deps)),
            ("type", json!(body.payload.code())),
            ("timer", json!(body.timer)),
            ("body", json!(hex(&body.payload.encode()))),
        ] {
            map.insert(name.into(), value);
        }
        out.push(Value::Object(map));
    }
    out
}

/// Bodies of types that the story does not write.
fn bodies(story: &Story) -> Value {
    let log = story.a.log();
    let payloads = [
        Payload::Contact(ContactData {
            who: story.bob.connect_id(),
            name: Some("Bobby".into()),
            state: Some(2),
            verified: Some(true),
            card: Some(vec![1, 2, 3]),
            muted: None,
        }),
        Payload::KeyRequest(vec![KeyName { log, epoch: 0 }, KeyName { log, epoch: 70_000 }]),
        Payload::Retire,
        Payload::Timer { seconds: None },
    ];
    let one = |payload: &Payload| json!({ "type": payload.code(), "body": hex(&payload.encode()) });
    json!(payloads.iter().map(one).collect::<Vec<_>>())
}

fn runs(story: &Story) -> Vec<Run> {
    story.b.ledger.all_runs(&story.b.conversation.topic(), 300)
}

fn refused(story: &Story) -> Value {
    let run = &runs(story)[0];
    let damage = |why: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = run.bytes().to_vec();
        change(&mut bytes);
        let error = Run::from_vec(bytes.clone()).check().unwrap_err();
        json!({ "why": why, "error": error.to_string(), "bytes": hex(&bytes) })
    };
    let second =
        112 + usize::try_from(u32::from_be_bytes(run.bytes()[76..80].try_into().unwrap())).unwrap();
    json!([
        damage("the last byte of the signature", &|bytes| *bytes.last_mut().unwrap() ^= 1),
        damage("version 2", &|bytes| bytes[0] = 2),
        damage("a kind below 0x80 that is not defined", &|bytes| bytes[second + 1] = 9),
        damage("a flag that must be understood", &|bytes| bytes[second + 3] = 1),
        damage("a changed payload", &|bytes| bytes[second + 112] ^= 1),
        damage("the topic's signature", &|bytes| bytes[112 + 40] ^= 1),
        damage("another log", &|bytes| bytes[second + 4] ^= 1),
        damage("a gap", &|bytes| bytes[second + 43] += 1),
        damage("another entry before", &|bytes| bytes[second + 44] ^= 1),
        damage("cut short", &|bytes| bytes.truncate(bytes.len() - 70)),
        damage("empty", &|bytes| bytes.clear()),
    ])
}

fn fork(story: &Story) -> Value {
    let mut copy = story.a.clone();
    let mut original = story.a.clone();
    copy.rng = ChaCha20Rng::from_seed([99; 32]);
    let to_b = [story.b.record()];
    original.text("the original goes on", &to_b);
    copy.text("so does the copy", &to_b);
    copy.text("twice", &to_b);
    let from = story.a.ledger.heads(&story.a.conversation.topic());
    let from = from.iter().find(|head| head.log == story.a.log()).unwrap().head.seq;
    let runs = [&original, &copy].map(|device| {
        let run = device.ledger.run(&device.log(), None, from, usize::MAX).unwrap();
        run.check().unwrap()
    });
    let proof = ForkProof::from_runs(&runs[0], &runs[1]).unwrap();
    json!({
        "proof": hex(&proof.encode()),
        "log": hex(proof.log().as_bytes()),
        "seq": proof.seq(),
        "branches": proof.branches().map(|hash| hex(hash.as_bytes())),
        "runs": runs.map(|run| hex(run.bytes())),
    })
}

fn fingerprint() -> Value {
    let head = |log: u8, seq, hash: u8| LogHead {
        log: LogKey::from_bytes([log; 32]),
        branch: None,
        first: 0,
        head: Head { seq, hash: EntryHash::from_bytes([hash; 32]) },
    };
    let first = (Topic::from_bytes([1; 32]), vec![head(9, 300, 5), head(7, 2, 6)]);
    let second = (Topic::from_bytes([2; 32]), vec![head(8, 0, 4)]);
    let mut whole = Fingerprint::new();
    let rows: Vec<Value> = [&first, &second]
        .into_iter()
        .flat_map(|(topic, heads)| {
            whole.topic(topic, heads);
            heads.iter().map(|head| {
                let Head { seq, hash } = head.head;
                json!([hex(topic.as_bytes()), hex(head.log.as_bytes()), seq, hex(hash.as_bytes())])
            })
        })
        .collect();
    json!({
        "rows": rows,
        "first_topic": hex(&Fingerprint::of_topic(&first.0, &first.1)),
        "all": hex(&whole.finish()),
    })
}

fn shown(message: &Message) -> Value {
    let position = message.base.position;
    let reactions: Vec<Value> = message
        .state
        .reactions
        .iter()
        .map(|one| json!([hex(one.who.as_bytes()), one.emoji]))
        .collect();
    json!({
        "position": hex(&position.encode()),
        "author": hex(message.base.author.as_bytes()),
        "type": message.base.shown.code(),
        "text": message.state.text,
        "edited": message.state.edited,
        "retracted": message.state.retracted,
        "reply_to": match message.base.shown {
            Shown::Reply(target) => Some(hex(target.hash.as_bytes())),
            _ => None,
        },
        "reactions": reactions,
        "row": hex(&row(message)),
    })
}

fn conversation(story: &Story) -> Value {
    let Story { a, b, .. } = story;
    let digest = b.digest();
    assert_eq!(a.digest(), digest);
    let keys: Vec<Value> = [a, b]
        .into_iter()
        .flat_map(|device| {
            let mut ledger = b.ledger.clone();
            let log = device.log();
            let epochs =
                (0..).take_while(move |epoch| !ledger.epochs(&log, *epoch).unwrap().is_empty());
            epochs.map(move |epoch| {
                let (commitment, key) = key_of(b, &log, epoch);
                json!({
                    "log": hex(log.as_bytes()),
                    "epoch": epoch,
                    "key": hex(key.expose()),
                    "commitment": hex(&commitment.0),
                })
            })
        })
        .collect();
    let view: Vec<Value> = b.view().iter().map(shown).collect();
    let topic = b.conversation.topic();
    // Somebody without any key sees where there is something, and that all of it is unreadable.
    let mut without = Device::direct(&story.bob, &story.alice, 13);
    without.time = b.time;
    runs(story).iter().for_each(|run| drop(without.take(&run.clone().check().unwrap())));
    let unread: Vec<Value> = without.view().iter().map(shown).collect();
    json!({
        "runs": runs(story).iter().map(|run| hex(run.bytes())).collect::<Vec<_>>(),
        "keys": keys,
        "view": view,
        "digest": hex(&digest),
        "words": digest_words(&digest),
        "fingerprint": hex(&Fingerprint::of_topic(&topic, &b.ledger.heads(&topic))),
        "without_keys": {
            "view": unread,
            "digest": hex(&without.digest()),
            "words": digest_words(&without.digest()),
        },
    })
}

#[test]
fn golden_vectors_are_what_this_code_computes() {
    let story = story();
    let lengths = [0, 1, 63, 64, 65, 72, 73, 128, 129, 200, 1000, 1024, 1025, 5000, 63_487, 63_488];
    let padme: Vec<Value> = lengths.iter().map(|len| json!([len, padded_len(*len)])).collect();
    let seals = [seals_vectors(&story, &story.a), seals_vectors(&story, &story.b)].concat();
    let entries = [entry_vectors(&story.a), entry_vectors(&story.b)].concat();
    let vectors = json!({
        "topics": topics(&story),
        "logs": [log(&story.a), log(&story.b)],
        "opens": [open_vector(&story.a), open_vector(&story.b)],
        "seals": seals,
        "entries": entries,
        "bodies": bodies(&story),
        "padme": padme,
        "refused_runs": refused(&story),
        "fork": fork(&story),
        "fingerprint": fingerprint(),
        "conversation": conversation(&story),
    });
    let text = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors/log.json");
    if std::env::var_os("NEXUS_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert!(golden == text, "docs/vectors/log.json is not what this code computes");
}
