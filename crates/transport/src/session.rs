//! A link while it is up: its streams, its keep-alive, its end in good order.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::blob;
use crate::code::{CloseCode, RefusedCode};
use crate::event::{LinkId, LinkUp, PathInfo, PathKind, Side, TransportEvent};
use crate::frame::{Frame, control};
use crate::handshake::Established;
use crate::hub::{Admitted, Hub, Place, redial};
use crate::link::{Closer, FrameChannel, FrameReceiver, FrameSender, Link, Outgoing};
use crate::mux::{Mux, Opener, Stream};
use crate::streams::{End, Keeper, Rtt, SMALL_READ, read_frames, write_frames};
use crate::watched::LastRead;

mod sync;

use sync::{Sync, sync_stream};

/// Frames that may wait on the control stream, each way.
pub(crate) const CONTROL_QUEUE: usize = 64;

/// Frames that may wait on the sync stream, each way.
pub(crate) const SYNC_QUEUE: usize = 16;

/// Time to send what is queued when a link ends.
pub(crate) const DRAIN: Duration = Duration::from_millis(500);

/// Time that the peer has to hear `BYE` before the connection is closed under it.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(300);

/// Time that the peer's node may leave a control frame of its own waiting.
const STALLED: Duration = Duration::from_secs(30);

/// Silence after waking up at which a link counts as dead.
const DEAD_AFTER_WAKE: Duration = Duration::from_secs(3);

/// Frames of the link itself that may wait.
pub(crate) const URGENT_QUEUE: usize = 16;

/// Runs a link until its end: `LinkUp`, frames, `LinkDown`.
pub(crate) async fn run(hub: Arc<Hub>, established: Established, admitted: Admitted) {
    match admitted.place.clone() {
        Place::Stranger { .. } => Box::pin(crate::stranger::run(hub, established, admitted)).await,
        Place::Link { id, closer, rtt } => {
            run_link(hub, established, admitted, id, closer, rtt).await
        }
    }
}

async fn run_link(
    hub: Arc<Hub>,
    established: Established,
    admitted: Admitted,
    link: LinkId,
    closer: Closer,
    rtt: Rtt,
) {
    let (peer, instance) = (established.hello.connect_id, established.hello.instance);
    let remote = established.remote;
    let (link_ends, ours) = channels(&closer);
    let (up, parts) = link_up(established, link, link_ends);
    let (urgent, urgent_out) = mpsc::channel(URGENT_QUEUE);
    hub.link_runs(link, up.path.clone(), urgent.clone());
    let told = hub.events.send(TransportEvent::LinkUp(Box::new(up))).await.is_ok();
    let (opener, inbound) = parts.mux.split();
    let mut session = Session::start(
        &hub,
        parts.side,
        parts.control,
        &opener,
        inbound,
        ours,
        parts.last_read,
        Own { link, keeper: Keeper::new(urgent.clone(), rtt), urgent, urgent_out },
    );
    let end = tokio::select! {
        end = session.end() => end,
        () = closer.token.cancelled() => End::here(closer.code.get().copied().unwrap_or(CloseCode::Shutdown)),
        () = std::future::ready(()), if !told => End::here(CloseCode::Shutdown),
    };
    session.close(end, opener).await;
    if !end.by_peer && matches!(end.code, CloseCode::BadFrame | CloseCode::Violation) {
        hub.refuse(RefusedCode::Link(end.code), remote);
    }
    admitted.over(end);
    let down =
        TransportEvent::LinkDown { link, peer, instance, reason: end.code, by_peer: end.by_peer };
    let _gone = hub.events.send(down).await;
}

/// What of an established connection moves its bytes.
struct Parts {
    side: Side,
    control: Stream,
    mux: Mux,
    last_read: LastRead,
}

fn link_up(established: Established, link: LinkId, frames: Link) -> (LinkUp, Parts) {
    let Established {
        side,
        hello,
        negotiated,
        exporter,
        remote,
        local,
        control,
        mux,
        last_read,
        why,
        ..
    } = established;
    let path = PathInfo {
        kind: PathKind::Lan,
        address: remote,
        local,
        cipher: negotiated.cipher,
        group: negotiated.group,
        why,
    };
    let up = LinkUp {
        link,
        peer: hello.connect_id,
        instance: hello.instance,
        card: hello.card,
        second_contact_key: hello.second_contact_key,
        record: hello.record,
        capabilities: hello.capabilities,
        path,
        redial: redial(side, remote, hello.port),
        side,
        exporter,
        frames,
    };
    (up, Parts { side, control, mux, last_read })
}

