//! Contacts and their states: requested, incoming, accepted, blocked, removed.

use std::time::Duration;

use nexus_identity::ConnectId;
use nexus_identity::card::VerifiedCard;
use nexus_identity::invite::Invite;
use nexus_log::ids::Topic;
use nexus_log::ledger::Ledger;
use nexus_log::rebuild;
use nexus_storage::contacts::{ContactField as Field, ContactRow, ContactState};
use nexus_storage::peers::AddressSource;

use crate::api::{ErrorBody, ErrorCode};
use crate::error::Answered;
use crate::letters;
use crate::store_thread::Work;

/// Who was declined is ignored for so long.
pub(crate) const DECLINED: Duration = Duration::from_secs(30 * 86_400);
/// Most characters of the words of a request.
pub(crate) const MAX_MESSAGE: usize = nexus_identity::letter::MAX_TEXT;

/// What goes with a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// My local name for them.
    pub name: Option<String>,
    /// Addresses at which to try, as typed or told by an invite.
    pub addresses: Vec<(String, AddressSource)>,
    /// Words that go with it.
    pub message: Option<String>,
    /// The invite that it answers.
    pub invite: Option<Invite>,
}

/// Asks somebody to become a contact, and tells my other devices.
pub(crate) fn add(work: &mut Work<'_, '_>, who: &ConnectId, request: &Request) -> Answered<()> {
    ask(work, who, request)?;
    let named: &[Field] = if request.name.is_some() { &[Field::Name] } else { &[] };
    work.tell_devices(who, &[&[Field::State], named].concat())
}

/// Asks somebody to become a contact. Asking a second time changes what goes with it; asking who asked me accepts.
pub(crate) fn ask(work: &mut Work<'_, '_>, who: &ConnectId, request: &Request) -> Answered<()> {
    if *who == work.me.connect_id() {
        return Err(ErrorBody::new(
            ErrorCode::IsSelf,
            "that is you",
            "give the ConnectID of somebody else",
        ));
    }
    let known = work.tx.contact(who)?;
    if known.as_ref().is_some_and(|c| c.state == ContactState::Blocked) {
        return Err(ErrorBody::new(
            ErrorCode::Blocked,
            "you have blocked them",
            "unblock them first: `nexus contact unblock WHO`",
        ));
    }
    let state = known.as_ref().map_or(ContactState::Removed, |c| c.state);
    let mut contact =
        known.unwrap_or_else(|| ContactRow::new(*who, ContactState::Requested, work.now));
    if let Some(name) = &request.name {
        contact.local_name.clone_from(name);
    }
    if state != ContactState::Accepted && state != ContactState::Incoming {
        let words = request.message.as_ref().is_some_and(|m| *m != contact.request_text);
        let invite = request.invite.as_ref().map(|i| &i.secret);
        if words || invite.is_some_and(|i| contact.invite_secret.as_ref() != Some(i)) {
            letters::renew(work, who)?;
        }
        contact.state = ContactState::Requested;
        contact.declined_until = None;
        if let Some(message) = &request.message {
            contact.request_text.clone_from(message);
        }
        if let Some(invite) = &request.invite {
            contact.invite_secret = Some(invite.secret.clone());
        }
    }
    work.tx.put_contact(&contact)?;
    for (address, source) in &request.addresses {
        work.tx.note_address(who, address, *source, work.now)?;
    }
    if let Some(card) = request.invite.as_ref().and_then(|i| i.card().ok()) {
        work.learn_card(&card)?;
    }
    if state == ContactState::Incoming {
        return accept(work, who);
    }
    // Their card may be here from before.
    if let Some(card) = work.card_of(who)? {
        work.learn_conversation(who, &card)?;
    }
    reopen(work, who, state)?;
    work.after.wants = true;
    work.after.letters = true;
    work.contact_event(who)
}

/// Accepts a request that waits for an answer.
pub(crate) fn accept_request(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    let waits = work.tx.contact(who)?.is_some_and(|c| c.state == ContactState::Incoming);
    if waits {
        accept(work, who)?;
        work.tell_devices(who, &[Field::State])
    } else {
        Err(wrong_state("there is no request of theirs that waits for an answer"))
    }
}

