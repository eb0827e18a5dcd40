//! The links of the hub: which connections become links, which of two stays, and how they end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_identity::{ConnectId, InstanceKey, Secret32, VerifiedCard};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Hub, State};
use crate::blob::BLOB_RATE;
use crate::blob::rate::RATE_RATE;
use crate::code::CloseCode;
use crate::config::Visibility;
use crate::dial::{AttemptId, Linked};
use crate::event::{LinkId, LinkInfo, PathInfo, Side};
use crate::frame::Frame;
use crate::gate::{Gate, gate_for_blobs};
use crate::hello::CheckedHello;
use crate::limits::{Source, StrangerId, TotalRate};
use crate::link::Closer;
use crate::streams::{End, Rtt};
use crate::tie::{Keep, LinkFacts, Quality, prefer};

/// Number of the next link. One count for the whole process: what is still said of a link of a transport that was shut down
/// must not be taken for one of the next transport's.
static NEXT_LINK: AtomicU64 = AtomicU64::new(1);

#[derive(Debug)]
pub(crate) struct LinkEntry {
    pub(super) peer: ConnectId,
    pub(super) instance: InstanceKey,
    pub(super) facts: LinkFacts,
    closer: Closer,
    rtt: Rtt,
    pub(super) path: Option<PathInfo>,
    /// Where the link's own frames go; as `path` there once it runs.
    pub(super) urgent: Option<mpsc::Sender<Frame>>,
    /// What opens blob connections beside it.
    pub(super) gate: Gate,
    /// How many of them may still be begun.
    pub(super) blob_rate: TotalRate,
    /// How often the peer may measure over them.
    pub(super) measure_rate: TotalRate,
}

/// What a connection became; when dropped its place is free again.
#[derive(Debug)]
pub(crate) struct Admitted {
    hub: Arc<Hub>,
    pub(crate) place: Place,
    end: End,
}

/// The place that a connection takes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A link to a wanted peer.
    Link { id: LinkId, closer: Closer, rtt: Rtt },
    /// A stranger's link.
    Stranger { id: StrangerId, gone: CancellationToken },
}

impl Admitted {
    /// Frees the place, and says how it ended.
    pub(crate) fn over(mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        match &self.place {
            Place::Link { id, .. } => self.hub.ended(*id, self.end),
            Place::Stranger { id, .. } => {
                let mut state = self.hub.state();
                state.strangers.leave(*id);
                state.stranger_links.remove(id);
            }
        }
    }
}

/// Where the peer of a link can be dialled.
pub(crate) fn redial(side: Side, remote: SocketAddr, port: u16) -> Option<SocketAddr> {
    match side {
        Side::Dialler => Some(remote),
        Side::Listener => (port != 0).then(|| {
            let mut address = remote;
            address.set_port(port);
            address
        }),
    }
}

impl Hub {
    /// Decides what a connection with a checked `Hello` becomes; older links that it replaces end.
    pub(crate) fn admit(
        self: &Arc<Self>,
        hello: &mut CheckedHello,
        side: Side,
        remote: SocketAddr,
        local: SocketAddr,
        attempt: Option<AttemptId>,
        exporter: &Secret32,
    ) -> Result<Admitted, CloseCode> {
        let now = self.now();
        let mut guard = self.state();
        let state = &mut *guard;
        if !state.enabled || self.stop.is_cancelled() {
            return Err(CloseCode::Shutdown);
        }
        if hello.instance == self.instance {
            return Err(CloseCode::Myself);
        }
        let Some(known) = state.peers.get_mut(&hello.connect_id) else {
            let place = state.admit_stranger(side, remote.ip())?;
            return Ok(self.admitted(place));
        };
        // It was checked before, perhaps while the peer was unknown: what is known by now counts.
        hello.merge(known.card.as_ref())?;
        known.card = Some(hello.card.clone());
        state.close_revoked(&hello.card);
        let quality = Quality::of(local.ip(), remote.ip());
        let facts = LinkFacts { side, boot: hello.boot, quality, up_at: now };
        for entry in state
            .links
            .values()
            .filter(|entry| entry.instance == hello.instance && !entry.closing())
        {
            match prefer(&entry.facts, &facts, &self.instance, &hello.instance) {
                Keep::Existing => return Err(CloseCode::Replaced),
                Keep::New => entry.closer.close(CloseCode::Replaced),
            }
            if entry.facts.boot != hello.boot {
                // They led to a process that is no more.
                state.blobs.end(&hello.instance);
            }
        }
        let id = LinkId(NEXT_LINK.fetch_add(1, Ordering::Relaxed));
        let (closer, rtt) = (Closer::default(), Rtt::default());
        let (peer, instance) = (hello.connect_id, hello.instance);
        let entry = LinkEntry {
            peer,
            instance,
            facts,
            closer: closer.clone(),
            rtt: rtt.clone(),
            path: None,
            urgent: None,
            gate: gate_for_blobs(exporter),
            blob_rate: TotalRate::new(BLOB_RATE),
            measure_rate: TotalRate::new(RATE_RATE),
        };
        if side == Side::Listener {
            // Before the answer goes out: the peer may use it as soon as it has that.
            state.blobs.open_gate(entry.gate, id, instance);
        }
        state.links.insert(id, entry);
        let address = redial(side, remote, hello.port);
        let linked = Linked { peer, instance, boot: hello.boot, address, quality, attempt };
        state.dialler.handle_link_up(&linked, now);
        drop(guard);
        self.changed.notify_one();
        Ok(self.admitted(Place::Link { id, closer, rtt }))
    }

