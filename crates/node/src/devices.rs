//! The devices (instances) of this identity.

use nexus_identity::card::Statement;
use nexus_identity::{InstanceKey, Millis};
use nexus_storage::Queries;

use crate::api::{DeviceView, ErrorBody, ErrorCode};
use crate::error::{self, Answered};
use crate::me::Me;
use crate::resolve::MIN_PREFIX;
use crate::store_thread::Work;
use crate::time::rfc3339;

/// All instances, live and revoked; this one first.
pub(crate) fn list(me: &Me, store: &Queries) -> Answered<Vec<DeviceView>> {
    let this = me.instance.key();
    let live = me.card.live().map(|(instance, added)| (instance, Some(added)));
    let revoked = me.card.revoked().map(|instance| (instance, None));
    let mut views = Vec::new();
    for (instance, added) in live.chain(revoked) {
        let seen = store.record(&instance)?.and_then(|record| record.last_seen);
        views.push(view(me, &this, instance, added, seen));
    }
    views.sort_by_key(|device| (!device.this, device.revoked, device.added.clone()));
    Ok(views)
}

fn view(
    me: &Me,
    this: &InstanceKey,
    instance: InstanceKey,
    added: Option<Millis>,
    seen: Option<Millis>,
) -> DeviceView {
    DeviceView {
        instance: instance.to_string(),
        name: me.name().to_owned(),
        added: added.map(rfc3339).unwrap_or_default(),
        last_seen: seen.map(rfc3339),
        this: instance == *this,
        revoked: added.is_none(),
    }
}

/// Revokes one of the other instances: contacts stop linking with it and sealing to it as soon as they hear.
pub(crate) fn revoke(work: &mut Work<'_, '_>, which: &str) -> Answered<DeviceView> {
    let instance = find(&work.me, which)?;
    let this = work.me.instance.key();
    if instance == this {
        return Err(ErrorBody::new(
            ErrorCode::IsSelf,
            "that is this device; it can't revoke itself",
            "revoke it from another of your devices, or remove everything here with `nexus wipe`",
        ));
    }
    if work.me.card.is_live(&instance) {
        let secrets = work.me.secrets.clone();
        let card = work.me.card.with(&secrets, &Statement::Revoke { instance });
        work.set_own_card(card.map_err(error::failed)?)?;
        work.tx.drop_record(&instance)?;
    }
    let me = work.me.clone();
    Ok(view(&me, &this, instance, None, None))
}

fn find(me: &Me, which: &str) -> Answered<InstanceKey> {
    let which = which.trim().to_lowercase();
    let all = me.card.live().map(|(instance, _)| instance).chain(me.card.revoked());
    let mut found: Vec<InstanceKey> = all
        .filter(|instance| which.len() >= MIN_PREFIX && instance.to_string().starts_with(&which))
        .collect();
    if found.len() > 1 {
        let list: Vec<String> = found.iter().map(InstanceKey::to_string).collect();
        return Err(ErrorBody::new(
            ErrorCode::Ambiguous,
            format!("{which:?} may be any of: {}", list.join(", ")),
            "give more digits of the instance",
        ));
    }
    found.pop().ok_or_else(|| {
        ErrorBody::new(
            ErrorCode::NotFound,
            format!("this identity has no device {which:?}"),
            "see `nexus device list`; give at least 6 digits",
        )
    })
}
