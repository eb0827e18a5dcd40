//! The terminal: taken over at the beginning, given back whatever happens.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange,
};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use nexus_node::api::{ErrorBody, ErrorCode};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};

use crate::model::composer;

/// Bytes of one picture that are written at once.
const BUFFER: usize = 64 * 1024;

/// Lets the terminal tell of clicks and the wheel, in the form that has no last column; not of every movement, which
/// crossterm asks for too.
const MOUSE: &str = "\u{1b}[?1000h\u{1b}[?1006h";

/// Whether the terminal is ours just now: a panic gives it back once.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal, while it is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

fn lost(error: io::Error) -> ErrorBody {
    ErrorBody::new(
        ErrorCode::Failed,
        format!("the terminal is lost: {error}"),
        "what was written is kept",
    )
}

/// Whether the UI can be shown.
///
/// # Errors
/// Why not, and what to do.
pub(super) fn possible() -> Result<(), ErrorBody> {
    let no = |message: &str| {
        Err(ErrorBody::new(
            ErrorCode::Usage,
            message,
            "`nexus --screen-reader` does the same line by line; or use the commands: `nexus --help`",
        ))
    };
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return no("the screen of Nexus needs a terminal");
    }
    match std::env::var("TERM") {
        Ok(term) if term == "dumb" => {
            no("this terminal (TERM=dumb) can't show the screen of Nexus")
        }
        _ => Ok(()),
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange)?;
    if mouse {
        execute!(out, Print(MOUSE))?;
    }
    Ok(())
}

/// Gives the terminal back; more than once does nothing more.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        // Nothing can be done when the terminal is gone.
        let _ = execute!(
            out,
            EndSynchronizedUpdate,
            DisableMouseCapture,
            DisableFocusChange,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// A panic of the thread that paints gives the terminal back before it is told; one elsewhere must not write over the
/// screen.
fn on_panic() {
    let ours = thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().id() == ours {
            give_back();
            before(info);
        } else if TAKEN.load(Ordering::SeqCst) {
            tracing::error!("{info}");
        } else {
            before(info);
        }
    }));
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn open(mouse: bool) -> Result<Self, ErrorBody> {
        possible()?;
        on_panic();
        take(mouse).map_err(lost)?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, io::stdout()));
        let terminal = Terminal::new(backend).map_err(lost)?;
        Ok(Self { terminal })
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> Result<(u16, u16), ErrorBody> {
        let size = self.terminal.size().map_err(lost)?;
        Ok((size.width, size.height))
    }

    /// Paints; only what changed is written.
    pub(super) fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> Result<(), ErrorBody> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate).map_err(lost)?;
        self.terminal.draw(paint).map_err(lost)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate).map_err(lost)
    }

    /// Paints everything anew the next time.
    pub(super) fn clear(&mut self) -> Result<(), ErrorBody> {
        // `Terminal::clear` asks the terminal where the cursor is, and takes keys for its answer.
        let size = self.terminal.size().map_err(lost)?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height)).map_err(lost)
    }

    fn say(&mut self, sequence: &str) {
        let out = self.terminal.backend_mut();
        let _ = out.write_all(sequence.as_bytes()).and_then(|()| Write::flush(out));
    }

    /// The title of the terminal.
    pub(super) fn title(&mut self, title: &str) {
        let _ = execute!(self.terminal.backend_mut(), SetTitle(crate::sanitize::line(title)));
    }

    /// Puts a text on the clipboard by OSC 52, which works over SSH too.
    pub(super) fn copy(&mut self, text: &str) {
        self.say(&clipboard(text));
    }

    /// Tells of something by OSC 9.
    pub(super) fn notify(&mut self, title: &str, text: &str) {
        self.say(&notice(title, text));
    }

    /// Rings.
    pub(super) fn bell(&mut self) {
        self.say("\u{7}");
    }

    /// Whether the mouse is ours.
    pub(super) fn mouse(&mut self, on: bool) {
        let out = self.terminal.backend_mut();
        let _ = if on { execute!(out, Print(MOUSE)) } else { execute!(out, DisableMouseCapture) };
    }

    /// Goes back to the shell until it lets us go on.
    pub(super) fn suspend(&mut self, mouse: bool) -> Result<(), ErrorBody> {
        use rustix::process::{Signal, kill_current_process_group};
        give_back();
        let stopped = kill_current_process_group(Signal::TSTP);
        take(mouse).map_err(lost)?;
        self.clear()?;
        stopped.map_err(|e| lost(e.into()))
    }

    /// Lets the person write in their editor; inside, what they wrote, or why nothing came of it.
    pub(super) fn edit(
        &mut self,
        text: &str,
        mouse: bool,
    ) -> Result<Result<String, String>, ErrorBody> {
        give_back();
        let edited = in_editor(text);
        take(mouse).map_err(lost)?;
        self.clear()?;
        Ok(edited)
    }

    /// Gives the terminal back.
    pub(super) fn close(&mut self) {
        give_back();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Tells of something by OSC 9. It begins with a word of ours: what begins with a number (a name can) is a command to
/// some terminals; ConEmu starts a program by it.
fn notice(title: &str, text: &str) -> String {
    format!("\u{1b}]9;Nexus: {}\u{1b}\\", crate::sanitize::line(&format!("{title}: {text}")))
}

/// Puts a text on the clipboard of the terminal: OSC 52.
pub(super) fn clipboard(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(text))
}

pub(super) fn in_editor(text: &str) -> Result<String, String> {
    let failed = |e: io::Error| format!("The editor failed ({e}); the text is as it was.");
    // Only this person can read it, and it is gone afterwards.
    let mut file =
        tempfile::Builder::new().prefix("nexus-").suffix(".txt").tempfile().map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok());
    let editor = editor.filter(|e| !e.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let mut command = std::process::Command::new(words.next().unwrap_or("vi"));
    let status = command.args(words).arg(file.path()).status().map_err(failed)?;
    if !status.success() {
        return Err(format!("The editor failed ({status}); the text is as it was."));
    }
    let bytes = std::fs::read(file.path()).map_err(failed)?;
    if bytes.len() <= composer::MOST {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    // What was written is not lost.
    let (length, (_, path)) = (bytes.len(), file.keep().map_err(|e| failed(e.error))?);
    Err(format!(
        "{length} bytes are more than can be written here ({}); they stay in {}.",
        composer::MOST,
        path.display()
    ))
}

#[cfg(test)]
mod tests;
