//! Before and after everything else: `init`, `wipe`, and `nexus` alone.

use nexus_node::api::{Command, IdentityView};
use nexus_node::client::Client;
use nexus_node::paths::Paths;
use nexus_node::{error, setup};
use serde_json::json;

use super::ask;
use crate::args::Global;
use crate::output::Out;
use crate::place;
use crate::sanitize;
use crate::stop::{Done, Stop};

/// `init`.
///
/// # Errors
/// `identity_exists`, `bad_name`, and what the file system said.
pub(crate) fn init(global: &Global, name: &str, out: &mut Out) -> Done {
    let dir = place::data_dir(global)?;
    let made = setup::init(&dir, name)?;
    if out.json() {
        return out.object(&made);
    }
    let style = out.style();
    out.text(&format!(
        "Hello {}. This is your ConnectID:",
        style.bold(&sanitize::line(&made.name))
    ))?;
    out.text(&format!("  {}", style.bold(&made.connect_id)))?;
    out.text(&format!("It lives in {}", sanitize::line(&made.data_dir)))?;
    out.flush()?;
    out.remark(
        "\nIts secrets are not sealed by a passphrase yet: who can read this disk can read them. Encrypt the disk.\n\
         Keep a backup (`nexus backup create FILE`): nobody can give you this identity back.\n\
         Next: `nexus`, which opens the terminal UI; or `nexus node` in a second terminal, then `nexus nearby`.",
    );
    Ok(())
}

/// `nexus` alone: what to do next.
///
/// # Errors
/// When standard output is closed.
pub(crate) async fn next_step(global: &Global, out: &mut Out) -> Done {
    let dir = place::data_dir(global)?;
    let have = setup::has_identity(&dir);
    let running = if have { Client::attach(&dir).await?.is_some() } else { false };
    let next: &[(&str, &str)] = match (have, running) {
        (false, _) => &[
            ("nexus init --name NAME", "make an identity"),
            ("nexus backup restore FILE", "or bring one back"),
            ("nexus demo", "or see first how it works"),
        ],
        (true, false) => &[
            ("nexus node", "be reachable (leave it running in a second terminal)"),
            ("nexus conversations", "read what is here"),
            ("nexus send WHO TEXT", "write"),
        ],
        (true, true) => &[
            ("nexus nearby", "who is on this LAN"),
            ("nexus contact add WHO", "ask somebody to become a contact"),
            ("nexus contact requests", "who asks me"),
            ("nexus conversations", "read"),
            ("nexus send WHO TEXT", "write"),
        ],
    };
    if out.json() {
        let commands: Vec<&str> = next.iter().map(|(command, _)| *command).collect();
        let dir = dir.display().to_string();
        let row = json!({"data_dir": dir, "identity": have, "running": running, "next": commands});
        return out.object(&row);
    }
    let state = match (have, running) {
        (false, _) => "There is no identity here yet.",
        (true, false) => "There is an identity here, and no node running.",
        (true, true) => "A node is running here.",
    };
    out.text(&format!("{state} ({})", sanitize::line(&dir.display().to_string())))?;
    out.text("On a terminal `nexus` opens its own screen; these are commands:\n")?;
    for (command, what) in next {
        let command = out.style().bold(&format!("{command:<26}"));
        out.text(&format!("  {command}  {what}"))?;
    }
    out.text("\n`nexus --help` lists all of them.")
}

/// `wipe`.
///
/// # Errors
/// `not_confirmed`, `no_identity`, `busy`.
pub(crate) async fn wipe(global: &Global, confirmed: Option<String>, out: &mut Out) -> Done {
    let dir = place::data_dir(global)?;
    if !Paths::new(&dir).holds_anything() {
        return Err(error::no_identity(&dir).into());
    }
    let name = match confirmed {
        Some(name) => name,
        None if out.can_ask() => {
            let dir = sanitize::line(&dir.display().to_string());
            ask(format!("To remove everything in {dir}, type the profile name:")).await?
        }
        None => {
            return Err(Stop::usage(
                "removing everything needs a confirmation",
                "say `nexus wipe --yes-delete NAME` with the profile name",
            ));
        }
    };
    let running = if setup::has_identity(&dir) { Client::attach(&dir).await? } else { None };
    if let Some(client) = running {
        let me: IdentityView = client.one(Command::Id).await?;
        if me.name != name && me.connect_id != name {
            return Err(error::not_confirmed(&me.name).into());
        }
        client.done(Command::Shutdown).await?;
        // Attaching waits until the process that held the directory has let go of it.
        if Client::attach(&dir).await?.is_some() {
            return Err(error::busy(&dir).into());
        }
    }
    setup::wipe(&dir, &name)?;
    if out.json() {
        return out.object(&json!({"data_dir": dir.display().to_string(), "wiped": true}));
    }
    out.text(&format!("Everything in {} is removed.", sanitize::line(&dir.display().to_string())))
}
