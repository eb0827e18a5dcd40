//! How far something is that moves: read by views, written by those who move it.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::core::locked;

/// The rate shown is that of so much time.
const WINDOW: Duration = Duration::from_secs(3);
/// Samples of it are so far apart at least.
const SAMPLE: Duration = Duration::from_millis(100);

/// A transfer that runs.
#[derive(Debug)]
pub(crate) struct Live {
    done: AtomicU64,
    sources: AtomicU64,
    verifying: AtomicBool,
    detail: Mutex<Option<&'static str>>,
    samples: Mutex<VecDeque<(Instant, u64)>>,
}

/// A [`Live`] as it was at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes.
    pub done: u64,
    /// Bytes a second.
    pub rate: u64,
    /// Instances that it comes from or goes to.
    pub sources: u64,
    /// All is there and is looked through once more, or put in its place.
    pub verifying: bool,
    /// Why nothing moves, if there is a reason to tell.
    pub detail: Option<&'static str>,
}

impl Live {
    /// With so many bytes from earlier.
    pub(crate) fn new(done: u64) -> Self {
        Self {
            done: AtomicU64::new(done),
            sources: AtomicU64::new(0),
            verifying: AtomicBool::new(false),
            detail: Mutex::default(),
            samples: Mutex::default(),
        }
    }

    /// So many bytes more.
    pub(crate) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        self.sample();
    }

    /// So many bytes in all.
    pub(crate) fn set(&self, bytes: u64) {
        self.done.store(bytes, Ordering::Relaxed);
        self.sample();
    }

    /// One instance more.
    pub(crate) fn joined(&self) {
        self.sources.fetch_add(1, Ordering::Relaxed);
    }

    /// One instance less.
    pub(crate) fn left(&self) {
        self.sources.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it is being looked through.
    pub(crate) fn verify(&self, verifying: bool) {
        self.verifying.store(verifying, Ordering::Relaxed);
    }

    /// Why nothing moves.
    pub(crate) fn says(&self, detail: Option<&'static str>) {
        *locked(&self.detail) = detail;
    }

    /// As it is now.
    pub(crate) fn progress(&self) -> Progress {
        let (now, done) = (Instant::now(), self.done.load(Ordering::Relaxed));
        let samples = locked(&self.samples);
        let first = samples.iter().find(|(at, _)| now.duration_since(*at) <= WINDOW);
        let rate = first.map_or(0, |(at, before)| {
            let time = now.duration_since(*at).max(SAMPLE).as_millis().max(1);
            let bytes = u128::from(done.saturating_sub(*before));
            u64::try_from(bytes * 1000 / time).unwrap_or(u64::MAX)
        });
        Progress {
            done,
            rate,
            sources: self.sources.load(Ordering::Relaxed),
            verifying: self.verifying.load(Ordering::Relaxed),
            detail: *locked(&self.detail),
        }
    }

    fn sample(&self) {
        let now = Instant::now();
        let mut samples = locked(&self.samples);
        if samples.back().is_some_and(|(at, _)| now.duration_since(*at) < SAMPLE) {
            return;
        }
        samples.push_back((now, self.done.load(Ordering::Relaxed)));
        while samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            samples.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_move_has_no_rate() {
        let live = Live::new(7);
        assert_eq!(
            live.progress(),
            Progress { done: 7, rate: 0, sources: 0, verifying: false, detail: None }
        );
        live.joined();
        live.add(0);
        live.add(5);
        live.verify(true);
        let now = live.progress();
        assert_eq!((now.done, now.sources, now.verifying), (12, 1, true));
        assert!(now.rate > 0);
    }
}
