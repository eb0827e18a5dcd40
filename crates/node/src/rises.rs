//! How far each peer has my logs, as links tell it, on its way into the store.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use nexus_identity::{ConnectId, Millis};
use nexus_log::ids::LogKey;
use nexus_storage::delivery::Delivery;

/// `sent` waits so long for the `delivered` that may follow it, so that both are one commit.
const SENT_PATIENCE: Duration = Duration::from_millis(100);

/// A mark that is to be written down.
#[derive(Debug, Clone)]
pub(crate) struct Rise {
    /// Of this log of mine.
    pub log: LogKey,
    /// At this recipient.
    pub who: ConnectId,
    /// What was reached.
    pub state: Delivery,
    /// By everything up to this entry.
    pub upto: u64,
    /// Over what kind of path; empty when that is not known.
    pub path: String,
    /// When.
    pub at: Millis,
}

/// Which mark it is, however far it is.
pub(crate) type Mark = (ConnectId, LogKey, Delivery);

/// The marks of the sync thread: what was told, and what waits to be.
#[derive(Debug, Default)]
pub(crate) struct Rises {
    /// One more than told, so that seq 0 is news the first time: spares the store what it knows.
    told: HashMap<Mark, u64>,
    /// `sent` that may be overtaken by `delivered`, and until when it waits for that.
    held: BTreeMap<(ConnectId, LogKey), (Rise, Instant)>,
}

impl Rises {
    /// Whether this was not told yet; then it counts as told.
    pub(crate) fn is_news(
        &mut self,
        who: ConnectId,
        log: LogKey,
        state: Delivery,
        upto: u64,
    ) -> bool {
        let told = self.told.entry((who, log, state)).or_default();
        let news = *told <= upto;
        if news {
            *told = upto + 1;
        }
        news
    }

    /// It could not be written down: whoever tells it again tells news.
    pub(crate) fn forget(&mut self, (who, log, state): Mark) {
        self.told.remove(&(who, log, state));
    }

    /// Takes up a mark; gives what is to be written down now, in one commit.
    pub(crate) fn reached(&mut self, rise: Rise, now: Instant) -> Vec<Rise> {
        let key = (rise.who, rise.log);
        match rise.state {
            Delivery::Sent => {
                let due = self.held.get(&key).map_or(now + SENT_PATIENCE, |(_, due)| *due);
                self.held.insert(key, (rise, due));
                Vec::new()
            }
            _ => {
                let held = self.held.remove(&key).map(|(sent, _)| sent);
                held.into_iter().chain([rise]).collect()
            }
        }
    }

    /// When [`Rises::overdue`] has something to give.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.held.values().map(|(_, due)| *due).min()
    }

    /// What has waited long enough; everything without a time.
    pub(crate) fn overdue(&mut self, now: Option<Instant>) -> Vec<Rise> {
        let over = |_: &_, (_, due): &mut (Rise, Instant)| now.is_none_or(|now| *due <= now);
        self.held.extract_if(.., over).map(|(_, (rise, _))| rise).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rise(state: Delivery, upto: u64) -> Rise {
        Rise {
            log: LogKey::from_bytes([1; 32]),
            who: ConnectId::from_bytes([2; 32]),
            state,
            upto,
            path: "lan".to_owned(),
            at: Millis(upto),
        }
    }

    #[test]
    fn sent_waits_for_delivered_and_is_written_with_it() {
        let (mut rises, now) = (Rises::default(), Instant::now());
        assert!(rises.reached(rise(Delivery::Sent, 1), now).is_empty());
        assert!(rises.reached(rise(Delivery::Sent, 2), now).is_empty());
        let written = rises.reached(rise(Delivery::Delivered, 1), now);
        let states: Vec<_> = written.iter().map(|r| (r.state, r.upto)).collect();
        assert_eq!(states, [(Delivery::Sent, 2), (Delivery::Delivered, 1)]);
        assert_eq!(rises.due(), None);
    }

    #[test]
    fn sent_is_written_alone_when_nothing_follows_in_time() {
        let (mut rises, now) = (Rises::default(), Instant::now());
        rises.reached(rise(Delivery::Sent, 1), now);
        // What is sent later does not put it off.
        rises.reached(rise(Delivery::Sent, 2), now + SENT_PATIENCE / 2);
        let due = rises.due().unwrap();
        assert_eq!(due, now + SENT_PATIENCE);
        assert!(rises.overdue(Some(due - Duration::from_nanos(1))).is_empty());
        assert_eq!(rises.overdue(Some(due)).len(), 1);
        rises.reached(rise(Delivery::Sent, 3), now);
        assert_eq!(rises.overdue(None).len(), 1, "at the end nothing waits any longer");
    }

    #[test]
    fn the_same_is_news_once_and_less_never() {
        let mut rises = Rises::default();
        let Rise { log, who, state, .. } = rise(Delivery::Sent, 0);
        assert!(rises.is_news(who, log, state, 0));
        assert!(!rises.is_news(who, log, state, 0));
        assert!(rises.is_news(who, log, state, 5));
        assert!(!rises.is_news(who, log, state, 4));
        assert!(rises.is_news(who, log, Delivery::Delivered, 4));
        // Until it turns out that it could not be written down.
        rises.forget((who, log, state));
        assert!(rises.is_news(who, log, state, 5));
        assert!(!rises.is_news(who, log, Delivery::Delivered, 4));
    }
}
