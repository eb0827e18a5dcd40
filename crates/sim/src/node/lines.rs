//! What a story has somebody write: as [`super::Job::Say`], but with texts that are written down.

use nexus_identity::ConnectId;
use nexus_log::body::Payload;
use nexus_log::fold::{Message, Shown, Unreadable};
use nexus_log::ids::EntryRef;

use super::jobs::{JobError, all_messages, open_to};
use super::work::Work;
use crate::plan::Line;

/// Writes a line to somebody.
///
/// # Errors
/// See [`JobError`]; a text that is not shown can't be answered.
pub(super) fn write(
    work: &mut Work<'_, '_, '_>,
    to: &ConnectId,
    line: &Line,
) -> Result<(), JobError> {
    let conversation = open_to(work, to)?;
    let shown = all_messages(work, &conversation)?;
    let find = |text: &str| -> Result<EntryRef, JobError> {
        let found = shown.iter().find(|message| message.state.text == text);
        let found = found.map(|message| message.base.position.entry());
        found.ok_or_else(|| JobError::Bug(format!("{text:?} is not shown here")))
    };
    let payload = match line {
        Line::Text(text) => Payload::Text(text.clone()),
        Line::Reply { of, text } => Payload::Reply { target: find(of)?, text: text.clone() },
        Line::Edit { of, text } => Payload::Edit { target: find(of)?, text: text.clone() },
        Line::Retract(of) => Payload::Retract { target: find(of)? },
        Line::React { of, emoji } => Payload::Reaction { target: find(of)?, emoji: emoji.clone() },
        Line::Timer(seconds) => Payload::Timer { seconds: *seconds },
    };
    work.write(&conversation, payload).map(drop)
}

/// A message as a story has it.
#[must_use]
pub fn words(message: &Message) -> String {
    match &message.base.shown {
        Shown::Unreadable(Unreadable::NoKey | Unreadable::Damaged) => "(unreadable)".into(),
        Shown::File(_) => "(file)".into(),
        Shown::Timer(_) => "(timer)".into(),
        Shown::Unknown(_) => "(unknown)".into(),
        _ if message.state.retracted => "(retracted)".into(),
        _ => {
            let reactions = message.state.reactions.iter().map(|one| one.emoji.as_str());
            let all: Vec<&str> =
                std::iter::once(message.state.text.as_str()).chain(reactions).collect();
            all.join(" ")
        }
    }
}
