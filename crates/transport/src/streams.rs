//! Moving frames between a stream and its channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::code::CloseCode;
use crate::frame::{Frame, FrameError, control};
use crate::link::Outgoing;

/// Bytes of frames that go out in one write.
const BATCH: usize = 64 * 1024;

/// Age of a round-trip time at which it is measured again, though the link is known to live.
const RTT_AGE: Duration = Duration::from_secs(60);

/// Bytes read at once from a stream of few and small frames.
pub(crate) const SMALL_READ: usize = 4 * 1024;

/// Bytes read at once from a stream of full frames: no stream gives more at a time.
pub(crate) const LARGE_READ: usize = 16 * 1024;

/// How a link ended, as the task that noticed it reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) code: CloseCode,
    pub(crate) by_peer: bool,
}

impl End {
    pub(crate) const fn here(code: CloseCode) -> Self {
        Self { code, by_peer: false }
    }

    pub(crate) const LOST: Self = Self::here(CloseCode::Lost);
}

impl From<FrameError> for End {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLong(_) | FrameError::Empty => Self::here(CloseCode::BadFrame),
            FrameError::Io(_) => Self::LOST,
        }
    }
}

/// Round-trip time as measured by `PING`, shared with `status`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rtt(Arc<AtomicU64>);

impl Rtt {
    pub(crate) fn get(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    fn set(&self, rtt: Duration) {
        self.0.store(u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }
}

/// Writes what is queued until the queue's senders are gone or `drain` is cancelled; then what is queued still goes out.
/// Frames on `urgent` overtake.
pub(crate) async fn write_frames(
    out: &mut (impl AsyncWrite + Unpin),
    urgent: &mut mpsc::Receiver<Frame>,
    queue: &mut mpsc::Receiver<Outgoing>,
    drain: &CancellationToken,
) -> Result<(), End> {
    let mut buffer = Vec::new();
    let mut flushed = Vec::new();
    let mut urgent_open = true;
    let mut last = false;
    while !last {
        tokio::select! {
            biased;
            frame = urgent.recv(), if urgent_open => match frame {
                Some(frame) => frame.encode(&mut buffer)?,
                None => urgent_open = false,
            },
            item = queue.recv() => match item {
                Some(item) => put(item, &mut buffer, &mut flushed)?,
                None => last = true,
            },
            () = drain.cancelled() => last = true,
        }
        while buffer.len() < BATCH || last {
            let Ok(item) = queue.try_recv() else { break };
            put(item, &mut buffer, &mut flushed)?;
        }
        if !buffer.is_empty() {
            out.write_all(&buffer).await.map_err(|_| End::LOST)?;
            buffer.clear();
            buffer.shrink_to(2 * BATCH);
        }
        out.flush().await.map_err(|_| End::LOST)?;
        for done in flushed.drain(..) {
            let _gone: Result<(), ()> = tokio::sync::oneshot::Sender::send(done, ());
        }
    }
    Ok(())
}

fn put(
    item: Outgoing,
    buffer: &mut Vec<u8>,
    flushed: &mut Vec<tokio::sync::oneshot::Sender<()>>,
) -> Result<(), End> {
    match item {
        Outgoing::Frame(frame) => frame.encode(buffer).map_err(|_| End::here(CloseCode::Internal)),
        Outgoing::Flushed(done) => {
            flushed.push(done);
            Ok(())
        }
    }
}

/// Reads frames into a channel until the link ends.
///
/// `at_once` bytes are asked of the stream at a time: each link has memory for so many.
pub(crate) async fn read_frames(
    stream: impl AsyncRead + Unpin,
    at_once: usize,
    into: mpsc::Sender<Frame>,
) -> End {
    let mut stream = BufReader::with_capacity(at_once, stream);
    loop {
        match Frame::read(&mut stream).await {
            Ok(Some(frame)) => {
                if into.send(frame).await.is_err() {
                    // Nobody listens any more: go on reading, so that the peer's last words are heard elsewhere.
                    let _read = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                    return End::LOST;
                }
            }
            Ok(None) => return End::LOST,
            Err(error) => return error.into(),
        }
    }
}

/// The link's own share of the control stream: answers `PING`, measures by `PONG`, heeds `BYE`.
#[derive(Debug)]
pub(crate) struct Keeper {
    urgent: mpsc::Sender<Frame>,
    rtt: Rtt,
    sent: Option<(u64, Instant)>,
    measured: Option<Instant>,
    next: u64,
}

impl Keeper {
    pub(crate) fn new(urgent: mpsc::Sender<Frame>, rtt: Rtt) -> Self {
        Self { urgent, rtt, sent: None, measured: None, next: 0 }
    }

    /// Whether no `PING` is under way and the round-trip time is not old.
    pub(crate) fn is_content(&self) -> bool {
        self.sent.is_none() && self.measured.is_some_and(|at| at.elapsed() < RTT_AGE)
    }

    /// Sends a `PING`, unless one is under way. Gives the age of that one.
    pub(crate) fn ping(&mut self) -> Option<Duration> {
        if let Some((_, sent)) = self.sent {
            return Some(sent.elapsed());
        }
        self.next += 1;
        let frame = Frame::new(control::PING, self.next.to_be_bytes());
        if self.urgent.try_send(frame).is_ok() {
            self.sent = Some((self.next, Instant::now()));
        }
        None
    }

    /// Handles a control frame; gives it back if it is the caller's.
    pub(crate) fn handle(&mut self, frame: Frame) -> Result<Option<Frame>, End> {
        match frame.code {
            control::PING if frame.body.len() == 8 => {
                // When the peer sends more of them than fit, some stay without answer.
                let _full = self.urgent.try_send(Frame::new(control::PONG, frame.body));
                Ok(None)
            }
            control::PONG => {
                if let Some((id, sent)) = self.sent
                    && frame.body == id.to_be_bytes()
                {
                    self.rtt.set(sent.elapsed());
                    self.measured = Some(Instant::now());
                    self.sent = None;
                }
                Ok(None)
            }
            control::BYE => {
                let code = frame
                    .body
                    .first()
                    .map_or(CloseCode::Unknown, |byte| CloseCode::from_byte(*byte));
                Err(End { code, by_peer: true })
            }
            control::HELLO | control::PING => Err(End::here(CloseCode::BadFrame)),
            _ => Ok(Some(frame)),
        }
    }
}
