//! Golden vectors: `docs/vectors/transport.json` is what this code computes from fixed seeds.
//!
//! `NEXUS_BLESS=1 cargo test -p nexus-transport --test vectors` writes the file again; without it the test compares.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unused_crate_dependencies,
    reason = "tests"
)]

mod common;

use common::Person;
use nexus_identity::id::hex;
use nexus_identity::{ConnectId, Secret32};
use nexus_transport::Frame;
use nexus_transport::beacon::{Beacon, BootId, Claim, Head, encode_contacts, encode_everyone};
use nexus_transport::frame::{MAX_FRAME, control};
use nexus_transport::gate::{HOUR, gate_for_blobs, gate_for_hour, gate_for_nonce};
use nexus_transport::hello::Hello;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

const BOOT: BootId = BootId([1, 2, 3, 4, 5, 6, 7, 8]);
const PORT: u16 = 50_123;
const NONCE: [u8; 16] = [0x0d; 16];

fn pair_secret() -> Secret32 {
    Secret32::new([0x77; 32])
}

fn everyone(person: &Person, name: &str, answer: bool) -> Value {
    let bytes = encode_everyone(
        &Head { port: PORT, boot: BOOT, answer },
        &person.instance(),
        &person.id(),
        name,
    );
    let Claim::Everyone { name, signature, .. } = Beacon::decode(&bytes).unwrap().claim else {
        panic!("kind")
    };
    json!({
        "kind": "everyone", "port": PORT, "boot": hex(&BOOT.0), "answer": answer, "name": name,
        "signed": hex(&bytes[..bytes.len() - 64]), "signature": hex(signature.as_bytes()), "bytes": hex(&bytes),
    })
}

fn contacts(person: &Person, secrets: &[Secret32], answer: bool) -> Value {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let head = Head { port: PORT, boot: BOOT, answer };
    let bytes = encode_contacts(&head, &person.id(), &NONCE, secrets.iter(), &mut rng);
    let Claim::Contacts { tokens, .. } = Beacon::decode(&bytes).unwrap().claim else {
        panic!("kind")
    };
    let own: Vec<String> = tokens.iter().take(secrets.len()).map(|token| hex(token)).collect();
    json!({
        "kind": "contacts", "port": PORT, "boot": hex(&BOOT.0), "answer": answer, "nonce": hex(&NONCE),
        "tokens": own, "bytes": hex(&bytes),
    })
}

fn refused_beacons(person: &Person) -> Value {
    let head = Head { port: PORT, boot: BOOT, answer: false };
    let good = encode_everyone(&head, &person.instance(), &person.id(), "Ada");
    let with = |position: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[position] = value;
        bytes
    };
    let longer = [good.clone(), vec![0]].concat();
    let no_port = {
        let mut bytes = with(6, 0);
        bytes[7] = 0;
        bytes
    };
    let cases = [
        ("another magic", with(0, 0x4f)),
        ("another version", with(4, 2)),
        ("port 0", no_port),
        ("a name over 64 bytes", with(80, 65)),
        ("a name that is not UTF-8", with(81, 0xff)),
        ("one byte too many", longer),
        ("one byte too few", good[..good.len() - 1].to_vec()),
        ("a changed ConnectID", with(50, good[50] ^ 1)),
        ("a changed signature", with(good.len() - 1, good[good.len() - 1] ^ 1)),
    ];
    cases
        .into_iter()
        .map(|(why, bytes)| {
            assert!(
                Beacon::decode(&bytes).and_then(|beacon| beacon.verify(&bytes)).is_err(),
                "{why}"
            );
            json!({ "why": why, "bytes": hex(&bytes) })
        })
        .collect()
}

fn gates(dialler: ConnectId) -> Value {
    let seconds = 1_795_000_000u64;
    json!([
        { "dialler": hex(dialler.as_bytes()), "nonce": hex(&NONCE),
          "gate": hex(&gate_for_nonce(&pair_secret(), &dialler, &NONCE)) },
        { "dialler": hex(dialler.as_bytes()), "unix_seconds": seconds, "hour": seconds / HOUR,
          "gate": hex(&gate_for_hour(&pair_secret(), &dialler, seconds / HOUR)) },
    ])
}

fn framed(code: u8, body: &[u8]) -> Value {
    let mut bytes = Vec::new();
    Frame::new(code, body).encode(&mut bytes).unwrap();
    json!({ "code": code, "body": hex(body), "frame": hex(&bytes) })
}

fn refused_frames() -> Value {
    let over = u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes();
    let cases = [("no code", [0; 4]), ("over 72 KiB", over), ("far over it", [0xff; 4])];
    cases
        .into_iter()
        .map(|(why, bytes)| {
            assert!(Frame::decode(&bytes).is_err());
            json!({ "why": why, "bytes": hex(&bytes) })
        })
        .collect()
}

fn all() -> Value {
    let ada = Person::new("Ada", 1);
    let hello = Hello::local(ada.id(), &ada.hello(), PORT, BOOT);
    let body = hello.encode();
    assert_eq!(Hello::decode(&body).unwrap(), hello);
    let secrets = [pair_secret(), Secret32::new([0x78; 32])];
    json!({
        "identity": {
            "connect_id": hex(ada.id().as_bytes()),
            "instance_seed": hex(ada.instance.expose()),
            "instance_key": hex(ada.key().as_bytes()),
            "card": hex(&ada.card.to_bytes()),
            "record": hex(ada.record.to_bytes()),
            "spki": format!("302a300506032b6570032100{}", hex(ada.key().as_bytes())),
        },
        "pair_secret": hex(pair_secret().expose()),
        "beacons": [
            everyone(&ada, "Ada", false), everyone(&ada, "", true), everyone(&ada, &"ä".repeat(40), false),
            contacts(&ada, &secrets, false), contacts(&ada, &[], true),
        ],
        "refused_beacons": refused_beacons(&ada),
        "gates": gates(ada.id()),
        "blob_gate": {
            "exporter": hex(&[0x79; 32]), "gate": hex(&gate_for_blobs(&Secret32::new([0x79; 32]))),
        },
        "hello": {
            "versions": hello.versions, "capabilities": hello.capabilities, "port": PORT, "boot": hex(&BOOT.0),
            "body": hex(&body), "frame": framed(control::HELLO, &body)["frame"],
        },
        "frames": [framed(control::PING, &[1, 2, 3, 4, 5, 6, 7, 8]), framed(control::BYE, &[0]), framed(9, &[])],
        "refused_frames": refused_frames(),
    })
}

#[test]
fn the_vectors_are_what_this_code_computes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors/transport.json");
    let computed = all();
    if std::env::var_os("NEXUS_BLESS").is_some() {
        std::fs::write(path, serde_json::to_string_pretty(&computed).unwrap() + "\n").unwrap();
    }
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(stored, computed, "run with NEXUS_BLESS=1 if the format is meant to change");
}
