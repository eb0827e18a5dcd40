//! What it costs to find out that there is nothing to send: two engines that hold the same logs, and no wire between.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nexus_identity::{ConnectId, InstanceKey, Secret32};
use nexus_log::ids::{EntryHash, Head, LogHead, LogKey, Seq, Topic};
use nexus_log::run::Run;
use nexus_sync::{
    Config, Engine, LinkId, LinkParams, Output, Received, Side, Store, StoreError, WantSecret,
    WantedTopic,
};

use crate::table::{Table, Target};

/// Conversations, and logs in each.
const TOPICS: u32 = 100;
const LOGS: u32 = 100;
/// Most bytes that a side may spend.
const MOST: f64 = 128.0;

/// Heads, and nothing beneath them: nothing is ever to be sent.
struct Heads;

fn key(a: u32, b: u32) -> [u8; 32] {
    let mut bytes = [0x42; 32];
    let (first, rest) = bytes.split_at_mut(4);
    first.copy_from_slice(&a.to_be_bytes());
    rest.iter_mut().zip(b.to_be_bytes()).for_each(|(to, from)| *to = from);
    bytes
}

fn head(topic: u32, log: u32) -> LogHead {
    let hash = EntryHash::from_bytes(key(log, topic));
    let log = LogKey::from_bytes(key(topic, log));
    LogHead { log, branch: None, first: 0, head: Head { seq: 99, hash } }
}

impl Store for Heads {
    fn logs(&self, topic: &Topic) -> Result<Vec<LogHead>, StoreError> {
        let number = topic.as_bytes().first_chunk().map_or(0, |n| u32::from_be_bytes(*n));
        Ok((0..LOGS).map(|log| head(number, log)).collect())
    }

    fn tips(&self, _: &LogKey) -> Result<Vec<LogHead>, StoreError> {
        Ok(Vec::new())
    }

    fn run(
        &self,
        _: &LogKey,
        _: Option<&EntryHash>,
        _: Seq,
        _: usize,
    ) -> Result<Option<Run>, StoreError> {
        Ok(None)
    }

    fn hash_at(
        &self,
        _: &LogKey,
        _: Option<&EntryHash>,
        _: Seq,
    ) -> Result<Option<EntryHash>, StoreError> {
        Ok(None)
    }
}

/// What a link cost.
struct Cost {
    bytes: [usize; 2],
    round_trips: usize,
    time: Duration,
}

/// Brings a link up and lets both talk until they are silent; frames cross, as they do on a wire.
fn meet(engines: &mut [Engine; 2], number: u64) -> Result<Cost> {
    let wanted: Vec<WantedTopic> = (0..TOPICS)
        .map(|topic| WantedTopic {
            topic: Topic::from_bytes(key(topic, u32::MAX)),
            want: WantSecret::new(Secret32::new(key(topic, 7))),
            priority: 0,
        })
        .collect();
    let link = LinkId(number);
    let began = Instant::now();
    for (at, engine) in engines.iter_mut().enumerate() {
        let other = u8::from(at == 0);
        let params = LinkParams {
            side: if at == 0 { Side::Dialler } else { Side::Listener },
            exporter: Secret32::new([u8::try_from(number)?; 32]),
            peer: ConnectId::from_bytes([other; 32]),
            instance: InstanceKey::from_bytes([other; 32]),
            remembered: None,
        };
        engine.link_up(link, params, wanted.clone(), Duration::ZERO, &Heads);
    }
    let mut cost = Cost { bytes: [0; 2], round_trips: 0, time: Duration::ZERO };
    loop {
        let mut crossing = [Vec::new(), Vec::new()];
        for ((engine, sent), bytes) in engines.iter_mut().zip(&mut crossing).zip(&mut cost.bytes) {
            while let Some(output) = engine.poll_output(&Heads) {
                match output {
                    Output::Send { frame, serial, .. } => {
                        engine.handle_written(link, serial, Duration::ZERO);
                        let (code, body) = (frame.code() as u8, frame.into_body());
                        *bytes += body.len() + 5;
                        sent.push((code, body));
                    }
                    Output::Close { .. } | Output::Violation { .. } | Output::Commit { .. } => {
                        bail!("{output:?}")
                    }
                    _ => {}
                }
            }
        }
        let [from_first, from_second] = crossing;
        if from_first.is_empty() && from_second.is_empty() {
            break;
        }
        cost.round_trips += 1;
        for (engine, frames) in engines.iter_mut().zip([from_second, from_first]) {
            for (code, body) in frames {
                let frame = Received::decode(code, &body)?.context("a known frame")?;
                engine.handle_frame(link, frame, Duration::ZERO, &Heads);
            }
        }
    }
    for engine in engines.iter_mut() {
        let same = engine.shared(link).filter(|(_, same)| *same).count();
        if same != TOPICS as usize {
            bail!("{same} of {TOPICS} topics were found equal");
        }
        engine.link_down(link, Duration::ZERO);
        while engine.poll_output(&Heads).is_some() {}
    }
    cost.time = began.elapsed();
    Ok(cost)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn nothing_new(table: &mut Table) -> Result<()> {
    let mut engines = [Engine::new(Config::default()), Engine::new(Config::default())];
    let logs = (TOPICS * LOGS) as usize;
    for (number, when) in [(1, "first link"), (2, "later link")] {
        let cost = meet(&mut engines, number)?;
        let most = cost.bytes.iter().max().copied().unwrap_or(0) as f64;
        let (bytes, trips) = match when {
            "first link" => (Target::None, Target::None),
            _ => (Target::AtMost(MOST), Target::AtMost(1.0)),
        };
        let name = |what: &str| format!("nothing new in {logs} logs, {when}: {what}");
        table.add(&name("bytes each way"), 0, most, "B", bytes);
        table.add(&name("round trips"), 0, cost.round_trips as f64, "", trips);
        table.add(&name("both engines"), 0, cost.time.as_secs_f64() * 1000.0, "ms", Target::None);
    }
    Ok(())
}
