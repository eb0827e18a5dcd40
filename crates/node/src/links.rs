//! One task for each link: frames between the transport and the sync thread, letters and records on the control stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_identity::ConnectId;
use nexus_identity::card::VerifiedCard;
use nexus_identity::letter;
use nexus_identity::record::VerifiedRecord;
use nexus_storage::story::{About, Stage, StoryRow};
use nexus_sync::{LinkId, LinkParams, Received, Serial, Side};
use nexus_transport::limits::{Rate, Source, TotalRate};
use nexus_transport::{Frame, FrameReceiver, FrameSender, LinkUp, StrangerLetter, frame::control};
use tokio::sync::mpsc;

use crate::api::{Event, LinkView};
use crate::contacts;
use crate::core::{Core, LiveLink, Traffic, locked};
use crate::error::Answered;
use crate::letters;
use crate::sync_thread::{NewLink, SyncEvent, ToLink};

/// First byte of a RECORD frame: a card follows.
const CARD: u8 = 1;
/// First byte of a RECORD frame: an instance record follows.
const RECORD: u8 = 2;
/// No handshake takes so long: what was told in a `Hello` is not older when its link comes up.
const HELLO_ON_ITS_WAY: Duration = Duration::from_secs(15);
/// Letters, records and receipts that the link of somebody else may bring. Each is work for the one thread that writes.
const CONTROL_RATE: Rate = Rate { per_second: 4.0, burst: 64.0 };

/// Runs a link from its coming up until it is gone.
pub(crate) async fn run(core: Arc<Core>, up: LinkUp) {
    let LinkUp { link, peer, frames, .. } = &up;
    let (link, peer) = (*link, *peer);
    let traffic = Arc::<Traffic>::default();
    let live = LiveLink {
        peer,
        instance: up.instance,
        path: up.path.kind.name().to_owned(),
        control: frames.control.tx.clone(),
        traffic: traffic.clone(),
    };
    let apart = core.links_to(&peer).is_empty();
    locked(&core.links).insert(link, live);
    core.files.links_changed();
    if let Err(error) = came_up(&core, &up, apart).await {
        tracing::warn!(%error, "a link came up and could not be noted");
    }
    core.bus.tell(Event::LinkUp { link: view(&core, &up) });
    let sync_link = LinkId(link.0);
    let (out, queue) = mpsc::unbounded_channel();
    let params = LinkParams {
        side: match up.side {
            nexus_transport::Side::Dialler => Side::Dialler,
            nexus_transport::Side::Listener => Side::Listener,
        },
        exporter: up.exporter,
        peer,
        instance: up.instance,
        remembered: None,
    };
    let path = up.path.kind.name().to_owned();
    let frames = up.frames;
    let new = NewLink { link: sync_link, params, out, closer: frames.closer.clone(), path };
    let _ = core.sync.events.send(SyncEvent::Up(Box::new(new)));
    let sender = frames.sync.tx.clone();
    let writer = tokio::spawn(write_sync(core.clone(), sync_link, sender, queue, traffic.clone()));
    letter_over(&core, &peer, &frames.control.tx, true).await;
    send_records(&core, &peer).await;
    tell_late(&core, &frames.control.tx).await;
    tokio::join!(
        read_sync(&core, sync_link, frames.sync.rx, &traffic),
        read_control(&core, peer, frames.control.rx, frames.control.tx),
    );
    locked(&core.links).remove(&link);
    core.files.links_changed();
    let _ = core.sync.events.send(SyncEvent::Down(sync_link));
    writer.abort();
}

fn view(core: &Core, up: &LinkUp) -> LinkView {
    LinkView {
        connect_id: up.peer.to_string(),
        name: up.card.name().unwrap_or_default().to_owned(),
        instance: up.instance.to_string(),
        path: up.path.kind.name().to_owned(),
        address: up.path.address.to_string(),
        rtt_ms: core
            .transport()
            .links()
            .iter()
            .find(|l| l.link == up.link)
            .and_then(|l| l.rtt)
            .map(millis),
        cipher: format!("{} {}", up.path.cipher, up.path.group),
        age: 0.0,
        why: up.path.why.clone(),
        sync_sent: 0,
        sync_received: 0,
    }
}

