//! Contacts: asking, answering, verifying, muting.

use nexus_node::api::{Command, ContactState, ContactView};

use super::{act, windows};
use crate::message::Purpose;
use crate::model::Model;
use crate::model::composer::Composer;
use crate::model::home::{self, Item};
use crate::model::window::{Confirm, Form, FormKind, PageKind, Window};

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
        }
        _ => {
            model.contacts.insert(id, contact);
        }
    }
    home::settle(model);
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
    if let Some(Item::Nearby(id)) = &model.selected {
        who.set(id);
    }
    Window::Form(Form {
        kind: FormKind::AddContact,
        fields: vec![
            ("ConnectID, invite link, or the name of somebody nearby", who),
            ("Words that go with it (may be empty)", Composer::default()),
        ],
        at: 0,
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
    let question = match (&contact.safety_number, verified) {
        (_, true) => format!("Take back that you verified {name}?"),
        (Some(number), false) => format!(
            "Compare this number with {name}, in person or on a call. Do both see the same? {number}"
        ),
        (None, false) => return model.say("Their key is not known yet: come near them first."),
    };
    windows::show(
        model,
        Window::Confirm(Confirm {
            question,
            command: Command::ContactVerify { who, verified: Some(!verified) },
            done: if verified { "Not verified any more." } else { "Verified." },
            contact: true,
        }),
    );
}

/// Mutes or unmutes the conversation that is meant.
pub(super) fn mute(model: &mut Model) {
    let id = match (&model.selected, model.focus) {
        (Some(Item::Conversation(id)), crate::model::Focus::List) => Some(id.clone()),
        _ => model.open.clone(),
    };
    let Some(conversation) = id.as_deref().and_then(|id| model.conversation(id)) else { return };
    let (seconds, done) = match conversation.muted {
        Some(_) => (Some(0), "Not muted any more."),
        None => (None, "Muted: nothing is told of it until you unmute it."),
    };
    let conversation = conversation.id.clone();
    model.ask(Purpose::Change(done), Command::Mute { conversation, seconds });
}
