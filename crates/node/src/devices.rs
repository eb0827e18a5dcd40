//! Contacts between my own devices: what I do about them on one is said in the conversation of my own instances, and
//! heard by the others.
//!
//! Each field of a contact goes by its last word, by the order of that conversation; so devices that hold the same
//! entries know the same, in whatever order these came. What others do (their request, their acceptance) is not told: each
//! device sees it by itself, and nobody else can make me write.

use nexus_identity::{ConnectId, Millis};
use nexus_log::body::{ContactData, MAX_NAME, Payload};
use nexus_log::order::Position;
use nexus_storage::contacts::{ContactField as Field, ContactRow, ContactState};

use crate::contacts::{self, Request};
use crate::error::Answered;
use crate::store_thread::Work;

/// Bytes of a card that contact data can carry.
const MAX_CARD: usize = 32 * 1024;
/// State codes in contact data.
const REQUESTED: u8 = 0;
const ACCEPTED: u8 = 2;
const BLOCKED: u8 = 3;
const REMOVED: u8 = 4;

impl Work<'_, '_> {
    /// Tells my other devices these fields of a contact as they are now.
    pub(crate) fn tell_devices(&mut self, who: &ConnectId, fields: &[Field]) -> Answered<()> {
        let me = self.me.connect_id();
        let Some(contact) = self.tx.contact(who)? else { return Ok(()) };
        // One that may only read says nothing; what it does stays its own.
        if !self.me.is_live() || *who == me {
            return Ok(());
        }
        let Some(own) = self.me.conversation_with(&me).cloned() else { return Ok(()) };
        let has = |field| fields.contains(&field);
        let state = state_code(contact.state).filter(|_| has(Field::State));
        let data = ContactData {
            who: *who,
            name: has(Field::Name).then(|| cut(&contact.local_name).to_owned()),
            state,
            verified: has(Field::Verified).then_some(contact.verified),
            card: card_to_tell(&contact).filter(|_| has(Field::State)),
            muted: if has(Field::Muted) { Some(self.muted(who)?) } else { None },
        };
        self.keep_conversation(&own, &me)?;
        let written = self.write(&own, Payload::Contact(data))?;
        if let Some(position) = written.position {
            for field in fields {
                self.tx.raise_contact_said(who, *field, &position)?;
            }
        }
        Ok(())
    }

    /// Until when the conversation with somebody is quiet, 0 if it is not.
    fn muted(&self, who: &ConnectId) -> Answered<u64> {
        let Some(conversation) = self.me.conversation_with(who) else { return Ok(0) };
        let row = self.tx.conversation(&conversation.id)?;
        Ok(row.and_then(|row| row.muted_until).map_or(0, |until| until.0))
    }

    /// Another device of mine says what it knows of a contact.
    pub(crate) fn hear_device(&mut self, position: &Position, data: &ContactData) -> Answered<()> {
        let who = data.who;
        if who == self.me.connect_id() {
            return Ok(());
        }
        if self.tx.contact(&who)?.is_none() {
            self.tx.put_contact(&ContactRow::new(who, ContactState::Removed, self.now))?;
        }
        let card = data.card.as_deref().and_then(crate::verified::card);
        if let Some(card) = card.filter(|card| card.connect_id() == who) {
            self.learn_card(&card)?;
        }
        if data.state.is_some() {
            self.tell_devices_of(&who)?;
        }
        let later = |work: &mut Self, field| work.tx.raise_contact_said(&who, field, position);
        if let Some(state) = data.state
            && later(self, Field::State)?
        {
            self.follow_state(&who, state)?;
        }
        let Some(mut contact) = self.tx.contact(&who)? else { return Ok(()) };
        let before = contact.clone();
        if let Some(name) = &data.name
            && later(self, Field::Name)?
        {
            contact.local_name.clone_from(name);
        }
        if let Some(verified) = data.verified
            && later(self, Field::Verified)?
        {
            contact.verified = verified;
        }
        if contact != before {
            self.tx.put_contact(&contact)?;
            self.contact_event(&who)?;
        }
        if let Some(muted) = data.muted
            && later(self, Field::Muted)?
            && let Some(conversation) = self.me.conversation_with(&who).cloned()
        {
            self.keep_conversation(&conversation, &who)?;
            self.tx.set_muted(&conversation.id, (muted > 0).then_some(Millis(muted)))?;
            self.conversation_event(&conversation.id)?;
        }
        Ok(())
    }

