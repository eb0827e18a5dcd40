//! One conversation on the screen: a window of its messages, where it is scrolled to, what is written into it.

use jiff::Timestamp;
use nexus_node::api::{HappenedView, MessageView};

use super::composer::Composer;

/// Messages asked for at a time.
pub const PAGE: u32 = 120;
/// Messages kept at most; beyond it the far end is let go.
pub const KEPT: usize = 600;
/// So many messages from an end of the window, more are asked for.
pub const NEAR: usize = 30;

/// What the viewport holds on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// The end: what is new comes into view.
    Bottom,
    /// This message at the top, without so many of its lines.
    Top {
        /// Its entry id.
        entry: String,
        /// Lines of it above the viewport.
        skip: usize,
    },
}

/// What is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writing {
    /// A new message.
    New,
    /// An answer to this entry.
    Reply(String),
    /// A new text for this entry.
    Edit(String),
}

/// One conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat {
    /// Its id.
    pub id: String,
    /// A window of it, oldest first.
    pub messages: Vec<MessageView>,
    /// Whether the window was read at all.
    pub loaded: bool,
    /// Counts what the person wanted to see of it: messages that were asked for by an earlier wish come too late.
    pub wish: u64,
    /// The wish for which the node refused more: what comes into view asks for nothing further.
    pub refused: Option<u64>,
    /// Whether there are older ones than the window.
    pub older: bool,
    /// Whether there are newer ones than the window.
    pub newer: bool,
    /// What the viewport holds on to.
    pub anchor: Anchor,
    /// The message that keys act on.
    pub selected: Option<String>,
    /// The unread line stands above this entry.
    pub unread_from: Option<String>,
    /// Messages that arrived below the viewport.
    pub new_below: u64,
    /// What happened besides what was written, oldest first, as the node keeps it; `None`: not known yet.
    pub happened: Option<Vec<HappenedView>>,
    /// Something more happened since that was asked for.
    pub happened_more: bool,
    /// What is written.
    pub composer: Composer,
    /// Whether keys move and change it rather than being typed: the normal mode of the Vim-like set.
    pub normal: bool,
    /// What kind of thing that is.
    pub writing: Writing,
    /// What was being written before an edit began; it comes back after it.
    pub aside: String,
    /// The draft as the node keeps it.
    pub kept_draft: String,
    /// The draft as the node was asked to keep it, while there is no answer.
    pub asked_draft: Option<String>,
    /// When the node refused last to keep it.
    pub draft_refused: Option<Timestamp>,
    /// When the draft was changed first since it was kept.
    pub draft_since: Option<Timestamp>,
    /// Texts on their way to the node, with the number of the question.
    pub outgoing: Vec<(u64, String)>,
}

