//! Disappearing messages: texts go when their time is over, keys with the last of them.

use core::time::Duration;

use crate::hlc::Now;
use crate::ids::{ConversationId, EntryHash};
use crate::ledger::{Due, FleetingKey, Ledger};
use nexus_identity::bugs::{self, Bug};

/// How long after its last known message the key of an epoch of somebody else is kept, unless a later epoch is seen:
/// messages of it may still be on their way.
pub const LATE_MESSAGES: Duration = Duration::from_secs(7 * 86_400);
/// Rows worked through at a time.
const PAGE: usize = 256;

/// A message that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its hash.
    pub hash: EntryHash,
}

/// Removes everything whose time is over, in all conversations, and erases keys that opened nothing else.
///
/// Call it at [`Ledger::next_due`], at start and after sleep: what is late goes at once.
///
/// # Errors
/// Only those of the ledger.
pub fn expire<L: Ledger>(ledger: &mut L, now: Now) -> Result<Vec<Expired>, L::Error> {
    let mut gone = Vec::new();
    loop {
        let due = ledger.due(now.millis(), PAGE)?;
        if due.is_empty() {
            break;
        }
        for one in due {
            if one.operation {
                ledger.remove_operation(&one.conversation, &one.hash)?;
                continue;
            }
            remove_operations(ledger, &one)?;
            ledger.remove_message(&one.conversation, &one.hash)?;
            gone.push(Expired { conversation: one.conversation, hash: one.hash });
        }
    }
    for key in ledger.fleeting(now.millis(), usize::MAX)? {
        if is_over(ledger, &key, now)? && !bugs::is(Bug::FleetingKeyKept) {
            ledger.erase_key(&key.log, key.epoch, &key.commitment)?;
        }
    }
    Ok(gone)
}

/// Removes all operations on a message that goes: each look gives those that count, until none is left.
fn remove_operations<L: Ledger>(ledger: &mut L, one: &Due) -> Result<(), L::Error> {
    let mut removed = true;
    while removed {
        removed = false;
        for operation in ledger.operations(&one.conversation, &one.hash)? {
            let hash = &operation.position.hash;
            removed |= ledger.remove_operation(&one.conversation, hash)?.is_some();
        }
    }
    Ok(())
}

/// Whether no message of the epoch can come any more.
fn is_over<L: Ledger>(ledger: &mut L, key: &FleetingKey, now: Now) -> Result<bool, L::Error> {
    if ledger.own_epoch(&key.log)?.is_some() {
        // Mine spans at most its timer, so it is over before its last message goes.
        return Ok(true);
    }
    if now.millis() >= key.until.saturating_add(LATE_MESSAGES) {
        return Ok(true);
    }
    Ok(match key.epoch.checked_add(1) {
        Some(next) => !ledger.epochs(&key.log, next)?.is_empty(),
        None => true,
    })
}
