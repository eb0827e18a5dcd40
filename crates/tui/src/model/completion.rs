//! What the word that is being written could become: `:smi` 😄, `@an` @Ana.

use super::Model;
use super::composer::Composer;
use crate::text::width;

/// Offers at most.
pub const OFFERS: usize = 6;
/// Shortest `:name` that something is offered for: `:p` and `:3` are faces already.
const SHORTEST: usize = 2;

/// What a word could become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What is shown.
    pub label: String,
    /// What is put in place of the word.
    pub with: String,
}

/// The word before the cursor.
fn word(field: &Composer) -> &str {
    let before = field.text().get(..field.cursor()).unwrap_or_default();
    before.rsplit(char::is_whitespace).next().unwrap_or_default()
}

/// The word before the cursor in the composer, and what it could become, the best first.
#[must_use]
pub fn offers<'a>(model: &Model, field: &'a Composer) -> (&'a str, Vec<Offer>) {
    let word = word(field);
    let found = match (word.strip_prefix(':'), word.strip_prefix('@')) {
        (Some(name), _) => emoji(name),
        (_, Some(name)) => people(model, name),
        _ => Vec::new(),
    };
    (word, found)
}

/// The emoji that `:name:` stands for, when the word before the cursor is one.
#[must_use]
pub fn whole(field: &Composer) -> Option<(usize, &'static str)> {
    let word = word(field);
    let name = word.strip_prefix(':')?.strip_suffix(':')?;
    let emoji = emojis::get_by_shortcode(&name.to_lowercase())?;
    Some((word.len(), emoji.as_str()))
}

/// Those whose names, or words of them, begin so.
fn emoji(name: &str) -> Vec<Offer> {
    let name = name.trim_end_matches(':').to_lowercase();
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+'));
    if name.len() < SHORTEST || !plain {
        return Vec::new();
    }
    let mut found: Vec<(u8, usize, &str, &emojis::Emoji)> = Vec::new();
    for emoji in emojis::iter() {
        let rank = |code: &str| match code {
            code if code == name => Some(0),
            code if code.starts_with(&name) => Some(1),
            code if code.split('_').any(|part| part.starts_with(&name)) => Some(2),
            _ => None,
        };
        let best = emoji.shortcodes().filter_map(|code| Some((rank(code)?, code))).min();
        found.extend(best.map(|(rank, code)| (rank, code.len(), code, emoji)));
    }
    found.sort_by_key(|(rank, length, code, _)| (*rank, *length, *code));
    let offer = |(_, _, code, emoji): (u8, usize, &str, &emojis::Emoji)| Offer {
        label: format!("{emoji} :{code}:"),
        with: emoji.to_string(),
    };
    found.into_iter().take(OFFERS).map(offer).collect()
}

/// Those of the conversation first, then every contact.
fn people(model: &Model, name: &str) -> Vec<Offer> {
    let name = name.to_lowercase();
    let open = model.open.as_deref().and_then(|id| model.conversation(id));
    let here = open.map(|c| c.members.as_slice()).unwrap_or_default();
    let mut all: Vec<(bool, String)> = model
        .contacts
        .keys()
        .map(|who| (!here.contains(who), model.name(who)))
        .filter(|(_, n)| n.to_lowercase().split_whitespace().any(|part| part.starts_with(&name)))
        .collect();
    all.sort();
    all.dedup();
    let offer = |(_, n): (bool, String)| Offer { label: format!("@{n}"), with: format!("@{n} ") };
    all.into_iter().take(OFFERS).map(offer).collect()
}

/// Offers in one line of so many cells; those that do not fit are left out.
#[must_use]
pub fn line(offers: &[Offer], key: &str, cells: usize) -> String {
    let mut shown = format!(" {key}:");
    for offer in offers {
        let next = format!(" {} ", offer.label);
        if width(&shown) + width(&next) > cells {
            break;
        }
        shown.push_str(&next);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::testing::home;

    fn offered(text: &str) -> Vec<String> {
        let mut model = home((80, 24));
        model.contacts.values_mut().for_each(|c| c.name = "Ben Berg".to_owned());
        let field = Composer::with(text);
        let (_, found) = offers(&model, &field);
        found.into_iter().map(|o| o.with).collect()
    }

    #[test]
    fn words_become_emoji_and_names() {
        for (text, first) in [
            ("well :tada", Some("🎉")),
            (":thumbsup", Some("👍")),
            (":hand", Some("✋")),
            ("@be", Some("@Ben Berg ")),
            ("hi @BERG", Some("@Ben Berg ")),
            ("at 10:30", None),
            (":p", None),
            ("a@be", None),
            ("@zoe", None),
        ] {
            assert_eq!(offered(text).first().map(String::as_str), first, "{text}");
        }
        assert!(offered(":a").is_empty() && offered(":fa").len() == OFFERS);
    }

    #[test]
    fn a_name_between_colons_is_an_emoji_at_once() {
        assert_eq!(whole(&Composer::with("oh :joy:")), Some((5, "😂")));
        for none in ["::", ":nosuchthing:", "10:30:", "joy:"] {
            assert_eq!(whole(&Composer::with(none)), None, "{none}");
        }
    }
}