/// This side's ends of a link's channels.
struct Ours {
    control_out: mpsc::Receiver<Outgoing>,
    control_in: mpsc::Sender<Frame>,
    sync_out: mpsc::Receiver<Outgoing>,
    sync_in: mpsc::Sender<Frame>,
}

fn channels(closer: &Closer) -> (Link, Ours) {
    let (control_tx, control_out) = mpsc::channel(CONTROL_QUEUE);
    let (control_in, control_rx) = mpsc::channel(CONTROL_QUEUE);
    let (sync_tx, sync_out) = mpsc::channel(SYNC_QUEUE);
    let (sync_in, sync_rx) = mpsc::channel(SYNC_QUEUE);
    let channel =
        |tx, rx| FrameChannel { tx: FrameSender { queue: tx }, rx: FrameReceiver { queue: rx } };
    let link = Link {
        control: channel(control_tx, control_rx),
        sync: channel(sync_tx, sync_rx),
        closer: closer.clone(),
    };
    (link, Ours { control_out, control_in, sync_out, sync_in })
}

/// What the link has to say itself.
struct Own {
    link: LinkId,
    keeper: Keeper,
    urgent: mpsc::Sender<Frame>,
    urgent_out: mpsc::Receiver<Frame>,
}

/// The tasks of a link that is up.
struct Session {
    tasks: JoinSet<()>,
    ends: mpsc::Receiver<End>,
    drain: CancellationToken,
    urgent: mpsc::Sender<Frame>,
    control_written: oneshot::Receiver<WriteHalf<Stream>>,
    sync_written: oneshot::Receiver<()>,
}

impl Session {
    #[expect(clippy::too_many_arguments, reason = "one place puts a link together from its parts")]
    fn start(
        hub: &Arc<Hub>,
        side: Side,
        control: Stream,
        opener: &Opener,
        inbound: mpsc::Receiver<Stream>,
        ours: Ours,
        last_read: LastRead,
        own: Own,
    ) -> Self {
        let (ended, ends) = mpsc::channel(8);
        let Own { link, keeper, urgent, urgent_out } = own;
        let (control_done, control_written) = oneshot::channel();
        let (sync_done, sync_written) = oneshot::channel();
        let drain = CancellationToken::new();
        let (reader, writer) = tokio::io::split(control);
        let mut tasks = JoinSet::new();

        tasks.spawn(report(
            ended.clone(),
            control_reader(
                Arc::clone(hub),
                (link, side),
                reader,
                ours.control_in,
                keeper,
                last_read,
            ),
        ));
        tasks.spawn(control_writer(
            writer,
            urgent_out,
            ours.control_out,
            drain.clone(),
            control_done,
            ended.clone(),
        ));
        let sync =
            Sync { out: ours.sync_out, into: ours.sync_in, drain: drain.clone(), done: sync_done };
        let opener = (side == Side::Dialler).then(|| opener.clone());
        tasks.spawn(report(ended, sync_stream(opener, inbound, sync)));
        Self { tasks, ends, drain, urgent, control_written, sync_written }
    }

    /// Waits for the end that is noticed first.
    async fn end(&mut self) -> End {
        self.ends.recv().await.unwrap_or(End::LOST)
    }

    /// Sends what is queued, then `BYE`, and lets the peer hear it; at once if it is gone anyway.
    async fn close(mut self, end: End, opener: Opener) {
        if end.by_peer || end.code == CloseCode::Lost {
            return;
        }
        self.drain.cancel();
        let drained = async {
            let _sync = (&mut self.sync_written).await;
            (&mut self.control_written).await
        };
        let Ok(Ok(mut control)) = tokio::time::timeout(DRAIN, drained).await else { return };
        let mut bytes = Vec::new();
        let _fits = Frame::new(control::BYE, [end.code.to_byte()]).encode(&mut bytes);
        let last_words = async {
            control.write_all(&bytes).await?;
            control.flush().await?;
            opener.closed().await;
            std::io::Result::Ok(())
        };
        let _late = tokio::time::timeout(LAST_WORDS, last_words).await;
        drop(self.urgent);
        self.tasks.shutdown().await;
    }
}

