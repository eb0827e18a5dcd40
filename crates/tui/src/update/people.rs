//! Contacts: asking, answering, verifying, muting.

use nexus_node::api::{Command, ContactState, ContactView};

use super::{act, windows};
use crate::message::Purpose;
use crate::model::composer::Composer;
use crate::model::home::{self, Item};
use crate::model::window::{Confirm, Form, FormKind, PageKind, PickKind, Window, pick_for};
use crate::model::{Focus, Model};

/// A contact, as it is now.
pub(super) fn changed(model: &mut Model, contact: ContactView) {
    let id = contact.connect_id.clone();
    model.requests.retain(|r| r.connect_id != id);
    match contact.state {
        ContactState::Incoming => {
            if !model.requests.iter().any(|r| r.connect_id == id) {
                model.requests.push(contact);
            }
        }
        ContactState::Removed => {
            model.contacts.remove(&id);
            gone(model, &id);
        }
        _ => {
            model.contacts.insert(id, contact);
        }
    }
    home::settle(model);
}

/// What was about somebody who is no contact any more is closed.
fn gone(model: &mut Model, who: &str) {
    model.windows.retain(
        |w| !matches!(w, Window::Page(page) if page.kind == PageKind::Contact(who.to_owned())),
    );
    let with = |c: &nexus_node::api::ConversationView| model.peer(c) == Some(who);
    let ids: Vec<String> =
        model.conversations.iter().filter(|c| with(c)).map(|c| c.id.clone()).collect();
    for id in ids {
        model.chats.remove(&id);
        model.conversations.retain(|c| c.id != id);
        if model.open.as_ref() == Some(&id) {
            model.open = None;
            model.focus = Focus::List;
        }
    }
}

/// Asks for an invite link and shows it.
pub(super) fn invite(model: &mut Model) {
    model.invite = None;
    model.ask(Purpose::Invite, Command::Invite { expires: None, uses: 1 });
    act::page(model, PageKind::Invite);
}

/// The form by which somebody is asked.
pub(super) fn form(model: &Model) -> Window {
    let mut who = Composer::default();
    let mut at = 0;
    if let Some(Item::Nearby(id)) = &model.selected {
        // Whom is known: what is left is what to say.
        who.set(id);
        at = 1;
    }
    Window::Form(Form {
        kind: FormKind::AddContact,
        fields: vec![
            ("ConnectID, invite link, or the name of somebody nearby", who),
            ("Words that go with it (may be empty)", Composer::default()),
        ],
        at,
        error: String::new(),
    })
}

/// One key asks whoever is selected among those nearby.
pub(super) fn request(model: &mut Model) {
    let Some(Item::Nearby(who)) = model.selected.clone() else { return };
    let command = Command::ContactAdd { who, name: None, address: None, message: None };
    model.ask(Purpose::Contact("Asked. They will see your request."), command);
}

/// Who is meant, if they ask.
fn asking(model: &mut Model) -> Option<String> {
    let page = match model.windows.last() {
        Some(Window::Page(page)) => match &page.kind {
            PageKind::Contact(who) => Some(who.clone()),
            _ => None,
        },
        _ => None,
    };
    let who = page.or_else(|| model.person());
    let who = who.filter(|who| model.requests.iter().any(|r| r.connect_id == *who));
    if who.is_none() {
        model.say("Choose a request first.");
    }
    who
}

/// Accepts the request.
pub(super) fn accept(model: &mut Model) {
    if let Some(who) = asking(model) {
        close_page(model);
        model.ask(Purpose::Contact("Accepted. You can write now."), Command::ContactAccept { who });
    }
}

/// Declines the request.
pub(super) fn decline(model: &mut Model) {
    if let Some(who) = asking(model) {
        close_page(model);
        model.ask(Purpose::Contact("Declined."), Command::ContactDecline { who });
    }
}

fn close_page(model: &mut Model) {
    if matches!(model.windows.last(), Some(Window::Page(_))) {
        model.windows.pop();
    }
}

/// Asks whether to block, or unblocks.
pub(super) fn block(model: &mut Model) {
    let Some(who) = on_page(model) else { return model.say("Choose somebody first.") };
    let blocked = model.contacts.get(&who).is_some_and(|c| c.state == ContactState::Blocked);
    if blocked {
        let command = Command::ContactUnblock { who };
        return model.ask(Purpose::Contact("Unblocked."), command);
    }
    let name = model.name(&who);
    model.windows.push(Window::Confirm(Confirm {
        question: format!("Block {name}? Nothing of theirs will reach you until you unblock them."),
        number: None,
        command: Command::ContactBlock { who },
        done: "Blocked.",
        contact: true,
    }));
}

