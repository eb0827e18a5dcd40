//! Blob connections: a TLS connection of its own beside a link, so that no message waits behind a file.
//!
//! A blob connection belongs to the instance that a link leads to, and ends with the last link to it. Who dialled the
//! link opens it, because that way is known to work; the other side asks for one on the link. It has no `Hello` and no
//! frames: after the first bytes it is the caller's.
//!
//! What opens the door is the gate, 16 bytes that only the two ends of the link can make (from its exporter), and then
//! the TLS key, which must be the link's instance on both sides. Who records the gate and sends it again gets as far as
//! the TLS handshake and not past it, for it has not the key; it can use up what one link may open in a while, and
//! nothing else. No token is needed in it besides: what TLS proves is exactly the instance of the link.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::task::AtomicWaker;
use nexus_identity::{ConnectId, InstanceKey};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::event::{LinkId, PathInfo};

mod ahead;
pub(crate) mod open;
pub mod rate;
pub(crate) mod table;

use ahead::Ahead;
use table::Lease;

/// Blob connections with one instance that one side asks on.
pub const MAX_BLOBS_PER_SIDE: usize = 4;

/// Blob connections of all instances together.
pub const MAX_BLOBS: usize = 64;

/// Blob connections that one link may begin, from either side.
pub const BLOB_RATE: crate::limits::Rate = crate::limits::Rate { per_second: 5.0, burst: 20.0 };

/// Unfinished handshakes of blob connections beside one link.
pub const MAX_BLOB_HANDSHAKES: usize = 8;

/// Bytes of each socket buffer of a blob connection: what is lost when one end dies, and what one read may find.
pub const BLOB_BUFFER: usize = 2 * 1024 * 1024;

/// Bytes that are sealed in one go and given to the system in one write.
pub const BLOB_WRITE: usize = 512 * 1024;

/// A blob connection whose peer takes no byte for so long is dead. The link notices most deaths long before.
pub const BLOB_STALL: Duration = Duration::from_secs(60);

/// Time that the end of a dropped stream has to reach the peer.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Why there is no blob connection.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The link is not up (any more).
    #[error("the link is gone")]
    NoLink,
    /// The other side closed it, or is not the instance of the link.
    #[error("refused by the other side")]
    Refused,
    /// It took longer than [`crate::Timing::blob_open`].
    #[error("no answer in time")]
    TimedOut,
    /// Over a limit of this side or of the other.
    #[error("too many connections for files")]
    TooMany,
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

/// Whom a blob connection is with, and how it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct BlobInfo {
    /// The link beside which it was opened; it may have been replaced since.
    pub link: LinkId,
    /// Who it leads to.
    pub peer: ConnectId,
    /// The peer's instance: its TLS key.
    pub instance: InstanceKey,
    /// How it runs.
    pub path: PathInfo,
}

/// A blob connection. Bytes in order, both ways; nothing else.
///
/// Write much at once (256 KiB and more, up to [`BLOB_WRITE`] goes out as one) and flush at the end. [`tokio::io::split`]
/// makes two halves of it. Shutting it down tells the peer that nothing more comes; dropping it does, too, in the
/// background. When the link is gone it fails with [`io::ErrorKind::ConnectionAborted`].
pub struct BlobStream {
    /// `None` once it was dropped.
    io: Option<Io>,
    info: Option<Arc<BlobInfo>>,
    ended: Option<Arc<Ended>>,
    /// Its place in the table.
    lease: Option<Lease>,
}

/// TLS, whichever end this is.
type Tls = TlsStream<Ahead<TcpStream>>;

/// What a blob connection runs over.
enum Io {
    Tls(Box<Tls>),
    Other(Box<dyn Duplex>),
}

impl Io {
    fn as_mut(&mut self) -> Pin<&mut dyn Duplex> {
        match self {
            Self::Tls(tls) => Pin::new(tls.as_mut()),
            Self::Other(other) => Pin::new(other.as_mut()),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tls(tls) => tls.is_write_vectored(),
            Self::Other(other) => other.is_write_vectored(),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl BlobStream {
    /// Makes one of any stream, without a link behind it.
    #[must_use]
    pub fn from_stream(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { io: Some(Io::Other(Box::new(stream))), info: None, ended: None, lease: None }
    }

    fn over(mut stream: Tls, info: BlobInfo, lease: Lease) -> Self {
        match &mut stream {
            TlsStream::Client(client) => client.get_mut().1.set_buffer_limit(Some(BLOB_WRITE)),
            TlsStream::Server(server) => server.get_mut().1.set_buffer_limit(Some(BLOB_WRITE)),
        }
        stream.get_mut().0.widen();
        Self {
            io: Some(Io::Tls(Box::new(stream))),
            info: Some(Arc::new(info)),
            ended: Some(Arc::clone(lease.ended())),
            lease: Some(lease),
        }
    }

    /// Whom it is with and how it runs; `None` for [`BlobStream::from_stream`].
    #[must_use]
    pub fn info(&self) -> Option<&BlobInfo> {
        self.info.as_deref()
    }

    /// Cancelled when the last link to the instance is gone.
    fn over_token(&self) -> CancellationToken {
        self.ended.as_ref().map(|ended| ended.token.clone()).unwrap_or_default()
    }

    /// The connection without TLS, and its place, at a moment when nothing is under way in it.
    fn into_plain(mut self) -> Option<(Ahead<TcpStream>, Option<Lease>)> {
        let lease = self.lease.take();
        match self.io.take()? {
            Io::Tls(tls) => match *tls {
                TlsStream::Client(client) => Some((client.into_inner().0, lease)),
                TlsStream::Server(server) => Some((server.into_inner().0, lease)),
            },
            Io::Other(_) => None,
        }
    }

    /// Whether it may go on; takes the waker along if so.
    fn poll_io(
        &mut self,
        cx: &mut Context<'_>,
        waits: impl Fn(&Ended) -> &AtomicWaker,
    ) -> io::Result<Pin<&mut dyn Duplex>> {
        if let Some(ended) = &self.ended {
            waits(ended).register(cx.waker());
            if ended.over.load(Ordering::Acquire) {
                return Err(aborted());
            }
        }
        match &mut self.io {
            Some(io) => Ok(io.as_mut()),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

async fn shut(io: &mut Io) -> io::Result<()> {
    std::future::poll_fn(|cx| io.as_mut().poll_shutdown(cx)).await
}

fn aborted() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the link is gone")
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStream").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Drop for BlobStream {
    fn drop(&mut self) {
        let over = self.ended.as_ref().is_some_and(|ended| ended.over.load(Ordering::Acquire));
        let Some(mut io) = self.io.take().filter(|_| !over) else { return };
        let ended = self.ended.take();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let gone = async {
                match &ended {
                    Some(ended) => ended.token.cancelled().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _closed = tokio::time::timeout(CLOSE_TIME, shut(&mut io)) => {}
                () = gone => {}
            }
        });
    }
}

impl AsyncRead for BlobStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_io(cx, |ended| &ended.reader)?.poll_read(cx, buf)
    }
}

impl AsyncWrite for BlobStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_io(cx, |ended| &ended.writer)?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_io(cx, |ended| &ended.writer)?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(Io::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_io(cx, |ended| &ended.writer)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_io(cx, |ended| &ended.writer)?.poll_shutdown(cx)
    }
}

/// Ends a blob connection from outside: whoever waits on it wakes up.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    over: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    pub(crate) token: CancellationToken,
}

impl Ended {
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
        self.token.cancel();
    }
}
