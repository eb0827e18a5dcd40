//! Events as lines of text and as JSON.

use std::collections::BTreeMap;

use nexus_node::api::{Event, EventView};
use serde::Serialize;

use super::{contact_state, message_state, name_or_id, short_id};
use crate::output::style::Style;
use crate::render::message::one_line;
use crate::sanitize;

/// Events one after the other, for people: who is nearby is said once, not at each new address.
#[derive(Debug)]
pub(crate) struct Lines {
    style: Style,
    here: BTreeMap<String, String>,
}

impl Lines {
    /// In these colours.
    pub(crate) fn new(style: Style) -> Self {
        Self { style, here: BTreeMap::new() }
    }

    /// The line of an event; `None` when it says nothing new to a person.
    pub(crate) fn show(&mut self, event: &Event) -> Option<String> {
        if let Event::Nearby { peer, gone } = event {
            let known = if *gone {
                self.here.remove(&peer.connect_id).is_none()
            } else {
                self.here.insert(peer.connect_id.clone(), peer.name.clone()).as_ref()
                    == Some(&peer.name)
            };
            if known {
                return None;
            }
        }
        Some(line(event, self.style))
    }
}

/// One line for people.
fn line(event: &Event, style: Style) -> String {
    let (what, detail) = match event {
        Event::Ready { connect_id, listen } => {
            ("ready", format!("{connect_id} listens on {}", listen.join(", ")))
        }
        Event::Message { message, new } => {
            let changed = if *new { "" } else { " (changed)" };
            let author = name_or_id(&message.author_name, &message.author);
            let id = style.dim(&short_id(&message.entry_id));
            ("message", format!("{id} {author}: {}{changed}", one_line(message)))
        }
        Event::State { entry_id, state, .. } => {
            ("state", format!("{} {}", style.dim(&short_id(entry_id)), message_state(*state)))
        }
        Event::Contact { contact } => {
            let who = name_or_id(&contact.name, &contact.connect_id);
            let words = contact.message.as_deref().map(|m| format!(": {}", sanitize::line(m)));
            let state = contact_state(contact.state);
            let id = short_id(&contact.connect_id);
            ("contact", format!("{who} ({id}) {state}{}", words.unwrap_or_default()))
        }
        Event::Conversation { conversation } => (
            "conversation",
            format!("{}: {} unread", sanitize::line(&conversation.name), conversation.unread),
        ),
        Event::Happened { conversation } => {
            let id: String = conversation.chars().take(12).collect();
            ("happened", format!("something in conversation {}", sanitize::line(&id)))
        }
        Event::Transfer { file } => (
            "transfer",
            format!(
                "{} {}: {}, {} of {}",
                style.dim(&short_id(&file.transfer_id)),
                sanitize::line(&file.name),
                sanitize::line(&file.state),
                super::size(file.done),
                super::size(file.size),
            ),
        ),
        Event::LinkUp { link } => {
            let who = name_or_id(&link.name, &link.connect_id);
            (
                "link up",
                format!(
                    "{who} over {} {}",
                    sanitize::line(&link.path),
                    sanitize::line(&link.address)
                ),
            )
        }
        Event::LinkDown { connect_id, reason, .. } => {
            ("link down", format!("{}: {}", short_id(connect_id), sanitize::line(reason)))
        }
        Event::Nearby { peer, gone } => {
            let who = name_or_id(&peer.name, &peer.connect_id);
            let verb = if *gone { "is gone" } else { "is here" };
            ("nearby", format!("{who} ({}) {verb}", short_id(&peer.connect_id)))
        }
        Event::Notice { text } => ("notice", sanitize::line(text)),
        Event::Lagged { missed: 0 } => (
            "lagged",
            "events were missed here; this goes on with the oldest that is kept".to_owned(),
        ),
        Event::Lagged { missed } => ("lagged", format!("{missed} events were missed here")),
    };
    format!("{}  {detail}", style.bold(&format!("{what:<12}")))
}

/// The JSON line: as the node gave it, the cursor only where there is one.
#[derive(Debug, Serialize)]
pub(crate) struct Object<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    #[serde(flatten)]
    event: &'a Event,
}

/// See [`Object`].
pub(crate) fn object(event: &EventView) -> Object<'_> {
    Object { cursor: event.cursor.as_deref(), event: &event.event }
}

/// The name of an event's kind, as `watch --event` takes it.
pub(crate) fn kind(event: &Event) -> &'static str {
    match event {
        Event::Ready { .. } => "ready",
        Event::Message { .. } => "message",
        Event::State { .. } => "state",
        Event::Contact { .. } => "contact",
        Event::Conversation { .. } => "conversation",
        Event::Happened { .. } => "happened",
        Event::Transfer { .. } => "transfer",
        Event::LinkUp { .. } => "link_up",
        Event::LinkDown { .. } => "link_down",
        Event::Nearby { .. } => "nearby",
        Event::Notice { .. } => "notice",
        Event::Lagged { .. } => "lagged",
    }
}

/// Every kind, in the order of the documentation.
pub(crate) const KINDS: [&str; 12] = [
    "ready",
    "message",
    "state",
    "contact",
    "conversation",
    "happened",
    "transfer",
    "link_up",
    "link_down",
    "nearby",
    "notice",
    "lagged",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_not_durable_carries_no_cursor() {
        let event = Event::LinkDown {
            connect_id: "nx1qben".to_owned(),
            instance: "aa".to_owned(),
            reason: "cut".to_owned(),
        };
        let value = |event| serde_json::to_value(object(&event)).unwrap();
        let alone = value(EventView { cursor: None, event: event.clone() });
        assert_eq!(alone.get("cursor"), None);
        assert_eq!(alone["event"], kind(&event));
        let durable = value(EventView { cursor: Some("7".to_owned()), event });
        assert_eq!(durable["cursor"], "7");
    }

    #[test]
    fn who_is_nearby_is_said_once_and_again_after_having_gone() {
        let peer = nexus_node::api::NearbyView {
            connect_id: "nx1qben".to_owned(),
            name: "Ben".to_owned(),
            addresses: Vec::new(),
            last_seen: String::new(),
            contact: None,
        };
        let event = |gone| Event::Nearby { peer: peer.clone(), gone };
        let mut lines = Lines::new(Style { on: false });
        let said: Vec<bool> = [false, false, true, true, false]
            .map(|gone| lines.show(&event(gone)).is_some())
            .to_vec();
        assert_eq!(said, [true, false, true, false, true]);
    }

    #[test]
    fn a_reason_of_a_peer_stays_on_its_line() {
        let event = Event::LinkDown {
            connect_id: "nx1qben".to_owned(),
            instance: "aa".to_owned(),
            reason: "a\nb\u{1b}[31m".to_owned(),
        };
        assert_eq!(line(&event, Style { on: false }), "link down     nx1qben: a␊b␛[31m");
    }
}
