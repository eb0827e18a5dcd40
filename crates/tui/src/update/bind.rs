//! Giving an action another key from inside: the key is pressed, looked at, and kept.

use super::windows;
use crate::config::Change;
use crate::keymap::{Action, Code, Key, Keymap, MAX_SEQUENCE, Place, Set, parse, spelled};
use crate::message::Effect;
use crate::model::Model;
use crate::model::window::{Bind, PickKind, Window, pick};

/// What must stay within reach of some key, or nobody could change anything any more.
const NEEDED: [Action; 4] = [Action::Palette, Action::Settings, Action::Back, Action::Quit];

/// Shows what has which key.
pub(super) fn list(model: &mut Model) {
    match model.linear.is_some() {
        true => model.say("There are no keys here: every action is typed by its name."),
        false => windows::show(model, pick(PickKind::Keys)),
    }
}

/// Asks for the key of an action.
pub(super) fn ask(model: &mut Model, place: Place, action: Action) {
    model.windows.push(Window::Bind(Bind {
        place,
        action,
        keys: Vec::new(),
        error: String::new(),
    }));
}

/// A key was pressed while one is asked for. `false` when none is.
pub(super) fn pressed(model: &mut Model, key: Key) -> bool {
    let Some(Window::Bind(bind)) = model.windows.last_mut() else { return false };
    bind.error.clear();
    let none = bind.keys.is_empty();
    match (key, none) {
        (key, _) if key == Key::plain(Code::Esc) => {
            model.windows.pop();
        }
        (key, false) if key == Key::plain(Code::Enter) => keep(model),
        (key, false) if key == Key::plain(Code::Backspace) => bind.keys.clear(),
        (key, _) => {
            if bind.keys.len() >= MAX_SEQUENCE {
                bind.keys.clear();
            }
            bind.keys.push(key);
        }
    }
    true
}

fn keep(model: &mut Model) {
    let Some(Window::Bind(bind)) = model.windows.last_mut() else { return };
    let (place, keys) = (bind.place, bind.keys.clone());
    let has = |b: &crate::keymap::Binding| b.place == place && b.keys == keys;
    let does = model.config.keymap.bindings().iter().find(|b| has(b)).map(|b| b.action);
    // A key that does it already does it no more.
    let action = (does != Some(bind.action)).then_some(bind.action);
    if let Err(why) = possible(&model.config.keymap, place, &keys, action) {
        return why.clone_into(&mut bind.error);
    }
    let words = match action {
        Some(action) => format!("{} from now on: {}.", spelled(&keys), action.help()),
        None => format!("{} does nothing here from now on.", spelled(&keys)),
    };
    model.windows.pop();
    model.say(words);
    change(model, (place, keys, action));
}

/// Whether keys can have this meaning.
fn possible(
    map: &Keymap,
    place: Place,
    keys: &[Key],
    action: Option<Action>,
) -> Result<(), &'static str> {
    let typed = keys.first().is_some_and(|key| key.typed().is_some());
    if action.is_some() && typed && matches!(place, Place::Everywhere | Place::Composer) {
        return Err("That is typed where text is written: take it with Ctrl or Alt.");
    }
    if parse(&spelled(keys)).as_deref() != Ok(keys) {
        return Err("That key can't be written in config.toml.");
    }
    let shorter = |b: &&crate::keymap::Binding| {
        b.place == place && b.keys.len() < keys.len() && keys.starts_with(&b.keys)
    };
    if action.is_some() && map.bindings().iter().any(|b| shorter(&b)) {
        return Err("The first of them does something already: nothing would wait for the second.");
    }
    let mut after = map.clone();
    after.bind(place, keys.to_vec(), action);
    let lost = |action: &Action| {
        // What only one place has is no way from everywhere.
        let ways = after.bindings().iter().filter(|b| b.action == *action);
        !ways.into_iter().any(|b| b.place == Place::Everywhere)
    };
    match NEEDED.iter().any(lost) {
        true => Err("Give what it did another key everywhere first: it is needed."),
        false => Ok(()),
    }
}

/// Takes a change over, and keeps it.
fn change(model: &mut Model, (place, keys, action): Change) {
    let config = &mut model.config;
    config.changed.retain(|(p, k, _)| *p != place || *k != keys);
    // What the set says by itself need not be written down.
    let set = Keymap::of(if config.vim { Set::Vim } else { Set::Default });
    let own = set.bindings().iter().find(|b| b.place == place && b.keys == keys);
    let written = own.map(|b| b.action) != action;
    if written {
        config.changed.push((place, keys.clone(), action));
    }
    config.set_keys(config.vim);
    let action = written.then_some(action);
    model.effects.push(Effect::Bind { place, keys, action });
}

#[cfg(test)]
mod tests;