    fn admitted(self: &Arc<Self>, place: Place) -> Admitted {
        Admitted { hub: Arc::clone(self), place, end: End::LOST }
    }

    /// A link runs: how, for `status`, and where frames of its own go.
    pub(crate) fn link_runs(&self, link: LinkId, path: PathInfo, urgent: mpsc::Sender<Frame>) {
        if let Some(entry) = self.state().links.get_mut(&link) {
            entry.path = Some(path);
            entry.urgent = Some(urgent);
        }
    }

    /// A link is over.
    pub(super) fn ended(self: &Arc<Self>, link: LinkId, end: End) {
        let now = self.now();
        {
            let mut guard = self.state();
            let state = &mut *guard;
            let Some(entry) = state.links.remove(&link) else { return };
            let another = state
                .links
                .values()
                .any(|other| other.instance == entry.instance && !other.closing());
            if !another {
                state.dialler.handle_link_down(
                    &entry.peer,
                    &entry.instance,
                    end.code,
                    end.by_peer,
                    now,
                );
                if end.code == CloseCode::Replaced && end.by_peer {
                    self.end_blobs_later(entry.instance);
                } else {
                    state.blobs.end(&entry.instance);
                }
            }
        }
        self.changed.notify_one();
    }

    /// Gives up links from addresses that this machine no longer has.
    pub(crate) fn close_stranded(&self, have: impl Fn(IpAddr) -> bool) {
        self.state().close(CloseCode::Lost, |_, entry| {
            entry.path.as_ref().is_some_and(|path| !have(path.local.ip().to_canonical()))
        });
    }

    /// Ends links.
    pub(crate) fn close_links(&self, code: CloseCode, which: impl Fn(LinkId, &ConnectId) -> bool) {
        self.state().close(code, |id, entry| which(id, &entry.peer));
    }

    /// The links that are up.
    pub(crate) fn links(&self) -> Vec<LinkInfo> {
        let now = self.now();
        let state = self.state();
        let up =
            state.links.iter().filter(|(_, entry)| !entry.closing()).filter_map(|(id, entry)| {
                Some(LinkInfo {
                    link: *id,
                    peer: entry.peer,
                    instance: entry.instance,
                    path: entry.path.clone()?,
                    side: entry.facts.side,
                    rtt: entry.rtt.get(),
                    age: now.saturating_sub(entry.facts.up_at),
                })
            });
        up.collect()
    }
}

impl LinkEntry {
    pub(super) fn closing(&self) -> bool {
        self.closer.token.is_cancelled()
    }
}

impl State {
    fn admit_stranger(&mut self, side: Side, address: IpAddr) -> Result<Place, CloseCode> {
        let source = Source::from(address);
        if side == Side::Dialler || self.visibility != Visibility::Everyone {
            return Err(CloseCode::Unwanted);
        }
        let (id, dropped) = self.strangers.enter(source).ok_or(CloseCode::Busy)?;
        if let Some(dropped) = dropped.and_then(|id| self.stranger_links.remove(&id)) {
            dropped.cancel();
        }
        let gone = CancellationToken::new();
        self.stranger_links.insert(id, gone.clone());
        Ok(Place::Stranger { id, gone })
    }

    /// Ends links of instances that this card does not count as live.
    pub(crate) fn close_revoked(&self, card: &VerifiedCard) {
        let peer = card.connect_id();
        self.close(CloseCode::NotLive, |_, entry| {
            entry.peer == peer && !card.is_live(&entry.instance)
        });
    }

    /// Ends links, and at once what is beside them.
    fn close(&self, code: CloseCode, which: impl Fn(LinkId, &LinkEntry) -> bool) {
        let closed: Vec<&LinkEntry> =
            self.links.iter().filter(|(id, entry)| which(**id, entry)).map(|(_, of)| of).collect();
        for entry in closed {
            entry.closer.close(code);
            self.end_blobs(&entry.instance);
        }
    }
}
