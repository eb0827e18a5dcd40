//! Cards and records: what identities and instances say of themselves, kept as new as anybody has shown.

use nexus_identity::ConnectId;
use nexus_identity::card::VerifiedCard;
use nexus_identity::record::VerifiedRecord;
use nexus_log::context::Conversation;
use nexus_storage::Queries;
use nexus_storage::contacts::ContactRow;
use nexus_storage::peers::RecordRow;
use std::sync::Arc;

use crate::error::{self, Answered};
use crate::me::Me;
use crate::store_thread::Work;

impl Work<'_, '_> {
    /// The card of somebody as known here.
    pub(crate) fn card_of(&self, who: &ConnectId) -> Answered<Option<VerifiedCard>> {
        if *who == self.me.connect_id() {
            return Ok(Some(self.me.card.clone()));
        }
        Ok(self.tx.contact(who)?.and_then(|c| stored_card(&c)))
    }

    /// Merges a card that was shown into what is known of its identity. Somebody unknown stays unknown.
    pub(crate) fn learn_card(&mut self, shown: &VerifiedCard) -> Answered<()> {
        let who = shown.connect_id();
        if who == self.me.connect_id() {
            return self.learn_own_card(shown);
        }
        let Some(mut contact) = self.tx.contact(&who)? else { return Ok(()) };
        let known = stored_card(&contact);
        let (card, changed, second) = match &known {
            Some(known) => {
                let merged = known.merge(shown);
                (merged.card, merged.changed, merged.second_contact_key)
            }
            None => (shown.clone(), true, false),
        };
        if second && !contact.second_contact_key {
            self.second_contact_key(&mut contact)?;
        }
        if changed {
            if let Some(known) = &known {
                self.card_changed(contact.name(), known, &card)?;
            }
            contact.card = card.to_bytes();
            contact.card_name = card.name().unwrap_or_default().to_owned();
            self.tx.put_contact(&contact)?;
            for revoked in card.revoked() {
                self.tx.drop_record(&revoked)?;
            }
            self.after.cards.push(who);
            self.contact_event(&who)?;
        }
        self.learn_conversation(&who, &card)
    }

    /// Somebody showed a second contact key, which was refused.
    pub(crate) fn second_contact_key(&mut self, contact: &mut ContactRow) -> Answered<()> {
        contact.second_contact_key = true;
        self.tx.put_contact(contact)?;
        self.contact_event(&contact.connect_id)?;
        let name = if contact.name().is_empty() {
            contact.connect_id.short()
        } else {
            contact.name().to_owned()
        };
        let text = format!(
            "{name} showed a second contact key, which was refused: ask them in person what happened"
        );
        self.happened(&contact.connect_id, "second_contact_key", text.clone())?;
        self.notice("second_contact_key", Some(&contact.connect_id), &text)
    }

    /// Derives the conversation with somebody as soon as their contact key is known.
    pub(crate) fn learn_conversation(
        &mut self,
        who: &ConnectId,
        card: &VerifiedCard,
    ) -> Answered<()> {
        if let Some(conversation) = self.me.conversation_with(who).cloned() {
            return self.keep_conversation(&conversation, who);
        }
        let Some(key) = card.contact_key() else { return Ok(()) };
        let conversation =
            Conversation::direct(&self.me.secrets, *who, &key).map_err(error::failed)?;
        self.keep_conversation(&conversation, who)?;
        Arc::make_mut(self.me).learn(*who, conversation);
        self.after.wants = true;
        Ok(())
    }

    fn learn_own_card(&mut self, shown: &VerifiedCard) -> Answered<()> {
        let merged = self.me.card.merge(shown);
        if merged.changed {
            self.set_own_card(merged.card)?;
        }
        Ok(())
    }

    /// Makes this the own card, and lets everybody hear of it.
    pub(crate) fn set_own_card(&mut self, card: VerifiedCard) -> Answered<()> {
        self.tx.set_own_card(&card.to_bytes())?;
        let (was_live, instance) = (self.me.is_live(), self.me.instance.key());
        Arc::make_mut(self.me).card = card;
        self.after.hello = true;
        self.after.wants = true;
        if !was_live && self.me.is_live() {
            crate::hub::open_everywhere(self)?;
        }
        if was_live && !self.me.is_live() {
            let text = if self.me.card.is_revoked(&instance) {
                "this device was revoked by another device of yours: it can only read"
            } else {
                "the identity has more than 8 live devices; this one can only read until one is revoked"
            };
            self.notice("not_live", None, text)?;
        }
        Ok(())
    }

    /// What another device of mine, which showed this card, does not know of its identity: the card, and the records that
    /// it may not have taken without it. `None` if it knows as much. What it was told before it knew them it dropped.
    pub(crate) fn known_beyond(
        &self,
        shown: &VerifiedCard,
    ) -> Answered<Option<(VerifiedCard, Vec<Vec<u8>>)>> {
        let who = shown.connect_id();
        let known = self.card_of(&who)?.filter(|known| shown.merge(known).changed);
        let Some(card) = known else { return Ok(None) };
        let records = self.tx.records(&who)?.into_iter().map(|row| row.bytes).collect();
        Ok(Some((card, records)))
    }

    /// Keeps an instance record if it is newer than the one known, of a live instance of somebody known.
    pub(crate) fn learn_record(&mut self, record: &VerifiedRecord) -> Answered<()> {
        let who = record.connect_id();
        let Some(card) = self.card_of(&who)? else { return Ok(()) };
        if !card.is_live(&record.instance()) || record.instance() == self.me.instance.key() {
            return Ok(());
        }
        let known = self.tx.record(&record.instance())?;
        let known = known.and_then(|row| VerifiedRecord::verify_alone(&row.bytes).ok());
        if known.is_none_or(|known| record.newer_than(&known)) {
            self.tx.put_record(&record.instance(), &who, record.to_bytes(), self.now)?;
            self.after.records.push((who, record.to_bytes().to_vec()));
        }
        Ok(())
    }
}

/// Cards and records that somebody is told when a link to them comes up.
pub(crate) fn to_tell(
    store: &Queries,
    me: &Me,
    who: &ConnectId,
) -> Answered<(Vec<VerifiedCard>, Vec<RecordRow>)> {
    let mine = *who == me.connect_id();
    let contacts = if mine { store.contacts()? } else { store.contact(who)?.into_iter().collect() };
    let mut records = store.records(&me.connect_id())?;
    let mut cards = Vec::new();
    for card in contacts.iter().filter_map(stored_card) {
        if mine || card.live().nth(1).is_some() || card.revoked().next().is_some() {
            records.extend(store.records(&card.connect_id())?);
            cards.push(card);
        }
    }
    records.retain(|row| {
        me.card.is_live(&row.instance) || cards.iter().any(|card| card.is_live(&row.instance))
    });
    Ok((cards, records))
}

/// The card in a contact's row.
pub(crate) fn stored_card(contact: &ContactRow) -> Option<VerifiedCard> {
    if contact.card.is_empty() {
        return None;
    }
    crate::verified::card(&contact.card)
}
