//! Letters: the sealed notes of first contact, written, repeated, taken in, answered.

use std::time::Duration;

use nexus_identity::card::VerifiedCard;
use nexus_identity::letter::{self, Letter, LetterId, Recipient, Sender, VerifiedLetter};
use nexus_identity::record::VerifiedRecord;
use nexus_identity::{ConnectId, Millis};
use nexus_storage::contacts::{ContactField, ContactRow, ContactState};
use nexus_storage::letters::{LetterFate, LetterIn, LetterOut};

use crate::cards::stored_card;
use crate::error::{self, Answered};
use crate::store_thread::Work;

/// A letter is repeated so often until the other side's OPEN is seen.
pub(crate) const REPEAT: Duration = Duration::from_secs(86_400);
/// … and so soon when nobody said that it arrived.
pub(crate) const RETRY: Duration = Duration::from_secs(20);

/// The letter to be sent to somebody now, if one is due; notes that it goes out. Over a new link one is due also when nobody
/// said that the last one arrived: the link that took it may have ended before it got there, or before its receipt came back.
pub(crate) fn due(
    work: &mut Work<'_, '_>,
    peer: &ConnectId,
    new_link: bool,
) -> Answered<Option<Vec<u8>>> {
    let Some(contact) = work.tx.contact(peer)? else { return Ok(None) };
    if contact.state != ContactState::Requested || !work.me.is_live() {
        return Ok(None);
    }
    if work.asked_elsewhere(peer)? {
        return Ok(None);
    }
    let known = work.tx.letter_to(peer)?;
    // A time beyond the next repetition was set while the clock ran ahead.
    let latest = work.now.saturating_add(REPEAT);
    let put_off = |l: &LetterOut| l.next_at > work.now && l.next_at <= latest;
    if known.as_ref().is_some_and(|l| put_off(l) && !(new_link && l.taken.is_none())) {
        return Ok(None);
    }
    let Some(sealed) = seal(work, &contact, known.as_ref())? else { return Ok(None) };
    work.tx.put_letter_out(&sealed)?;
    work.tx.letter_sent(peer, work.now.saturating_add(RETRY))?;
    Ok(Some(sealed.sealed))
}

/// Seals the letter anew each time, under its one id: cards, records and prekeys may be newer than yesterday.
fn seal(
    work: &Work<'_, '_>,
    contact: &ContactRow,
    known: Option<&LetterOut>,
) -> Answered<Option<LetterOut>> {
    let peer = contact.connect_id;
    let Some(card) = stored_card(contact) else { return Ok(None) };
    let Some(key) = card.contact_key() else { return Ok(None) };
    let mut rng = rand::rng();
    let letter = Letter {
        id: known.map_or_else(|| LetterId::random(&mut rng), |l| LetterId(l.letter)),
        created: known.map_or(work.now, |l| l.created),
        text: contact.request_text.clone(),
        invite: contact.invite_secret.clone(),
    };
    let live: Vec<_> =
        work.tx.records(&peer)?.into_iter().filter(|r| card.is_live(&r.instance)).collect();
    let record = match live.as_slice() {
        [one] => VerifiedRecord::verify_alone(&one.bytes).ok().filter(|r| r.suite().is_some()),
        // Only the contact key opens on every one of several devices.
        _ => None,
    };
    let to = record.as_ref().map_or(Recipient::Identity(&peer, &key), Recipient::Instance);
    let from = Sender { instance: &work.me.instance, card: &work.me.card, record: &work.me.record };
    let sealed = letter.seal(from, to, &mut rng).map_err(error::failed)?;
    Ok(Some(LetterOut {
        recipient: peer,
        letter: letter.id.0,
        sealed,
        created: letter.created,
        next_at: work.now,
        sent: known.map_or(0, |l| l.sent),
        taken: known.and_then(|l| l.taken),
    }))
}