    /// Passes on what is known here of somebody of whom another device of mine spoke: it may not have known them when it was
    /// told, and dropped it. Whoever knows it already passes nothing on.
    fn tell_devices_of(&mut self, who: &ConnectId) -> Answered<()> {
        if self.card_of(who)?.is_some() {
            self.after.cards.push(*who);
            let records = self.tx.records(who)?;
            self.after.records.extend(records.into_iter().map(|row| (*who, row.bytes)));
        }
        Ok(())
    }

    /// Does here what another device of mine did about a contact.
    fn follow_state(&mut self, who: &ConnectId, state: u8) -> Answered<()> {
        use ContactState as S;
        let Some(mut contact) = self.tx.contact(who)? else { return Ok(()) };
        match (state, contact.state) {
            (REQUESTED, S::Requested | S::Accepted) | (ACCEPTED, S::Accepted) => Ok(()),
            (REQUESTED | ACCEPTED, before) if !self.me.is_live() => {
                // It can't open its log, but it may read what others write.
                let followed = if state == ACCEPTED { S::Accepted } else { S::Requested };
                contact.state = followed;
                self.tx.put_contact(&contact)?;
                let before = if before == S::Blocked { S::Removed } else { before };
                contacts::show_again(self, who, before)?;
                self.after.wants = true;
                self.contact_event(who)
            }
            (REQUESTED | ACCEPTED, before) => {
                if before == S::Blocked {
                    self.tx.set_contact_state(who, S::Removed)?;
                }
                if before != S::Requested {
                    contacts::ask(self, who, &Request::default())?;
                }
                let asked = self.tx.contact(who)?.is_some_and(|c| c.state == S::Requested);
                if state == ACCEPTED && asked {
                    contacts::accept(self, who)?;
                }
                Ok(())
            }
            (BLOCKED, _) => contacts::block_here(self, who),
            (REMOVED, S::Removed) => Ok(()),
            (REMOVED, S::Incoming) => contacts::decline_here(self, who),
            (REMOVED, _) => contacts::remove_here(self, who),
            // Of a later version.
            _ => Ok(()),
        }
    }

    /// Whether another live device of mine asked them, and so repeats the request.
    pub(crate) fn asked_elsewhere(&self, who: &ConnectId) -> Answered<bool> {
        let Some(position) = self.tx.contact_said(who, Field::State)? else { return Ok(false) };
        let author = self.tx.chain(&position.log, None)?.and_then(|chain| chain.author);
        let this = self.me.instance.key();
        Ok(author.is_some_and(|a| a.instance != this && self.me.card.is_live(&a.instance)))
    }
}

/// Incoming requests are not told: nobody else can make me write.
const fn state_code(state: ContactState) -> Option<u8> {
    match state {
        ContactState::Requested => Some(REQUESTED),
        ContactState::Accepted => Some(ACCEPTED),
        ContactState::Blocked => Some(BLOCKED),
        ContactState::Removed => Some(REMOVED),
        ContactState::Incoming => None,
    }
}

fn card_to_tell(contact: &ContactRow) -> Option<Vec<u8>> {
    let card = crate::cards::stored_card(contact)?;
    let whole = card.to_bytes();
    Some(if whole.len() <= MAX_CARD { whole } else { card.live_part().to_bytes() })
}

