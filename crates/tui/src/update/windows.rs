//! What is done in windows: choosing, searching, filling in, saying yes.

use nexus_node::api::Command;

use super::{act as acting, bind, compose, conversation, search, settings};
use crate::keymap::Action as A;
use crate::message::{Effect, Load, Purpose};
use crate::model::Model;
use crate::model::choices::options;
use crate::model::composer::Composer;
use crate::model::settings::Setting;
use crate::model::window::{Choice, Confirm, Form, FormKind, PageKind, Pick, Window};

/// Opens a window; one that chooses takes the place of another that does.
pub(super) fn show(model: &mut Model, window: Window) {
    let passing = |w: &Window| matches!(w, Window::Pick(_) | Window::Search(_));
    if passing(&window) {
        model.windows.retain(|w| !passing(w));
    }
    model.windows.push(window);
}

/// Whether typing goes to a field.
pub(super) fn has_field(model: &Model) -> bool {
    matches!(model.windows.last(), Some(Window::Pick(_) | Window::Search(_) | Window::Form(_)))
}

/// The field of the window on top changed.
pub(super) fn typed(model: &mut Model) {
    match model.windows.last_mut() {
        Some(Window::Pick(pick)) => pick.selected = 0,
        Some(Window::Form(form)) => form.error.clear(),
        Some(Window::Search(_)) => search::typed(model),
        _ => {}
    }
}

/// The next or the previous field of a form.
pub(super) fn next_field(model: &mut Model, by: i8) {
    if let Some(Window::Form(form)) = model.windows.last_mut() {
        let count = form.fields.len().max(1);
        form.at = (form.at + if by > 0 { 1 } else { count - 1 }) % count;
    }
}

/// An action in a window.
pub(super) fn act(model: &mut Model, action: A) {
    if let Some(field) = model.windows.last_mut().and_then(Window::field)
        && !matches!(action, A::Up | A::Down | A::NewLine | A::OlderWritten | A::NewerWritten)
    {
        let before = field.text().to_owned();
        if compose::edit(field, action) {
            if field.text() != before {
                typed(model);
            }
            return;
        }
    }
    match action {
        A::Up => step(model, -1),
        A::Down => step(model, 1),
        A::PageUp => step(model, -10),
        A::PageDown => step(model, 10),
        A::Open | A::Send => enter(model),
        A::Copy => copy(model),
        _ => {}
    }
}

fn step(model: &mut Model, by: isize) {
    let pick_len = match model.windows.last() {
        Some(Window::Pick(pick)) => options(model, pick).len(),
        _ => 0,
    };
    let moved = |at: usize, len: usize| at.saturating_add_signed(by).min(len.saturating_sub(1));
    match model.windows.last_mut() {
        Some(Window::Help { scroll }) => *scroll = scroll.saturating_add_signed(by),
        Some(Window::Page(page)) => page.scroll = page.scroll.saturating_add_signed(by),
        Some(Window::Pick(pick)) => pick.selected = moved(pick.selected, pick_len),
        Some(Window::Search(search)) => {
            search.selected = moved(search.selected, search.found.len());
        }
        Some(Window::Settings { selected }) => *selected = moved(*selected, Setting::ALL.len()),
        Some(Window::Form(_)) => next_field(model, if by > 0 { 1 } else { -1 }),
        _ => {}
    }
}

fn enter(model: &mut Model) {
    match model.windows.last().cloned() {
        Some(Window::Pick(pick)) => choose(model, &pick),
        Some(Window::Search(search)) => {
            if let Some(message) = search.found.get(search.selected) {
                conversation::jump(model, &message.conversation, &message.entry_id);
            }
        }
        Some(Window::Confirm(confirm)) => {
            model.windows.pop();
            yes(model, confirm);
        }
        Some(Window::Form(form)) => submit(model, form),
        Some(Window::Settings { selected }) => settings::change(model, selected),
        Some(Window::Help { .. }) => {
            model.windows.pop();
        }
        Some(Window::Page(page)) => {
            model.windows.pop();
            if let PageKind::Link(link) = page.kind {
                model.effects.push(Effect::Follow(link));
            }
        }
        // Keys go to it before they mean anything.
        Some(Window::Bind(_) | Window::Code(_)) | None => {}
    }
}

fn yes(model: &mut Model, confirm: Confirm) {
    let purpose = match confirm.contact {
        true => Purpose::Contact(confirm.done),
        false => Purpose::Change(confirm.done),
    };
    model.ask(purpose, confirm.command);
}

fn choose(model: &mut Model, pick: &Pick) {
    let Some(line) = options(model, pick).into_iter().nth(pick.selected) else { return };
    model.windows.pop();
    match line.choice {
        Choice::Conversation(id) => conversation::open(model, &id),
        Choice::Emoji(emoji) => {
            if let Some(id) = model.message().map(|m| m.entry_id.clone()) {
                model.ask(Purpose::Change(""), Command::React { id, emoji });
            }
        }
        Choice::Mute(seconds) => {
            let command = Command::Mute { conversation: pick.about.clone(), seconds };
            model.ask(Purpose::Change("Muted: nothing is told of it."), command);
        }
        Choice::Timer(seconds) => {
            let done = match seconds {
                Some(_) => "Set: what is written from now on disappears, on both sides.",
                None => "Off: what is written from now on stays.",
            };
            let command = Command::Timer { conversation: pick.about.clone(), seconds };
            model.ask(Purpose::Change(done), command);
        }
        Choice::Bind(place, action) => {
            // The list comes back afterwards.
            model.windows.push(Window::Pick(pick.clone()));
            bind::ask(model, place, action);
        }
        Choice::Link(link) => acting::page(model, PageKind::Link(link)),
        Choice::Action(action) => {
            let place = model.place();
            acting::act(model, place, action);
        }
    }
}

