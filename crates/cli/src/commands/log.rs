//! `log …`.

use nexus_node::api::{Command, ErrorCode, LogView, RawEntryView};

use crate::args::LogVerb;
use crate::output::Out;
use crate::render;
use crate::session::Session;
use crate::stop::{Done, Stop};

/// Runs one.
///
/// # Errors
/// What the node answered; `damaged` when a log is not in order.
pub(crate) async fn run(session: &Session, verb: LogVerb, out: &mut Out) -> Done {
    match verb {
        LogVerb::Show { conversation, raw: true } => raw(session, conversation, out).await,
        LogVerb::Show { conversation, raw: false } => {
            logs(session, Command::LogShow { conversation, raw: false }, "reading", out).await
        }
        LogVerb::Verify => logs(session, Command::LogVerify, "checking every entry", out).await,
        LogVerb::Rebuild => {
            logs(session, Command::LogRebuild, "making views and index again", out).await
        }
    }
}

async fn logs(session: &Session, command: Command, what: &str, out: &mut Out) -> Done {
    let mut answers = session.client.request(command).await?;
    let progress = out.progress(what);
    let mut all: Vec<LogView> = Vec::new();
    while let Some(row) = answers.next::<LogView>().await? {
        if out.json() {
            out.object(&row)?;
        }
        all.push(row);
    }
    drop(progress);
    let bad = all.iter().filter(|row| !row.ok).count();
    if !out.json() {
        out.table(&render::logs(&all))?;
        let entries: u64 = all.iter().map(|row| row.entries).sum();
        let verdict = if bad == 0 { "all in order" } else { "not in order" };
        out.text(&format!("{} logs, {entries} entries: {verdict}", all.len()))?;
    }
    if bad == 0 {
        return Ok(());
    }
    Err(Stop::error(
        ErrorCode::Damaged,
        format!("{bad} of {} logs are not in order", all.len()),
        "leave the node running: what is missing is fetched again from contacts who have it",
    ))
}

async fn raw(session: &Session, conversation: String, out: &mut Out) -> Done {
    let command = Command::LogShow { conversation, raw: true };
    let mut answers = session.client.request(command).await?;
    while let Some(row) = answers.next::<RawEntryView>().await? {
        if out.json() {
            out.object(&row)?;
        } else {
            let signature = row.signature.as_deref().unwrap_or("-");
            out.text(&format!(
                "{} {} {} {} {signature}",
                row.log, row.seq, row.header, row.payload
            ))?;
        }
    }
    Ok(())
}
