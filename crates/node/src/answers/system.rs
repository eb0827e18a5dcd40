//! The node itself: who, how, where, which devices.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_identity::card::Statement;
use nexus_identity::{InstanceKey, Millis};
use nexus_storage::Queries;

use crate::api::{
    CheckView, DeviceView, ErrorBody, ErrorCode, Event, IdentityView, LinkView, NearbyView,
    RefusedView, StatusView,
};
use crate::control::Rows;
use crate::core::{Core, locked};
use crate::doctor;
use crate::error::{self, Answered};
use crate::hub::nearby_view;
use crate::links::millis;
use crate::me::Me;
use crate::resolve::MIN_PREFIX;
use crate::time::rfc3339;
use crate::views::Viewer;

pub(crate) async fn id(core: &Arc<Core>, rows: &Rows) -> Answered<()> {
    Ok(rows.row(&identity(core)).await?)
}

fn identity(core: &Core) -> IdentityView {
    let me = core.me();
    IdentityView {
        connect_id: me.connect_id().to_string(),
        public_key: me.card.identity_key().to_string(),
        instance: me.instance.key().to_string(),
        name: me.name().to_owned(),
        data_dir: core.paths.root().display().to_string(),
    }
}

pub(crate) async fn status(core: &Arc<Core>, rows: &Rows) -> Answered<()> {
    let transport = core.transport();
    let live = transport.links();
    let outside = core.outside();
    let traffic: BTreeMap<_, _> =
        locked(&core.links).iter().map(|(link, live)| (*link, live.traffic.both())).collect();
    let (links, queued, entries, notices) = core
        .read(move |store, me| {
            let viewer = Viewer::new(store, me, &outside)?;
            let links: Vec<LinkView> = live
                .iter()
                .map(|l| (l, traffic.get(&l.link).copied().unwrap_or_default()))
                .map(|(l, (sync_sent, sync_received))| LinkView {
                    connect_id: l.peer.to_string(),
                    name: viewer.name(&l.peer),
                    instance: l.instance.to_string(),
                    path: l.path.kind.name().to_owned(),
                    address: l.path.address.to_string(),
                    rtt_ms: l.rtt.map(millis),
                    cipher: format!("{} {}", l.path.cipher, l.path.group),
                    age: l.age.as_secs_f64(),
                    why: l.path.why.clone(),
                    sync_sent,
                    sync_received,
                })
                .collect();
            let notices: Vec<String> = store.notices()?.into_iter().map(|n| n.text).collect();
            Ok((links, queued(store, me)?, store.entry_count()?, notices))
        })
        .await?;
    let mut refused = core.refused.views();
    refused.extend(transport.refused().into_iter().map(|row| RefusedView {
        code: row.code.to_string(),
        source: row.source.map_or_else(|| "others".to_owned(), |s| s.to_string()),
        count: row.count,
        last: rfc3339(Millis(
            core.clock.now().0.saturating_sub(u64::try_from(row.ago.as_millis()).unwrap_or(0)),
        )),
    }));
    let view = StatusView {
        connect_id: core.me().connect_id().to_string(),
        links,
        queued,
        server: None,
        listen: transport.listen_addresses().iter().map(ToString::to_string).collect(),
        store: core.store_health(),
        entries,
        store_bytes: core.db.size(),
        refused,
        notices,
    };
    Ok(rows.row(&view).await?)
}

/// My shown messages that are not at every recipient yet.
fn queued(store: &Queries, me: &Me) -> Answered<u64> {
    let mut queued = 0;
    for contact in store.contacts()? {
        let Some(conversation) = me.conversation_with(&contact.connect_id) else { continue };
        for chain in store.chains_of_topic(&conversation.topic())? {
            if chain.branch.is_some() || chain.author.is_none_or(|a| a.who != me.connect_id()) {
                continue;
            }
            let marks = store.marks(&chain.log)?;
            let reached = marks
                .iter()
                .filter(|m| m.recipient == contact.connect_id)
                .find_map(|m| m.delivered);
            let from = reached.map_or(0, |seq| seq + 1);
            queued += store.messages_of_chain(chain.id, from)?;
        }
    }
    Ok(queued)
}

pub(crate) async fn doctor(core: &Arc<Core>, rows: &Rows) -> Answered<()> {
    let checks: Vec<CheckView> = doctor::checks(core).await;
    for check in &checks {
        rows.row(check).await?;
    }
    Ok(())
}

