//! What each command asks of the node, and how it shows the answer.

use std::io::{BufRead, Read, Write};

use nexus_node::api::{Command, ErrorCode, SecretText};
use nexus_node::error;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::output::Out;
use crate::output::table::Table;
use crate::session::Session;
use crate::signals::Signals;
use crate::stop::{Done, Stop};
use crate::terminal::Unseen;

pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod contact;
pub(crate) mod conversation;
pub(crate) mod device;
pub(crate) mod file;
pub(crate) mod log;
pub(crate) mod look;
pub(crate) mod message;
pub(crate) mod node;
pub(crate) mod start;

/// Most bytes read from standard input: far beyond the longest text, so that its own limit speaks.
const MAX_STDIN: u64 = 1 << 20;

/// Asks for rows and shows them: JSON as they come, text as one table, a remark when there are none.
async fn rows<T: Serialize + DeserializeOwned>(
    session: &Session,
    out: &mut Out,
    command: Command,
    table: fn(&[T]) -> Table,
    none: &str,
) -> Done {
    let mut answers = session.client.request(command).await?;
    let mut all = Vec::new();
    while let Some(row) = answers.next::<T>().await? {
        if out.json() {
            out.object(&row)?;
        } else {
            all.push(row);
        }
    }
    if !out.json() {
        if all.is_empty() {
            out.remark(none);
        }
        out.table(&table(&all))?;
    }
    Ok(())
}

/// The text that was typed: the words joined, or standard input for `-`.
async fn text(words: Vec<String>) -> Result<String, Stop> {
    if words != ["-"] {
        return Ok(words.join(" "));
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        std::io::stdin().take(MAX_STDIN).read_to_string(&mut text).map(|_| text)
    });
    let mut text = read.await.map_err(error::failed)?.map_err(|e| {
        Stop::usage(format!("standard input can't be read: {e}"), "give it UTF-8 text")
    })?;
    // The line break that `echo` and editors end with is not part of what is meant.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Asks on standard error and reads one line.
async fn ask(question: String) -> Result<String, Stop> {
    typed(&mut Signals::listen(), Some(&question)).await
}

/// One line of standard input that nobody may read over a shoulder: a terminal does not show it.
async fn typed_unseen(question: Option<&str>) -> Result<SecretText, Stop> {
    // Listened to first: a signal that ended the program at once would leave the terminal mute.
    let mut signals = Signals::listen();
    let unseen = Unseen::begin();
    let line = typed(&mut signals, question).await.map(SecretText::new);
    drop(unseen);
    line
}

/// One line of standard input. A signal ends the waiting, and with it the command.
async fn typed(signals: &mut Signals, question: Option<&str>) -> Result<String, Stop> {
    if let Some(question) = question {
        let mut stderr = std::io::stderr();
        write!(stderr, "{question} ")?;
        stderr.flush()?;
    }
    let line = tokio::task::spawn_blocking(|| first_line(std::io::stdin().lock()));
    tokio::select! {
        line = line => Ok(line.map_err(error::failed)??),
        number = signals.next() => Err(Stop::Signal(number)),
    }
}

/// The first line, without its end.
fn first_line(from: impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    from.take(MAX_STDIN).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The node answered nothing where it owes a row.
fn no_row() -> Stop {
    Stop::error(
        ErrorCode::Failed,
        "the node ended without an answer",
        "start it again with `nexus node`, and try again",
    )
}
