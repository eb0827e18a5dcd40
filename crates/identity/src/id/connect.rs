//! ConnectID: the name by which one identity is known everywhere, and its text form.

use core::fmt;
use core::str::FromStr;

use bech32::primitives::checksum::Engine;
use bech32::{Bech32m, Fe32, Hrp};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::IdentityKey;

/// Prefix (human-readable part) of the text form.
const PREFIX: &str = "nx";
/// Symbol of version 1, before the data.
const VERSION: Fe32 = Fe32::Q;
/// Symbols of 32 bytes: 256 bits in fives, the last one padded with 4 zero bits.
const DATA_SYMBOLS: usize = 52;
/// Symbols of the Bech32m checksum (BIP 350).
const CHECKSUM_SYMBOLS: usize = 6;
/// `nx1` before the symbols.
const HEAD: usize = PREFIX.len() + 1;
/// Symbols after `nx1`: version, data, checksum.
const SYMBOLS: usize = 1 + DATA_SYMBOLS + CHECKSUM_SYMBOLS;
/// Characters of the text form.
pub const TEXT_LENGTH: usize = HEAD + SYMBOLS;
/// Characters of the short form shown in lists.
const SHORT: usize = 8;

/// SHA-256 of an identity's 32-byte public key.
///
/// As text Bech32m (BIP 350): prefix `nx`, the version symbol `q`, 52 symbols of data and 6 of
/// checksum, 62 characters in all. Lower case is written, all lower or all upper case is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectId([u8; 32]);

impl ConnectId {
    /// The ConnectID of `key`.
    pub fn of(key: &IdentityKey) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 32 bytes that are a ConnectID already.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 8 characters after `nx1q`, for lists.
    pub fn short(&self) -> String {
        self.to_string().chars().skip(HEAD + 1).take(SHORT).collect()
    }
}

impl fmt::Display for ConnectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut symbols = Vec::with_capacity(SYMBOLS);
        symbols.push(VERSION);
        symbols.extend(to_symbols(&self.0));
        let mut engine = Engine::<Bech32m>::new();
        engine.input_hrp(prefix());
        symbols.iter().for_each(|symbol| engine.input_fe(*symbol));
        engine.input_target_residue();
        let residue = *engine.residue();
        let checksum = (0..CHECKSUM_SYMBOLS).rev().map(|i| symbol(residue >> (5 * i)));
        let text: String = symbols.into_iter().chain(checksum).map(|fe| fe.to_char()).collect();
        f.pad(&format!("{PREFIX}1{text}"))
    }
}

impl fmt::Debug for ConnectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectId({self})")
    }
}

/// What is wrong with a text that should be a ConnectID. Positions count characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConnectIdError {
    /// It does not begin with `nx1`: not a ConnectID, or its beginning is mistyped.
    #[error("a ConnectID begins with nx1")]
    Prefix,
    /// Upper and lower case are mixed; at `position` the case changes for the first time.
    #[error("upper and lower case are mixed, from character {position} on")]
    MixedCase {
        /// Where the case first differs from the letters before.
        position: usize,
    },
    /// A character that never occurs in a ConnectID (as 1, b, i, o).
    #[error("{found:?} at character {position} never occurs in a ConnectID")]
    Character {
        /// Where it is.
        position: usize,
        /// What it is.
        found: char,
    },
    /// Characters are missing or too many.
    #[error("a ConnectID has 62 characters, this has {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// The checksum is wrong, and exactly one change of one character would make it right.
    #[error("mistyped: character {position} is wrong")]
    Typo {
        /// Which character.
        position: usize,
    },
    /// The checksum is wrong, and more than one character must be.
    #[error("mistyped: the checksum is wrong, more than one character must be")]
    Checksum,
    /// Correctly written, but of a version that this program does not know.
    #[error("a ConnectID of a version that this program does not know")]
    Version,
    /// Correctly written, but the unused last bits are not zero; no program writes that.
    #[error("not a ConnectID: the unused bits are not zero")]
    Padding,
}

impl FromStr for ConnectId {
    type Err = ConnectIdError;

