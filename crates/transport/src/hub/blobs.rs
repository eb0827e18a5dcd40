//! What blob connections need of the links: which is up, who dialled it, and what ends with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nexus_identity::{ConnectId, InstanceKey};

use super::links::LinkEntry;
use super::{Hub, State};
use crate::blob::BlobError;
use crate::blob::table::{Asker, Lease};
use crate::code::RefusedCode;
use crate::event::{LinkId, Side};
use crate::frame::Frame;
use crate::gate::Gate;
use crate::limits::InboundId;

/// Time in which the link comes that took over from one that the peer ended with `replaced`.
pub(crate) const REPLACE_TIME: Duration = Duration::from_secs(3);

/// A blob connection that may be opened, and its place.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) lease: Lease,
    pub(crate) link: LinkId,
    pub(crate) peer: ConnectId,
    pub(crate) instance: InstanceKey,
    /// Who dialled the link.
    pub(crate) side: Side,
    /// Where the peer was dialled, if this side did.
    pub(crate) address: SocketAddr,
    pub(crate) gate: Gate,
}

impl Hub {
    /// Whether a blob connection may be opened beside this link.
    pub(crate) fn wish_blob(&self, link: LinkId, asker: Asker) -> Result<Wish, BlobError> {
        let now = self.now();
        let mut guard = self.state();
        let State { links, blobs, .. } = &mut *guard;
        let entry = links.get_mut(&link).filter(|entry| !entry.closing());
        let entry = entry.ok_or(BlobError::NoLink)?;
        let address = entry.path.as_ref().ok_or(BlobError::NoLink)?.address;
        let lease = blobs.take(entry.instance, asker)?;
        // The other end counts what knocks there.
        if entry.facts.side == Side::Dialler && !entry.blob_rate.allow(now) {
            return Err(BlobError::TooMany);
        }
        let LinkEntry { peer, instance, gate, .. } = entry;
        let (peer, instance, gate, side) = (*peer, *instance, *gate, entry.facts.side);
        Ok(Wish { lease, link, peer, instance, side, address, gate })
    }

    /// The peer opened a blob connection to ask on it: its place, if a link leads to it.
    pub(crate) fn admit_blob(
        &self,
        instance: &InstanceKey,
    ) -> Result<(Lease, LinkId, ConnectId), BlobError> {
        let state = self.state();
        let (link, entry) = state.link_to(instance).ok_or(BlobError::NoLink)?;
        let lease = state.blobs.take(*instance, Asker::Peer)?;
        Ok((lease, link, entry.peer))
    }

    /// Whether the peer of a link may measure once more now.
    pub(crate) fn may_measure(&self, link: LinkId) -> bool {
        let now = self.now();
        self.state().links.get_mut(&link).is_some_and(|entry| entry.measure_rate.allow(now))
    }

    /// The current link to an instance.
    pub(crate) fn link_to(&self, instance: &InstanceKey) -> Option<(LinkId, ConnectId)> {
        self.state().link_to(instance).map(|(link, entry)| (link, entry.peer))
    }

    /// Sends a frame of the link itself, if there is room.
    pub(crate) fn send_control(&self, link: LinkId, frame: Frame) -> bool {
        let state = self.state();
        let urgent = state.links.get(&link).and_then(|entry| entry.urgent.as_ref());
        urgent.is_some_and(|urgent| urgent.try_send(frame).is_ok())
    }

    /// The instance that a link leads to.
    pub(crate) fn instance_of(&self, link: LinkId) -> Option<InstanceKey> {
        self.state().links.get(&link).map(|entry| entry.instance)
    }

    /// After a link was replaced by the peer: what took over may come up here a moment later.
    pub(super) fn end_blobs_later(self: &Arc<Self>, instance: InstanceKey) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let hub = Arc::clone(self);
        let later = async move {
            tokio::select! {
                () = tokio::time::sleep(REPLACE_TIME) => {}
                () = hub.stop.cancelled() => {}
            }
            hub.state().end_blobs(&instance);
        };
        self.tasks.spawn_on(later, &runtime);
    }
}

impl State {
    fn link_to(&self, instance: &InstanceKey) -> Option<(LinkId, &LinkEntry)> {
        let found = self.links.iter().rfind(|(_, of)| of.instance == *instance && !of.closing());
        found.map(|(id, entry)| (*id, entry))
    }

    /// Ends the blob connections with an instance, unless a link leads to it.
    pub(crate) fn end_blobs(&self, instance: &InstanceKey) {
        if self.link_to(instance).is_none() {
            self.blobs.end(instance);
        }
    }

    /// Somebody came with the gate of a link's blob connections.
    pub(super) fn pass_blob_gate(
        &mut self,
        id: InboundId,
        instance: &InstanceKey,
        now: Duration,
    ) -> Result<(), RefusedCode> {
        let mut links = self.links.values_mut();
        let of_it = links.rfind(|of| of.instance == *instance && !of.closing());
        let allowed = of_it.ok_or(RefusedCode::Blob)?.blob_rate.allow(now);
        if allowed && self.handshakes.blob(id, *instance) {
            Ok(())
        } else {
            Err(RefusedCode::TooManyBlobs)
        }
    }
}
