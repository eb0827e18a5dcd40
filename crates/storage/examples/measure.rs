//! Measures the store against its size: `cargo run --release -p nexus-storage --example measure [messages…]`.
//!
//! 200-byte texts of natural word frequencies, runs of 250 entries with one signature each, eight runs a commit, FULL
//! synchronization, search index kept by the commits; no cryptography. Prints one row a size. Searches and pages are in
//! processor time of their thread, with everything in the page cache; the rest is by the clock.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement, run by hand"
)]

use std::time::{Duration, Instant};

use nexus_identity::id::{ConnectId, InstanceKey, Millis, Signature};
use nexus_log::fold::{Base, Message, MessageState, Shown};
use nexus_log::header::{Header, Kind};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{ConversationId, EntryHash, Head, LogKey, Topic};
use nexus_log::ledger::{Chain, ChainId, Ledger, NewEntry};
use nexus_log::order::Position;
use nexus_storage::own::OwnInstance;
use nexus_storage::{Database, OpenOptions, StoreError, Tx, Window};

const RUN: u64 = 250;
const RUNS_PER_COMMIT: u64 = 8;
const TEXT: usize = 200;
/// Of an encrypted 200-byte text: epoch 4, nonce 24, Padmé of body and text 256 to 288, tag 16.
const PAYLOAD: usize = 316;
const CONVERSATIONS: u8 = 10;

/// A small generator of its own: numbers need no quality here.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.roll(256) as u8).collect()
    }

    /// One of 50,000 words, the n-th about 1/n as often as the first.
    fn word(&mut self) -> String {
        let u = self.roll(1 << 30) as f64 / f64::from(1 << 30);
        let mut rank = 50_000_f64.powf(u) as u64;
        let mut word = String::new();
        // Frequent words are short.
        let letters = match rank {
            0..60 => 3,
            60..400 => 4,
            400..3_000 => 5 + rank % 2,
            _ => 6 + rank % 5,
        };
        while (word.len() as u64) < letters {
            word.push(char::from(b"bcdfghklmnprstvw"[(rank % 16) as usize]));
            word.push(char::from(b"aeiou"[(rank / 16 % 5) as usize]));
            rank = rank / 7 + 3 * word.len() as u64;
        }
        word.truncate(letters as usize);
        word
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        while text.len() < TEXT {
            text.push_str(&self.word());
            text.push(' ');
        }
        text.truncate(TEXT);
        text
    }
}

struct Writer {
    conversation: ConversationId,
    log: LogKey,
    chain: ChainId,
    next: u64,
    prev: EntryHash,
}

fn run(
    tx: &mut Tx<'_>,
    w: &mut Writer,
    dice: &mut Dice,
    clock: &mut u64,
) -> Result<(), StoreError> {
    let mut made = Vec::new();
    for _ in 0..RUN {
        let payload = dice.bytes(PAYLOAD);
        let header = Header::for_payload(Kind::Entry, w.log, w.next, w.prev, &payload).unwrap();
        let (bytes, hash) = (header.encode(), header.hash());
        made.push((w.next, hash, bytes, payload, dice.text()));
        (w.next, w.prev) = (w.next + 1, hash);
    }
    let last = w.prev;
    let entries: Vec<NewEntry<'_>> = made
        .iter()
        .map(|(seq, hash, header, payload, _)| NewEntry {
            seq: *seq,
            hash: *hash,
            header,
            payload,
            signature: (*hash == last).then_some(Signature([1; 64])),
            pending: None,
        })
        .collect();
    tx.append(w.chain, &entries, Millis(1))?;
    for (seq, hash, _, _, text) in made {
        *clock += 1;
        let position = Position { hlc: Hlc(*clock << 16), log: w.log, seq, hash };
        let base = Base {
            position,
            author: ConnectId::from_bytes([2; 32]),
            sent: Millis(1_790_000_000_000 + *clock),
            shown: Shown::Text,
            text: text.clone(),
            expires: None,
            far: false,
        };
        assert!(tx.operations(&w.conversation, &hash)?.is_empty());
        let state = MessageState { text, ..MessageState::default() };
        tx.insert_message(&w.conversation, w.chain, &Message { base, state })?;
    }
    Ok(())
}

fn writers(tx: &mut Tx<'_>) -> Result<Vec<Writer>, StoreError> {
    tx.set_own_instance(
        &OwnInstance {
            connect_id: ConnectId::from_bytes([1; 32]),
            instance: InstanceKey::from_bytes([1; 32]),
            seed: [1; 32].into(),
            prekeys: vec![].into(),
            record: vec![],
            card: vec![],
            created: Millis(1),
        },
        b"m",
    )?;
    (1..=CONVERSATIONS)
        .map(|n| {
            let (conversation, topic) =
                (ConversationId::from_bytes([n; 32]), Topic::from_bytes([n; 32]));
            let log = LogKey::from_bytes([n; 32]);
            tx.add_conversation(&conversation, 1, &topic, None)?;
            let chain = Chain {
                id: ChainId(0),
                topic,
                log,
                branch: None,
                base: None,
                first: 0,
                head: Head { seq: 0, hash: EntryHash::ZERO },
                author: None,
                hlc: Hlc(0),
                cited: None,
                hidden_from: None,
                retired: None,
                stopped: false,
            };
            let chain = tx.create_chain(&chain)?;
            Ok(Writer { conversation, log, chain, next: 0, prev: EntryHash::ZERO })
        })
        .collect()
}