    fn from_str(text: &str) -> Result<Self, ConnectIdError> {
        let symbols = read_symbols(text)?;
        if !is_valid(&symbols) {
            return Err(locate_typo(symbols));
        }
        let (version, rest) = symbols.split_first().ok_or(ConnectIdError::Checksum)?;
        if *version != VERSION {
            return Err(ConnectIdError::Version);
        }
        from_symbols(rest.get(..DATA_SYMBOLS).unwrap_or_default()).ok_or(ConnectIdError::Padding)
    }
}

/// The symbols after `nx1`, exactly [`SYMBOLS`] of them.
fn read_symbols(text: &str) -> Result<Vec<Fe32>, ConnectIdError> {
    let prefix = text.get(..HEAD).ok_or(ConnectIdError::Prefix)?;
    if !prefix.eq_ignore_ascii_case("nx1") {
        return Err(ConnectIdError::Prefix);
    }
    let mut upper = None;
    for (at, letter) in text.chars().enumerate().filter(|(_, c)| c.is_ascii_alphabetic()) {
        if *upper.get_or_insert(letter.is_ascii_uppercase()) != letter.is_ascii_uppercase() {
            return Err(ConnectIdError::MixedCase { position: at + 1 });
        }
    }
    let mut symbols = Vec::with_capacity(SYMBOLS);
    for (at, found) in text.chars().enumerate().skip(HEAD) {
        let bad = ConnectIdError::Character { position: at + 1, found };
        // An overlong text is named as such, unless it holds something that never belongs there.
        symbols.push(Fe32::from_char(found).map_err(|_| bad)?);
    }
    if symbols.len() != SYMBOLS {
        return Err(ConnectIdError::Length { found: HEAD + symbols.len() });
    }
    Ok(symbols)
}

/// Names the one wrong character, if there is one change that mends the checksum.
///
/// The distance of the code is at least 5 at this length, so a single wrong character has exactly
/// one mending, and two wrong ones never look like one. The mended text is not offered: who
/// mistypes looks at the source again (BIP 173 advises the same).
fn locate_typo(mut symbols: Vec<Fe32>) -> ConnectIdError {
    let mut found = None;
    for at in 0..symbols.len() {
        let Some(original) = symbols.get(at).copied() else { continue };
        for candidate in (0..32).map(symbol).filter(|c| *c != original) {
            put(&mut symbols, at, candidate);
            if is_valid(&symbols) && found.replace(at).is_some() {
                return ConnectIdError::Checksum;
            }
        }
        put(&mut symbols, at, original);
    }
    found.map_or(ConnectIdError::Checksum, |at| ConnectIdError::Typo { position: HEAD + at + 1 })
}

fn put(symbols: &mut [Fe32], at: usize, symbol: Fe32) {
    if let Some(place) = symbols.get_mut(at) {
        *place = symbol;
    }
}

fn is_valid(symbols: &[Fe32]) -> bool {
    let mut engine = Engine::<Bech32m>::new();
    engine.input_hrp(prefix());
    symbols.iter().for_each(|symbol| engine.input_fe(*symbol));
    *engine.residue() == <Bech32m as bech32::Checksum>::TARGET_RESIDUE
}

const fn prefix() -> Hrp {
    Hrp::parse_unchecked(PREFIX)
}

/// The symbol of the low five bits.
fn symbol(value: u32) -> Fe32 {
    // Five bits are always a symbol.
    u8::try_from(value & 31).ok().and_then(|v| Fe32::try_from(v).ok()).unwrap_or(Fe32::Q)
}

fn to_symbols(bytes: &[u8; 32]) -> Vec<Fe32> {
    let mut symbols = Vec::with_capacity(DATA_SYMBOLS);
    let (mut bits, mut count) = (0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            symbols.push(symbol(bits >> count));
        }
    }
    symbols.push(symbol(bits << (5 - count)));
    symbols
}

/// The bytes of exactly [`DATA_SYMBOLS`] symbols; `None` if the unused bits are not zero.
fn from_symbols(symbols: &[Fe32]) -> Option<ConnectId> {
    let mut bytes = Vec::with_capacity(33);
    let (mut bits, mut count) = (0u32, 0);
    for symbol in symbols {
        bits = bits << 5 | u32::from(symbol.to_u8());
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    if bits & ((1 << count) - 1) != 0 {
        return None;
    }
    bytes.try_into().ok().map(ConnectId)
}
