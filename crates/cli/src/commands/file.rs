//! `file`: offers, transfers, and staying with one until it is done.

use std::path::{Path, PathBuf};

use nexus_node::api::{Command, ErrorCode, FileView};
use tokio::time::{Instant, timeout_at};

use super::no_row;
use crate::args::{FileVerb, WaitArgs};
use crate::output::Out;
use crate::output::table::Table;
use crate::render;
use crate::sanitize;
use crate::session::Session;
use crate::stop::{Done, Stop};

/// States in which nothing moves any more.
const OVER: [&str; 6] = ["done", "declined", "cancelled", "withdrawn", "changed", "failed"];

/// `file`.
///
/// # Errors
/// What the node answered; `timed_out` when it is waited for in vain; `failed` when it can't be had.
pub(crate) async fn run(session: &Session, verb: FileVerb, out: &mut Out) -> Done {
    match verb {
        FileVerb::Send { to, paths, wait } => {
            let paths = paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
            change(session, Command::FileSend { to, paths }, Some(wait), out).await
        }
        FileVerb::List { watch } => list(session, watch, out).await,
        FileVerb::Accept { id, to, wait } => {
            let to = to.map(|dir| absolute(&dir)).transpose()?;
            change(session, Command::FileAccept { id, to }, Some(wait), out).await
        }
        FileVerb::Decline { id } => change(session, Command::FileDecline { id }, None, out).await,
        FileVerb::Pause { id } => change(session, Command::FilePause { id }, None, out).await,
        FileVerb::Resume { id, wait } => {
            change(session, Command::FileResume { id }, Some(wait), out).await
        }
        FileVerb::Cancel { id } => change(session, Command::FileCancel { id }, None, out).await,
        FileVerb::Verify { id } => {
            let progress = out.progress("reading it");
            let view: FileView = session.client.one(Command::FileVerify { id }).await?;
            drop(progress);
            show(&view, out)
        }
    }
}

/// The node has another working directory.
fn absolute(path: &Path) -> Result<String, Stop> {
    let path: PathBuf = std::path::absolute(path)?;
    path.into_os_string().into_string().map_err(|path| {
        Stop::error(
            ErrorCode::Usage,
            format!("the name {:?} is not UTF-8", path.to_string_lossy()),
            "rename it, or send the folder that it is in",
        )
    })
}

/// Does it, shows what became of it, and stays with it if that is wanted or needed.
async fn change(
    session: &Session,
    command: Command,
    wait: Option<WaitArgs>,
    out: &mut Out,
) -> Done {
    let view: FileView = session.client.one(command).await?;
    show(&view, out)?;
    let wait = match wait {
        Some(wait) if wait.wait || session.is_own() => wait,
        _ => return session.linger(&view.conversation, out).await,
    };
    // It begins with how everything is now, so nothing is missed.
    let mut changes = session.client.request(Command::Files { watch: true }).await?;
    let deadline = wait.timeout.map(|limit| Instant::now() + limit);
    let mut last = view;
    let progress = out.bar(last.size);
    while !OVER.contains(&last.state.as_str()) {
        let next = changes.next::<FileView>();
        let row = match deadline {
            None => next.await?,
            Some(deadline) => match timeout_at(deadline, next).await {
                Ok(row) => row?,
                Err(_) => break,
            },
        };
        let row = row.ok_or_else(no_row)?;
        if row.transfer_id == last.transfer_id && row != last {
            last = row;
            progress.at(last.done, last.rate, &words(&last));
            if out.json() {
                out.object(&last)?;
                out.flush()?;
            }
        }
    }
    drop(progress);
    if !out.json() {
        show(&last, out)?;
    }
    end(&last)
}

/// What its last state means for whoever waited.
fn end(view: &FileView) -> Done {
    let id = render::short_id(&view.transfer_id);
    let detail = view.detail.as_deref().map(|d| format!(": {}", sanitize::line(d)));
    let said = format!("{} ({}){}", words(view), id, detail.unwrap_or_default());
    match view.state.as_str() {
        "done" => Ok(()),
        "declined" | "cancelled" | "withdrawn" => Err(Stop::error(
            ErrorCode::WrongState,
            format!("it is not sent: {said}"),
            "ask them, or send it again",
        )),
        "changed" | "failed" => Err(Stop::error(
            ErrorCode::Failed,
            format!("it did not get through: {said}"),
            format!("`nexus file resume {id}` tries again; else have it sent again"),
        )),
        _ => Err(Stop::error(
            ErrorCode::TimedOut,
            format!("it is not done yet: {said}"),
            "it goes on while a node runs here (`nexus node`)",
        )),
    }
}

fn show(view: &FileView, out: &mut Out) -> Done {
    if out.json() {
        out.object(view)?;
    } else {
        let id = out.style().dim(&render::short_id(&view.transfer_id));
        let path = match (&view.path, view.outgoing, view.state.as_str()) {
            (Some(path), false, "done") => format!("  {}", sanitize::line(path)),
            _ => String::new(),
        };
        let name = sanitize::line(&view.name);
        let size = render::size(view.size);
        out.text(&format!("{}  {id}  {name}  {size}{path}", words(view)))?;
    }
    out.flush()
}

/// A state as people say it.
fn words(view: &FileView) -> String {
    let sources = match view.sources {
        0 | 1 => String::new(),
        several => format!(" from {several}"),
    };
    match (view.state.as_str(), view.outgoing) {
        ("receiving", _) => format!("receiving{sources}"),
        ("waiting", _) => "waiting for who has it".to_owned(),
        ("verifying", _) => "verifying".to_owned(),
        ("done", true) => "received by them".to_owned(),
        ("declined", true) => "declined by them".to_owned(),
        (state, _) => sanitize::line(state),
    }
}

async fn list(session: &Session, watch: bool, out: &mut Out) -> Done {
    let mut rows = session.client.request(Command::Files { watch }).await?;
    if watch || out.json() {
        while let Some(row) = rows.next::<FileView>().await? {
            show(&row, out)?;
        }
        return Ok(());
    }
    let mut table = Table::new(&["id", "name", "size", "state", "done", "where"]);
    let mut found = false;
    while let Some(row) = rows.next::<FileView>().await? {
        found = true;
        let part = row.done.saturating_mul(100).checked_div(row.size).unwrap_or(100);
        table.row([
            render::short_id(&row.transfer_id),
            row.name.clone(),
            render::size(row.size),
            words(&row),
            if row.state == "done" { String::new() } else { format!("{part} %") },
            row.path.clone().unwrap_or_default(),
        ]);
    }
    if !found {
        out.remark("No files were offered yet: `nexus file send TO PATH`.");
    }
    out.table(&table)
}
