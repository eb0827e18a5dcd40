//! The rim: the terminal, the clock, the node. Everything that is not pure is here.

mod asking;
mod input;
mod linear;
mod notify;
mod open;
mod screen;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossterm::event::EventStream;
use futures::StreamExt;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nexus_node::api::ErrorBody;
use nexus_node::client::Client;
use nexus_node::config::Visibility;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::Config;
use crate::message::{Effect, Message};
use crate::model::{Model, Stage};
use crate::time::Now;
use crate::update::{update, update_all};
use crate::view;
use asking::Asking;
use screen::Screen;

pub use linear::read_out;

/// What the node tells is painted at most so often; what the person does, at once.
const FRAME: Duration = Duration::from_millis(33);
/// Messages of the node that wait to be taken in; beyond it the node waits, and tells later what was missed.
const WAITING: usize = 1_024;
/// The clock goes on so often while something waits for it,
const TICK: Duration = Duration::from_millis(200);
/// and so often while nothing does.
const IDLE: Duration = Duration::from_secs(10);
/// How long what was written last may take to be kept at the end.
const END: Duration = Duration::from_secs(5);

/// Where the node comes from.
pub trait Host: Send + 'static {
    /// Attaches to the node, or starts it; first makes an identity when a name is given.
    fn open(
        &mut self,
        name: Option<String>,
    ) -> impl Future<Output = Result<Client, ErrorBody>> + Send;
}

/// How the UI is wanted.
#[derive(Debug)]
pub struct Options {
    /// What the person set.
    pub config: Config,
    /// Who sees the node nearby.
    pub visibility: Visibility,
    /// Where that is kept.
    pub config_file: PathBuf,
    /// Whether there is an identity already.
    pub has_identity: bool,
}

/// Runs until the person, or a signal, ends it.
///
/// # Errors
/// When there is no terminal that can show it, or it is lost.
pub async fn run<H: Host>(options: Options, host: H) -> Result<(), ErrorBody> {
    let mut screen = Screen::open(options.config.mouse)?;
    let now = Now { at: Timestamp::now(), zone: TimeZone::system() };
    let size = screen.size()?;
    let mut model = Model::new(now, size, options.config, options.has_identity);
    model.visibility = options.visibility;
    let (sender, messages) = mpsc::channel(WAITING);
    let mut asking = Asking::new(host, sender.clone());
    if options.has_identity {
        asking.open(None);
    }
    let done =
        Rim { screen: &mut screen, asking: &mut asking, sender, config_file: options.config_file }
            .turn(&mut model, messages)
            .await;
    screen.close();
    if done.is_err() {
        // The terminal is gone; what was being written is kept all the same.
        for effect in update(&mut model, Message::Quit) {
            let _ = common(&mut asking, Path::new(""), &mut model, effect);
        }
    }
    // Drafts and messages that were written last are on their way to the node.
    let _ = tokio::time::timeout(END, asking.finish()).await;
    match (done, model.stage) {
        (Err(error), _) => Err(error),
        (Ok(()), Stage::Gone(error)) => Err(error),
        (Ok(()), _) => Ok(()),
    }
}

struct Rim<'a> {
    screen: &'a mut Screen,
    asking: &'a mut Asking,
    sender: mpsc::Sender<Message>,
    config_file: PathBuf,
}

