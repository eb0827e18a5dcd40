//! From the terminal's events to messages.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::task::Poll;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{
    Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use futures::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::keymap::{Action, Code, Key, Place};
use crate::message::{Message, Mouse};

/// Events of the terminal that are taken in before a picture: a key that is held down, or a paste without brackets, costs
/// one and not hundreds.
const AT_ONCE: usize = 256;

/// What was typed so far.
pub(super) async fn typed(
    first: Option<std::io::Result<Event>>,
    input: &mut EventStream,
    batch: &mut Vec<Message>,
) {
    let mut next = Poll::Ready(first);
    for _ in 0..AT_ONCE {
        match next {
            Poll::Ready(Some(Ok(event))) => batch.extend(message(&event)),
            // The terminal is gone.
            Poll::Ready(_) => return batch.push(Message::Quit),
            Poll::Pending => return,
        }
        // With the waker of this task: the stream remembers the one that it was asked with first.
        next = futures::poll!(input.next());
    }
    // One more was read than was counted.
    if let Poll::Ready(Some(Ok(event))) = next {
        batch.extend(message(&event));
    }
}

/// What an event of the terminal means, if anything.
fn message(event: &Event) -> Option<Message> {
    match event {
        Event::Key(event) if event.kind != KeyEventKind::Release => key(event).map(Message::Key),
        Event::Key(_) => None,
        Event::Paste(text) => Some(Message::Paste(text.clone())),
        Event::Resize(width, height) => Some(Message::Resize(*width, *height)),
        Event::FocusGained => Some(Message::Focus(true)),
        Event::FocusLost => Some(Message::Focus(false)),
        Event::Mouse(mouse) => {
            let (x, y) = (mouse.column, mouse.row);
            let mouse = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Mouse::Click(x, y),
                MouseEventKind::ScrollUp => Mouse::Wheel(x, y, -1),
                MouseEventKind::ScrollDown => Mouse::Wheel(x, y, 1),
                _ => return None,
            };
            Some(Message::Mouse(mouse))
        }
    }
}

fn key(event: &KeyEvent) -> Option<Key> {
    let mut key = Key {
        code: Code::Esc,
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        alt: event.modifiers.contains(KeyModifiers::ALT),
        shift: event.modifiers.contains(KeyModifiers::SHIFT),
    };
    key.code = match event.code {
        KeyCode::Char(c) => {
            key.shift = false;
            match c {
                // What terminals send for Ctrl-_ reads as Ctrl-7.
                '7' if key.ctrl => Code::Char('_'),
                c if key.ctrl => Code::Char(c.to_ascii_lowercase()),
                c => Code::Char(c),
            }
        }
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => {
            key.shift = true;
            Code::Tab
        }
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(n) => Code::F(n),
        _ => return None,
    };
    Some(key)
}

/// The signals that end the program: SIGTERM, SIGHUP (the terminal is gone), SIGINT from outside.
pub(super) struct Signals(Vec<Signal>);

impl Signals {
    pub(super) fn listen() -> Self {
        let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    /// Until one comes. Safe to drop and call again.
    pub(super) async fn next(&mut self) {
        if self.0.is_empty() {
            return pending().await;
        }
        let waiting = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(waiting).await;
    }
}

/// Keeps a setting in the configuration file.
pub(super) fn keep(file: &Path, key: &str, value: &str) -> Result<(), String> {
    change(file, |text| crate::config::with(text, key, value))
}

/// Keeps what keys mean.
pub(super) fn keep_key(
    file: &Path,
    place: Place,
    keys: &[Key],
    action: Option<Option<Action>>,
) -> Result<(), String> {
    change(file, |text| crate::config::with_key(text, place, keys, action))
}

fn change(file: &Path, change: impl Fn(&str) -> Result<String, String>) -> Result<(), String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(format!("{} can't be read: {e}", file.display())),
    };
    let changed =
        change(&text).map_err(|e| format!("the setting was not kept: {}: {e}", file.display()))?;
    nexus_node::setup::write_atomically(file, changed.as_bytes(), true)
        .map_err(|e| format!("the setting was not kept: {}", e.message))
}

/// The bytes of a sealed backup.
pub(super) fn decoded(bytes: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(bytes).map_err(|e| e.to_string())
}

/// Writes to a file that is not there yet; `~/` is the home directory.
pub(super) fn write_new(file: &str, bytes: &[u8]) -> Result<u64, String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let path = match (file.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(file),
    };
    if path.exists() {
        return Err(format!("{} exists already; nothing is written over it", path.display()));
    }
    nexus_node::setup::write_atomically(&path, bytes, false).map_err(|e| e.message)?;
    Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}
