//! The one thread that writes: jobs that wait are one transaction, and so one fsync.
//!
//! A job is a closure over [`Work`]. Each runs in a savepoint of its own: when it fails only its own writes go. Its
//! answer is given after the commit of the whole group, so what was answered is on disk. What must happen outside once
//! the commit is done (push, tell watchers, dial) a job notes in [`After`].

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nexus_identity::Millis;
use nexus_storage::{Group, StoreError, Tx, Writer};
use tokio::sync::{mpsc, oneshot, watch};

use crate::api::{ErrorBody, ErrorCode};
use crate::core::locked;
use crate::error::{self, Answered};
use crate::me::Me;
use crate::start_up;
use crate::time::Clock;

mod after;
mod held;
mod queue;

pub(crate) use after::After;
use queue::{Queue, Taken, Waited};

/// Jobs that may wait; whoever asks for more waits.
const QUEUE: usize = 4096;
/// Pages in the write-ahead log that are worth moving into the database once nobody has written for a while …
const UNTIDY: u64 = 1_024;
/// … and so many are moved in between two groups.
const TOO_UNTIDY: u64 = 8_192;

/// What was erased goes from the files at once, but not more often than this while there is other work: others can make
/// me erase.
const WIPE_PACE: Duration = Duration::from_secs(1);

/// What a job works on.
pub(crate) struct Work<'a, 'w> {
    /// The store.
    pub tx: &'a mut Tx<'w>,
    /// This instance. Changes are undone when the job fails and seen by others after the commit.
    pub me: &'a mut Arc<Me>,
    /// What to do once it is durable.
    pub after: &'a mut After,
    /// The wall clock.
    pub now: Millis,
}

/// Told after the commit; gets whether it succeeded.
type Finish = Box<dyn FnOnce(bool, Option<ErrorBody>) + Send>;
/// Runs the job, or only prepares to tell that no transaction could be begun.
type Run = Box<dyn for<'w> FnOnce(Option<&mut Group<'w>>, &mut State) -> Finish + Send>;

struct Job {
    weight: usize,
    run: Run,
}

/// What the thread holds beside the database.
struct State {
    me: Arc<Me>,
    after: After,
    clock: Clock,
    /// What the store itself did not let a job of this group do.
    trouble: Option<ErrorBody>,
}

/// How the store itself is.
#[derive(Debug, Default)]
struct Health {
    /// Why the last transaction was not kept, if so.
    trouble: Mutex<Option<ErrorBody>>,
    /// What was found damaged first, by whoever read or wrote.
    damage: Mutex<Option<String>>,
}

impl Health {
    /// `true`: this is the first time that damage is met.
    fn met(&self, damage: &ErrorBody) -> bool {
        let mut known = locked(&self.damage);
        let first = known.is_none();
        known.get_or_insert_with(|| damage.message.clone());
        first
    }
}

