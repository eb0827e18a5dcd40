//! Which display names are allowed: short, visible, and unable to disturb the text around them.

use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;

/// Bytes of UTF-8 in a display name, at most.
pub const MAX_NAME: usize = 64;

/// Why a display name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing visible is left.
    #[error("nothing in it can be seen")]
    Empty,
    /// Longer than it may be; how many bytes it has.
    #[error("it has {0} bytes")]
    TooLong(usize),
}

/// Makes a display name safe to be signed into a profile.
///
/// Composes it (NFC), makes one space of each run of white space, trims, and drops what is not
/// visible: control characters, bidirectional controls, other invisible format characters. Joiners
/// stay where they stand between two visible characters, as Persian names and emoji need them.
pub fn clean_name(name: &str) -> Result<String, NameError> {
    clean(name, MAX_NAME)
}

/// The same for a name of at most `most` bytes, such as one that stays on this device.
pub fn clean(name: &str, most: usize) -> Result<String, NameError> {
    // Composed after the dropping: what stood apart by something invisible may belong together.
    let shown = name.chars().filter(|c| c.is_whitespace() || !is_hidden(*c));
    let chars: Vec<char> = shown.nfc().collect();
    let mut clean = String::new();
    for word in chars.split(|c| c.is_whitespace()) {
        let visible = |c: &char| !is_joiner(*c);
        let (Some(first), Some(last)) =
            (word.iter().position(visible), word.iter().rposition(visible))
        else {
            continue;
        };
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.extend(word.get(first..=last).unwrap_or_default());
    }
    match clean.len() {
        0 => Err(NameError::Empty),
        len if len <= most => Ok(clean),
        len => Err(NameError::TooLong(len)),
    }
}

/// Whether it is one of the two joiners, which have a use only between visible characters.
pub const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether nobody sees it: control characters, bidirectional controls, other invisible format
/// characters. Joiners are not among them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn controls_and_overrides_are_dropped() {
        assert_eq!(clean_name("A\u{1b}[31mlice\u{7}"), Ok("A[31mlice".into()));
        assert_eq!(clean_name("\u{202e}ecilA\u{2066}"), Ok("ecilA".into()));
        assert_eq!(clean_name(" A \u{200b}\n\t B "), Ok("A B".into()));
        assert_eq!(clean_name("A\u{2028}B"), Ok("A B".into()));
    }

    #[test]
    fn joiners_stay_only_between_visible_characters() {
        assert_eq!(clean_name("👩\u{200d}🚀"), Ok("👩\u{200d}🚀".into()));
        assert_eq!(clean_name("\u{200d}Bob\u{200c} \u{200d}"), Ok("Bob".into()));
    }

    #[test]
    fn equal_looking_spellings_become_equal() {
        assert_eq!(clean_name("Jose\u{301}"), clean_name("Jos\u{e9}"));
        assert_eq!(clean_name("Jose\u{200b}\u{301}"), clean_name("Jos\u{e9}"));
    }

    #[test]
    fn empty_and_overlong_names_are_refused() {
        assert_eq!(clean_name(" \u{202e}\u{200b} "), Err(NameError::Empty));
        assert_eq!(clean_name(&"a".repeat(64)), Ok("a".repeat(64)));
        assert_eq!(clean_name(&"a".repeat(65)), Err(NameError::TooLong(65)));
        assert_eq!(clean_name(&"é".repeat(33)), Err(NameError::TooLong(66)));
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(name in "\\PC{0,20}|.{0,20}") {
            if let Ok(clean) = clean_name(&name) {
                prop_assert_eq!(clean_name(&clean), Ok(clean));
            }
        }
    }
}
