//! The rim of the linear mode: lines in, lines out, through a terminal or a pipe.

use std::io::{self, BufRead, IsTerminal, Write};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nexus_node::api::ErrorBody;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::asking::Asking;
use super::{Host, IDLE, Left, Options, TICK, WAITING, common, farewell, input, screen, waits};
use crate::message::{Effect, Message};
use crate::model::linear::Linear;
use crate::model::window::Window;
use crate::model::{Model, Stage};
use crate::spoken::{self, Teller};
use crate::time::Now;
use crate::update::update;

/// So long a line waits for what is on its way, so that it means what was last told: at a terminal, where a person sees
/// for themselves, and from a pipe, which sends the next line at once.
const PATIENCE: Duration = Duration::from_millis(500);
const PATIENCE_OF_A_PIPE: Duration = Duration::from_secs(10);

/// Runs until the person, the end of the input, or a signal ends it.
///
/// # Errors
/// When the node can't be had.
pub async fn read_out<H: Host>(options: Options, host: H) -> Result<(), ErrorBody> {
    let now = Now { at: Timestamp::now(), zone: TimeZone::system() };
    let mut config = options.config;
    config.keymap = config.keymap.by_name();
    let mut model = Model::new(now, spoken::SIZE, config, options.has_identity);
    model.visibility = options.visibility;
    model.linear = Some(Linear::default());
    let (sender, mut messages) = mpsc::channel(WAITING);
    let mut asking = Asking::new(host, sender);
    if options.has_identity {
        asking.open(None);
    }
    let mut rim = Rim {
        asking: &mut asking,
        config_file: options.config_file,
        lines: Lines::read(),
        out: Out::new(),
        teller: Teller::default(),
    };
    rim.turn(&mut model, &mut messages).await;
    let kept = farewell::farewell(&mut model, &mut asking, &mut messages).await;
    match model.stage {
        Stage::Gone(error) => Err(error),
        _ => kept,
    }
}

struct Rim<'a> {
    asking: &'a mut Asking,
    config_file: std::path::PathBuf,
    lines: Lines,
    out: Out,
    teller: Teller,
}

impl Rim<'_> {
    async fn turn(&mut self, model: &mut Model, messages: &mut mpsc::Receiver<Message>) {
        let mut signals = input::Signals::listen();
        let mut batch = Vec::new();
        let mut held: Option<(Message, Instant)> = None;
        let patience = if self.out.terminal { PATIENCE } else { PATIENCE_OF_A_PIPE };
        loop {
            if !self.round(model, std::mem::take(&mut batch))
                || matches!(model.stage, Stage::Gone(_))
            {
                return;
            }
            if let Some((message, _)) =
                held.take_if(|(_, since)| spoken::quiet(model) || since.elapsed() >= patience)
            {
                batch.push(message);
                continue;
            }
            let ready = held.is_none() && model.stage != Stage::Starting;
            if ready && self.out.prompt(&spoken::prompt(model)).is_err() {
                return;
            }
            let waits = waits(model) || self.teller.waits() || held.is_some();
            let tick = if waits { TICK } else { IDLE };
            tokio::select! {
                biased;
                () = signals.next() => batch.push(Message::Quit),
                line = self.lines.next(), if held.is_none() => {
                    self.out.entered();
                    held = Some((line.map_or(Message::Quit, Message::Line), Instant::now()));
                }
                _ = messages.recv_many(&mut batch, WAITING) => {}
                () = tokio::time::sleep(tick) => {}
            }
            model.now.at = Timestamp::now();
            batch.push(Message::Time(model.now.clone()));
        }
    }

    /// Takes messages in and tells what came of them. `false` at the end.
    fn round(&mut self, model: &mut Model, messages: Vec<Message>) -> bool {
        let mut lines = Vec::new();
        let mut goes_on = true;
        for message in messages {
            self.teller.hears(model, &message);
            goes_on &= self.take(model, message, &mut lines);
        }
        if self.teller.greets(model) {
            goes_on &= self.take(model, Message::Greet, &mut lines);
        }
        lines.extend(self.teller.tell(model));
        let page = matches!(model.windows.last(), Some(Window::Page(_) | Window::Help { .. }));
        if page && self.teller.told_window(model) {
            goes_on &= self.take(model, Message::Heard, &mut lines);
        }
        // Whoever listens is gone: that is an end like any other.
        self.out.tell(&lines).is_ok() && goes_on
    }

    fn take(&mut self, model: &mut Model, message: Message, lines: &mut Vec<String>) -> bool {
        let mut goes_on = true;
        for effect in update(model, message) {
            self.teller.wants(&effect);
            goes_on &= self.perform(model, effect, lines);
        }
        goes_on
    }

    fn perform(&mut self, model: &mut Model, effect: Effect, lines: &mut Vec<String>) -> bool {
        let effect = match common(self.asking, &self.config_file, model, effect) {
            Left::Terminal(effect) => effect,
            Left::Wanted(more) => return self.all(model, more, lines),
        };
        match effect {
            Effect::Tell(more) => lines.extend(more),
            Effect::Copy(text) if self.out.terminal => {
                let _ = io::stdout().write_all(screen::clipboard(&text).as_bytes());
            }
            Effect::Copy(text) => {
                // There is no clipboard at the other end of a pipe.
                model.toast = None;
                lines.extend(text.lines().map(str::to_owned));
            }
            Effect::Editor(text) if self.out.terminal => {
                let edited = screen::in_editor(&text);
                let more = update(model, Message::Edited(edited));
                let goes_on = self.all(model, more, lines);
                lines.extend(model.chat().and_then(spoken::lists::draft));
                return goes_on;
            }
            Effect::Editor(_) => model.complain("An editor needs a terminal."),
            Effect::Suspend => {
                use rustix::process::{Signal, kill_current_process_group};
                let _ = kill_current_process_group(Signal::TSTP);
            }
            Effect::Quit => return false,
            _ => {}
        }
        true
    }

    fn all(&mut self, model: &mut Model, effects: Vec<Effect>, lines: &mut Vec<String>) -> bool {
        effects.into_iter().all(|effect| self.perform(model, effect, lines))
    }
}

