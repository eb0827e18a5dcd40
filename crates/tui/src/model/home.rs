//! The list: requests, conversations, people nearby.

use super::Model;

/// One thing in the list, by what it is about, so that it stays selected while the list changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Somebody asks; their ConnectID.
    Request(String),
    /// A conversation; its id.
    Conversation(String),
    /// Somebody nearby who is no contact; their ConnectID.
    Nearby(String),
}

/// Everything in the list, from top to bottom.
#[must_use]
pub fn items(model: &Model) -> Vec<Item> {
    let requests = model.requests.iter().map(|r| Item::Request(r.connect_id.clone()));
    let conversations = model.conversations.iter().map(|c| Item::Conversation(c.id.clone()));
    requests.chain(conversations).chain(strangers(model).map(Item::Nearby)).collect()
}

/// People nearby who are no contacts and do not ask.
pub fn strangers(model: &Model) -> impl Iterator<Item = String> + '_ {
    let known = |id: &str| {
        model.is_contact(id)
            || id == model.my_id()
            || model.requests.iter().any(|r| r.connect_id == id)
    };
    model.nearby.keys().filter(move |id| !known(id)).cloned()
}

/// Selects another item, by so many places; what was selected may be gone.
pub fn step(model: &mut Model, by: isize) {
    let items = items(model);
    let at = model.selected.as_ref().and_then(|s| items.iter().position(|i| i == s));
    let to = match at {
        Some(at) => at.saturating_add_signed(by).min(items.len().saturating_sub(1)),
        None => 0,
    };
    model.selected = items.get(to).cloned();
}

/// Selects the first or the last item.
pub fn edge(model: &mut Model, last: bool) {
    let items = items(model);
    model.selected = if last { items.last() } else { items.first() }.cloned();
}

/// After the list changed: what is selected exists.
pub fn settle(model: &mut Model) {
    let items = items(model);
    if !model.selected.as_ref().is_some_and(|s| items.contains(s)) {
        let open = model.open.clone().map(Item::Conversation);
        model.selected = open.filter(|o| items.contains(o)).or_else(|| items.first().cloned());
    }
}
