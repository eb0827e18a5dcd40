//! Phrases that seal a backup: made, normalized, judged.

use core::fmt;
use std::collections::BTreeSet;

use bip39::{Language, Mnemonic};
use rand_core::CryptoRng;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::{Zeroize, Zeroizing};

#[cfg(test)]
mod tests;

/// Estimated bits that a chosen phrase must reach.
pub const MIN_BITS: u32 = 60;
/// Bytes of a phrase, at most.
pub const MAX_PHRASE: usize = 1024;
/// Words of a generated phrase: 128 random bits and a check.
pub const GENERATED_WORDS: usize = 12;

/// Tenths of bits that guessing a word of the BIP 39 list takes: 2,048 words.
const LISTED_WORD: u32 = 110;
/// Tenths of bits of a letter in some other word: text is far from random.
const LETTER: u32 = 23;
/// Tenths of bits of a digit.
const DIGIT: u32 = 33;
/// Tenths of bits of any other character.
const OTHER: u32 = 45;
/// Tenths of bits of what only continues: `aaa`, `123`, `cba`, a word said again.
const CONTINUED: u32 = 10;

/// The phrase is too easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the phrase is too easy to guess: about {bits} bits, at least 60 are needed")]
pub struct WeakPhrase {
    /// What it was judged to have.
    pub bits: u32,
}

/// A phrase that is strong enough to seal with. Wiped when dropped.
#[derive(Clone)]
pub struct Phrase(Zeroizing<String>);

impl Phrase {
    /// A fresh phrase of 12 words.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut entropy = [0; 16];
        rng.fill_bytes(&mut entropy);
        // 16 bytes are always a valid length.
        let words = Mnemonic::from_entropy(&entropy)
            .map(|mnemonic| mnemonic.words().collect::<Vec<_>>().join(" "));
        entropy.zeroize();
        Self(Zeroizing::new(words.unwrap_or_default()))
    }

    /// A phrase that somebody chose, if it reaches [`MIN_BITS`].
    pub fn chosen(text: &str) -> Result<Self, WeakPhrase> {
        let bits = strength(text);
        if bits < MIN_BITS { Err(WeakPhrase { bits }) } else { Ok(Self(normalize(text))) }
    }

    /// The phrase, normalized: to be shown once, and never written down by the program.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(..)")
    }
}

/// The one form of a phrase: NFKC, words parted by single spaces; lower case if all its words
/// then are in the BIP 39 list. A generated phrase may so be typed with capitals and line breaks.
pub fn normalize(text: &str) -> Zeroizing<String> {
    // Room enough that growing leaves no copies behind.
    let mut composed = Zeroizing::new(String::with_capacity(4 * text.len()));
    composed.extend(text.nfkc());
    let mut joined = Zeroizing::new(String::with_capacity(composed.len()));
    for word in composed.split_whitespace() {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    let lower = Zeroizing::new(joined.to_lowercase());
    if lower.split(' ').all(is_listed) { lower } else { joined }
}

/// Estimates from below how many bits guessing the phrase takes.
///
/// A generated phrase (12 listed words whose check is right) has its 128; else each word counts
/// by its letters or as one of the list, repetitions and sequences count little.
pub fn strength(text: &str) -> u32 {
    let phrase = normalize(text);
    if phrase.len() > MAX_PHRASE {
        return 0;
    }
    let generated = Mnemonic::parse_in_normalized(Language::English, &phrase).is_ok();
    let distinct: BTreeSet<&str> = phrase.split(' ').collect();
    if generated && distinct.len() > GENERATED_WORDS / 2 {
        return 128;
    }
    let repeated = phrase.split(' ').count() - distinct.len();
    let words: u32 = distinct.into_iter().map(word_strength).sum();
    (words + CONTINUED * u32::try_from(repeated).unwrap_or(0)) / 10
}

fn word_strength(word: &str) -> u32 {
    let by_character: u32 = core::iter::once(None)
        .chain(word.chars().map(Some))
        .zip(word.chars())
        .map(|(before, c)| character_strength(before, c))
        .sum();
    if is_listed(&word.to_lowercase()) { by_character.min(LISTED_WORD) } else { by_character }
}

fn character_strength(before: Option<char>, c: char) -> u32 {
    match before {
        Some(before) if u32::from(before).abs_diff(u32::from(c)) <= 1 => CONTINUED,
        _ if c.is_ascii_digit() => DIGIT,
        _ if c.is_alphabetic() => LETTER,
        _ => OTHER,
    }
}

fn is_listed(word: &str) -> bool {
    Language::English.find_word(word).is_some()
}