/// Lines that are typed. Only one is read ahead, so that an editor has the terminal for itself.
struct Lines {
    ask: std::sync::mpsc::Sender<()>,
    lines: mpsc::UnboundedReceiver<Option<String>>,
    asked: bool,
}

impl Lines {
    fn read() -> Self {
        let (ask, asked) = std::sync::mpsc::channel();
        let (sender, lines) = mpsc::unbounded_channel();
        // Reading blocks; the end of the program does not wait for this thread.
        thread::spawn(move || {
            let mut input = io::stdin().lock();
            while asked.recv().is_ok() {
                let mut line = Vec::new();
                let read = input.read_until(b'\n', &mut line);
                let line = read.is_ok_and(|n| n > 0).then(|| typed(&line));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { ask, lines, asked: false }
    }

    /// The next line; `None` at the end. Safe to drop and call again.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::replace(&mut self.asked, true) {
            let _ = self.ask.send(());
        }
        let line = self.lines.recv().await.flatten();
        self.asked = false;
        line
    }
}

/// A line as it was meant: cursor keys and other controls leave nothing in it.
fn typed(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                // Arrow keys and the like: ESC, [ or O, numbers, a letter.
                if rest.next_if(|c| matches!(c, '[' | 'O')).is_some() {
                    while rest.next_if(|c| c.is_ascii_digit() || *c == ';').is_some() {}
                    rest.next();
                }
            }
            '\t' => out.push_str("    "),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Where lines are told.
struct Out {
    terminal: bool,
    /// The cursor stands behind a prompt.
    prompted: Option<String>,
}

impl Out {
    fn new() -> Self {
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Self { terminal, prompted: None }
    }

    fn tell(&mut self, lines: &[String]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        if self.prompted.take().is_some() {
            writeln!(out)?;
        }
        for line in lines.iter().filter(|line| !line.is_empty()) {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    /// Enter was pressed: the terminal went to a new line by itself.
    fn entered(&mut self) {
        self.prompted = None;
    }

    /// Shows where to type; through a pipe nothing.
    fn prompt(&mut self, words: &str) -> io::Result<()> {
        if !self.terminal || self.prompted.is_some() {
            return Ok(());
        }
        self.prompted = Some(words.to_owned());
        let mut out = io::stdout().lock();
        write!(out, "{words}")?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_line_can_do_nothing_with_leave_nothing_in_it() {
        assert_eq!(typed(b"he\x1b[1;5Dllo\x1bOA\x07 you\r\n"), "hello you");
        assert_eq!(typed("grüß\tdich".as_bytes()), "grüß    dich");
        assert_eq!(typed(b"\xff"), "\u{fffd}");
    }
}
