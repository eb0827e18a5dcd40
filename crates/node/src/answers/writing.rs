//! What writes into a conversation, or keeps something local about it.

use std::sync::Arc;

use nexus_identity::{ConnectId, Millis};
use nexus_log::body::Payload;
use nexus_log::ids::{ConversationId, EntryRef, LogKey};
use nexus_storage::contacts::ContactField;
use nexus_storage::conversations::MAX_DRAFT_BYTES;

use crate::api::{DraftView, MessageState, SentView};
use crate::control::Rows;
use crate::core::Core;
use crate::error::{self, Answered};
use crate::messages::{self, MAX_TIMER};
use crate::read_marks;
use crate::store_thread::Work;
use crate::views::{Viewer, message_state};

pub(crate) async fn send(
    core: &Arc<Core>,
    to: &str,
    text: String,
    reply: Option<String>,
    wait: Option<MessageState>,
    rows: &Rows,
) -> Answered<()> {
    messages::check_text(&text)?;
    let peer = core.conversation_named(to).await?;
    let (sent, place) = core
        .store
        .write(
            || rows.placed(),
            move |work| {
                let payload = match reply {
                    Some(id) => Payload::Reply { target: reply_target(work, &peer, &id)?, text },
                    None => Payload::Text(text),
                };
                messages::say(work, &peer, payload)
            },
        )
        .await?;
    rows.row(&sent).await?;
    match wait {
        Some(state) => follow_state(core, sent, place, state, rows).await,
        None => Ok(()),
    }
}

fn reply_target(work: &Work<'_, '_>, peer: &ConnectId, id: &str) -> Answered<EntryRef> {
    let row = messages::find(work.tx, id)?;
    let here = messages::writable(work, peer)?.id;
    if row.conversation != here {
        return Err(error::usage(
            "that message is in another conversation",
            "answer it there, or leave --reply out",
        ));
    }
    Ok(messages::entry_ref(&row))
}

/// A row for each later state, until the one that is waited for.
async fn follow_state(
    core: &Arc<Core>,
    mut sent: SentView,
    (log, seq): (LogKey, u64),
    until: MessageState,
    rows: &Rows,
) -> Answered<()> {
    let me = core.me();
    let peer = me.conversations.values().find(|c| c.id.to_string() == sent.conversation);
    let peer = peer.and_then(|c| me.peer_of(c));
    let (_, mut changed) = core.bus.watch();
    loop {
        changed.mark_unchanged();
        let marks = core.read(move |store, _| Ok(store.marks(&log)?)).await?;
        let state = message_state(&marks, seq, peer.as_ref());
        if state > sent.state {
            sent.state = state;
            rows.row(&sent).await?;
        }
        if sent.state >= until {
            return Ok(());
        }
        tokio::select! {
            changed = changed.changed() => changed.map_err(error::failed)?,
            () = rows.gone() => return Ok(()),
        }
    }
}

/// Writes something about a message that is here.
pub(crate) async fn change(
    core: &Arc<Core>,
    id: String,
    only_author: bool,
    payload: impl FnOnce(EntryRef) -> Payload + Clone + Send + 'static,
    rows: &Rows,
) -> Answered<()> {
    let (sent, _) = core
        .store
        .write(
            || rows.placed(),
            move |work| {
                let row = messages::find(work.tx, &id)?;
                if only_author {
                    messages::check_author(work.me, &row)?;
                }
                let peer = messages::peer_of(work.me, work.tx, &row.conversation)?;
                let payload = payload(messages::entry_ref(&row));
                messages::check_fits(&row, &payload)?;
                messages::say(work, &peer, payload)
            },
        )
        .await?;
    Ok(rows.row(&sent).await?)
}

