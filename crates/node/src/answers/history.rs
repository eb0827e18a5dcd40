//! What is read: windows of a conversation, search, events, stories.

use std::sync::Arc;

use nexus_identity::{ConnectId, Millis};
use nexus_log::ids::{ConversationId, EntryHash};
use nexus_log::order::Position;
use nexus_storage::contacts::ContactState;
use nexus_storage::events::EventKind;
use nexus_storage::story::Stage;
use nexus_storage::{Queries, Window};
use tokio::sync::broadcast::error::RecvError;

use crate::api::{Event, EventView, MessageView, WhyView};
use crate::control::Rows;
use crate::core::Core;
use crate::error::{self, Answered};
use crate::events;
use crate::messages;
use crate::time::rfc3339;
use crate::views::Viewer;

/// Messages of `history` without a limit.
const DEFAULT_LIMIT: u32 = 50;
/// Messages read at a time.
const PAGE: u32 = 500;
/// Results of `search` without a limit.
const DEFAULT_HITS: u32 = 50;
/// Results of `search` at most.
const MAX_HITS: u32 = 1_000;
/// Events read at a time.
const EVENTS: u32 = 256;

/// The id of a conversation that may have nothing in it yet.
pub(crate) async fn named(core: &Arc<Core>, name: &str) -> Answered<Option<ConversationId>> {
    let peer = core.conversation_named(name).await?;
    Ok(core.me().conversation_with(&peer).map(|c| c.id))
}

pub(crate) async fn history(
    core: &Arc<Core>,
    conversation: &str,
    limit: Option<u32>,
    before: Option<String>,
    follow: bool,
    rows: &Rows,
) -> Answered<()> {
    let (_, mut changed) = core.bus.watch();
    changed.mark_unchanged();
    let cursor = core.read(|store, _| Ok(store.last_cursor()?)).await?;
    let Some(id) = named(core, conversation).await? else { return Ok(()) };
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    // The start is found from the end, page by page; then everything is sent oldest first, page by page.
    let start = core
        .read(move |store, _| {
            let mut window = match before {
                Some(entry) => Window::Before(messages::find(store, &entry)?.message.base.position),
                None => Window::Newest,
            };
            let end = match window {
                Window::Before(position) => Some(position),
                _ => None,
            };
            let (mut first, mut left) = (None, limit);
            while left > 0 {
                let page = store.history(&id, window, left.min(PAGE))?;
                let Some(oldest) = page.first().map(|r| r.message.base.position) else { break };
                left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(left));
                first = Some(oldest);
                window = Window::Before(oldest);
            }
            Ok((first, end))
        })
        .await?;
    if let (Some(first), end) = start {
        pages(core, id, Some(first), end, rows).await?;
    }
    if follow { follow_events(core, id, cursor, changed, rows).await } else { Ok(()) }
}

/// Sends messages from `first` (or all) up to before `end` (or all), oldest first.
async fn pages(
    core: &Arc<Core>,
    id: ConversationId,
    first: Option<Position>,
    end: Option<Position>,
    rows: &Rows,
) -> Answered<()> {
    let mut from = first;
    let mut inclusive = true;
    loop {
        let (start, including, outside) = (from, inclusive, core.outside());
        let page: Vec<(Position, MessageView)> = core
            .read(move |store, me| {
                let mut viewer = Viewer::new(store, me, &outside)?;
                let mut found = Vec::new();
                if let (Some(at), true) = (start, including)
                    && let Some(row) = store.message_by_hash(&at.hash)?
                {
                    found.push(row);
                }
                found.extend(store.history(
                    &id,
                    Window::After(start.unwrap_or(Position::START)),
                    PAGE,
                )?);
                let inside =
                    found.iter().filter(|r| end.is_none_or(|end| r.message.base.position < end));
                inside.map(|r| Ok((r.message.base.position, viewer.message(r)?))).collect()
            })
            .await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        from = Some(*last);
        inclusive = false;
        for (_, view) in &page {
            rows.row(view).await?;
        }
    }
}

pub(crate) async fn export(core: &Arc<Core>, conversation: &str, rows: &Rows) -> Answered<()> {
    match named(core, conversation).await? {
        Some(id) => pages(core, id, None, None, rows).await,
        None => Ok(()),
    }
}

