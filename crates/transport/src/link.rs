//! A link as its user sees it: two streams of frames, and a way to end it.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::code::CloseCode;
use crate::frame::Frame;

/// The frames of a link that is up. Dropping it ends the link with [`CloseCode::Shutdown`].
#[derive(Debug)]
pub struct Link {
    /// Frames of the control stream, without those that keep the link itself.
    pub control: FrameChannel,
    /// Frames of the sync stream.
    pub sync: FrameChannel,
    /// Ends the link.
    pub closer: Closer,
}

/// Both directions of one stream.
#[derive(Debug)]
pub struct FrameChannel {
    /// To the peer.
    pub tx: FrameSender,
    /// From the peer.
    pub rx: FrameReceiver,
}

/// Sends frames on one stream, in order. Clones send on the same stream.
#[derive(Debug, Clone)]
pub struct FrameSender {
    pub(crate) queue: mpsc::Sender<Outgoing>,
}

/// What waits in a stream's queue.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Frame(Frame),
    /// Answered once everything before it was handed to the operating system.
    Flushed(tokio::sync::oneshot::Sender<()>),
}

/// The link is gone; its `LinkDown` says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link is gone")]
pub struct LinkGone;

impl FrameSender {
    /// Queues one frame; waits while the queue is full, which is how a slow peer holds its sender back.
    ///
    /// # Errors
    /// [`LinkGone`]; a frame over [`crate::frame::MAX_FRAME`] ends the link.
    pub async fn send(&self, frame: Frame) -> Result<(), LinkGone> {
        self.queue.send(Outgoing::Frame(frame)).await.map_err(|_| LinkGone)
    }

    /// Queues one frame if there is room; gives it back if not.
    ///
    /// # Errors
    /// The frame, when the queue is full or the link is gone ([`FrameSender::is_closed`] tells which).
    pub fn try_send(&self, frame: Frame) -> Result<(), Frame> {
        self.queue.try_send(Outgoing::Frame(frame)).map_err(|refused| match refused.into_inner() {
            Outgoing::Frame(frame) => frame,
            Outgoing::Flushed(_) => Frame::new(0, Vec::new()),
        })
    }

    /// Waits until everything queued before was written to the link.
    ///
    /// # Errors
    /// [`LinkGone`].
    pub async fn flushed(&self) -> Result<(), LinkGone> {
        let (done, wait) = tokio::sync::oneshot::channel();
        self.queue.send(Outgoing::Flushed(done)).await.map_err(|_| LinkGone)?;
        wait.await.map_err(|_| LinkGone)
    }

    /// Whether the link is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

/// Receives the frames of one stream.
#[derive(Debug)]
pub struct FrameReceiver {
    pub(crate) queue: mpsc::Receiver<Frame>,
}

impl FrameReceiver {
    /// The next frame; `None` when the link is gone and everything that came was received. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Frame> {
        self.queue.recv().await
    }

    /// The next frame if there is one already.
    pub fn try_recv(&mut self) -> Option<Frame> {
        self.queue.try_recv().ok()
    }
}

/// Ends a link. Clones end the same one; the first code counts.
#[derive(Debug, Clone, Default)]
pub struct Closer {
    pub(crate) code: std::sync::Arc<std::sync::OnceLock<CloseCode>>,
    pub(crate) token: CancellationToken,
}

impl Closer {
    /// Ends the link: what is queued is sent first (for a short while), then `BYE(code)`.
    pub fn close(&self, code: CloseCode) {
        let _first = self.code.set(code);
        self.token.cancel();
    }
}
