//! Writing: `send`, `edit`, `retract`, `react`; and `why`.

use std::time::Duration;

use nexus_node::api::{Command, ErrorCode, MessageState, SentView};
use tokio::time::{Instant, timeout_at};

use super::{no_row, rows, text};
use crate::args::SendArgs;
use crate::output::Out;
use crate::render;
use crate::session::{OWN_WAIT, Session};
use crate::stop::{Done, Stop};

/// How far `send` follows the message.
struct Follow {
    until: MessageState,
    limit: Duration,
    /// Whether not getting there is an error.
    strict: bool,
}

/// `send`.
///
/// # Errors
/// What the node answered; `timed_out` when `--wait` is not met in time.
pub(crate) async fn send(session: &Session, args: SendArgs, out: &mut Out) -> Done {
    let SendArgs { to, text: words, reply, wait, timeout } = args;
    let text = text(words).await?;
    let follow = match wait {
        Some(state) => Follow { until: state.into(), limit: timeout, strict: true },
        None if session.is_own() => {
            Follow { until: MessageState::Delivered, limit: OWN_WAIT, strict: false }
        }
        None => Follow { until: MessageState::Queued, limit: timeout, strict: false },
    };
    let wait = (follow.until > MessageState::Queued).then_some(follow.until);
    let deadline = Instant::now() + follow.limit;
    let mut answers = session.client.request(Command::Send { to, text, reply, wait }).await?;
    let mut sent: SentView = answers.next().await?.ok_or_else(no_row)?;
    let progress = wait.map(|state| {
        out.progress(&format!("waiting until it is {}", render::message_state(state)))
    });
    while sent.state < follow.until {
        match timeout_at(deadline, answers.next::<SentView>()).await {
            Ok(row) => match row? {
                Some(row) => sent = row,
                None => break,
            },
            Err(_) => break,
        }
    }
    drop(progress);
    show(&sent, out)?;
    if sent.state >= follow.until {
        return Ok(());
    }
    if follow.strict {
        return Err(not_in_time(&sent, &follow));
    }
    out.remark("Not delivered yet; it is kept, and goes out when a node runs here (`nexus node`).");
    Ok(())
}

fn not_in_time(sent: &SentView, follow: &Follow) -> Stop {
    let id = render::short_id(&sent.entry_id);
    Stop::error(
        ErrorCode::TimedOut,
        format!(
            "the message is {} and was not {} within {} s; it is kept",
            render::message_state(sent.state),
            render::message_state(follow.until),
            follow.limit.as_secs()
        ),
        format!("`nexus why {id}` tells where it waits; it goes out later by itself"),
    )
}

fn show(sent: &SentView, out: &mut Out) -> Done {
    if out.json() {
        out.object(sent)?;
    } else {
        let id = out.style().dim(&render::short_id(&sent.entry_id));
        out.text(&format!("{}  {id}", render::message_state(sent.state)))?;
    }
    out.flush()
}

/// `edit`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn edit(session: &Session, id: String, words: Vec<String>, out: &mut Out) -> Done {
    let text = text(words).await?;
    change(session, Command::Edit { id, text }, out).await
}

/// `retract`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn retract(session: &Session, id: String, out: &mut Out) -> Done {
    change(session, Command::Retract { id }, out).await
}

/// `react`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn react(session: &Session, id: String, emoji: String, out: &mut Out) -> Done {
    let emoji = if emoji == "off" { String::new() } else { emoji };
    change(session, Command::React { id, emoji }, out).await
}

async fn change(session: &Session, command: Command, out: &mut Out) -> Done {
    let sent: SentView = session.client.one(command).await?;
    show(&sent, out)?;
    session.linger(&sent.conversation, out).await
}

/// `why`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn why(session: &Session, id: String, out: &mut Out) -> Done {
    rows(session, out, Command::Why { id }, render::story, "Nothing is known of it.").await
}
