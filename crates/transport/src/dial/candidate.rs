//! One address at which a peer may be, and what is known of it.

use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::InstanceKey;

use super::{AttemptId, BACKOFF_WHILE_HEARD, BACKOFF_WRONG, Knock, RETURN_AFTER};
use crate::beacon::BootId;
use crate::code::CloseCode;
use crate::config::Timing;
use crate::event::DialError;
use crate::gate::Nonce;
use crate::tie::Quality;

/// Candidates of one peer.
pub const MAX_CANDIDATES: usize = 16;

/// Of these so many with one IP address may stem from beacons.
pub const MAX_CANDIDATES_PER_HOST: usize = 3;

/// Where an address is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The caller.
    Configured,
    /// A beacon.
    Beacon,
    /// A link that was up.
    Link,
}

/// An address of a peer.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) address: SocketAddr,
    pub(super) origin: Origin,
    pub(super) instance: Option<InstanceKey>,
    pub(super) boot: Option<BootId>,
    pub(super) nonce: Option<Nonce>,
    pub(super) heard: Option<Duration>,
    /// When a link with the peer was last made here or by somebody who listens here.
    pub(super) authenticated: Option<Duration>,
    pub(super) failures: u32,
    pub(super) not_before: Duration,
    pub(super) tried: Option<Duration>,
    pub(super) attempt: Option<AttemptId>,
    /// The dial has passed TLS and is not to be cancelled.
    pub(super) proven: bool,
}

impl Candidate {
    pub(super) const fn new(address: SocketAddr, origin: Origin, now: Duration) -> Self {
        Self {
            address,
            origin,
            instance: None,
            boot: None,
            nonce: None,
            heard: None,
            authenticated: None,
            failures: 0,
            not_before: now,
            tried: None,
            attempt: None,
            proven: false,
        }
    }

    /// Forget failures: try again at `when`.
    pub(super) const fn retry_at(&mut self, when: Duration) {
        self.failures = 0;
        self.not_before = when;
    }

    pub(super) fn heard(&mut self, boot: BootId, now: Duration, wait: Duration) {
        let back = self.heard.is_none_or(|last| now.saturating_sub(last) > RETURN_AFTER)
            || self.boot != Some(boot);
        self.heard = Some(now);
        self.boot = Some(boot);
        if back {
            self.retry_at(now + wait);
        } else if let Some(tried) = self.tried {
            self.not_before = self.not_before.min(tried + BACKOFF_WHILE_HEARD);
        }
    }

    /// Counts a failure; gives the pause.
    pub(super) fn failed(
        &mut self,
        error: DialError,
        now: Duration,
        jitter: f64,
        timing: &Timing,
    ) -> Duration {
        self.attempt = None;
        self.proven = false;
        self.failures = self.failures.saturating_add(1);
        let doubled = timing.backoff_first.saturating_mul(1 << (self.failures - 1).min(16));
        let floor = match error {
            DialError::Ended(
                CloseCode::WrongIdentity
                | CloseCode::NotLive
                | CloseCode::BadHello
                | CloseCode::Myself
                | CloseCode::Version,
            ) => BACKOFF_WRONG,
            _ => Duration::ZERO,
        };
        let heard_lately = self.heard.is_some_and(|last| now.saturating_sub(last) <= RETURN_AFTER);
        let ceiling = if heard_lately {
            BACKOFF_WHILE_HEARD.min(timing.backoff_max)
        } else {
            timing.backoff_max
        };
        let pause = doubled.max(floor).min(ceiling).mul_f64(jitter);
        self.not_before = now + pause;
        pause
    }

    /// Which gate to send there.
    pub(super) fn knock(&self) -> Knock {
        match self.nonce {
            Some(nonce) => Knock::Nonce(nonce),
            None if self.origin == Origin::Beacon && self.authenticated.is_none() => {
                Knock::Stranger
            }
            None => Knock::Hour,
        }
    }

    /// Smaller is tried earlier: last authenticated first, then more direct paths, then what was heard last.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        use std::cmp::Reverse;
        (
            Reverse(self.authenticated),
            self.failures,
            Quality::of_address(self.address.ip()),
            Reverse(self.heard),
        )
    }

    /// Smaller is forgotten earlier when there are too many.
    pub(super) fn worth(&self) -> impl Ord + use<> {
        use std::cmp::Reverse;
        let busy = self.attempt.is_some();
        (
            busy,
            self.origin == Origin::Configured,
            self.authenticated,
            Reverse(self.failures),
            self.heard,
        )
    }

    pub(super) fn why(&self, now: Duration) -> String {
        let origin = match (self.authenticated, self.heard, self.origin) {
            (Some(_), _, _) => "worked last".to_owned(),
            (None, Some(at), _) => {
                format!("beacon {:.1} s ago", now.saturating_sub(at).as_secs_f64())
            }
            (None, None, Origin::Configured) => "given address".to_owned(),
            (None, None, _) => "told by the peer".to_owned(),
        };
        match self.failures {
            0 => origin,
            n => format!("{origin}, after {n} failed tries"),
        }
    }
}