/// Sends jobs to the thread. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// Jobs that somebody waits for: they go first.
    awaited: mpsc::Sender<Job>,
    /// What others send, and what may take its time.
    posted: mpsc::Sender<Job>,
    me: watch::Receiver<Arc<Me>>,
    health: Arc<Health>,
    clock: Clock,
    /// Writes that wait for the next instance.
    held: held::Waiting,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Store {
    /// Starts the thread. `effects` is told what to do after each commit; it must not wait.
    pub(crate) fn start(
        writer: Writer,
        me: Me,
        clock: Clock,
        effects: impl FnMut(After) + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (awaited, awaited_jobs) = mpsc::channel(QUEUE);
        let (posted, posted_jobs) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let queue = Queue { own: None, awaited: awaited_jobs, posted: posted_jobs, runtime };
        let me = Arc::new(me);
        let (publish, seen) = watch::channel(me.clone());
        let state = State { me, after: After::default(), clock: clock.clone(), trouble: None };
        let health = Arc::<Health>::default();
        let outside = Outside { publish, health: Arc::clone(&health) };
        let thread = std::thread::Builder::new()
            .name("nexus-store".into())
            .spawn(move || run(writer, state, queue, &outside, effects))?;
        let held = Arc::new(watch::Sender::default());
        Ok((Self { awaited, posted, me: seen, health, clock, held }, thread))
    }

    /// Why the last transaction was not kept, while that is so.
    pub(crate) fn trouble(&self) -> Option<ErrorBody> {
        locked(&self.health.trouble).clone()
    }

    /// What was found damaged while the node ran.
    pub(crate) fn damage(&self) -> Option<String> {
        locked(&self.health.damage).clone()
    }

    /// Somebody read what can't be what this program wrote. A damaged row would fail each one who asks for it, for ever:
    /// the next start heals the store.
    pub(crate) async fn met(&self, damage: &ErrorBody) {
        if self.health.met(damage) {
            let text = damage.message.clone();
            self.post(1, move |work| start_up::note_damage(work, &text), |_| ()).await;
        }
    }

    /// This instance as of the last commit.
    pub(crate) fn me(&self) -> Arc<Me> {
        self.me.borrow().clone()
    }

    /// The wall clock of this node.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// This instance, as it changes.
    pub(crate) fn watch_me(&self) -> watch::Receiver<Arc<Me>> {
        self.me.clone()
    }

    /// Runs a job, before those that were posted; answers once it is on disk.
    ///
    /// # Errors
    /// The job's own, or that of the commit: nothing of it was kept then.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Work<'_, '_>) -> Answered<T> + Send + 'static,
    ) -> Answered<T> {
        self.run_placed(|| (), job).await
    }

    /// As [`Store::run`]; calls `placed` once the job has its place in the queue, before it has run.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub(crate) async fn run_placed<T: Send + 'static>(
        &self,
        placed: impl FnOnce(),
        job: impl FnOnce(&mut Work<'_, '_>) -> Answered<T> + Send + 'static,
    ) -> Answered<T> {
        let (answer, wait) = oneshot::channel();
        let job = Job { weight: 1, run: boxed(job, move |result| drop(answer.send(result))) };
        self.awaited.send(job).await.map_err(|_| closed())?;
        placed();
        wait.await.map_err(|_| closed())?
    }

    /// Queues a job of some weight; `done` is told on the store thread, after the commit, and must not wait.
    pub(crate) async fn post<T: Send + 'static>(
        &self,
        weight: usize,
        job: impl FnOnce(&mut Work<'_, '_>) -> Answered<T> + Send + 'static,
        done: impl FnOnce(Answered<T>) + Send + 'static,
    ) {
        let _ = self.posted.send(Job { weight, run: boxed(job, done) }).await;
    }
}

fn closed() -> ErrorBody {
    error::failed("the store is closed, the node is ending")
}

fn boxed<T: Send + 'static>(
    job: impl FnOnce(&mut Work<'_, '_>) -> Answered<T> + Send + 'static,
    done: impl FnOnce(Answered<T>) + Send + 'static,
) -> Run {
    Box::new(move |group, state| {
        let mut after = After::default();
        let mut me = state.me.clone();
        let now = state.clock.now();
        let result = match group {
            Some(group) => {
                group.job(|tx| job(&mut Work { tx, me: &mut me, after: &mut after, now }))
            }
            None => Err(closed()),
        };
        if let Err(error) = &result {
            use ErrorCode::{Damaged, DiskFailed, DiskFull, ReadOnly};
            if matches!(error.code, Damaged | DiskFull | DiskFailed | ReadOnly) {
                state.trouble.get_or_insert_with(|| error.clone());
            }
        }
        if result.is_ok() {
            state.me = me;
            state.after.merge(after);
        } else {
            // The one thing that must be told even though the job came to nothing.
            state.after.give_up = state.after.give_up.take().or(after.give_up);
        }
        Box::new(move |committed, failure| {
            done(match result {
                // The reason of the group goes before that of the job: it may be its cause.
                _ if !committed => Err(failure.unwrap_or_else(closed)),
                other => other,
            });
        })
    })
}

/// What the thread tells without being asked.
struct Outside {
    publish: watch::Sender<Arc<Me>>,
    health: Arc<Health>,
}

