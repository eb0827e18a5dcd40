//! A run whose chain and signature are right, with payloads and flags of the fuzzer's choice.
#![no_main]

use nexus_fuzz::log_key;
use nexus_log::header::{Header, Kind, entry_hash};
use nexus_log::ids::{EntryHash, LogKey};
use nexus_log::run::{MAX_RUN_BYTES, RunBuilder};

libfuzzer_sys::fuzz_target!(|data: (u8, u64, Vec<(u8, u16, Vec<u8>)>)| {
    let (open, first, entries) = data;
    let key = log_key();
    let log = LogKey::from_bytes(key.public());
    let mut seq = if open & 1 == 0 { 0 } else { first };
    let mut prev = if open & 1 == 0 { EntryHash::ZERO } else { EntryHash::from_bytes([7; 32]) };
    let mut builder = RunBuilder::new();
    for (kind, flags, payload) in entries {
        let Some(kind) = Kind::from_code(kind) else { continue };
        let Ok(mut header) = Header::for_payload(kind, log, seq, prev, &payload) else { continue };
        header.flags = flags;
        let bytes = header.encode();
        prev = entry_hash(&bytes);
        seq = seq.wrapping_add(1);
        let signature = key.sign("nexus head v1", prev.as_bytes());
        builder.push(&bytes, &payload, Some(&signature), MAX_RUN_BYTES);
    }
    if let Some(run) = builder.finish() {
        let bytes = run.bytes().to_vec();
        if let Ok(run) = run.check() {
            assert_eq!(run.bytes(), bytes);
            assert_eq!(run.hash_at(run.last().seq), Some(run.last().hash));
        }
    }
});
