//! One node whose peers are played by hand.

use nexus_log::entry::Entry;
use nexus_sync::Frame;
use nexus_sync::frame::{Mark, Mode};

use super::hostile::Hostile;
use super::world::World;
use super::{Room, Writer};

/// Codes of frames.
pub const HEADS: u8 = 3;
pub const RUN: u8 = 4;

/// A node that wants these rooms.
pub fn alone(rooms: &[Room]) -> World {
    let mut world = World::new(1);
    rooms.iter().for_each(|room| world.join(0, room));
    world
}

/// A peer played by hand that shares one room with node 0.
pub fn peer(world: &mut World, number: u64, room: &Room) -> Hostile {
    Hostile::shared(world, 0, number, std::slice::from_ref(room))
}

pub fn entries(room: &Room, seed: u64, count: usize) -> Vec<Entry> {
    let mut writer = Writer::new(seed, room);
    (0..count).map(|_| writer.write(80, 1)).collect()
}

/// The link of a peer ends.
pub fn down(world: &mut World, peer: &Hostile) {
    let now = world.now;
    world.nodes[0].engine.link_down(peer.link, now);
    world.drain(0);
}

/// Codes of the frames that a peer heard, from one on.
pub fn codes(peer: &Hostile, world: &World, from: usize) -> Vec<u8> {
    peer.heard(world).iter().skip(from).map(|frame| frame.code() as u8).collect()
}

/// The marks that a peer heard, in their order.
pub fn marks(peer: &Hostile, world: &World) -> Vec<Mode> {
    let mode = |frame: &&Frame| match frame {
        Frame::Mark(Mark { mode, .. }) => Some(*mode),
        _ => None,
    };
    peer.heard(world).iter().filter_map(mode).collect()
}
