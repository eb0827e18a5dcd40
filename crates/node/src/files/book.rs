//! What the store knows of transfers, and what is said of them in the log.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nexus_blobs::limits::MAX_MANIFEST;
use nexus_blobs::wire::NoCode;
use nexus_blobs::{BlobId, BlobSize, GROUP, Root};
use nexus_files::{BootId, Kind, Landed, Partial, Source, What};
use nexus_identity::{ConnectId, InstanceKey};
use nexus_log::body::{Answer, FileKind, FileOffer, FileRoot, Payload};
use nexus_log::fold::Shown;
use nexus_log::ids::{EntryHash, EntryRef};
use nexus_storage::contacts::ContactState;
use nexus_storage::transfers::{MAX_DETAIL, TransferRow, TransferState};
use nexus_storage::{MessageRow, Queries};

use super::outgoing::{Outgoing, Unreadable};
use crate::api::{ErrorBody, ErrorCode, Event};
use crate::core::Core;
use crate::error::{self, Answered};
use crate::messages;
use crate::store_thread::Work;
use crate::views::Viewer;

/// A disk that was full has room again when it has so many bytes (or what is missing, if that is less).
pub(crate) const ROOM: u64 = 64 * 1024 * 1024;

/// What an incoming transfer is about.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub entry: EntryRef,
    pub blob: BlobId,
    pub what: What,
    pub partial: Partial,
    pub root: Option<Root>,
    /// The instance that made the offer.
    pub author: InstanceKey,
    /// Who may have it: the members of its conversation.
    pub holders: BTreeSet<ConnectId>,
    /// Bytes of the manifest at its front.
    pub manifest: u64,
}

impl Job {
    /// Where it lands unless that is taken.
    pub(crate) fn place(&self) -> PathBuf {
        self.partial.dir.join(self.what.name.as_str())
    }

    /// Whether something of that name is there already.
    pub(crate) fn earlier(&self) -> bool {
        self.place().symlink_metadata().is_ok()
    }

    /// Groups that the manifest is in.
    pub(crate) fn front(&self) -> u64 {
        self.manifest.div_ceil(GROUP as u64)
    }
}

/// An offer as it is known now.
#[derive(Debug)]
pub(crate) struct Offer {
    pub row: MessageRow,
    pub file: FileOffer,
    pub root: Option<Root>,
    /// Why it can't be had any more, in words.
    pub over: Option<&'static str>,
}

impl Offer {
    pub(crate) fn entry(&self) -> EntryRef {
        self.row.message.base.position.entry()
    }

    pub(crate) fn blob(&self) -> BlobId {
        BlobId::of(self.file.secret.secret())
    }

    /// What the disk has to know of it.
    ///
    /// # Errors
    /// A size that nothing has.
    pub(crate) fn what(&self) -> Answered<What> {
        let size = BlobSize::new(self.file.size).map_err(|error| {
            ErrorBody::new(ErrorCode::Limit, error.to_string(), "ask them to send it in parts")
        })?;
        if self.file.kind != FileKind::File && !(1..=MAX_MANIFEST).contains(&self.file.manifest) {
            return Err(ErrorBody::new(
                ErrorCode::Limit,
                "its list of files is larger than any may be, or there is none",
                "ask them to send it in parts",
            ));
        }
        Ok(What {
            kind: match self.file.kind {
                FileKind::File => Kind::File,
                FileKind::Folder => Kind::Folder,
                FileKind::Several => Kind::Several,
            },
            name: nexus_blobs::name::sanitize(&self.file.name),
            size,
            executable: self.file.executable,
            mtime_ms: self.file.mtime.and_then(|at| i64::try_from(at.0).ok()),
        })
    }
}

/// The offer with this entry.
pub(crate) fn offer(store: &Queries, entry: &EntryHash) -> Answered<Offer> {
    let row = store.message_by_hash(entry)?.ok_or_else(gone)?;
    of_row(row)
}

/// The offer that an entry id, or a beginning of one, names.
pub(crate) fn named(store: &Queries, id: &str) -> Answered<Offer> {
    of_row(messages::find(store, id)?)
}

fn of_row(row: MessageRow) -> Answered<Offer> {
    let message = &row.message;
    let Shown::File(file) = &message.base.shown else {
        return Err(ErrorBody::new(
            ErrorCode::WrongState,
            "that message offers no files",
            "`nexus file list` shows those that do",
        ));
    };
    if message.state.retracted {
        return Err(gone());
    }
    let said = |answer| message.state.answers.contains(&(message.base.author, answer));
    let over = if said(Answer::Withdrawn) {
        Some("its author has withdrawn it")
    } else if said(Answer::Changed) {
        Some("it changed on its author's disk since it was offered")
    } else {
        None
    };
    let file = FileOffer::clone(file);
    let root = message.state.root.map(|root| Root::from_bytes(root.content));
    Ok(Offer { file, root, over, row })
}

