//! Forks: one log, one seq, two hashes. The proof that its writer, or a copy of it, wrote twice.

use nexus_identity::id::{Signature, verify};
use thiserror::Error;

use crate::entry::HEAD_CONTEXT;
use crate::header::{HEADER_LEN, Header, entry_hash};
use crate::ids::{EntryHash, LogKey, Seq};
use crate::run::{CheckedRun, MAX_RUN_ENTRIES};

#[cfg(test)]
mod tests;

/// Why bytes prove no fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ForkError {
    /// Cut short, too long, or not made of headers.
    #[error("the fork proof is malformed")]
    Malformed,
    /// The headers of a side don't hang together, or are of another log.
    #[error("a side of the fork proof is no chain")]
    Chain,
    /// Both sides start with the same entry, or at different places.
    #[error("the sides of the fork proof do not differ at one place")]
    Same,
    /// A side is not signed by the log key.
    #[error("a side of the fork proof is not signed")]
    Signature,
}

/// One branch: headers from the first differing entry to one whose signature is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Side {
    headers: Vec<[u8; HEADER_LEN]>,
    signature: Signature,
}

/// Two chains of headers that start at the same seq of one log with different hashes, each signed at its end by the
/// log key. Anybody can check it.
///
/// Bytes: for each side, the one with the smaller first hash in front: `count 2 ‖ headers ‖ signature 64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkProof {
    log: LogKey,
    seq: Seq,
    branches: [EntryHash; 2],
    sides: [Side; 2],
}

impl ForkProof {
    /// From two runs of one log that both cover some place and differ there; `None` if they don't.
    #[must_use]
    pub fn from_runs(a: &CheckedRun, b: &CheckedRun) -> Option<Self> {
        let from = a.first_seq().max(b.first_seq());
        let until = a.last().seq.min(b.last().seq);
        let seq = (from..=until).find(|seq| a.hash_at(*seq) != b.hash_at(*seq))?;
        let side = |run: &CheckedRun| Side {
            headers: run
                .entries()
                .filter(|entry| entry.header.seq >= seq)
                .map(|entry| *entry.bytes)
                .collect(),
            signature: *run.signature(),
        };
        Self::from_sides([side(a), side(b)]).ok()
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> LogKey {
        self.log
    }

    /// Where the branches part.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// The first hash of each branch, the smaller in front.
    #[must_use]
    pub const fn branches(&self) -> [EntryHash; 2] {
        self.branches
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for side in &self.sides {
            // At most MAX_RUN_ENTRIES, which fits.
            let count = u16::try_from(side.headers.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&count.to_be_bytes());
            side.headers.iter().for_each(|header| out.extend_from_slice(header));
            out.extend_from_slice(side.signature.as_bytes());
        }
        out
    }

    /// Reads and checks a proof.
    ///
    /// # Errors
    /// See [`ForkError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ForkError> {
        let (first, rest) = read_side(bytes).ok_or(ForkError::Malformed)?;
        let (second, rest) = read_side(rest).ok_or(ForkError::Malformed)?;
        if !rest.is_empty() {
            return Err(ForkError::Malformed);
        }
        let proof = Self::from_sides([first, second])?;
        // One proof has one encoding.
        if proof.encode() == bytes { Ok(proof) } else { Err(ForkError::Malformed) }
    }

    fn from_sides(sides: [Side; 2]) -> Result<Self, ForkError> {
        let [a, b] = &sides;
        let (first, second) = (check_side(a)?, check_side(b)?);
        if first.0 != second.0 {
            return Err(ForkError::Chain);
        }
        if first.1 != second.1 || first.2 == second.2 {
            return Err(ForkError::Same);
        }
        let (log, seq, _) = first;
        let mut both = [(first.2, a.clone()), (second.2, b.clone())];
        both.sort_by_key(|(hash, _)| *hash);
        let branches = [both[0].0, both[1].0];
        Ok(Self { log, seq, branches, sides: both.map(|(_, side)| side) })
    }
}

fn read_side(bytes: &[u8]) -> Option<(Side, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<2>()?;
    let count = usize::from(u16::from_be_bytes(*count));
    if count == 0 || count > MAX_RUN_ENTRIES {
        return None;
    }
    let (headers, rest) = rest.split_at_checked(count * HEADER_LEN)?;
    let (signature, rest) = rest.split_first_chunk::<64>()?;
    let headers = headers.chunks_exact(HEADER_LEN).filter_map(|one| one.try_into().ok()).collect();
    Some((Side { headers, signature: Signature(*signature) }, rest))
}

/// Log, first seq and first hash of a side whose chain and signature hold.
fn check_side(side: &Side) -> Result<(LogKey, Seq, EntryHash), ForkError> {
    let mut start = None;
    let mut before: Option<(Header, EntryHash)> = None;
    for bytes in &side.headers {
        let header = Header::decode(bytes).map_err(|_| ForkError::Malformed)?;
        let hash = entry_hash(bytes);
        if let Some((last, last_hash)) = before
            && (header.log != last.log
                || last.seq.checked_add(1) != Some(header.seq)
                || header.prev != last_hash)
        {
            return Err(ForkError::Chain);
        }
        start.get_or_insert((header.log, header.seq, hash));
        before = Some((header, hash));
    }
    let (log, seq, first) = start.ok_or(ForkError::Malformed)?;
    let (_, last) = before.ok_or(ForkError::Malformed)?;
    verify(log.as_bytes(), HEAD_CONTEXT, last.as_bytes(), &side.signature)
        .map_err(|_| ForkError::Signature)?;
    Ok((log, seq, first))
}
