//! The bytes of each frame body.

use nexus_log::fork::ForkProof;
use nexus_log::ids::{EntryHash, Head, LogKey, Topic};
use nexus_log::run::Run;

use super::{
    Bye, Fork, Frame, FrameError, Heads, Listing, Mark, Mode, Received, Refusal, ShownHead,
    Summary, Want,
};
use crate::code::{ByeCode, FrameCode, ViolationCode};
use crate::ids::{ScopeFingerprint, SetHash, TopicFingerprint, WantId};
use crate::limits::{MAX_BODY, MAX_LOCATOR};

const MALFORMED: FrameError = FrameError(ViolationCode::Malformed);
const FORGED_PROOF: FrameError = FrameError(ViolationCode::ForgedProof);
const LAZY: u8 = 1;

impl Frame {
    /// The body; what goes before it (length and code) is the stream's business.
    pub fn encode_body(&self) -> Vec<u8> {
        match self {
            Self::Summary(summary) => encode_summary(summary),
            Self::Want(want) => encode_want(want),
            Self::Heads(heads) => encode_heads(heads),
            Self::Run(run) => run.bytes().to_vec(),
            Self::Credit(bytes) => bytes.to_be_bytes().to_vec(),
            Self::Mark(mark) => encode_mark(mark),
            Self::Fork(fork) => encode_fork(fork),
            Self::No(refusal) => encode_no(refusal),
            Self::Bye(bye) => encode_bye(bye),
        }
    }

    /// The body, without copying the entries of a RUN.
    pub fn into_body(self) -> Vec<u8> {
        match self {
            Self::Run(run) => run.into_vec(),
            other => other.encode_body(),
        }
    }

    /// Length of the body in bytes.
    pub fn body_len(&self) -> usize {
        match self {
            Self::Summary(_) => 101,
            Self::Want(want) => 1 + 32 * want.ids.len(),
            Self::Heads(heads) => 33 + 80 * heads.heads.len(),
            Self::Run(run) => run.bytes().len(),
            Self::Credit(_) => 4,
            Self::Mark(mark) => 1 + 32 * mark.topics.len(),
            Self::Fork(fork) => encode_fork(fork).len(),
            Self::No(_) => 33,
            Self::Bye(bye) => {
                if bye.topic.is_some() {
                    33
                } else {
                    1
                }
            }
        }
    }
}

impl Received {
    /// Reads and checks a body: all that needs no state, the signatures of a RUN included.
    ///
    /// `Ok(None)` is a frame of a later version (code 128 and above), to be ignored.
    pub fn decode(code: u8, body: &[u8]) -> Result<Option<Self>, FrameError> {
        if body.len() > MAX_BODY {
            return Err(FrameError(ViolationCode::Oversized));
        }
        if code >= 128 {
            return Ok(None);
        }
        let code = FrameCode::from_byte(code).ok_or(FrameError(ViolationCode::UnknownFrame))?;
        Ok(Some(match code {
            FrameCode::Summary => Self::Summary(decode_summary(body)?),
            FrameCode::Want => Self::Want(decode_want(body)?),
            FrameCode::Heads => Self::Heads(decode_heads(body)?),
            FrameCode::Run => Self::Run(
                Run::decode(body).check().map_err(|_| FrameError(ViolationCode::ForgedRun))?,
            ),
            FrameCode::Credit => Self::Credit(u32::from_be_bytes(whole(body)?)),
            FrameCode::Mark => Self::Mark(decode_mark(body)?),
            FrameCode::Fork => Self::Fork(Box::new(decode_fork(body)?)),
            FrameCode::No => Self::No(decode_no(body)?),
            FrameCode::Bye => Self::Bye(decode_bye(body)?),
        }))
    }
}

/// A body of exactly `N` bytes.
fn whole<const N: usize>(body: &[u8]) -> Result<[u8; N], FrameError> {
    body.try_into().map_err(|_| MALFORMED)
}

