//! What happens in the demo, step by step.

use std::collections::BTreeSet;

use nexus_node::api::{
    Command, ContactState, ContactView, DigestView, LogView, MessageState, MessageView, NearbyView,
    SentView, StatusView,
};
use nexus_node::client::Answers;

use super::person::Person;
use super::report::Report;
use super::stage::Stage;
use crate::render::short_id;
use crate::stop::{Done, Stop};

/// Messages each side writes while apart.
const APART: usize = 3;

/// Plays the story.
///
/// # Errors
/// At the first step that is off.
pub(super) async fn play(stage: &mut Stage, report: &mut Report<'_>) -> Done {
    begin(stage, report).await?;
    let [ana, ben] = stage.people.as_slice() else { return Err(super::off("identities")) };
    report.step("discovery", async || discovery(ana, ben).await).await?;
    report.step("request", async || request(ana, ben).await).await?;
    report.step("accept", async || accept(ana, ben).await).await?;
    report.step("messages", async || messages(ana, ben).await).await?;
    report.step("cut", async || cut(ana, ben).await).await?;
    report.step("apart", async || apart(ana, ben).await).await?;
    report.step("join", async || join(ana, ben).await).await?;
    report.step("histories", async || histories(ana, ben).await).await?;
    report.step("digests", async || digests(ana, ben).await).await?;
    report.step("logs", async || logs(ana, ben).await).await
}

async fn begin(stage: &mut Stage, report: &mut Report<'_>) -> Result<(), Stop> {
    report
        .step("identities", async || {
            stage.enter(["Ana", "Ben"]).await?;
            let who: Vec<String> =
                stage.people.iter().map(|p| format!("{} is {}", p.name, short_id(&p.id))).collect();
            Ok(((), who.join(", ")))
        })
        .await?;
    report
        .step("nodes", async || {
            let mut listening = Vec::new();
            for person in &mut stage.people {
                let address = person.start().await?;
                listening.push(format!("{} on {address}", person.name));
            }
            Ok(((), format!("two processes: {}", listening.join(", "))))
        })
        .await
}

async fn discovery(ana: &Person, ben: &Person) -> Result<((), String), String> {
    tokio::try_join!(sees(ana, ben), sees(ben, ana))?;
    Ok(((), "each sees the other by the beacons on loopback".to_owned()))
}

async fn sees(one: &Person, other: &Person) -> Result<(), String> {
    let asked = one.client()?.request(Command::Nearby { watch: true }).await;
    let mut rows: Answers = asked.map_err(|e| e.to_string())?;
    while let Some(row) = rows.next::<NearbyView>().await.map_err(|e| e.to_string())? {
        if row.connect_id == other.id && row.name == other.name {
            return Ok(());
        }
    }
    Err(format!("{} never saw {}", one.name, other.name))
}

async fn request(ana: &Person, ben: &Person) -> Result<((), String), String> {
    let words = "it is Ana, from the demo";
    let asked: ContactView = ana
        .one(Command::ContactAdd {
            who: ben.name.to_owned(),
            name: None,
            address: None,
            message: Some(words.to_owned()),
        })
        .await?;
    if asked.connect_id != ben.id {
        return Err(format!("the request went to {}", asked.connect_id));
    }
    let incoming =
        ben.until::<ContactView>(Command::Requests, |row| row.connect_id == ana.id).await?;
    if incoming.message.as_deref() != Some(words) {
        return Err(format!("Ben reads {:?}", incoming.message));
    }
    Ok(((), format!("Ben reads: {words}")))
}

async fn accept(ana: &Person, ben: &Person) -> Result<((), String), String> {
    let _: ContactView = ben.one(Command::ContactAccept { who: ana.id.clone() }).await?;
    let accepted = |row: &ContactView| row.state == ContactState::Accepted;
    let at_ana =
        ana.until(Command::Contacts, |row: &ContactView| row.connect_id == ben.id && accepted(row));
    let at_ben =
        ben.until(Command::Contacts, |row: &ContactView| row.connect_id == ana.id && accepted(row));
    let (at_ana, at_ben) = tokio::try_join!(at_ana, at_ben)?;
    if at_ana.safety_number.is_none() || at_ana.safety_number != at_ben.safety_number {
        return Err("their safety numbers differ".to_owned());
    }
    Ok(((), "contacts at both sides, with the same safety number".to_owned()))
}

async fn messages(ana: &Person, ben: &Person) -> Result<((), String), String> {
    let began = std::time::Instant::now();
    delivered(ana, ben, "Hello Ben, do you hear me?").await?;
    let there = began.elapsed();
    let began = std::time::Instant::now();
    delivered(ben, ana, "Loud and clear, Ana.").await?;
    let back = began.elapsed();
    let read = Command::Read { conversation: ana.id.clone(), to: None };
    let _: serde_json::Value = ben.one(read).await?;
    let mine = history_of(ben);
    ana.until(mine, |row: &MessageView| row.author == ana.id && row.state == MessageState::Read)
        .await?;
    Ok((
        (),
        format!(
            "durable at the other side after {} and {} ms, encrypted end to end; read",
            there.as_millis(),
            back.as_millis()
        ),
    ))
}

