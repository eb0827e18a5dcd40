//! The rim: the terminal, the clock, the node. Everything that is not pure is here.

mod asking;
mod farewell;
mod input;
mod linear;
mod notify;
mod open;
mod screen;

use std::collections::VecDeque;
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
use crate::sanitize;
use crate::time::Now;
use crate::update::{update, update_all};
use crate::view;
use asking::Asking;
use screen::Screen;

pub use linear::read_out;

/// What the node tells is painted at most so often; what the person does, and waits for, at once.
const FRAME: Duration = Duration::from_millis(33);
/// Messages of the node that wait to be taken in; beyond it the node waits, and tells later what was missed.
const WAITING: usize = 1_024;
/// The clock goes on so often while something waits for it,
const TICK: Duration = Duration::from_millis(200);
/// and so often while nothing does.
const IDLE: Duration = Duration::from_secs(10);

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
    let (sender, mut messages) = mpsc::channel(WAITING);
    let mut asking = Asking::new(host, sender.clone());
    if options.has_identity {
        asking.open(None);
    }
    let mut rim =
        Rim { screen: &mut screen, asking: &mut asking, sender, config_file: options.config_file };
    let done = rim.turn(&mut model, &mut messages).await;
    screen.close();
    if done.is_err() {
        // The terminal is gone; what was being written is kept all the same.
        for effect in update(&mut model, Message::Quit) {
            common(&mut asking, Path::new(""), &mut model, effect);
        }
    }
    let kept = farewell::farewell(&mut model, &mut asking, &mut messages).await;
    match (done, model.stage) {
        (Err(error), _) => Err(error),
        (Ok(()), Stage::Gone(error)) => Err(error),
        (Ok(()), _) => kept,
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
        messages: &mut mpsc::Receiver<Message>,
    ) -> Result<(), ErrorBody> {
        let mut input = EventStream::new();
        let mut signals = input::Signals::listen();
        let mut batch = Vec::new();
        self.screen.draw(|frame| view::draw(model, frame))?;
        let mut painted = Instant::now();
        // Whether something was taken in that is not on the screen yet.
        let mut behind = false;
        loop {
            let tick = if waits(model) { TICK } else { IDLE };
            // What the person does, and waits for, is painted at once; the rest, a picture at a time.
            let mut at_once = true;
            tokio::select! {
                biased;
                event = input.next() => input::typed(event, &mut input, &mut batch).await,
                () = signals.next() => batch.push(Message::Quit),
                () = tokio::time::sleep_until(painted + FRAME), if behind => {}
                _ = messages.recv_many(&mut batch, WAITING) => {
                    at_once = batch.iter().any(Message::is_awaited);
                }
                () = tokio::time::sleep(tick) => {
                    let now = Now { at: Timestamp::now(), zone: model.now.zone.clone() };
                    batch.push(Message::Time(now));
                }
            };
            model.now.at = Timestamp::now();
            behind |= !batch.is_empty();
            if !self.take_in(model, &mut batch, &mut input)? {
                return Ok(());
            }
            if behind && (at_once || painted.elapsed() >= FRAME) {
                self.screen.draw(|frame| view::draw(model, frame))?;
                painted = Instant::now();
                behind = false;
            }
        }
    }

    /// Takes messages in, and does what is wanted then. `false` at the end.
    fn take_in(
        &mut self,
        model: &mut Model,
        batch: &mut Vec<Message>,
        input: &mut EventStream,
    ) -> Result<bool, ErrorBody> {
        let mut rest = batch.drain(..).peekable();
        while rest.peek().is_some() {
            // What a key wants is done before the next key means something: an editor is opened, the end is come.
            let told = rest.peek().is_some_and(Message::is_of_the_node);
            let count = if told { WAITING } else { 1 };
            let taken = rest.by_ref().take(count);
            let mut effects = VecDeque::from(update_all(model, taken));
            while let Some(effect) = effects.pop_front() {
                if effect == Effect::Quit {
                    return Ok(false);
                }
                effects.extend(self.perform(model, effect, input)?);
            }
        }
        Ok(true)
    }

    /// Does what is wanted; what is wanted then comes back.
    fn perform(
        &mut self,
        model: &mut Model,
        effect: Effect,
        input: &mut EventStream,
    ) -> Result<Vec<Effect>, ErrorBody> {
        if matches!(&effect, Effect::Set("mouse", _)) {
            self.screen.mouse(model.config.mouse);
        }
        let effect = match common(self.asking, &self.config_file, model, effect) {
            Left::Terminal(effect) => effect,
            Left::Wanted(more) => return Ok(more),
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
                return Ok(update(model, Message::Edited(edited)));
            }
            _ => {}
        }
        Ok(Vec::new())
    }
}

/// What is left of something that was wanted.
enum Left {
    /// All of it: it needs the terminal.
    Terminal(Effect),
    /// What is wanted since it was done.
    Wanted(Vec<Effect>),
}

/// Performs what needs no terminal.
fn common(asking: &mut Asking, config_file: &Path, model: &mut Model, effect: Effect) -> Left {
    let done = match effect {
        Effect::Ask { serial, purpose, command } => {
            asking.ask(serial, purpose, *command);
            Ok(())
        }
        Effect::Begin { name } => {
            asking.open(Some(name));
            Ok(())
        }
        Effect::Save { file, text } => {
            let done = match input::write_new(&file, text.as_bytes()) {
                Ok(_) => Message::Done(format!("{} is written.", sanitize::line(&file))),
                Err(why) => Message::Said(why),
            };
            return Left::Wanted(update(model, done));
        }
        Effect::Write { file, bytes } => {
            let written = input::decoded(&bytes).and_then(|b| input::write_new(&file, &b));
            return Left::Wanted(update(model, Message::Written(written)));
        }
        Effect::Set(key, value) => input::keep(config_file, key, &value),
        Effect::Bind { place, keys, action } => input::keep_key(config_file, place, &keys, action),
        Effect::Follow(link) => open::follow(&link),
        Effect::SetNode(key, value) => {
            nexus_node::config::set(config_file, key, &value).map(drop).map_err(|e| e.message)
        }
        other => return Left::Terminal(other),
    };
    Left::Wanted(match done {
        Ok(()) => Vec::new(),
        Err(what) => update(model, Message::Said(what)),
    })
}

/// Whether something on the screen changes by time alone.
fn waits(model: &Model) -> bool {
    !model.pending.is_empty()
        || model.toast.is_some()
        || model.chats.values().any(|c| c.draft_since.is_some())
}
