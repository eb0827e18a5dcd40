use nexus_identity::id::{ConnectId, Millis};
use nexus_identity::keys::InstanceSecret;
use nexus_identity::record::InstanceRecord;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::header::MAX_PAYLOAD;

const CONVERSATION: ConversationId = ConversationId::from_bytes([3; 32]);

struct Reader {
    instance: InstanceSecret,
    prekeys: Prekeys,
}

impl Reader {
    fn new(seed: u8) -> Self {
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        let instance = InstanceSecret::generate(&mut rng);
        Self { instance, prekeys: Prekeys::generate(Millis(0), &mut rng).unwrap() }
    }

    fn record(&self) -> VerifiedRecord {
        let who = ConnectId::from_bytes([9; 32]);
        let prekey = self.prekeys.current();
        let record = InstanceRecord::new(who, self.instance.key(), 1, prekey, Millis(0));
        record.sign(&self.instance).unwrap()
    }

    fn open(&self, secret: &TopicSecret, payload: &[u8]) -> Option<Secret32> {
        let seals = Seals::decode(payload).unwrap();
        seals.open(secret, &CONVERSATION, &self.instance.key(), &self.prekeys)
    }
}

fn secret() -> TopicSecret {
    TopicSecret::from_secret(Secret32::new([1; 32]))
}

fn sealed(key: &Secret32) -> Sealed {
    let log = LogKey::from_bytes([2; 32]);
    Sealed { log, epoch: 5, commitment: Commitment::of(key, &log, 5) }
}

fn write_to(about: &Sealed, key: &Secret32, to: &[&VerifiedRecord]) -> Vec<Vec<u8>> {
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    write(&secret(), &CONVERSATION, about, key, to, &mut rng)
}

#[test]
fn each_recipient_finds_its_slot_and_others_find_none() {
    let key = Secret32::new([4; 32]);
    let (a, b, c) = (Reader::new(1), Reader::new(2), Reader::new(3));
    let (record_a, record_b) = (a.record(), b.record());
    let payloads = write_to(&sealed(&key), &key, &[&record_a, &record_b]);
    assert_eq!(payloads.len(), 1);
    assert_eq!(payloads[0].len(), SEALS_HEAD_LEN + 2 * 1176);
    assert_eq!(a.open(&secret(), &payloads[0]), Some(key.clone()));
    assert_eq!(b.open(&secret(), &payloads[0]), Some(key));
    assert_eq!(c.open(&secret(), &payloads[0]), None);
    let outsider = TopicSecret::from_secret(Secret32::new([50; 32]));
    assert_eq!(a.open(&outsider, &payloads[0]), None);
}

#[test]
fn a_key_that_does_not_match_the_commitment_is_refused() {
    let (key, other) = (Secret32::new([4; 32]), Secret32::new([5; 32]));
    let reader = Reader::new(1);
    let payloads = write_to(&sealed(&key), &other, &[&reader.record()]);
    assert_eq!(reader.open(&secret(), &payloads[0]), None);
}

#[test]
fn more_recipients_than_slots_take_more_entries() {
    let key = Secret32::new([4; 32]);
    let reader = Reader::new(1);
    let record = reader.record();
    let all = vec![&record; MAX_SLOTS + 1];
    let payloads = write_to(&sealed(&key), &key, &all);
    let counts: Vec<_> =
        payloads.iter().map(|one| Seals::decode(one).unwrap().slots().count()).collect();
    assert_eq!(counts, [MAX_SLOTS, 1]);
    assert!(payloads.iter().all(|one| one.len() <= MAX_PAYLOAD));
    assert_eq!(write_to(&sealed(&key), &key, &[]).len(), 1);
}

#[test]
fn malformed_seals_say_nothing() {
    let key = Secret32::new([4; 32]);
    let payload = write_to(&sealed(&key), &key, &[&Reader::new(1).record()]).remove(0);
    assert!(Seals::decode(&payload).is_some());
    assert!(Seals::decode(&payload[..payload.len() - 1]).is_none());
    assert!(Seals::decode(&[payload.as_slice(), &[0]].concat()).is_none());
    let mut many = payload.clone();
    many[71] = 49;
    assert!(Seals::decode(&many).is_none());
    let mut none = payload[..SEALS_HEAD_LEN].to_vec();
    none[69..72].copy_from_slice(&[0, 0, 0]);
    assert!(Seals::decode(&none).is_none());
    // A suite of a later version: the commitment counts, the slots are not for me.
    let mut later = payload;
    later[68] = 200;
    assert_eq!(Reader::new(1).open(&secret(), &later), None);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(seals) = Seals::decode(&bytes) {
            let _ = seals.slots().count();
        }
    }
}
