//! Keys that are missing: asking for them, and answering those who ask.
//!
//! Whoever holds the key of an epoch of the topic may seal it again in its own log; the commitment in the SEALS that
//! started the epoch decides whether it is right. In a conversation of fixed members every live instance of a member
//! belonged to every epoch, so every live instance gets an answer.

use core::time::Duration;

use nexus_identity::id::Millis;
use nexus_identity::record::VerifiedRecord;
use rand_core::CryptoRng;

use crate::body::{KeyName, MAX_KEY_REQUESTS};
use crate::compose::{ComposeError, Composed, Draft, others};
use crate::context::{Conversation, Me};
use crate::hlc::Now;
use crate::ledger::{KeyState, Ledger, OpenRequest, Times};
use crate::seals::Sealed;

/// How long I wait for an answer before I ask again; then twice as long, and so on.
pub const ASK_AGAIN: Duration = Duration::from_secs(86_400);
/// How often that doubles at most: to 32 days.
const MOST_DOUBLED: u32 = 5;
/// Epochs of one log that I ask for at most, until some of them can be read: an author can name any number.
pub const MAX_ASKED: usize = 1024;
/// Answers to one request within [`ASK_AGAIN`]: an honest instance needs one, and one more each time that it removed the
/// conversation and took it up again.
pub const MAX_REPEATS: u32 = 4;
/// Requests answered at a time; the rest at the next call.
pub const MAX_ANSWERS: usize = 1024;

/// The epochs to ask for now: those for which entries wait, but for which I have not asked of late. Write them as
/// a [`crate::body::Payload::KeyRequest`], which also remembers that I asked.
///
/// # Errors
/// Only those of the ledger.
pub fn due<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    now: Now,
) -> Result<Vec<KeyName>, L::Error> {
    let mut names = Vec::new();
    for (log, epoch, asked) in ledger.pending_epochs(&conversation.topic(), MAX_ASKED)? {
        if names.len() >= MAX_KEY_REQUESTS {
            break;
        }
        if asked.is_none_or(|asked| !waits(&asked, now)) {
            names.push(KeyName { log, epoch });
        }
    }
    Ok(names)
}

/// Whether there may still be an answer. What was asked while my clock ran ahead is asked again once it is right.
fn waits(asked: &Times, now: Now) -> bool {
    asked.at <= now.later(ASK_AGAIN).millis()
        && now.millis().since(asked.at) < patience(asked.count)
}

/// How long I wait after I asked so often.
fn patience(count: u32) -> Duration {
    ASK_AGAIN * 2_u32.pow(count.saturating_sub(1).min(MOST_DOUBLED))
}

/// Whether this request was answered so often of late that it is not heard.
pub(crate) fn is_repeated<L: Ledger>(
    ledger: &mut L,
    request: &OpenRequest,
    now: Now,
) -> Result<bool, L::Error> {
    let answered = ledger.answered(request)?.filter(|times| is_recent(times, now));
    Ok(answered.is_some_and(|times| times.count >= MAX_REPEATS))
}

fn is_recent(times: &Times, now: Now) -> bool {
    times.at <= now.millis() && now.millis().since(times.at) < ASK_AGAIN
}

/// Counts an answer.
fn note_answer<L: Ledger>(ledger: &mut L, request: &OpenRequest, now: Now) -> Result<(), L::Error> {
    let before = ledger.answered(request)?.filter(|times| is_recent(times, now));
    let first = Times { at: now.millis(), count: 1 };
    let times = before.map_or(first, |times| Times { count: times.count + 1, ..times });
    let day = u64::try_from(ASK_AGAIN.as_millis()).unwrap_or(u64::MAX);
    ledger.set_answered(request, times, Millis(now.millis().0.saturating_sub(day)))
}

/// Answers what others asked for, as far as I hold it and know where to seal it: SEALS in my own log. `None` if there is
/// nothing to write. Requests that I can't answer yet stay open.
///
/// # Errors
/// See [`ComposeError`].
pub fn answer<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    me: &Me,
    recipients: &[VerifiedRecord],
    now: Now,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Option<Composed>, ComposeError<L::Error>> {
    let topic = conversation.topic();
    let open = ledger.open_requests(&topic, MAX_ANSWERS).map_err(ComposeError::Ledger)?;
    if open.is_empty() {
        return Ok(None);
    }
    let others = others(conversation, me, recipients);
    let mut draft = Draft::new(ledger, conversation, me)?;
    let mut answered = Vec::new();
    let mut names: Vec<KeyName> =
        open.iter().map(|&OpenRequest { log, epoch, .. }| KeyName { log, epoch }).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let asking: Vec<_> =
            open.iter().filter(|one| one.log == name.log && one.epoch == name.epoch).collect();
        let to: Vec<_> = others
            .iter()
            .filter(|record| asking.iter().any(|one| one.instance == record.instance()))
            .copied()
            .collect();
        let held = held(ledger, &name).map_err(ComposeError::Ledger)?;
        if to.is_empty() || held.is_empty() {
            continue;
        }
        if draft.is_new() {
            draft.open(conversation, me, rng)?;
        }
        for (sealed, key) in held {
            draft.seals(conversation, &sealed, &key, &to, rng)?;
        }
        let sealed_to =
            |one: &OpenRequest| to.iter().any(|record| record.instance() == one.instance);
        answered.extend(asking.into_iter().filter(|one| sealed_to(one)).copied());
    }
    if answered.is_empty() {
        return Ok(None);
    }
    for request in &answered {
        ledger.close_request(request).map_err(ComposeError::Ledger)?;
        note_answer(ledger, request, now).map_err(ComposeError::Ledger)?;
    }
    draft.store(ledger, conversation, me, now, Vec::new()).map(Some)
}

/// The keys of an epoch that I hold: one, but for forks.
fn held<L: Ledger>(
    ledger: &mut L,
    name: &KeyName,
) -> Result<Vec<(Sealed, nexus_identity::kdf::Secret32)>, L::Error> {
    let mut held = Vec::new();
    for start in ledger.epochs(&name.log, name.epoch)? {
        if let KeyState::Held(key) = ledger.key(&name.log, name.epoch, &start.commitment)? {
            let (log, epoch, commitment) = (name.log, name.epoch, start.commitment);
            held.push((Sealed { log, epoch, commitment }, key));
        }
    }
    Ok(held)
}
