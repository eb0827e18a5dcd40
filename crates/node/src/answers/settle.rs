//! Waiting until what was written has arrived.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::ConnectId;
use nexus_storage::Queries;
use nexus_storage::contacts::ContactState;

use crate::control::Rows;
use crate::core::Core;
use crate::error::Answered;
use crate::me::Me;

/// How often is looked again; nobody but a command that is about to end waits here.
const AGAIN: Duration = Duration::from_millis(40);

pub(crate) async fn settle(core: &Arc<Core>, who: &str, rows: &Rows) -> Answered<()> {
    let peer = core.conversation_named(who).await?;
    while !core.read(move |store, me| settled(store, me, &peer)).await? {
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = rows.gone() => break,
        }
    }
    Ok(())
}

/// A request that they have taken; a log of mine that is durable there up to its head.
fn settled(store: &Queries, me: &Me, peer: &ConnectId) -> Answered<bool> {
    let Some(contact) = store.contact(peer)? else { return Ok(true) };
    match contact.state {
        ContactState::Requested => {
            Ok(store.letter_to(peer)?.is_some_and(|letter| letter.taken.is_some()))
        }
        ContactState::Accepted => {
            let Some(conversation) = me.conversation_with(peer) else { return Ok(false) };
            for chain in store.chains_of_topic(&conversation.topic())? {
                let mine = chain.author.is_some_and(|a| a.instance == me.instance.key());
                if !mine {
                    continue;
                }
                let marks = store.marks(&chain.log)?;
                let theirs = marks.iter().find(|m| m.recipient == *peer).and_then(|m| m.delivered);
                if theirs.is_none_or(|upto| upto < chain.head.seq) {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(true),
    }
}
