//! Searching: what is typed, what was found, and what was written around it.

use nexus_node::api::{Command, MessageView, Place};

use super::windows::show;
use crate::message::Purpose;
use crate::model::Model;
use crate::model::composer::Composer;
use crate::model::window::{Around, Search, Window};

/// Results of a search at most.
const FOUND: u32 = 50;
/// Shortest word that is searched for.
const SHORTEST: usize = 2;
/// A result, the message before it and the one after it.
const BESIDE: u32 = 3;

/// Opens the search, everywhere or in one conversation.
pub(super) fn open(model: &mut Model, within: Option<String>) {
    let search = Search {
        field: Composer::default(),
        within,
        found: Vec::new(),
        answered: String::new(),
        selected: 0,
        around: None,
    };
    show(model, Window::Search(search));
}

fn top(model: &mut Model) -> Option<&mut Search> {
    match model.windows.last_mut() {
        Some(Window::Search(search)) => Some(search),
        _ => None,
    }
}

/// Other words were typed.
pub(super) fn typed(model: &mut Model) {
    let Some(search) = top(model) else { return };
    search.selected = 0;
    search.around = None;
    let query = search.field.text().trim().to_owned();
    if query.chars().count() < SHORTEST {
        search.found.clear();
        search.answered = query;
        return;
    }
    let conversation = search.within.clone();
    let command = Command::Search { query: query.clone(), conversation, limit: Some(FOUND) };
    model.ask(Purpose::Search { query }, command);
}

/// What was found; only what answers the words as they are now is shown.
pub(super) fn found(model: &mut Model, query: String, found: Vec<MessageView>) {
    if let Some(search) = top(model)
        && search.field.text().trim() == query
    {
        search.found = found;
        search.answered = query;
    }
}

/// On a screen what was written around the selected result is shown with it. Only one such question is on its way, so
/// that a selection that runs down the list asks for what it passes by no more often than the node answers.
pub(super) fn settle(model: &mut Model) {
    if model.linear.is_none() && !model.asks(|p| matches!(p, Purpose::Around { .. })) {
        ask_around(model);
    }
}

/// Asks what was written around the selected result, unless that is known.
pub(super) fn ask_around(model: &mut Model) {
    let Some(search) = top(model) else { return };
    let Some(hit) = search.found.get(search.selected) else { return };
    if search.around.as_ref().is_some_and(|a| a.of == hit.entry_id) {
        return;
    }
    let (conversation, of) = (hit.conversation.clone(), hit.entry_id.clone());
    search.around = Some(Around { of: of.clone(), messages: None });
    let command = Command::Window { conversation, place: Place::Around(of.clone()), limit: BESIDE };
    model.ask(Purpose::Around { of }, command);
}

/// What was written around a result. It may be gone: then nothing was.
pub(super) fn around(model: &mut Model, of: &str, messages: Vec<MessageView>) {
    if let Some(around) = top(model).and_then(|s| s.around.as_mut())
        && around.of == of
    {
        around.messages = Some(messages);
    }
}

#[cfg(test)]
mod tests;
