//! The mouse: a click chooses, the wheel scrolls what lies under it.

use ratatui::layout::{Position, Rect};

use super::{conversation, windows};
use crate::keymap::Action as A;
use crate::layout::{panes, parts, scroll};
use crate::message::Mouse;
use crate::model::{Focus, Model, Stage, home};
use crate::view::home::rows;

/// Lines for each notch of the wheel.
const NOTCH: isize = 3;

/// What the mouse did.
pub(super) fn mouse(model: &mut Model, mouse: Mouse) {
    if model.stage != Stage::Running {
        return;
    }
    let (x, y) = match mouse {
        Mouse::Click(x, y) | Mouse::Wheel(x, y, _) => (x, y),
    };
    let inside = |area: Option<Rect>| area.filter(|a| a.contains(Position { x, y }));
    let panes = panes(model);
    if !model.windows.is_empty() {
        if let Mouse::Wheel(_, _, by) = mouse {
            windows::act(model, if by < 0 { A::Up } else { A::Down });
        }
        return;
    }
    if let Some(area) = inside(panes.list) {
        match mouse {
            Mouse::Wheel(_, _, by) => home::step(model, if by < 0 { -1 } else { 1 }),
            Mouse::Click(..) => in_list(model, area, y),
        }
    } else if let Some(area) = inside(panes.chat) {
        match mouse {
            Mouse::Wheel(_, _, by) => {
                conversation::scroll_by(model, isize::try_from(by).unwrap_or(0) * NOTCH);
            }
            Mouse::Click(..) => in_chat(model, area, y),
        }
    }
}

fn in_list(model: &mut Model, area: Rect, y: u16) {
    let line = usize::from(y.saturating_sub(area.y));
    let shown = rows(model, area);
    let Some(Some(item)) = shown.get(line).map(|row| row.item.clone()) else { return };
    model.focus = Focus::List;
    model.selected = Some(item.clone());
    if let home::Item::Conversation(id) = item {
        conversation::open(model, &id);
    }
}

fn in_chat(model: &mut Model, area: Rect, y: u16) {
    let Some(chat) = model.chat() else { return };
    let parts = parts(chat, area);
    let messages = parts.messages;
    if y >= parts.composer.y {
        model.focus = Focus::Composer;
    } else if (messages.y..messages.bottom()).contains(&y) {
        let shown =
            scroll::visible(model, chat, usize::from(messages.width), usize::from(messages.height));
        // Short conversations stand at the bottom.
        let empty = usize::from(messages.height).saturating_sub(shown.len());
        let line = usize::from(y - messages.y).checked_sub(empty);
        if let Some(index) = line.and_then(|l| shown.get(l)).map(|(index, _)| *index) {
            conversation::select(model, index);
        }
    }
}