pub(crate) fn millis(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What a link that came up teaches, in one transaction.
async fn came_up(core: &Arc<Core>, up: &LinkUp, apart: bool) -> Answered<()> {
    let (peer, card, record) = (up.peer, up.card.clone(), up.record.clone());
    let (instance, second, redial) = (up.instance, up.second_contact_key, up.redial);
    let (path, why) = (up.path.kind.name().to_owned(), up.path.why.clone());
    let address = up.path.address;
    core.store
        .run(move |work| {
            contacts::met(work, &card, second)?;
            work.learn_record(&record)?;
            work.tx.saw_instance(&instance, work.now)?;
            if let Some(redial) = redial {
                work.tx.authenticated_address(&peer, &redial.to_string(), work.now)?;
            }
            let row = StoryRow {
                at: work.now,
                stage: Stage::Linked,
                peer: Some(peer),
                path,
                detail: crop(&format!("linked with {address}: {why}")),
            };
            work.tx.tell(About::Peer, &row)?;
            if apart {
                work.joined(&peer)?;
            }
            if let Some(conversation) = work.me.conversation_with(&peer) {
                let topic = conversation.topic();
                work.after.requests.insert(topic);
            }
            Ok(())
        })
        .await
}

/// A text that fits a row of the story.
pub(crate) fn crop(text: &str) -> String {
    text.chars().take(240).collect()
}

/// Sends my letter to a peer over a live link, if one is due.
pub(crate) async fn send_letter(core: &Arc<Core>, peer: &ConnectId) {
    let Some(link) = core.links_to(peer).pop() else { return };
    letter_over(core, peer, &link.control, false).await;
}

async fn letter_over(core: &Arc<Core>, peer: &ConnectId, control: &FrameSender, new_link: bool) {
    let who = *peer;
    match core.store.run(move |work| letters::due(work, &who, new_link)).await {
        Ok(Some(letter)) => drop(control.send(Frame::new(control::LETTER, letter)).await),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "a letter could not be written"),
    }
}

/// Tells a peer of my other devices, so that it can seal to them, and of its own, which it may never meet; a device of mine
/// of everybody.
async fn send_records(core: &Arc<Core>, peer: &ConnectId) {
    let who = *peer;
    let known = core.read(move |store, me| crate::cards::to_tell(store, me, &who));
    let Ok((cards, records)) = known.await else { return };
    for link in core.links_to(peer) {
        for card in &cards {
            let _ = link.control.send(record_frame(CARD, &card.to_bytes())).await;
        }
        for row in &records {
            let _ = link.control.send(record_frame(RECORD, &row.bytes)).await;
        }
    }
}

/// Tells everybody on a link of my card and record, which changed.
pub(crate) async fn tell_hello(core: &Arc<Core>) {
    let links: Vec<LiveLink> = locked(&core.links).values().cloned().collect();
    for link in links {
        tell_me(core, &link.control).await;
    }
}

/// Tells a peer whose link was on its way while my card or record changed: its `Hello` may have carried the old ones.
async fn tell_late(core: &Arc<Core>, control: &FrameSender) {
    let changed = *locked(&core.hello_changed);
    if changed.is_some_and(|at| at.elapsed() < HELLO_ON_ITS_WAY) {
        tell_me(core, control).await;
    }
}

async fn tell_me(core: &Arc<Core>, control: &FrameSender) {
    let me = core.me();
    let _ = control.send(record_frame(CARD, &me.card.to_bytes())).await;
    let _ = control.send(record_frame(RECORD, me.record.to_bytes())).await;
}

/// Passes on what was learned of somebody: to them, whose other devices may have changed it, and to my own devices; a
/// record of another device of mine to everybody. Whoever knows it already passes nothing on, so that ends.
async fn pass_on(core: &Arc<Core>, about: &ConnectId, kind: u8, bytes: &[u8]) {
    let me = core.me().connect_id();
    let everybody = *about == me && kind == RECORD;
    let links: Vec<LiveLink> = locked(&core.links).values().cloned().collect();
    let to = |link: &LiveLink| everybody || link.peer == me || link.peer == *about;
    for link in links.into_iter().filter(to) {
        let _ = link.control.send(record_frame(kind, bytes)).await;
    }
}

/// Passes on the card of somebody, which changed.
pub(crate) async fn tell_card(core: &Arc<Core>, card: &VerifiedCard) {
    pass_on(core, &card.connect_id(), CARD, &card.to_bytes()).await;
}

/// Passes on the record of another instance, which is newer than the one known before.
pub(crate) async fn tell_record(core: &Arc<Core>, who: &ConnectId, record: &[u8]) {
    pass_on(core, who, RECORD, record).await;
}

fn record_frame(kind: u8, bytes: &[u8]) -> Frame {
    Frame::new(control::RECORD, [&[kind], bytes].concat())
}

