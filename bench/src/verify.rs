//! What a receiver does before anything is stored: check frames of entries, on one core.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nexus_identity::{Millis, Secret32, SigningKey};
use nexus_log::body::{Body, Payload};
use nexus_log::cipher::{self, Place};
use nexus_log::entry::Entry;
use nexus_log::header::Kind;
use nexus_log::hlc::Hlc;
use nexus_log::ids::{ConversationId, EntryHash, LogKey};
use nexus_log::run::{MAX_RUN_BYTES, Run, RunBuilder};
use rand::rngs::SysRng;
use rand_core::UnwrapErr;

use crate::table::{Table, Target};

/// Entries that are made, in as few frames as hold them.
const ENTRIES: u64 = 20_000;
/// How long they are checked over and over.
const AT_LEAST: Duration = Duration::from_secs(2);

/// Full frames of 200-byte texts, as a peer would send them.
fn frames() -> Result<Vec<Vec<u8>>> {
    let rng = &mut UnwrapErr(SysRng);
    let (key, epoch_key) = (SigningKey::from_seed(Secret32::random(rng)), Secret32::random(rng));
    let (log, conversation) =
        (LogKey::from_bytes(key.public()), ConversationId::from_bytes([1; 32]));
    let (mut frames, mut builder) = (Vec::new(), RunBuilder::new());
    let mut prev = EntryHash::from_bytes([2; 32]);
    for seq in 5..5 + ENTRIES {
        let body = Body {
            hlc: Hlc((1_800_000_000_000 + seq) << 16),
            sent: Millis(1_800_000_000_000 + seq),
            deps: Vec::new(),
            timer: None,
            payload: Payload::Text("x".repeat(200)),
            extra: nexus_identity::cbor::Extra::default(),
        };
        let place = Place { conversation: &conversation, log, seq, prev };
        let payload =
            cipher::seal(&place, 0, &epoch_key, &body.encode(), rng).context("too long")?;
        let entry = Entry::write(&key, Kind::Entry, seq, prev, payload)?;
        let push = |builder: &mut RunBuilder| {
            builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), MAX_RUN_BYTES)
        };
        if !push(&mut builder) {
            let full = std::mem::take(&mut builder);
            frames.push(full.finish().context("signed")?.into_vec());
            ensure!(push(&mut builder), "an entry fits an empty frame");
        }
        prev = entry.hash();
    }
    frames.push(builder.finish().context("signed")?.into_vec());
    Ok(frames)
}

/// Entries checked in a second: chain, lengths, hashes, one signature a frame.
pub(crate) fn verify(table: &mut Table) -> Result<()> {
    let frames = frames()?;
    let (mut checked, began) = (0, Instant::now());
    while began.elapsed() < AT_LEAST {
        for frame in &frames {
            checked += Run::decode(frame).check()?.len();
        }
    }
    let rate = crate::measures::per_second(checked, began.elapsed());
    table.add("verified on one core, 200-byte texts", 0, rate, "/s", Target::AtLeast(800_000.0));
    Ok(())
}
