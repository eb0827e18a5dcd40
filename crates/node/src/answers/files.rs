//! What a person decides about files.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

use nexus_blobs::wire::NoCode;
use nexus_blobs::{BlobId, RootBuilder, group_hash};
use nexus_files::{Kind, Source};
use nexus_identity::Millis;
use nexus_identity::kdf::Secret32;
use nexus_log::body::{Answer, FileKind, FileOffer, FileSecret, Payload};
use nexus_log::ids::EntryHash;
use nexus_storage::transfers::{TransferRow, TransferState};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::api::{ErrorBody, ErrorCode, Event, FileView};
use crate::control::Rows;
use crate::core::Core;
use crate::error::{self, Answered};
use crate::files::{self, book};
use crate::messages;
use crate::views::Viewer;

/// What is as small is read through before it is offered: then its root is in the offer.
const READ_FIRST: u64 = 8 * 1024 * 1024;
/// Offers that `file list` shows.
const LISTED: usize = 1_000;
/// Files and folders in one offer, as they are named.
const MAX_PATHS: usize = 1_000;

pub(crate) async fn send(
    core: &Arc<Core>,
    to: &str,
    paths: Vec<String>,
    rows: &Rows,
) -> Answered<()> {
    if paths.is_empty() || paths.len() > MAX_PATHS {
        return Err(error::usage(
            "there is nothing to send, or too much",
            "name 1 to 1,000 files or folders",
        ));
    }
    let peer = core.conversation_named(to).await?;
    let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
    if paths.iter().any(|path| !path.is_absolute()) {
        return Err(error::usage("a path must be absolute", "begin it with /"));
    }
    let place = paths.first().map(|path| path.as_os_str().as_bytes().to_vec()).unwrap_or_default();
    let secret = Secret32::random(&mut rand::rng());
    let blob = BlobId::of(&secret);
    let (offer, source) = tokio::task::spawn_blocking(move || offer(&paths, secret))
        .await
        .map_err(error::failed)??;
    files::keep_source(core, blob.as_bytes(), source).await?;
    let size = offer.size;
    let entry = core
        .store
        .run_placed(
            || rows.placed(),
            move |work| {
                let (sent, _) = messages::say(work, &peer, Payload::File(Box::new(offer)))?;
                let entry = messages::find(work.tx, &sent.entry_id)?.message.base.position.hash;
                work.tx.put_transfer(&TransferRow {
                    entry,
                    blob: *blob.as_bytes(),
                    outgoing: true,
                    state: TransferState::Offered,
                    place,
                    landed: None,
                    size,
                    done: 0,
                    detail: String::new(),
                    created: work.now,
                    changed: work.now,
                })?;
                Ok(entry)
            },
        )
        .await?;
    show(core, entry, rows).await
}

/// Looks at what is named; reads what is small. Blocking.
fn offer(paths: &[PathBuf], secret: Secret32) -> Answered<(FileOffer, Source)> {
    let source = nexus_files::scan(paths).map_err(|e| {
        ErrorBody::new(
            ErrorCode::NotFound,
            e.to_string(),
            "name files and folders that you may read",
        )
    })?;
    let what = source.what();
    let mut root = None;
    if what.size.get() <= READ_FIRST {
        let (mut builder, mut group) = (RootBuilder::new(what.size), Vec::new());
        for index in 0..what.size.groups() {
            source.read_run(index, 1, &mut group).map_err(error::failed)?;
            let hash = group_hash(what.size, index, &group).map_err(error::failed)?;
            builder.push(hash).map_err(error::failed)?;
        }
        source.check().map_err(error::failed)?;
        root = Some(*builder.finish().map_err(error::failed)?.as_bytes());
    }
    let offer = FileOffer {
        name: what.name.as_str().to_owned(),
        size: what.size.get(),
        kind: match what.kind {
            Kind::File => FileKind::File,
            Kind::Folder => FileKind::Folder,
            Kind::Several => FileKind::Several,
        },
        secret: FileSecret::new(secret),
        root,
        manifest: source.manifest().map_or(0, |manifest| manifest.len() as u64),
        files: source.files(),
        media_type: None,
        mtime: what.mtime_ms.and_then(|at| u64::try_from(at).ok()).map(Millis),
        executable: what.executable,
    };
    Ok((offer, source))
}

