//! Fixed keys and what is made with them, so that fuzz targets get past signatures and seals.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_identity::backup::{Argon2Cost, Contents};
use nexus_identity::cbor::Writer;
use nexus_identity::kdf::derive;
use nexus_identity::letter::{Letter, LetterId, Recipient, Sender};
use nexus_identity::phrase::Phrase;
use nexus_identity::seal::{self, Suite};
use nexus_identity::{
    IdentitySecrets, InstanceRecord, InstanceSecret, Invite, InviteSecret, Millis, Prekeys,
    Secret32, SigningKey, Statement, VerifiedCard, VerifiedRecord,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// Opens the seed backup.
pub const PHRASE: &str = "correct horse battery staple wisdom lantern orbit velvet";
/// The time at which everything here was made.
const NOW: Millis = Millis(1_800_000_000_000);

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

struct Me {
    identity: IdentitySecrets,
    instance: InstanceSecret,
    prekeys: Prekeys,
    card: VerifiedCard,
    record: VerifiedRecord,
}

static ME: LazyLock<Me> = LazyLock::new(|| {
    let identity = IdentitySecrets::generate(&mut rng(1));
    let instance = InstanceSecret::generate(&mut rng(2));
    let prekeys = Prekeys::generate(NOW, &mut rng(3)).expect("prekeys");
    let says = [
        Statement::Contact { key: identity.contact_key() },
        Statement::Add { instance: instance.key(), created: NOW },
        Statement::Profile { hlc: 1, name: "Mallory".into() },
    ];
    let card = VerifiedCard::create(&identity, &says).expect("card");
    let record =
        InstanceRecord::new(identity.connect_id(), instance.key(), 1, prekeys.current(), NOW)
            .sign(&instance)
            .expect("record");
    Me { identity, instance, prekeys, card, record }
});

/// Secrets of the one identity here: it writes to itself.
pub fn identity() -> &'static IdentitySecrets {
    &ME.identity
}

/// Its one instance.
pub fn instance() -> &'static InstanceSecret {
    &ME.instance
}

/// The instance's prekeys.
pub fn prekeys() -> &'static Prekeys {
    &ME.prekeys
}

/// Its card.
pub fn card() -> &'static VerifiedCard {
    &ME.card
}

/// Its record.
pub fn record() -> &'static VerifiedRecord {
    &ME.record
}

/// The key of a log.
pub fn log_key() -> SigningKey {
    SigningKey::from_seed(Secret32::random(&mut rng(4)))
}

/// A proper letter.
pub fn letter() -> Vec<u8> {
    let letter = Letter { id: LetterId([5; 16]), created: NOW, text: "hello".into(), invite: None };
    let from = Sender { instance: instance(), card: card(), record: record() };
    letter.seal(from, Recipient::Instance(record()), &mut rng(5)).expect("letter")
}

/// A letter whose body is `body`, signed by `instance` and sealed to the contact key.
pub fn letter_around(body: &[u8], instance: &InstanceSecret) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(2).bytes(body).bytes(&instance.sign("nexus letter v1", body).0);
    let signed = writer.into_bytes();
    let mut plain = u16::try_from(signed.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    plain.extend_from_slice(&signed);
    plain.resize(plain.len().next_multiple_of(512), 0);
    let mut header = vec![1, Suite::X25519.byte()];
    header.extend_from_slice(&[5; 16]);
    header.extend_from_slice(&[0; 16]);
    let info = [b"nexus letter v1\0".as_slice(), identity().connect_id().as_bytes()].concat();
    let to = identity().contact_key();
    let sealed = seal::seal(Suite::X25519, &to.0, &info, &header, &plain, &mut rng(6));
    [header, sealed.expect("sealed")].concat()
}

/// The body of a proper letter, as [`letter_around`] takes it.
pub fn letter_body() -> Vec<u8> {
    let mut map = nexus_identity::cbor::MapWriter::new();
    map.bytes(1, identity().connect_id().as_bytes()).bytes(2, &[5; 16]).uint(3, NOW.0);
    map.text(4, "hello").bytes(5, &card().live_part().to_bytes()).bytes(6, record().to_bytes());
    map.into_bytes()
}

/// A proper invite.
pub fn invite() -> String {
    let mut invite = Invite::new(card(), InviteSecret::new([9; 16]), 1, NOW).expect("invite");
    invite.addresses.push("192.0.2.1:4000".into());
    invite.encode().expect("encoded")
}

/// An invite around a map of any bytes, with a right check.
pub fn invite_around(map: &[u8]) -> String {
    let check = derive("nexus invite v1", &[map]);
    format!("nexus:{}", URL_SAFE_NO_PAD.encode([map, &check[..4]].concat()))
}

/// A proper backup, as cheap as can be.
pub fn backup() -> Vec<u8> {
    let contents = Contents {
        secrets: IdentitySecrets::generate(&mut rng(1)),
        version: 1,
        created: NOW,
        card: card().clone(),
        keyring: Vec::new(),
        contacts: Vec::new(),
    };
    let phrase = Phrase::chosen(PHRASE).expect("strong");
    nexus_identity::backup::seal(&contents, &phrase, Argon2Cost::FOR_TESTS, &mut rng(7))
        .expect("backup")
}