fn history_of(with: &Person) -> Command {
    Command::History { conversation: with.id.clone(), limit: None, before: None, follow: false }
}

async fn delivered(from: &Person, to: &Person, text: &str) -> Result<(), String> {
    let command = Command::Send {
        to: to.id.clone(),
        text: text.to_owned(),
        reply: None,
        wait: Some(MessageState::Delivered),
    };
    let states: Vec<SentView> = from.all(command).await?;
    match states.last() {
        Some(last) if last.state >= MessageState::Delivered => {}
        other => return Err(format!("{}'s message is {other:?}", from.name)),
    }
    let there = to.history(&from.id).await?;
    if there.iter().any(|row| row.text == text && row.author == from.id) {
        Ok(())
    } else {
        Err(format!("delivered, but {} does not see it", to.name))
    }
}

async fn cut(ana: &Person, ben: &Person) -> Result<((), String), String> {
    ana.network(false).await?;
    ben.network(false).await?;
    let alone = |status: &StatusView| status.links.is_empty();
    tokio::try_join!(ana.until(Command::Status, alone), ben.until(Command::Status, alone))?;
    Ok(((), "no link between them any more".to_owned()))
}

async fn apart(ana: &Person, ben: &Person) -> Result<((), String), String> {
    for number in 1..=APART {
        for (one, other) in [(ana, ben), (ben, ana)] {
            let text = format!("{} writes alone, {number}", one.name);
            let sent = one.write(&other.id, &text).await?;
            if sent.state != MessageState::Queued {
                return Err(format!("a message without a link is {:?}", sent.state));
            }
        }
    }
    let (at_ana, at_ben) = tokio::try_join!(ana.history(&ben.id), ben.history(&ana.id))?;
    if at_ana.len() != at_ben.len() || ids(&at_ana) == ids(&at_ben) {
        return Err("they are not really apart".to_owned());
    }
    Ok(((), format!("{APART} messages at each side, queued; the histories differ")))
}

async fn join(ana: &Person, ben: &Person) -> Result<((), String), String> {
    ana.network(true).await?;
    ben.network(true).await?;
    tokio::try_join!(all_delivered(ana, ben), all_delivered(ben, ana))?;
    Ok(((), format!("they found each other again; all {} messages are delivered", 2 * APART)))
}

async fn all_delivered(one: &Person, other: &Person) -> Result<(), String> {
    let nothing_waits = |status: &StatusView| status.queued == 0 && !status.links.is_empty();
    one.until(Command::Status, nothing_waits).await?;
    let mine = one.history(&other.id).await?;
    match mine.iter().find(|row| row.author == one.id && row.state < MessageState::Delivered) {
        Some(row) => Err(format!("`{}` is only {:?}", row.text, row.state)),
        None => Ok(()),
    }
}

async fn histories(ana: &Person, ben: &Person) -> Result<((), String), String> {
    let (at_ana, at_ben) = tokio::try_join!(ana.history(&ben.id), ben.history(&ana.id))?;
    let same = at_ana.len() == at_ben.len()
        && at_ana.iter().zip(&at_ben).all(|(a, b)| {
            (&a.entry_id, &a.author, &a.text, &a.kind) == (&b.entry_id, &b.author, &b.text, &b.kind)
        });
    if !same {
        return Err(format!("they differ:\n{}\n--\n{}", texts(&at_ana), texts(&at_ben)));
    }
    let written = at_ana.iter().filter(|row| row.kind == "text").count();
    if written != 2 + 2 * APART {
        return Err(format!("{written} messages:\n{}", texts(&at_ana)));
    }
    Ok((
        (),
        format!("the same {written} messages in the same order at both sides:\n{}", texts(&at_ana)),
    ))
}

fn ids(rows: &[MessageView]) -> BTreeSet<&str> {
    rows.iter().map(|row| row.entry_id.as_str()).collect()
}

fn texts(rows: &[MessageView]) -> String {
    let lines: Vec<String> =
        rows.iter().map(|row| format!("  {}: {}", row.author_name, row.text)).collect();
    lines.join("\n")
}

async fn digests(ana: &Person, ben: &Person) -> Result<((), String), String> {
    let digest = |conversation: &str| Command::Digest { conversation: conversation.to_owned() };
    let (at_ana, at_ben): (DigestView, DigestView) =
        tokio::try_join!(ana.one(digest(&ben.id)), ben.one(digest(&ana.id)))?;
    if at_ana.words != at_ben.words || at_ana.digest != at_ben.digest {
        return Err(format!("Ana: {}; Ben: {}", at_ana.words, at_ben.words));
    }
    Ok(((), at_ana.words))
}

async fn logs(ana: &Person, ben: &Person) -> Result<((), String), String> {
    let mut entries = 0;
    for person in [ana, ben] {
        for row in person.all::<LogView>(Command::LogVerify).await? {
            if !row.ok {
                return Err(format!("{}: {:?}", person.name, row.problem));
            }
            entries += row.entries;
        }
    }
    Ok(((), format!("every chain and signature of {entries} entries is in order")))
}