impl Rim<'_> {
    async fn turn(
        &mut self,
        model: &mut Model,
        mut messages: mpsc::Receiver<Message>,
    ) -> Result<(), ErrorBody> {
        let mut input = EventStream::new();
        let mut signals = input::Signals::listen();
        let mut batch = Vec::new();
        let mut painted = Instant::now();
        self.screen.draw(|frame| view::draw(model, frame))?;
        loop {
            let tick = if waits(model) { TICK } else { IDLE };
            let mut at_once = true;
            let taken: Vec<Message> = tokio::select! {
                biased;
                event = input.next() => match event {
                    Some(Ok(event)) => input::message(&event).into_iter().collect(),
                    // The terminal is gone.
                    Some(Err(_)) | None => vec![Message::Quit],
                },
                () = signals.next() => vec![Message::Quit],
                count = messages.recv_many(&mut batch, WAITING) => {
                    at_once = count == 1 && painted.elapsed() >= FRAME;
                    std::mem::take(&mut batch)
                }
                () = tokio::time::sleep(tick) => {
                    vec![Message::Time(Now { at: Timestamp::now(), zone: model.now.zone.clone() })]
                }
            };
            model.now.at = Timestamp::now();
            let effects = update_all(model, taken);
            for effect in effects {
                if effect == Effect::Quit {
                    return Ok(());
                }
                self.perform(model, effect, &mut input).await?;
            }
            if !at_once && painted.elapsed() < FRAME {
                // More comes than anybody can read: some of it is taken in before the next picture.
                tokio::time::sleep_until(painted + FRAME).await;
                while messages.len() < WAITING / 2
                    && let Ok(message) = messages.try_recv()
                {
                    batch.push(message);
                    if batch.len() >= WAITING {
                        break;
                    }
                }
                let effects = update_all(model, batch.drain(..));
                for effect in effects {
                    self.perform(model, effect, &mut input).await?;
                }
            }
            self.screen.draw(|frame| view::draw(model, frame))?;
            painted = Instant::now();
        }
    }

    async fn perform(
        &mut self,
        model: &mut Model,
        effect: Effect,
        input: &mut EventStream,
    ) -> Result<(), ErrorBody> {
        let mouse = matches!(&effect, Effect::Set("mouse", _));
        if mouse {
            self.screen.mouse(model.config.mouse);
        }
        let Some(effect) = common(self.asking, &self.config_file, model, effect) else {
            return Ok(());
        };
        match effect {
            Effect::Title(title) => self.screen.title(&title),
            Effect::Copy(text) => self.screen.copy(&text),
            Effect::Notify { title, text, desktop } => {
                if model.config.bell {
                    self.screen.bell();
                }
                match desktop && notify::there_is_a_desktop() {
                    true => notify::desktop(title, text, self.sender.clone()),
                    false => self.screen.notify(&title, &text),
                }
            }
            Effect::Redraw => self.screen.clear()?,
            Effect::Suspend => {
                self.screen.suspend(model.config.mouse)?;
                // While it was not ours, nobody told that its size changed.
                model.size = self.screen.size()?;
            }
            Effect::Editor(text) => {
                // Whoever reads keys must not read those of the editor.
                *input = EventStream::new();
                let edited = self.screen.edit(&text, model.config.mouse)?;
                *input = EventStream::new();
                model.size = self.screen.size()?;
                let more = update(model, Message::Edited(edited));
                debug_assert!(more.iter().all(|e| matches!(e, Effect::Ask { .. })));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Performs what needs no terminal; gives back the rest.
fn common(
    asking: &mut Asking,
    config_file: &Path,
    model: &mut Model,
    effect: Effect,
) -> Option<Effect> {
    let more = match effect {
        Effect::Ask { serial, purpose, command } => {
            asking.ask(serial, purpose, *command);
            return None;
        }
        Effect::Begin { name } => {
            asking.open(Some(name));
            return None;
        }
        Effect::Write { file, bytes } => {
            update(model, Message::Written(input::write_new(&file, &bytes)))
        }
        Effect::Set(key, value) => match input::keep(config_file, key, &value) {
            Ok(()) => return None,
            Err(what) => update(model, Message::Said(what)),
        },
        Effect::Follow(link) => match open::follow(&link) {
            Ok(()) => return None,
            Err(what) => update(model, Message::Said(what)),
        },
        Effect::SetNode(key, value) => match nexus_node::config::set(config_file, key, &value) {
            Ok(_) => return None,
            Err(error) => update(model, Message::Said(error.message)),
        },
        other => return Some(other),
    };
    debug_assert!(more.is_empty(), "a remark asks for nothing");
    None
}

/// Whether something on the screen changes by time alone.
fn waits(model: &Model) -> bool {
    !model.pending.is_empty()
        || model.toast.is_some()
        || model.chats.values().any(|c| c.draft_since.is_some())
}
