//! `backup …`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nexus_node::api::{BackupView, Command, DeviceView, SecretText};
use nexus_node::error;
use nexus_node::setup::{self, RestoreView};
use serde_json::json;

use super::{ask, first_line, typed_unseen};
use crate::args::{BackupVerb, Global};
use crate::output::Out;
use crate::session::{Need, with};
use crate::stop::{Done, Stop};
use crate::{place, render, sanitize};

/// Largest backup read; thousands of contacts and epochs stay below.
const MAX_BACKUP: u64 = 256 << 20;

/// Runs one.
///
/// # Errors
/// `weak_phrase`, `bad_backup`, `identity_exists`, and what the file system said.
pub(crate) async fn run(global: &Global, verb: BackupVerb, out: &mut Out) -> Done {
    match verb {
        BackupVerb::Create { file, phrase_file } => create(global, file, phrase_file, out).await,
        BackupVerb::Restore { file, phrase_file, revoke_others } => {
            restore(global, &file, phrase_file, revoke_others, out).await
        }
    }
}

async fn create(
    global: &Global,
    file: PathBuf,
    phrase_file: Option<PathBuf>,
    out: &mut Out,
) -> Done {
    if file.exists() {
        return Err(Stop::usage(
            format!("{} exists already", file.display()),
            "backups are never written over; give it a new name",
        ));
    }
    let phrase = match phrase_file {
        Some(path) => Some(phrase_from(&path).await?),
        None => None,
    };
    with(global, Need::Store, async |session| {
        let progress = out.progress("sealing");
        let sealed: BackupView = session.client.one(Command::BackupCreate { phrase }).await?;
        drop(progress);
        let bytes = BASE64_STANDARD.decode(&sealed.file).map_err(error::failed)?;
        let phrase = sealed.phrase.as_ref().map(SecretText::expose);
        show_phrase(phrase, out)?;
        setup::write_atomically(&file, &bytes, false)?;
        show_created(&file, bytes.len(), phrase, out)
    })
    .await
}

/// Before the file is written: a file whose phrase nobody saw would be no backup.
fn show_phrase(phrase: Option<&str>, out: &mut Out) -> Done {
    let Some(phrase) = phrase.filter(|_| !out.json()) else { return Ok(()) };
    out.text("The backup opens with these words and nothing else. Write them down; they are not shown again:")?;
    out.text(&format!("\n  {}\n", out.style().bold(phrase)))?;
    out.flush()
}

fn show_created(file: &Path, size: usize, phrase: Option<&str>, out: &mut Out) -> Done {
    let path = file.display().to_string();
    if !out.json() {
        out.text(&format!("{} is written.", sanitize::line(&path)))?;
        return out.flush();
    }
    let row = json!({"file": path, "size": size, "phrase": phrase});
    out.object(&row).and_then(|()| out.flush()).inspect_err(|_| {
        // Nobody got the phrase: such a file would be no backup.
        if phrase.is_some() {
            let _ = std::fs::remove_file(file);
        }
    })
}

async fn restore(
    global: &Global,
    file: &Path,
    phrase_file: Option<PathBuf>,
    revoke_others: bool,
    out: &mut Out,
) -> Done {
    let dir = place::data_dir(global)?;
    if setup::has_identity(&dir) {
        return Err(error::identity_exists(&dir).into());
    }
    let bytes = read(file)?;
    let phrase = match phrase_file {
        Some(path) => phrase_from(&path).await?,
        None => phrase_typed(out.can_ask().then_some("Phrase of the backup (not shown):")).await?,
    };
    let progress = out.progress("opening");
    let restored = {
        let dir = dir.clone();
        let opened =
            tokio::task::spawn_blocking(move || setup::restore(&dir, &bytes, phrase.expose()));
        opened.await.map_err(error::failed)??
    };
    drop(progress);
    if out.json() {
        out.object(&restored)?;
    } else {
        show_restored(&restored, out)?;
    }
    out.flush()?;
    let revoke = revoke_others || wants_to_revoke(&restored, out).await?;
    if revoke { revoke_all(global, &restored, out).await } else { Ok(()) }
}

fn show_restored(restored: &RestoreView, out: &mut Out) -> Done {
    let style = out.style();
    let name = style.bold(&sanitize::line(&restored.name));
    out.text(&format!("Welcome back, {name}: {}", restored.connect_id))?;
    out.text(&format!("{} contacts came back; this is a new device.", restored.contacts))?;
    out.text("Messages come back from your contacts: leave `nexus node` running until they have been seen.")?;
    if !restored.other_instances.is_empty() {
        out.text("\nThis identity has other devices. If they are lost, they should be revoked:")?;
        out.table(&render::devices(&restored.other_instances))?;
    }
    Ok(())
}

async fn wants_to_revoke(restored: &RestoreView, out: &mut Out) -> Result<bool, Stop> {
    if restored.other_instances.is_empty() {
        return Ok(false);
    }
    if !out.can_ask() {
        out.remark("`nexus device revoke DEVICE` does so for one.");
        return Ok(false);
    }
    let answer = ask("Revoke all of them? [y/N]".to_owned()).await?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

async fn revoke_all(global: &Global, restored: &RestoreView, out: &mut Out) -> Done {
    with(global, Need::Store, async |session| {
        for device in restored.other_instances.iter().filter(|d| !d.revoked) {
            let command = Command::DeviceRevoke { instance: device.instance.clone() };
            let row: DeviceView = session.client.one(command).await?;
            if !out.json() {
                out.text(&format!("{} is revoked.", render::short_id(&row.instance)))?;
            }
        }
        Ok(())
    })
    .await
}

fn read(file: &Path) -> Result<Vec<u8>, Stop> {
    let unreadable = |e: &std::io::Error| {
        if e.kind() == std::io::ErrorKind::NotFound {
            return Stop::error(
                nexus_node::api::ErrorCode::NotFound,
                format!("there is no file {}", file.display()),
                "give the path of a file that `nexus backup create` made",
            );
        }
        Stop::Error(error::io("can't read", file, e))
    };
    let size = std::fs::metadata(file).map_err(|e| unreadable(&e))?.len();
    if size > MAX_BACKUP {
        return Err(Stop::error(
            nexus_node::api::ErrorCode::BadBackup,
            format!("{} is too large to be a backup", file.display()),
            "give the path of a file that `nexus backup create` made",
        ));
    }
    std::fs::read(file).map_err(|e| unreadable(&e))
}

/// The first line of a file, or of standard input for `-`.
async fn phrase_from(path: &Path) -> Result<SecretText, Stop> {
    if path == Path::new("-") {
        return phrase_typed(None).await;
    }
    let from = path.to_owned();
    let read = tokio::task::spawn_blocking(move || first_line(BufReader::new(File::open(from)?)));
    let line = read.await.map_err(error::failed)?.map_err(|e| error::io("can't read", path, &e))?;
    some_phrase(SecretText::new(line))
}

/// The first line of standard input.
async fn phrase_typed(question: Option<&str>) -> Result<SecretText, Stop> {
    some_phrase(typed_unseen(question).await?)
}

fn some_phrase(phrase: SecretText) -> Result<SecretText, Stop> {
    if phrase.expose().trim().is_empty() {
        return Err(Stop::usage(
            "no phrase was given",
            "type it when asked, send it on standard input, or name a file with --phrase-file",
        ));
    }
    Ok(phrase)
}
