//! Which names of files are safe.
//!
//! A name is data, never a path: one component, visible, no device of any system, nothing that a
//! shell window or a file manager would show as something else. [`SafeName`] can only be made by the
//! check; [`sanitize`] is for the sender, whose own files may be called anything.

use core::fmt;
use std::borrow::Borrow;
use std::sync::Arc;

use nexus_identity::name::{is_hidden, is_joiner};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::limits::MAX_NAME;

/// A name that was checked: what a file or a folder may be called here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeName(Arc<str>);

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or nothing that can be seen.
    #[error("it is empty")]
    Empty,
    /// Over [`MAX_NAME`]; how many bytes it has.
    #[error("it has {0} bytes")]
    TooLong(usize),
    /// `.` or `..`.
    #[error("it means a folder, not a name")]
    Dots,
    /// `/` or `\`, which separate names.
    #[error("it holds a separator")]
    Separator,
    /// A control character, a bidirectional control, or another character that nobody sees.
    #[error("it holds a hidden character")]
    Hidden,
    /// It begins or ends with white space, or ends with a dot, which some systems drop.
    #[error("it begins or ends with a space, or ends with a dot")]
    Edge,
    /// A device on some system: `CON`, `nul.txt`, `COM1`.
    #[error("it is the name of a device")]
    Device,
    /// Not composed (NFC): it would be another file that looks the same.
    #[error("it is not in the composed form")]
    NotComposed,
}

impl SafeName {
    /// Checks a name that came from somewhere.
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(name)?;
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong(name.len()));
    }
    if matches!(name, "." | "..") {
        return Err(NameError::Dots);
    }
    if name.contains(['/', '\\']) {
        return Err(NameError::Separator);
    }
    if name.chars().any(is_hidden) || has_loose_joiner(name) {
        return Err(NameError::Hidden);
    }
    if name.starts_with(char::is_whitespace) || name.ends_with(is_bad_end) {
        return Err(NameError::Edge);
    }
    if is_device(name) {
        return Err(NameError::Device);
    }
    if !is_nfc(name) {
        return Err(NameError::NotComposed);
    }
    Ok(())
}

fn is_bad_end(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Whether a joiner stands where it joins nothing: Persian names and emoji need them, but only
/// between two characters that are neither joiners nor ASCII nor white space.
fn has_loose_joiner(name: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(can_be_joined);
    let mut before = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if is_joiner(c) && !(joins(before) && joins(chars.peek().copied())) {
            return true;
        }
        before = Some(c);
    }
    false
}

fn can_be_joined(c: char) -> bool {
    !is_joiner(c) && !c.is_ascii() && !c.is_whitespace()
}

/// Names that Windows gives to devices, whatever follows the first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let upper = stem.to_ascii_uppercase();
    let numbered = |of: &str| {
        upper.strip_prefix(of).is_some_and(|rest| {
            let mut chars = rest.chars();
            let digit = chars.next();
            digit.is_some_and(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³'))
                && chars.next().is_none()
        })
    };
    matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$")
        || numbered("COM")
        || numbered("LPT")
}

/// Makes a safe name of any, as near to it as can be: for what the sender's own files are called.
///
/// Separators and control characters become `_`, other hidden characters go, the rest is composed,
/// trimmed, kept from being a device and cut to [`MAX_NAME`] bytes before its extension. What is
/// safe stays as it is.
pub fn sanitize(name: &str) -> SafeName {
    if let Ok(safe) = SafeName::new(name) {
        return safe;
    }
    let visible = name.chars().filter_map(|c| match c {
        '/' | '\\' => Some('_'),
        c if c.is_control() => Some('_'),
        c if is_hidden(c) => None,
        c => Some(c),
    });
    let composed: String = visible.nfc().collect();
    let (stem, extension) = split_extension(composed.trim());
    let prefix = if is_device(stem) { "_" } else { "" };
    assemble(prefix, stem, "", extension)
}

/// The name with a number, as files get it whose name is taken: `name (2).ext`, at most
/// [`MAX_NAME`] bytes. `.tar.gz` and the like stay together.
pub fn with_number(name: &SafeName, number: u32) -> SafeName {
    let (stem, extension) = split_extension(name.as_str());
    assemble("", stem, &format!(" ({number})"), extension)
}

/// Puts a name together, the stem cut so that it fits.
fn assemble(prefix: &str, stem: &str, suffix: &str, extension: &str) -> SafeName {
    let room = MAX_NAME.saturating_sub(prefix.len() + suffix.len() + extension.len());
    let mut stem: String = without_loose_joiners(stem);
    stem.truncate(stem.floor_char_boundary(room));
    // What was cut may end in what joined it to the rest.
    let stem = without_loose_joiners(stem.trim_start());
    let stem = if suffix.is_empty() && extension.is_empty() {
        stem.trim_end_matches(is_bad_end)
    } else {
        stem.as_str()
    };
    let name = format!("{prefix}{stem}{suffix}{extension}");
    match check(&name) {
        Ok(()) => SafeName(name.into()),
        Err(_) => SafeName(format!("unnamed{suffix}").into()),
    }
}

fn without_loose_joiners(name: &str) -> String {
    let mut kept = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = |c: Option<char>| c.is_some_and(can_be_joined);
        if !is_joiner(c) || joins(kept.chars().next_back()) && joins(chars.peek().copied()) {
            kept.push(c);
        }
    }
    kept
}

/// Most bytes of an extension, its dot included; what is longer is part of the name.
const MAX_EXTENSION: usize = 16;

/// The name before its extension, and the extension with its dot or dots.
fn split_extension(name: &str) -> (&str, &str) {
    let Some(at) = extension_start(name) else { return (name, "") };
    let (stem, extension) = name.split_at(at);
    let packed = matches!(
        extension.to_ascii_lowercase().as_str(),
        ".gz" | ".bz2" | ".xz" | ".zst" | ".lz" | ".lz4" | ".lzma" | ".br" | ".z" | ".gpg" | ".age"
    );
    match extension_start(stem) {
        Some(inner) if packed => name.split_at(inner),
        _ => (stem, extension),
    }
}

fn extension_start(name: &str) -> Option<usize> {
    let at = name.rfind('.')?;
    let (stem, extension) = name.split_at(at);
    let plain = extension.chars().skip(1).all(|c| c.is_ascii_alphanumeric());
    let fits = (2..=MAX_EXTENSION).contains(&extension.len());
    (plain && fits && !stem.trim_matches('.').is_empty()).then_some(at)
}

impl AsRef<str> for SafeName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for SafeName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests;
