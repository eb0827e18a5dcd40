//! One source: what it owes, how fast it is, when it may be asked again.

use core::time::Duration;
use std::collections::BTreeMap;

use super::SourceKind;
use crate::ids::RequestId;
use crate::limits::{GROUP, MAX_OPEN, MAX_RETRY, RETRY, STALL};
use crate::wire::What;

/// How long bytes are counted before the rate is computed anew.
const RATE_SPAN: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Source {
    pub(super) kind: SourceKind,
    pub(super) open: BTreeMap<RequestId, Open>,
    next_request: u32,
    /// Where its next run should begin: after its last.
    pub(super) cursor: Option<u64>,
    /// When it was last heard of while it owed something, or began to owe.
    pub(super) heard: Duration,
    /// It owes something and says nothing.
    pub(super) stalled: bool,
    /// Not to be asked again in this transfer.
    pub(super) out: bool,
    /// Not to be asked before.
    pub(super) retry_at: Option<Duration>,
    retry_after: Duration,
    rate: Rate,
}

/// A GET under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) what: What,
    /// What comes next.
    pub(super) next: u64,
    pub(super) end: u64,
    /// STOP was sent: what is left of it was given to others.
    pub(super) stopping: bool,
}

impl Open {
    /// What it still owes.
    pub(super) const fn left(&self) -> u64 {
        if self.stopping { 0 } else { self.end - self.next }
    }
}

#[derive(Debug, Default)]
struct Rate {
    since: Duration,
    bytes: u64,
    /// Bytes a second; `None` before anything was measured.
    measured: Option<u64>,
}

impl Source {
    pub(super) fn new(kind: SourceKind) -> Self {
        Self {
            kind,
            open: BTreeMap::new(),
            next_request: 0,
            cursor: None,
            heard: Duration::ZERO,
            stalled: false,
            out: false,
            retry_at: None,
            retry_after: RETRY,
            rate: Rate::default(),
        }
    }

    /// Whether it can be asked now.
    pub(super) fn is_usable(&self, now: Duration) -> bool {
        !self.out && !self.stalled && self.retry_at.is_none_or(|at| at <= now)
    }

    /// Whether it can be asked for groups now.
    pub(super) fn serves(&self, root_known: bool, now: Duration) -> bool {
        self.is_usable(now) && (root_known || self.kind == SourceKind::Author)
    }

    /// Whether one more request may be opened.
    pub(super) fn has_room(&self) -> bool {
        self.open.len() < MAX_OPEN
    }

    /// Groups or hashes that it owes.
    pub(super) fn owes(&self, what: What) -> u64 {
        self.open.values().filter(|open| open.what == what).map(Open::left).sum()
    }

    /// Requests that are not stopped.
    pub(super) fn live(&self) -> impl Iterator<Item = RequestId> + '_ {
        self.open.iter().filter(|(_, open)| !open.stopping).map(|(request, _)| *request)
    }

    /// Opens a request.
    pub(super) fn ask(&mut self, what: What, first: u64, end: u64, now: Duration) -> RequestId {
        if self.live().next().is_none() {
            self.heard = now;
            self.rate.since = now;
            self.rate.bytes = 0;
        }
        // At most 16 are open, so one that is not in use comes soon even after 2^32.
        let mut request = RequestId(self.next_request);
        while self.open.contains_key(&request) {
            request = RequestId(request.0.wrapping_add(1));
        }
        self.next_request = request.0.wrapping_add(1);
        self.open.insert(request, Open { what, next: first, end, stopping: false });
        request
    }

    /// Something came from it.
    pub(super) fn hear(&mut self, bytes: u64, now: Duration) {
        self.heard = now;
        self.stalled = false;
        self.rate.count(bytes, now);
    }

    /// Something useful came: `busy` and `not_ready` are over.
    pub(super) const fn relent(&mut self) {
        self.retry_after = RETRY;
        self.retry_at = None;
    }

    /// It said that it cannot now.
    pub(super) fn back_off(&mut self, now: Duration) {
        self.retry_at = Some(now + self.retry_after);
        self.retry_after = (self.retry_after * 2).min(MAX_RETRY);
    }

    /// When it is stalled, or may be asked again.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        let waits = !self.out && !self.stalled && self.live().next().is_some();
        let stall = waits.then(|| self.heard + STALL);
        let retry = self.retry_at.filter(|_| !self.out);
        stall.into_iter().chain(retry).min()
    }

    /// That time may be there.
    pub(super) fn handle_timeout(&mut self, now: Duration) {
        if self.live().next().is_some() && self.heard + STALL <= now {
            self.stalled = true;
        }
        self.retry_at = self.retry_at.filter(|at| *at > now);
    }

    /// Bytes a second, if anything was measured.
    pub(super) const fn rate(&self) -> Option<u64> {
        self.rate.measured
    }

    /// How long it takes for what it owes; `None` if it owes nothing or nothing was measured.
    pub(super) fn takes(&self) -> Option<Duration> {
        let groups = self.owes(What::Content);
        let rate = self.rate.measured?.max(1);
        (groups > 0).then(|| Duration::from_secs(groups * GROUP as u64 / rate))
    }
}

impl Rate {
    fn count(&mut self, bytes: u64, now: Duration) {
        self.bytes += bytes;
        let span = now.saturating_sub(self.since);
        // The first bytes tell at once, roughly, so that a slow source is known as one.
        if span < RATE_SPAN && self.measured.is_some() || span.is_zero() {
            return;
        }
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
        let now_rate = self.bytes.saturating_mul(1000) / millis;
        let mixed = self.measured.map_or(now_rate, |last| (last + now_rate) / 2);
        self.measured = Some(mixed);
        self.since = now;
        self.bytes = 0;
    }
}