fn submit(model: &mut Model, form: Form) {
    let value = |at: usize| {
        form.fields.get(at).map(|(_, f)| f.text().trim().to_owned()).unwrap_or_default()
    };
    let fail = |model: &mut Model, error: &str| {
        if let Some(Window::Form(form)) = model.windows.last_mut() {
            error.clone_into(&mut form.error);
        }
    };
    match form.kind {
        FormKind::AddContact => {
            let (who, words) = (value(0), value(1));
            if who.is_empty() {
                return fail(model, "Whom? Paste a ConnectID or an invite link.");
            }
            let message = (!words.is_empty()).then_some(words);
            model.windows.pop();
            let command = Command::ContactAdd { who, name: None, address: None, message };
            model.ask(Purpose::Contact("Asked. They will see your request."), command);
        }
        FormKind::Date => {
            let start = model.now.a_day(&value(0));
            let Some(start) = start else {
                return fail(model, "A day: 2026-11-23, 11-23, monday, yesterday, today.");
            };
            model.windows.pop();
            if let Some(id) = model.open.clone() {
                conversation::load(model, &id, Load::Day(start.timestamp().to_string()));
            }
        }
        FormKind::Backup => {
            let file = value(0);
            if file.is_empty() {
                return fail(model, "A file, best on another disk.");
            }
            model.windows.pop();
            model.ask(Purpose::Backup { file }, Command::BackupCreate { phrase: None });
        }
        FormKind::Name => {
            let name = value(0);
            if name.is_empty() {
                return fail(model, "A name, as others will see it.");
            }
            model.windows.pop();
            model.ask(Purpose::Change("That is your name now."), Command::ProfileSet { name });
        }
        FormKind::Rename(who) => {
            let name = value(0);
            if name.is_empty() {
                return fail(model, "A name: only you see it.");
            }
            model.windows.pop();
            model.ask(Purpose::Contact("Renamed."), Command::ContactRename { who, name });
        }
        FormKind::Picture(text) => {
            let file = value(0);
            let Some(picture) = crate::qr::picture(&text).filter(|_| !file.is_empty()) else {
                return fail(model, "A file for the picture, like ~/nexus.svg.");
            };
            model.windows.pop();
            model.effects.push(Effect::Save { file, text: picture });
        }
        FormKind::QuietHours => match settings::quiet_hours(model, &value(0)) {
            true => drop(model.windows.pop()),
            false => fail(model, "From and to, like 22:00-07:00; empty for none."),
        },
    }
}

/// Where the backup goes.
pub(super) fn backup() -> Window {
    let fields = vec![("File to write, best on another disk", Composer::with("~/nexus.backup"))];
    Window::Form(Form { kind: FormKind::Backup, fields, at: 0, error: String::new() })
}

/// The text of the QR code on the page on top.
fn coded(model: &Model) -> Option<String> {
    use PageKind as K;
    match model.windows.last() {
        Some(Window::Page(page)) => match &page.kind {
            K::MyId | K::Invite | K::Contact(_) => about(model, &page.kind),
            _ => None,
        },
        _ => None,
    }
}

/// Shows the QR code of the page on top, and nothing else.
pub(super) fn whole_screen(model: &mut Model) {
    match coded(model) {
        Some(text) => model.windows.push(Window::Code(text)),
        None => model.say("There is no QR code here."),
    }
}

/// Asks for the file of a picture of the QR code on the page on top.
pub(super) fn save_picture(model: &mut Model) {
    let Some(text) = coded(model) else { return model.say("There is no QR code here.") };
    let fields = vec![("File for the picture", Composer::with("~/nexus-qr.svg"))];
    let kind = FormKind::Picture(text);
    show(model, Window::Form(Form { kind, fields, at: 0, error: String::new() }));
}

/// What a page is about, as it is copied.
fn about(model: &Model, kind: &PageKind) -> Option<String> {
    use PageKind as K;
    match kind {
        K::MyId => Some(model.my_id().to_owned()),
        K::Invite => model.invite.as_ref().map(|i| i.link.clone()),
        K::Contact(who) => Some(who.clone()),
        K::Link(link) => Some(link.clone()),
        K::Why(entry) => Some(entry.clone()),
        // The words belong on paper.
        K::Network | K::Backup => None,
    }
}

/// Copies what a page is about.
fn copy(model: &mut Model) {
    let text = match model.windows.last() {
        Some(Window::Page(page)) => about(model, &page.kind),
        Some(Window::Code(text)) => Some(text.clone()),
        _ => None,
    };
    if let Some(text) = text {
        model.effects.push(Effect::Copy(text));
        model.say("Copied.");
    }
}
