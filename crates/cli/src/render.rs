//! Rows of the node as text for people. Everything a peer could have written is made safe here.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nexus_node::api::{
    CheckView, ContactState, ContactView, ConversationView, DeviceView, LogView, MessageState,
    MessageView, NearbyView, WhyView,
};
use nexus_node::names::skeleton;

use crate::duration;
use crate::output::table::Table;
use crate::sanitize;

pub(crate) mod event;
pub(crate) mod message;

/// Characters of a ConnectID in lists: `nx1q` and eight more, enough to type it again.
const SHORT_CONNECT_ID: usize = 12;
/// Hex digits of an entry id in lists.
const SHORT_ENTRY: usize = 8;

/// A ConnectID or key, short.
pub(crate) fn short_id(id: &str) -> String {
    let length = if id.starts_with("nx1") { SHORT_CONNECT_ID } else { SHORT_ENTRY };
    sanitize::line(&id.chars().take(length).collect::<String>())
}

/// An RFC 3339 time as the wall clock here shows it; as it is when it can't be read.
pub(crate) fn when(time: &str) -> String {
    local(time, "%Y-%m-%d %H:%M").unwrap_or_else(|| sanitize::line(time))
}

/// The day of an RFC 3339 time here.
pub(crate) fn day(time: &str) -> String {
    local(time, "%A, %-d %B %Y").unwrap_or_else(|| sanitize::line(time))
}

/// The time of day of an RFC 3339 time here.
pub(crate) fn clock(time: &str) -> String {
    local(time, "%H:%M").unwrap_or_else(|| "--:--".to_owned())
}

fn local(time: &str, format: &str) -> Option<String> {
    let time: Timestamp = time.parse().ok()?;
    Some(time.to_zoned(TimeZone::system()).strftime(format).to_string())
}

/// A name, or who it is when there is none.
pub(crate) fn name_or_id(name: &str, id: &str) -> String {
    if name.is_empty() { short_id(id) } else { sanitize::line(name) }
}

/// Whose a message is, for the eyes of `me` (a ConnectID). Nobody else can pass for `me`.
pub(crate) fn author(row: &MessageView, me: &str) -> String {
    const ME: &str = "me";
    if row.author == me {
        return ME.to_owned();
    }
    let name = name_or_id(&row.author_name, &row.author);
    if skeleton(&name) == ME { format!("{name} ({})", short_id(&row.author)) } else { name }
}

/// The word for a contact's state.
pub(crate) fn contact_state(state: ContactState) -> &'static str {
    match state {
        ContactState::Requested => "requested",
        ContactState::Incoming => "asks",
        ContactState::Accepted => "accepted",
        ContactState::Blocked => "blocked",
        ContactState::Removed => "removed",
    }
}

/// The word for a message's state.
pub(crate) fn message_state(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "queued",
        MessageState::Sent => "sent",
        MessageState::Delivered => "delivered",
        MessageState::Read => "read",
    }
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    let mut whole = bytes;
    let mut tenth = 0;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 1024 {
            break;
        }
        (tenth, whole, unit) = ((whole % 1024) * 10 / 1024, whole / 1024, next);
    }
    if unit == "B" { format!("{whole} B") } else { format!("{whole}.{tenth} {unit}") }
}

/// Contacts, or requests.
pub(crate) fn contacts(rows: &[ContactView]) -> Table {
    let mut table = Table::new(&[
        "name",
        "connect id",
        "state",
        "verified",
        "path",
        "last seen",
        "message",
        "note",
    ]);
    for row in rows {
        table.row([
            row.name.clone(),
            short_id(&row.connect_id),
            contact_state(row.state).to_owned(),
            if row.verified { "yes" } else { "" }.to_owned(),
            row.path.clone().unwrap_or_default(),
            row.last_seen.as_deref().map(when).unwrap_or_default(),
            row.message.clone().unwrap_or_default(),
            row.warnings.join("; "),
        ]);
    }
    table
}

/// People on the LAN.
pub(crate) fn nearby(rows: &[NearbyView]) -> Table {
    let mut table = Table::new(&["name", "connect id", "contact", "addresses"]);
    for row in rows {
        table.row([
            row.name.clone(),
            short_id(&row.connect_id),
            row.contact.map(contact_state).unwrap_or_default().to_owned(),
            row.addresses.join(" "),
        ]);
    }
    table
}

/// Conversations.
pub(crate) fn conversations(rows: &[ConversationView]) -> Table {
    let mut table = Table::new(&["name", "unread", "last", "text", "state", "timer", "muted"]);
    for row in rows {
        let text: String = row.last_text.as_deref().unwrap_or_default().chars().take(60).collect();
        table.row([
            row.name.clone(),
            if row.unread == 0 { String::new() } else { row.unread.to_string() },
            row.last_time.as_deref().map(when).unwrap_or_default(),
            text,
            if row.state == ContactState::Accepted { "" } else { contact_state(row.state) }
                .to_owned(),
            row.timer.map(duration::show).unwrap_or_default(),
            row.muted.as_deref().map(until).unwrap_or_default(),
        ]);
    }
    table
}

/// A time until which something holds, or `forever`.
pub(crate) fn until(time: &str) -> String {
    if time == "forever" { time.to_owned() } else { format!("until {}", when(time)) }
}

/// Checks of `doctor`.
pub(crate) fn checks(rows: &[CheckView]) -> Table {
    let mut table = Table::new(&["", "check", "found"]);
    for row in rows {
        table.row([if row.ok { "ok" } else { "!!" }, row.check.as_str(), row.detail.as_str()]);
    }
    table
}

/// Devices.
pub(crate) fn devices(rows: &[DeviceView]) -> Table {
    let mut table = Table::new(&["device", "name", "added", "last seen", "note"]);
    for row in rows {
        let note = match (row.this, row.revoked) {
            (true, true) => "this one, revoked",
            (true, false) => "this one",
            (false, true) => "revoked",
            (false, false) => "",
        };
        table.row([
            short_id(&row.instance),
            row.name.clone(),
            when(&row.added),
            row.last_seen.as_deref().map(when).unwrap_or_default(),
            note.to_owned(),
        ]);
    }
    table
}

/// Logs.
pub(crate) fn logs(rows: &[LogView]) -> Table {
    let mut table = Table::new(&["", "log", "author", "entries", "head", "topic", "problem"]);
    for row in rows {
        table.row([
            if row.ok { "ok" } else { "!!" }.to_owned(),
            short_id(&row.log),
            row.author.as_deref().map(short_id).unwrap_or_default(),
            row.entries.to_string(),
            short_id(&row.head),
            short_id(&row.topic),
            row.problem.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// The story of a message.
pub(crate) fn story(rows: &[WhyView]) -> Table {
    let mut table = Table::new(&["time", "stage", "peer", "path", "detail"]);
    for row in rows {
        let time = local(&row.time, "%Y-%m-%d %H:%M:%S%.3f").unwrap_or_else(|| row.time.clone());
        table.row([
            time,
            row.stage.clone(),
            row.peer.as_deref().map(short_id).unwrap_or_default(),
            row.path.clone().unwrap_or_default(),
            row.detail.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10 << 20, "10.0 MiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn ids_are_short_and_safe() {
        assert_eq!(short_id("nx1qabcdefghijkl"), "nx1qabcdefgh");
        assert_eq!(short_id("0123456789abcdef"), "01234567");
        assert_eq!(when("not a time\u{1b}"), "not a time␛");
    }
}
