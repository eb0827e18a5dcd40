use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::card::Statement;
use crate::record::{InstanceRecord, MAX_HINT, MAX_HINTS};

struct Person {
    secrets: IdentitySecrets,
    instance: InstanceSecret,
    prekeys: Prekeys,
    card: VerifiedCard,
    record: VerifiedRecord,
}

impl Person {
    fn new(seed: u8) -> Self {
        let rng = &mut ChaCha12Rng::from_seed([seed; 32]);
        let secrets = IdentitySecrets::generate(rng);
        let instance = InstanceSecret::generate(rng);
        let prekeys = Prekeys::generate(Millis(1), rng).unwrap();
        let says = [
            Statement::Add { instance: instance.key(), created: Millis(1) },
            Statement::Profile { hlc: 1, name: "x".repeat(64) },
            Statement::Contact { key: secrets.contact_key() },
        ];
        let card = VerifiedCard::create(&secrets, &says).unwrap();
        let (id, key) = (secrets.connect_id(), instance.key());
        let record = InstanceRecord::new(id, key, 1, prekeys.current(), Millis(1));
        let record = record.sign(&instance).unwrap();
        Self { secrets, instance, prekeys, card, record }
    }

    fn sender(&self) -> Sender<'_> {
        Sender { instance: &self.instance, card: &self.card, record: &self.record }
    }

    fn open(&self, letter: &[u8]) -> Result<VerifiedLetter, LetterError> {
        open(letter, &self.secrets, &self.prekeys)
    }
}

fn rng() -> ChaCha12Rng {
    ChaCha12Rng::from_seed([9; 32])
}

fn letter(text: &str) -> Letter {
    let invite = Some(InviteSecret::new([5; 16]));
    Letter { id: LetterId([4; 16]), created: Millis(77), text: text.into(), invite }
}

#[test]
fn a_letter_opens_by_prekey_and_by_contact_key() {
    let (a, b) = (Person::new(1), Person::new(2));
    let id = b.secrets.connect_id();
    let key = b.secrets.contact_key();
    for to in [Recipient::Instance(&b.record), Recipient::Identity(&id, &key)] {
        let sealed = letter("Hello").seal(a.sender(), to, &mut rng()).unwrap();
        assert_eq!(peek(&sealed).unwrap().id, LetterId([4; 16]));
        let opened = b.open(&sealed).unwrap();
        assert_eq!(*opened.letter(), letter("Hello"));
        assert_eq!(opened.from(), a.secrets.connect_id());
        assert_eq!(*opened.card(), a.card);
        assert_eq!(*opened.record(), a.record);
    }
}

#[test]
fn the_longest_text_fits_and_one_more_character_is_refused() {
    let (a, b) = (Person::new(1), Person::new(2));
    let seal =
        |text: &str| letter(text).seal(a.sender(), Recipient::Instance(&b.record), &mut rng());
    let longest = "\u{1f600}".repeat(MAX_TEXT);
    assert_eq!(b.open(&seal(&longest).unwrap()).unwrap().letter().text, longest);
    assert_eq!(seal(&"a".repeat(MAX_TEXT + 1)), Err(LetterError::TextTooLong(MAX_TEXT + 1)));
}

#[test]
fn eight_devices_long_hints_and_a_long_text_still_fit() {
    let (mut a, b) = (Person::new(1), Person::new(2));
    for n in 10..17 {
        let add =
            Statement::Add { instance: crate::InstanceKey([n; 32]), created: Millis(1 << 50) };
        a.card = a.card.with(&a.secrets, &add).unwrap();
    }
    let mut record = a.record.record().clone();
    record.hints = vec!["h".repeat(MAX_HINT); MAX_HINTS];
    a.record = record.sign(&a.instance).unwrap();
    let longest = letter(&"\u{1f600}".repeat(MAX_TEXT));
    let sealed = longest.seal(a.sender(), Recipient::Instance(&b.record), &mut rng()).unwrap();
    assert!(sealed.len() <= MAX_LETTER);
    assert_eq!(*b.open(&sealed).unwrap().letter(), longest);
}

#[test]
fn a_letter_passed_on_to_somebody_else_is_refused() {
    let (a, b, c) = (Person::new(1), Person::new(2), Person::new(3));
    let to_b = letter("Hi B").seal(a.sender(), Recipient::Instance(&b.record), &mut rng()).unwrap();
    assert_eq!(c.open(&to_b), Err(LetterError::UnknownPrekey));
    // b opens it and seals what a signed once more, to c.
    let signed = letter("Hi B").sign(a.sender(), &b.secrets.connect_id()).unwrap();
    let header = header(Suite::XWing, LetterId([4; 16]), c.record.prekey_id());
    let info = info(&c.secrets.connect_id());
    let plain = pad(&signed).unwrap();
    let key = c.record.prekey();
    let sealed = seal::seal(Suite::XWing, key, &info, &header, &plain, &mut rng()).unwrap();
    let passed_on = [header, sealed].concat();
    assert_eq!(c.open(&passed_on), Err(LetterError::OtherRecipient));
}

