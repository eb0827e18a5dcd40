//! The bar at the bottom: whether I am online and how, what is waited for, what just happened, the keys to begin with.

use jiff::SignedDuration;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};
use std::collections::BTreeMap;

use super::{apart, lines, paragraph};
use crate::keymap::{Action as A, spelled};
use crate::message::Purpose;
use crate::model::Model;
use crate::sanitize;
use crate::text::{count, truncate, width};

/// What takes longer than this is told.
const LONG: SignedDuration = SignedDuration::from_millis(500);

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let cells = usize::from(area.width);
    let (left, style) = match (&model.toast, waits(model)) {
        (Some(toast), _) if toast.bad => (format!(" ! {}", toast.text), model.theme.bad),
        (_, Some(wait)) => (format!(" … {}", waited(wait)), model.theme.unread),
        (Some(toast), _) => (format!(" {}", toast.text), model.theme.good),
        (None, None) => (me(model), model.theme.bar),
    };
    let key = |action| model.config.keymap.keys_of(action, None);
    let right = match model.keys.is_empty() {
        false => format!("{} … ", spelled(&model.keys)),
        true => format!("{} keys  {} do  {} go ", key(A::Help), key(A::Palette), key(A::Switch)),
    };
    let right = if width(&left) + width(&right) + 2 > cells { String::new() } else { right };
    let line = apart(
        Span::styled(truncate(&left, cells), style),
        Span::styled(right, model.theme.bar),
        cells,
    );
    frame.render_widget(Line::from(line.spans).style(model.theme.bar), area);
}

/// What went wrong, whole, at the top, where the bar has no room for it: its end says what to do.
pub(super) fn too_long(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(toast) = model.toast.as_ref().filter(|toast| toast.bad) else { return };
    let cells = usize::from(area.width);
    if width(&toast.text) + 3 <= cells {
        return;
    }
    let rows = paragraph(&format!("! {}", toast.text), cells.saturating_sub(2), model.theme.bad);
    let height = u16::try_from(rows.len()).unwrap_or(area.height).min(area.height / 2);
    let at = Rect { height, ..area };
    frame.render_widget(Clear, at);
    frame.render_widget(Block::new().style(model.theme.bar), at);
    lines(frame, Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..at }, rows);
}

/// `Ana · online: 2 by lan, 1 by relay`
fn me(model: &Model) -> String {
    let name = model.me.as_ref().map(|me| sanitize::line(&me.name)).unwrap_or_default();
    format!(" {name} · {}", online(model))
}

/// Whether I am online, and how: `online: 2 by lan, 1 by relay`.
pub(crate) fn online(model: &Model) -> String {
    let mut paths: BTreeMap<&str, u64> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for link in model.links.values().filter(|l| seen.insert(&l.connect_id)) {
        *paths.entry(model.path(&link.connect_id).unwrap_or("lan")).or_default() += 1;
    }
    let state = if paths.is_empty() {
        let near = model.nearby.len() as u64;
        match near {
            0 => "no links".to_owned(),
            n => format!("no links, {} nearby", n),
        }
    } else {
        let all: Vec<String> = paths.iter().map(|(path, n)| format!("{n} by {path}")).collect();
        format!("online: {}", all.join(", "))
    };
    let quiet = if model.is_quiet() { " · do not disturb" } else { "" };
    format!("{state}{quiet}")
}

/// What the node has not answered for a while: what that is, seconds, how many things more.
pub(crate) fn waits(model: &Model) -> Option<(&'static str, i64, u64)> {
    let late = |p: &&crate::model::Pending| {
        model.now.at.duration_since(p.since) > LONG && p.purpose != Purpose::Doctor
    };
    let late: Vec<_> = model.pending.values().filter(late).collect();
    let first = late.first()?;
    let what = match &first.purpose {
        Purpose::Send { .. } | Purpose::Edit { .. } => "your message is being kept",
        Purpose::Keep { .. } => "your draft is being kept",
        Purpose::Window { .. } | Purpose::Unread { .. } | Purpose::Around { .. } => {
            "reading messages"
        }
        Purpose::Search { .. } => "searching",
        Purpose::Contact(_) => "asking",
        _ => "waiting for the node",
    };
    let seconds = model.now.at.duration_since(first.since).as_secs();
    Some((what, seconds, late.len() as u64 - 1))
}

fn waited((what, seconds, more): (&str, i64, u64)) -> String {
    let more = match more {
        0 => String::new(),
        n => format!(", {}", count(n, "more thing", "more things")),
    };
    format!("{what} ({seconds} s{more})")
}
