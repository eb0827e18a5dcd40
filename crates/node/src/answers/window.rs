//! Windows of conversations of any length, for front ends that scroll.

use std::sync::Arc;

use nexus_log::hlc::Hlc;
use nexus_log::ids::ConversationId;
use nexus_log::order::Position;
use nexus_storage::{MessageRow, Queries, Window};

use super::history::{named, stage};
use crate::api::{Place, WhyView};
use crate::control::Rows;
use crate::core::Core;
use crate::error::{self, Answered};
use crate::messages;
use crate::resolve::About;
use crate::time::rfc3339;
use crate::views::Viewer;

/// Messages of one window at most: some thousand rows of a screen.
const MOST: u32 = 1_000;
/// Links that came up or ended, in one answer.
const LINKS: u32 = 50;

pub(crate) async fn window(
    core: &Arc<Core>,
    conversation: &str,
    place: Place,
    limit: u32,
    rows: &Rows,
) -> Answered<()> {
    let Some(id) = named(core, conversation).await? else { return Ok(()) };
    let outside = core.outside();
    let limit = limit.min(MOST);
    let views = core
        .read(move |store, me| {
            let found = read(store, &id, &place, limit)?;
            let mut viewer = Viewer::new(store, me, &outside)?;
            found.iter().map(|row| viewer.message(row)).collect::<Answered<Vec<_>>>()
        })
        .await?;
    for view in &views {
        rows.row(view).await?;
    }
    Ok(())
}

pub(crate) async fn first_unread(
    core: &Arc<Core>,
    conversation: &str,
    rows: &Rows,
) -> Answered<()> {
    let Some(id) = named(core, conversation).await? else { return Ok(()) };
    let outside = core.outside();
    let view = core
        .read(move |store, me| match store.first_unread(&id)? {
            Some(row) => Viewer::new(store, me, &outside)?.message(&row).map(Some),
            None => Ok(None),
        })
        .await?;
    match view {
        Some(view) => Ok(rows.row(&view).await?),
        None => Ok(()),
    }
}

pub(crate) async fn happened(core: &Arc<Core>, conversation: &str, rows: &Rows) -> Answered<()> {
    let Some(id) = named(core, conversation).await? else { return Ok(()) };
    for view in core.read(move |store, _| crate::happened::read(store, &id)).await? {
        rows.row(&view).await?;
    }
    Ok(())
}

pub(crate) async fn path_history(core: &Arc<Core>, who: &str, rows: &Rows) -> Answered<()> {
    let peer = core.contact_named(who, About::Everybody).await?;
    for moment in core.read(move |store, _| Ok(store.links_of(&peer, LINKS)?)).await? {
        let view = WhyView {
            time: rfc3339(moment.at),
            stage: stage(moment.stage).to_owned(),
            peer: Some(peer.to_string()),
            path: (!moment.path.is_empty()).then_some(moment.path),
            detail: moment.detail,
        };
        rows.row(&view).await?;
    }
    Ok(())
}

fn read(
    store: &Queries,
    id: &ConversationId,
    place: &Place,
    limit: u32,
) -> Answered<Vec<MessageRow>> {
    let at = |entry: &str| -> Answered<Position> {
        let row = messages::find(store, entry)?;
        match row.conversation == *id {
            true => Ok(row.message.base.position),
            false => Err(error::usage(
                "that message is in another conversation",
                "give the id of a message of this one",
            )),
        }
    };
    let window = |window, limit| Ok(store.history(id, window, limit)?);
    match place {
        Place::Newest => window(Window::Newest, limit),
        Place::Oldest => window(Window::After(Position::START), limit),
        Place::Before(entry) => window(Window::Before(at(entry)?), limit),
        Place::After(entry) => window(Window::After(at(entry)?), limit),
        Place::Around(entry) => around(store, id, at(entry)?, limit),
        Place::At(time) => {
            let hlc = Hlc::from_millis(crate::time::parse(time)?.0);
            let moment = Position { hlc, ..Position::START };
            match store.history(id, Window::After(moment), 1)?.first() {
                Some(row) => around(store, id, row.message.base.position, limit),
                None => window(Window::Newest, limit),
            }
        }
    }
}

/// The message there, half of the limit before it, and the rest after it.
fn around(
    store: &Queries,
    id: &ConversationId,
    at: Position,
    limit: u32,
) -> Answered<Vec<MessageRow>> {
    let before = limit / 2;
    let mut rows = store.history(id, Window::Before(at), before)?;
    rows.extend(store.message_by_hash(&at.hash)?);
    rows.extend(store.history(id, Window::After(at), limit.saturating_sub(before + 1))?);
    Ok(rows)
}