/// Takes `N` bytes off the front.
fn take<'a, const N: usize>(body: &mut &'a [u8]) -> Result<&'a [u8; N], FrameError> {
    let (head, rest) = body.split_first_chunk::<N>().ok_or(MALFORMED)?;
    *body = rest;
    Ok(head)
}

/// The rest of the body as items of `N` bytes each.
fn items<const N: usize>(body: &[u8]) -> Result<&[[u8; N]], FrameError> {
    let (items, rest) = body.as_chunks::<N>();
    if rest.is_empty() { Ok(items) } else { Err(MALFORMED) }
}

fn encode_summary(summary: &Summary) -> Vec<u8> {
    let mut out = Vec::with_capacity(101);
    out.push(if summary.lazy { LAZY } else { 0 });
    out.extend_from_slice(&summary.credit.to_be_bytes());
    out.extend_from_slice(&summary.set.0);
    out.extend_from_slice(&summary.remembered.0);
    out.extend_from_slice(&summary.scope.0);
    out
}

fn decode_summary(mut body: &[u8]) -> Result<Summary, FrameError> {
    let [flags] = *take::<1>(&mut body)?;
    if flags & !LAZY != 0 {
        return Err(MALFORMED);
    }
    let summary = Summary {
        lazy: flags & LAZY != 0,
        credit: u32::from_be_bytes(*take(&mut body)?),
        set: SetHash(*take(&mut body)?),
        remembered: SetHash(*take(&mut body)?),
        scope: ScopeFingerprint(*take(&mut body)?),
    };
    if body.is_empty() { Ok(summary) } else { Err(MALFORMED) }
}

fn encode_want(want: &Want) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 32 * want.ids.len());
    out.push(u8::from(want.last));
    for (id, fingerprint) in &want.ids {
        out.extend_from_slice(&id.0);
        out.extend_from_slice(&fingerprint.0);
    }
    out
}

fn decode_want(mut body: &[u8]) -> Result<Want, FrameError> {
    let last = match *take::<1>(&mut body)? {
        [0] => false,
        [1] => true,
        _ => return Err(MALFORMED),
    };
    let mut ids = Vec::with_capacity(body.len() / 32);
    for item in items::<32>(body)? {
        let mut item = item.as_slice();
        ids.push((WantId(*take(&mut item)?), TopicFingerprint(*take(&mut item)?)));
    }
    if ids.is_sorted_by(|a, b| a.0 < b.0) { Ok(Want { last, ids }) } else { Err(MALFORMED) }
}

fn encode_heads(heads: &Heads) -> Vec<u8> {
    let mut out = Vec::with_capacity(33 + 80 * heads.heads.len());
    out.extend_from_slice(heads.topic.as_bytes());
    out.push(match heads.listing {
        Listing::News => 0,
        Listing::More => 1,
        Listing::Last => 2,
    });
    for shown in &heads.heads {
        out.extend_from_slice(shown.log.as_bytes());
        out.extend_from_slice(&shown.first.to_be_bytes());
        out.extend_from_slice(&shown.head.seq.to_be_bytes());
        out.extend_from_slice(shown.head.hash.as_bytes());
    }
    out
}

fn decode_heads(mut body: &[u8]) -> Result<Heads, FrameError> {
    let topic = Topic::from_bytes(*take(&mut body)?);
    let listing = match *take::<1>(&mut body)? {
        [0] => Listing::News,
        [1] => Listing::More,
        [2] => Listing::Last,
        _ => return Err(MALFORMED),
    };
    let mut heads = Vec::with_capacity(body.len() / 80);
    for item in items::<80>(body)? {
        let mut item = item.as_slice();
        let log = LogKey::from_bytes(*take(&mut item)?);
        let first = u64::from_be_bytes(*take(&mut item)?);
        let head = decode_head(&mut item)?;
        if first > head.seq {
            return Err(MALFORMED);
        }
        heads.push(ShownHead { log, head, first });
    }
    let sorted = heads.is_sorted_by(|a, b| (a.log, a.head) < (b.log, b.head));
    if sorted { Ok(Heads { topic, listing, heads }) } else { Err(MALFORMED) }
}

