//! From the entries alone to the view: everything derived can be dropped and made again.

use crate::context::{Conversation, Me};
use crate::hlc::Now;
use crate::ingest::{Said, Session};
use crate::ledger::Ledger;

/// Drops the view of a conversation and makes it again from its entries, in the caller's transaction.
///
/// The result is what it was: each entry keeps the time at which it was stored, so what has disappeared stays gone.
/// Read marks, the clock and the timer in force are only ever raised. Gives what was ever said beside the view.
///
/// # Errors
/// Only those of the ledger.
pub fn rebuild<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    me: &Me,
    now: Now,
) -> Result<Vec<Said>, L::Error> {
    ledger.clear_view(&conversation.id)?;
    let mut chains = ledger.topic_chains(&conversation.topic())?;
    let mut session = Session::new(ledger, conversation, me, now)?;
    session.replay = true;
    for index in 0..chains.len() {
        session.rebuild_chain(&mut chains, index)?;
    }
    session.settle_all()?;
    Ok(session.finish()?.said)
}