/// A row for each new or changed message, until the client goes away.
async fn follow_events(
    core: &Arc<Core>,
    id: ConversationId,
    mut cursor: u64,
    mut changed: tokio::sync::watch::Receiver<u64>,
    rows: &Rows,
) -> Answered<()> {
    loop {
        let (since, outside) = (cursor, core.outside());
        let (last, views) = core
            .read(move |store, me| {
                let mut viewer = Viewer::new(store, me, &outside)?;
                let events = store.events_since(since, EVENTS)?.rows;
                let last = events.last().map(|e| e.cursor);
                // Of several changes of one message in a row only the last is worth a line.
                let mut views: Vec<(EntryHash, MessageView)> = Vec::new();
                for event in events.iter().filter(|e| e.event.conversation == Some(id)) {
                    let Some(entry) = event.event.entry else { continue };
                    let shown = matches!(
                        event.event.kind,
                        EventKind::MessageNew | EventKind::MessageChanged | EventKind::State
                    );
                    if !shown {
                        continue;
                    }
                    views.retain(|(hash, _)| *hash != entry);
                    views.extend(viewer.message_by_hash(&entry)?.map(|view| (entry, view)));
                }
                Ok((last, views))
            })
            .await?;
        for (_, view) in &views {
            rows.row(view).await?;
        }
        match last {
            Some(last) => cursor = last,
            None => tokio::select! {
                changed = changed.changed() => changed.map_err(error::failed)?,
                () = rows.gone() => return Ok(()),
            },
        }
    }
}

pub(crate) async fn conversations(core: &Arc<Core>, rows: &Rows) -> Answered<()> {
    let outside = core.outside();
    let views = core
        .read(move |store, me| {
            use crate::api::ContactState as S;
            let viewer = Viewer::new(store, me, &outside)?;
            let all = store.summaries()?;
            let views = all.iter().map(|summary| viewer.conversation(summary));
            // Requests of others are in `contact requests`; my own notes show once there are some.
            Ok(views
                .filter(|v| match v.state {
                    S::Incoming => false,
                    S::Removed => v.last_time.is_some(),
                    _ => v.kind != "self" || v.last_time.is_some(),
                })
                .collect::<Vec<_>>())
        })
        .await?;
    for view in &views {
        rows.row(view).await?;
    }
    Ok(())
}

pub(crate) async fn search(
    core: &Arc<Core>,
    query: String,
    conversation: Option<String>,
    limit: Option<u32>,
    rows: &Rows,
) -> Answered<()> {
    if query.trim().is_empty() {
        return Err(error::usage("there is nothing to search for", "give one or more words"));
    }
    let within = match conversation {
        Some(name) => match named(core, &name).await? {
            Some(id) => Some(id),
            None => return Ok(()),
        },
        None => None,
    };
    let limit = limit.unwrap_or(DEFAULT_HITS).min(MAX_HITS);
    let outside = core.outside();
    let views = core
        .read(move |store, me| {
            let mut viewer = Viewer::new(store, me, &outside)?;
            let hits = store.search(&query, within.as_ref(), None, limit)?;
            hits.iter()
                .map(|hit| {
                    let view = viewer.message(&hit.row)?;
                    Ok(MessageView { snippet: Some(hit.snippet.clone()), ..view })
                })
                .collect::<Answered<Vec<_>>>()
        })
        .await?;
    for view in &views {
        rows.row(view).await?;
    }
    Ok(())
}

