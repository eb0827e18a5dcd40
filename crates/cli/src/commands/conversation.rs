//! Conversations: reading them, and how they behave here.

use nexus_node::api::{
    Command, ConversationView, DigestView, DraftView, IdentityView, MessageView,
};
use serde_json::Value;

use super::{rows, text};
use crate::args::HistoryArgs;
use crate::duration::{self, OrOff, Quiet};
use crate::output::Out;
use crate::render;
use crate::render::message::Pager;
use crate::sanitize;
use crate::session::Session;
use crate::stop::Done;

/// `conversations`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn list(session: &Session, out: &mut Out) -> Done {
    let none = "No conversations yet. `nexus contact add WHO` begins one.";
    rows(session, out, Command::Conversations, render::conversations, none).await
}

/// `read`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn read(
    session: &Session,
    conversation: String,
    to: Option<String>,
    out: &mut Out,
) -> Done {
    let row = ask(session, Command::Read { conversation, to }).await?;
    show(&row, &format!("{} unread", row.unread), out)?;
    session.linger(&row.id, out).await
}

/// `timer`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn timer(
    session: &Session,
    conversation: String,
    after: OrOff,
    out: &mut Out,
) -> Done {
    let seconds = after.0.map(|d| d.as_secs()).filter(|s| *s > 0);
    let row = ask(session, Command::Timer { conversation, seconds }).await?;
    let words = match row.timer {
        Some(seconds) => format!("messages disappear after {}", duration::show(seconds)),
        None => "messages stay".to_owned(),
    };
    show(&row, &words, out)?;
    session.linger(&row.id, out).await
}

/// `mute`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn mute(
    session: &Session,
    conversation: String,
    quiet: Quiet,
    out: &mut Out,
) -> Done {
    let seconds = match quiet {
        Quiet::Off => Some(0),
        Quiet::For(time) => Some(time.as_secs()),
        Quiet::Forever => None,
    };
    let row = ask(session, Command::Mute { conversation, seconds }).await?;
    let words = match row.muted.as_deref() {
        Some(time) => format!("quiet {}", render::until(time)),
        None => "not quiet".to_owned(),
    };
    show(&row, &words, out)
}

async fn ask(session: &Session, command: Command) -> Result<ConversationView, crate::stop::Stop> {
    Ok(session.client.one(command).await?)
}

/// The conversation as it is now; in JSON it is named `conversation`, as in every other row.
fn show(row: &ConversationView, words: &str, out: &mut Out) -> Done {
    if out.json() {
        let mut value = serde_json::to_value(row).unwrap_or_default();
        if let Some(map) = value.as_object_mut() {
            map.insert("conversation".to_owned(), Value::String(row.id.clone()));
        }
        out.object(&value)?;
    } else {
        out.text(&format!("{}: {words}", out.style().bold(&sanitize::line(&row.name))))?;
    }
    out.flush()
}

/// `draft`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn draft(
    session: &Session,
    conversation: String,
    words: Vec<String>,
    clear: bool,
    out: &mut Out,
) -> Done {
    let text = match (clear, words.is_empty()) {
        (true, _) => Some(String::new()),
        (false, true) => None,
        (false, false) => Some(text(words).await?),
    };
    let row: DraftView = session.client.one(Command::Draft { conversation, text }).await?;
    if out.json() {
        return out.object(&row);
    }
    if row.text.is_empty() {
        out.remark("No draft.");
        return Ok(());
    }
    out.text(&sanitize::block(&row.text))
}

/// `history`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn history(session: &Session, args: HistoryArgs, out: &mut Out) -> Done {
    let HistoryArgs { conversation, limit, before, follow } = args;
    let command = Command::History { conversation, limit, before, follow };
    messages(session, command, follow, "Nothing was written yet.", out).await
}

/// `search`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn search(
    session: &Session,
    query: Vec<String>,
    conversation: Option<String>,
    limit: Option<u32>,
    out: &mut Out,
) -> Done {
    let command = Command::Search { query: query.join(" "), conversation, limit };
    messages(session, command, false, "Nothing found.", out).await
}

async fn messages(
    session: &Session,
    command: Command,
    follow: bool,
    none: &str,
    out: &mut Out,
) -> Done {
    let mut answers = session.client.request(command).await?;
    if out.json() {
        while let Some(row) = answers.next::<MessageView>().await? {
            out.object(&row)?;
            if follow {
                out.flush()?;
            }
        }
        return Ok(());
    }
    let me: IdentityView = session.client.one(Command::Id).await?;
    let mut pager = Pager::new(out.style(), &me.connect_id);
    let mut held = Vec::new();
    while let Some(row) = answers.next::<MessageView>().await? {
        if follow {
            let shown = pager.show(&row);
            out.text(&shown)?;
            out.flush()?;
        } else {
            held.push(row);
        }
    }
    if held.is_empty() && !follow {
        out.remark(none);
    }
    pager.fit(&held);
    for row in &held {
        let shown = pager.show(row);
        out.text(&shown)?;
    }
    Ok(())
}

/// `digest`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn digest(session: &Session, conversation: String, out: &mut Out) -> Done {
    let row: DigestView = session.client.one(Command::Digest { conversation }).await?;
    if out.json() {
        return out.object(&row);
    }
    out.text(&out.style().bold(&sanitize::line(&row.words)))?;
    out.text(&format!(
        "{} messages; the same words at the other side mean the same messages",
        row.entries
    ))
}