fn on_page(model: &Model) -> Option<String> {
    match model.windows.last() {
        Some(Window::Page(page)) => match &page.kind {
            PageKind::Contact(who) => Some(who.clone()),
            _ => model.person(),
        },
        _ => model.person(),
    }
}

/// Shows all that is known of somebody.
pub(super) fn details(model: &mut Model) {
    match model.person() {
        Some(who) => act::page(model, PageKind::Contact(who)),
        None => model.say("Choose somebody first."),
    }
}

/// Says that the safety numbers match, or takes it back.
pub(super) fn verify(model: &mut Model) {
    let Some(who) = on_page(model) else { return model.say("Choose somebody first.") };
    let Some(contact) = model.contacts.get(&who) else {
        return model.say("Only a contact can be verified.");
    };
    let (verified, name) = (contact.verified, model.name(&who));
    let (question, number) = match (&contact.safety_number, verified) {
        (_, true) => (format!("Take back that you verified {name}?"), None),
        (Some(number), false) => (
            format!(
                "Do both of you see the same safety number? Compare it with {name}, in person or on a call. Only what stands below is the number."
            ),
            Some(number.clone()),
        ),
        (None, false) => return model.say("Their key is not known yet: come near them first."),
    };
    windows::show(
        model,
        Window::Confirm(Confirm {
            question,
            number,
            command: Command::ContactVerify { who, verified: Some(!verified) },
            done: if verified { "Not verified any more." } else { "Verified." },
            contact: true,
        }),
    );
}

/// The conversation that is meant: of the page on top, of what is selected in the list, else the open one.
fn meant(model: &Model) -> Option<String> {
    let with = |who: &str| {
        let direct = model.conversations.iter().find(|c| model.peer(c) == Some(who));
        direct.map(|c| c.id.clone())
    };
    match (model.windows.last(), &model.selected, model.focus) {
        (Some(Window::Page(page)), _, _) => match &page.kind {
            PageKind::Contact(who) => with(who),
            _ => model.open.clone(),
        },
        (_, Some(Item::Conversation(id)), Focus::List) => Some(id.clone()),
        (_, _, Focus::List) => None,
        _ => model.open.clone(),
    }
}

/// Unmutes the conversation that is meant, or asks for how long it is to be muted.
pub(super) fn mute(model: &mut Model) {
    let Some(id) = meant(model) else { return model.say("Choose a conversation first.") };
    let muted = model.conversation(&id).is_some_and(|c| model.is_muted(c));
    if muted {
        let command = Command::Mute { conversation: id, seconds: Some(0) };
        return model.ask(Purpose::Change("Not muted any more."), command);
    }
    windows::show(model, pick_for(PickKind::Mute, &id));
}

/// Asks after how long messages of the conversation that is meant disappear.
pub(super) fn timer(model: &mut Model) {
    match meant(model) {
        Some(id) => windows::show(model, pick_for(PickKind::Timer, &id)),
        None => model.say("Choose a conversation first."),
    }
}

/// A contact that is meant, with its name here.
fn contact(model: &mut Model) -> Option<(String, String)> {
    let who = on_page(model).filter(|who| model.contacts.contains_key(who));
    match who {
        Some(who) => {
            let name = model.name(&who);
            Some((who, name))
        }
        None => {
            model.say("Choose a contact first.");
            None
        }
    }
}

/// Asks for my name for somebody.
pub(super) fn rename(model: &mut Model) {
    let Some((who, name)) = contact(model) else { return };
    let form = Form {
        kind: FormKind::Rename(who),
        fields: vec![("What you call them; only you see it", Composer::with(&name))],
        at: 0,
        error: String::new(),
    };
    windows::show(model, Window::Form(form));
}

/// Asks whether to remove somebody.
pub(super) fn remove(model: &mut Model) {
    let Some((who, name)) = contact(model) else { return };
    model.windows.push(Window::Confirm(Confirm {
        question: format!(
            "Remove {name}? The conversation with them goes from this device, and nothing more of theirs is taken. They keep what they have. To write again you ask them anew."
        ),
        number: None,
        command: Command::ContactRemove { who },
        done: "Removed.",
        contact: true,
    }));
}

#[cfg(test)]
mod tests;
