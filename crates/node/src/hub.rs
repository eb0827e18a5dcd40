//! The task in the middle: what the transport tells and what commits bring about.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use nexus_identity::{ConnectId, InstanceKey, Millis};
use nexus_log::ids::Topic;
use nexus_storage::own::Retirement;
use nexus_storage::story::{About, Stage, StoryRow};
use nexus_transport::{Nearby, TransportEvent};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::api::{Event, NearbyView};
use crate::core::{Core, locked};
use crate::error::Answered;
use crate::events::Bus;
use crate::lookups::{self, Lookups};
use crate::me::{self, Me};
use crate::store_thread::{After, Work};
use crate::sync_thread::SyncEvent;
use crate::wants::Wants;
use crate::{ingest, links, network};

/// Moments of dialling one peer that are told between two links or messages.
const DIALS_TOLD: usize = 32;

pub(crate) struct Hub {
    core: Arc<Core>,
    wants: Wants,
    /// What was told of dialling each peer since the last link or message, so that the story does not repeat itself.
    dialled: HashMap<ConnectId, BTreeSet<String>>,
}

/// What nobody may wait for: peers and watchers hear of a commit from the store thread itself. Gives back what is left to
/// do for [`run`], if anything is.
pub(crate) fn at_once(
    mut after: After,
    sync: &mpsc::UnboundedSender<SyncEvent>,
    bus: &Bus,
) -> Option<After> {
    for ((topic, log), head) in &after.appended {
        let _ = sync.send(SyncEvent::Appended(*topic, *log, *head));
    }
    if std::mem::take(&mut after.events) {
        bus.durable();
    }
    for conversation in std::mem::take(&mut after.happened) {
        bus.tell(Event::Happened { conversation: conversation.to_string() });
    }
    after.is_something().then_some(after)
}

/// Runs until the node ends.
pub(crate) async fn run(
    core: Arc<Core>,
    mut transport: mpsc::Receiver<TransportEvent>,
    mut effects: mpsc::UnboundedReceiver<After>,
) {
    let (lookups, mut found) = Lookups::new(lookups::system());
    let mut hub = Hub { core: core.clone(), wants: Wants::new(lookups), dialled: HashMap::new() };
    let mut look_again = tokio::time::interval(lookups::AGAIN);
    look_again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look_again.reset();
    hub.update_wants().await;
    loop {
        tokio::select! {
            biased;
            () = core.stop.cancelled() => return,
            Some(after) = effects.recv() => {
                if let Some(new) = hub.after(after).await {
                    transport = new;
                }
            }
            Some(found) = found.recv() => hub.wants.found(&core, found),
            _ = look_again.tick() => hub.wants.look_again(&core),
            event = transport.recv() => match event {
                Some(event) => hub.event(event).await,
                None => {
                    // The transport is gone; effects still have to be handled.
                    transport = mpsc::channel(1).1;
                    tokio::task::yield_now().await;
                    core.stop.cancelled().await;
                }
            },
        }
    }
}

impl Hub {
    async fn update_wants(&mut self) {
        if let Err(error) = self.wants.update(&self.core).await {
            tracing::warn!(%error, "who is wanted could not be read");
        }
    }

    /// What a commit brings about. Gives the events of a new transport, when there is one.
    async fn after(&mut self, after: After) -> Option<mpsc::Receiver<TransportEvent>> {
        let core = self.core.clone();
        self.wrote(after.appended.keys().map(|(topic, _)| *topic));
        for (code, source) in &after.refused {
            core.refused.count(code, source);
        }
        if after.wants {
            self.update_wants().await;
            let _ = core.sync.events.send(SyncEvent::Wants);
        }
        if after.hello {
            *locked(&core.hello_changed) = Some(Instant::now());
            core.transport().set_hello(network::hello(&core.me()));
            core.tasks.spawn({
                let core = core.clone();
                async move { links::tell_hello(&core).await }
            });
        }
        for who in after.cards {
            let card = core.read(move |store, _| {
                Ok(store.contact(&who)?.and_then(|c| crate::cards::stored_card(&c)))
            });
            if let Ok(Some(card)) = card.await {
                core.transport().merge_card(&card);
                let core = core.clone();
                core.tasks.clone().spawn(async move { links::tell_card(&core, &card).await });
            }
        }
        for (who, record) in after.records {
            let core = core.clone();
            core.tasks.clone().spawn(async move { links::tell_record(&core, &who, &record).await });
        }
        if after.recovered {
            core.transport().try_again();
        }
        if after.letters {
            self.letters().await;
        }
        if after.timers {
            core.timers.notify_one();
        }
        for topic in after.requests {
            let job =
                move |work: &mut Work<'_, '_>| match work.me.conversations.get(&topic).cloned() {
                    Some(conversation) => ingest::settle_requests(work, &conversation),
                    None => Ok(()),
                };
            core.store.post(1, job, |_| ()).await;
        }
        let (instance, why) = after.give_up?;
        self.give_up(instance, why).await
    }

