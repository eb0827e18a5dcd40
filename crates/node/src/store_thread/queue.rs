//! What waits for the thread, and what of it comes next.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Job;

/// A group is committed after so many units of work (entries, more or less) …
const GROUP_WEIGHT: usize = 8192;
/// … or after so long, whichever comes first. Big groups cost less an entry: the pages of an index are written once.
const GROUP_TIME: Duration = Duration::from_millis(250);
/// A group takes up jobs that somebody waits for during so long …
const AWAITED_TIME: Duration = Duration::from_millis(60);
/// … and once it has one, posted jobs for so long only.
const POSTED_TIME: Duration = Duration::from_millis(2);

/// Nobody has written for a while when no job came for so long.
const QUIET: Duration = Duration::from_millis(200);

/// What waits for the thread.
pub(super) struct Queue {
    /// What the thread itself has to do next.
    pub(super) own: Option<Job>,
    pub(super) awaited: mpsc::Receiver<Job>,
    pub(super) posted: mpsc::Receiver<Job>,
    pub(super) runtime: tokio::runtime::Runtime,
}

/// What came of waiting for a job.
pub(super) enum Waited {
    /// A job, and whether it is an awaited one.
    Job((Job, bool)),
    /// None came for a while.
    Quiet,
    /// Nobody can send one any more.
    Over,
}

impl Queue {
    /// Waits for a job; with `quiet` not for ever.
    pub(super) fn wait(&mut self, quiet: bool) -> Waited {
        if let Some(job) = self.own.take() {
            return Waited::Job((job, false));
        }
        let (awaited, posted) = (&mut self.awaited, &mut self.posted);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                Some(job) = awaited.recv() => Waited::Job((job, true)),
                Some(job) = posted.recv() => Waited::Job((job, false)),
                () = tokio::time::sleep(QUIET), if quiet && !(awaited.is_closed() && posted.is_closed()) => Waited::Quiet,
                else => Waited::Over,
            }
        })
    }

    /// The next one that waits and still fits a group of this age.
    pub(super) fn next(&mut self, age: Duration, has: &Taken) -> Option<(Job, bool)> {
        if has.weight >= GROUP_WEIGHT {
            return None;
        }
        if age < AWAITED_TIME
            && let Ok(job) = self.awaited.try_recv()
        {
            return Some((job, true));
        }
        // Among awaited ones, a posted job gets a turn in every group, however many the others are.
        let fits = if has.awaited { age < POSTED_TIME || !has.posted } else { age < GROUP_TIME };
        let job = if fits { self.posted.try_recv().ok() } else { None };
        job.map(|job| (job, false))
    }
}

/// What a group has taken up.
#[derive(Default)]
pub(super) struct Taken {
    weight: usize,
    awaited: bool,
    posted: bool,
}

impl Taken {
    /// Counts one more job.
    pub(super) fn add(&mut self, job: &Job, awaited: bool) {
        self.weight += job.weight;
        self.awaited |= awaited;
        self.posted |= !awaited;
    }
}