async fn show(core: &Arc<Core>, entry: EntryHash, rows: &Rows) -> Answered<()> {
    let view = view(core, entry).await?;
    core.bus.tell(Event::Transfer { file: Box::new(view.clone()) });
    Ok(rows.row(&view).await?)
}

async fn view(core: &Arc<Core>, entry: EntryHash) -> Answered<FileView> {
    let outside = core.outside();
    core.read(move |store, me| {
        let offer = book::offer(store, &entry)?;
        let view = Viewer::new(store, me, &outside)?.file(&offer.row)?;
        view.ok_or_else(|| error::failed("the offer is gone"))
    })
    .await
}

pub(crate) async fn list(core: &Arc<Core>, watch: bool, rows: &Rows) -> Answered<()> {
    loop {
        let (passing, _) = core.bus.watch();
        let outside = core.outside();
        let views = core
            .read(move |store, me| {
                let viewer = Viewer::new(store, me, &outside)?;
                let mut views = Vec::new();
                for row in store.offers(LISTED)? {
                    views.extend(viewer.file(&row)?);
                }
                Ok(views)
            })
            .await?;
        for view in &views {
            rows.row(view).await?;
        }
        if !watch || !fell_behind(passing, rows).await? {
            return Ok(());
        }
    }
}

/// A row at each change; `true` when some were missed, so that all are to be told again.
async fn fell_behind(mut passing: broadcast::Receiver<Event>, rows: &Rows) -> Answered<bool> {
    loop {
        tokio::select! {
            event = passing.recv() => match event {
                Ok(Event::Transfer { file }) => rows.row(&*file).await?,
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Ok(true),
                Err(RecvError::Closed) => return Ok(false),
            },
            () = rows.gone() => return Ok(false),
        }
    }
}

/// Where an accepted offer goes.
pub(crate) enum Place {
    /// Where downloads go.
    Usual,
    /// There, too, but only if enough of the disk stays free.
    Unasked,
    /// Into this directory.
    Into(PathBuf),
}

pub(crate) async fn accept(
    core: &Arc<Core>,
    id: String,
    to: Option<String>,
    rows: &Rows,
) -> Answered<()> {
    let entry = core.read(move |store, _| Ok(book::named(store, &id)?.entry().hash)).await?;
    let place = to.map_or(Place::Usual, |to| Place::Into(PathBuf::from(to)));
    accept_into(core, entry, place).await?;
    show(core, entry, rows).await
}

/// Accepts an offer; it runs as soon as somebody who has it is there.
pub(crate) async fn accept_into(core: &Arc<Core>, entry: EntryHash, place: Place) -> Answered<()> {
    let (blob, size, known) = core
        .read(move |store, _| {
            let offer = book::offer(store, &entry)?;
            if let Some(over) = offer.over {
                return Err(wrong(format!("{over}: it can't be had")));
            }
            offer.what()?;
            Ok((offer.blob(), offer.file.size, store.transfer(&entry)?))
        })
        .await?;
    if let Some(known) = &known {
        match known.state {
            _ if known.outgoing => return Err(wrong("that is an offer of this device")),
            TransferState::Active => return Ok(()),
            TransferState::Done => return Err(wrong("it is here already")),
            _ => {}
        }
    }
    let (usual, keep) = (usual(core), u64::from(core.config.keep_free) << 20);
    let dir = tokio::task::spawn_blocking(move || room(place, usual, size, keep));
    let dir = dir.await.map_err(error::failed)??;
    core.store
        .run(move |work| {
            let row = TransferRow {
                entry,
                blob: *blob.as_bytes(),
                outgoing: false,
                state: TransferState::Active,
                place: dir.into_os_string().into_vec(),
                landed: None,
                size,
                done: known.map_or(0, |known| known.done),
                detail: String::new(),
                created: work.now,
                changed: work.now,
            };
            Ok(work.tx.put_transfer(&row)?)
        })
        .await?;
    files::start(core, entry).await
}