#[test]
fn a_letter_can_not_get_another_id() {
    let (a, b) = (Person::new(1), Person::new(2));
    let signed = letter("Hi").sign(a.sender(), &b.secrets.connect_id()).unwrap();
    let header = header(Suite::XWing, LetterId([99; 16]), b.record.prekey_id());
    let info = info(&b.secrets.connect_id());
    let plain = pad(&signed).unwrap();
    let key = b.record.prekey();
    let sealed = seal::seal(Suite::XWing, key, &info, &header, &plain, &mut rng()).unwrap();
    assert_eq!(b.open(&[header, sealed].concat()), Err(LetterError::OtherId));
}

#[test]
fn somebody_else_s_card_or_record_does_not_make_one_somebody_else() {
    let (a, b, m) = (Person::new(1), Person::new(2), Person::new(66));
    let to = Recipient::Instance(&b.record);
    let claims = Sender { instance: &m.instance, card: &a.card, record: &m.record };
    let refused = letter("").seal(claims, to, &mut rng());
    assert_eq!(refused, Err(LetterError::Record(RecordError::OtherIdentity)));
    let claims = Sender { instance: &m.instance, card: &a.card, record: &a.record };
    let refused = letter("").seal(claims, to, &mut rng());
    assert_eq!(refused, Err(LetterError::Record(RecordError::NotLive)));
    // The same without the sender's own checks: m signs a body with a's card and record.
    let signed = letter("").sign(a.sender(), &b.secrets.connect_id()).unwrap();
    let mut reader = Reader::new(&signed);
    reader.array(2).unwrap();
    let body = reader.bytes().unwrap();
    let mut writer = Writer::new();
    writer.array(2).bytes(body).bytes(&m.instance.sign(CONTEXT, body).0);
    let forged = read(&writer.into_bytes(), &b.secrets.connect_id());
    assert_eq!(forged, Err(LetterError::Signature(BadSignature)));
}

#[test]
fn a_letter_from_a_revoked_instance_is_refused_here() {
    let (mut a, b) = (Person::new(1), Person::new(2));
    let revoke = Statement::Revoke { instance: a.instance.key() };
    a.card = a.card.with(&a.secrets, &revoke).unwrap();
    let refused = letter("").seal(a.sender(), Recipient::Instance(&b.record), &mut rng());
    assert_eq!(refused, Err(LetterError::Record(RecordError::NotLive)));
}

#[test]
fn letters_of_the_future_and_overlong_ones_are_named() {
    let (a, b) = (Person::new(1), Person::new(2));
    let mut sealed =
        letter("").seal(a.sender(), Recipient::Instance(&b.record), &mut rng()).unwrap();
    sealed[1] = 9;
    assert_eq!(b.open(&sealed), Err(LetterError::Seal(SealError::UnknownSuite)));
    sealed[0] = 2;
    assert_eq!(b.open(&sealed), Err(LetterError::Version(2)));
    assert_eq!(b.open(&vec![1; MAX_LETTER + 1]), Err(LetterError::TooLong));
}

#[test]
fn the_length_tells_only_the_block() {
    let (a, b) = (Person::new(1), Person::new(2));
    let len = |text: &str| {
        letter(text).seal(a.sender(), Recipient::Instance(&b.record), &mut rng()).unwrap().len()
    };
    assert_eq!(len("Hi"), len("Hello, it is me"));
    assert_eq!((len("") - HEADER - Suite::XWing.overhead()) % BLOCK, 0);
}

#[test]
fn any_flipped_bit_is_refused() {
    let (a, b) = (Person::new(1), Person::new(2));
    let id = b.secrets.connect_id();
    let key = b.secrets.contact_key();
    let to = Recipient::Identity(&id, &key);
    let sealed = letter("Hello").seal(a.sender(), to, &mut rng()).unwrap();
    for at in 0..sealed.len() {
        let mut wrong = sealed.clone();
        wrong[at] ^= 1 << (at % 8);
        assert!(b.open(&wrong).is_err(), "byte {at}");
    }
}

#[test]
fn padding_is_zero_and_as_short_as_it_can_be() {
    let plain = pad(b"abc").unwrap();
    assert_eq!(unpad(&plain), Ok(&b"abc"[..]));
    let mut wrong = plain.to_vec();
    wrong[100] = 1;
    assert_eq!(unpad(&wrong), Err(CborError::Trailing));
    wrong[100] = 0;
    wrong.resize(2 * BLOCK, 0);
    assert_eq!(unpad(&wrong), Err(CborError::Trailing));
    assert_eq!(unpad(&[0]), Err(CborError::Truncated));
    assert_eq!(unpad(&[0, 9, 1]), Err(CborError::Truncated));
}

#[test]
fn debug_shows_no_invite_secret() {
    insta::assert_debug_snapshot!("letter", letter("Hello"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..300)) {
        let b = Person::new(2);
        prop_assert!(b.open(&bytes).is_err());
        let mut header = header(Suite::X25519, LetterId([1; 16]), NO_PREKEY);
        header.extend(&bytes);
        prop_assert!(b.open(&header).is_err());
        prop_assert!(read(&bytes, &b.secrets.connect_id()).is_err());
    }
}
