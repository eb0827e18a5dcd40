//! One key press, and how it is written.

use std::fmt;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A character.
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tabulator.
    Tab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Left.
    Left,
    /// Right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// F1 to F12.
    F(u8),
}

/// A key press. A character comes as it is typed: `?`, not shift and `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which key.
    pub code: Code,
    /// With Ctrl.
    pub ctrl: bool,
    /// With Alt.
    pub alt: bool,
    /// With Shift; never of a character.
    pub shift: bool,
}

const NAMES: [(&str, Code); 14] = [
    ("enter", Code::Enter),
    ("esc", Code::Esc),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("home", Code::Home),
    ("end", Code::End),
    ("pageup", Code::PageUp),
    ("pagedown", Code::PageDown),
    ("space", Code::Char(' ')),
];

impl Key {
    /// A key alone.
    #[must_use]
    pub const fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// The character that this press types, if it types one.
    #[must_use]
    pub const fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (on, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if on {
                f.write_str(name)?;
            }
        }
        match self.code {
            Code::F(n) => write!(f, "f{n}"),
            code => match (NAMES.iter().find(|(_, c)| *c == code), code) {
                (Some((name, _)), _) => f.write_str(name),
                (None, Code::Char(c)) => write!(f, "{c}"),
                (None, _) => Ok(()),
            },
        }
    }
}

fn one(text: &str) -> Result<Key, String> {
    let mut rest = text;
    let mut key = Key::plain(Code::Esc);
    loop {
        if let Some(after) = rest.strip_prefix("ctrl-") {
            (key.ctrl, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix("alt-") {
            (key.alt, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix("shift-") {
            (key.shift, rest) = (true, after);
        } else {
            break;
        }
    }
    let mut chars = rest.chars();
    key.code = match (chars.next(), chars.next()) {
        (Some(c), None) if key.shift => {
            return Err(format!("write {:?} instead of {text:?}", c.to_uppercase().to_string()));
        }
        (Some(c), None) => Code::Char(c),
        _ => match NAMES.iter().find(|(name, _)| *name == rest) {
            Some((_, code)) => *code,
            None => match rest.strip_prefix('f').and_then(|n| n.parse().ok()) {
                Some(n @ 1..=12) => Code::F(n),
                _ => {
                    return Err(format!(
                        "there is no key {text:?}; keys are written as `ctrl-k`, `alt-enter`, `f1`, `pageup`, `g g`"
                    ));
                }
            },
        },
    };
    Ok(key)
}

/// One key or several with a space between them.
pub(super) fn sequence(text: &str) -> Result<Vec<Key>, String> {
    let keys: Vec<Key> = text.split_whitespace().map(one).collect::<Result<_, _>>()?;
    match keys.len() {
        0 => Err("a key is missing".to_owned()),
        n if n > super::MAX_SEQUENCE => {
            Err(format!("{text:?} is too long: at most {} keys in a row", super::MAX_SEQUENCE))
        }
        _ => Ok(keys),
    }
}