    async fn letters(&self) {
        let peers: Vec<ConnectId> = self.core.live_paths().into_keys().collect();
        for peer in peers {
            links::send_letter(&self.core, &peer).await;
        }
    }

    async fn event(&mut self, event: TransportEvent) {
        let core = &self.core;
        match event {
            TransportEvent::LinkUp(up) => {
                self.dialled.remove(&up.peer);
                core.tasks.spawn(links::run(core.clone(), *up));
            }
            TransportEvent::LinkDown { peer, instance, reason, .. } => {
                core.bus.tell(Event::LinkDown {
                    connect_id: peer.to_string(),
                    instance: instance.to_string(),
                    reason: reason.to_string(),
                });
                self.story(peer, Stage::Unlinked, format!("the link ended: {reason}")).await;
            }
            TransportEvent::Letter(letter) => {
                core.tasks.spawn(links::stranger(core.clone(), *letter));
            }
            TransportEvent::Blob { peer, stream, .. } => {
                core.tasks.spawn(crate::files::serve(core.clone(), peer, stream));
            }
            TransportEvent::Nearby(nearby) => self.nearby(&nearby, false).await,
            TransportEvent::NearbyGone(nearby) => self.nearby(&nearby, true).await,
            TransportEvent::Dialling { peer, address } => {
                self.dial(peer, Stage::Dialled, format!("dialled {address}")).await;
            }
            TransportEvent::DialFailed { peer, address, error, .. } => {
                self.dial(peer, Stage::Refused, format!("{address}: {error}")).await;
            }
            TransportEvent::Refused { code, source } => {
                tracing::debug!(%code, %source, "refused");
            }
            TransportEvent::AddressesChanged(addresses) => {
                tracing::info!(?addresses, "addresses changed");
                self.wants.look_again(&self.core);
            }
        }
    }

    /// A moment of dialling somebody, told once until something changes: a dial to where nobody is goes on for ever.
    async fn dial(&mut self, peer: ConnectId, stage: Stage, detail: String) {
        let told = self.dialled.entry(peer).or_default();
        if told.len() < DIALS_TOLD && told.insert(detail.clone()) {
            self.story(peer, stage, detail).await;
        }
    }

    /// I wrote to these conversations: the story of what I wrote has its own dials.
    fn wrote(&mut self, topics: impl Iterator<Item = Topic>) {
        let me = self.core.me();
        for topic in topics {
            if let Some(peer) = me.conversations.get(&topic).and_then(|c| me.peer_of(c)) {
                self.dialled.remove(&peer);
            }
        }
    }

    async fn nearby(&self, nearby: &Nearby, gone: bool) {
        let id = nearby.connect_id;
        let contact = self.core.read(move |store, _| Ok(store.contact(&id)?)).await.ok().flatten();
        self.core.bus.tell(Event::Nearby {
            peer: nearby_view(nearby, contact.as_ref(), self.core.clock.now()),
            gone,
        });
    }

    async fn story(&self, peer: ConnectId, stage: Stage, detail: String) {
        let job = move |work: &mut Work<'_, '_>| {
            let row = StoryRow {
                at: work.now,
                stage,
                peer: Some(peer),
                path: "lan".to_owned(),
                detail: links::crop(&detail),
            };
            Ok(work.tx.tell(About::Peer, &row)?)
        };
        self.core.store.post(1, job, |_| ()).await;
    }

    /// This instance must not go on, for another one writes with its keys: it stops, and goes on as a new instance.
    async fn give_up(
        &mut self,
        instance: InstanceKey,
        why: Retirement,
    ) -> Option<mpsc::Receiver<TransportEvent>> {
        let core = self.core.clone();
        match core.store.run(move |work| give_up(work, instance, why)).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                tracing::error!(%error, "a new instance could not be made");
                return None;
            }
        }
        // Off stays off.
        let enabled = core.transport().is_enabled();
        core.transport().shutdown().await;
        let (transport, events) = match network::start(&core.config, &core.me(), enabled).await {
            Ok(started) => started,
            Err(error) => {
                tracing::error!(%error, "the network could not be started again; the node ends");
                core.stop.cancel();
                return None;
            }
        };
        *crate::core::locked(&core.transport) = transport;
        self.wants.forget();
        self.update_wants().await;
        let _ = core.sync.events.send(SyncEvent::Wants);
        Some(events)
    }
}

