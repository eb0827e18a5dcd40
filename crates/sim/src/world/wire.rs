//! What goes over links: bytes, cut anywhere, and what becomes of them at the other end.

use std::sync::Arc;
use std::time::Duration;

use nexus_sync::{FrameError, LinkId, Received, Serial};
use nexus_transport::Frame;

use super::{Event, Flaw, World};
use crate::net::{Control, FRAME_HEAD, Heard, Item};
use crate::node::Job;

/// How long a dead link may look alive.
const DEAD_AFTER: u64 = 15_000;
/// What a control frame weighs on the wire.
const CONTROL_BYTES: u64 = 1_500;
/// Of a thousand frames, so many come in two pieces, with time between them.
const IN_PIECES: u64 = 60;

impl World {
    /// Puts something on a link's control stream.
    pub(super) fn say(&mut self, node: usize, id: LinkId, control: Control) {
        self.put(node, id, Item::Control(control), CONTROL_BYTES, None);
    }

    /// Puts a frame on a link's sync stream, as the bytes that the shipped codec makes of it.
    pub(super) fn send(
        &mut self,
        node: usize,
        id: LinkId,
        serial: Option<Serial>,
        (code, body): (u8, Arc<Vec<u8>>),
    ) {
        let bytes = FRAME_HEAD + body.len() as u64;
        self.traffic.sent += bytes;
        self.traffic.sent_runs += if code == 4 { bytes } else { 0 };
        self.traffic.frames += 1;
        self.traffic.run_frames += u64::from(code == 4);
        let mut wire = Vec::new();
        if let Err(error) = Frame::new(code, body.as_slice()).encode(&mut wire) {
            return self.fail(format!("n{node}: a frame that can't be sent: {error}"));
        }
        self.put(node, id, Item::Bytes(wire), bytes, serial);
    }

