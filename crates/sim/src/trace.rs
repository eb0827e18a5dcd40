//! What happened: a hash of all of it, and, when asked for, lines to read.

use std::fmt::Write as _;
use std::time::Duration;

/// Lines kept of each node.
const LAST: usize = 40;

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Line {
    /// When.
    pub at: Duration,
    /// Where; `None`: in the network.
    pub node: Option<usize>,
    /// What.
    pub what: String,
}

/// Everything that happened, as a hash; and the lines, if they are kept.
#[derive(Debug)]
pub struct Trace {
    hasher: blake3::Hasher,
    events: u64,
    lines: Option<Vec<Line>>,
}

impl Trace {
    /// Nothing yet; `keep` the lines.
    #[must_use]
    pub fn new(keep: bool) -> Self {
        let hasher = blake3::Hasher::new_derive_key("nexus sim trace v1");
        Self { hasher, events: 0, lines: keep.then(Vec::new) }
    }

    /// Adds what happened: a kind, numbers and bytes that go into the hash, and words if somebody reads them.
    pub fn note(
        &mut self,
        at: Duration,
        node: Option<usize>,
        kind: &'static str,
        bytes: &[u8],
        words: impl FnOnce() -> String,
    ) {
        self.events += 1;
        let place = node.map_or(u64::MAX, |node| node as u64);
        self.hasher.update(kind.as_bytes()).update(&place.to_be_bytes());
        self.hasher.update(&u64::try_from(at.as_micros()).unwrap_or(u64::MAX).to_be_bytes());
        self.hasher.update(&(bytes.len() as u64).to_be_bytes()).update(bytes);
        if let Some(lines) = &mut self.lines {
            let words = words();
            let gap = if words.is_empty() { "" } else { " " };
            lines.push(Line { at, node, what: format!("{kind}{gap}{words}") });
        }
    }

    /// How much happened.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// 32 bytes that are the same only if all of it was the same.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    /// The last lines of each node, in order of time; all of them if asked for.
    #[must_use]
    pub fn tell(&self, all: bool) -> String {
        let mut out = String::new();
        let Some(lines) = &self.lines else { return out };
        let mut left = std::collections::BTreeMap::new();
        let mut kept: Vec<&Line> = lines
            .iter()
            .rev()
            .filter(|line| {
                let count = left.entry(line.node).or_insert(0_usize);
                *count += 1;
                all || *count <= LAST
            })
            .collect();
        kept.reverse();
        for line in kept {
            let node = line.node.map_or_else(|| "net".to_owned(), |node| format!("n{node}"));
            let _ = writeln!(out, "{:>16} {node:<4} {}", time(line.at), line.what);
        }
        out
    }
}

/// `12d 03:04:05.006`.
#[must_use]
pub fn time(at: Duration) -> String {
    let seconds = at.as_secs();
    format!(
        "{}d {:02}:{:02}:{:02}.{:03}",
        seconds / 86_400,
        seconds / 3_600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        at.subsec_millis()
    )
}

/// The first bytes of something, to tell it from others.
#[must_use]
pub fn short(bytes: &[u8]) -> String {
    bytes.iter().take(4).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
