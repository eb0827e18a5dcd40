//! A connection read from in large pieces, whatever is asked for.
//!
//! rustls asks for 4 KiB at a time, and for the rest of a record after that: some five system calls for each 16 KiB. Copying what one
//! call brought costs a fraction of that.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that one system call may bring.
pub(crate) const READ_AHEAD: usize = 256 * 1024;

/// The connection, and what was read ahead.
#[derive(Debug)]
pub(crate) struct Ahead<S> {
    inner: S,
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
}

impl<S> Ahead<S> {
    /// Reads small pieces only until [`Ahead::widen`]: a stranger's handshake gets no memory.
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, buffer: Box::default(), from: 0, to: 0 }
    }

    /// The handshake is over: reads ahead from here on.
    pub(crate) fn widen(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = vec![0; READ_AHEAD].into();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.from == this.to {
            if buf.remaining() >= this.buffer.len() {
                return Pin::new(&mut this.inner).poll_read(cx, buf);
            }
            let mut into = ReadBuf::new(&mut this.buffer);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut into))?;
            (this.from, this.to) = (0, into.filled().len());
        }
        let ready = this.buffer.get(this.from..this.to).unwrap_or_default();
        let taken = ready.get(..buf.remaining()).unwrap_or(ready);
        buf.put_slice(taken);
        this.from += taken.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ahead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn all_bytes_come_in_order_however_they_are_asked_for() {
        let (mut far, near) = tokio::io::duplex(100_000);
        let sent: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
        let bytes = sent.clone();
        tokio::spawn(async move { far.write_all(&bytes).await });
        let mut near = Ahead::new(near);
        let mut got = vec![0; 1000];
        near.read_exact(&mut got).await.unwrap();
        near.widen();
        for size in [1, 4096, 70_000, READ_AHEAD - 1, READ_AHEAD, READ_AHEAD + 1, 1_000_000] {
            let mut piece = vec![0; size];
            let count = near.read(&mut piece).await.unwrap();
            got.extend_from_slice(&piece[..count]);
        }
        near.read_to_end(&mut got).await.unwrap();
        assert!(got == sent);
    }
}