fn usual(core: &Core) -> PathBuf {
    match core.config.downloads.as_str() {
        "" => core.paths.downloads(),
        place => PathBuf::from(place),
    }
}

/// The directory, if it is there and has room. Blocking.
fn room(place: Place, usual: PathBuf, size: u64, keep: u64) -> Answered<PathBuf> {
    let (dir, keep) = match place {
        Place::Into(dir) => (dir, 0),
        Place::Usual => (usual, 0),
        Place::Unasked => (usual, keep),
    };
    if !dir.is_absolute() {
        return Err(error::usage("a path must be absolute", "begin it with /"));
    }
    std::fs::create_dir_all(&dir).map_err(|e| error::io("can't make", &dir, &e))?;
    let free = nexus_files::free_space(&dir).map_err(|e| error::io("can't look at", &dir, &e))?;
    if free < size.saturating_add(keep) {
        return Err(ErrorBody::new(
            ErrorCode::DiskFull,
            format!("it has {size} bytes, and {} has room for {free}", dir.display()),
            "make room, or name another directory: `nexus file accept ID --to DIR`",
        ));
    }
    Ok(dir)
}

fn wrong(what: impl Into<String>) -> ErrorBody {
    ErrorBody::new(ErrorCode::WrongState, what, "`nexus file list` shows how each file is")
}

/// What is meant, and what was decided of it.
async fn named(core: &Arc<Core>, id: String) -> Answered<(EntryHash, BlobId, Option<TransferRow>)> {
    core.read(move |store, _| {
        let offer = book::named(store, &id)?;
        let entry = offer.entry().hash;
        Ok((entry, offer.blob(), store.transfer(&entry)?))
    })
    .await
}

pub(crate) async fn decline(core: &Arc<Core>, id: String, rows: &Rows) -> Answered<()> {
    let (entry, blob, known) = named(core, id).await?;
    match &known {
        Some(known) if known.outgoing => return Err(wrong("that is an offer of this device")),
        Some(known) if known.state == TransferState::Done => {
            return Err(wrong("it is here already"));
        }
        _ => {}
    }
    give_up(core, entry, blob, known, TransferState::Declined).await?;
    show(core, entry, rows).await
}

/// Stops what runs, removes what came, and says so.
async fn give_up(
    core: &Arc<Core>,
    entry: EntryHash,
    blob: BlobId,
    known: Option<TransferRow>,
    state: TransferState,
) -> Answered<()> {
    core.store
        .run(move |work| {
            let offer = book::offer(work.tx, &entry)?;
            let size = offer.file.size;
            let new = TransferRow {
                entry,
                blob: *blob.as_bytes(),
                outgoing: false,
                state,
                place: Vec::new(),
                landed: None,
                size: size.min(i64::MAX as u64),
                done: 0,
                detail: String::new(),
                created: work.now,
                changed: work.now,
            };
            work.tx.put_transfer(&known.map_or(new.clone(), |known| TransferRow {
                state,
                done: 0,
                detail: String::new(),
                changed: work.now,
                ..known
            }))?;
            book::answer(work, offer.entry(), Answer::Declined);
            Ok(())
        })
        .await?;
    core.files.stop(&entry).await;
    let dir = core.paths.partial();
    let removed = tokio::task::spawn_blocking(move || nexus_files::remove(&dir, entry.as_bytes()));
    removed.await.map_err(error::failed)?.map_err(error::failed)
}

