//! The steps as they are done, with timings.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::off;
use crate::output::Out;
use crate::sanitize;
use crate::stop::{Done, Stop};

/// No step takes longer on a machine that is not in trouble.
const STEP_LIMIT: Duration = Duration::from_secs(15);

/// One step, as the JSON says it.
#[derive(Debug, Serialize)]
struct Step<'a> {
    step: &'a str,
    ok: bool,
    ms: u64,
    detail: &'a str,
}

/// Shows steps.
pub(super) struct Report<'a> {
    out: &'a mut Out,
    began: Instant,
    last: Instant,
}

impl<'a> Report<'a> {
    pub(super) fn new(out: &'a mut Out) -> Self {
        let now = Instant::now();
        Self { out, began: now, last: now }
    }

    /// Does one step and shows how it went. What it gives back is shown as its detail.
    ///
    /// # Errors
    /// When the step failed or took too long.
    pub(super) async fn step<T>(
        &mut self,
        name: &'static str,
        work: impl AsyncFnOnce() -> Result<(T, String), String>,
    ) -> Result<T, Stop> {
        let progress = self.out.progress(name);
        let done = tokio::time::timeout(STEP_LIMIT, work()).await;
        drop(progress);
        match done {
            Ok(Ok((value, detail))) => {
                self.show(name, true, &detail)?;
                Ok(value)
            }
            Ok(Err(trouble)) => {
                self.show(name, false, &trouble)?;
                Err(off(name))
            }
            Err(_) => {
                self.show(name, false, &format!("not within {} s", STEP_LIMIT.as_secs()))?;
                Err(off(name))
            }
        }
    }

    /// The last step: what was made is gone.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn end(&mut self, ok: bool, detail: &str) -> Done {
        self.show("clean up", ok, detail)?;
        if ok { Ok(()) } else { Err(off("clean up")) }
    }

    /// The last word, for people.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(super) fn verdict(&mut self) -> Done {
        if self.out.json() {
            return Ok(());
        }
        let seconds = self.began.elapsed().as_secs_f64();
        let style = self.out.style();
        self.out
            .text(&style.good(&format!("It works: {seconds:.1} s, and nothing left this machine.")))
    }

    fn show(&mut self, name: &str, ok: bool, detail: &str) -> Done {
        let ms = u64::try_from(self.last.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last = Instant::now();
        if self.out.json() {
            self.out.object(&Step { step: name, ok, ms, detail })?;
        } else {
            let style = self.out.style();
            let mark = if ok { style.good("ok") } else { style.bad("!!") };
            let ms = style.dim(&format!("{ms:>6} ms"));
            let detail = sanitize::block(detail).replace('\n', &format!("\n{}", " ".repeat(27)));
            self.out.text(&format!("{mark}  {name:<11} {ms}  {detail}"))?;
        }
        self.out.flush()
    }
}
