//! What was written and is not known to be kept.

use super::Model;
use super::chat::Writing;
use crate::message::Purpose;

/// A text that would be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsaved {
    /// In which conversation it was written.
    pub conversation: String,
    /// What it is: "a draft".
    pub what: &'static str,
    /// The text.
    pub text: String,
    /// Whether the node was to keep it.
    pub was_asked: bool,
}

/// Everything that would be lost if the program ended now.
#[must_use]
pub fn unsaved(model: &Model) -> Vec<Unsaved> {
    let mut all = Vec::new();
    for pending in model.pending.values() {
        let (conversation, what, text) = match &pending.purpose {
            Purpose::Send { conversation, text, .. } => (conversation, "a message", text),
            Purpose::Edit { conversation, text, .. } => {
                (conversation, "a new text for a message", text)
            }
            _ => continue,
        };
        let (conversation, text) = (conversation.clone(), text.clone());
        all.push(Unsaved { conversation, what, text, was_asked: true });
    }
    for chat in model.chats.values() {
        let conversation = || chat.id.clone();
        let draft = chat.draft();
        if !draft.trim().is_empty() && draft != chat.kept_draft {
            let (what, text) = ("a draft", draft.to_owned());
            all.push(Unsaved { conversation: conversation(), what, text, was_asked: true });
        }
        if let Writing::Edit(entry) = &chat.writing
            && chat.get(entry).is_none_or(|m| m.text != chat.composer.text())
        {
            let text = chat.composer.text().to_owned();
            let what = "a new text for a message that was not sent";
            all.push(Unsaved { conversation: conversation(), what, text, was_asked: false });
        }
    }
    all
}
