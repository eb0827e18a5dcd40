//! What the engine asks for: frames to links, runs to the store, and word of what reached whom.

use std::time::Instant;

use nexus_identity::{ConnectId, InstanceKey};
use nexus_log::ids::{LogHead, LogKey, Topic};
use nexus_log::run::CheckedRun;
use nexus_storage::StoreError;
use nexus_storage::contacts::ContactState;
use nexus_storage::delivery::Delivery;
use nexus_storage::own::Retirement;
use nexus_sync::engine::Refused as NotStored;
use nexus_sync::{ByeCode, LinkId, Output, Shared, Ticket};
use nexus_transport::CloseCode;

use super::{SyncEvent, Thread, ToLink};
use crate::ingest::{self, Taken};
use crate::rises::{Mark, Rise};
use crate::store_thread::Work;

impl Thread {
    pub(super) async fn outputs(&mut self) {
        while let Some(output) = self.engine.poll_output(&self.reader) {
            self.output(output).await;
        }
    }

    async fn output(&mut self, output: Output) {
        match output {
            Output::Send { link, serial, frame } => {
                if let Some(peer) = self.links.get(&link) {
                    let code = frame.code() as u8;
                    let _ = peer.out.send(ToLink { serial, code, body: frame.into_body() });
                }
            }
            Output::Commit { ticket, topic, run, .. } => self.commit(ticket, topic, run).await,
            Output::PeerHas { link, topic, heads } => self.peer_has(link, topic, heads).await,
            Output::WroteOut { link, log, upto, .. } => {
                self.reached(link, log, Delivery::Sent, upto.seq).await
            }
            Output::Violation { link, code } => {
                if let Some(peer) = self.links.get(&link) {
                    self.refused.count(&code.to_string(), &peer.who.to_string());
                }
            }
            Output::Close { link, code, .. } => {
                if let Some(peer) = self.links.get(&link) {
                    peer.closer.close(match code {
                        ByeCode::Violations => CloseCode::Violation,
                        ByeCode::Storage => CloseCode::Internal,
                        ByeCode::Limit => CloseCode::Busy,
                        ByeCode::Done | ByeCode::Unwelcome => CloseCode::Shutdown,
                    });
                }
            }
            Output::ForkSeen { proof, .. } => self.fork(proof.log()).await,
            Output::OverLimit { link, .. } => {
                if let Some(peer) = self.links.get(&link) {
                    self.refused.count("over_limit", &peer.who.to_string());
                }
            }
            Output::StoreFailed { error, .. } => self.store_failed(&error).await,
            Output::TopicShared { link, topic } => {
                self.shared.insert((link, topic));
                self.met(link, topic).await;
            }
            Output::TopicEnded { link, topic, .. } => drop(self.shared.remove(&(link, topic))),
            Output::Remember { instance, shared } => self.remember(instance, &shared).await,
            Output::TopicDone { .. } => {}
        }
    }

    /// What was shared with an instance when this node ran last; the engine itself knows what it met since.
    pub(super) fn remembered(&self, instance: &InstanceKey) -> Option<Shared> {
        if self.engine.remembered(instance).is_some() {
            return None;
        }
        let stored = self.reader.share(instance).ok().flatten();
        stored.and_then(|bytes| Shared::from_bytes(&bytes))
    }

    /// Keeps what is shared with an instance, for the first link after the next start.
    async fn remember(&self, instance: InstanceKey, shared: &Shared) {
        let bytes = shared.to_bytes();
        let job =
            move |work: &mut Work<'_, '_>| Ok(work.tx.put_share(&instance, &bytes, work.now)?);
        self.store.post(1, job, |_| ()).await;
    }

