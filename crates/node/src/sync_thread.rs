//! The thread that owns the sync engine: frames and events in, frames and commits out.
//!
//! It reads the store over a connection of its own and never writes. What waits is bounded by the engine itself: credit
//! bounds the runs that are being committed, its count of unwritten bytes bounds what waits for a link.

mod outputs;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nexus_identity::ConnectId;
use nexus_log::context::Conversation;
use nexus_log::ids::{Head, LogKey, Topic};
use nexus_storage::contacts::ContactState;
use nexus_storage::{Reader, Window};
use nexus_sync::engine::Refused as NotStored;
use nexus_sync::{
    ByeCode, Config, Engine, FrameError, LinkId, LinkParams, Received, Serial, Ticket, WantSecret,
    WantedTopic,
};
use nexus_transport::Closer;
use tokio::sync::{mpsc, watch};

use crate::me::Me;
use crate::refused::Refused;
use crate::rises::{Mark, Rises};
use crate::store_thread::Store;

/// Frames of all links that may wait; then links wait, and so their peers.
const FRAMES: usize = 256;
/// Events handled before outputs are looked at again.
const BURST: usize = 64;

/// A frame from a link, decoded and checked by the link's own task.
pub(crate) type FromLink = (LinkId, Result<Received, FrameError>);

/// A frame to a link.
#[derive(Debug)]
pub(crate) struct ToLink {
    /// To be told once it is written.
    pub serial: Serial,
    /// The frame's code.
    pub code: u8,
    /// The frame's body.
    pub body: Vec<u8>,
}

/// What happens besides frames.
#[derive(Debug)]
pub(crate) enum SyncEvent {
    /// A link is up and its peer wanted.
    Up(Box<NewLink>),
    /// A link is gone.
    Down(LinkId),
    /// Everything up to this frame is written.
    Written(LinkId, Serial),
    /// A run is durable.
    Stored(Ticket),
    /// A run was not taken.
    NotStored(Ticket, NotStored),
    /// I appended to a log.
    Appended(Topic, LogKey, Head),
    /// These marks could not be written down.
    NotWritten(Vec<Mark>),
    /// Who may share what with whom changed.
    Wants,
    /// The node ends: say so on all links.
    Stop,
}

/// A link that came up.
#[derive(Debug)]
pub(crate) struct NewLink {
    /// Its number.
    pub link: LinkId,
    /// For the engine.
    pub params: LinkParams,
    /// Frames to the peer.
    pub out: mpsc::UnboundedSender<ToLink>,
    /// Ends it.
    pub closer: Closer,
    /// Kind of path, for the story.
    pub path: String,
}

/// Speaks to the thread. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sync {
    /// Everything but frames; never waits.
    pub events: mpsc::UnboundedSender<SyncEvent>,
    /// Frames; waits when there are too many.
    pub frames: mpsc::Sender<FromLink>,
}

struct Peer {
    who: ConnectId,
    out: mpsc::UnboundedSender<ToLink>,
    closer: Closer,
    path: String,
}

struct Thread {
    engine: Engine,
    reader: Reader,
    store: Store,
    me: watch::Receiver<Arc<Me>>,
    events: mpsc::UnboundedSender<SyncEvent>,
    refused: Refused,
    links: HashMap<LinkId, Peer>,
    /// How far each peer was seen to have, or to have been sent, my logs.
    rises: Rises,
    /// Whether a log is mine.
    mine: HashMap<LogKey, bool>,
    /// Who is wanted changed, and those who share a topic already were not looked at since.
    wants_changed: bool,
    /// Topics that both ends of a link want.
    shared: HashSet<(LinkId, Topic)>,
    begun: Instant,
}

/// The ends of the channels that belong to the thread, made before it so that the store thread can have the other ones.
pub(crate) struct Inbox {
    events: mpsc::UnboundedReceiver<SyncEvent>,
    frames: mpsc::Receiver<FromLink>,
}

/// Both ends.
pub(crate) fn channels() -> (Sync, Inbox) {
    let (events, events_in) = mpsc::unbounded_channel();
    let (frames, frames_in) = mpsc::channel(FRAMES);
    (Sync { events, frames }, Inbox { events: events_in, frames: frames_in })
}

/// Starts the thread; it ends with [`SyncEvent::Stop`].
pub(crate) fn start(
    sync: &Sync,
    inbox: Inbox,
    reader: Reader,
    store: Store,
    refused: Refused,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let me = store.watch_me();
    let thread = Thread {
        engine: Engine::new(Config::default()),
        reader,
        store,
        me,
        events: sync.events.clone(),
        refused,
        links: HashMap::new(),
        rises: Rises::default(),
        mine: HashMap::new(),
        wants_changed: false,
        shared: HashSet::new(),
        begun: Instant::now(),
    };
    std::thread::Builder::new()
        .name("nexus-sync".into())
        .spawn(move || runtime.block_on(thread.run(inbox)))
}

