//! What is sent when there is room: marks, lists of heads, news, credit, and then one RUN a turn.
//!
//! News and credit are kept as sets and sums until they are sent, so a slow link makes them
//! coalesce and not pile up. HEADS go before the CREDIT of the same commit.

use std::collections::BTreeSet;

use nexus_log::header::{HEADER_LEN, Header, entry_hash};
use nexus_log::ids::{Head, LogKey, Topic};
use nexus_log::run::{Run, SIGNATURE_LEN};

use super::Engine;
use super::change::queue_log;
use super::trouble::Trouble;
use crate::frame::{Frame, Heads, Listing, Mark, Mode, ShownHead};
use crate::ids::LinkId;
use crate::limits::{
    CREDIT_BATCH, MAX_FRAME, MAX_HEADS_PER_FRAME, MAX_MARKS_PER_FRAME, MAX_UNWRITTEN,
    MAX_UNWRITTEN_RUNS, OPENING_BYTES, RUN_BYTES,
};
use crate::link::{Class, Link, charge};
use crate::store::Store;
use crate::view::View;

impl Engine {
    /// Makes frames for the next link that has something to send and room for it.
    pub(super) fn produce<S: Store>(&mut self, store: &S) -> bool {
        let later = self.links.keys().copied().filter(|id| Some(*id) > self.served);
        let earlier = self.links.keys().copied().filter(|id| Some(*id) <= self.served);
        let ids: Vec<LinkId> = later.chain(earlier).collect();
        for id in ids {
            self.served = Some(id);
            if self.flush(id) {
                return true;
            }
            match self.push_run(id, store) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(trouble) => {
                    self.trouble(id, trouble);
                    return true;
                }
            }
        }
        false
    }

    /// Everything but RUNs.
    fn flush(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        if link.unwritten_bytes >= MAX_UNWRITTEN {
            return false;
        }
        let mut frames = marks(link);
        if let Some(topic) = link.listings.pop_first() {
            link.announce.remove(&topic);
            frames.extend(listing(topic, &self.view));
        }
        if link.listings.is_empty() {
            for (topic, logs) in std::mem::take(&mut link.announce) {
                frames.extend(news(topic, &logs, &self.view));
            }
        }
        if link.credit_due >= CREDIT_BATCH {
            link.granted += link.credit_due;
            frames.push(Frame::Credit(std::mem::take(&mut link.credit_due)));
        }
        let some = !frames.is_empty();
        for frame in frames {
            let send = link.send(frame, None);
            self.outputs.push_back(send);
        }
        some
    }

    /// The next RUN of a link, if it has one and both window and stream have room.
    fn push_run<S: Store>(&mut self, id: LinkId, store: &S) -> Result<bool, Trouble> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(false) };
        while let Some((class, _, topic, chain)) = link.first_queued() {
            if link.unwritten_runs >= MAX_UNWRITTEN_RUNS
                || usize::try_from(link.credit).unwrap_or(usize::MAX) < MAX_FRAME
            {
                return Ok(false);
            }
            let next = link.shares.get(&topic).and_then(|share| share.next(&chain));
            let bytes = if class == Class::Opening { OPENING_BYTES } else { RUN_BYTES };
            let run = match next {
                Some(next) => store.run(&chain.0, chain.1.as_ref(), next.from, bytes)?,
                None => None,
            };
            let Some((run, last)) = run.and_then(|run| last_of(&run).map(|last| (run, last)))
            else {
                link.dequeue(topic, chain);
                continue;
            };
            link.dequeue(topic, chain);
            link.credit = link.credit.saturating_sub(charge(run.bytes().len()));
            if let Some(share) = link.shares.get_mut(&topic) {
                share.sent.insert(chain, last.seq);
            }
            let send = link.send(Frame::Run(run), Some((topic, chain.0, last)));
            self.outputs.push_back(send);
            // After a probe the other side says where the branches part, or takes it.
            if !next.is_some_and(|next| next.probe) {
                requeue(link, &self.view, &topic, &chain.0, class, self.refused.contains(&chain.0));
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// Queues what is left of a log after one of its runs was sent, over a lazy link too.
fn requeue(link: &mut Link, view: &View, topic: &Topic, log: &LogKey, class: Class, refused: bool) {
    let tips = view.tips(topic, log);
    let share = link.shares.get(topic);
    if share.is_some_and(|share| share.outbound == Mode::Lazy) {
        for tip in tips {
            let chain = (*log, tip.branch);
            let next = link.shares.get(topic).and_then(|share| share.next(&chain));
            if next.is_some_and(|next| next.from <= tip.head.seq) {
                link.enqueue(class, *topic, chain);
            }
        }
        return;
    }
    queue_log(link, topic, log, tips, refused);
}

fn marks(link: &mut Link) -> Vec<Frame> {
    let marks = std::mem::take(&mut link.marks);
    let mut frames = Vec::new();
    for mode in [Mode::Lazy, Mode::Eager] {
        let of_mode = marks.iter().filter(|(_, marked)| **marked == mode);
        let topics: Vec<Topic> = of_mode.map(|(topic, _)| *topic).collect();
        for part in topics.chunks(MAX_MARKS_PER_FRAME) {
            frames.push(Frame::Mark(Mark { mode, topics: part.to_vec() }));
        }
    }
    frames
}

/// All heads of a topic, at one moment, in as many frames as it takes.
fn listing(topic: Topic, view: &View) -> Vec<Frame> {
    let mut parts = chunks(view.heads(&topic).iter().map(ShownHead::from).collect());
    let last = parts.pop().unwrap_or_default();
    let more = |heads| Frame::Heads(Heads { topic, listing: Listing::More, heads });
    let mut frames: Vec<Frame> = parts.into_iter().map(more).collect();
    frames.push(Frame::Heads(Heads { topic, listing: Listing::Last, heads: last }));
    frames
}

/// The heads of logs that changed.
fn news(topic: Topic, logs: &BTreeSet<LogKey>, view: &View) -> Vec<Frame> {
    let tips = logs.iter().flat_map(|log| view.tips(&topic, log));
    let parts = chunks(tips.map(ShownHead::from).collect());
    let frame = |heads| Frame::Heads(Heads { topic, listing: Listing::News, heads });
    parts.into_iter().map(frame).collect()
}

/// Cuts heads into frames, all branches of a log in one.
fn chunks(mut heads: Vec<ShownHead>) -> Vec<Vec<ShownHead>> {
    heads.sort_unstable();
    let mut parts: Vec<Vec<ShownHead>> = Vec::new();
    for branches in heads.chunk_by(|a, b| a.log == b.log) {
        match parts.last_mut() {
            Some(part) if part.len() + branches.len() <= MAX_HEADS_PER_FRAME => {
                part.extend_from_slice(branches);
            }
            _ => parts.push(branches.to_vec()),
        }
    }
    parts
}

/// The last entry of a run from the store.
fn last_of(run: &Run) -> Option<Head> {
    let (mut rest, _) = run.bytes().split_last_chunk::<SIGNATURE_LEN>()?;
    let mut last = None;
    while let Some((bytes, after)) = rest.split_first_chunk::<HEADER_LEN>() {
        let header = Header::decode(bytes).ok()?;
        rest = after.get(usize::try_from(header.payload_len).ok()?..)?;
        last = Some((header.seq, bytes));
    }
    last.map(|(seq, bytes)| Head { seq, hash: entry_hash(bytes) })
}
