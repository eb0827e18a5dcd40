//! Streams over one connection, by yamux: a task that drives it, and a handle to open and accept streams.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufWriter};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

/// Streams of one link, both sides' together: control, sync, and what versions to come open.
pub(crate) const MAX_STREAMS: usize = 4;

/// Received bytes that may wait on all streams of a link together.
pub(crate) const MAX_WINDOW: usize = 8 * 1024 * 1024;

/// Bytes to write that are put together; each link has memory for so many.
const WRITE_BUFFER: usize = 2 * 1024;

/// Time that closing in good order may take.
const CLOSE_TIME: Duration = Duration::from_millis(500);

/// One stream.
pub(crate) type Stream = Compat<yamux::Stream>;

/// Which side of yamux this is.
pub(crate) use yamux::Mode;

/// The handle; dropping it closes the connection in good order.
#[derive(Debug)]
pub(crate) struct Mux {
    open: mpsc::Sender<oneshot::Sender<Stream>>,
    inbound: mpsc::Receiver<Stream>,
}

impl Mux {
    /// Starts the task that drives this connection.
    pub(crate) fn start<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        connection: S,
        mode: Mode,
    ) -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(MAX_STREAMS);
        config.set_max_connection_receive_window(Some(MAX_WINDOW));
        // Yamux writes a frame's header and its body apart; alone, each would be a TLS record and a system call.
        let connection = BufWriter::with_capacity(WRITE_BUFFER, connection);
        let connection = yamux::Connection::new(connection.compat(), config, mode);
        let (open, to_open) = mpsc::channel(MAX_STREAMS);
        let (arrived, inbound) = mpsc::channel(MAX_STREAMS);
        tokio::spawn(drive(connection, to_open, arrived));
        Self { open, inbound }
    }

    /// Opens a stream; `None` when the connection is gone. The peer learns of it with the first byte written.
    pub(crate) async fn open(&self) -> Option<Stream> {
        let (stream, opened) = oneshot::channel();
        self.open.send(stream).await.ok()?;
        opened.await.ok()
    }

    /// The next stream that the peer opened; `None` when the connection is gone. Cancel-safe.
    pub(crate) async fn accept(&mut self) -> Option<Stream> {
        self.inbound.recv().await
    }

    /// Splits off what is needed to open streams.
    #[must_use]
    pub(crate) fn split(self) -> (Opener, mpsc::Receiver<Stream>) {
        (Opener(self.open), self.inbound)
    }
}

/// Opens streams; when the last one is dropped the connection closes in good order.
#[derive(Debug, Clone)]
pub(crate) struct Opener(mpsc::Sender<oneshot::Sender<Stream>>);

impl Opener {
    /// As [`Mux::open`].
    pub(crate) async fn open(&self) -> Option<Stream> {
        let (stream, opened) = oneshot::channel();
        self.0.send(stream).await.ok()?;
        opened.await.ok()
    }

    /// Returns once the connection is gone.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }
}

async fn drive<S: AsyncRead + AsyncWrite + Unpin>(
    mut connection: yamux::Connection<Compat<S>>,
    mut to_open: mpsc::Receiver<oneshot::Sender<Stream>>,
    arrived: mpsc::Sender<Stream>,
) {
    let mut wanted: Option<oneshot::Sender<Stream>> = None;
    let alive = poll_fn(|cx| {
        loop {
            if wanted.is_none() {
                match to_open.poll_recv(cx) {
                    Poll::Ready(Some(request)) => wanted = Some(request),
                    Poll::Ready(None) => return Poll::Ready(true),
                    Poll::Pending => {}
                }
            }
            if wanted.is_some() {
                match connection.poll_new_outbound(cx) {
                    Poll::Ready(Ok(stream)) => {
                        if let Some(request) = wanted.take() {
                            let _gone = request.send(stream.compat());
                        }
                        continue;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(false),
                    Poll::Pending => {}
                }
            }
            match connection.poll_next_inbound(cx) {
                // A stream more than fits is dropped, which resets it.
                Poll::Ready(Some(Ok(stream))) => drop(arrived.try_send(stream.compat())),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    to_open.close();
    if alive {
        let _late = tokio::time::timeout(CLOSE_TIME, poll_fn(|cx| connection.poll_close(cx))).await;
    }
}