pub(crate) async fn pause(core: &Arc<Core>, id: String, rows: &Rows) -> Answered<()> {
    let (entry, _, known) = named(core, id).await?;
    match known.map(|known| (known.state, known.outgoing)) {
        Some((TransferState::Active | TransferState::Offered, outgoing)) => {
            set(core, entry, TransferState::Paused).await?;
            match outgoing {
                true => core.files.close(&entry, NoCode::Busy),
                false => core.files.stop(&entry).await,
            }
        }
        Some((TransferState::Paused, _)) => {}
        _ => return Err(wrong("it does not run")),
    }
    show(core, entry, rows).await
}

pub(crate) async fn resume(core: &Arc<Core>, id: String, rows: &Rows) -> Answered<()> {
    let (entry, _, known) = named(core, id).await?;
    match known {
        Some(row) if row.outgoing => match row.state {
            TransferState::Paused => set(core, entry, TransferState::Offered).await?,
            TransferState::Offered => {}
            _ => return Err(wrong("it is over; send it again")),
        },
        Some(row) if matches!(row.state, TransferState::Paused | TransferState::Failed) => {
            set(core, entry, TransferState::Active).await?;
            files::start(core, entry).await?;
        }
        Some(row) if matches!(row.state, TransferState::Active | TransferState::Done) => {}
        _ => return Err(wrong("it was not accepted, or is over")),
    }
    show(core, entry, rows).await
}

async fn set(core: &Arc<Core>, entry: EntryHash, state: TransferState) -> Answered<()> {
    core.store
        .run(move |work| {
            book::change(work, &entry, |row| {
                row.state = state;
                row.detail.clear();
            })
        })
        .await
}

pub(crate) async fn cancel(core: &Arc<Core>, id: String, rows: &Rows) -> Answered<()> {
    let (entry, blob, known) = named(core, id).await?;
    match known {
        Some(row) if row.state == TransferState::Done => return Err(wrong("it is here already")),
        Some(row) if row.outgoing => {
            core.store
                .run(move |work| {
                    book::change(work, &entry, |row| row.state = TransferState::Cancelled)?;
                    let target = book::offer(work.tx, &entry)?.entry();
                    book::answer(work, target, Answer::Withdrawn);
                    Ok(())
                })
                .await?;
            core.files.close(&entry, NoCode::Withdrawn);
            let (source, list) = book::kept(core, blob.as_bytes());
            let _ = tokio::task::spawn_blocking(move || {
                let _ = [source, list].map(std::fs::remove_file);
            })
            .await;
        }
        known => give_up(core, entry, blob, known, TransferState::Cancelled).await?,
    }
    show(core, entry, rows).await
}

pub(crate) async fn verify(core: &Arc<Core>, id: String, rows: &Rows) -> Answered<()> {
    let (entry, _, known) = named(core, id).await?;
    let here = known.filter(|row| row.outgoing || row.state == TransferState::Done);
    let Some(row) = here else { return Err(wrong("it is not here as a whole")) };
    let offer = core.read(move |store, _| book::offer(store, &entry)).await?;
    let (source, _) = book::kept(core, &book::key(row.outgoing, &offer));
    let read = tokio::task::spawn_blocking(move || -> Answered<Option<[u8; 32]>> {
        let source = book::kept_source(&source)?;
        let size = source.what().size;
        let (mut builder, mut run) = (RootBuilder::new(size), Vec::new());
        for index in 0..size.groups() {
            let read = source.read_run(index, 1, &mut run);
            read.map_err(|e| wrong(e.to_string()))?;
            let hash = group_hash(size, index, &run).map_err(error::failed)?;
            builder.push(hash).map_err(error::failed)?;
        }
        Ok(builder.finish().ok().map(|root| *root.as_bytes()))
    });
    let found = read.await.map_err(error::failed)??;
    match (found, offer.root) {
        (Some(found), Some(root)) if found != *root.as_bytes() => Err(ErrorBody::new(
            ErrorCode::Damaged,
            "what is on disk is not what was offered",
            "ask for it again; keep a copy if you changed it yourself",
        )),
        _ => show(core, entry, rows).await,
    }
}