async fn report(ended: mpsc::Sender<End>, task: impl Future<Output = End>) {
    let end = task.await;
    let _full = ended.try_send(end);
}

async fn control_writer(
    mut out: WriteHalf<Stream>,
    mut urgent: mpsc::Receiver<Frame>,
    mut queue: mpsc::Receiver<Outgoing>,
    drain: CancellationToken,
    done: oneshot::Sender<WriteHalf<Stream>>,
    ended: mpsc::Sender<End>,
) {
    match write_frames(&mut out, &mut urgent, &mut queue, &drain).await {
        Ok(()) => {
            let _gone = done.send(out);
            // Nobody can send any more, so nobody uses this link.
            if !drain.is_cancelled() {
                let _full = ended.try_send(End::here(CloseCode::Shutdown));
            }
        }
        Err(end) => {
            let _full = ended.try_send(end);
        }
    }
}

async fn control_reader(
    hub: Arc<Hub>,
    (link, side): (LinkId, Side),
    reader: ReadHalf<Stream>,
    into: mpsc::Sender<Frame>,
    mut keeper: Keeper,
    last_read: LastRead,
) -> End {
    let (frames_in, mut frames) = mpsc::channel(1);
    let reading = read_frames(reader, SMALL_READ, frames_in);
    tokio::pin!(reading);
    let mut woken = hub.woken.subscribe();
    // One of both sides is enough to show that both live: the dialler asks first.
    let patience = match side {
        Side::Dialler => hub.timing.ping_interval,
        Side::Listener => hub.timing.ping_interval * 3 / 2,
    };
    let mut next_ping = tokio::time::Instant::now();
    let mut probe: Option<tokio::time::Instant> = None;
    loop {
        let probing = probe.unwrap_or_else(tokio::time::Instant::now);
        let silence = hub.timing.dead_after.saturating_sub(last_read.ago());
        tokio::select! {
            biased;
            frame = frames.recv() => {
                let Some(frame) = frame else { return End::LOST };
                let frame = keeper.handle(frame).and_then(|left| match left {
                    Some(frame) => blob::open::handle(&hub, link, side, frame),
                    None => Ok(None),
                });
                match frame {
                    Err(end) => return end,
                    Ok(None) => {}
                    Ok(Some(frame)) => match tokio::time::timeout(STALLED, into.send(frame)).await {
                        Ok(Ok(()) | Err(_)) => {}
                        Err(_) => return End::here(CloseCode::Internal),
                    },
                }
            }
            end = &mut reading => {
                // What was read before the end may hold a BYE.
                while let Ok(frame) = frames.try_recv() {
                    if let Err(bye) = keeper.handle(frame) {
                        return bye;
                    }
                }
                return end;
            }
            () = tokio::time::sleep_until(next_ping) => {
                let silent = last_read.ago();
                let quiet_for = patience.saturating_sub(silent);
                let heard = !quiet_for.is_zero() && keeper.is_content();
                if !heard && keeper.ping().unwrap_or_default() > hub.timing.dead_after * 2 {
                    return End::LOST;
                }
                next_ping =
                    tokio::time::Instant::now() + if heard { quiet_for } else { patience };
            }
            // Not left to the next ping: what is promised is counted from the last byte.
            () = tokio::time::sleep(silence) => {
                if last_read.ago() >= hub.timing.dead_after {
                    return End::LOST;
                }
            }
            changed = woken.changed() => {
                if changed.is_ok() {
                    keeper.ping();
                    let soon = DEAD_AFTER_WAKE.min(hub.timing.dead_after);
                    probe = Some(tokio::time::Instant::now() + soon);
                }
            }
            () = tokio::time::sleep_until(probing), if probe.is_some() => {
                if last_read.ago() > DEAD_AFTER_WAKE.min(hub.timing.dead_after) {
                    return End::LOST;
                }
                probe = None;
            }
        }
    }
}
