//! What lies above the panes: help, palette, search, forms, questions, pages.

use nexus_node::api::{Command, MessageView};

use super::Model;
use super::composer::Composer;
use crate::keymap::Action;
use crate::text;

/// Something above the panes.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// The keys.
    Help {
        /// Lines scrolled away.
        scroll: usize,
    },
    /// Something to choose from, by typing.
    Pick(Pick),
    /// Search, with what was found.
    Search(Search),
    /// Something to fill in.
    Form(Form),
    /// A question with yes or no.
    Confirm(Confirm),
    /// Something to read.
    Page(Page),
    /// Settings.
    Settings {
        /// Which is selected.
        selected: usize,
    },
}

/// What is chosen from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickKind {
    /// All actions.
    Palette,
    /// All conversations.
    Switch,
    /// Reactions to the selected message.
    React,
}

/// A choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// What is chosen from.
    pub kind: PickKind,
    /// What was typed.
    pub field: Composer,
    /// Which of what fits is selected.
    pub selected: usize,
}

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Do this.
    Action(Action),
    /// Go there.
    Conversation(String),
    /// React so; empty takes it back.
    Emoji(String),
}

/// A line of a choice; safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub label: String,
    /// Beside it.
    pub hint: String,
    /// What it is.
    pub choice: Choice,
}

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// What was typed.
    pub field: Composer,
    /// Only in this conversation.
    pub within: Option<String>,
    /// What was found, newest first.
    pub found: Vec<MessageView>,
    /// For which words that was.
    pub answered: String,
    /// Which is selected.
    pub selected: usize,
}

/// What a form is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormKind {
    /// Ask somebody to become a contact.
    AddContact,
    /// Go to a day.
    Date,
    /// My name for others.
    Name,
    /// Write a backup.
    Backup,
}

/// Something to fill in.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// What for.
    pub kind: FormKind,
    /// Labels and what was typed.
    pub fields: Vec<(&'static str, Composer)>,
    /// Which field has the keys.
    pub at: usize,
    /// What is wrong with it.
    pub error: String,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    /// The question.
    pub question: String,
    /// What a yes asks of the node.
    pub command: Command,
    /// What is said then.
    pub done: &'static str,
    /// Whether it is about a contact.
    pub contact: bool,
}

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What.
    pub kind: PageKind,
    /// Lines scrolled away.
    pub scroll: usize,
}

/// What there is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageKind {
    /// Links, discovery, store, checks.
    Network,
    /// The story of a message.
    Why(String),
    /// My ConnectID.
    MyId,
    /// An invite link.
    Invite,
    /// A backup, and the words that open it.
    Backup,
    /// Somebody, by ConnectID.
    Contact(String),
}

impl Window {
    /// The field that typing goes to.
    pub fn field(&mut self) -> Option<&mut Composer> {
        match self {
            Self::Pick(pick) => Some(&mut pick.field),
            Self::Search(search) => Some(&mut search.field),
            Self::Form(form) => form.fields.get_mut(form.at).map(|(_, field)| field),
            _ => None,
        }
    }
}

/// A choice of this kind, nothing typed yet.
#[must_use]
pub fn pick(kind: PickKind) -> Window {
    Window::Pick(Pick { kind, field: Composer::default(), selected: 0 })
}

const EMOJI: [(&str, &str); 12] = [
    ("👍", "thumbs up yes"),
    ("❤️", "heart love"),
    ("😂", "laugh joy"),
    ("😮", "wow surprised"),
    ("😢", "sad cry"),
    ("🙏", "thanks please"),
    ("🎉", "party congratulations"),
    ("🔥", "fire"),
    ("👀", "eyes look"),
    ("✅", "done check"),
    ("❌", "no cross"),
    ("👎", "thumbs down no"),
];

/// What fits what was typed, the best first.
#[must_use]
pub fn options(model: &Model, pick: &Pick) -> Vec<Line> {
    let all: Vec<Line> = match pick.kind {
        PickKind::Palette => Action::ALL
            .iter()
            .filter(|a| !a.is_motion())
            .map(|action| Line {
                label: action.help().to_owned(),
                hint: model.config.keymap.keys_of(*action, None),
                choice: Choice::Action(*action),
            })
            .collect(),
        PickKind::Switch => model
            .conversations
            .iter()
            .map(|c| Line {
                label: crate::sanitize::line(&c.name),
                hint: if c.unread > 0 { format!("{} unread", c.unread) } else { String::new() },
                choice: Choice::Conversation(c.id.clone()),
            })
            .collect(),
        PickKind::React => reactions(pick.field.text()),
    };
    let query = pick.field.text();
    let mut scored: Vec<(u32, Line)> = all
        .into_iter()
        .filter_map(|option| {
            let words = match &option.choice {
                Choice::Action(action) => format!("{} {}", option.label, action.name()),
                Choice::Emoji(emoji) => format!("{emoji} {}", option.label),
                Choice::Conversation(_) => option.label.clone(),
            };
            Some((text::fuzzy(query, &words)?, option))
        })
        .collect();
    if !query.is_empty() {
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    }
    scored.into_iter().map(|(_, option)| option).collect()
}

/// The usual ones, what was typed if it is none of them, and taking one back.
fn reactions(typed: &str) -> Vec<Line> {
    let option = |emoji: &str, label: String| Line {
        label,
        hint: String::new(),
        choice: Choice::Emoji(emoji.to_owned()),
    };
    let mut all: Vec<Line> =
        EMOJI.iter().map(|(emoji, words)| option(emoji, format!("{emoji}  {words}"))).collect();
    all.push(option("", "take my reaction back".to_owned()));
    if !typed.is_empty() && !typed.is_ascii() {
        all.insert(0, option(typed, format!("{}  as typed", crate::sanitize::line(typed))));
    }
    all
}
