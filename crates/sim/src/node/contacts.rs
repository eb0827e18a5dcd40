//! Contacts, cards, records and letters, as the shipped node keeps them.

use std::sync::Arc;

use nexus_identity::card::VerifiedCard;
use nexus_identity::letter::{self, Letter, LetterId, Recipient, Sender};
use nexus_identity::prekey::Prekeys;
use nexus_identity::record::VerifiedRecord;
use nexus_identity::{ConnectId, Millis};
use nexus_log::body::{ContactData, Payload};
use nexus_log::ids::Topic;
use nexus_log::ledger::Ledger;
use nexus_log::rebuild::rebuild;

use super::jobs::{DECLINED, FIRST, JobError, REPEAT, RETRY, open_everywhere};
use super::work::Work;
use crate::facts::{Contact, Standing};
use crate::plan::ContactAct;

const fn code(standing: Standing) -> Option<u8> {
    match standing {
        Standing::Requested => Some(0),
        Standing::Accepted => Some(2),
        Standing::Blocked => Some(3),
        Standing::Removed => Some(4),
        Standing::Incoming => None,
    }
}

impl Work<'_, '_, '_> {
    /// Somebody stands so from now on.
    pub(super) fn put_contact(&mut self, who: &ConnectId, standing: Standing) {
        let contact = self.facts_mut().contacts.entry(*who).or_insert(Contact {
            standing,
            before: standing,
            declined: None,
            card: None,
        });
        contact.standing = standing;
        self.after.wants = true;
        self.after.letters = true;
    }

    fn standing(&self, who: &ConnectId) -> Option<Standing> {
        self.facts.contacts.get(who).map(|contact| contact.standing)
    }

    /// What a person does about somebody.
    pub(super) fn contact(
        &mut self,
        who: &ConnectId,
        what: ContactAct,
        card: Option<&VerifiedCard>,
    ) -> Result<(), JobError> {
        let standing = self.standing(who);
        let opens = matches!(what, ContactAct::Ask | ContactAct::Accept);
        if opens && !self.facts.is_live() && self.facts.with(who).is_some() {
            return Err(JobError::NotNow("this instance is not live"));
        }
        match (what, standing) {
            (ContactAct::Ask, None | Some(Standing::Removed)) => {
                self.put_contact(who, Standing::Requested);
                if let Some(card) = card {
                    self.learn_card(card)?;
                }
                self.take_up(who, standing)?;
            }
            (ContactAct::Ask | ContactAct::Accept, Some(Standing::Incoming)) => self.accept(who)?,
            (ContactAct::Block, Some(before)) if before != Standing::Blocked => {
                self.put_contact(who, Standing::Blocked);
                let facts = self.facts_mut();
                facts.letters.remove(who);
                if let Some(contact) = facts.contacts.get_mut(who) {
                    contact.before = before;
                }
                self.after.seen.push("blocked");
            }
            (ContactAct::Decline, Some(Standing::Incoming)) => self.decline(who),
            (ContactAct::Remove, Some(before)) if before != Standing::Removed => {
                // Said first: it may fail, and what a job did in memory stays.
                self.put_contact(who, Standing::Removed);
                self.tell_devices(who)?;
                self.after.seen.push("removed");
                return self.remove(who);
            }
            (ContactAct::Unblock, Some(Standing::Blocked)) => {
                let before = self.facts.contacts.get(who).map(|contact| contact.before);
                let before = before.filter(|before| *before != Standing::Incoming);
                self.put_contact(who, before.unwrap_or(Standing::Removed));
                self.after.seen.push("unblocked");
            }
            _ => return Err(JobError::NotNow("they do not stand so")),
        }
        self.tell_devices(who)
    }

    fn accept(&mut self, who: &ConnectId) -> Result<(), JobError> {
        self.put_contact(who, Standing::Accepted);
        self.facts_mut().letters.remove(who);
        self.after.seen.push("a request accepted");
        self.take_up(who, Some(Standing::Removed))
    }

    /// They are not listened to for a while.
    fn decline(&mut self, who: &ConnectId) {
        let until = self.now.saturating_add(DECLINED);
        self.put_contact(who, Standing::Removed);
        if let Some(contact) = self.facts_mut().contacts.get_mut(who) {
            contact.declined = Some(until);
        }
        self.after.seen.push("a request declined");
    }

    /// Wanted no longer: what was readable is erased.
    fn remove(&mut self, who: &ConnectId) -> Result<(), JobError> {
        if let Some(conversation) = self.facts.with(who).cloned() {
            self.tx.clear_view(&conversation.id)?;
            self.tx.erase_keys(&conversation.topic())?;
            self.facts_mut().erased.insert(conversation.topic());
        }
        self.facts_mut().letters.remove(who);
        self.put_contact(who, Standing::Removed);
        Ok(())
    }

    /// Opens my log, and makes readable again what was before a removal.
    fn take_up(&mut self, who: &ConnectId, before: Option<Standing>) -> Result<(), JobError> {
        if let Some(contact) = self.facts_mut().contacts.get_mut(who) {
            contact.declined = None;
        }
        self.open_with(who)?;
        let removed = before == Some(Standing::Removed);
        let Some(conversation) = self.facts.with(who).cloned().filter(|_| removed) else {
            return Ok(());
        };
        let empty = self.tx.messages(&conversation.id, &FIRST, 1)?.is_empty();
        let chains = self.tx.topic_chains(&conversation.topic())?;
        let Some(reader) = self.facts.me().filter(|_| empty) else { return Ok(()) };
        if chains.iter().any(|chain| chain.head.seq > 0) {
            let now = self.clock();
            rebuild(self.tx, &conversation, &reader, now)?;
            self.after.requests.insert(conversation.topic());
            self.after.seen.push("taken up again after a removal");
        }
        Ok(())
    }

    fn open_with(&mut self, who: &ConnectId) -> Result<(), JobError> {
        self.facts_mut().learn_conversation(who);
        match self.facts.with(who).cloned() {
            Some(conversation) if self.facts.is_live() => self.open_log(&conversation),
            _ => Ok(()),
        }
    }

    /// Tells my other devices how somebody stands.
    fn tell_devices(&mut self, who: &ConnectId) -> Result<(), JobError> {
        let me = self.facts.who();
        let (Some(own), Some(standing)) = (self.facts.with(&me).cloned(), self.standing(who))
        else {
            return Ok(());
        };
        let Some(state) = code(standing).filter(|_| self.facts.is_live()) else { return Ok(()) };
        let card = self.facts.card_of(who).map(|card| card.to_bytes());
        let data = ContactData {
            who: *who,
            name: None,
            state: Some(state),
            verified: None,
            card,
            muted: None,
        };
        let written = self.write(&own, Payload::Contact(data))?;
        if let Some(position) = written.position {
            self.facts_mut().said.insert(*who, position);
        }
        Ok(())
    }

    /// Another device of mine says how somebody stands.
    pub(super) fn hear_device(
        &mut self,
        position: &nexus_log::order::Position,
        data: &ContactData,
    ) -> Result<(), JobError> {
        let who = data.who;
        if who == self.facts.who() {
            return Ok(());
        }
        let known = self.standing(&who);
        if known.is_none() {
            self.put_contact(&who, Standing::Removed);
        }
        let card = data.card.as_deref().and_then(|bytes| VerifiedCard::decode(bytes).ok());
        if let Some(card) = card.filter(|card| card.connect_id() == who) {
            self.learn_card(&card)?;
        }
        // That device did not know them before, perhaps, and dropped what it was told of them.
        if data.state.is_some() && self.facts.card_of(&who).is_some() {
            self.after.cards.push(who);
            let records = self.facts.records.values().filter(|record| record.connect_id() == who);
            self.after.records.extend(records.cloned());
        }
        if self.facts.said.get(&who).is_some_and(|said| said >= position) {
            return Ok(());
        }
        self.facts_mut().said.insert(who, *position);
        self.after.seen.push("a device told of a contact");
        match (data.state, self.standing(&who)) {
            (Some(0), Some(Standing::Requested | Standing::Accepted))
            | (Some(2), Some(Standing::Accepted)) => Ok(()),
            (Some(state @ (0 | 2)), _) => {
                let standing = if state == 2 { Standing::Accepted } else { Standing::Requested };
                let before = match self.standing(&who) {
                    Some(Standing::Blocked) => Some(Standing::Removed),
                    before => before,
                };
                self.put_contact(&who, standing);
                self.take_up(&who, before)
            }
            (Some(4), Some(Standing::Incoming)) => {
                self.decline(&who);
                Ok(())
            }
            (Some(4), Some(before)) if before != Standing::Removed => self.remove(&who),
            (Some(3), Some(before)) if before != Standing::Blocked => {
                self.put_contact(&who, Standing::Blocked);
                if let Some(contact) = self.facts_mut().contacts.get_mut(&who) {
                    contact.before = before;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Merges a card that was shown into what is known of its identity.
    pub(super) fn learn_card(&mut self, shown: &VerifiedCard) -> Result<(), JobError> {
        let who = shown.connect_id();
        if who == self.facts.who() {
            let merged = self.facts.card.merge(shown);
            if merged.changed {
                let was_live = self.facts.is_live();
                self.facts_mut().card = Arc::new(merged.card);
                self.after.hello = true;
                self.after.wants = true;
                if !was_live {
                    open_everywhere(self)?;
                }
            }
            return Ok(());
        }
        let Some(contact) = self.facts.contacts.get(&who) else { return Ok(()) };
        let (card, changed) = match &contact.card {
            Some(known) => {
                let merged = known.merge(shown);
                (merged.card, merged.changed)
            }
            None => (shown.clone(), true),
        };
        if changed {
            let facts = self.facts_mut();
            facts.records.retain(|instance, _| !card.is_revoked(instance));
            if let Some(contact) = facts.contacts.get_mut(&who) {
                contact.card = Some(Arc::new(card));
            }
            self.after.cards.push(who);
        }
        if self.facts.with(&who).is_none() && self.facts_mut().learn_conversation(&who) {
            self.after.wants = true;
        }
        Ok(())
    }

    /// Whether whoever showed this card could learn from what is known here of its identity.
    pub(super) fn knows_more_than(&self, shown: &VerifiedCard) -> bool {
        let known = self.facts.card_of(&shown.connect_id());
        known.is_some_and(|known| shown.merge(known).changed)
    }

    /// Keeps a record if it is newer than the one known, of a live instance of somebody known.
    pub(super) fn learn_record(&mut self, record: &Arc<VerifiedRecord>) {
        let (who, instance) = (record.connect_id(), record.instance());
        let live = self.facts.card_of(&who).is_some_and(|card| card.is_live(&instance));
        let known = self.facts.records.get(&instance);
        if live
            && instance != self.facts.instance.key()
            && known.is_none_or(|known| record.newer_than(known))
        {
            self.facts_mut().records.insert(instance, Arc::clone(record));
            self.after.records.push(Arc::clone(record));
        }
    }

    /// A peer came up on a link: their card is merged, and with it a request may go on.
    pub(super) fn met(&mut self, card: &VerifiedCard) -> Result<(), JobError> {
        self.learn_card(card)?;
        let who = card.connect_id();
        if self.standing(&who) == Some(Standing::Requested) && self.facts.is_live() {
            self.open_with(&who)?;
        }
        Ok(())
    }

    /// Both want the topic: if their OPEN is here from before, they accepted.
    pub(super) fn shared(&mut self, who: &ConnectId, topic: &Topic) -> Result<(), JobError> {
        if self.standing(who) != Some(Standing::Requested) {
            return Ok(());
        }
        let chains = self.tx.topic_chains(topic)?;
        if chains.iter().any(|chain| chain.author.is_some_and(|author| author.who == *who)) {
            self.accept(who)?;
        }
        Ok(())
    }

    /// The letter to somebody, sealed, if one is due now.
    pub(super) fn letter_due(&mut self, who: &ConnectId) -> Result<Option<Vec<u8>>, JobError> {
        if self.standing(who) != Some(Standing::Requested) || !self.facts.is_live() {
            return Ok(None);
        }
        let known = self.facts.letters.get(who).copied();
        let latest = self.now.saturating_add(REPEAT);
        if known.is_some_and(|(_, _, next)| next > self.now && next <= latest) {
            return Ok(None);
        }
        let Some(card) = self.facts.card_of(who).cloned() else { return Ok(None) };
        let Some(key) = card.contact_key() else { return Ok(None) };
        let (id, created) = known.map_or_else(
            || (LetterId::random(self.dice.rng()), self.now),
            |(id, created, _)| (id, created),
        );
        let letter = Letter { id, created, text: "hello".into(), invite: None };
        let live = self.facts.records.values().filter(|record| card.is_live(&record.instance()));
        let record = match live.cloned().collect::<Vec<_>>().as_slice() {
            [one] => Some(Arc::clone(one)),
            _ => None,
        };
        let to = record.as_deref().map_or(Recipient::Identity(who, &key), Recipient::Instance);
        let facts = Arc::clone(self.facts);
        let from = Sender { instance: &facts.instance, card: &facts.card, record: &facts.record };
        let sealed = letter.seal(from, to, self.dice.rng());
        let sealed = sealed.map_err(|error| JobError::Bug(error.to_string()))?;
        let next = self.now.saturating_add(RETRY);
        self.facts_mut().letters.insert(*who, (id, created, next));
        self.after.seen.push("letter sent");
        Ok(Some(sealed))
    }

    /// They have my letter.
    pub(super) fn letter_taken(&mut self, who: &ConnectId, id: [u8; 16]) {
        let next: Millis = self.now.saturating_add(REPEAT);
        if let Some(letter) = self.facts_mut().letters.get_mut(who)
            && letter.0.0 == id
        {
            letter.2 = next;
        }
    }

    /// Takes a letter in; its id is answered whatever became of it.
    pub(super) fn receive_letter(&mut self, sealed: &[u8]) -> Result<Option<[u8; 16]>, JobError> {
        let Ok(header) = letter::peek(sealed) else { return Ok(None) };
        let id = Some(header.id.0);
        let facts = Arc::clone(self.facts);
        let retired = facts.retired.iter().map(|(ring, _)| ring);
        let mut rings = std::iter::once::<&Prekeys>(&facts.prekeys).chain(retired);
        let opened = rings.find_map(|ring| letter::open(sealed, &facts.secrets, ring).ok());
        let Some(opened) = opened else { return Ok(id) };
        let from = opened.from();
        if from == facts.who() {
            return Ok(id);
        }
        let record = Arc::new(opened.record().clone());
        let known = self.facts.card_of(&from);
        let counts =
            |known: &Arc<VerifiedCard>| known.merge(opened.card()).card.is_live(&record.instance());
        if known.is_some_and(|known| !counts(known)) {
            self.after.seen.push("a letter of a revoked device");
            return Ok(id);
        }
        let declined = self.facts.contacts.get(&from).and_then(|contact| contact.declined);
        if declined.is_some_and(|until| until > self.now) {
            self.after.seen.push("a declined one not looked at");
            return Ok(id);
        }
        match self.standing(&from) {
            None | Some(Standing::Removed) => {
                self.put_contact(&from, Standing::Incoming);
                self.after.seen.push("letter taken");
            }
            Some(Standing::Requested) => {
                self.learn_card(opened.card())?;
                self.learn_record(&record);
                self.after.seen.push("letters crossed");
                self.accept(&from)?;
                return Ok(id);
            }
            Some(Standing::Blocked) => return Ok(id),
            Some(_) => {}
        }
        self.learn_card(opened.card())?;
        self.learn_record(&record);
        Ok(id)
    }
}
