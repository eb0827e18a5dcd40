//! Choosing and answering by typed words: people, conversations, what a window asks.

use super::{list, some, state, take_field, talk, tell};
use crate::keymap::{Action as A, Place};
use crate::model::choices::options;
use crate::model::home::{self, Item};
use crate::model::window::{Form, Page, PageKind, Window};
use crate::model::{Focus, Model};
use crate::spoken::{place, words};
use crate::update::{act, conversation, people, search, windows};

/// Shortest beginning of a ConnectID that names somebody.
const SHORTEST: usize = 6;

/// The one thing that is meant; else a remark says why there is none.
fn found(model: &mut Model, words: &str, among: &[Item]) -> Option<Item> {
    let number = words.trim_start_matches('#').parse::<usize>().ok();
    let listed = number.and_then(|n| state(model).listed.get(n.checked_sub(1)?)).cloned();
    match listed.filter(|item| among.contains(item)) {
        Some(item) => Some(item),
        None => named(model, words, among).map_err(|why| model.complain(why)).ok(),
    }
}

/// The only one of that name, or with a ConnectID that begins so; else why there is none.
fn named(model: &Model, words: &str, among: &[Item]) -> Result<Item, String> {
    let wanted = words.to_lowercase();
    let ids = |item: &Item| match item {
        Item::Request(id) | Item::Nearby(id) => id.clone(),
        Item::Conversation(id) => {
            model.conversation(id).and_then(|c| model.peer(c)).unwrap_or(id).to_owned()
        }
    };
    let names = |item: &Item| match item {
        Item::Request(id) | Item::Nearby(id) => model.name(id).to_lowercase(),
        Item::Conversation(id) => {
            model.conversation(id).map(|c| c.name.to_lowercase()).unwrap_or_default()
        }
    };
    let by_id = |item: &&Item| {
        let id = ids(item);
        let rest = id.strip_prefix("nx1q").unwrap_or(&id).to_owned();
        wanted.len() >= SHORTEST && (id.starts_with(&wanted) || rest.starts_with(&wanted))
    };
    let ways: [&dyn Fn(&&Item) -> bool; 4] = [
        &|item| names(item) == wanted,
        &by_id,
        &|item| names(item).starts_with(&wanted),
        &|item| names(item).contains(&wanted),
    ];
    for way in ways {
        let fits: Vec<Item> = among.iter().filter(way).cloned().collect();
        match fits.as_slice() {
            [] => {}
            [one] => return Ok(one.clone()),
            _ => {
                let all: Vec<String> = fits
                    .iter()
                    .map(|item| format!("{} ({})", names(item), crate::model::short(&ids(item))))
                    .collect();
                return Err(format!("Which one: {}?", all.join(", ")));
            }
        }
    }
    let shown = crate::sanitize::line(words);
    Err(format!("There is no {shown} here. /list reads out who there is."))
}

fn items(model: &Model, which: impl Fn(&Item) -> bool) -> Vec<Item> {
    home::items(model).into_iter().filter(which).collect()
}

/// Opens a conversation, by name or number.
pub(super) fn open(model: &mut Model, rest: &str) {
    if rest.is_empty() {
        return list(model);
    }
    let among = home::items(model);
    match found(model, rest, &among) {
        Some(Item::Conversation(id)) => conversation::open(model, &id),
        Some(Item::Request(id)) => {
            let words = crate::spoken::lists::request(model, &id);
            tell(model, vec![words]);
        }
        Some(Item::Nearby(id)) => {
            let name = words::who(model, &id);
            model.say(format!("{name} is no contact yet: /ask {name} asks them."));
        }
        None => {}
    }
}

/// Asks somebody nearby.
pub(super) fn ask(model: &mut Model, rest: &str) {
    let among = items(model, |i| matches!(i, Item::Nearby(_)));
    if rest.is_empty() && among.len() != 1 {
        return some(model, "Nobody is nearby.", |i| matches!(i, Item::Nearby(_)));
    }
    let one = if rest.is_empty() { among.first().cloned() } else { found(model, rest, &among) };
    if one.is_some() {
        let before = model.selected.clone();
        model.selected = one;
        people::request(model);
        model.selected = before;
    }
}