async fn read_sync(core: &Arc<Core>, link: LinkId, mut frames: FrameReceiver, traffic: &Traffic) {
    while let Some(frame) = frames.recv().await {
        traffic.received(frame.body.len());
        // The signatures of runs are checked here, on the thread of this task: links do not wait for each other.
        let received = match Received::decode(frame.code, &frame.body) {
            Ok(Some(received)) => Ok(received),
            // Of a later version, and not for us.
            Ok(None) => continue,
            Err(error) => Err(error),
        };
        if core.sync.frames.send((link, received)).await.is_err() {
            return;
        }
    }
}

/// Writes frames in order and tells which are written. Telling waits for the wire, writing does not wait for telling.
async fn write_sync(
    core: Arc<Core>,
    link: LinkId,
    sender: FrameSender,
    mut queue: mpsc::UnboundedReceiver<ToLink>,
    traffic: Arc<Traffic>,
) {
    let (written, mut waiting) = mpsc::unbounded_channel::<Serial>();
    let (flusher, events) = (sender.clone(), core.sync.events.clone());
    let teller = tokio::spawn(async move {
        while let Some(mut serial) = waiting.recv().await {
            while let Ok(later) = waiting.try_recv() {
                serial = later;
            }
            if flusher.flushed().await.is_err()
                || events.send(SyncEvent::Written(link, serial)).is_err()
            {
                return;
            }
        }
    });
    while let Some(ToLink { serial, code, body }) = queue.recv().await {
        traffic.sent(body.len());
        if sender.send(Frame::new(code, body)).await.is_err() || written.send(serial).is_err() {
            break;
        }
    }
    drop(written);
    let _ = teller.await;
}

async fn read_control(
    core: &Arc<Core>,
    peer: ConnectId,
    mut frames: FrameReceiver,
    answers: FrameSender,
) {
    let (began, mut pace) = (Instant::now(), TotalRate::new(CONTROL_RATE));
    let mine = peer == core.me().connect_id();
    while let Some(frame) = frames.recv().await {
        // Dropped, not held up: behind it may be what the link lives by. Its bringer repeats what matters.
        if !mine && !pace.allow(began.elapsed()) {
            core.refused.count("control_flood", &peer.to_string());
            continue;
        }
        let body = frame.body;
        let handled = match frame.code {
            control::LETTER => receive_letter(core, body, peer.to_string(), &answers).await,
            control::LETTER_OK => {
                core.store.run(move |work| letters::taken(work, &peer, &body)).await
            }
            control::RECORD => learn(core, &body, mine, &answers).await,
            _ => Ok(()),
        };
        if let Err(error) = handled {
            tracing::warn!(%error, code = frame.code, "a control frame could not be handled");
        }
    }
}

async fn learn(core: &Arc<Core>, body: &[u8], mine: bool, answers: &FrameSender) -> Answered<()> {
    match body.split_first() {
        Some((&CARD, bytes)) => {
            let Ok(card) = VerifiedCard::decode(bytes) else { return Ok(()) };
            let learned = core.store.run(move |work| {
                work.learn_card(&card)?;
                if mine { work.known_beyond(&card) } else { Ok(None) }
            });
            if let Some((card, records)) = learned.await? {
                let _ = answers.send(record_frame(CARD, &card.to_bytes())).await;
                for record in records {
                    let _ = answers.send(record_frame(RECORD, &record)).await;
                }
            }
            Ok(())
        }
        Some((&RECORD, bytes)) => {
            let Ok(record) = VerifiedRecord::verify_alone(bytes) else { return Ok(()) };
            core.store.run(move |work| work.learn_record(&record)).await
        }
        _ => Ok(()),
    }
}

/// Takes a letter in, and says that it is here once it is on disk: the same whatever became of it.
async fn receive_letter(
    core: &Arc<Core>,
    letter: Vec<u8>,
    source: String,
    answers: &FrameSender,
) -> Answered<()> {
    let Ok(header) = letter::peek(&letter) else { return Ok(()) };
    core.store.run(move |work| letters::receive(work, &letter, &source)).await?;
    let _ = answers.send(Frame::new(control::LETTER_OK, header.id.0.to_vec())).await;
    Ok(())
}

/// A stranger's link brought a letter.
pub(crate) async fn stranger(core: Arc<Core>, letter: StrangerLetter) {
    let source = Source::from(letter.address.ip()).to_string();
    if let Err(error) = receive_letter(&core, letter.letter, source, &letter.reply).await {
        tracing::warn!(%error, "a letter could not be stored");
        return;
    }
    let (peer, redial) = (letter.peer, letter.redial);
    let note = core.store.run(move |work| {
        if let (Some(redial), Some(_)) = (redial, work.tx.contact(&peer)?) {
            work.tx.authenticated_address(&peer, &redial.to_string(), work.now)?;
            work.after.wants = true;
        }
        Ok(())
    });
    let _ = note.await;
}
