//! Contacts, requests, invites.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::invite::{Invite, InviteSecret, SCHEME};
use nexus_identity::{ConnectId, Millis};
use nexus_storage::peers::AddressSource;

use crate::api::{ContactView, ErrorBody, ErrorCode, InviteView};
use crate::contacts::{self as state, MAX_MESSAGE, Request};
use crate::control::Rows;
use crate::core::Core;
use crate::error::{self, Answered};
use crate::resolve::{About, resolve_about};
use crate::store_thread::Work;
use crate::time::rfc3339;
use crate::views::Viewer;

/// Most people one invite may be for.
const MAX_USES: u32 = 100;
/// Longest life of an invite.
const MAX_LIFE: u64 = 365 * 86_400;
/// Longest local name, bytes.
const MAX_LOCAL_NAME: usize = nexus_storage::contacts::MAX_NAME_BYTES;

/// `contact add` as it was asked.
pub(crate) struct Asked {
    pub who: String,
    pub name: Option<String>,
    pub address: Option<String>,
    pub message: Option<String>,
}

pub(crate) async fn add(core: &Arc<Core>, asked: Asked, rows: &Rows) -> Answered<()> {
    let mut request =
        Request { name: asked.name.as_deref().map(local_name).transpose()?, ..Request::default() };
    if let Some(message) = asked.message {
        if message.chars().count() > MAX_MESSAGE {
            return Err(ErrorBody::new(
                ErrorCode::TooLong,
                format!("the words of a request have at most {MAX_MESSAGE} characters"),
                "say the rest once they have accepted",
            ));
        }
        request.message = Some(message);
    }
    if let Some(address) = asked.address {
        request.addresses.push((check_address(&address)?, AddressSource::Manual));
    }
    let link = asked.who.trim();
    let who = if link.get(..SCHEME.len()).is_some_and(|s| s.eq_ignore_ascii_case(SCHEME)) {
        let invite = read_invite(link, core.clock.now())?;
        // Not a reason to refuse the invite: there are other ways to meet.
        let told = invite.addresses.iter().filter_map(|address| check_address(address).ok());
        request.addresses.extend(told.map(|address| (address, AddressSource::Told)));
        let who = invite.connect_id();
        request.invite = Some(invite);
        who
    } else {
        let nearby = core.nearby_names();
        core.read(move |store, _| {
            resolve_about(&asked.who, About::Contacts, &store.all_contacts()?, nearby)
        })
        .await?
    };
    core.store.run(move |work| state::add(work, &who, &request)).await?;
    answer(core, who, rows).await
}

fn read_invite(link: &str, now: Millis) -> Answered<Invite> {
    let bad = |why: &dyn std::fmt::Display| {
        ErrorBody::new(
            ErrorCode::BadInvite,
            format!("this invite can't be used: {why}"),
            "copy the whole link again, or ask for a new one",
        )
    };
    let invite: Invite = link.trim().parse().map_err(|e| bad(&e))?;
    if invite.expires <= now {
        return Err(bad(&format!("it expired at {}", rfc3339(invite.expires))));
    }
    Ok(invite)
}

fn check_address(address: &str) -> Answered<String> {
    let host_and_port = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0));
    let plain = !address.chars().any(|c| c.is_whitespace() || c.is_control());
    if host_and_port && plain && address.len() <= nexus_storage::peers::MAX_ADDRESS_BYTES {
        return Ok(address.to_owned());
    }
    Err(error::usage(
        format!("{address:?} is no address"),
        "give host and port, for example 192.168.1.5:46340 or [fe80::1%2]:46340",
    ))
}

/// A name that only I see.
fn local_name(name: &str) -> Answered<String> {
    nexus_identity::name::clean(name, MAX_LOCAL_NAME)
        .map_err(|e| error::bad_name(e, MAX_LOCAL_NAME))
}

pub(crate) async fn list(core: &Arc<Core>, requests: bool, rows: &Rows) -> Answered<()> {
    let outside = core.outside();
    let views = core
        .read(move |store, me| {
            let viewer = Viewer::new(store, me, &outside)?;
            let contacts = if requests { store.requests()? } else { store.contacts()? };
            Ok(contacts.iter().map(|c| viewer.contact(c)).collect::<Vec<_>>())
        })
        .await?;
    for view in &views {
        rows.row(view).await?;
    }
    Ok(())
}

pub(crate) async fn change(
    core: &Arc<Core>,
    (who, about): (&str, About),
    change: impl FnOnce(&mut Work<'_, '_>, &ConnectId) -> Answered<()> + Send + 'static,
    rows: &Rows,
) -> Answered<()> {
    let who = core.contact_named(who, about).await?;
    core.store.run(move |work| change(work, &who)).await?;
    answer(core, who, rows).await
}

pub(crate) async fn rename(core: &Arc<Core>, who: &str, name: String, rows: &Rows) -> Answered<()> {
    let name = local_name(&name)?;
    change(core, (who, About::Contacts), move |work, who| state::rename(work, who, &name), rows)
        .await
}

pub(crate) async fn verify(
    core: &Arc<Core>,
    who: &str,
    verified: Option<bool>,
    rows: &Rows,
) -> Answered<()> {
    match verified {
        Some(word) => {
            change(
                core,
                (who, About::Contacts),
                move |work, who| state::verify(work, who, word),
                rows,
            )
            .await
        }
        None => {
            let who = core.contact_named(who, About::Contacts).await?;
            answer(core, who, rows).await
        }
    }
}

async fn answer(core: &Arc<Core>, who: ConnectId, rows: &Rows) -> Answered<()> {
    let outside = core.outside();
    let view: Option<ContactView> = core
        .read(move |store, me| Ok(Viewer::new(store, me, &outside)?.contact_by_id(&who)))
        .await?;
    let mut view = view.ok_or_else(|| error::failed("the contact is gone"))?;
    if view.name.is_empty() || view.name == who.short() {
        // Their card has not come yet; what they call themselves nearby is what the person has just seen.
        let seen = core.nearby_names().into_iter().find(|nearby| nearby.id == who);
        if let Some(seen) = seen.filter(|seen| !seen.name.is_empty()) {
            view.name = seen.name;
        }
    }
    Ok(rows.row(&view).await?)
}

pub(crate) async fn invite(
    core: &Arc<Core>,
    expires: Option<u64>,
    uses: u32,
    rows: &Rows,
) -> Answered<()> {
    if uses == 0 || uses > MAX_USES {
        return Err(error::usage(
            format!("an invite is for 1 to {MAX_USES} people"),
            "give --uses in that range",
        ));
    }
    let life = expires.unwrap_or_else(|| u64::from(core.config.invite_days) * 86_400);
    if life == 0 || life > MAX_LIFE {
        return Err(error::usage(
            "an invite lasts from a second to a year",
            "give --expires in that range",
        ));
    }
    let secret = InviteSecret::random(&mut rand::rng());
    let until = core.clock.now().saturating_add(Duration::from_secs(life));
    let mut invite =
        Invite::new(&core.me().card, secret.clone(), uses, until).map_err(error::failed)?;
    invite.addresses =
        crate::addresses::reachable(core).into_iter().map(|a| a.to_string()).collect();
    let link = invite.encode().map_err(error::failed)?;
    core.store
        .run(move |work| match work.tx.put_invite(secret.expose(), uses, until, work.now)? {
            true => Ok(()),
            false => Err(error::too_many_invites()),
        })
        .await?;
    Ok(rows.row(&InviteView { link, expires: rfc3339(until) }).await?)
}
