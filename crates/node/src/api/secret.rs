//! Texts that nobody but the person may see.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A phrase or the like: plain in JSON, wiped when dropped, and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes over a text that is secret already.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Copy it only into something that is wiped too.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{BackupView, Command, Request};

    #[test]
    fn debug_shows_no_phrase() {
        let phrase = Some(SecretText::new("correct horse battery staple"));
        assert_eq!(format!("{phrase:?}"), "Some(SecretText(..))");
        let request = Request { id: 1, command: Command::BackupCreate { phrase: phrase.clone() } };
        let shown = "Request { id: 1, command: BackupCreate { phrase: Some(SecretText(..)) } }";
        assert_eq!(format!("{request:?}"), shown);
        let view = BackupView { phrase, file: String::new() };
        assert_eq!(format!("{view:?}"), r#"BackupView { phrase: Some(SecretText(..)), file: "" }"#);
    }

    #[test]
    fn json_is_the_text() {
        let text = SecretText::new("ä \"b\"");
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(json, r#""ä \"b\"""#);
        assert_eq!(serde_json::from_str::<SecretText>(&json).unwrap(), text);
    }
}
