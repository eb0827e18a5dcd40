//! A stranger's link: after `Hello` one letter, then `BYE(done)`; ten seconds at most.

use std::sync::Arc;

use nexus_identity::ConnectId;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::code::{CloseCode, RefusedCode};
use crate::event::{StrangerLetter, TransportEvent};
use crate::frame::{Frame, control};
use crate::handshake::Established;
use crate::hub::{Admitted, Hub, Place, redial};
use crate::limits::StrangerId;
use crate::link::{FrameSender, Outgoing};
use crate::session::{self, LAST_WORDS, URGENT_QUEUE};
use crate::streams::{End, Keeper, Rtt, write_frames};

/// Largest body of a `LETTER`, in bytes: the sealed letter's 8 KiB, and room for its frame.
pub(crate) const MAX_LETTER_FRAME: usize = 9 * 1024;

/// Frames of the answer that may wait.
const REPLY_QUEUE: usize = 4;

/// How a stranger's link goes on.
enum Then {
    End(End),
    Upgrade,
}

/// Runs it. When the peer becomes wanted meanwhile, it turns into a usual link.
pub(crate) async fn run(hub: Arc<Hub>, mut established: Established, admitted: Admitted) {
    let peer = established.hello.connect_id;
    let (id, gone) = match &admitted.place {
        Place::Stranger { id, gone } => (*id, gone.clone()),
        // It is none: there is nothing to make room for.
        Place::Link { .. } => (StrangerId::MAX, CancellationToken::new()),
    };
    let then = tokio::select! {
        biased;
        then = serve(&hub, id, &mut established) => then,
        () = gone.cancelled() => Then::End(End::here(CloseCode::Busy)),
        () = tokio::time::sleep(hub.timing.stranger_life) => Then::End(End::here(CloseCode::Done)),
        () = hub.stop.cancelled() => Then::End(End::here(CloseCode::Shutdown)),
    };
    drop(admitted);
    let end = match then {
        Then::End(end) if end.code == CloseCode::Done && !end.by_peer && hub.is_wanted(&peer) => {
            None
        }
        Then::End(end) => Some(end),
        Then::Upgrade => None,
    };
    match end {
        None => upgrade(hub, established).await,
        Some(end) => {
            if end.code == CloseCode::BadFrame {
                hub.refuse(RefusedCode::Stranger, established.remote);
            }
            if !end.by_peer && end.code != CloseCode::Lost {
                bye(established, end.code).await;
            }
        }
    }
}

async fn upgrade(hub: Arc<Hub>, mut established: Established) {
    let Established { side, remote, local, .. } = established;
    let admitted =
        hub.admit(&mut established.hello, side, remote, local, None, &established.exporter);
    match admitted {
        Ok(admitted) if matches!(admitted.place, Place::Link { .. }) => {
            session::run(hub, established, admitted).await
        }
        Ok(_) => bye(established, CloseCode::Done).await,
        Err(code) => bye(established, code).await,
    }
}

async fn bye(mut established: Established, code: CloseCode) {
    let mut bytes = Vec::new();
    let _fits = Frame::new(control::BYE, [code.to_byte()]).encode(&mut bytes);
    let (opener, _inbound) = established.mux.split();
    let last_words = async {
        established.control.write_all(&bytes).await?;
        established.control.flush().await?;
        opener.closed().await;
        std::io::Result::Ok(())
    };
    let _late = tokio::time::timeout(LAST_WORDS, last_words).await;
}

/// Keeps the link, waits for its letter, passes the answer on.
///
/// It stops between two frames only, so that the streams can go on as those of a usual link.
async fn serve(hub: &Arc<Hub>, id: StrangerId, established: &mut Established) -> Then {
    let hello = established.hello.clone();
    let letter = |letter, queue| StrangerLetter {
        peer: hello.connect_id,
        instance: hello.instance,
        card: hello.card.clone(),
        record: hello.record.clone(),
        address: established.remote,
        redial: redial(established.side, established.remote, hello.port),
        letter,
        reply: FrameSender { queue },
    };
    let (urgent, mut urgent_out) = mpsc::channel(URGENT_QUEUE);
    let keeper = Keeper::new(urgent, Rtt::default());
    let (replying, mut reply) = mpsc::channel(REPLY_QUEUE);
    let drain = CancellationToken::new();
    let (reader, mut writer) = tokio::io::split(&mut established.control);
    let writing = write_frames(&mut writer, &mut urgent_out, &mut reply, &drain);
    tokio::pin!(writing);
    let then = tokio::select! {
        // Ends when the caller has dropped its sender, all written.
        written = &mut writing => {
            return Then::End(written.map_or_else(|end| end, |()| End::here(CloseCode::Done)));
        }
        then = read_letter(hub, (id, &hello.connect_id), reader, keeper, replying, letter) => then,
    };
    drain.cancel();
    match writing.await {
        Ok(()) => then,
        Err(end) => Then::End(end),
    }
}

async fn read_letter(
    hub: &Arc<Hub>,
    (id, peer): (StrangerId, &ConnectId),
    reader: impl AsyncRead + Unpin,
    mut keeper: Keeper,
    replying: mpsc::Sender<Outgoing>,
    letter: impl Fn(Vec<u8>, mpsc::Sender<Outgoing>) -> StrangerLetter,
) -> Then {
    let mut peers = hub.peers_changed.subscribe();
    let mut reader = BufReader::new(reader);
    let mut replying = Some(replying);
    loop {
        if reader.buffer().is_empty() {
            tokio::select! {
                biased;
                filled = reader.fill_buf() => match filled {
                    Ok(bytes) if !bytes.is_empty() => {}
                    _ => return Then::End(End::LOST),
                },
                () = hub.wanted(&mut peers, peer), if replying.is_some() => return Then::Upgrade,
            }
        }
        let frame = match Frame::read(&mut reader).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Then::End(End::LOST),
            Err(error) => return Then::End(error.into()),
        };
        match keeper.handle(frame) {
            Err(end) => return Then::End(end),
            Ok(Some(frame)) if frame.code == control::LETTER => {
                let fits = frame.body.len() <= MAX_LETTER_FRAME;
                let Some(queue) = replying.take().filter(|_| fits) else {
                    return Then::End(End::here(CloseCode::BadFrame));
                };
                hub.state().strangers.spoke(id);
                let event = TransportEvent::Letter(Box::new(letter(frame.body, queue)));
                if hub.events.send(event).await.is_err() {
                    return Then::End(End::here(CloseCode::Shutdown));
                }
            }
            // It treats this as a usual link and may send records; they are not for strangers.
            Ok(_) => {}
        }
    }
}
