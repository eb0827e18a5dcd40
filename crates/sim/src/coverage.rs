//! What the seeds reached: faults, states, transitions. What is named here must be reached by a sweep of seeds.

use std::collections::BTreeMap;

/// Everything that a sweep must have reached at least once.
pub const NAMED: &[&str] = &[
    // Who there is.
    "more than 30 devices",
    // What people do.
    "said",
    "not said",
    "held back between instances",
    "backup",
    "restored from a backup",
    "blocked",
    "unblocked",
    "renamed",
    "removed",
    "taken up again after a removal",
    "a device revoked",
    "link with a revoked device ended",
    "a request declined",
    "a declined one not looked at",
    "letter sent",
    "letter taken",
    "letters crossed",
    "a request accepted",
    "accepted by their OPEN",
    "a device told of a contact",
    "a device told what it missed",
    // What goes wrong.
    "link cut",
    "link cut by bytes",
    "link cut inside a frame",
    "link cut inside a RUN",
    "part of a frame dropped",
    "link half open",
    "link doubled",
    "dial refused",
    "partition",
    "edge away",
    "crash",
    "crash inside a transaction",
    "crash takes what was not synced",
    "restart",
    "disk full",
    "disk went back",
    "clone born",
    "clock set",
    "lie withhold",
    "lie replay",
    "lie forge",
    "lie invent",
    "lie flood",
    "lie stall",
    "lie held back",
    "lie reorder",
    "lie equivocate",
    "a face is gone for good",
    "both branches of a liar held by all",
    "violation",
    // What sync and the log do about it.
    "link up",
    "frame SUMMARY",
    "frame WANT",
    "frame HEADS",
    "frame RUN",
    "frame CREDIT",
    "frame MARK eager",
    "frame MARK lazy",
    "frame FORK",
    "frame NO",
    "frame BYE",
    "topic done",
    "topic ended",
    "share remembered",
    "engine timeout",
    "run gap",
    "run refused",
    "run unwanted",
    "delivered",
    "prekey rotated",
    "prekey erased",
    "a message disappeared",
    "a key was asked for",
    "a key was sealed again",
    "fork seen",
    "own log continued elsewhere",
    "instance given up",
    "a clock too far ahead",
    "a view as the second fold has it",
];

/// How often each was reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// It was reached.
    pub fn hit(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// It was reached so often.
    pub fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    /// Adds that of another run.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }

    /// What was named and never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        NAMED.iter().copied().filter(|what| !self.0.contains_key(what)).collect()
    }

    /// Everything reached, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(what, times)| (*what, *times))
    }
}
