//! `device …` and `profile …`.

use nexus_node::api::{Command, DeviceView, IdentityView};

use super::look::show_identity;
use super::rows;
use crate::args::{DeviceVerb, ProfileVerb};
use crate::output::Out;
use crate::render;
use crate::session::Session;
use crate::stop::Done;

/// Runs one.
///
/// # Errors
/// What the node answered.
pub(crate) async fn run(session: &Session, verb: DeviceVerb, out: &mut Out) -> Done {
    match verb {
        DeviceVerb::List => {
            rows(session, out, Command::Devices, render::devices, "No devices.").await
        }
        DeviceVerb::Revoke { instance } => {
            let row: DeviceView = session.client.one(Command::DeviceRevoke { instance }).await?;
            if out.json() {
                return out.object(&row);
            }
            out.text(&format!(
                "{} is revoked; contacts learn it when they meet you",
                render::short_id(&row.instance)
            ))
        }
    }
}

/// `profile …`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn profile(session: &Session, verb: ProfileVerb, out: &mut Out) -> Done {
    let ProfileVerb::Set { name } = verb;
    let me: IdentityView = session.client.one(Command::ProfileSet { name }).await?;
    show_identity(&me, out)
}