impl Chat {
    /// Nothing is known of it yet.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            messages: Vec::new(),
            loaded: false,
            wish: 0,
            refused: None,
            older: false,
            newer: false,
            anchor: Anchor::Bottom,
            selected: None,
            unread_from: None,
            new_below: 0,
            happened: None,
            happened_more: false,
            composer: Composer::default(),
            normal: false,
            writing: Writing::New,
            aside: String::new(),
            kept_draft: String::new(),
            asked_draft: None,
            draft_refused: None,
            draft_since: None,
            outgoing: Vec::new(),
        }
    }

    /// Where a message is in the window.
    #[must_use]
    pub fn index(&self, entry: &str) -> Option<usize> {
        self.messages.iter().position(|m| m.entry_id == entry)
    }

    /// A message of the window.
    #[must_use]
    pub fn get(&self, entry: &str) -> Option<&MessageView> {
        self.messages.iter().find(|m| m.entry_id == entry)
    }

    /// How many messages arrived after times apart; `None`: not known yet.
    #[must_use]
    pub fn merged(&self) -> Option<u64> {
        self.happened.as_ref().map(|all| all.iter().map(|h| h.count).sum())
    }

    /// What stands between two messages, or after the last one of all.
    pub fn happened_between<'a>(
        &'a self,
        before: Option<&'a str>,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = &'a HappenedView> {
        let here = move |h: &&HappenedView| {
            before.is_none_or(|order| order < h.order.as_str())
                && after.is_none_or(|order| h.order.as_str() <= order)
        };
        self.happened.iter().flatten().filter(here)
    }

    /// Takes a message that is new or changed. `false` when it is beyond the window.
    pub fn take(&mut self, message: MessageView) -> bool {
        if let Some(known) = self.messages.iter_mut().find(|m| m.entry_id == message.entry_id) {
            // What was asked for earlier may be answered later; a state never falls.
            let state = known.state.max(message.state);
            *known = MessageView { state, ..message };
            return true;
        }
        let at = self.messages.partition_point(|m| m.order < message.order);
        let beyond = (at == 0 && self.older) || (at == self.messages.len() && self.newer);
        if !self.loaded || beyond {
            return false;
        }
        self.messages.insert(at, message);
        if self.messages.len() > KEPT && self.anchor == Anchor::Bottom {
            let more = self.messages.len() - KEPT + KEPT / 4;
            self.messages.drain(..more);
            self.older = true;
        }
        true
    }

    /// Puts older messages before the window, and lets go of its end.
    pub fn prepend(&mut self, mut older: Vec<MessageView>) {
        self.older = older.len() >= PAGE as usize;
        older.retain(|o| self.messages.first().is_none_or(|f| o.order < f.order));
        older.append(&mut self.messages);
        self.messages = older;
        if self.messages.len() > KEPT {
            self.messages.truncate(KEPT);
            self.newer = true;
        }
    }

    /// Puts newer messages after the window, and lets go of its beginning.
    pub fn append(&mut self, mut newer: Vec<MessageView>) {
        self.newer = newer.len() >= PAGE as usize;
        newer.retain(|n| self.messages.last().is_none_or(|l| n.order > l.order));
        self.messages.append(&mut newer);
        if self.messages.len() > KEPT {
            let more = self.messages.len() - KEPT;
            self.messages.drain(..more);
            self.older = true;
        }
    }

    /// Begins an edit with this text; what was being written comes back after it.
    pub fn begin_edit(&mut self, entry: &str, text: &str) {
        let draft = self.draft().to_owned();
        self.aside = draft;
        self.writing = Writing::Edit(entry.to_owned());
        self.composer.set(text);
    }

    /// Ends an edit; what was being written before it is back.
    pub fn end_edit(&mut self) {
        let aside = std::mem::take(&mut self.aside);
        self.writing = Writing::New;
        self.composer.set(&aside);
    }

    /// What the node should keep as a draft: an edit is none.
    #[must_use]
    pub fn draft(&self) -> &str {
        match self.writing {
            Writing::Edit(_) => &self.aside,
            _ => self.composer.text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::testing::message;

    #[test]
    fn a_window_stays_in_order_and_within_its_bounds() {
        let mut chat = Chat::new("c");
        chat.loaded = true;
        for n in [3, 1, 2] {
            assert!(chat.take(message(n, "ben")));
        }
        let order = |chat: &Chat| chat.messages.iter().map(|m| m.order.clone()).collect::<Vec<_>>();
        assert!(order(&chat).is_sorted());
        chat.older = true;
        assert!(!chat.take(message(0, "ben")), "older than a window that does not reach back");
        chat.prepend((0..1).map(|n| message(n, "ben")).collect());
        assert!(!chat.older && chat.messages.len() == 4);
        chat.append((1..2_000).map(|n| message(n, "ben")).collect());
        assert!(chat.messages.len() == KEPT && chat.older && order(&chat).is_sorted());
    }

    #[test]
    fn a_state_never_falls() {
        use nexus_node::api::MessageState as S;
        let mut chat = Chat::new("c");
        chat.loaded = true;
        chat.take(MessageView { state: S::Read, ..message(1, "me") });
        chat.take(MessageView { state: S::Sent, text: "edited".into(), ..message(1, "me") });
        assert_eq!((chat.messages[0].state, chat.messages[0].text.as_str()), (S::Read, "edited"));
    }
}