/// As much of a name as contact data can carry.
fn cut(name: &str) -> &str {
    let mut end = name.len().min(MAX_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nexus_identity::card::{SignedStatement, Statement, VerifiedCard};
    use nexus_identity::cbor::MapWriter;
    use nexus_log::hlc::Hlc;

    use super::*;
    use crate::testing::{Desk, Other};

    /// A card with statements that nobody knows yet, each of so many bytes and some.
    fn with_unknown(who: &Other, bytes: &[usize]) -> VerifiedCard {
        let signed = bytes.iter().zip(0..).map(|(len, n)| {
            let mut map = MapWriter::new();
            map.uint(1, 99).uint(2, n).bytes(3, &vec![7; *len]);
            let bytes = map.into_bytes();
            SignedStatement { signature: who.identity.sign("nexus card v1", &bytes), bytes }
        });
        let more =
            VerifiedCard::from_signed(who.identity.identity_key(), signed.collect()).unwrap();
        who.card.merge(&more).card
    }

    #[test]
    fn a_card_too_long_for_my_other_devices_is_told_by_what_is_live() {
        let bea = Other::new("Bea");
        let told = |card: &VerifiedCard| {
            let mut row = ContactRow::new(bea.id(), ContactState::Accepted, Millis(1));
            row.card = card.to_bytes();
            card_to_tell(&row).unwrap()
        };
        let almost = with_unknown(&bea, &[400; 60]);
        let room = MAX_CARD - almost.to_bytes().len();
        // 90 bytes or so are signature and frame of one more.
        let fits = with_unknown(&bea, &[&[400; 60][..], &vec![200; room / 300]].concat());
        assert!(fits.to_bytes().len() <= MAX_CARD);
        assert_eq!(told(&fits), fits.to_bytes());
        let over = with_unknown(&bea, &[400; 80]);
        assert!(over.to_bytes().len() > MAX_CARD);
        assert_eq!(told(&over), bea.card.live_part().to_bytes());
    }

    #[test]
    fn a_device_that_shows_less_of_somebody_is_told_what_is_known_here() {
        let (mut desk, bea) = (Desk::new("Ana"), Other::new("Bea"));
        let old = bea.card.clone();
        let new = with_unknown(&bea, &[20]);
        let beyond = |desk: &mut Desk, shown: &VerifiedCard| {
            desk.work(|work| work.known_beyond(shown)).unwrap().map(|(card, _)| card)
        };
        assert_eq!(beyond(&mut desk, &old), None, "nobody known");
        let row = ContactRow::new(bea.id(), ContactState::Accepted, Millis(1));
        desk.work(|work| work.tx.put_contact(&row).map_err(Into::into)).unwrap();
        desk.work(|work| work.learn_card(&new)).unwrap();
        assert_eq!(beyond(&mut desk, &old), Some(new.clone()));
        assert_eq!(
            beyond(&mut desk, &new),
            None,
            "who knows as much is told nothing, so that ends"
        );
    }

    #[test]
    fn who_comes_up_on_a_link_is_told_of_its_own_other_devices() {
        let (mut desk, bea) = (Desk::new("Ana"), Other::new("Bea"));
        let row = ContactRow::new(bea.id(), ContactState::Accepted, Millis(1));
        desk.work(|work| work.tx.put_contact(&row).map_err(Into::into)).unwrap();
        let met = |desk: &mut Desk, device: &Other| {
            desk.work(|work| {
                work.learn_card(&device.card)?;
                work.learn_record(&device.record)
            })
            .unwrap();
        };
        let told = |desk: &mut Desk| {
            desk.work(|work| crate::cards::to_tell(work.tx, work.me, &bea.id())).unwrap().1
        };
        met(&mut desk, &bea);
        assert!(told(&mut desk).is_empty(), "there is but one");
        // The second may never meet the first: without the record it would seal nothing to it.
        let second = bea.second();
        met(&mut desk, &second);
        let keys: Vec<_> = told(&mut desk).iter().map(|row| row.instance).collect();
        assert!(keys.contains(&bea.instance.key()) && keys.contains(&second.instance.key()));
    }

    #[test]
    fn a_device_that_may_only_read_shows_again_whom_another_one_takes_up_again() {
        let (mut desk, bea) = (Desk::new("Ana"), Other::new("Bea"));
        let row = ContactRow::new(bea.id(), ContactState::Accepted, Millis(1));
        desk.work(|work| work.tx.put_contact(&row).map_err(Into::into)).unwrap();
        desk.work(|work| work.learn_card(&bea.card)).unwrap();
        let conversation = desk.me.conversation_with(&bea.id()).cloned().unwrap();
        desk.work(|work| work.write(&conversation, Payload::Text("hello".into()))).unwrap();
        let me = Arc::clone(&desk.me);
        let revoke = Statement::Revoke { instance: me.instance.key() };
        let revoked = me.card.with(&me.secrets, &revoke).unwrap();
        desk.work(|work| work.learn_card(&revoked)).unwrap();
        let hear = |desk: &mut Desk, hlc, state| {
            let position = Position { hlc: Hlc(hlc), ..Position::START };
            let data = ContactData {
                who: bea.id(),
                name: None,
                state: Some(state),
                verified: None,
                card: None,
                muted: None,
            };
            desk.work(|work| work.hear_device(&position, &data)).unwrap();
            desk.work(|work| Ok(work.tx.message_count(&conversation.id)?)).unwrap()
        };
        assert_eq!(hear(&mut desk, 1, REMOVED), 0);
        assert_eq!(hear(&mut desk, 2, ACCEPTED), 1);
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        assert_eq!(cut("Ana"), "Ana");
        let long = "é".repeat(40);
        assert_eq!(cut(&long), "é".repeat(32));
        assert_eq!(cut(&format!("x{long}")), format!("x{}", "é".repeat(31)));
    }
}
