//! The end: what was written last is waited for, and what could not be kept is told on the terminal, whole.

use std::io::Write;
use std::time::Duration;

use nexus_node::api::{ErrorBody, ErrorCode};
use tokio::sync::mpsc;

use super::asking::Asking;
use crate::message::{Effect, Message, Purpose};
use crate::model::unsaved::{Unsaved, unsaved};
use crate::model::{Model, Stage};
use crate::sanitize;
use crate::update::update;

/// How long what was written last may take to be kept.
const END: Duration = Duration::from_secs(5);
/// What takes longer than this is told.
const SOON: Duration = Duration::from_millis(500);

/// Waits until what was written last is kept. The terminal has been given back: what is not kept stands there then.
///
/// # Errors
/// Why something was not kept.
pub(super) async fn farewell(
    model: &mut Model,
    asking: &mut Asking,
    messages: &mut mpsc::Receiver<Message>,
) -> Result<(), ErrorBody> {
    let mut refused = None;
    let waited = match &model.stage {
        // There is nobody who could answer.
        Stage::Gone(_) => Ok(()),
        _ => tokio::time::timeout(END, answers(model, asking, messages, &mut refused)).await,
    };
    let lost = unsaved(model);
    if lost.is_empty() {
        return Ok(());
    }
    // A terminal that is gone hears nothing of it.
    let _ = std::io::stderr().write_all(told(model, &lost).as_bytes());
    let late = || {
        ErrorBody::new(
            ErrorCode::TimedOut,
            "the node did not answer in time",
            "the text stands above; whether it was kept shows at the next start",
        )
    };
    let unfinished = || {
        ErrorBody::new(
            ErrorCode::Failed,
            "not everything that was written is kept",
            "the text stands above",
        )
    };
    match (refused, waited) {
        (Some(error), _) => Err(error),
        (None, Err(_)) => Err(late()),
        // An edit that was not sent is nobody's fault.
        (None, Ok(())) if lost.iter().all(|l| !l.was_asked) => Ok(()),
        (None, Ok(())) => Err(unfinished()),
    }
}

/// Takes in the answers to what was written, until all are there.
async fn answers(
    model: &mut Model,
    asking: &mut Asking,
    messages: &mut mpsc::Receiver<Message>,
    refused: &mut Option<ErrorBody>,
) {
    let said = tokio::time::sleep(SOON);
    tokio::pin!(said);
    let say = || {
        let _ = writeln!(std::io::stderr(), "keeping what was written last …");
    };
    // A draft of an earlier time may come only now: what was written since joins it, and is to be kept with it.
    while model.asks(|purpose| matches!(purpose, Purpose::Draft { .. })) {
        tokio::select! {
            biased;
            message = messages.recv() => match message {
                Some(message) => take(model, message, refused),
                None => break,
            },
            () = &mut said, if !said.is_elapsed() => say(),
        }
    }
    for effect in update(model, Message::Quit) {
        if let Effect::Ask { serial, purpose, command } = effect {
            asking.ask(serial, purpose, *command);
        }
    }
    let all = asking.finish();
    tokio::pin!(all);
    loop {
        tokio::select! {
            biased;
            Some(message) = messages.recv() => take(model, message, refused),
            () = &mut all => break,
            () = &mut said, if !said.is_elapsed() => say(),
        }
    }
    while let Ok(message) = messages.try_recv() {
        take(model, message, refused);
    }
}

/// Takes in an answer; what would be asked for now is not asked any more.
fn take(model: &mut Model, message: Message, refused: &mut Option<ErrorBody>) {
    if let Message::Answer { result, .. } = &message {
        if let Err(error) = result {
            *refused = Some(error.clone());
        }
        update(model, message);
    }
}

/// What is told of texts that are not kept: all of them, so that none is lost.
fn told(model: &Model, lost: &[Unsaved]) -> String {
    let mut words = String::new();
    for one in lost {
        let with = model.conversation(&one.conversation).map(|c| sanitize::line(&c.name));
        let with = with.unwrap_or_else(|| "somebody".to_owned());
        words.push_str(&format!("Not kept: {} to {with}. This is it:\n", one.what));
        for line in sanitize::block(&one.text).lines() {
            words.push_str(&format!("    {line}\n"));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::testing::{chat, press, write};

    #[test]
    fn what_is_not_kept_is_told_whole_and_obeyed_by_no_terminal() {
        let mut model = chat((80, 24), 2);
        write(&mut model, "one\u{1b}[2J");
        press(&mut model, "ctrl-j");
        write(&mut model, "two");
        let words = told(&model, &unsaved(&model));
        assert_eq!(words, "Not kept: a draft to Ben. This is it:\n    one␛[2J\n    two\n");
    }
}