pub(crate) async fn read(
    core: &Arc<Core>,
    conversation: &str,
    to: Option<String>,
    rows: &Rows,
) -> Answered<()> {
    let peer = core.conversation_named(conversation).await?;
    let Some(conversation) = core.me().conversation_with(&peer).cloned() else {
        return Err(error::nobody(conversation));
    };
    let of = Arc::clone(&conversation);
    let marks = core
        .store
        .run(move |work| {
            let to = to.map(|id| messages::find(work.tx, &id)).transpose()?;
            let marks = messages::marks_up_to(work.me, work.tx, &of, to.as_ref())?;
            messages::mark_here(work, &of, &marks)?;
            read_marks::owe(work, &of.id, &marks)?;
            Ok(marks)
        })
        .await?;
    read_marks::tell(core, &conversation, &marks).await?;
    answer(core, conversation.id, rows).await
}

pub(crate) async fn timer(
    core: &Arc<Core>,
    conversation: &str,
    seconds: Option<u64>,
    rows: &Rows,
) -> Answered<()> {
    if seconds.is_some_and(|s| s == 0 || s > MAX_TIMER) {
        return Err(error::usage(
            "a timer is from a second to ten years",
            "give a time like 1h or 7d, or off",
        ));
    }
    let peer = core.conversation_named(conversation).await?;
    let set = move |work: &mut Work<'_, '_>| {
        let conversation = messages::writable(work, &peer)?;
        messages::say(work, &peer, Payload::Timer { seconds })?;
        work.conversation_event(&conversation.id)?;
        work.after.timers = true;
        Ok(conversation.id)
    };
    let id = core.store.write(|| (), set).await?;
    answer(core, id, rows).await
}

pub(crate) async fn mute(
    core: &Arc<Core>,
    conversation: &str,
    seconds: Option<u64>,
    rows: &Rows,
) -> Answered<()> {
    let until = move |now: Millis| match seconds {
        Some(0) => None,
        Some(seconds) => Some(now.saturating_add(std::time::Duration::from_secs(seconds))),
        None => Some(Millis(u64::MAX)),
    };
    let id = local(core, conversation, move |work, id| {
        work.tx.set_muted(id, until(work.now))?;
        let peer = work.tx.conversation(id)?.and_then(|row| row.peer);
        peer.map_or(Ok(()), |peer| work.tell_devices(&peer, &[ContactField::Muted]))
    })
    .await?;
    answer(core, id, rows).await
}

pub(crate) async fn draft(
    core: &Arc<Core>,
    conversation: &str,
    text: Option<String>,
    rows: &Rows,
) -> Answered<()> {
    if text.as_ref().is_some_and(|t| t.len() > MAX_DRAFT_BYTES) {
        return Err(error::too_long());
    }
    let id = local(core, conversation, move |work, id| match &text {
        Some(text) => Ok(work.tx.set_draft(id, text)?),
        None => Ok(()),
    })
    .await?;
    let row = core.read(move |store, _| Ok(store.conversation(&id)?)).await?;
    let text = row.map(|r| r.draft).unwrap_or_default();
    Ok(rows.row(&DraftView { conversation: id.to_string(), text }).await?)
}

/// Changes something that only I know about a conversation.
async fn local(
    core: &Arc<Core>,
    name: &str,
    change: impl FnOnce(&mut Work<'_, '_>, &ConversationId) -> Answered<()> + Send + 'static,
) -> Answered<ConversationId> {
    let peer = core.conversation_named(name).await?;
    let name = name.to_owned();
    core.store
        .run(move |work| {
            let conversation =
                work.me.conversation_with(&peer).cloned().ok_or_else(|| error::nobody(&name))?;
            work.keep_conversation(&conversation, &peer)?;
            change(work, &conversation.id)?;
            work.conversation_event(&conversation.id)?;
            Ok(conversation.id)
        })
        .await
}

async fn answer(core: &Arc<Core>, id: ConversationId, rows: &Rows) -> Answered<()> {
    let outside = core.outside();
    let view = core
        .read(move |store, me| Viewer::new(store, me, &outside)?.conversation_by_id(&id))
        .await?;
    let view = view.ok_or_else(|| error::failed("the conversation is gone"))?;
    Ok(rows.row(&view).await?)
}
