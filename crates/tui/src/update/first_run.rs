//! Before the node runs: a name is asked for, and what an identity is, is told.

use super::{act, compose, windows};
use crate::keymap::{Action as A, Code, Key, Meaning, Place};
use crate::message::Effect;
use crate::model::{Model, Stage};

/// A key, before the node runs.
pub(super) fn pressed(model: &mut Model, key: Key) {
    let meaning = match model.config.keymap.meaning(Place::Composer, &[key]) {
        Meaning::Action(action) => Some(action),
        _ => None,
    };
    if matches!(meaning, Some(A::Quit)) {
        return act::quit(model);
    }
    if let Some(A::Redraw | A::Suspend) = meaning {
        let effect = if meaning == Some(A::Redraw) { Effect::Redraw } else { Effect::Suspend };
        return model.effects.push(effect);
    }
    match &mut model.stage {
        Stage::Name(field) => match (key.code, meaning) {
            (Code::Enter, _) => begin(model),
            (_, Some(action)) if compose::edit(field, action) => {}
            _ => {
                if let Some(c) = key.typed() {
                    field.typed(c);
                }
            }
        },
        Stage::Welcome if key.code == Code::Enter => {
            model.stage = if model.me.is_some() { Stage::Running } else { Stage::Starting };
        }
        Stage::Welcome if key.code == Code::Char('b') && model.me.is_some() => {
            model.stage = Stage::Running;
            model.windows.push(windows::backup());
        }
        Stage::Gone(..) if matches!(key.code, Code::Enter | Code::Esc | Code::Char('q')) => {
            act::quit(model);
        }
        _ => {}
    }
}

fn begin(model: &mut Model) {
    let Stage::Name(field) = &model.stage else { return };
    let name = field.text().trim().to_owned();
    if name.is_empty() {
        return model.complain("A name first: it is what others see.");
    }
    model.stage = Stage::Welcome;
    model.effects.push(Effect::Begin { name });
}
