//! `contact …` and `invite`.

use std::time::Duration;

use nexus_node::api::{Command, ContactState, ContactView, InviteView};

use super::{ask, rows};
use crate::args::{AddArgs, ContactVerb};
use crate::output::Out;
use crate::render;
use crate::sanitize;
use crate::session::Session;
use crate::stop::Done;

use super::look::show_qr;

/// Runs one.
///
/// # Errors
/// What the node answered.
pub(crate) async fn run(session: &Session, verb: ContactVerb, out: &mut Out) -> Done {
    let command = match verb {
        ContactVerb::Add(args) => return add(session, args, out).await,
        ContactVerb::Verify { who, yes, no } => return verify(session, who, yes, no, out).await,
        ContactVerb::List => {
            let none =
                "No contacts yet. `nexus nearby` shows who is here, `nexus contact add WHO` asks.";
            return rows(session, out, Command::Contacts, render::contacts, none).await;
        }
        ContactVerb::Requests => {
            return rows(session, out, Command::Requests, render::contacts, "Nobody asks.").await;
        }
        ContactVerb::Accept { who } => Command::ContactAccept { who },
        ContactVerb::Decline { who } => Command::ContactDecline { who },
        ContactVerb::Block { who } => Command::ContactBlock { who },
        ContactVerb::Unblock { who } => Command::ContactUnblock { who },
        ContactVerb::Rename { who, name } => Command::ContactRename { who, name },
        ContactVerb::Remove { who } => Command::ContactRemove { who },
    };
    let accepting = matches!(command, Command::ContactAccept { .. });
    let contact: ContactView = session.client.one(command).await?;
    show(&contact, out)?;
    if accepting {
        session.linger(&contact.connect_id, out).await?;
    }
    Ok(())
}

async fn add(session: &Session, args: AddArgs, out: &mut Out) -> Done {
    let AddArgs { who, name, address, message } = args;
    let command = Command::ContactAdd { who, name, address, message };
    let contact: ContactView = session.client.one(command).await?;
    show(&contact, out)?;
    session.linger(&contact.connect_id, out).await
}

fn show(contact: &ContactView, out: &mut Out) -> Done {
    if out.json() {
        out.object(contact)?;
        return out.flush();
    }
    let name = render::name_or_id(&contact.name, &contact.connect_id);
    let state = match contact.state {
        ContactState::Requested => "is asked; it goes out as soon as they can be reached",
        ContactState::Incoming => "asks to become a contact",
        ContactState::Accepted => "is a contact",
        ContactState::Blocked => "is blocked",
        ContactState::Removed => "is no contact",
    };
    let id = render::short_id(&contact.connect_id);
    // Whose name is not known yet goes by the ConnectID.
    let who =
        if is_id(&contact.name, &id) { id } else { format!("{} ({id})", out.style().bold(&name)) };
    out.text(&format!("{who} {state}"))?;
    for warning in &contact.warnings {
        let warning = out.style().warn(&sanitize::line(warning));
        out.text(&format!("  {warning}"))?;
    }
    out.flush()
}

/// Whether a name is none, but (the significant part of) the short ConnectID.
fn is_id(name: &str, id: &str) -> bool {
    name.is_empty() || name == id || id.strip_prefix("nx1q") == Some(name)
}

async fn verify(session: &Session, who: String, yes: bool, no: bool, out: &mut Out) -> Done {
    let mut word = yes.then_some(true).or(no.then_some(false));
    let command = Command::ContactVerify { who, verified: word };
    let mut contact: ContactView = session.client.one(command).await?;
    if !out.json() {
        show_number(&contact, out)?;
    }
    if word.is_none() && contact.safety_number.is_some() && out.can_ask() {
        let name = render::name_or_id(&contact.name, &contact.connect_id);
        let answer = ask(format!("Is it the same at {name}'s? [y/n, Enter: don't know]")).await?;
        word = match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Some(true),
            "n" | "no" => Some(false),
            _ => None,
        };
        if word.is_some() {
            // Who was shown, whatever the word that was typed may mean by now.
            let who = contact.connect_id.clone();
            let command = Command::ContactVerify { who, verified: word };
            contact = session.client.one(command).await?;
        }
    }
    if out.json() {
        return out.object(&contact);
    }
    match word {
        Some(true) => out.text("Recorded: it is the same."),
        Some(false) => {
            out.text("Recorded: not the same, or not known. Somebody may pretend to be them.")
        }
        None if contact.verified => out.text("You have compared it before: it was the same."),
        None => Ok(()),
    }
}

fn show_number(contact: &ContactView, out: &mut Out) -> Done {
    let Some(number) = contact.safety_number.as_deref() else {
        out.remark("Their key is not known yet; come back when you have been connected once.");
        return Ok(());
    };
    let name = render::name_or_id(&contact.name, &contact.connect_id);
    out.text(&format!("Safety number of you and {}:", out.style().bold(&name)))?;
    let groups: Vec<&str> = number.split_whitespace().collect();
    for line in groups.chunks(4) {
        out.text(&format!("  {}", sanitize::line(&line.join("  "))))?;
    }
    if out.draws() {
        show_qr(&groups.concat(), out)?;
    }
    out.text("Compare it with theirs, face to face or on the phone.")?;
    out.flush()
}

/// `invite`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn invite(
    session: &Session,
    with_qr: bool,
    expires: Option<Duration>,
    uses: u32,
    out: &mut Out,
) -> Done {
    let command = Command::Invite { expires: expires.map(|d| d.as_secs()), uses };
    let invite: InviteView = session.client.one(command).await?;
    if out.json() {
        return out.object(&invite);
    }
    out.text(&sanitize::line(&invite.link))?;
    if with_qr && out.draws() {
        show_qr(&invite.link, out)?;
    }
    out.remark(&format!(
        "Good until {}. They use it with `nexus contact add LINK`; whoever has it becomes a contact, so keep it private.",
        render::when(&invite.expires)
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_part_of_the_id_is_a_name_all_the_same() {
        for name in ["q", "n", "1234"] {
            assert!(!is_id(name, "nx1q12345678"), "{name}");
        }
        for name in ["", "12345678", "nx1q12345678"] {
            assert!(is_id(name, "nx1q12345678"), "{name}");
        }
    }
}
