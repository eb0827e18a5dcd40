//! The store itself: digests, checks of every chain, raw entries, rebuilding, backup.

use std::sync::Arc;

use nexus_log::digest::{DIGEST_WORDS, Digest};
use nexus_log::ledger::Chain;
use nexus_log::order::Position;
use nexus_storage::{Queries, Window};

use crate::api::{BackupView, DigestView, LogView, RawEntryView, SecretText};
use crate::control::Rows;
use crate::core::Core;
use crate::error::{self, Answered};

/// Rows read at a time.
const PAGE: u32 = 1_000;

pub(crate) async fn digest(core: &Arc<Core>, conversation: &str, rows: &Rows) -> Answered<()> {
    let peer = core.conversation_named(conversation).await?;
    let name = conversation.to_owned();
    let view = core
        .read(move |store, me| {
            let id = me.conversation_with(&peer).ok_or_else(|| error::nobody(&name))?.id;
            let mut digest = Digest::new(&id);
            let mut after = Position::START;
            loop {
                let page = store.history(&id, Window::After(after), PAGE)?;
                let Some(last) = page.last() else { break };
                after = last.message.base.position;
                for row in &page {
                    digest.push(&row.message);
                }
            }
            let bytes = digest.finish();
            Ok(DigestView {
                conversation: id.to_string(),
                digest: nexus_identity::id::hex(&bytes),
                words: nexus_identity::words::words(&bytes, DIGEST_WORDS).join(" "),
                entries: digest.entries(),
            })
        })
        .await?;
    Ok(rows.row(&view).await?)
}

pub(crate) async fn verify(core: &Arc<Core>, rows: &Rows) -> Answered<()> {
    let chains = core.read(|store, _| Ok(store.all_chains()?)).await?;
    for chain in chains {
        let view = core.read(move |store, _| Ok(checked(store, &chain))).await?;
        rows.row(&view).await?;
    }
    Ok(())
}

/// Checks pages, chains and signatures; gives what is wrong.
pub(crate) async fn check_all(core: &Arc<Core>) -> Answered<Vec<String>> {
    let stop = core.stop.clone();
    core.read(move |store, _| Ok(store.check(&|| stop.is_cancelled())?.problems())).await
}

/// Checks one chain from its first entry to its head.
fn checked(store: &Queries, chain: &Chain) -> LogView {
    let report = store.check_chain(chain, &|| false);
    let problem = report.and_then(|report| report.problem).map(|problem| problem.to_string());
    LogView { ok: problem.is_none(), problem, ..log_view(chain) }
}

fn log_view(chain: &Chain) -> LogView {
    LogView {
        topic: chain.topic.to_string(),
        log: chain.log.to_string(),
        entries: chain.head.seq + 1 - chain.first,
        head: chain.head.hash.to_string(),
        ok: true,
        author: chain.author.map(|a| a.who.to_string()),
        problem: None,
    }
}

pub(crate) async fn show(
    core: &Arc<Core>,
    conversation: &str,
    raw: bool,
    rows: &Rows,
) -> Answered<()> {
    let peer = core.conversation_named(conversation).await?;
    let chains = core
        .read(move |store, me| match me.conversation_with(&peer) {
            Some(conversation) => Ok(store.chains_of_topic(&conversation.topic())?),
            None => Ok(Vec::new()),
        })
        .await?;
    for chain in chains {
        if raw {
            show_raw(core, chain, rows).await?;
        } else {
            let view = core.read(move |store, _| Ok(checked(store, &chain))).await?;
            rows.row(&view).await?;
        }
    }
    Ok(())
}

async fn show_raw(core: &Arc<Core>, chain: Chain, rows: &Rows) -> Answered<()> {
    let (id, mut next) = (chain.id, chain.first);
    loop {
        let from = next;
        let page = core.read(move |store, _| Ok(store.entries_of_chain(id, from, 500)?)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        next = last.seq + 1;
        for stored in &page {
            let hex = nexus_identity::id::hex;
            let view = RawEntryView {
                topic: chain.topic.to_string(),
                log: chain.log.to_string(),
                seq: stored.seq,
                header: hex(&stored.entry.header),
                payload: hex(&stored.entry.payload),
                signature: stored.entry.signature.map(|s| s.to_string()),
            };
            rows.row(&view).await?;
        }
    }
}

pub(crate) async fn rebuild(core: &Arc<Core>, rows: &Rows) -> Answered<()> {
    let me = core.me();
    for conversation in me.conversations.values().cloned() {
        let views = core
            .store
            .run(move |work| {
                let id = conversation.id;
                if work.tx.conversation(&id)?.is_none() {
                    return Ok(Vec::new());
                }
                let author = work
                    .me
                    .reader()
                    .ok_or_else(|| error::failed("this device is unknown to its card"))?;
                let now = work.clock();
                nexus_log::rebuild::rebuild(work.tx, &conversation, &author, now)?;
                work.conversation_event(&id)?;
                let chains = work.tx.chains_of_topic(&conversation.topic())?;
                Ok(chains.iter().map(log_view).collect())
            })
            .await?;
        for view in &views {
            rows.row(view).await?;
        }
    }
    Ok(())
}

pub(crate) async fn backup(
    core: &Arc<Core>,
    phrase: Option<SecretText>,
    rows: &Rows,
) -> Answered<()> {
    let (file, made) = crate::backup::create(core, phrase).await?;
    Ok(rows.row(&BackupView { phrase: made, file }).await?)
}
