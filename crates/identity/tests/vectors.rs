//! Golden vectors: `docs/vectors/identity.json` is what this code computes from fixed seeds.
//!
//! `NEXUS_BLESS=1 cargo test -p nexus-identity --test vectors` writes the file again; without it
//! the test compares, so that no format changes unnoticed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

use nexus_identity::backup::{self, Argon2Cost, Contact, Contents, EpochKey};
use nexus_identity::card::{Statement, VerifiedCard};
use nexus_identity::cbor::{MapWriter, Reader};
use nexus_identity::id::{ContactKey, InstanceKey, hex, signed_bytes};
use nexus_identity::kdf::{derive, hkdf32};
use nexus_identity::letter::{Letter, LetterId, Recipient, Sender};
use nexus_identity::phrase::{Phrase, normalize};
use nexus_identity::prekey::Prekeys;
use nexus_identity::record::{InstanceRecord, VerifiedRecord};
use nexus_identity::seal::{self, Suite};
use nexus_identity::{
    ConnectId, IdentitySecrets, InstanceSecret, Invite, InviteSecret, Millis, Secret32, SigningKey,
    safety_number, words,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

const NOW: Millis = Millis(1_795_000_000_000);

/// A person of the vectors: all secrets are one repeated byte.
struct Person {
    secrets: IdentitySecrets,
    instance: InstanceSecret,
    prekeys: Prekeys,
    card: VerifiedCard,
    record: VerifiedRecord,
}

fn person(byte: u8, name: &str) -> Person {
    let secret = |add: u8| Secret32::new([byte + add; 32]);
    let secrets = IdentitySecrets::from_parts(secret(0), secret(1), secret(2));
    let instance = InstanceSecret::from_seed(secret(3));
    // Version, count, then suite, secret, created, not replaced.
    let mut ring = vec![1, 1, 1];
    ring.extend([byte + 4; 32]);
    ring.extend(NOW.0.to_be_bytes());
    ring.extend([0xff; 8]);
    let prekeys = Prekeys::from_bytes(&ring).unwrap();
    let says = [
        Statement::Add { instance: instance.key(), created: NOW },
        Statement::Profile { hlc: NOW.0 << 16, name: name.into() },
        Statement::Contact { key: secrets.contact_key() },
    ];
    let card = VerifiedCard::create(&secrets, &says).unwrap();
    let mut record =
        InstanceRecord::new(secrets.connect_id(), instance.key(), 7, prekeys.current(), NOW);
    record.hints = vec!["relay.example".into()];
    let record = record.sign(&instance).unwrap();
    Person { secrets, instance, prekeys, card, record }
}

fn rng(byte: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([byte; 32])
}

#[test]
fn golden_vectors_are_what_this_code_computes() {
    let (alice, bob) = (person(0x10, "Alice"), person(0x20, "Bob"));
    let vectors = json!({
        "conventions": conventions(),
        "cbor": cbor(),
        "identities": [identity(&alice, 0x10), identity(&bob, 0x20)],
        "agreement": hex(alice.secrets.agree(&bob.card.contact_key().unwrap()).unwrap().expose()),
        "safety_number": safety_number(&alice.card.identity_key(), &bob.card.identity_key()),
        "connect_ids": connect_ids(&alice),
        "merged_card": merged_card(&alice),
        "sealed": sealed(&bob),
        "letters": letters(&alice, &bob),
        "invite": invite(&alice),
        "backup": backup(&alice, &bob),
    });
    compare("identity.json", &vectors);
}

fn compare(name: &str, vectors: &Value) {
    let path = format!("{}/../../docs/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = format!("{}\n", serde_json::to_string_pretty(vectors).unwrap());
    if std::env::var_os("NEXUS_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == text, "{path} differs from what the code computes");
}

fn conventions() -> Value {
    let key = SigningKey::from_seed(Secret32::new([0x42; 32]));
    json!({
        "derive": {
            "context": "nexus test v1", "input": hex(b"abc"),
            "output": hex(&derive("nexus test v1", &[b"abc"])),
        },
        "hkdf32": {
            "ikm": hex(&[0x42; 32]), "info": hex(b"topic"),
            "output": hex(hkdf32(&Secret32::new([0x42; 32]), &[b"topic"]).expose()),
        },
        "signature": {
            "seed": hex(&[0x42; 32]), "public": hex(&key.public()),
            "context": "nexus test v1", "message": hex(b"abc"),
            "signed_bytes": hex(&signed_bytes("nexus test v1", b"abc")),
            "signature": key.sign("nexus test v1", b"abc").to_string(),
        },
        "words": { "digest": hex(&[0x5a; 32]), "six": words(&[0x5a; 32], 6) },
    })
}

fn cbor() -> Value {
    let mut inner = MapWriter::new();
    inner.uint(1, 1).uint(30, u64::MAX);
    let mut map = MapWriter::new();
    map.uint(0, 23).uint(1, 24).uint(2, 256).uint(3, 65_536).uint(4, 1 << 32);
    map.text(24, "Grüße").bytes(25, &[1, 2, 3]).bool(256, true).raw(65_536, &inner.into_bytes());
    map.value(70_000, |w| {
        w.array(3).int(-1).null().bool(false);
    });
    let refused = [
        ("a number longer than necessary", "1817"),
        ("map keys that do not rise", "a201000100"),
        ("a text as map key", "a1616100"),
        ("an indefinite length", "9fff"),
        ("a float", "f93c00"),
        ("a tag", "c000"),
        ("undefined", "f7"),
        ("bytes after the value", "0000"),
        ("nested nine deep", "81818181818181818100"),
    ];
    for (why, bytes) in refused {
        let bytes = unhex(bytes);
        let mut reader = Reader::new(&bytes);
        assert!(reader.any().and_then(|_| reader.finish()).is_err(), "{why}");
    }
    json!({
        "accepted": hex(&map.into_bytes()),
        "refused": refused.map(|(why, bytes)| json!({ "why": why, "bytes": bytes })),
    })
}

fn identity(person: &Person, byte: u8) -> Value {
    let prekey = person.prekeys.current();
    let (signed, signature) = signed_pair(person.record.to_bytes());
    json!({
        "identity_seed": hex(&[byte; 32]),
        "contact_secret": hex(&[byte + 1; 32]),
        "self_secret": hex(&[byte + 2; 32]),
        "instance_seed": hex(&[byte + 3; 32]),
        "identity_file": hex(&person.secrets.to_bytes()),
        "identity_key": person.secrets.identity_key().to_string(),
        "contact_key": person.secrets.contact_key().to_string(),
        "connect_id": hex(person.secrets.connect_id().as_bytes()),
        "connect_id_text": person.secrets.connect_id().to_string(),
        "connect_id_short": person.secrets.connect_id().short(),
        "instance_key_seed": hex(&person.instance.pkcs8_der()[16..]),
        "instance_key": person.instance.key().to_string(),
        "prekey": {
            "suite": prekey.suite().byte(),
            "secret": hex(&[byte + 4; 32]),
            "public": hex(prekey.public()),
            "id": prekey.id().to_string(),
        },
        "statements": statements(&person.card),
        "card": hex(&person.card.to_bytes()),
        "record": {
            "bytes": hex(person.record.to_bytes()),
            "signed": hex(&signed),
            "signature": hex(&signature),
            "seq": person.record.seq(),
        },
    })
}

fn statements(card: &VerifiedCard) -> Vec<Value> {
    let bytes = card.to_bytes();
    let map = nexus_identity::cbor::Map::decode(&bytes).unwrap();
    let mut reader = map.get(2).unwrap();
    let count = reader.array(usize::MAX).unwrap();
    (0..count)
        .map(|_| {
            let (signed, signature) = signed_pair(reader.any().unwrap());
            json!({ "signed": hex(&signed), "signature": hex(&signature) })
        })
        .collect()
}

fn signed_pair(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut reader = Reader::new(bytes);
    assert_eq!(reader.array(2), Ok(2));
    (reader.bytes().unwrap().to_vec(), reader.bytes().unwrap().to_vec())
}

fn connect_ids(alice: &Person) -> Value {
    let good = alice.secrets.connect_id().to_string();
    let mut typo = good.clone().into_bytes();
    typo[30] = if typo[30] == b'q' { b'p' } else { b'q' };
    let typo = String::from_utf8(typo).unwrap();
    let mut swapped = good.clone().into_bytes();
    swapped.swap(20, 21);
    let swapped = String::from_utf8(swapped).unwrap();
    let refused = [typo, swapped, good[..61].to_owned(), good.replacen("nx", "nz", 1)];
    json!({
        "zeros": ConnectId::from_bytes([0; 32]).to_string(),
        "ones": ConnectId::from_bytes([0xff; 32]).to_string(),
        "refused": refused.map(|text| {
            json!({ "why": text.parse::<ConnectId>().unwrap_err().to_string(), "text": text })
        }),
    })
}

fn merged_card(alice: &Person) -> Value {
    let old = alice.instance.key();
    let new = InstanceKey([0x77; 32]);
    let later = Millis(NOW.0 + 1);
    let with = |card: &VerifiedCard, says| card.with(&alice.secrets, &says).unwrap();
    let a = with(&alice.card, Statement::Revoke { instance: old });
    let b = with(&alice.card, Statement::Add { instance: new, created: later });
    let b = with(&b, Statement::Profile { hlc: (NOW.0 << 16) + 1, name: "Alice B.".into() });
    let (merged, reverse) = (a.merge(&b).card, b.merge(&a).card);
    assert_eq!(merged, reverse);
    json!({
        "a": hex(&a.to_bytes()), "b": hex(&b.to_bytes()), "merged": hex(&merged.to_bytes()),
        "name": merged.name(),
        "live": merged.live().map(|(key, _)| key.to_string()).collect::<Vec<_>>(),
        "revoked": merged.revoked().map(|key| key.to_string()).collect::<Vec<_>>(),
        "live_part": hex(&merged.live_part().to_bytes()),
    })
}

fn sealed(bob: &Person) -> Value {
    let (info, aad, plain) = (b"nexus test v1", b"beside", b"sealed words");
    let both = [
        (Suite::XWing, [0x24; 32], bob.prekeys.current().public().to_vec()),
        (Suite::X25519, [0x21; 32], bob.secrets.contact_key().0.to_vec()),
    ];
    let cases = both.map(|(suite, secret, public)| {
        let sealed = seal::seal(suite, &public, info, aad, plain, &mut rng(1)).unwrap();
        let opened = seal::open(suite, &Secret32::new(secret), info, aad, &sealed).unwrap();
        assert_eq!(opened.as_slice(), plain);
        json!({
            "suite": suite.byte(), "secret": hex(&secret), "public": hex(&public),
            "info": hex(info), "aad": hex(aad), "plaintext": hex(plain), "sealed": hex(&sealed),
        })
    });
    json!(cases)
}

fn letters(alice: &Person, bob: &Person) -> Value {
    let sender = Sender { instance: &alice.instance, card: &alice.card, record: &alice.record };
    let letter = |byte, invite| Letter {
        id: LetterId([byte; 16]),
        created: NOW,
        text: "Grüße, hier ist Alice.".into(),
        invite,
    };
    let bob_id = bob.secrets.connect_id();
    let contact_key: ContactKey = bob.secrets.contact_key();
    let cases = [
        (letter(0x31, None), Recipient::Instance(&bob.record)),
        (
            letter(0x32, Some(InviteSecret::new([0x33; 16]))),
            Recipient::Identity(&bob_id, &contact_key),
        ),
    ];
    json!(cases.map(|(letter, to)| {
        let sealed = letter.seal(sender, to, &mut rng(2)).unwrap();
        let opened = nexus_identity::letter::open(&sealed, &bob.secrets, &bob.prekeys).unwrap();
        assert_eq!(*opened.letter(), letter);
        let info = [b"nexus letter v1\0", &bob_id.as_bytes()[..]].concat();
        let (aad, rest) = sealed.split_at(34);
        let header = nexus_identity::letter::peek(&sealed).unwrap();
        let secret = if header.prekey.is_some() { [0x24; 32] } else { [0x21; 32] };
        let plain = seal::open(header.suite, &Secret32::new(secret), &info, aad, rest).unwrap();
        let length = usize::from(u16::from_be_bytes([plain[0], plain[1]]));
        let (body, signature) = signed_pair(&plain[2..2 + length]);
        json!({
            "sealed": hex(&sealed), "header": hex(aad), "info": hex(&info),
            "recipient_secret": hex(&secret), "padded": hex(&plain),
            "signed": hex(&body), "signature": hex(&signature),
            "id": letter.id.to_string(), "created": letter.created.0, "text": letter.text,
            "invite_secret": letter.invite.as_ref().map(|secret| hex(secret.expose())),
        })
    }))
}

fn invite(alice: &Person) -> Value {
    let expires = Millis(NOW.0 + 86_400_000);
    let mut invite = Invite::new(&alice.card, InviteSecret::new([0x33; 16]), 3, expires).unwrap();
    invite.addresses = vec!["192.168.1.20:46340".into(), "[fe80::1%eth0]:46340".into()];
    invite.relays = vec!["relay.example".into()];
    let link = invite.encode().unwrap();
    assert_eq!(link.parse::<Invite>().unwrap(), invite);
    json!({
        "link": link,
        "identity_key": invite.identity_key().to_string(),
        "contact_key": invite.contact_key().to_string(),
        "secret": hex(invite.secret.expose()), "uses": invite.uses, "expires": invite.expires.0,
        "addresses": invite.addresses, "servers": invite.servers, "relays": invite.relays,
    })
}

fn backup(alice: &Person, bob: &Person) -> Value {
    let phrase = Phrase::generate(&mut rng(3));
    let key = |byte| EpochKey { log: [byte; 32], epoch: 5, key: Secret32::new([byte + 1; 32]) };
    let contents = Contents {
        secrets: alice.secrets.clone(),
        version: 4,
        created: NOW,
        card: alice.card.clone(),
        keyring: vec![key(0x51), key(0x61)],
        contacts: vec![
            Contact {
                connect_id: bob.secrets.connect_id(),
                card: Some(bob.card.clone()),
                name: Some("Bob from work".into()),
                state: 3,
                verified: true,
            },
            Contact {
                connect_id: ConnectId::from_bytes([0x70; 32]),
                card: None,
                name: None,
                state: 1,
                verified: false,
            },
        ],
    };
    let cost = Argon2Cost::FOR_TESTS;
    let file = backup::seal(&contents, &phrase, cost, &mut rng(4)).unwrap();
    let opened = backup::open(&file, phrase.text()).unwrap();
    assert_eq!(opened.contacts, contents.contacts);
    let salt: [u8; 16] = file[26..42].try_into().unwrap();
    let keys = backup::phrase_keys(phrase.text(), &salt, cost).unwrap();
    json!({
        "phrase": phrase.text(),
        "phrase_as_typed": phrase.text().to_uppercase().replace(' ', "  "),
        "phrase_normalized": *normalize(&phrase.text().to_uppercase().replace(' ', "  ")),
        "memory": cost.memory, "passes": cost.passes, "lanes": cost.lanes,
        "salt": hex(&salt), "nonce": hex(&file[42..66]), "commitment": hex(&file[66..98]),
        "encryption_key": hex(keys.encryption.expose()),
        "authentication_key": hex(keys.authentication.expose()),
        "file": hex(&file),
        "version": contents.version, "created": contents.created.0,
        "keyring": contents.keyring.iter().map(|one| json!({
            "log": hex(&one.log), "epoch": one.epoch, "key": hex(one.key.expose()),
        })).collect::<Vec<_>>(),
        "contacts": contents.contacts.iter().map(|one| json!({
            "connect_id": hex(one.connect_id.as_bytes()), "name": one.name, "state": one.state,
            "verified": one.verified, "card": one.card.as_ref().map(|card| hex(&card.to_bytes())),
        })).collect::<Vec<_>>(),
    })
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}
