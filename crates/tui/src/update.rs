//! What a message does to the model.

mod act;
mod bind;
mod compose;
mod conversation;
mod first_run;
mod line;
mod mouse;
mod node;
mod people;
mod search;
mod settings;
mod settle;
#[cfg(test)]
pub(crate) mod testing;
mod windows;

pub use compose::MAX_TEXT;

use crate::keymap::{Key, MAX_SEQUENCE, Meaning, Place};
use crate::message::{Effect, Message};
use crate::model::{Model, Stage};

/// Takes in what happened; tells what is wanted of the rim.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    update_all(model, [message])
}

/// Takes in several things; what follows from changes is done once, after the last of them.
pub fn update_all(model: &mut Model, messages: impl IntoIterator<Item = Message>) -> Vec<Effect> {
    for message in messages {
        take(model, message);
    }
    settle::settle(model);
    std::mem::take(&mut model.effects)
}

fn take(model: &mut Model, message: Message) {
    match message {
        Message::Key(key) => pressed(model, key),
        Message::Paste(text) => compose::paste(model, &text),
        Message::Mouse(mouse) => mouse::mouse(model, mouse),
        Message::Resize(width, height) => model.size = (width, height),
        Message::Focus(looked_at) => model.looked_at = looked_at,
        Message::Time(now) => model.now = now,
        Message::Attached => node::attached(model),
        Message::Detached(error) => node::detached(model, error),
        Message::Answer { serial, purpose, result } => {
            model.pending.remove(&serial);
            node::answer(model, serial, purpose, result);
        }
        Message::Event(event) => node::event(model, event.event),
        Message::Edited(text) => compose::edited(model, text),
        Message::Written(result) => {
            if let Some(backup) = &mut model.backup {
                backup.written = Some(result);
            }
        }
        Message::Untold(title, text) => {
            // There is none, or none that answers: the terminal tells from now on.
            model.desktop = false;
            model.effects.push(Effect::Notify { title, text, desktop: false });
        }
        Message::Said(text) => model.complain(text),
        Message::Done(text) => model.say(text),
        Message::Line(text) => line::line(model, &text),
        Message::Greet => line::list(model),
        Message::Heard => line::heard(model),
        Message::Quit => act::quit(model),
    }
}

fn pressed(model: &mut Model, key: Key) {
    if model.stage != Stage::Running {
        return first_run::pressed(model, key);
    }
    if model.toast.as_ref().is_some_and(|t| t.bad) {
        model.toast = None;
    }
    if bind::pressed(model, key) {
        return;
    }
    let place = model.place();
    if place == Place::Window
        && windows::has_field(model)
        && let Some(c) = key.typed()
    {
        model.keys.clear();
        return compose::typed(model, place, c);
    }
    model.keys.push(key);
    let mut meaning = model.config.keymap.meaning(place, &model.keys);
    if meaning == Meaning::Nothing && model.keys.len() > 1 {
        // What had begun came to nothing: the last key is one of its own.
        model.keys.drain(..model.keys.len() - 1);
        meaning = model.config.keymap.meaning(place, &model.keys);
    }
    if place == Place::Window && windows::has_field(model) && meaning == Meaning::Nothing {
        // The fields of windows are edited as the composer is.
        meaning = model.config.keymap.meaning(Place::Composer, &model.keys);
    }
    match meaning {
        Meaning::Prefix if model.keys.len() < MAX_SEQUENCE => {}
        Meaning::Action(action) => {
            model.keys.clear();
            act::act(model, place, action);
        }
        _ => {
            model.keys.clear();
            if let Some(c) = key.typed() {
                compose::typed(model, place, c);
            }
        }
    }
}

#[cfg(test)]
mod tests;
