//! Wall-clock time as the node reads and writes it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nexus_identity::Millis;
use tokio::sync::watch;

use crate::error::{self, Answered};

/// The wall clock that a node goes by: that of the system, set forward by as much as somebody says. Clones are one clock.
///
/// All that depends on dates asks it: prekeys, letters, timers, invites, what is shown. Nobody but a test sets it forward.
#[derive(Debug, Clone)]
pub struct Clock(Arc<watch::Sender<Duration>>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Duration::ZERO)))
    }
}

impl Clock {
    /// What it says now.
    #[must_use]
    pub fn now(&self) -> Millis {
        now().saturating_add(*self.0.borrow())
    }

    /// Sets it forward; nodes that run do at once what is due by then.
    pub fn forward(&self, by: Duration) {
        self.0.send_modify(|ahead| *ahead = ahead.saturating_add(by));
    }

    /// Tells when it is set.
    pub(crate) fn watch(&self) -> watch::Receiver<Duration> {
        self.0.subscribe()
    }
}

/// When this version was released: a system clock before it is certainly wrong (2026-11-01T00:00:00Z).
pub(crate) const RELEASED: Millis = Millis(1_793_491_200_000);

/// The system clock. A clock before 1970 reads as 1970.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// RFC 3339 with milliseconds in UTC. What is past the year 9999 is shown as its end.
pub(crate) fn rfc3339(at: Millis) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads RFC 3339. What is before 1970 is 1970.
pub(crate) fn parse(text: &str) -> Answered<Millis> {
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        error::usage(format!("{text:?} is no time"), "give it as 2026-11-23T18:00:00Z")
    })?;
    Ok(Millis(u64::try_from(time.as_millisecond()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_forward_stays_so_for_all_who_share_it() {
        let clock = Clock::default();
        let (same, before) = (clock.clone(), clock.now());
        clock.forward(Duration::from_secs(86_400));
        assert!(same.now() >= before.saturating_add(Duration::from_secs(86_400)));
    }

    #[test]
    fn times_have_milliseconds_and_a_z() {
        assert_eq!(rfc3339(RELEASED), "2026-11-01T00:00:00.000Z");
        assert_eq!(rfc3339(Millis(1_500)), "1970-01-01T00:00:01.500Z");
        assert!(rfc3339(Millis(u64::MAX)).starts_with("9999-12-30"));
    }
}
