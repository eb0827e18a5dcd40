//! The terminal UI: when it opens, and where its node comes from.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_node::api::{ErrorBody, ErrorCode};
use nexus_node::client::Client;
use nexus_node::{error, setup};
use nexus_tui::config::Config;
use nexus_tui::run::{Host, Options};
use nexus_tui::theme::Kind;

use crate::args::{Cli, Global};
use crate::output::Shape;
use crate::place;
use crate::session::{Need, Session};
use crate::signals::Signals;
use crate::stop::{Done, Stop};

/// What takes longer than this is told.
const SOON: Duration = Duration::from_millis(500);

/// Whether `nexus` was typed alone, at a terminal, by somebody who looks at it.
pub(crate) fn wanted(cli: &Cli, shape: Shape) -> bool {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    cli.verb.is_none() && terminal && !shape.json && !shape.screen_reader
}

/// Whether `nexus` was typed alone by somebody who has it read out. Else the next steps are told as text.
pub(crate) fn read_out(cli: &Cli, shape: Shape) -> bool {
    cli.verb.is_none() && !shape.json && shape.screen_reader
}

/// The node of the UI: attached to, or started here and ended with it.
struct Desk {
    global: Global,
    session: Arc<Mutex<Option<Session>>>,
}

impl Host for Desk {
    async fn open(&mut self, name: Option<String>) -> Result<Client, ErrorBody> {
        if let Some(name) = name {
            let dir = place::data_dir(&self.global).map_err(body)?;
            let made = tokio::task::spawn_blocking(move || setup::init(&dir, &name)).await;
            made.map_err(error::failed)??;
        }
        let session = Session::open(&self.global, Need::Network).await.map_err(body)?;
        let client = session.client.clone();
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        Ok(client)
    }
}

fn body(stop: Stop) -> ErrorBody {
    match stop {
        Stop::Error(error) => error,
        other => error::failed(format!("{other:?}")),
    }
}

/// Runs the UI, and afterwards ends a node that was started for it.
///
/// # Errors
/// `bad_config`, a terminal that can't show it, and those of starting a node.
pub(crate) async fn run(global: Global, shape: Shape) -> Done {
    let config_file = place::config_file(&global)?;
    let mut config = config(&config_file)?;
    if !shape.color {
        config.theme = Kind::None;
    }
    let visibility = nexus_node::config::Config::load(&config_file)?.visibility;
    let has_identity = setup::has_identity(&place::data_dir(&global)?);
    let session = Arc::new(Mutex::new(None));
    let desk = Desk { global, session: Arc::clone(&session) };
    let options = Options { config, visibility, config_file, has_identity };
    let done = match shape.screen_reader {
        true => nexus_tui::run::read_out(options, desk).await,
        false => nexus_tui::run::run(options, desk).await,
    };
    let mut signals = Signals::listen();
    let session = session.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(session) = session {
        let closing = session.close(&mut signals);
        tokio::pin!(closing);
        tokio::select! {
            () = &mut closing => {}
            () = tokio::time::sleep(SOON) => {
                // A terminal that is gone hears nothing of it.
                let _ = writeln!(std::io::stderr(), "ending: others may still use the node that ran here …");
                closing.await;
            }
        }
    }
    Ok(done?)
}

fn config(file: &std::path::Path) -> Result<Config, Stop> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
        Err(e) => return Err(error::io("can't read", file, &e).into()),
    };
    Config::parse(&text).map_err(|what| {
        Stop::error(
            ErrorCode::BadConfig,
            format!("{}: {what}", file.display()),
            "mend that line; docs/tui.md says what may stand there",
        )
    })
}
