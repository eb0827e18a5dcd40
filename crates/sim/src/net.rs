//! Links between nodes: bytes on their way, and what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::InstanceKey;
use nexus_identity::card::VerifiedCard;
use nexus_identity::record::VerifiedRecord;
use nexus_sync::{LinkId, Serial};

use crate::world::Patience;

/// Length and code before the body of a frame.
pub const FRAME_HEAD: u64 = 5;

/// Something on a control stream.
#[derive(Debug, Clone)]
pub enum Control {
    /// Somebody's card.
    Card(Arc<VerifiedCard>),
    /// An instance's record.
    Record(Arc<VerifiedRecord>),
    /// A letter.
    Letter(Arc<Vec<u8>>),
    /// A letter of this id is here.
    LetterOk([u8; 16]),
}

/// A frame that arrived: its code and its body.
pub type Heard = (u8, Arc<Vec<u8>>);

/// Something on its way.
#[derive(Debug, Clone)]
pub enum Item {
    /// Bytes of the sync stream.
    Bytes(Vec<u8>),
    /// A frame on the control stream.
    Control(Control),
}

/// One end of a link.
#[derive(Debug)]
pub struct End {
    /// Which node.
    pub node: usize,
    /// Its life when the link was made.
    pub life: u32,
    /// Its instance then.
    pub instance: InstanceKey,
    /// The engine knows of it.
    pub up: bool,
    /// This end is closed, or has noticed that the other is.
    pub gone: bool,
    /// The beginning of a frame of which the rest has not come.
    pub part: Vec<u8>,
    /// What came before the engine knew of the link.
    pub early: Vec<Heard>,
}

/// One direction.
#[derive(Debug, Default)]
pub struct Lane {
    /// When the last byte handed over will be on the wire.
    pub busy_until: Duration,
    /// Bytes handed over.
    pub carried: u64,
    /// Bytes handed over that are not on the wire yet.
    pub waiting: u64,
    /// The wire breaks after so many bytes.
    pub cut_after: Option<u64>,
}

/// A link.
#[derive(Debug)]
pub struct Link {
    /// Its number.
    pub id: LinkId,
    /// The edge that it runs over.
    pub edge: usize,
    /// End 0 dialled.
    pub ends: [End; 2],
    /// `lanes[0]` carries from end 0 to end 1.
    pub lanes: [Lane; 2],
    /// How long a byte takes.
    pub delay: Duration,
    /// Bytes a second.
    pub rate: u64,
    /// Bytes still arrive.
    pub alive: bool,
    /// Since when it is up.
    pub since: Duration,
    /// What made it die, if it died.
    pub dies: bool,
}

/// What becomes of bytes that are put on a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// When the last of them is on the wire.
    pub written: Duration,
    /// How long that takes once it is their turn.
    pub took: Duration,
    /// So many of them are before the place where the wire breaks.
    pub reach: u64,
}

impl Link {
    /// Puts bytes on a lane.
    pub fn put(&mut self, lane: usize, bytes: u64, now: Duration) -> Put {
        let rate = self.rate.max(1);
        let lane = &mut self.lanes[lane];
        let took = Duration::from_micros(bytes.saturating_mul(1_000_000) / rate);
        lane.busy_until = lane.busy_until.max(now) + took;
        let reach = lane.cut_after.map_or(bytes, |cut| cut.saturating_sub(lane.carried).min(bytes));
        lane.carried += bytes;
        lane.waiting += bytes;
        Put { written: lane.busy_until, took, reach }
    }

    /// The end of this node, if it has one.
    #[must_use]
    pub fn end_of(&self, node: usize) -> Option<usize> {
        self.ends.iter().position(|end| end.node == node)
    }

    /// Both ends are done with it.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.ends[0].gone && self.ends[1].gone
    }
}

/// Where two devices can meet.
#[derive(Debug)]
pub struct Edge {
    /// The devices.
    pub ends: (usize, usize),
    /// How many faults keep it away.
    pub away: u32,
    /// A dial is on its way.
    pub dialling: bool,
    /// Dials that came to nothing, one after the other.
    pub failed: u32,
    /// Nobody meets here any more.
    pub closed: bool,
    /// What is remembered of links that did not last.
    pub patience: Patience,
    /// Both were asked and one does not want the other, as things stood.
    pub refused: bool,
}

/// What is written out of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenOut {
    /// Up to this frame.
    pub serial: Serial,
    /// So many bytes.
    pub bytes: u64,
}
