//! Writes that come while this instance must not go on and the next one is not made yet: they wait for it.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;

use super::{Store, Work};
use crate::error::Answered;

/// Longest wait for the next instance: then whoever writes is told that nothing was written.
const PATIENCE: Duration = Duration::from_secs(10);

/// Those that wait, by the order in which they came to nothing.
pub(super) type Waiting = Arc<watch::Sender<BTreeSet<u64>>>;

/// A place among those that wait; given up when nobody asks for it any more.
struct Place {
    waiting: Waiting,
    number: OnceLock<u64>,
}

impl Place {
    /// Takes the last place. Called on the store thread only, so in the order of the jobs.
    fn take(&self) {
        self.waiting.send_modify(|waiting| {
            let number = waiting.last().map_or(0, |last| last + 1);
            if self.number.set(number).is_ok() {
                waiting.insert(number);
            }
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(number) = self.number.get() {
            self.waiting.send_modify(|waiting| {
                waiting.remove(number);
            });
        }
    }
}

impl Store {
    /// As [`Store::run_placed`], for what a person writes: if it comes to nothing because this instance must not go on, it is
    /// held back and done by the next one, in the order of all that is held back.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        placed: impl FnOnce(),
        job: impl FnOnce(&mut Work<'_, '_>) -> Answered<T> + Clone + Send + 'static,
    ) -> Answered<T> {
        let mut me = self.watch_me();
        let first = me.borrow().instance.key();
        let place = Place { waiting: Arc::clone(&self.held), number: OnceLock::new() };
        let place = Arc::new(place);
        let (of_job, again) = (Arc::clone(&place), job.clone());
        let attempt = move |work: &mut Work<'_, '_>| {
            let done = job(work);
            if done.is_err() && work.after.give_up.is_some() {
                of_job.take();
            }
            done
        };
        let done = self.run_placed(placed, attempt).await;
        let (Some(number), Err(_)) = (place.number.get(), &done) else { return done };
        let mut waiting = self.held.subscribe();
        let turn = async {
            let next = me.wait_for(|me| me.instance.key() != first).await.is_ok();
            next && waiting.wait_for(|all| all.first() == Some(number)).await.is_ok()
        };
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(true) => self.run(again).await,
            _ => done,
        }
    }
}
