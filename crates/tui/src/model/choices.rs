//! What there is to choose from, and what of it fits what was typed.

use super::Model;
use super::window::{Choice, Line, Pick, PickKind};
use crate::keymap::{Action, Keymap, Place, Set};
use crate::{links, text};

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
        PickKind::Mute => spans(&MUTES, "always, until you unmute it", Choice::Mute),
        PickKind::Timer => spans(&TIMERS, "never: they stay", Choice::Timer),
        PickKind::Links => of_message(model),
        PickKind::Keys => keys(model),
    };
    let query = pick.field.text();
    let mut scored: Vec<(u32, Line)> = all
        .into_iter()
        .filter_map(|option| {
            let words = match &option.choice {
                Choice::Action(action) => format!("{} {}", option.label, action.name()),
                Choice::Emoji(emoji) => format!("{emoji} {}", option.label),
                _ => option.label.clone(),
            };
            Some((text::fuzzy(query, &words)?, option))
        })
        .collect();
    if !query.is_empty() {
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    }
    scored.into_iter().map(|(_, option)| option).collect()
}

/// For so long a conversation can be muted.
const MUTES: [(&str, u64); 4] =
    [("1 hour", 3_600), ("8 hours", 8 * 3_600), ("1 day", 86_400), ("1 week", 7 * 86_400)];

/// After so long messages can disappear.
const TIMERS: [(&str, u64); 7] = [
    ("1 minute", 60),
    ("5 minutes", 300),
    ("1 hour", 3_600),
    ("8 hours", 8 * 3_600),
    ("1 day", 86_400),
    ("1 week", 7 * 86_400),
    ("4 weeks", 28 * 86_400),
];

fn spans(all: &[(&str, u64)], no_end: &str, choice: fn(Option<u64>) -> Choice) -> Vec<Line> {
    let line = |label: &str, seconds| Line {
        label: label.to_owned(),
        hint: String::new(),
        choice: choice(seconds),
    };
    let mut lines: Vec<Line> = all.iter().map(|(label, s)| line(label, Some(*s))).collect();
    lines.push(line(no_end, None));
    lines
}

/// What has a key, by the set or by the person, place by place; and what has none.
fn keys(model: &Model) -> Vec<Line> {
    let map = &model.config.keymap;
    let known = [Keymap::of(Set::Default), Keymap::of(Set::Vim)];
    let any = |place: Place, action: Action| {
        let all = known.iter().chain([map]).flat_map(Keymap::bindings);
        all.filter(|b| b.action == action).any(|b| b.place == place)
    };
    let nowhere = |action| !Place::ALL.into_iter().any(|place| any(place, action));
    let mut lines = Vec::new();
    for place in Place::ALL {
        for action in Action::ALL {
            let here = any(place, *action) || (place == Place::Everywhere && nowhere(*action));
            if !here {
                continue;
            }
            lines.push(Line {
                label: format!("{}: {}", place.title(), action.help()),
                hint: map.all_keys_of(*action, place),
                choice: Choice::Bind(place, *action),
            });
        }
    }
    lines
}

/// The links of the message that is selected.
fn of_message(model: &Model) -> Vec<Line> {
    let found = model.message().map(|m| links::find(&m.text)).unwrap_or_default();
    let line = |link: String| Line {
        label: link.clone(),
        hint: String::new(),
        choice: Choice::Link(link),
    };
    found.into_iter().map(line).collect()
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
    let usual = |e: &&emojis::Emoji| !EMOJI.iter().any(|(emoji, _)| *emoji == e.as_str());
    if !typed.is_empty() {
        all.extend(
            emojis::iter().filter(usual).map(|e| option(e.as_str(), format!("{e}  {}", e.name()))),
        );
    }
    all.push(option("", "take my reaction back".to_owned()));
    if !typed.is_empty() && !typed.is_ascii() {
        all.insert(0, option(typed, format!("{}  as typed", crate::sanitize::line(typed))));
    }
    all
}
