//! A peer played by hand: it says to a node whatever a test wants.

use nexus_identity::{ConnectId, InstanceKey, Secret32};
use nexus_log::entry::Entry;
use nexus_log::ids::{EntryHash, Head, LogKey, Topic};
use nexus_log::run::{Run, RunBuilder};
use nexus_sync::fingerprint::want_id;
use nexus_sync::frame::{Heads, Listing, ShownHead, Summary, Want};
use nexus_sync::ids::{ScopeFingerprint, SetHash, TopicFingerprint};
use nexus_sync::limits::WINDOW;
use nexus_sync::{ByeCode, Frame, LinkId, LinkParams, Received, Side, ViolationCode};

use super::Room;
use super::world::{Node, World};

/// The link of the played peer.
#[derive(Clone, Copy)]
pub struct Hostile {
    pub node: usize,
    pub link: LinkId,
    exporter: [u8; 32],
}

impl Hostile {
    /// A link to `node` on which nothing was said yet.
    pub fn connect(world: &mut World, node: usize, number: u64) -> Self {
        let (link, exporter) = (LinkId(1_000_000 + number), [number as u8; 32]);
        let params = LinkParams {
            side: Side::Listener,
            exporter: Secret32::new(exporter),
            peer: ConnectId::from_bytes([1; 32]),
            instance: InstanceKey::from_bytes([200; 32]),
            remembered: None,
        };
        let now = world.now;
        let Node { engine, store, rooms, .. } = &mut world.nodes[node];
        let wanted = rooms.iter().map(|(room, priority)| room.wanted(*priority)).collect();
        engine.link_up(link, params, wanted, now, store);
        world.drain(node);
        Self { node, link, exporter }
    }

    /// ... and rooms are shared that differ.
    pub fn shared(world: &mut World, node: usize, number: u64, rooms: &[Room]) -> Self {
        let hostile = Self::connect(world, node, number);
        hostile.summary(world, WINDOW);
        hostile.want(world, rooms);
        hostile
    }

    pub fn summary(&self, world: &mut World, credit: u32) {
        let summary = Summary {
            lazy: false,
            credit,
            set: SetHash([3; 32]),
            remembered: SetHash::NONE,
            scope: ScopeFingerprint([0; 32]),
        };
        self.say(world, &Frame::Summary(summary));
    }

    pub fn want(&self, world: &mut World, rooms: &[Room]) {
        let id = |room: &Room| {
            let id = want_id(&room.wanted(0).want, &self.exporter, Side::Dialler);
            (id, TopicFingerprint([5; 16]))
        };
        let mut ids: Vec<_> = rooms.iter().map(id).collect();
        ids.sort_unstable();
        self.say(world, &Frame::Want(Want { last: true, ids }));
    }

    pub fn say(&self, world: &mut World, frame: &Frame) {
        self.say_bytes(world, frame.code() as u8, &frame.encode_body());
    }

    pub fn say_bytes(&self, world: &mut World, code: u8, body: &[u8]) {
        self.tell(world, code, body);
        world.drain(self.node);
    }

    /// Says something before the node has answered what came before.
    pub fn tell(&self, world: &mut World, code: u8, body: &[u8]) {
        let now = world.now;
        let Node { engine, store, .. } = &mut world.nodes[self.node];
        match Received::decode(code, body) {
            Ok(Some(frame)) => engine.handle_frame(self.link, frame, now, store),
            Ok(None) => {}
            Err(error) => engine.handle_malformed(self.link, error, now),
        }
    }

    pub fn show(&self, world: &mut World, topic: Topic, heads: Vec<ShownHead>, listing: Listing) {
        self.say(world, &Frame::Heads(Heads { topic, listing, heads }));
    }

    pub fn violations(&self, world: &World) -> Vec<ViolationCode> {
        let all = world.nodes[self.node].violations.iter();
        all.filter(|(link, _)| *link == self.link).map(|(_, code)| *code).collect()
    }

    pub fn closed(&self, world: &World) -> Option<ByeCode> {
        let all = world.nodes[self.node].closed.iter();
        all.filter(|(link, ..)| *link == self.link).map(|(_, code, _)| *code).next()
    }

    /// What the node said to the played peer.
    pub fn heard<'a>(&self, world: &'a World) -> Vec<&'a Frame> {
        let all = world.nodes[self.node].stray.iter();
        all.filter(|(link, _)| *link == self.link).map(|(_, frame)| frame).collect()
    }
}

pub fn run_of(entries: &[Entry]) -> Run {
    let mut builder = RunBuilder::new();
    for entry in entries {
        assert!(builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), usize::MAX));
    }
    builder.finish().unwrap()
}

/// A head of a log that nobody has.
pub fn invented(number: u32) -> ShownHead {
    let mut log = [0xfe; 32];
    log[..4].copy_from_slice(&number.to_be_bytes());
    let head = Head { seq: 3, hash: EntryHash::from_bytes(log) };
    ShownHead { log: LogKey::from_bytes(log), head, first: 0 }
}
