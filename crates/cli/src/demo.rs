//! `demo`: two throw-away people on this machine meet, write, part and join, as two real processes of this program.
//!
//! They use loopback only, so nothing leaves the machine; what they made is removed at the end, also after Ctrl-C.

use nexus_node::api::ErrorCode;

use crate::output::Out;
use crate::signals::Signals;
use crate::stop::{Done, Stop};

mod person;
mod report;
mod stage;
mod story;

use report::Report;
use stage::Stage;

/// Plays it.
///
/// # Errors
/// `failed` when anything is off; the step that was off has been shown then.
pub(crate) async fn run(out: &mut Out) -> Done {
    let mut signals = Signals::listen();
    let mut stage = Stage::new()?;
    let mut report = Report::new(out);
    let played = tokio::select! {
        played = story::play(&mut stage, &mut report) => Ok(played),
        number = signals.next() => Err(Stop::Signal(number)),
    };
    let ended = stage.end().await;
    let played = played?;
    let cleaned = match (&played, ended) {
        (Ok(()), Ok(detail)) => report.end(true, &detail),
        (_, Err(trouble)) => report.end(false, &trouble),
        // The step that was off is shown already.
        (Err(_), Ok(_)) => Ok(()),
    };
    played?;
    cleaned?;
    report.verdict()
}

/// The demo as a whole failed; the step says why.
fn off(step: &str) -> Stop {
    Stop::error(
        ErrorCode::Failed,
        format!("the demo failed at `{step}`"),
        "`nexus doctor` looks for obstacles on this machine; `nexus -v demo` says more",
    )
}
