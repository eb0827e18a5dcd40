//! Changing settings: at once where that can be, and kept in `config.toml`.

use nexus_node::api::Command;
use nexus_node::config::Visibility;

use super::{bind, windows};
use crate::config::QuietHours;
use crate::keymap::{Action, Place};
use crate::message::{Effect, Purpose};
use crate::model::Model;
use crate::model::composer::Composer;
use crate::model::settings::{self, Setting};
use crate::model::window::{Form, FormKind, Window};
use crate::theme::Kind;

/// Changes the selected setting to its next value, and keeps it.
pub(super) fn change(model: &mut Model, selected: usize) {
    let Some(setting) = Setting::ALL.get(selected) else { return };
    let config = &mut model.config;
    let (name, on) = match setting {
        Setting::Name => return name(model),
        Setting::Visibility => return visibility(model),
        Setting::Theme => return theme(model),
        Setting::QuietHours => return ask_hours(model),
        Setting::Keys => return keys(model),
        Setting::Bindings => return bind::list(model),
        Setting::Mouse => ("mouse", &mut config.mouse),
        Setting::Notifications => ("notifications", &mut config.notifications),
        Setting::Desktop => ("desktop", &mut config.desktop),
        Setting::Bell => ("bell", &mut config.bell),
        Setting::DoNotDisturb => ("do_not_disturb", &mut config.do_not_disturb),
    };
    *on = !*on;
    let value = on.to_string();
    model.effects.push(Effect::Set(name, value));
}

fn field(model: &mut Model, kind: FormKind, label: &'static str, text: &str) {
    let fields = vec![(label, Composer::with(text))];
    windows::show(model, Window::Form(Form { kind, fields, at: 0, error: String::new() }));
}

fn name(model: &mut Model) {
    let name = model.me.as_ref().map_or(String::new(), |m| m.name.clone());
    field(model, FormKind::Name, "My name, as others see it", &name);
}

fn visibility(model: &mut Model) {
    model.visibility = match model.visibility {
        Visibility::Everyone => Visibility::Contacts,
        Visibility::Contacts => Visibility::Hidden,
        Visibility::Hidden => Visibility::Everyone,
    };
    let value = settings::visibility(model.visibility);
    // The file is for the next start; the node that runs is told.
    model.effects.push(Effect::SetNode("visibility", value.to_owned()));
    let done = match model.visibility {
        Visibility::Everyone => "Everybody nearby sees your name and ConnectID now.",
        Visibility::Contacts => "Only contacts recognise you nearby now.",
        Visibility::Hidden => "Nobody sees you nearby now.",
    };
    model.ask(Purpose::Change(done), Command::Visibility { visibility: model.visibility });
}

fn theme(model: &mut Model) {
    let at = Kind::ALL.iter().position(|k| *k == model.config.theme).unwrap_or(0);
    let next = Kind::ALL.get((at + 1) % Kind::ALL.len()).copied().unwrap_or_default();
    model.set_theme(next);
    model.effects.push(Effect::Set("theme", format!("\"{}\"", next.name())));
}

fn keys(model: &mut Model) {
    let vim = !model.config.vim;
    model.config.set_keys(vim);
    model.keys.clear();
    for chat in model.chats.values_mut() {
        chat.normal = false;
    }
    let help = model.config.keymap.keys_of(Action::Help, Some(Place::Everywhere));
    model.say(format!("These keys hold from now on: {help} shows them."));
    let value = if vim { "\"vim\"" } else { "\"default\"" };
    model.effects.push(Effect::Set("keys", value.to_owned()));
}

fn ask_hours(model: &mut Model) {
    let now = model.config.quiet_hours.map(|h| h.to_string()).unwrap_or_default();
    field(model, FormKind::QuietHours, "Tell of nothing between (22:00-07:00; empty: never)", &now);
}

/// Takes over the hours in which nothing is told; `false` when they can't be read.
pub(super) fn quiet_hours(model: &mut Model, text: &str) -> bool {
    let hours = match text {
        "" => None,
        _ => match QuietHours::parse(text) {
            Some(hours) => Some(hours),
            None => return false,
        },
    };
    model.config.quiet_hours = hours;
    let value = hours.map(|h| h.to_string()).unwrap_or_default();
    model.effects.push(Effect::Set("quiet_hours", format!("\"{value}\"")));
    true
}

/// Tells of nothing from now on, or of news again.
pub(super) fn do_not_disturb(model: &mut Model) {
    let on = !model.config.do_not_disturb;
    model.config.do_not_disturb = on;
    model.say(match on {
        true => "Do not disturb: nothing is told until you turn it off.",
        false => "News are told again.",
    });
    model.effects.push(Effect::Set("do_not_disturb", on.to_string()));
}

#[cfg(test)]
mod tests;
