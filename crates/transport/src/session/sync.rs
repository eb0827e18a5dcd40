//! The sync stream of a link.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::frame::Frame;
use crate::handshake::SYNC_STREAM;
use crate::link::Outgoing;
use crate::mux::{Opener, Stream};
use crate::streams::{End, LARGE_READ, read_frames, write_frames};

/// What the sync stream moves, and its end in good order.
pub(super) struct Sync {
    pub(super) out: mpsc::Receiver<Outgoing>,
    pub(super) into: mpsc::Sender<Frame>,
    pub(super) drain: CancellationToken,
    pub(super) done: oneshot::Sender<()>,
}

/// The sync stream: opened by the dialler, awaited by the listener. Other streams are reset.
pub(super) async fn sync_stream(
    opener: Option<Opener>,
    mut inbound: mpsc::Receiver<Stream>,
    sync: Sync,
) -> End {
    let stream = match opener {
        Some(opener) => {
            let Some(mut stream) = opener.open().await else { return End::LOST };
            if stream.write_all(&[SYNC_STREAM]).await.is_err() {
                return End::LOST;
            }
            stream
        }
        None => match first_sync(&mut inbound).await {
            Some(stream) => stream,
            None => return End::LOST,
        },
    };
    let Sync { mut out, into, drain, done } = sync;
    let (reader, mut writer) = tokio::io::split(stream);
    let writing = async {
        let (_urgent, mut no_urgent) = mpsc::channel(1);
        match write_frames(&mut writer, &mut no_urgent, &mut out, &drain).await {
            Ok(()) => {
                let _gone = done.send(());
                std::future::pending().await
            }
            Err(end) => end,
        }
    };
    let others = async { while inbound.recv().await.is_some() {} };
    tokio::select! {
        end = writing => end,
        end = read_frames(reader, LARGE_READ, into) => end,
        () = others => End::LOST,
    }
}

async fn first_sync(inbound: &mut mpsc::Receiver<Stream>) -> Option<Stream> {
    loop {
        let mut stream = inbound.recv().await?;
        if stream.read_u8().await.ok()? == SYNC_STREAM {
            return Some(stream);
        }
    }
}