/// Time that this thread has spent on a processor: what it costs, whatever else the machine does.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let spent = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Duration::from_nanos(spent)
}

fn percentile(times: &mut [Duration], p: usize) -> f64 {
    times.sort();
    times[(times.len() - 1) * p / 100].as_secs_f64() * 1e3
}

fn measure(messages: u64) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nexus.db");
    let options = OpenOptions::new(b"m".to_vec(), Millis(1));
    let mut opened = Database::open(&path, &options).unwrap();
    let mut writers = opened.writer.transaction(writers).unwrap();
    let (mut dice, mut clock, mut runs) = (Dice(88_172_645_463_325_252), 1_u64, messages / RUN);
    // What makes texts and payloads is not what is measured.
    let mut making = Duration::ZERO;
    {
        let mut spare = Dice(7);
        let start = cpu();
        for _ in 0..1_000 {
            let payload = spare.bytes(PAYLOAD);
            let header = Header::for_payload(
                Kind::Entry,
                LogKey::from_bytes([1; 32]),
                1,
                EntryHash::ZERO,
                &payload,
            );
            std::hint::black_box((header.unwrap().hash(), spare.text()));
        }
        making += (cpu() - start) * u32::try_from(messages / 1_000).unwrap();
    }
    let (start, busy) = (Instant::now(), cpu());
    let mut slowest = Duration::ZERO;
    while runs > 0 {
        let one = Instant::now();
        let mut group = opened.writer.group().unwrap();
        for _ in 0..RUNS_PER_COMMIT.min(runs) {
            let at = runs as usize % writers.len();
            group.job(|tx| run(tx, &mut writers[at], &mut dice, &mut clock)).unwrap();
            runs -= 1;
        }
        group.commit().unwrap();
        slowest = slowest.max(one.elapsed());
    }
    let ingest = start.elapsed() - making;
    opened.writer.transaction::<_, StoreError>(|tx| tx.index_messages(u32::MAX).map(drop)).unwrap();
    let indexed = start.elapsed() - making;
    let busy = cpu() - busy - making;
    opened.writer.checkpoint().unwrap();
    let bytes = opened.db.size() as f64 / messages as f64;

    let mut reader = opened.db.reader().unwrap();
    let (mut plain, mut within, mut two) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..300 {
        let (word, other) = (dice.word(), dice.word());
        let prefix: String = word.chars().take(3 + i % 4).collect();
        let filter = writers[i % writers.len()].conversation;
        for (query, only, times) in [
            (prefix.clone(), None, &mut plain),
            (prefix, Some(&filter), &mut within),
            (format!("{word} {other}"), None, &mut two),
        ] {
            let start = cpu();
            reader.search(&query, only, None, 50).unwrap();
            times.push(cpu() - start);
        }
    }
    let mut pages = Vec::new();
    for i in 0..200 {
        let conversation = writers[i % writers.len()].conversation;
        let start = cpu();
        let newest = reader.history(&conversation, Window::Newest, 50).unwrap();
        let position = newest[0].message.base.position;
        reader.history(&conversation, Window::Before(position), 50).unwrap();
        pages.push(cpu() - start);
    }
    let start = Instant::now();
    reader.snapshot::<_, StoreError>(|q| q.summaries()).unwrap();
    let list = start.elapsed();
    drop(reader);
    opened.writer.close().unwrap();
    drop(opened.db);
    let start = Instant::now();
    let opened = Database::open(&path, &options).unwrap();
    let open = start.elapsed();
    drop(opened);
    println!(
        "| {messages:>9} | {:>9.0} | {:>9.0} | {:>9.0} | {:>7.0} | {bytes:>6.0} | {:>6.1} | {:>6.1} / {:>6.1} | {:>6.1} | {:>6.1} | {:>6.1} | {:>5.1} | {:>6.1} |",
        messages as f64 / ingest.as_secs_f64(),
        messages as f64 / indexed.as_secs_f64(),
        messages as f64 / busy.as_secs_f64(),
        slowest.as_secs_f64() * 1e3,
        percentile(&mut plain, 50),
        percentile(&mut plain, 99),
        plain.last().unwrap().as_secs_f64() * 1e3,
        percentile(&mut within, 99),
        percentile(&mut two, 99),
        percentile(&mut pages, 99),
        list.as_secs_f64() * 1e3,
        open.as_secs_f64() * 1e3,
    );
}

fn main() {
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    println!(
        "| messages  | ingest/s  | indexed/s | per CPU-s | slowest commit ms | bytes each | search p50 | p99 / max ms | in one p99 | two words p99 | 2 pages p99 | list ms | open ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for size in if sizes.is_empty() { vec![10_000, 100_000, 1_000_000] } else { sizes } {
        measure(size);
    }
}
