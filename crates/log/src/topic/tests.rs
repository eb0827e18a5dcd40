use nexus_identity::kdf::Secret32;
use proptest::prelude::*;

use super::*;

fn person(seed: u8) -> IdentitySecrets {
    let secret = |n| Secret32::new([seed + n; 32]);
    IdentitySecrets::from_parts(secret(0), secret(1), secret(2))
}

#[test]
fn both_sides_reach_the_same_topic_and_nobody_else_does() {
    let (a, b, c) = (person(10), person(20), person(30));
    let from_a = TopicSecret::direct(&a, &b.connect_id(), &b.contact_key()).unwrap();
    let from_b = TopicSecret::direct(&b, &a.connect_id(), &a.contact_key()).unwrap();
    let other = TopicSecret::direct(&a, &c.connect_id(), &c.contact_key()).unwrap();
    assert_eq!(from_a.topic(), from_b.topic());
    assert_ne!(from_a.topic(), other.topic());
    assert_eq!(from_a.want_id(&[1; 32], 0), from_b.want_id(&[1; 32], 0));
    assert_ne!(from_a.want_id(&[1; 32], 0), from_a.want_id(&[1; 32], 1));
    assert!(from_a.pair_secret().ct_eq(&from_b.pair_secret()));
    let id = direct_id(from_a.topic(), a.connect_id(), b.connect_id());
    assert_eq!(id, direct_id(from_a.topic(), b.connect_id(), a.connect_id()));
    assert_ne!(id, own_id(from_a.topic(), a.connect_id()));
}

#[test]
fn a_contact_key_that_agrees_with_everybody_is_refused() {
    let (a, b) = (person(10), person(20));
    assert!(TopicSecret::direct(&a, &b.connect_id(), &ContactKey([0; 32])).is_err());
}

#[test]
fn each_instance_and_topic_has_a_log_of_its_own() {
    let (a, b) = (person(10), person(20));
    let one = InstanceSecret::from_seed(Secret32::new([1; 32]));
    let two = InstanceSecret::from_seed(Secret32::new([2; 32]));
    let own = TopicSecret::own(&a).topic();
    let other = TopicSecret::own(&b).topic();
    let key = |instance, topic| log_key(instance, topic, LogKind::MESSAGES).public();
    assert_ne!(key(&one, own), key(&two, own));
    assert_ne!(key(&one, own), key(&one, other));
    assert_eq!(key(&one, own), key(&one, own));
}

#[test]
fn debug_shows_the_topic_and_no_secret() {
    let secret = TopicSecret::from_secret(Secret32::new([0xab; 32]));
    let shown = format!("{secret:?}");
    assert_eq!(shown, format!("TopicSecret({}, ..)", secret.topic()));
    assert!(!shown.contains("abab"));
}

proptest! {
    #[test]
    fn tags_differ_with_log_epoch_and_prekey(log in any::<[u8; 32]>(), epoch in any::<u32>(), prekey in any::<[u8; 16]>()) {
        let secret = TopicSecret::from_secret(Secret32::new([1; 32]));
        let log = LogKey::from_bytes(log);
        let tag = secret.slot_tag(&log, epoch, &prekey);
        prop_assert_eq!(tag, secret.slot_tag(&log, epoch, &prekey));
        prop_assert_ne!(tag, secret.slot_tag(&log, epoch ^ 1, &prekey));
    }
}