fn decode_head(item: &mut &[u8]) -> Result<Head, FrameError> {
    let seq = u64::from_be_bytes(*take(item)?);
    Ok(Head { seq, hash: EntryHash::from_bytes(*take(item)?) })
}

fn encode_mark(mark: &Mark) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 32 * mark.topics.len());
    out.push(match mark.mode {
        Mode::Eager => 0,
        Mode::Lazy => 1,
    });
    for topic in &mark.topics {
        out.extend_from_slice(topic.as_bytes());
    }
    out
}

fn decode_mark(mut body: &[u8]) -> Result<Mark, FrameError> {
    let mode = match *take::<1>(&mut body)? {
        [0] => Mode::Eager,
        [1] => Mode::Lazy,
        _ => return Err(MALFORMED),
    };
    let topics: Vec<Topic> = items::<32>(body)?.iter().map(|t| Topic::from_bytes(*t)).collect();
    let sorted = !topics.is_empty() && topics.is_sorted_by(|a, b| a < b);
    if sorted { Ok(Mark { mode, topics }) } else { Err(MALFORMED) }
}

fn encode_fork(fork: &Fork) -> Vec<u8> {
    let mut out = fork.log.as_bytes().to_vec();
    out.push(u8::try_from(fork.locator.len()).unwrap_or(u8::MAX));
    for point in &fork.locator {
        out.extend_from_slice(&point.seq.to_be_bytes());
        out.extend_from_slice(point.hash.as_bytes());
    }
    out.extend(fork.proof.iter().flat_map(ForkProof::encode));
    out
}

fn decode_fork(mut body: &[u8]) -> Result<Fork, FrameError> {
    let log = LogKey::from_bytes(*take(&mut body)?);
    let [count] = *take::<1>(&mut body)?;
    if usize::from(count) > MAX_LOCATOR {
        return Err(MALFORMED);
    }
    let mut locator = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        locator.push(decode_head(&mut body)?);
    }
    if !locator.is_sorted_by(|a, b| a.seq > b.seq) {
        return Err(MALFORMED);
    }
    let proof = match body {
        [] => None,
        _ => Some(ForkProof::decode(body).map_err(|_| FORGED_PROOF)?),
    };
    if proof.as_ref().is_some_and(|proof| proof.log() != log) {
        return Err(FORGED_PROOF);
    }
    Ok(Fork { log, proof, locator })
}

fn encode_no(refusal: &Refusal) -> Vec<u8> {
    let (kind, key) = match refusal {
        Refusal::Topic(topic) => (0, topic.as_bytes()),
        Refusal::Log(log) => (1, log.as_bytes()),
    };
    let mut out = vec![kind];
    out.extend_from_slice(key);
    out
}

fn decode_no(mut body: &[u8]) -> Result<Refusal, FrameError> {
    let [kind] = *take::<1>(&mut body)?;
    let key = whole(body)?;
    match kind {
        0 => Ok(Refusal::Topic(Topic::from_bytes(key))),
        1 => Ok(Refusal::Log(LogKey::from_bytes(key))),
        _ => Err(MALFORMED),
    }
}

fn encode_bye(bye: &Bye) -> Vec<u8> {
    let mut out = vec![bye.code as u8];
    out.extend(bye.topic.iter().flat_map(|topic| topic.as_bytes()));
    out
}

fn decode_bye(mut body: &[u8]) -> Result<Bye, FrameError> {
    let code = ByeCode::from_byte(take::<1>(&mut body)?.first().copied().unwrap_or_default());
    let topic = match body {
        [] => None,
        _ => Some(Topic::from_bytes(whole(body)?)),
    };
    Ok(Bye { code, topic })
}