fn run(
    mut writer: Writer,
    mut state: State,
    mut queue: Queue,
    outside: &Outside,
    mut effects: impl FnMut(After),
) {
    let mut pages = 0;
    let mut wiped: Option<Instant> = None;
    let mut wished = false;
    loop {
        let first = match queue.wait(pages > UNTIDY || writer.must_wipe()) {
            Waited::Job(first) => first,
            Waited::Quiet if writer.must_wipe() => {
                wiped = Some(wipe(&mut writer));
                continue;
            }
            Waited::Quiet => {
                tidy(&mut writer);
                pages = 0;
                continue;
            }
            Waited::Over => break,
        };
        let before = state.me.clone();
        let (finishes, committed) = group(&mut writer, &mut state, first, &mut queue);
        let trouble = state.trouble.take();
        let wrote = matches!(committed, Ok(true));
        let failure = committed.err().map(|e| {
            tracing::error!(error = %e, "a transaction failed");
            match (e, trouble.clone()) {
                (StoreError::RolledBack, Some(cause)) => cause,
                (e, _) => ErrorBody::from(e),
            }
        });
        let last = failure.clone().or(trouble);
        if let Some(damage) = last.as_ref().filter(|error| error.code == ErrorCode::Damaged) {
            if outside.health.met(damage) {
                queue.own = Some(noting(damage.message.clone()));
            }
        } else if last.is_some() || wrote {
            let works = last.is_none();
            let before = std::mem::replace(&mut *locked(&outside.health.trouble), last);
            state.after.recovered = works && before.is_some();
        }
        let after = std::mem::take(&mut state.after);
        if failure.is_none() {
            if !Arc::ptr_eq(&before, &state.me) {
                outside.publish.send_replace(state.me.clone());
            }
            effects(after);
        } else {
            state.me = before;
        }
        if !wished && locked(&outside.health.damage).is_some() {
            wished = true;
            if let Err(error) = writer.want_healing() {
                tracing::error!(%error, "healing of the store could not be asked for");
            }
        }
        for finish in finishes {
            finish(failure.is_none(), failure.clone());
        }
        // Everybody has their answer: what it takes to tidy up delays nobody who had asked before.
        if writer.must_wipe() && wiped.is_none_or(|at| at.elapsed() >= WIPE_PACE) {
            wiped = Some(wipe(&mut writer));
        }
        pages = writer.untidy().unwrap_or(0);
        if pages > TOO_UNTIDY {
            tidy(&mut writer);
            pages = 0;
        }
    }
    if locked(&outside.health.damage).is_some() {
        // It was not, and the next start heals it.
        return;
    }
    if let Err(error) = writer.close() {
        tracing::error!(%error, "the database was not closed in order");
    }
}

/// Has the store healed at the next start.
fn noting(damage: String) -> Job {
    Job { weight: 1, run: boxed(move |work| start_up::note_damage(work, &damage), |_| ()) }
}

/// Takes what was erased out of the files; what a reader holds up is tried again.
fn wipe(writer: &mut Writer) -> Instant {
    if let Err(error) = writer.wipe() {
        tracing::warn!(%error, "what was erased is still in the files");
    }
    Instant::now()
}

/// What can't be moved now is moved later.
fn tidy(writer: &mut Writer) {
    if let Err(error) = writer.tidy() {
        tracing::warn!(%error, "the write-ahead log could not be moved into the database");
    }
}

/// One group: the first job and all that wait, within the limits. Gives whether it wrote anything.
fn group(
    writer: &mut Writer,
    state: &mut State,
    first: (Job, bool),
    queue: &mut Queue,
) -> (Vec<Finish>, Result<bool, StoreError>) {
    let begun = Instant::now();
    let mut finishes = Vec::new();
    let mut group = match writer.group() {
        Ok(group) => group,
        Err(e) => return (vec![(first.0.run)(None, state)], Err(e)),
    };
    let (mut next, mut has) = (Some(first), Taken::default());
    while let Some((job, awaited)) = next {
        has.add(&job, awaited);
        finishes.push((job.run)(Some(&mut group), state));
        next = queue.next(begun.elapsed(), &has);
    }
    let wrote = group.has_changes();
    (finishes, group.commit().map(|()| wrote))
}

#[cfg(test)]
mod tests;
