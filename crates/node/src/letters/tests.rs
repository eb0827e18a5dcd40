//! What becomes of letters that come.

use nexus_identity::Millis;
use nexus_identity::card::Statement;
use nexus_identity::invite::InviteSecret;

use nexus_identity::invite::Invite;
use nexus_identity::prekey::Prekeys;
use nexus_storage::letters::INBOX;

use super::*;
use crate::contacts::{Request, ask, decline_here};
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

#[test]
fn an_invite_is_accepted_at_once_although_its_bearer_was_declined() {
    let mut desk = Desk::new("Ana");
    let bea = Other::new("Bea");
    let secret = InviteSecret::new([5; 16]);
    let until = desk.now.saturating_add(REPEAT);
    desk.work(|work| Ok(work.tx.put_invite(secret.expose(), 1, until, work.now)?)).unwrap();
    let plain = written(&bea, &desk, 100, None);
    comes(&mut desk, &plain);
    desk.work(|work| decline_here(work, &bea.id())).unwrap();
    let state = |desk: &Desk| desk.contact(&bea.id()).unwrap().state;

    let another = written(&bea, &desk, 200, Some(InviteSecret::new([6; 16])));
    comes(&mut desk, &another);
    assert_eq!(state(&desk), ContactState::Removed, "there is no such invite");
    let invited = written(&bea, &desk, 300, Some(secret));
    comes(&mut desk, &invited);
    assert_eq!(state(&desk), ContactState::Accepted);
}

#[test]
fn a_crowd_of_strangers_keeps_out_another_one_but_nobody_with_an_invite() {
    let mut desk = Desk::new("Ana");
    let (bea, cid) = (Other::new("Bea"), Other::new("Cid"));
    let secret = InviteSecret::new([5; 16]);
    let until = desk.now.saturating_add(REPEAT);
    desk.work(|work| {
        work.tx.put_invite(secret.expose(), 1, until, work.now)?;
        for n in 0..INBOX.unsigned_abs() {
            let mut sender = [0; 32];
            sender[..8].copy_from_slice(&n.to_be_bytes());
            let letter = LetterIn {
                sender: ConnectId::from_bytes(sender),
                letter: [0; 16],
                created: work.now,
                received: work.now,
                source: format!("10.0.0.{n}"),
                text: String::new(),
                card: vec![],
                card_name: String::new(),
                record: vec![],
            };
            work.tx.take_letter(&letter, false)?;
        }
        Ok(())
    })
    .unwrap();
    let plain = written(&cid, &desk, 100, None);
    comes(&mut desk, &plain);
    assert!(desk.contact(&cid.id()).is_none());
    assert_eq!(desk.after.refused, [("inbox_full", SOURCE.to_owned())]);
    let invited = written(&bea, &desk, 100, Some(secret));
    comes(&mut desk, &invited);
    assert_eq!(desk.contact(&bea.id()).unwrap().state, ContactState::Accepted);
    // As soon as there is room, the same letter is taken.
    desk.work(|work| decline_here(work, &ConnectId::from_bytes([0; 32]))).unwrap();
    comes(&mut desk, &plain);
    assert_eq!(desk.contact(&cid.id()).unwrap().state, ContactState::Incoming);
}

/// A desk that knows Bea's card, and Bea.
fn acquainted() -> (Desk, Other) {
    let (mut desk, bea) = (Desk::new("Ana"), Other::new("Bea"));
    let mut row = ContactRow::new(bea.id(), ContactState::Removed, desk.now);
    row.card = bea.card.to_bytes();
    desk.work(|work| Ok(work.tx.put_contact(&row)?)).unwrap();
    (desk, bea)
}

/// What goes out to her now, if anything does.
fn goes_out(desk: &mut Desk, to: &Other) -> Option<Letter> {
    let sealed = desk.work(|work| due(work, &to.id(), false)).unwrap()?;
    let prekeys = Prekeys::generate(Millis(1), &mut rand::rng()).unwrap();
    Some(letter::open(&sealed, &to.identity, &prekeys).unwrap().letter().clone())
}

fn asks(desk: &mut Desk, who: &Other, message: &str, invite: Option<Invite>) {
    let request = Request { message: Some(message.to_owned()), invite, ..Request::default() };
    desk.work(|work| ask(work, &who.id(), &request)).unwrap();
}

#[test]
fn asking_again_with_an_invite_or_other_words_is_another_letter() {
    let (mut desk, bea) = acquainted();

    asks(&mut desk, &bea, "hello", None);
    let first = goes_out(&mut desk, &bea).unwrap();
    desk.work(|work| taken(work, &bea.id(), &first.id.0)).unwrap();
    asks(&mut desk, &bea, "hello", None);
    assert_eq!(goes_out(&mut desk, &bea), None, "it is the same");

    asks(&mut desk, &bea, "hello again", None);
    let second = goes_out(&mut desk, &bea).unwrap();
    assert_eq!(second.text, "hello again");
    assert!(second.id != first.id && second.created > first.created);

    // Her invite comes, after my clock was set back.
    desk.now = Millis(desk.now.0 - 1_000_000);
    let until = desk.now.saturating_add(REPEAT);
    let invite = Invite::new(&bea.card, InviteSecret::new([5; 16]), 1, until).unwrap();
    asks(&mut desk, &bea, "hello again", Some(invite));
    let third = goes_out(&mut desk, &bea).unwrap();
    assert_eq!(third.invite, Some(InviteSecret::new([5; 16])));
    assert!(third.id != second.id && third.created > second.created);
}

#[test]
fn a_letter_put_off_by_a_clock_that_was_ahead_goes_out_once_it_is_right() {
    let (mut desk, bea) = acquainted();
    let right = desk.now;
    desk.now = right.saturating_add(400 * REPEAT);
    asks(&mut desk, &bea, "hello", None);
    let first = goes_out(&mut desk, &bea).unwrap();
    desk.work(|work| taken(work, &bea.id(), &first.id.0)).unwrap();
    assert_eq!(goes_out(&mut desk, &bea), None);
    desk.now = right;
    assert_eq!(goes_out(&mut desk, &bea).map(|l| l.id), Some(first.id));
}

#[test]
fn a_letter_without_a_receipt_goes_out_over_the_next_link_at_once() {
    let (mut desk, bea) = acquainted();
    asks(&mut desk, &bea, "hello", None);
    let first = goes_out(&mut desk, &bea).unwrap();
    assert_eq!(goes_out(&mut desk, &bea), None, "over the link that has it");
    let again = desk.work(|work| due(work, &bea.id(), true)).unwrap();
    assert!(again.is_some());
    desk.work(|work| taken(work, &bea.id(), &first.id.0)).unwrap();
    assert_eq!(desk.work(|work| due(work, &bea.id(), true)).unwrap(), None);
}