pub(crate) async fn nearby(core: &Arc<Core>, watch: bool, rows: &Rows) -> Answered<()> {
    let (mut passing, _) = core.bus.watch();
    let (seen, now) = (core.transport().nearby(), core.clock.now());
    let views: Vec<NearbyView> = core
        .read(move |store, _| {
            seen.iter()
                .map(|n| Ok(nearby_view(n, store.contact(&n.connect_id)?.as_ref(), now)))
                .collect()
        })
        .await?;
    for view in &views {
        rows.row(view).await?;
    }
    if !watch {
        return Ok(());
    }
    loop {
        tokio::select! {
            event = passing.recv() => match event {
                Ok(Event::Nearby { peer, gone: false }) => rows.row(&peer).await?,
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(_) => break,
            },
            () = rows.gone() => break,
        }
    }
    Ok(())
}

pub(crate) async fn profile_set(core: &Arc<Core>, name: &str, rows: &Rows) -> Answered<()> {
    let name = crate::setup::check_name(name)?;
    core.store
        .run(move |work| {
            let hlc =
                work.me.card.profile_hlc().map_or(work.now.0, |known| work.now.0.max(known + 1));
            let says = Statement::Profile { hlc, name };
            let card = work.me.card.with(&work.me.secrets, &says).map_err(error::failed)?;
            work.set_own_card(card)
        })
        .await?;
    id(core, rows).await
}

pub(crate) async fn devices(core: &Arc<Core>, rows: &Rows) -> Answered<()> {
    for view in all_devices(core).await? {
        rows.row(&view).await?;
    }
    Ok(())
}

async fn all_devices(core: &Arc<Core>) -> Answered<Vec<DeviceView>> {
    let now = core.clock.now();
    core.read(move |store, me| {
        let added = me.card.live().chain(me.card.over_limit());
        let added = added.map(|(instance, at)| (instance, Some(at)));
        let revoked = me.card.revoked().map(|instance| (instance, None));
        added
            .chain(revoked)
            .map(|(instance, at)| {
                let this = instance == me.instance.key();
                let seen = if this {
                    Some(now)
                } else {
                    store.record(&instance)?.and_then(|r| r.last_seen)
                };
                let record = store.record(&instance)?;
                let record = record.and_then(|row| crate::verified::record(&row.bytes));
                let keys =
                    if this { Some(me.record.created()) } else { record.map(|r| r.created()) };
                Ok(DeviceView {
                    keys_from: keys.map(rfc3339),
                    instance: instance.to_string(),
                    name: me.name().to_owned(),
                    added: at.map(rfc3339).unwrap_or_default(),
                    last_seen: seen.map(rfc3339),
                    this,
                    revoked: me.card.is_revoked(&instance),
                })
            })
            .collect()
    })
    .await
}

pub(crate) async fn device_revoke(core: &Arc<Core>, instance: String, rows: &Rows) -> Answered<()> {
    let prefix = instance.trim().to_lowercase();
    let all = all_devices(core).await?;
    let found: Vec<&DeviceView> = all
        .iter()
        .filter(|d| prefix.len() >= MIN_PREFIX && d.instance.starts_with(&prefix))
        .collect();
    let one = match found.as_slice() {
        [one] => one.instance.clone(),
        [] => {
            return Err(ErrorBody::new(
                ErrorCode::NotFound,
                format!("there is no device {prefix:?}"),
                "see `nexus device list`; give at least 6 digits",
            ));
        }
        _ => {
            return Err(ErrorBody::new(
                ErrorCode::Ambiguous,
                format!("{prefix:?} may be any of several devices"),
                "give more digits, as `nexus device list` shows them",
            ));
        }
    };
    let wanted = one.clone();
    core.store
        .run(move |work| {
            let all: Vec<InstanceKey> =
                work.me.card.live().chain(work.me.card.over_limit()).map(|(i, _)| i).collect();
            let Some(instance) = all.into_iter().find(|i| i.to_string() == wanted) else {
                return Ok(());
            };
            let says = Statement::Revoke { instance };
            let card = work.me.card.with(&work.me.secrets, &says).map_err(error::failed)?;
            work.tx.drop_record(&instance)?;
            work.set_own_card(card)
        })
        .await?;
    let now = all_devices(core).await?.into_iter().find(|d| d.instance == one);
    match now {
        Some(view) => Ok(rows.row(&view).await?),
        None => Err(error::failed("the device is gone")),
    }
}