/// Accepting is wanting the topic and writing OPEN; nothing else.
pub(crate) fn accept(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    let contact =
        work.tx.contact(who)?.ok_or_else(|| wrong_state("there is no request of theirs"))?;
    if !matches!(contact.state, ContactState::Incoming | ContactState::Requested) {
        return Err(wrong_state("there is no request of theirs that waits for an answer"));
    }
    if let Some(card) = work.card_of(who)? {
        work.learn_conversation(who, &card)?;
    }
    work.tx.set_contact_state(who, ContactState::Accepted)?;
    work.tx.drop_letter_from(who)?;
    work.tx.drop_letter_to(who)?;
    reopen(work, who, ContactState::Removed)?;
    work.after.wants = true;
    work.contact_event(who)
}

/// Appends my OPEN as soon as the conversation is known; what was readable before a removal is built anew.
pub(crate) fn reopen(
    work: &mut Work<'_, '_>,
    who: &ConnectId,
    before: ContactState,
) -> Answered<()> {
    let Some(conversation) = work.me.conversation_with(who).cloned() else { return Ok(()) };
    work.open_log(&conversation)?;
    show_again(work, who, before)
}

/// Builds anew what was shown before a removal: a device that may only read shows it, too.
pub(crate) fn show_again(
    work: &mut Work<'_, '_>,
    who: &ConnectId,
    before: ContactState,
) -> Answered<()> {
    let conversation = work.me.conversation_with(who).filter(|_| before == ContactState::Removed);
    let (Some(conversation), Some(reader)) = (conversation.cloned(), work.me.reader()) else {
        return Ok(());
    };
    let chains = work.tx.chains_of_topic(&conversation.topic())?;
    if work.tx.message_count(&conversation.id)? == 0 && chains.iter().any(|c| c.head.seq > 0) {
        let now = work.clock();
        rebuild::rebuild(work.tx, &conversation, &reader, now)?;
        work.after.requests.insert(conversation.topic());
    }
    Ok(())
}

/// Somebody whom I asked wants the topic, and their OPEN is here from before: they accepted.
pub(crate) fn shared(work: &mut Work<'_, '_>, who: &ConnectId, topic: &Topic) -> Answered<()> {
    let requested = work.tx.contact(who)?.is_some_and(|c| c.state == ContactState::Requested);
    let mut chains = work.tx.chains_of_topic(topic)?.into_iter();
    if requested && chains.any(|c| c.author.is_some_and(|a| a.who == *who)) {
        return accept(work, who);
    }
    Ok(())
}

/// Deletes their letter and ignores them for a while, and tells my other devices.
pub(crate) fn decline(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    decline_here(work, who)?;
    work.tell_devices(who, &[Field::State])
}

/// Deletes their letter and ignores them for a while.
pub(crate) fn decline_here(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    let contact = work.tx.contact(who)?.filter(|c| c.state == ContactState::Incoming);
    contact.ok_or_else(|| wrong_state("there is no request of theirs"))?;
    work.tx.decline(who, work.now.saturating_add(DECLINED))?;
    work.contact_event(who)
}

/// Blocks somebody, and tells my other devices.
pub(crate) fn block(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    block_here(work, who)?;
    work.tell_devices(who, &[Field::State])
}

/// From outside it looks as if they were unknown; what was said stays readable here.
pub(crate) fn block_here(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    let contact = work
        .tx
        .contact(who)?
        .unwrap_or_else(|| ContactRow::new(*who, ContactState::Removed, work.now));
    if contact.state == ContactState::Blocked {
        return Ok(());
    }
    let before = match contact.state {
        ContactState::Accepted => 3,
        ContactState::Requested => 1,
        _ => 5,
    };
    work.tx.set_setting(&before_block(who), &[before])?;
    work.tx.put_contact(&ContactRow { state: ContactState::Blocked, ..contact })?;
    work.tx.drop_letter_from(who)?;
    work.tx.drop_letter_to(who)?;
    work.after.wants = true;
    work.contact_event(who)
}

/// As it was before they were blocked; what was missed meanwhile comes with the next link.
pub(crate) fn unblock(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    let contact = work.tx.contact(who)?.filter(|c| c.state == ContactState::Blocked);
    contact.ok_or_else(|| wrong_state("they are not blocked"))?;
    let state = match work.tx.setting(&before_block(who))?.as_deref() {
        Some([3]) => ContactState::Accepted,
        Some([1]) => ContactState::Requested,
        _ => ContactState::Removed,
    };
    work.tx.set_setting(&before_block(who), &[])?;
    work.tx.set_contact_state(who, state)?;
    work.after.wants = true;
    work.after.letters = true;
    work.contact_event(who)?;
    work.tell_devices(who, &[Field::State])
}

fn before_block(who: &ConnectId) -> String {
    format!("before_block {who}")
}

