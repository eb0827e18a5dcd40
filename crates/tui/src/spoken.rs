//! The linear mode: the same model, told line by line instead of painted. No drawings, no cursor that moves; what
//! changed is announced.
//!
//! [`Teller`] compares a model with what was told of it and gives the lines that are new. Like the view it is pure and
//! changes nothing. What is typed comes in as `Message::Line`.

pub mod lists;
mod news;
mod teller;
pub mod words;

use crate::keymap::Place;
use crate::model::choices::options;
use crate::model::window::{PageKind, PickKind, Window};
use crate::model::{Focus, Model, Stage};
use crate::sanitize;
use crate::view;

pub(crate) use news::told_at_opening;
pub use teller::Teller;

/// Columns and rows that the model is laid out for: one pane, so that only what was opened and told counts as read.
pub const SIZE: (u16, u16) = (70, 24);

/// What stands before the cursor where somebody types at a terminal.
#[must_use]
pub fn prompt(model: &Model) -> String {
    let words = match (&model.stage, model.windows.last()) {
        (Stage::Name(_), _) => "Your name".to_owned(),
        (Stage::Running, Some(Window::Confirm(_))) => "Yes or no".to_owned(),
        (Stage::Running, Some(Window::Form(form))) => {
            form.fields.get(form.at).map_or(String::new(), |(label, _)| (*label).to_owned())
        }
        (Stage::Running, Some(Window::Search(_))) => "Search".to_owned(),
        (Stage::Running, Some(_)) => "Choose".to_owned(),
        (Stage::Running, None) if model.focus != Focus::List => {
            let open = model.open.as_deref().and_then(|id| model.conversation(id));
            open.map_or(String::new(), |c| words::with(model, c))
        }
        _ => String::new(),
    };
    format!("{words}> ")
}

/// The window on top in lines; `None` while what it is to tell is not known yet.
fn window(model: &Model, window: &Window) -> Option<Vec<String>> {
    Some(match window {
        Window::Help { .. } => lists::help(),
        Window::Page(page) => {
            let (title, lines) = view::reading(model, &page.kind)?;
            let mut told = vec![title];
            told.extend(lines.iter().map(|line| words::plain(line)).filter(|l| !l.is_empty()));
            if matches!(page.kind, PageKind::Link(_)) {
                told.push("Type yes to open it, or no.".to_owned());
            }
            told
        }
        Window::Search(search) => {
            let asked = search.field.text().trim();
            if asked.is_empty() {
                return Some(vec!["Search: type the words. /back leaves off.".to_owned()]);
            }
            if search.answered != asked {
                return None;
            }
            if search.around.is_some() {
                return lists::beside(model, search);
            }
            let mut told = lists::found(model, &search.found);
            told.push(match told.len() {
                0 => "Nothing found. Type other words, or /back.",
                _ => "Type a number to go there, /around and a number for what was written before and after, other words to search again, or /back.",
            }.to_owned());
            told
        }
        Window::Pick(pick) => {
            let all = options(model, pick);
            let mut told: Vec<String> = all
                .iter()
                .enumerate()
                .map(|(at, line)| format!("{}: {} {}", at + 1, line.label, line.hint))
                .map(|line| line.trim_end().to_owned())
                .collect();
            told.push(match pick.kind {
                PickKind::React => "Type a number or an emoji, or /back.".to_owned(),
                _ => "Type a number or a name, or /back.".to_owned(),
            });
            told
        }
        Window::Confirm(confirm) => {
            let mut told = vec![confirm.question.clone()];
            told.extend(confirm.number.iter().map(|number| format!("Safety number: {number}")));
            match (told.last_mut(), confirm.number.is_some()) {
                (Some(question), false) => question.push_str(" Type yes or no."),
                _ => told.push("Type yes or no.".to_owned()),
            }
            told
        }
        // Keys and drawings are no business of those who type lines.
        Window::Bind(_) | Window::Code(_) => Vec::new(),
        Window::Form(form) => {
            let (label, field) = form.fields.get(form.at)?;
            let mut told = Vec::new();
            if !form.error.is_empty() {
                told.push(form.error.clone());
            }
            let with = match field.text() {
                "" => String::new(),
                text => format!(" Enter alone takes {}.", sanitize::line(text)),
            };
            told.push(format!("{label}?{with} /back leaves off."));
            told
        }
        Window::Settings { .. } => {
            let rows = view::settings(model).into_iter().enumerate();
            let mut told: Vec<String> =
                rows.map(|(at, (label, value))| format!("{}: {label}: {value}", at + 1)).collect();
            told.push("Type a number to change that, or /back.".to_owned());
            told
        }
    })
}

/// Whether nothing is on its way that what is typed next could mean.
#[must_use]
pub fn quiet(model: &Model) -> bool {
    let waits = match &model.stage {
        Stage::Starting => true,
        Stage::Welcome => model.me.is_none(),
        _ => false,
    };
    !waits && model.pending.is_empty()
}

/// Where actions are meant.
#[must_use]
pub fn place(model: &Model) -> Place {
    match (model.open.is_some(), model.focus) {
        (false, _) | (_, Focus::List) => Place::List,
        (_, Focus::Messages) => Place::Messages,
        (_, Focus::Composer) => Place::Composer,
    }
}