/// An action on a person: the one that is named, the only one who asks, else the other side of the open conversation.
pub(super) fn person(model: &mut Model, action: A, rest: &str) {
    let (focus, selected) = (model.focus, model.selected.clone());
    let answers = matches!(action, A::Accept | A::Decline);
    let among = items(model, |i| !answers || matches!(i, Item::Request(_)));
    let goes_on = matches!(action, A::Mute | A::Timer | A::Rename) && place(model) != Place::List;
    if goes_on && !rest.is_empty() && named(model, rest, &among).is_err() {
        // No name: how long, or what they are to be called.
        act::act(model, Place::Messages, action);
        return feed(model, rest);
    }
    if !rest.is_empty() {
        let Some(item) = found(model, rest, &among) else { return };
        (model.focus, model.selected) = (Focus::List, Some(item));
    } else if answers {
        match among.as_slice() {
            [one] => (model.focus, model.selected) = (Focus::List, Some(one.clone())),
            _ => return some(model, "Nobody asks.", |i| matches!(i, Item::Request(_))),
        }
    }
    act::act(model, Place::List, action);
    (model.focus, model.selected) = (focus, selected);
}

/// A line while something is asked.
pub(super) fn answer(model: &mut Model, text: &str) {
    let number = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    match model.windows.last_mut() {
        Some(Window::Confirm(_)) => match text.to_lowercase().as_str() {
            "yes" | "y" => take_field(model),
            "no" | "n" => {
                model.windows.pop();
                tell(model, vec!["Nothing was done.".to_owned()]);
            }
            _ => {}
        },
        Some(Window::Form(form)) => {
            fill(form, text);
            let last = form.at + 1 >= form.fields.len();
            if last {
                form.error.clear();
                take_field(model);
                again(model);
            } else {
                form.at += 1;
            }
        }
        Some(Window::Search(search)) => match number.filter(|at| *at < search.found.len()) {
            Some(at) => {
                search.selected = at;
                take_field(model);
            }
            None => {
                search.field.set(text);
                windows::typed(model);
            }
        },
        Some(Window::Pick(_)) => pick(model, text, number),
        Some(Window::Settings { selected }) => {
            if let Some(at) = number {
                *selected = at;
                take_field(model);
            }
        }
        Some(Window::Page(Page { kind: PageKind::Link(_), .. })) => {
            match text.to_lowercase().as_str() {
                "yes" | "y" => take_field(model),
                _ => {
                    model.windows.pop();
                    tell(model, vec!["Not opened.".to_owned()]);
                }
            }
        }
        Some(Window::Page(_) | Window::Help { .. }) => {
            model.windows.pop();
            talk::send(model, text);
        }
        Some(Window::Bind(_) | Window::Code(_)) | None => model.say("Nothing was asked."),
    }
}

/// What was written around a result of the search; without a number the results again.
pub(super) fn around(model: &mut Model, rest: &str) {
    let number = rest.trim_start_matches('#').parse::<usize>().ok();
    let Some(Window::Search(search)) = model.windows.last_mut() else {
        return model.complain("Search first: /search WORDS, then /around 1.");
    };
    search.around = None;
    match number.and_then(|n| n.checked_sub(1)).filter(|at| *at < search.found.len()) {
        Some(at) => {
            search.selected = at;
            search::ask_around(model);
        }
        None if rest.is_empty() => {}
        None => model.complain("There is no result of that number."),
    }
}

/// An empty line takes what stands there.
fn fill(form: &mut Form, text: &str) {
    if let Some((_, field)) = form.fields.get_mut(form.at)
        && !text.is_empty()
    {
        field.set(text);
    }
}

/// A form that was refused asks from its beginning again.
fn again(model: &mut Model) {
    if let Some(Window::Form(form)) = model.windows.last_mut()
        && !form.error.is_empty()
    {
        form.at = 0;
    }
}

fn pick(model: &mut Model, text: &str, number: Option<usize>) {
    let Some(Window::Pick(pick)) = model.windows.last_mut() else { return };
    if number.is_none() {
        pick.field.set(text);
    }
    pick.selected = number.unwrap_or(0);
    let pick = pick.clone();
    if pick.selected < options(model, &pick).len() {
        take_field(model);
    } else {
        model.complain("There is nothing of that name.");
    }
}

/// What came after the name of an action goes into what the action asks for.
pub(super) fn feed(model: &mut Model, rest: &str) {
    if rest.is_empty() {
        return;
    }
    match model.windows.last_mut() {
        Some(Window::Form(form)) => {
            let count = form.fields.len();
            let mut parts = rest.splitn(count.max(1), char::is_whitespace);
            for (_, field) in &mut form.fields {
                field.set(parts.next().unwrap_or_default().trim());
            }
            take_field(model);
            again(model);
        }
        Some(Window::Search(_) | Window::Pick(_) | Window::Settings { .. }) => answer(model, rest),
        _ => {}
    }
}