/// Removes somebody, and tells my other devices.
pub(crate) fn remove(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    remove_here(work, who)?;
    work.tell_devices(who, &[Field::State, Field::Name, Field::Verified])
}

/// No longer wanted; what was readable is erased, headers and ciphertext stay.
pub(crate) fn remove_here(work: &mut Work<'_, '_>, who: &ConnectId) -> Answered<()> {
    let contact = work.tx.contact(who)?.filter(|c| c.state != ContactState::Removed);
    let contact = contact.ok_or_else(|| wrong_state("they are no contact"))?;
    if let Some(conversation) = work.me.conversation_with(who).cloned() {
        work.tx.clear_view(&conversation.id)?;
        work.tx.erase_keys(&conversation.topic())?;
        work.tx.erase_events(&conversation.id)?;
        work.forget_happened(&conversation.id)?;
        work.tx.set_draft(&conversation.id, "")?;
    }
    work.tx.drop_letter_from(who)?;
    work.tx.drop_letter_to(who)?;
    work.tx.forget_addresses(who)?;
    work.tx.put_contact(&ContactRow {
        state: ContactState::Removed,
        local_name: String::new(),
        verified: false,
        request_text: String::new(),
        invite_secret: None,
        ..contact
    })?;
    work.after.wants = true;
    work.contact_event(who)
}

/// Changes my name for them.
pub(crate) fn rename(work: &mut Work<'_, '_>, who: &ConnectId, name: &str) -> Answered<()> {
    let mut contact = known(work, who)?;
    contact.local_name = name.to_owned();
    work.tx.put_contact(&contact)?;
    work.contact_event(who)?;
    work.tell_devices(who, &[Field::Name])
}

/// Records the person's own word on the safety number.
pub(crate) fn verify(work: &mut Work<'_, '_>, who: &ConnectId, verified: bool) -> Answered<()> {
    let mut contact = known(work, who)?;
    if contact.card.is_empty() {
        return Err(card_unknown(&contact));
    }
    if contact.verified != verified {
        let (kind, words) = match verified {
            true => ("verified", "You compared the safety numbers, and they matched"),
            false => ("unverified", "You took back that the safety numbers matched"),
        };
        work.happened(who, kind, words.to_owned())?;
    }
    contact.verified = verified;
    work.tx.put_contact(&contact)?;
    work.contact_event(who)?;
    work.tell_devices(who, &[Field::Verified])
}

fn known(work: &Work<'_, '_>, who: &ConnectId) -> Answered<ContactRow> {
    work.tx.contact(who)?.filter(|c| c.state != ContactState::Removed).ok_or_else(|| {
        ErrorBody::new(ErrorCode::NotFound, "they are no contact", "see `nexus contact list`")
    })
}

/// Their card has not been seen yet, so nothing can be sealed to them.
pub(crate) fn card_unknown(contact: &ContactRow) -> ErrorBody {
    let name = if contact.name().is_empty() {
        contact.connect_id.short()
    } else {
        contact.name().to_owned()
    };
    ErrorBody::new(
        ErrorCode::CardUnknown,
        format!(
            "the card of {name} is not known yet, so nothing can be encrypted to them; nothing was stored"
        ),
        "both nodes must meet once (same LAN, or `nexus contact add WHO --address HOST:PORT`); then send again",
    )
}

fn wrong_state(message: &str) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::WrongState,
        message,
        "see `nexus contact list` and `nexus contact requests` for where each contact stands",
    )
}

/// A peer came up on a link: their card is merged, and with it a request may go on.
pub(crate) fn met(
    work: &mut Work<'_, '_>,
    card: &VerifiedCard,
    second_contact_key: bool,
) -> Answered<()> {
    let who = card.connect_id();
    let unknown = work.tx.contact(&who)?.is_some_and(|c| c.card.is_empty());
    work.learn_card(card)?;
    if let Some(mut contact) = work.tx.contact(&who)? {
        if second_contact_key && !contact.second_contact_key {
            work.second_contact_key(&mut contact)?;
        }
        work.tx.saw_contact(&who, work.now)?;
        if contact.state == ContactState::Requested && work.me.is_live() {
            // "As soon as their card is known, in one transaction": the topic is wanted, and my OPEN is there.
            reopen(work, &who, ContactState::Requested)?;
            if unknown && !work.asked_elsewhere(&who)? {
                // My other devices need it to know the conversation.
                work.tell_devices(&who, &[Field::State])?;
            }
        }
    }
    Ok(())
}
