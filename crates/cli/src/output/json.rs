//! JSON lines whose strings are harmless even on a terminal: what can't be shown safely is escaped as `\uXXXX`, so a
//! reader of the JSON gets the very text that was sent.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use crate::sanitize;

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| sanitize::is_unsafe(*c)) {
            CompactFormatter.write_string_fragment(to, text.get(plain..at).unwrap_or_default())?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(to, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        CompactFormatter.write_string_fragment(to, text.get(plain..).unwrap_or_default())
    }
}

/// Writes one value, without a line break.
///
/// # Errors
/// Those of `to`.
pub(crate) fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(to, Escaping)).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &impl Serialize) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes, value).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_a_terminal_could_obey_is_escaped() {
        assert_eq!(text(&"a\u{1b}[2J\u{9b}\u{202e}ü\n"), r#""a\u001b[2J\u009b\u202eü\n""#);
        assert_eq!(text(&"\u{e0067}"), r#""\udb40\udc67""#);
    }

    proptest! {
        #[test]
        fn the_text_is_read_back_as_it_was_sent(sent in any::<String>()) {
            let line = text(&serde_json::json!({ "text": sent }));
            prop_assert!(!line.chars().any(sanitize::is_unsafe));
            let back: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(back["text"].as_str(), Some(sent.as_str()));
        }
    }
}
