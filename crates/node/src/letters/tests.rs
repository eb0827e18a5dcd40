//! What becomes of letters that come.

use nexus_identity::Millis;
use nexus_identity::card::Statement;
use nexus_identity::invite::InviteSecret;

use super::*;
use crate::testing::{Desk, Other};

const SOURCE: &str = "192.0.2.1";

/// A letter by `from` to the desk.
fn written(from: &Other, to: &Desk, created: u64, invite: Option<InviteSecret>) -> Vec<u8> {
    let mut rng = rand::rng();
    let id = LetterId::random(&mut rng);
    let letter = Letter { id, created: Millis(created), text: "it is me".into(), invite };
    let sender = Sender { instance: &from.instance, card: &from.card, record: &from.record };
    let (who, key) = (to.me.connect_id(), to.me.secrets.contact_key());
    letter.seal(sender, Recipient::Identity(&who, &key), &mut rng).unwrap()
}

fn comes(desk: &mut Desk, sealed: &[u8]) {
    desk.work(|work| receive(work, sealed, SOURCE)).unwrap();
}

/// Bea's device was stolen and revoked, and she was a contact once or is asked just now: what its thief writes with the card
/// as it was before changes nothing.
#[test]
fn a_letter_by_a_revoked_device_changes_nothing_and_what_is_known_is_not_forgotten() {
    for state in [ContactState::Removed, ContactState::Requested] {
        let mut desk = Desk::new("Ana");
        let stolen = Other::new("Bea");
        let kept = stolen.second();
        let revoke = Statement::Revoke { instance: stolen.instance.key() };
        let known = kept.card.with(&kept.identity, &revoke).unwrap();
        let mut row = ContactRow::new(kept.id(), state, desk.now);
        (row.card, row.card_name) = (known.to_bytes(), "Bea".into());
        desk.work(|work| Ok(work.tx.put_contact(&row)?)).unwrap();

        let sealed = written(&stolen, &desk, 100, None);
        comes(&mut desk, &sealed);
        let now = desk.contact(&kept.id()).unwrap();
        assert_eq!((now.state, &now.card), (state, &row.card));
        assert_eq!(desk.after.refused, [("not_live", SOURCE.to_owned())]);

        // A letter shows live devices only: who was revoked is still known after it.
        let sealed = written(&Other { card: known, ..kept }, &desk, 200, None);
        comes(&mut desk, &sealed);
        let now = desk.contact(&row.connect_id).unwrap();
        let expected = match state {
            ContactState::Removed => ContactState::Incoming,
            _ => ContactState::Accepted,
        };
        assert_eq!(now.state, expected);
        assert!(stored_card(&now).unwrap().is_revoked(&stolen.instance.key()));
    }
}
