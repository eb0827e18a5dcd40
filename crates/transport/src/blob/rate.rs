//! How fast bytes go to a peer: over a connection made as those for files are, sealed or plain, with nothing in them.
//!
//! Who measures sends 10 bytes: who sends (0 who measures, 1 the other), how (0 plain, 1 sealed), how many bytes (8). The
//! other answers 0, or a close code. If plain, both go on without TLS from there; what goes is zeros, and what comes of it
//! a figure. When the other is to send, who measures starts it with one byte. Who sends stops after [`RATE_TIME`] and ends
//! its direction; who received at the other end answers with the bytes that came and the microseconds that they took, 8
//! bytes each.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::open::{WELCOME, refusal};
use super::{BlobError, BlobStream};
use crate::code::CloseCode;
use crate::event::LinkId;
use crate::hub::Hub;
use crate::limits::Rate;

/// Most bytes of one measurement.
pub const MAX_RATE_BYTES: u64 = 1 << 30;

/// Longest time that one side sends.
pub const RATE_TIME: Duration = Duration::from_secs(3);

/// Measurements that the peer of one link may ask for.
pub const RATE_RATE: Rate = Rate { per_second: 0.1, burst: 8.0 };

/// Time limit for all of it after the connection is there.
const ALL_TIME: Duration = Duration::from_secs(10);

/// Bytes of one write or read.
const PIECE: usize = 256 * 1024;

/// What is to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateTest {
    /// Bytes go to the peer; else they come from it.
    pub send: bool,
    /// As files go, over TLS; else the bare connection.
    pub sealed: bool,
    /// Bytes, at most [`MAX_RATE_BYTES`]; fewer go when it takes longer than [`RATE_TIME`].
    pub bytes: u64,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Bytes that arrived.
    pub bytes: u64,
    /// From the first to the last of them, at the end where they arrived.
    pub time: Duration,
}

const BUSY: u8 = CloseCode::Busy.to_byte();

/// Measures, over a connection opened for that.
pub(crate) async fn measure(stream: BlobStream, test: RateTest) -> Result<Measured, BlobError> {
    let over = stream.over_token();
    tokio::select! {
        measured = tokio::time::timeout(ALL_TIME, measure_over(stream, test)) => {
            measured.unwrap_or(Err(BlobError::TimedOut))
        }
        () = over.cancelled() => Err(BlobError::NoLink),
    }
}

async fn measure_over(mut stream: BlobStream, test: RateTest) -> Result<Measured, BlobError> {
    let mut first = vec![u8::from(!test.send), u8::from(test.sealed)];
    first.extend_from_slice(&test.bytes.to_be_bytes());
    stream.write_all(&first).await?;
    stream.flush().await?;
    match stream.read_u8().await? {
        WELCOME => {}
        code => return Err(refusal(code)),
    }
    if test.sealed {
        return Ok(ask(stream, test).await?);
    }
    let (plain, _lease) = stream.into_plain().ok_or(BlobError::Refused)?;
    Ok(ask(plain, test).await?)
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    test: RateTest,
) -> io::Result<Measured> {
    if !test.send {
        stream.write_all(&[WELCOME]).await?;
        stream.flush().await?;
        return receive(&mut stream, test.bytes).await;
    }
    send(&mut stream, test.bytes).await?;
    let bytes = stream.read_u64().await?;
    Ok(Measured { bytes, time: Duration::from_micros(stream.read_u64().await?) })
}

/// Does what the peer wants to measure.
pub(crate) async fn serve(hub: &Arc<Hub>, stream: BlobStream) {
    let Some(link) = stream.info().map(|info| info.link) else { return };
    let over = stream.over_token();
    tokio::select! {
        // Who measures sees how it ended.
        _result = tokio::time::timeout(ALL_TIME, serve_over(hub, link, stream)) => {}
        () = over.cancelled() => {}
    }
}

async fn serve_over(hub: &Hub, link: LinkId, mut stream: BlobStream) -> io::Result<()> {
    let mut first = [0; 10];
    stream.read_exact(&mut first).await?;
    let [way @ 0..=1, how @ 0..=1, bytes @ ..] = first else { return Ok(()) };
    let bytes = u64::from_be_bytes(bytes);
    if bytes > MAX_RATE_BYTES || !hub.may_measure(link) {
        stream.write_all(&[BUSY]).await?;
        return stream.shutdown().await;
    }
    stream.write_all(&[WELCOME]).await?;
    stream.flush().await?;
    if how == 1 {
        return answer(stream, way == 0, bytes).await;
    }
    match stream.into_plain() {
        Some((plain, _lease)) => answer(plain, way == 0, bytes).await,
        None => Ok(()),
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    comes: bool,
    bytes: u64,
) -> io::Result<()> {
    if !comes {
        stream.read_u8().await?;
        return send(&mut stream, bytes).await;
    }
    let Measured { bytes, time } = receive(&mut stream, bytes).await?;
    stream.write_u64(bytes).await?;
    stream.write_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)).await?;
    stream.shutdown().await
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: u64) -> io::Result<()> {
    let (zeros, until) = (vec![0; PIECE], Instant::now() + RATE_TIME);
    let mut left = bytes;
    while left > 0 && Instant::now() < until {
        let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let piece = zeros.get(..most).unwrap_or(&zeros);
        // Somebody who takes none of it holds this up no longer than that.
        match tokio::time::timeout_at(until, stream.write(piece)).await {
            Ok(written) => left -= written? as u64,
            Err(_) => break,
        }
    }
    stream.shutdown().await
}

async fn receive(stream: &mut (impl AsyncRead + Unpin), most: u64) -> io::Result<Measured> {
    let (mut buffer, mut bytes) = (vec![0; PIECE], 0);
    let mut first = None;
    let mut last = Instant::now();
    // To the end, so that nothing unread resets the connection under the answer.
    while bytes <= most {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        bytes += count as u64;
        last = Instant::now();
        first.get_or_insert(last);
    }
    let time = first.map_or(Duration::ZERO, |first| last.saturating_duration_since(first));
    Ok(Measured { bytes, time })
}