    async fn commit(&self, ticket: Ticket, topic: Topic, run: CheckedRun) {
        let events = self.events.clone();
        self.store
            .post(
                run.len(),
                move |work| ingest::take(work, &topic, &run),
                move |taken| {
                    let event = match taken {
                        Ok(Taken::Stored) => SyncEvent::Stored(ticket),
                        Ok(Taken::Refused) => SyncEvent::NotStored(ticket, NotStored::Log),
                        Ok(Taken::Unwanted) => SyncEvent::NotStored(ticket, NotStored::Topic),
                        // It is no fault of the log: the next link lists anew what is missing.
                        Ok(Taken::Gap) => SyncEvent::NotStored(ticket, NotStored::Storage),
                        Err(error) => {
                            tracing::warn!(%error, "a run could not be stored");
                            SyncEvent::NotStored(ticket, NotStored::Storage)
                        }
                    };
                    let _ = events.send(event);
                },
            )
            .await;
    }

    /// The peer wants the topic too: whoever was removed here and asked again is accepted by that.
    pub(super) async fn met(&self, link: LinkId, topic: Topic) {
        let Some(peer) = self.links.get(&link) else { return };
        let who = peer.who;
        let requested = self
            .reader
            .contact(&who)
            .ok()
            .flatten()
            .is_some_and(|c| c.state == ContactState::Requested);
        if requested {
            let job = move |work: &mut Work<'_, '_>| crate::contacts::shared(work, &who, &topic);
            self.store.post(1, job, |_| ()).await;
        }
    }

    /// The peer's own heads: what of mine it has is delivered.
    async fn peer_has(&mut self, link: LinkId, topic: Topic, heads: Vec<LogHead>) {
        let _ = topic;
        for head in heads.into_iter().filter(|head| head.branch.is_none()) {
            self.reached(link, head.log, Delivery::Delivered, head.head.seq).await;
        }
    }

    async fn reached(&mut self, link: LinkId, log: LogKey, state: Delivery, upto: u64) {
        let Some(peer) = self.links.get(&link) else { return };
        let (who, path) = (peer.who, peer.path.clone());
        let me = self.me.borrow().connect_id();
        if who == me || !self.rises.is_news(who, log, state, upto) || !self.is_mine(&me, &log) {
            return;
        }
        let rise = Rise { log, who, state, upto, path, at: self.store.now() };
        let rises = self.rises.reached(rise, Instant::now());
        self.write(rises).await;
    }

    fn is_mine(&mut self, me: &ConnectId, log: &LogKey) -> bool {
        if let Some(mine) = self.mine.get(log) {
            return *mine;
        }
        let author = self.reader.chain(log, None).ok().flatten().and_then(|c| c.author);
        let mine = author.map(|author| author.who == *me);
        self.mine.extend(mine.map(|mine| (*log, mine)));
        mine.unwrap_or(false)
    }

    /// Writes down what has waited long enough; everything without a time.
    pub(super) async fn write_down(&mut self, now: Option<Instant>) {
        let rises = self.rises.overdue(now);
        self.write(rises).await;
    }

    async fn write(&self, rises: Vec<Rise>) {
        if !rises.is_empty() {
            let weight = rises.len();
            let marks: Vec<Mark> = rises.iter().map(|r| (r.who, r.log, r.state)).collect();
            let events = self.events.clone();
            let job = move |work: &mut Work<'_, '_>| {
                rises.into_iter().try_for_each(|rise| work.raise(rise))
            };
            let done = move |written: Result<(), _>| {
                if written.is_err() {
                    let _ = events.send(SyncEvent::NotWritten(marks));
                }
            };
            self.store.post(weight, job, done).await;
        }
    }

    async fn store_failed(&self, error: &nexus_sync::StoreError) {
        tracing::error!(cause = %error.inner(), "the store could not be read for a link");
        if let Some(StoreError::Damaged { detail }) = error.inner().downcast_ref::<StoreError>() {
            self.store.met(&StoreError::Damaged { detail: detail.clone() }.into()).await;
        }
    }

    async fn fork(&self, log: LogKey) {
        let job = move |work: &mut Work<'_, '_>| {
            let Some(chain) = work.tx.chain(&log, None)? else { return Ok(()) };
            if chain.log == work.me.log(chain.topic) {
                work.give_up(Retirement::Forked);
            } else if let Some(author) = chain.author {
                work.after.refused.push(("fork", author.who.to_string()));
            }
            Ok(())
        };
        self.store.post(1, job, |_| ()).await;
    }
}
