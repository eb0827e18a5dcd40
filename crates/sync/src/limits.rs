//! Every number that a peer can run into, with its unit and its reason.

use std::time::Duration;

/// Largest frame on a stream: length, code and body together, in bytes.
pub const MAX_FRAME: usize = 72 * 1024;
/// Largest frame body in bytes: what is left beside the length (4) and the code (1).
pub const MAX_BODY: usize = MAX_FRAME - 5;
/// RUN bytes that a peer may send before the first come back as CREDIT (default).
pub const WINDOW: u32 = 4 * 1024 * 1024;
/// Smallest first window: two frames, so that a sender that waits for room for one always gets it.
pub const MIN_WINDOW: u32 = 2 * MAX_FRAME as u32;
/// Largest window that can ever be outstanding, in bytes: more is a peer that cannot count.
pub const MAX_WINDOW: u32 = 64 * 1024 * 1024;
/// What the smallest RUN costs in credit, in bytes: it bounds the commits that one link can have
/// outstanding to `WINDOW / MIN_RUN_CHARGE` = 4,096.
pub const MIN_RUN_CHARGE: u32 = 1024;
/// Logs that one peer may hold or show over one link.
pub const MAX_LOGS_PER_PEER: usize = 65_536;
/// Logs that one topic may hold here.
pub const MAX_LOGS_PER_TOPIC: usize = 65_536;
/// WANT ids of one round on one link: a peer with more shows its most urgent ones.
pub const MAX_WANT_IDS: usize = 16_384;
/// WANT ids in one frame.
pub const MAX_WANT_IDS_PER_FRAME: usize = (MAX_BODY - 1) / 32;
/// Heads in one HEADS frame.
pub const MAX_HEADS_PER_FRAME: usize = (MAX_BODY - 33) / 80;
/// Topics in one MARK frame.
pub const MAX_MARKS_PER_FRAME: usize = (MAX_BODY - 1) / 32;
/// Points of a chain that a FORK names to find where two branches part: 2⁶⁴ entries need 65.
pub const MAX_LOCATOR: usize = 66;
/// Branches of one log that are stored and passed on; the next one is refused with `NO`.
pub const MAX_BRANCHES: usize = 16;
/// FORKs answered on one link for logs of one topic before that topic is ended there with `BYE(limit)`.
pub const MAX_FORKS_ANSWERED: usize = 64;
/// Logs refused by `NO` that one link remembers, in each direction.
pub const MAX_REFUSED_LOGS: usize = 1024;
/// Violations that end a link.
pub const MAX_VIOLATIONS: u8 = 3;
/// RUN bytes handed out and not reported as written; above it no further RUN is made.
pub const MAX_UNWRITTEN_RUNS: usize = 256 * 1024;
/// Bytes handed out and not reported as written; above it heads and credit wait and coalesce.
pub const MAX_UNWRITTEN: usize = 512 * 1024;
/// Largest first RUN of a log that the peer does not have: OPEN and SEALS, not the talk after them.
pub const OPENING_BYTES: usize = 8 * 1024;
/// Bytes a RUN aims at, body included.
pub const RUN_BYTES: usize = MAX_BODY;
/// How long the eager link may fail to bring what a lazy one shows (default).
pub const EAGER_PATIENCE: Duration = Duration::from_millis(500);
/// How long an eager link that keeps bringing something may hold off a lazy one that shows more.
pub const EAGER_LIMIT: Duration = Duration::from_secs(10);
/// Longest time for which a link is passed over that showed heads and did not bring them.
pub const MAX_DISTRUST: Duration = Duration::from_secs(900);
/// Peers whose share is remembered in memory.
pub const MAX_REMEMBERED: usize = 1024;
/// Rounds that a peer may ask for at once.
pub const ROUND_BURST: u32 = 64;
/// After that, one round in this time.
pub const ROUND_EVERY: Duration = Duration::from_secs(1);
/// Branches with at most this many entries to send go before long ones: what was just written.
pub const TAIL_ENTRIES: u64 = 32;
/// Fork proofs that are passed on over one link.
pub const MAX_PROOFS: usize = 64;
/// Fork proofs that are remembered as reported.
pub const MAX_FORKS_SEEN: usize = 1024;
/// CREDIT is sent once that many bytes are free: below the window less one frame, so it never
/// keeps a sender waiting for ever.
pub const CREDIT_BATCH: u32 = 32 * 1024;