    fn put(&mut self, node: usize, id: LinkId, item: Item, bytes: u64, serial: Option<Serial>) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(lane) = link.end_of(node).filter(|end| !link.ends[*end].gone) else { return };
        let put = link.put(lane, bytes, now);
        let (delay, alive) = (link.delay, link.alive && !link.dies);
        let dies = put.reach < bytes && alive;
        link.dies |= put.reach < bytes;
        self.schedule(put.written, Event::Written { link: id, end: lane, serial, bytes });
        // Nothing comes after the place where the wire breaks.
        if !alive {
            return;
        }
        match item {
            Item::Bytes(wire) if dies => self.cut_inside(id, lane, wire, put.reach, put.written),
            Item::Bytes(wire) if put.reach == bytes => self.carry(id, lane, wire, put),
            Item::Control(_) if put.reach == bytes => {
                self.schedule(put.written + delay, Event::Arrive { link: id, lane, item });
            }
            _ => {}
        }
        if dies {
            self.cover.hit("link cut by bytes");
            self.schedule(put.written + delay, Event::Break(id));
        }
    }

    /// The wire breaks inside a frame: what was before the break arrives, and the sender knows of nothing.
    fn cut_inside(
        &mut self,
        link: LinkId,
        lane: usize,
        mut wire: Vec<u8>,
        reach: u64,
        at: Duration,
    ) {
        wire.truncate(usize::try_from(reach).unwrap_or(usize::MAX));
        if wire.is_empty() {
            return;
        }
        self.cover.hit("link cut inside a frame");
        if wire.get(4) == Some(&4) {
            self.cover.hit("link cut inside a RUN");
        }
        let at = at + self.links[&link].delay;
        self.schedule(at, Event::Arrive { link, lane, item: Item::Bytes(wire) });
    }

    /// The bytes of a frame on their way; where wires break at all, at times the rest of them comes later.
    fn carry(&mut self, link: LinkId, lane: usize, mut wire: Vec<u8>, put: crate::net::Put) {
        let delay = self.links[&link].delay;
        let in_pieces = !self.quiet && self.plan.net.cuts > 0 && self.tear.chance(IN_PIECES);
        if in_pieces {
            let len = wire.len() as u64;
            let at = self.tear.range(1, len - 1);
            let rest = wire.split_off(usize::try_from(at).unwrap_or(wire.len()));
            let parts = |part: u64| u32::try_from(part).unwrap_or(1).max(1);
            let before = put.took / parts(len) * parts(len - at);
            let item = Item::Bytes(std::mem::replace(&mut wire, rest));
            self.schedule(put.written - before + delay, Event::Arrive { link, lane, item });
        }
        let item = Item::Bytes(wire);
        self.schedule(put.written + delay, Event::Arrive { link, lane, item });
    }

    pub(super) fn written(&mut self, id: LinkId, end: usize, serial: Option<Serial>, bytes: u64) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        link.lanes[end].waiting = link.lanes[end].waiting.saturating_sub(bytes);
        let (node, up) = (link.ends[end].node, link.ends[end].up && !link.ends[end].gone);
        if let Some(serial) = serial.filter(|_| up) {
            self.node(node).engine.handle_written(id, serial, now);
            self.drain(node);
        }
    }

    pub(super) fn arrive(&mut self, id: LinkId, lane: usize, item: Item) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.alive) else { return };
        let end = &mut link.ends[1 - lane];
        if end.gone {
            return;
        }
        let node = end.node;
        let bytes = match item {
            Item::Bytes(bytes) => bytes,
            Item::Control(control) => return self.hear_control(node, id, control),
        };
        end.part.extend(bytes);
        loop {
            let Some(end) = self.links.get_mut(&id).map(|link| &mut link.ends[1 - lane]) else {
                return;
            };
            match Frame::decode(&end.part) {
                Ok(None) => return,
                Ok(Some((frame, used))) => {
                    end.part.drain(..used);
                    let frame = (frame.code, Arc::new(frame.body));
                    if end.up {
                        self.hear_frame(node, id, frame);
                    } else {
                        end.early.push(frame);
                    }
                }
                Err(error) => return self.fail(format!("n{node} can't read its link: {error}")),
            }
        }
    }

    pub(super) fn hear_frame(&mut self, node: usize, id: LinkId, (code, body): Heard) {
        let now = self.now;
        self.trace.note(now, Some(node), "frame", &body, || {
            let name = frame_name(code, &body);
            format!("{name} of {} bytes by link {}", body.len(), id.0)
        });
        self.cover.hit(frame_name(code, &body));
        if code == 4 {
            self.traffic.runs += body.len() as u64;
        }
        self.overhear(node, code, &body);
        let received: Result<Option<Received>, FrameError> = Received::decode(code, &body);
        let held = self.node(node);
        match received {
            Ok(Some(frame)) => held.engine.handle_frame(id, frame, now, &held.disk),
            Ok(None) => {}
            Err(error) => held.engine.handle_malformed(id, error, now),
        }
        self.drain(node);
    }

    fn hear_control(&mut self, node: usize, id: LinkId, control: Control) {
        let Some(link) = self.links.get(&id) else { return };
        let Some(other) = link.end_of(node).map(|at| link.ends[1 - at].node) else { return };
        let peer = self.nodes[&other].disk.facts.who();
        let job = match control {
            Control::Card(card) => Job::Card(id, peer == self.nodes[&node].disk.facts.who(), card),
            Control::Record(record) => Job::Record(record),
            Control::Letter(letter) => Job::Letter(id, letter),
            Control::LetterOk(letter) => Job::LetterOk(peer, letter),
        };
        self.queue(node, job);
    }

    pub(super) fn break_link(&mut self, id: LinkId) {
        let half = !self.quiet && self.dice.chance(self.plan.net.half_open);
        self.cut(id, half);
    }

    /// The link dies; with `half`, one end takes a while to notice.
    pub(super) fn cut(&mut self, id: LinkId, half: bool) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.alive) else { return };
        link.alive = false;
        self.link_ended(id, false);
        self.trace.note(self.now, None, "cut", &id.0.to_be_bytes(), || format!("link {}", id.0));
        self.cover.hit(if half { "link half open" } else { "link cut" });
        let first = self.dice.index(2);
        for end in [first, 1 - first] {
            let late = if half && end != first { DEAD_AFTER } else { 50 };
            let wait = self.dice.range(1, late);
            self.after(Duration::from_millis(wait), Event::Notice(id, end));
        }
    }

    pub(super) fn notice(&mut self, id: LinkId, end: usize) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.ends[end].gone {
            if link.is_over() {
                self.links.remove(&id);
            }
            return;
        }
        let part = std::mem::take(&mut link.ends[end].part);
        let (node, life, up) = (link.ends[end].node, link.ends[end].life, link.ends[end].up);
        if !part.is_empty() && self.lives(node, life) {
            self.part_of_frame(node, id, up, &part);
        }
        let Some(link) = self.links.get_mut(&id) else { return };
        link.ends[end].gone = true;
        let (edge, over) = (link.edge, link.is_over());
        if self.lives(node, life) {
            self.node(node).links.remove(&id);
            if up {
                self.node(node).engine.link_down(id, now);
                self.drain(node);
            }
        }
        if over {
            self.links.remove(&id);
            self.try_again(edge);
        }
    }

    /// A link ended inside a frame: what came of it is dropped.
    fn part_of_frame(&mut self, node: usize, id: LinkId, up: bool, part: &[u8]) {
        self.cover.hit("part of a frame dropped");
        if let Some((code, body)) = part.get(4..).and_then(<[u8]>::split_first)
            && up
            && self.flaw == Some(Flaw::PartOfFrameTaken)
        {
            self.hear_frame(node, id, (*code, Arc::new(body.to_vec())));
        }
    }

    /// One end closes a link: the other notices when the last bytes have arrived.
    pub(super) fn close(&mut self, node: usize, id: LinkId, backoff: bool) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(end) = link.end_of(node) else { return };
        let last = link.lanes[end].busy_until.max(now) + link.delay;
        if backoff {
            self.link_ended(id, true);
        }
        self.notice(id, end);
        self.schedule(last, Event::Notice(id, 1 - end));
    }

    /// All links of a device die, and nobody there notices anything.
    pub(super) fn sever(&mut self, node: usize) {
        for id in self.nodes[&node].links.clone() {
            let Some(link) = self.links.get_mut(&id) else { continue };
            let Some(end) = link.end_of(node) else { continue };
            link.ends[end].gone = true;
            if link.alive {
                link.alive = false;
                let wait = self.dice.range(1, DEAD_AFTER);
                self.after(Duration::from_millis(wait), Event::Notice(id, 1 - end));
            }
        }
        self.node(node).links.clear();
    }
}

fn frame_name(code: u8, body: &[u8]) -> &'static str {
    match code {
        1 => "frame SUMMARY",
        2 => "frame WANT",
        3 => "frame HEADS",
        4 => "frame RUN",
        5 => "frame CREDIT",
        6 if body.first() == Some(&0) => "frame MARK eager",
        6 => "frame MARK lazy",
        7 => "frame FORK",
        8 => "frame NO",
        9 => "frame BYE",
        _ => "frame of a later version",
    }
}
