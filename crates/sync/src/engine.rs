//! The engine: all links of one node, and what is shared between them.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_log::ids::{Head, LogKey, Topic};

use crate::code::ByeCode;
use crate::frame::{FrameError, Received};
use crate::ids::{LinkId, LinkParams, Serial, Ticket, WantedTopic};
use crate::limits::{EAGER_PATIENCE, WINDOW};
use crate::output::Output;
use crate::store::Store;

/// What may be set.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// RUN bytes that each peer may have outstanding; at least [`crate::limits::MIN_WINDOW`].
    pub window: u32,
    /// How long the eager link may fail to bring what a lazy one shows.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { window: WINDOW, patience: EAGER_PATIENCE }
    }
}

/// Synchronizes all links of a node.
///
/// Call one `handle_*`, then [`Engine::poll_output`] until it gives `None`, then
/// [`Engine::poll_timeout`] for when to call [`Engine::handle_timeout`]. `now` is the time since
/// any fixed start and never falls.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    outputs: VecDeque<Output>,
}

impl Engine {
    /// No links yet.
    pub fn new(config: Config) -> Self {
        Self { config, outputs: VecDeque::new() }
    }

    /// A link is there and authenticated: compare what both hold of the wanted topics.
    pub fn link_up<S: Store>(
        &mut self,
        link: LinkId,
        params: LinkParams,
        wanted: Vec<WantedTopic>,
        now: Duration,
        store: &S,
    ) {
        let _ = (link, params, wanted, now, store, self.config);
    }

    /// The link is gone. What it brought and is still being stored stays valid.
    pub fn link_down(&mut self, link: LinkId, now: Duration) {
        let _ = (link, now);
    }

    /// The topics wanted over this link are now these.
    pub fn set_wanted<S: Store>(
        &mut self,
        link: LinkId,
        wanted: Vec<WantedTopic>,
        now: Duration,
        store: &S,
    ) {
        let _ = (link, wanted, now, store);
    }

    /// A frame came in.
    pub fn handle_frame<S: Store>(
        &mut self,
        link: LinkId,
        frame: Received,
        now: Duration,
        store: &S,
    ) {
        let _ = (link, frame, now, store);
    }

    /// A frame came in that does not decode.
    pub fn handle_malformed(&mut self, link: LinkId, error: FrameError, now: Duration) {
        let _ = (link, error, now);
    }

    /// The last byte of this frame, and of all before it, is written to the link.
    pub fn handle_written(&mut self, link: LinkId, serial: Serial, now: Duration) {
        let _ = (link, serial, now);
    }

    /// These runs are durable.
    pub fn handle_committed<S: Store>(&mut self, tickets: &[Ticket], now: Duration, store: &S) {
        let _ = (tickets, now, store);
    }

    /// This run can't be stored: its link is closed.
    pub fn handle_refused(&mut self, ticket: Ticket, now: Duration) {
        let _ = (ticket, now);
    }

    /// This instance wrote entries of its own, now durable; `head` is the last.
    pub fn handle_appended<S: Store>(
        &mut self,
        topic: Topic,
        log: LogKey,
        head: Head,
        now: Duration,
        store: &S,
    ) {
        let _ = (topic, log, head, now, store);
    }

    /// The time that [`Engine::poll_timeout`] named has come.
    pub fn handle_timeout<S: Store>(&mut self, now: Duration, store: &S) {
        let _ = (now, store);
    }

    /// Neither send nor take this log any more, on any link.
    pub fn refuse_log(&mut self, log: LogKey) {
        let _ = log;
    }

    /// Say `BYE` and close the link.
    pub fn close(&mut self, link: LinkId, code: ByeCode) {
        let _ = (link, code);
    }

    /// The next thing to do. Reads entries for RUN frames from `store`.
    pub fn poll_output<S: Store>(&mut self, store: &S) -> Option<Output> {
        let _ = store;
        self.outputs.pop_front()
    }

    /// When to call [`Engine::handle_timeout`]; `None` while nothing waits.
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }
}
