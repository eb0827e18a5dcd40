//! What front ends read: conversations, windows of history, search.

use nexus_identity::Millis;
use nexus_storage::{MessageRow, Queries, Window};
use nexus_storage::conversations::ConversationRow;

use crate::api::{ConversationView, ErrorBody, ErrorCode, MessageView};
use crate::error::Answered;
use crate::me::Me;
use crate::messages;
use crate::resolve::{Candidate, MIN_PREFIX, resolve};
use crate::views::Viewer;

/// Messages of one answer when no limit is given.
pub(crate) const DEFAULT_LIMIT: u32 = 50;
/// Messages of one answer at the most; whoever wants more pages with `before`.
pub(crate) const MAX_LIMIT: u32 = 10_000;
/// Messages read at once while a whole conversation goes by.
const PAGE: u32 = 500;

/// The people who may be meant by a name: contacts and me.
pub(crate) fn candidates(store: &Queries, me: &Me) -> Answered<Vec<Candidate>> {
    let mut all: Vec<Candidate> = store
        .all_contacts()?
        .into_iter()
        .map(|row| Candidate { id: row.connect_id, name: row.name().to_owned() })
        .collect();
    all.push(Candidate { id: me.connect_id(), name: me.name().to_owned() });
    Ok(all)
}

/// The conversation that `text` names: its id or a unique prefix of that, or the other side as in [`resolve`].
///
/// # Errors
/// `not_found`, `ambiguous`, `bad_connect_id`.
pub(crate) fn conversation(store: &Queries, me: &Me, text: &str) -> Answered<ConversationRow> {
    let text = text.trim();
    if let Some(row) = by_id(store, text)? {
        return Ok(row);
    }
    let peer = resolve(text, &candidates(store, me)?)?;
    store.conversation_with(&peer)?.ok_or_else(|| {
        ErrorBody::new(
            ErrorCode::NotFound,
            format!("there is no conversation with {text:?} yet"),
            "it begins once their card is known and one of you writes: `nexus send WHO TEXT`",
        )
    })
}

fn by_id(store: &Queries, text: &str) -> Answered<Option<ConversationRow>> {
    let hex = text.to_lowercase();
    if !(MIN_PREFIX..=64).contains(&hex.len()) || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let mut found: Vec<ConversationRow> = store
        .conversations()?
        .into_iter()
        .filter(|row| row.conversation.to_string().starts_with(&hex))
        .collect();
    if found.len() > 1 {
        let list: Vec<String> = found.iter().map(|row| row.conversation.to_string()).collect();
        return Err(ErrorBody::new(
            ErrorCode::Ambiguous,
            format!("{text:?} may be any of: {}", list.join(", ")),
            "give more digits of the conversation's id",
        ));
    }
    Ok(found.pop())
}

/// All conversations, the one with the latest message first.
pub(crate) fn conversations(
    store: &Queries,
    viewer: &mut Viewer<'_>,
    now: Millis,
) -> Answered<Vec<ConversationView>> {
    let mut rows: Vec<(Option<Vec<u8>>, ConversationView)> = Vec::new();
    for row in store.conversations()? {
        let last = store.history(&row.conversation, Window::Newest, 1)?.pop();
        let place = last.map(|row| row.message.base.position.encode().to_vec());
        rows.push((place, viewer.conversation(&row, now)?));
    }
    rows.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(rows.into_iter().map(|(_, view)| view).collect())
}

/// The newest messages of a conversation, or those before one, oldest first.
pub(crate) fn history(
    store: &Queries,
    viewer: &mut Viewer<'_>,
    row: &ConversationRow,
    limit: Option<u32>,
    before: Option<&str>,
) -> Answered<Vec<MessageView>> {
    let window = match before {
        None => Window::Newest,
        Some(id) => Window::Before(messages::find(store, id)?.message.base.position),
    };
    let limit = limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let rows = store.history(&row.conversation, window, limit)?;
    rows.iter().map(|row| message(viewer, row)).collect()
}

/// A page of a whole conversation, oldest first: the messages after `after`, and where to go on; empty at the end.
pub(crate) fn page(
    store: &Queries,
    row: &ConversationRow,
    after: Option<&MessageRow>,
) -> Answered<Vec<MessageRow>> {
    let start = after.map_or(nexus_log::order::Position::START, |row| row.message.base.position);
    Ok(store.history(&row.conversation, Window::After(start), PAGE)?)
}

/// What is found, newest first, with the words around it.
pub(crate) fn search(
    store: &Queries,
    viewer: &mut Viewer<'_>,
    query: &str,
    within: Option<&ConversationRow>,
    limit: Option<u32>,
) -> Answered<Vec<MessageView>> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let hits = store.search(query, within.map(|row| &row.conversation), None, limit)?;
    hits.into_iter()
        .map(|hit| Ok(MessageView { snippet: Some(hit.snippet), ..message(viewer, &hit.row)? }))
        .collect()
}

/// One message with what the store knows beyond the fold.
pub(crate) fn message(viewer: &mut Viewer<'_>, row: &MessageRow) -> Answered<MessageView> {
    let mut view = viewer.message(&row.conversation, &row.message)?;
    if row.forked {
        view.flags.push("fork".to_owned());
    }
    Ok(view)
}