impl Thread {
    async fn run(mut self, mut inbox: Inbox) {
        loop {
            self.outputs().await;
            self.write_down(Some(Instant::now())).await;
            let wait = self.wait();
            tokio::select! {
                biased;
                event = inbox.events.recv() => {
                    let Some(event) = event else { return };
                    if !self.burst(event, &mut inbox.events) {
                        self.outputs().await;
                        self.write_down(None).await;
                        return;
                    }
                    if self.wants_changed {
                        self.wants_changed = false;
                        self.outputs().await;
                        for (link, topic) in self.shared.iter().copied().collect::<Vec<_>>() {
                            self.met(link, topic).await;
                        }
                    }
                }
                Some((link, frame)) = inbox.frames.recv() => self.frame(link, frame),
                () = tokio::time::sleep(wait) => {
                    let now = self.now();
                    self.engine.handle_timeout(now, &self.reader);
                }
            }
        }
    }

    /// How long nothing happens by the clock.
    fn wait(&self) -> Duration {
        let engine = self.engine.poll_timeout().map(|at| at.saturating_sub(self.now()));
        let rises = self.rises.due().map(|at| at.saturating_duration_since(Instant::now()));
        engine.into_iter().chain(rises).min().unwrap_or(Duration::from_secs(3600))
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn frame(&mut self, link: LinkId, frame: Result<Received, FrameError>) {
        let now = self.now();
        match frame {
            Ok(frame) => self.engine.handle_frame(link, frame, now, &self.reader),
            Err(error) => self.engine.handle_malformed(link, error, now),
        }
    }

    /// Handles what waits, runs that became durable together. `false`: it is time to end.
    fn burst(&mut self, first: SyncEvent, queue: &mut mpsc::UnboundedReceiver<SyncEvent>) -> bool {
        let mut durable = Vec::new();
        let mut next = Some(first);
        for _ in 0..BURST {
            let Some(event) = next else { break };
            if let SyncEvent::Stored(ticket) = event {
                durable.push(ticket);
            } else {
                self.committed(&mut durable);
                if !self.event(event) {
                    return false;
                }
            }
            next = queue.try_recv().ok();
        }
        self.committed(&mut durable);
        match next {
            Some(SyncEvent::Stored(ticket)) => {
                durable.push(ticket);
                self.committed(&mut durable);
                true
            }
            Some(event) => self.event(event),
            None => true,
        }
    }

    fn committed(&mut self, tickets: &mut Vec<Ticket>) {
        if !tickets.is_empty() {
            let now = self.now();
            self.engine.handle_committed(tickets, now, &self.reader);
            tickets.clear();
        }
    }

    fn event(&mut self, event: SyncEvent) -> bool {
        let now = self.now();
        match event {
            SyncEvent::Up(new) => {
                let NewLink { link, mut params, out, closer, path } = *new;
                params.remembered = self.remembered(&params.instance);
                let wanted = self.wanted(&params.peer);
                self.links.insert(link, Peer { who: params.peer, out, closer, path });
                self.engine.link_up(link, params, wanted, now, &self.reader);
            }
            SyncEvent::Down(link) => {
                self.shared.retain(|(of, _)| *of != link);
                if self.links.remove(&link).is_some() {
                    self.engine.link_down(link, now);
                }
            }
            SyncEvent::Written(link, serial) => self.engine.handle_written(link, serial, now),
            SyncEvent::Stored(ticket) => self.engine.handle_committed(&[ticket], now, &self.reader),
            SyncEvent::NotStored(ticket, why) => {
                self.engine.handle_refused(ticket, why, now, &self.reader)
            }
            SyncEvent::NotWritten(marks) => {
                marks.into_iter().for_each(|mark| self.rises.forget(mark));
            }
            SyncEvent::Appended(topic, log, head) => {
                self.engine.handle_appended(topic, log, head, now, &self.reader);
            }
            SyncEvent::Wants => {
                self.wants_changed = true;
                let links: Vec<_> =
                    self.links.iter().map(|(link, peer)| (*link, peer.who)).collect();
                for (link, who) in links {
                    let wanted = self.wanted(&who);
                    self.engine.set_wanted(link, wanted, now, &self.reader);
                }
            }
            SyncEvent::Stop => {
                for link in self.links.keys().copied().collect::<Vec<_>>() {
                    self.engine.close(link, ByeCode::Done);
                }
                return false;
            }
        }
        true
    }

    /// What may be shared with somebody: the direct conversation; with my own instances, everything.
    fn wanted(&self, who: &ConnectId) -> Vec<WantedTopic> {
        let me = self.me.borrow().clone();
        let peers: Vec<ConnectId> =
            if *who == me.connect_id() { me.topics.keys().copied().collect() } else { vec![*who] };
        let wanted = peers.iter().filter(|peer| **peer == me.connect_id() || self.is_wanted(peer));
        wanted.filter_map(|peer| Some(self.topic(me.conversation_with(peer)?))).collect()
    }

    fn is_wanted(&self, peer: &ConnectId) -> bool {
        let contact = self.reader.contact(peer).ok().flatten();
        contact.is_some_and(|c| matches!(c.state, ContactState::Requested | ContactState::Accepted))
    }

    fn topic(&self, conversation: &Conversation) -> WantedTopic {
        let newest = self.reader.history(&conversation.id, Window::Newest, 1);
        let last = newest.ok().and_then(|mut rows| rows.pop());
        WantedTopic {
            topic: conversation.topic(),
            want: WantSecret::new(conversation.secret.want_secret().clone()),
            priority: last.map_or(0, |row| row.message.base.position.hlc.0),
        }
    }
}