/// Goes on as a new instance, and says so. `false` when it does already: what came in before the change says it again.
pub(crate) fn give_up(
    work: &mut Work<'_, '_>,
    instance: InstanceKey,
    reason: Retirement,
) -> Answered<bool> {
    if work.me.instance.key() != instance {
        return Ok(false);
    }
    let secrets = Arc::clone(&work.me.secrets);
    me::replace_instance(work.tx, &secrets, reason, work.now)?;
    if let Some(me) = Me::load(&secrets, work.tx)? {
        *work.me = Arc::new(me);
    }
    work.after.hello = true;
    work.after.wants = true;
    let (code, text) = match reason {
        Retirement::Clock => (
            "new_instance_clock",
            "the clock of this device once ran more than ten years ahead, so it goes on as a new device; \
             nothing is lost. Check its date",
        ),
        _ => (
            "new_instance_fork",
            "a copy of this device wrote in its place, or its disk lost what was saved already, so this one goes on as a new \
             device; what others hold comes back. Use each data directory in one place only; if there is no copy, look after \
             the disk",
        ),
    };
    work.notice(code, None, text)?;
    open_everywhere(work)?;
    Ok(true)
}

/// Opens this instance's log in every conversation that goes on.
pub(crate) fn open_everywhere(work: &mut Work<'_, '_>) -> Answered<()> {
    use nexus_storage::contacts::ContactState;
    if !work.me.is_live() {
        return Ok(());
    }
    for contact in work.tx.contacts()? {
        if matches!(contact.state, ContactState::Requested | ContactState::Accepted)
            && let Some(conversation) = work.me.conversation_with(&contact.connect_id).cloned()
        {
            work.keep_conversation(&conversation, &contact.connect_id)?;
            work.open_log(&conversation)?;
        }
    }
    Ok(())
}

/// Somebody nearby as front ends see it.
pub(crate) fn nearby_view(
    nearby: &Nearby,
    contact: Option<&nexus_storage::contacts::ContactRow>,
    now: Millis,
) -> NearbyView {
    let known = contact.map(nexus_storage::contacts::ContactRow::name).filter(|n| !n.is_empty());
    let seen = u64::try_from(nearby.last_seen.as_millis()).unwrap_or(u64::MAX);
    NearbyView {
        connect_id: nearby.connect_id.to_string(),
        name: known.unwrap_or(&nearby.name).to_owned(),
        addresses: nearby.addresses.iter().map(ToString::to_string).collect(),
        last_seen: crate::time::rfc3339(Millis(now.0.saturating_sub(seen))),
        contact: contact
            .map(|c| crate::views::contact_state(c.state))
            .filter(|s| *s != crate::api::ContactState::Removed),
    }
}

#[cfg(test)]
mod tests {
    use nexus_log::hlc::MAX_AHEAD_MILLIS;

    use super::*;
    use crate::desk::{Desk, START};

    #[test]
    fn an_instance_is_given_up_once_however_often_that_is_asked_for() {
        let mut desk = Desk::new();
        desk.contact();
        let first = desk.me.instance.key();
        assert!(desk.run(|work| give_up(work, first, Retirement::Forked)).unwrap());
        assert!(!desk.run(|work| give_up(work, first, Retirement::Forked)).unwrap());
        assert_eq!(desk.opened.writer.queries().retired_instances().unwrap().len(), 1);
        assert!(desk.me.is_live() && desk.me.instance.key() != first);
    }

    #[test]
    fn a_clock_that_ran_far_ahead_costs_one_instance_and_says_why() {
        let mut desk = Desk::new();
        let peer = desk.contact();
        desk.now = Millis(START.0 + 2 * MAX_AHEAD_MILLIS);
        desk.text(&peer, "from the future");
        desk.now = START;
        let who = peer.card.connect_id();
        let text = |text: &str| nexus_log::body::Payload::Text(text.to_owned());
        desk.run(|work| crate::messages::say(work, &who, text("stopped"))).unwrap_err();
        let (instance, why) = desk.after.give_up.unwrap();
        assert_eq!((instance, why), (desk.me.instance.key(), Retirement::Clock));
        assert!(desk.run(|work| give_up(work, instance, why)).unwrap());
        for n in 0..3 {
            desk.text(&peer, &n.to_string());
        }
    }
}