fn gone() -> ErrorBody {
    ErrorBody::new(
        ErrorCode::NotFound,
        "the offer is gone: its message was taken back, or has disappeared",
        "ask them to send it again",
    )
}

/// The instance that wrote an entry.
fn author_of(store: &Queries, entry: &EntryRef) -> Answered<Option<InstanceKey>> {
    Ok(store.chain(&entry.log, None)?.and_then(|chain| chain.author).map(|author| author.instance))
}

/// What is needed to fetch it into `dir`.
pub(crate) fn job(
    core: &Core,
    store: &Queries,
    me: &crate::me::Me,
    offer: &Offer,
    dir: PathBuf,
) -> Answered<Job> {
    let entry = offer.entry();
    let author = author_of(store, &entry)?.ok_or_else(gone)?;
    let peer = messages::peer_of(me, store, &offer.row.conversation)?;
    Ok(Job {
        entry,
        blob: offer.blob(),
        what: offer.what()?,
        partial: Partial {
            dir,
            id: *entry.hash.as_bytes(),
            state_dir: core.paths.partial(),
            boot: BootId::current(),
        },
        root: offer.root,
        manifest: offer.file.manifest,
        author,
        holders: BTreeSet::from([peer, me.connect_id()]),
    })
}

/// Changes what is known of a transfer; nothing if there is none.
pub(crate) fn change(
    work: &mut Work<'_, '_>,
    entry: &EntryHash,
    change: impl FnOnce(&mut TransferRow),
) -> Answered<()> {
    if let Some(mut row) = work.tx.transfer(entry)? {
        change(&mut row);
        row.changed = work.now;
        work.tx.put_transfer(&row)?;
    }
    Ok(())
}

/// Says what became of an offer, in the log. Where nothing can be said (the contact is blocked, the offer is gone) what
/// was decided here stands all the same.
pub(crate) fn answer(work: &mut Work<'_, '_>, target: EntryRef, answer: Answer) {
    let said = said(work, target, Payload::FileAnswer { target, answer });
    if let Err(error) = said {
        tracing::info!(%error, "what became of a file could not be said");
    }
}

fn said(work: &mut Work<'_, '_>, target: EntryRef, payload: Payload) -> Answered<()> {
    let row = work.tx.message_by_hash(&target.hash)?.ok_or_else(gone)?;
    let peer = messages::peer_of(work.me, work.tx, &row.conversation)?;
    messages::say(work, &peer, payload).map(drop)
}

