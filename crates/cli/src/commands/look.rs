//! What is going on: `id`, `status`, `doctor`, `nearby`, `watch`.

use std::time::Duration;

use nexus_node::api::{
    CheckView, Command, ErrorCode, EventView, IdentityView, LinkView, NearbyView, StatusView,
};
use tokio::time::{Instant, timeout_at};

use crate::args::WatchArgs;
use crate::output::Out;
use crate::output::table::Table;
use crate::render::{self, event};
use crate::session::Session;
use crate::stop::{Done, Stop};
use crate::{duration, qr, sanitize};

/// How long `nearby` looks around when no node has been doing so: neighbours answer a new face at once.
const LOOK_AROUND: Duration = Duration::from_secs(3);

/// `id`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn id(session: &Session, with_qr: bool, out: &mut Out) -> Done {
    let me: IdentityView = session.client.one(Command::Id).await?;
    show_identity(&me, out)?;
    if with_qr && out.draws() {
        show_qr(&me.connect_id, out)?;
    }
    Ok(())
}

/// Shows who I am.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn show_identity(me: &IdentityView, out: &mut Out) -> Done {
    if out.json() {
        return out.object(me);
    }
    let style = out.style();
    out.text(&format!("name        {}", style.bold(&sanitize::line(&me.name))))?;
    out.text(&format!("connect id  {}", style.bold(&me.connect_id)))?;
    out.text(&format!("public key  {}", me.public_key))?;
    out.text(&format!("device      {}", me.instance))?;
    out.text(&format!("lives in    {}", sanitize::line(&me.data_dir)))
}

/// Draws a code, or says why not.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn show_qr(text: &str, out: &mut Out) -> Done {
    match qr::draw(text, out.style()) {
        Some(code) => out.text(&code),
        None => {
            out.remark("That is too long for a QR code.");
            Ok(())
        }
    }
}

/// `status`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn status(session: &Session, out: &mut Out) -> Done {
    let status: StatusView = session.client.one(Command::Status).await?;
    if out.json() {
        return out.object(&status);
    }
    let style = out.style();
    let running = if session.is_own() { "no (start one with `nexus node`)" } else { "yes" };
    out.text(&format!("connect id  {}", status.connect_id))?;
    out.text(&format!("running     {running}"))?;
    out.text(&format!("listening   {}", sanitize::line(&status.listen.join(" "))))?;
    out.text(&format!("waiting     {} messages not delivered yet", status.queued))?;
    out.text(&format!(
        "store       {}, {} entries, {}",
        sanitize::line(&status.store),
        status.entries,
        render::size(status.store_bytes)
    ))?;
    for notice in &status.notices {
        out.text(&format!("notice      {}", style.warn(&sanitize::line(notice))))?;
    }
    if !status.links.is_empty() {
        out.text("")?;
        out.table(&links(&status.links))?;
    }
    if !status.refused.is_empty() {
        out.text("")?;
        let mut table = Table::new(&["refused", "from", "times", "last"]);
        for row in &status.refused {
            let (count, last) = (row.count.to_string(), render::when(&row.last));
            table.row([row.code.as_str(), &row.source, &count, &last]);
        }
        out.table(&table)?;
    }
    Ok(())
}

fn links(rows: &[LinkView]) -> Table {
    let mut table = Table::new(&["link to", "path", "address", "rtt", "age", "cipher", "why"]);
    for row in rows {
        table.row([
            render::name_or_id(&row.name, &row.connect_id),
            row.path.clone(),
            row.address.clone(),
            row.rtt_ms.map(|ms| format!("{ms:.1} ms")).unwrap_or_default(),
            duration::show(Duration::from_secs_f64(row.age.clamp(0.0, 1e9)).as_secs()),
            row.cipher.clone(),
            row.why.clone(),
        ]);
    }
    table
}

/// `doctor`.
///
/// # Errors
/// What the node answered. A check that is not fine is an answer, not an error.
pub(crate) async fn doctor(session: &Session, out: &mut Out) -> Done {
    let progress = out.progress("looking at this machine");
    let rows: Vec<CheckView> = session.client.all(Command::Doctor).await?;
    drop(progress);
    if out.json() {
        return rows.iter().try_for_each(|row| out.object(row));
    }
    out.table(&render::checks(&rows))?;
    let hints = rows.iter().filter(|row| !row.ok).filter_map(|row| row.hint.as_deref());
    for hint in hints {
        out.text(&format!("→ {}", sanitize::line(hint)))?;
    }
    Ok(())
}

/// `nearby`.
///
/// # Errors
/// What the node answered.
pub(crate) async fn nearby(session: &Session, watch: bool, out: &mut Out) -> Done {
    let mut answers =
        session.client.request(Command::Nearby { watch: watch || session.is_own() }).await?;
    if watch {
        while let Some(row) = answers.next::<NearbyView>().await? {
            if out.json() {
                out.object(&row)?;
            } else {
                let contact = row.contact.map(render::contact_state).unwrap_or_default();
                let id = render::short_id(&row.connect_id);
                out.text(format!("{id}  {}  {contact}", sanitize::line(&row.name)).trim_end())?;
            }
            out.flush()?;
        }
        return Ok(());
    }
    let progress = session.is_own().then(|| out.progress("looking around"));
    let deadline = Instant::now() + LOOK_AROUND;
    let mut seen: Vec<NearbyView> = Vec::new();
    while let Ok(row) = timeout_at(deadline, answers.next::<NearbyView>()).await {
        let Some(row) = row? else { break };
        seen.retain(|known| known.connect_id != row.connect_id);
        seen.push(row);
    }
    drop(progress);
    if out.json() {
        return seen.iter().try_for_each(|row| out.object(row));
    }
    if seen.is_empty() {
        out.remark("Nobody yet. Others are seen when their node runs on this LAN; `nexus doctor` looks for obstacles.");
    }
    out.table(&render::nearby(&seen))
}

/// `watch`.
///
/// # Errors
/// What the node answered; `timed_out` when nothing came for as long as was asked.
pub(crate) async fn watch(session: &Session, args: WatchArgs, out: &mut Out) -> Done {
    let mut lines = event::Lines::new(out.style());
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut answers = session.client.request(Command::Watch { since: args.since }).await?;
    let mut deadline = args.timeout.map(|limit| Instant::now() + limit);
    while left > 0 {
        let next = answers.next::<EventView>();
        let row = match deadline {
            Some(deadline) => timeout_at(deadline, next).await.map_err(|_| nothing_came())??,
            None => next.await?,
        };
        let Some(row) = row else { break };
        if !args.event.is_empty() && !args.event.iter().any(|kind| kind == event::kind(&row.event))
        {
            continue;
        }
        if out.json() {
            out.object(&event::object(&row))?;
        } else if let Some(line) = lines.show(&row.event) {
            out.text(&line)?;
        } else {
            continue;
        }
        out.flush()?;
        left -= 1;
        deadline = args.timeout.map(|limit| Instant::now() + limit);
    }
    Ok(())
}

fn nothing_came() -> Stop {
    Stop::error(
        ErrorCode::TimedOut,
        "no such event came in that time",
        "wait longer with --timeout, or without it for ever",
    )
}
