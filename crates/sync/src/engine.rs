//! The engine: all links of one node, and what is shared between them.

mod change;
mod eager;
mod flush;
mod forks;
mod heads;
mod rounds;
mod runs;
mod trouble;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nexus_identity::InstanceKey;
use nexus_identity::bugs::{self, Bug};
use nexus_log::ids::{EntryHash, Head, LogHead, LogKey, Topic};

use crate::code::ByeCode;
use crate::frame::{FrameError, Received};
use crate::ids::{LinkId, LinkParams, Serial, Ticket, WantedTopic};
use crate::intake::Intake;
use crate::limits::{EAGER_PATIENCE, MAX_REMEMBERED, MIN_WINDOW, WINDOW};
use crate::link::{Link, Stage};
use crate::output::Output;
use crate::shared::Shared;
use crate::store::Store;
use crate::view::View;
use eager::Late;
use trouble::Trouble;

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

/// Why a run that was handed out is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The store does not take this log: another topic has it, or it has too many branches. The
    /// link goes on without it.
    Log,
    /// Its topic is no longer wanted, which the engine hears in a moment: what is on its way is dropped.
    Topic,
    /// The store does not work: the link is closed.
    Storage,
}

/// Synchronizes all links of a node.
///
/// Call one `handle_*`, then [`Engine::poll_output`] until it gives `None`, then
/// [`Engine::poll_timeout`] for when to call [`Engine::handle_timeout`]. `now` is the time since
/// any fixed start and never falls. Calls about links that are not there do nothing.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    now: Duration,
    links: BTreeMap<LinkId, Link>,
    view: View,
    intake: Intake,
    /// The link that is to bring a topic at once.
    eager: BTreeMap<Topic, LinkId>,
    /// Topics of which a lazy link showed something that is not here yet.
    late: BTreeMap<Topic, Late>,
    memory: BTreeMap<InstanceKey, Shared>,
    refused: BTreeSet<LogKey>,
    forks_seen: BTreeSet<(LogKey, [EntryHash; 2])>,
    outputs: VecDeque<Output>,
    /// The link that was served last.
    served: Option<LinkId>,
}

impl Engine {
    /// No links yet.
    pub fn new(config: Config) -> Self {
        let window = config.window.max(MIN_WINDOW);
        Self {
            config: Config { window, ..config },
            now: Duration::ZERO,
            links: BTreeMap::new(),
            view: View::default(),
            intake: Intake::default(),
            eager: BTreeMap::new(),
            late: BTreeMap::new(),
            memory: BTreeMap::new(),
            refused: BTreeSet::new(),
            forks_seen: BTreeSet::new(),
            outputs: VecDeque::new(),
            served: None,
        }
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
        self.now = now;
        self.drop_link(link);
        if let Some(shared) = &params.remembered {
            self.remember(params.instance, shared.clone());
        }
        self.links.insert(link, Link::new(link, params, now));
        self.set_wanted(link, wanted, now, store);
    }

    /// The link is gone. What it brought and is still being stored stays valid.
    pub fn link_down(&mut self, link: LinkId, now: Duration) {
        self.now = now;
        self.drop_link(link);
    }

    /// The topics wanted over this link are now these.
    pub fn set_wanted<S: Store>(
        &mut self,
        id: LinkId,
        wanted: Vec<WantedTopic>,
        now: Duration,
        store: &S,
    ) {
        self.now = now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let (added, gone) = link.replace_wanted(wanted);
        for topic in &gone {
            self.unshare(id, topic, None);
            self.view.release(topic);
        }
        for topic in &added {
            if let Err(error) = self.view.acquire(*topic, store) {
                return self.trouble(id, Trouble::Store(error));
            }
        }
        let first = self.links.get(&id).is_some_and(|link| link.first_round);
        if first || !added.is_empty() || !gone.is_empty() {
            self.start_round(id);
        }
    }

    /// A frame came in.
    pub fn handle_frame<S: Store>(
        &mut self,
        link: LinkId,
        frame: Received,
        now: Duration,
        store: &S,
    ) {
        self.now = now;
        if !self.links.contains_key(&link) {
            return;
        }
        let result = match frame {
            Received::Summary(summary) => self.on_summary(link, summary, store),
            Received::Want(want) => self.on_want(link, want, store),
            Received::Heads(heads) => self.on_heads(link, heads, store),
            Received::Run(run) => self.on_run(link, run, store),
            Received::Credit(bytes) => self.on_credit(link, bytes),
            Received::Mark(mark) => self.on_mark(link, &mark, store),
            Received::Fork(fork) => self.on_fork(link, *fork, store),
            Received::No(refusal) => self.on_no(link, refusal),
            Received::Bye(bye) => self.on_bye(link, bye),
        };
        if let Err(trouble) = result {
            self.trouble(link, trouble);
        }
    }