/// A reason, within what the store keeps.
pub(crate) fn reason(text: &str) -> String {
    let mut end = text.len().min(MAX_DETAIL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// It is where it belongs: kept, said, and from now on served to others.
pub(crate) async fn landed(
    core: &Arc<Core>,
    entry: &EntryRef,
    landed: Landed,
    source: Option<Box<Source>>,
) -> Answered<()> {
    use std::os::unix::ffi::OsStrExt;
    let entry = *entry;
    let path = landed.path.as_os_str().as_bytes().to_vec();
    if let Some(source) = source {
        super::keep_source(core, entry.hash.as_bytes(), *source).await?;
    }
    core.store
        .run(move |work| {
            change(work, &entry.hash, |row| {
                row.state = TransferState::Done;
                row.done = row.size;
                row.landed = Some(path);
                row.detail.clear();
            })?;
            answer(work, entry, Answer::Done);
            Ok(())
        })
        .await
}

/// It can't be had, or not be put where it belongs.
pub(crate) async fn failed(core: &Arc<Core>, entry: &EntryHash, why: &str) -> Answered<()> {
    let (entry, why) = (*entry, reason(why));
    core.store
        .run(move |work| {
            change(work, &entry, |row| {
                row.state = TransferState::Failed;
                row.detail = why;
            })
        })
        .await
}

/// How far it is, for a start after this one.
pub(crate) async fn save_done(core: &Arc<Core>, entry: &EntryHash, done: u64) {
    let entry = *entry;
    let job = move |work: &mut Work<'_, '_>| change(work, &entry, |row| row.done = done);
    core.store.post(1, job, |_| ()).await;
}

/// Tells watchers how it is.
pub(crate) async fn tell(core: &Arc<Core>, entry: &EntryHash) {
    let (entry, outside) = (*entry, core.outside());
    let view = core.read(move |store, me| {
        Ok(Viewer::new(store, me, &outside)?.message_by_hash(&entry)?.and_then(|m| m.file))
    });
    if let Ok(Some(file)) = view.await {
        core.bus.tell(Event::Transfer { file: Box::new(file) });
    }
}

/// What `peer` asks for, if it is here and they may have it.
pub(crate) async fn outgoing(
    core: &Arc<Core>,
    peer: &ConnectId,
    blob: &BlobId,
) -> Result<Arc<Outgoing>, NoCode> {
    let (peer, id) = (*peer, *blob);
    let found = core.read(move |store, me| {
        let rows = store.transfers_of_blob(id.as_bytes())?;
        for row in rows {
            let Ok(offer) = offer(store, &row.entry) else { continue };
            let with = messages::peer_of(me, store, &offer.row.conversation)?;
            let contact = store.contact(&peer)?.map(|contact| contact.state);
            let member = with == peer && contact == Some(ContactState::Accepted);
            if member || me.connect_id() == peer {
                let own = author_of(store, &offer.entry())? == Some(me.instance.key());
                return Ok(Some((row, offer, own)));
            }
        }
        Ok(None)
    });
    let Ok(Some((row, offer, own))) = found.await else { return Err(NoCode::Unknown) };
    match (row.outgoing, row.state) {
        (true, TransferState::Offered) | (_, TransferState::Done) => {}
        (true, TransferState::Paused) => return Err(NoCode::Busy),
        (true, TransferState::Cancelled) => return Err(NoCode::Withdrawn),
        (true, TransferState::Failed) => return Err(NoCode::Changed),
        _ => return Err(NoCode::Unknown),
    }
    super::open_outgoing(core, &offer, row.outgoing, own).await.map_err(|error| {
        tracing::warn!(%error, "what is offered can't be read");
        NoCode::Failed
    })
}

/// If all of it was read for the first time just now: says what it is.
pub(crate) async fn read_through(core: &Arc<Core>, blob: &Arc<Outgoing>) {
    if !blob.author || blob.root().is_some() || blob.needs_reading() {
        return;
    }
    if blob.saying.swap(true, Ordering::Relaxed) {
        return;
    }
    let reader = Arc::clone(blob);
    let found = tokio::task::spawn_blocking(move || reader.found_root()).await;
    if let Ok(Ok(Some(root))) = found {
        let target = blob.entry;
        let payload = Payload::FileRoot {
            target,
            root: FileRoot { content: *root.as_bytes(), sealed: None },
        };
        match core.store.run(move |work| said(work, target, payload)).await {
            Ok(()) => blob.know(root),
            Err(error) => tracing::warn!(%error, "what a file is could not be said"),
        }
    }
    blob.saying.store(false, Ordering::Relaxed);
}

/// Something could not be read for who asked. A source that changed is over, and that is said.
pub(crate) async fn unreadable(core: &Arc<Core>, blob: &Arc<Outgoing>, why: &Unreadable) {
    let text = match why {
        Unreadable::No(NoCode::Changed) => "it changed on the disk since it was offered".to_owned(),
        Unreadable::No(_) => return,
        Unreadable::Source(error) => error.to_string(),
        Unreadable::List(error) => format!("its list of hashes: {error}"),
    };
    if why.code() != NoCode::Changed || !blob.author {
        tracing::warn!(%text, "what is offered can't be read");
        return;
    }
    blob.close(NoCode::Changed);
    let target = blob.entry;
    let noted = core.store.run(move |work| {
        let detail = reason(&text);
        change(work, &target.hash, |row| {
            row.state = TransferState::Failed;
            row.detail = detail;
        })?;
        answer(work, target, Answer::Changed);
        Ok(())
    });
    if let Err(error) = noted.await {
        tracing::warn!(%error, "that a source changed could not be said");
    }
    tell(core, &target.hash).await;
}

/// Under which name the description of a source is kept: what I offer by its blob, which only I chose; what came by
/// its entry, for its blob is whatever its author says.
pub(crate) fn key(outgoing: bool, offer: &Offer) -> [u8; 32] {
    if outgoing { *offer.blob().as_bytes() } else { *offer.entry().hash.as_bytes() }
}

/// Where the description of what is sent is kept, and the list of its hashes.
pub(crate) fn kept(core: &Core, key: &[u8; 32]) -> (PathBuf, PathBuf) {
    let name = nexus_identity::id::hex(key);
    let dir = core.paths.sent();
    (dir.join(format!("{name}.source")), dir.join(format!("{name}.hashes")))
}

/// Reads a kept source; blocking.
pub(crate) fn kept_source(path: &std::path::Path) -> Answered<Source> {
    let bytes = std::fs::read(path).map_err(|e| error::io("can't read", path, &e))?;
    Source::from_bytes(&bytes).map_err(error::failed)
}
