//! Events: the durable ones are rows of the store, written with what they tell of; the others only pass by.

use nexus_identity::ConnectId;
use nexus_log::ids::{ConversationId, EntryHash};
use nexus_storage::events::{EventKind, EventRow, NewEvent};
use tokio::sync::{broadcast, watch};

use crate::api::{Event, EventView, MessageState};
use crate::error::{self, Answered};
use crate::store_thread::Work;
use crate::views::Viewer;

/// Passing events that a watcher may be behind with; beyond, they are dropped and it is told how many.
const PASSING: usize = 1024;

/// Tells watchers.
#[derive(Debug, Clone)]
pub(crate) struct Bus {
    passing: broadcast::Sender<Event>,
    durable: watch::Sender<u64>,
}

impl Bus {
    pub(crate) fn new() -> Self {
        Self { passing: broadcast::channel(PASSING).0, durable: watch::channel(0).0 }
    }

    /// Tells of something that passes by.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.passing.send(event);
    }

    /// Tells that durable events were written.
    pub(crate) fn durable(&self) {
        self.durable.send_modify(|n| *n += 1);
    }

    pub(crate) fn watch(&self) -> (broadcast::Receiver<Event>, watch::Receiver<u64>) {
        (self.passing.subscribe(), self.durable.subscribe())
    }
}

impl Work<'_, '_> {
    fn event(&mut self, event: &NewEvent) -> Answered<()> {
        self.tx.append_event(event)?;
        self.after.events = true;
        Ok(())
    }

    /// A message is new or changed.
    pub(crate) fn message_event(
        &mut self,
        conversation: &ConversationId,
        entry: &EntryHash,
        new: bool,
    ) -> Answered<()> {
        let kind = if new { EventKind::MessageNew } else { EventKind::MessageChanged };
        let event = NewEvent {
            conversation: Some(*conversation),
            entry: Some(*entry),
            ..NewEvent::new(kind, self.now)
        };
        self.event(&event)
    }

    /// A message of mine rose to a state.
    pub(crate) fn state_event(
        &mut self,
        conversation: &ConversationId,
        entry: &EntryHash,
        state: MessageState,
    ) -> Answered<()> {
        let event = NewEvent {
            conversation: Some(*conversation),
            entry: Some(*entry),
            value: state as u32,
            ..NewEvent::new(EventKind::State, self.now)
        };
        self.event(&event)
    }

    /// A contact is new or changed.
    pub(crate) fn contact_event(&mut self, peer: &ConnectId) -> Answered<()> {
        self.event(&NewEvent { peer: Some(*peer), ..NewEvent::new(EventKind::Contact, self.now) })
    }

    /// A conversation's unread count, timer, quiet or draft changed.
    pub(crate) fn conversation_event(&mut self, conversation: &ConversationId) -> Answered<()> {
        let event = NewEvent {
            conversation: Some(*conversation),
            ..NewEvent::new(EventKind::Conversation, self.now)
        };
        self.event(&event)
    }

    /// Something the person should know; it stays in `status`. The same code about the same peer is told once.
    pub(crate) fn notice(
        &mut self,
        code: &str,
        peer: Option<&ConnectId>,
        text: &str,
    ) -> Answered<()> {
        if self.tx.put_notice(code, peer, text, self.now)? {
            let text = text.to_owned();
            self.event(&NewEvent {
                peer: peer.copied(),
                text,
                ..NewEvent::new(EventKind::Notice, self.now)
            })?;
        }
        Ok(())
    }
}

/// A stored event as it is shown now; `None` when what it tells of is gone for good.
pub(crate) fn view(viewer: &mut Viewer<'_>, row: &EventRow) -> Answered<Option<EventView>> {
    let event = match (row.event.kind, row.event.conversation, row.event.entry, row.event.peer) {
        (kind @ (EventKind::MessageNew | EventKind::MessageChanged), _, Some(entry), _) => {
            match viewer.message_by_hash(&entry)? {
                Some(message) => Event::Message {
                    message: Box::new(message),
                    new: kind == EventKind::MessageNew,
                },
                None => return Ok(None),
            }
        }
        (EventKind::State, Some(conversation), Some(entry), _) => Event::State {
            entry_id: entry.to_string(),
            conversation: conversation.to_string(),
            state: state_of(row.event.value),
        },
        (EventKind::Contact, _, _, Some(peer)) => match viewer.contact_by_id(&peer) {
            Some(contact) => Event::Contact { contact },
            None => return Ok(None),
        },
        (EventKind::Conversation, Some(conversation), _, _) => {
            match viewer.conversation_by_id(&conversation)? {
                Some(conversation) => Event::Conversation { conversation },
                None => return Ok(None),
            }
        }
        (EventKind::Notice, ..) => Event::Notice { text: row.event.text.clone() },
        _ => return Ok(None),
    };
    Ok(Some(EventView { cursor: Some(cursor_text(row.cursor)), event }))
}

const fn state_of(value: u32) -> MessageState {
    match value {
        0 => MessageState::Queued,
        1 => MessageState::Sent,
        2 => MessageState::Delivered,
        _ => MessageState::Read,
    }
}

/// A cursor as front ends see it.
pub(crate) fn cursor_text(cursor: u64) -> String {
    format!("c{cursor}")
}

/// Reads a cursor.
///
/// # Errors
/// `usage` for anything else.
pub(crate) fn cursor(text: &str) -> Answered<u64> {
    // A bare number is one too: `0` reads as "from the beginning".
    text.strip_prefix('c').unwrap_or(text).parse().map_err(|_| {
        error::usage(
            format!("{text:?} is no cursor"),
            "give the `cursor` of an event, for example c17, or leave --since out",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_with_and_without_its_letter() {
        for (text, value) in [("0", 0), ("c0", 0), ("c17", 17), ("17", 17)] {
            assert_eq!(cursor(text).unwrap(), value);
        }
        for text in ["", "c", "x", "cc1", "-1"] {
            assert!(cursor(text).is_err(), "{text}");
        }
    }
}
