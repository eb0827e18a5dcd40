use nexus_identity::card::{SignedStatement, Statement};
use nexus_identity::id::Millis;
use nexus_identity::kdf::Secret32;
use nexus_identity::keys::{IdentitySecrets, InstanceSecret};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::ids::ConversationId;
use crate::topic::{LogKind, TopicSecret, log_key};

struct Case {
    identity: IdentitySecrets,
    instance: InstanceSecret,
    add: SignedStatement,
    secret: TopicSecret,
    binding: Binding,
}

fn case() -> Case {
    let secret = |n| Secret32::new([n; 32]);
    let identity = IdentitySecrets::from_parts(secret(1), secret(2), secret(3));
    let instance = InstanceSecret::from_seed(secret(4));
    let add = Statement::Add { instance: instance.key(), created: Millis(9) };
    let add = identity.sign_statement(&add).unwrap();
    let secret = TopicSecret::own(&identity);
    let log = LogKey::from_bytes(log_key(&instance, secret.topic(), LogKind::MESSAGES).public());
    let conversation = ConversationId::from_bytes([6; 32]);
    Case {
        identity,
        instance,
        add,
        binding: Binding { conversation, kind: LogKind::MESSAGES, log },
        secret,
    }
}

fn payload(case: &Case) -> Vec<u8> {
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    let identity = case.identity.identity_key();
    write(&case.secret, &case.binding, &identity, &case.instance, &case.add, &mut rng)
}

#[test]
fn everybody_sees_the_topic_and_members_the_author() {
    let case = case();
    let payload = payload(&case);
    assert_eq!(check(&case.binding.log, &payload), Some(case.secret.topic()));
    assert_eq!(check(&LogKey::from_bytes([1; 32]), &payload), None);
    let author = author(&case.secret, &case.binding, &payload).unwrap();
    assert_eq!(author.who, case.identity.connect_id());
    assert_eq!(author.instance, case.instance.key());
    let stranger = TopicSecret::from_secret(Secret32::new([77; 32]));
    assert_eq!(super::author(&stranger, &case.binding, &payload), Err(CertificateError::Sealed));
}

#[test]
fn a_certificate_counts_only_for_its_conversation_and_log() {
    let case = case();
    let payload = payload(&case);
    let other = Binding { conversation: ConversationId::from_bytes([7; 32]), ..case.binding };
    assert_eq!(author(&case.secret, &other, &payload), Err(CertificateError::Other));
    let other = Binding { log: LogKey::from_bytes([7; 32]), ..case.binding };
    assert_eq!(author(&case.secret, &other, &payload), Err(CertificateError::Sealed));
}

#[test]
fn an_instance_that_the_identity_did_not_add_is_nobody() {
    let mut forged = case();
    let other = InstanceSecret::from_seed(Secret32::new([44; 32]));
    let add = Statement::Add { instance: other.key(), created: Millis(9) };
    forged.add = forged.identity.sign_statement(&add).unwrap();
    let payload = payload(&forged);
    let found = author(&forged.secret, &forged.binding, &payload);
    assert_eq!(found, Err(CertificateError::Statement));
    let mut forged = case();
    let revoke = Statement::Revoke { instance: forged.instance.key() };
    forged.add = forged.identity.sign_statement(&revoke).unwrap();
    let found = author(&forged.secret, &forged.binding, &self::payload(&forged));
    assert_eq!(found, Err(CertificateError::Statement));
}

#[test]
fn a_short_payload_is_no_open() {
    let case = case();
    let payload = payload(&case);
    assert_eq!(check(&case.binding.log, &payload[..119]), None);
    assert_eq!(check(&case.binding.log, &payload[..120]), Some(case.secret.topic()));
    let cut = author(&case.secret, &case.binding, &payload[..119]);
    assert_eq!(cut, Err(CertificateError::Truncated));
}

proptest! {
    #[test]
    fn arbitrary_bytes_open_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let case = case();
        prop_assert_eq!(check(&case.binding.log, &bytes), None);
        prop_assert!(author(&case.secret, &case.binding, &bytes).is_err());
    }
}
