//! Whole conversations as files. Text of peers can't be markup in them.

use std::io::Write;
use std::path::Path;

use nexus_node::api::{Command, ConversationView, IdentityView, MessageView};
use nexus_node::error;
use nexus_node::setup;
use serde_json::json as object;

use crate::args::{ExportArgs, Format};
use crate::output::{Out, json};
use crate::session::Session;
use crate::stop::{Done, Stop};

mod page;

/// `export`.
///
/// # Errors
/// What the node answered; a usage error when the file exists.
pub(crate) async fn run(session: &Session, args: ExportArgs, out: &mut Out) -> Done {
    if let Some(file) = args.output.as_deref().filter(|f| f.exists()) {
        return Err(Stop::usage(
            format!("{} exists already", file.display()),
            "exports are never written over; give it a new name",
        ));
    }
    if out.json() && args.output.is_none() && args.format != Format::Json {
        return Err(Stop::usage(
            "--json and a page on standard output exclude each other",
            "leave --json out, or write the page to a file with --output FILE",
        ));
    }
    let command = Command::Export { conversation: args.conversation.clone() };
    let rows: Vec<MessageView> = session.client.all(command).await?;
    let mut bytes = Vec::new();
    if args.format == Format::Json {
        lines(&mut bytes, &rows)?;
    } else {
        let title = title(session, &rows, &args.conversation).await?;
        let me: IdentityView = session.client.one(Command::Id).await?;
        let text = match args.format {
            Format::Html => page::html(&title, &me.connect_id, &rows),
            Format::Md | Format::Json => page::markdown(&title, &me.connect_id, &rows),
        };
        bytes = text.into_bytes();
    }
    match &args.output {
        None => out.raw(&bytes),
        Some(file) => {
            setup::write_atomically(file, &bytes, false)?;
            told(file, rows.len(), out)
        }
    }
}

fn lines(to: &mut Vec<u8>, rows: &[MessageView]) -> Done {
    for row in rows {
        json::write(to, row).and_then(|()| to.write_all(b"\n")).map_err(error::failed)?;
    }
    Ok(())
}

fn told(file: &Path, messages: usize, out: &mut Out) -> Done {
    let path = file.display().to_string();
    if out.json() {
        return out.object(&object!({"file": path, "messages": messages}));
    }
    out.text(&format!("{messages} messages are in {}", crate::sanitize::line(&path)))
}

/// The conversation's name here.
async fn title(session: &Session, rows: &[MessageView], asked: &str) -> Result<String, Stop> {
    let Some(id) = rows.first().map(|row| &row.conversation) else { return Ok(asked.to_owned()) };
    let all: Vec<ConversationView> = session.client.all(Command::Conversations).await?;
    let found = all.into_iter().find(|c| c.id == *id).map(|c| c.name);
    Ok(found.filter(|name| !name.is_empty()).unwrap_or_else(|| asked.to_owned()))
}