/// Every event: the durable ones from the store, so that none is lost, the others as they pass by.
pub(crate) async fn watch(core: &Arc<Core>, since: Option<String>, rows: &Rows) -> Answered<()> {
    let (mut passing, mut durable) = core.bus.watch();
    durable.mark_unchanged();
    let since = since.as_deref().map(events::cursor).transpose()?;
    let mut cursor = match since {
        Some(cursor) => cursor,
        None => core.read(|store, _| Ok(store.last_cursor()?)).await?,
    };
    loop {
        let from = cursor;
        let outside = core.outside();
        let (next, missing, views) = core
            .read(move |store, me| {
                let mut viewer = Viewer::new(store, me, &outside)?;
                let found = store.events_since(from, EVENTS)?;
                let mut views = Vec::new();
                for row in &found.rows {
                    views.extend(events::view(&mut viewer, row)?);
                }
                Ok((found.next, found.missing, views))
            })
            .await?;
        // Whoever reads slower than a bulk comes in can fall behind what is kept, too. How much was there, nobody knows.
        if missing {
            let event = Event::Lagged { missed: 0 };
            rows.row(&EventView { cursor: None, event }).await?;
        }
        for view in &views {
            rows.row(view).await?;
        }
        if next != cursor {
            cursor = next;
            continue;
        }
        tokio::select! {
            changed = durable.changed() => changed.map_err(error::failed)?,
            event = passing.recv() => {
                let event = match event {
                    Ok(event) => event,
                    Err(RecvError::Lagged(missed)) => Event::Lagged { missed },
                    Err(RecvError::Closed) => return Ok(()),
                };
                rows.row(&EventView { cursor: None, event }).await?;
            }
            () = rows.gone() => return Ok(()),
        }
    }
}

/// What a message that has not arrived, with no link to its recipient, waits for.
fn waits_for(
    store: &Queries,
    peer: ConnectId,
    nearby: bool,
    now: Millis,
) -> Answered<Option<WhyView>> {
    let Some(contact) = store.contact(&peer)? else { return Ok(None) };
    let detail = match contact.state {
        ContactState::Blocked => "you have blocked them: it goes out once you unblock them",
        ContactState::Removed => {
            "they are no contact any more: it goes out if they become one again"
        }
        ContactState::Requested => "they have not accepted yet: it goes out once they have",
        _ if store.addresses(&peer)?.is_empty() && !nearby => {
            "no link to them, and no address at which to try: it goes out once both are on one network"
        }
        _ => "no link to them now: it goes out with the next one",
    };
    Ok(Some(WhyView {
        time: rfc3339(now),
        stage: "waiting".to_owned(),
        peer: Some(peer.to_string()),
        path: None,
        detail: detail.to_owned(),
    }))
}

pub(crate) async fn why(core: &Arc<Core>, id: String, rows: &Rows) -> Answered<()> {
    let (nearby, outside) = (core.nearby_names(), core.outside());
    let story = core
        .read(move |store, me| {
            let row = messages::find(store, &id)?;
            let entry = messages::entry_ref(&row);
            let peer = messages::peer_of(me, store, &row.conversation)?;
            let mine = row.message.base.author == me.connect_id();
            if !mine {
                return Ok(vec![WhyView {
                    time: rfc3339(row.stored),
                    stage: "delivered".to_owned(),
                    peer: Some(row.message.base.author.to_string()),
                    path: None,
                    detail: "it came from them and is on disk here".to_owned(),
                }]);
            }
            let told = store.story(&entry.log, entry.seq, &[peer], row.stored, None)?;
            let mut delivered = false;
            let mut views = Vec::new();
            for moment in told {
                // What happened to links after it had arrived is no part of its story.
                let about_links = matches!(
                    moment.stage,
                    Stage::Dialled | Stage::Refused | Stage::Linked | Stage::Unlinked
                );
                if delivered && about_links {
                    continue;
                }
                delivered |= matches!(moment.stage, Stage::Delivered | Stage::Read);
                views.push(WhyView {
                    time: rfc3339(moment.at),
                    stage: stage(moment.stage).to_owned(),
                    peer: moment.peer.map(|p| p.to_string()),
                    path: (!moment.path.is_empty()).then_some(moment.path),
                    detail: moment.detail,
                });
            }
            if !delivered && peer != me.connect_id() && !outside.paths.contains_key(&peer) {
                let nearby = nearby.iter().any(|n| n.id == peer);
                views.extend(waits_for(store, peer, nearby, outside.now)?);
            }
            Ok(views)
        })
        .await?;
    for view in &story {
        rows.row(view).await?;
    }
    Ok(())
}

pub(super) const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Queued => "queued",
        Stage::Dialled => "dialled",
        Stage::Refused => "refused",
        Stage::Linked => "linked",
        Stage::Sent => "sent",
        Stage::Delivered => "delivered",
        Stage::Read => "read",
        Stage::Unlinked => "unlinked",
        _ => "other",
    }
}