/// Makes of my letter to somebody another one: what goes with it has changed, and under its old id they would not look.
pub(crate) fn renew(work: &mut Work<'_, '_>, peer: &ConnectId) -> Answered<()> {
    let Some(mut out) = work.tx.letter_to(peer)? else { return Ok(()) };
    out.letter = LetterId::random(&mut rand::rng()).0;
    // Also by a clock that was set back: they take a later one only.
    out.created = work.now.max(Millis(out.created.0.saturating_add(1)));
    out.next_at = work.now;
    out.taken = None;
    Ok(work.tx.put_letter_out(&out)?)
}

/// The other side says that it has my letter.
pub(crate) fn taken(work: &mut Work<'_, '_>, peer: &ConnectId, id: &[u8]) -> Answered<()> {
    if let Some(mut out) = work.tx.letter_to(peer)?
        && out.letter == id
    {
        out.taken = Some(work.now);
        out.next_at = work.now.saturating_add(REPEAT);
        work.tx.put_letter_out(&out)?;
    }
    Ok(())
}

/// Opens a letter to me, with whatever key of mine it was sealed to.
pub(crate) fn open(work: &Work<'_, '_>, sealed: &[u8]) -> Option<VerifiedLetter> {
    std::iter::once(&work.me.prekeys)
        .chain(&work.me.retired)
        .find_map(|ring| letter::open(sealed, &work.me.secrets, ring).ok())
}

/// Takes a letter in. Whatever becomes of it, the answer to its bringer is the same.
pub(crate) fn receive(work: &mut Work<'_, '_>, sealed: &[u8], source: &str) -> Answered<()> {
    let Some(opened) = open(work, sealed) else { return Ok(()) };
    let from = opened.from();
    if from == work.me.connect_id() {
        return Ok(());
    }
    // The letter's own card does not say who was revoked; the one known here may.
    if work.card_of(&from)?.is_some_and(|known| !counts(&known, &opened)) {
        work.after.refused.push(("not_live", source.to_owned()));
        return Ok(());
    }
    let written = opened.letter();
    let invited = match &written.invite {
        Some(secret) => work.tx.invite_open(secret.expose(), work.now)?,
        None => false,
    };
    // Who was declined and then invited is welcome.
    if invited
        && let Some(contact) = work.tx.contact(&from)?
        && contact.declined_until.is_some()
    {
        work.tx.put_contact(&ContactRow { declined_until: None, ..contact })?;
    }
    let letter = LetterIn {
        sender: from,
        letter: written.id.0,
        created: written.created,
        received: work.now,
        source: source.to_owned(),
        text: written.text.clone(),
        card: opened.card().to_bytes(),
        card_name: opened.card().name().unwrap_or_default().to_owned(),
        record: opened.record().to_bytes().to_vec(),
    };
    match work.tx.take_letter(&letter, invited)? {
        LetterFate::Taken { evicted, .. } => {
            if let Some(loser) = evicted {
                work.after.refused.push(("inbox_full", loser.source));
            }
            learn(work, &opened)?;
            let invited = match &written.invite {
                Some(secret) => work.tx.use_invite(secret.expose(), work.now)?,
                None => false,
            };
            if invited {
                crate::contacts::accept(work, &from)?;
                work.tell_devices(&from, &[ContactField::State])?;
            }
            work.contact_event(&from)
        }
        // Letters that cross accept each other.
        LetterFate::Contact(ContactState::Requested) => {
            learn(work, &opened)?;
            crate::contacts::accept(work, &from)
        }
        LetterFate::Contact(_) => learn(work, &opened),
        LetterFate::Full => {
            work.after.refused.push(("inbox_full", source.to_owned()));
            Ok(())
        }
        LetterFate::Duplicate | LetterFate::Declined | LetterFate::Blocked => Ok(()),
    }
}

/// Whether the instance that wrote a letter is live, by all that is known of its identity.
fn counts(known: &VerifiedCard, opened: &VerifiedLetter) -> bool {
    known.merge(opened.card()).card.is_live(&opened.record().instance())
}

fn learn(work: &mut Work<'_, '_>, opened: &VerifiedLetter) -> Answered<()> {
    work.learn_card(opened.card())?;
    work.learn_record(opened.record())
}

#[cfg(test)]
mod tests;