    /// A frame came in that does not decode.
    pub fn handle_malformed(&mut self, link: LinkId, error: FrameError, now: Duration) {
        self.now = now;
        self.trouble(link, Trouble::Violation(error.0));
    }

    /// The last byte of this frame, and of all before it, is written to the link.
    pub fn handle_written(&mut self, link: LinkId, serial: Serial, now: Duration) {
        self.now = now;
        let Some(written) = self.links.get_mut(&link).map(|found| found.written(serial)) else {
            return;
        };
        for (topic, log, upto) in written {
            if bugs::is(Bug::DeliveredWhenWritten) {
                let heads = self.view.tips(&topic, &log).to_vec();
                self.outputs.push_back(Output::PeerHas { link, topic, heads });
            }
            self.outputs.push_back(Output::WroteOut { link, topic, log, upto });
        }
    }

    /// These runs are durable.
    pub fn handle_committed<S: Store>(&mut self, tickets: &[Ticket], now: Duration, store: &S) {
        self.now = now;
        self.on_committed(tickets, store);
    }

    /// This run is not stored.
    pub fn handle_refused<S: Store>(
        &mut self,
        ticket: Ticket,
        why: Refused,
        now: Duration,
        store: &S,
    ) {
        self.now = now;
        self.on_refused(ticket, why, store);
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
        self.now = now;
        if !self.view.holds(&topic) {
            return;
        }
        let tips = match self.view.tips(&topic, &log) {
            [] => vec![LogHead { log, branch: None, first: 0, head }],
            [tip] if tip.branch.is_none() && tip.head.seq < head.seq => {
                vec![LogHead { head, ..*tip }]
            }
            [tip] if tip.branch.is_none() && tip.head.seq >= head.seq => return,
            _ => match store.tips(&log) {
                Ok(tips) => tips,
                Err(_) => return,
            },
        };
        let before = self.view.set_tips(&topic, log, tips);
        self.changed(&topic, &log, before, true, store);
    }

    /// The time that [`Engine::poll_timeout`] named has come.
    pub fn handle_timeout<S: Store>(&mut self, now: Duration, _store: &S) {
        self.now = now;
        self.reconsider();
    }

    /// Neither send nor take this log any more, on any link.
    pub fn refuse_log(&mut self, log: LogKey) {
        self.refused.insert(log);
        let ids: Vec<LinkId> = self.links.keys().copied().collect();
        for id in ids {
            self.say_no(id, log);
        }
    }

    /// Say `BYE` and close the link.
    pub fn close(&mut self, link: LinkId, code: ByeCode) {
        self.end_link(link, code);
    }

    /// The next thing to do. Reads entries for RUN frames from `store`.
    pub fn poll_output<S: Store>(&mut self, store: &S) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if !self.produce(store) {
                return None;
            }
        }
    }

    /// When to call [`Engine::handle_timeout`]; `None` while nothing waits.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.late.values().map(|late| late.deadline(self.config.patience)).min()
    }

    /// What was found to be shared with an instance, for the next link to it.
    pub fn remembered(&self, instance: &InstanceKey) -> Option<&Shared> {
        self.memory.get(instance)
    }

    /// The topics shared on a link now, and whether both hold the same of it.
    pub fn shared(&self, link: LinkId) -> impl Iterator<Item = (&Topic, bool)> {
        let shares = self.links.get(&link).into_iter().flat_map(|link| link.shares.iter());
        shares.map(|(topic, share)| (topic, share.settled()))
    }

    fn remember(&mut self, instance: InstanceKey, shared: Shared) {
        if self.memory.len() >= MAX_REMEMBERED && !self.memory.contains_key(&instance) {
            self.memory.pop_first();
        }
        self.memory.insert(instance, shared);
    }

    /// Forgets a link and all that hangs on it.
    fn drop_link(&mut self, id: LinkId) {
        let Some(link) = self.links.remove(&id) else { return };
        for topic in link.wanted.keys() {
            self.view.release(topic);
        }
        self.intake.drop_parked(id);
        for topic in link.shares.keys() {
            self.lost_eager(id, topic);
        }
    }

    /// Ends a topic on one link.
    fn unshare(&mut self, id: LinkId, topic: &Topic, code: Option<ByeCode>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.unshare(topic) {
            self.outputs.push_back(Output::TopicEnded { link: id, topic: *topic, code });
            self.lost_eager(id, topic);
        }
    }

    fn is_idle(&self, id: LinkId) -> bool {
        self.links.get(&id).is_some_and(|link| matches!(link.stage, Stage::Idle))
    }
}
