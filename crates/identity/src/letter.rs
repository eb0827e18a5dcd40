//! Letters: sealed notes to somebody who shares no conversation with me yet.
//!
//! A letter is signed over its recipient, so that nobody can pass it on as written to another, and
//! carries an id, so that a repeated one is known. What is outside the seal says only how to open
//! it: version, suite, letter id, prekey id.

use core::fmt;

use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::card::{CardError, VerifiedCard};
use crate::cbor::{CborError, Map, MapWriter, Reader, Writer};
use crate::id::{BadSignature, ConnectId, ContactKey, Millis, Signature, hex};
use crate::invite::InviteSecret;
use crate::keys::{IdentitySecrets, InstanceSecret};
use crate::prekey::{PrekeyId, Prekeys};
use crate::record::{RecordError, VerifiedRecord};
use crate::seal::{self, SealError, Suite};

#[cfg(test)]
mod tests;

/// Bytes of a sealed letter, at most.
pub const MAX_LETTER: usize = 8192;
/// Characters (Unicode scalar values) of its text, at most.
pub const MAX_TEXT: usize = 500;
/// The sealed part is padded to a multiple of this, so that its length tells little of the text.
pub const BLOCK: usize = 512;

const VERSION: u8 = 1;
/// Signature context, and the beginning of the HPKE info.
const CONTEXT: &str = "nexus letter v1";
/// Bytes outside the seal: version 1, suite 1, letter id 16, prekey id 16.
const HEADER: usize = 1 + 1 + 16 + 16;

/// Keys of the signed map.
const RECIPIENT: u64 = 1;
const ID: u64 = 2;
const CREATED: u64 = 3;
const TEXT: u64 = 4;
const CARD: u64 = 5;
const RECORD: u64 = 6;
const INVITE: u64 = 7;

/// Why a letter could not be written or was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LetterError {
    /// More than [`MAX_TEXT`] characters.
    #[error("a letter has at most 500 characters, this has {0}")]
    TextTooLong(usize),
    /// Longer than [`MAX_LETTER`] bytes.
    #[error("the letter is too long")]
    TooLong,
    /// Written by a newer version.
    #[error("the letter is of version {0}, which this program does not know")]
    Version(u8),
    /// Not the encoding that this version writes.
    #[error("the letter is not well formed: {0}")]
    Encoding(#[from] CborError),
    /// Sealed to a prekey that is not here: erased, or another instance's.
    #[error("the letter is sealed to a key that is no longer here")]
    UnknownPrekey,
    /// It can't be opened or sealed.
    #[error("letter: {0}")]
    Seal(#[from] SealError),
    /// Written to somebody else, and passed on.
    #[error("the letter was written to somebody else")]
    OtherRecipient,
    /// The id outside is not the one inside.
    #[error("the letter's ids differ")]
    OtherId,
    /// The sender's card was refused.
    #[error("letter: {0}")]
    Card(#[from] CardError),
    /// The sender's record was refused, or does not belong to the card.
    #[error("letter: {0}")]
    Record(#[from] RecordError),
    /// Not signed by the instance that it comes from.
    #[error("the letter is not signed by its sender")]
    Signature(#[from] BadSignature),
}

/// Names one letter; random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(pub [u8; 16]);

impl LetterId {
    /// A fresh one.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LetterId({self})")
    }
}

/// What is written in a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its id: the same when the letter is sent again.
    pub id: LetterId,
    /// When it was written.
    pub created: Millis,
    /// At most [`MAX_TEXT`] characters; may be empty.
    pub text: String,
    /// The secret of the invite that it answers.
    pub invite: Option<InviteSecret>,
}

/// Who writes: a live instance with its card and record.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Signs.
    pub instance: &'a InstanceSecret,
    /// The own card; its live part travels along.
    pub card: &'a VerifiedCard,
    /// The own record.
    pub record: &'a VerifiedRecord,
}

/// Whom to seal to.
#[derive(Debug, Clone, Copy)]
pub enum Recipient<'a> {
    /// One instance's prekey.
    Instance(&'a VerifiedRecord),
    /// The contact key, while no usable prekey is known.
    Identity(&'a ConnectId, &'a ContactKey),
}

impl Recipient<'_> {
    const fn connect_id(&self) -> ConnectId {
        match self {
            Self::Instance(record) => record.connect_id(),
            Self::Identity(connect_id, _) => **connect_id,
        }
    }
}

impl Letter {
    /// Signs the letter and seals it.
    ///
    /// The sender's record must be of the sender's instance, and that live in the card; else
    /// nobody could read it, and it is refused here.
    pub fn seal(
        &self,
        from: Sender<'_>,
        to: Recipient<'_>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, LetterError> {
        let signed = self.sign(from, &to.connect_id())?;
        let plain = pad(&signed)?;
        let (suite, key, prekey_id) = match to {
            Recipient::Instance(record) => {
                let suite = record.suite().ok_or(SealError::UnknownSuite)?;
                (suite, record.prekey(), record.prekey_id())
            }
            Recipient::Identity(_, key) => (Suite::X25519, &key.0[..], NO_PREKEY),
        };
        let header = header(suite, self.id, prekey_id);
        let info = info(&to.connect_id());
        let sealed = seal::seal(suite, key, &info, &header, &plain, rng)?;
        let letter = [&header[..], &sealed].concat();
        if letter.len() > MAX_LETTER { Err(LetterError::TooLong) } else { Ok(letter) }
    }

    fn sign(&self, from: Sender<'_>, to: &ConnectId) -> Result<Zeroizing<Vec<u8>>, LetterError> {
        check_text(&self.text)?;
        let record = VerifiedRecord::verify(from.record.to_bytes(), from.card)?;
        if record.instance() != from.instance.key() {
            return Err(RecordError::NotLive.into());
        }
        let mut map = MapWriter::new();
        map.bytes(RECIPIENT, to.as_bytes()).bytes(ID, &self.id.0).uint(CREATED, self.created.0);
        map.text(TEXT, &self.text);
        map.bytes(CARD, &from.card.live_part().to_bytes()).bytes(RECORD, record.to_bytes());
        if let Some(secret) = &self.invite {
            map.bytes(INVITE, secret.expose());
        }
        let body = Zeroizing::new(map.into_bytes());
        let signature = from.instance.sign(CONTEXT, &body);
        let mut writer = Writer::new();
        writer.array(2).bytes(&body).bytes(&signature.0);
        Ok(Zeroizing::new(writer.into_bytes()))
    }
}

/// Stands for "sealed to the contact key" in the header.
const NO_PREKEY: PrekeyId = PrekeyId([0; 16]);

/// What is outside the seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which letter.
    pub id: LetterId,
    /// How it is sealed.
    pub suite: Suite,
    /// To which prekey; `None`: to the contact key.
    pub prekey: Option<PrekeyId>,
}

/// Reads what is outside the seal, so that any letter can be answered by its id.
///
/// Nothing of it is proven before [`open`].
pub fn peek(letter: &[u8]) -> Result<Header, LetterError> {
    if letter.len() > MAX_LETTER {
        return Err(LetterError::TooLong);
    }
    let header = letter.first_chunk::<HEADER>().ok_or(CborError::Truncated)?;
    let [version, suite, ids @ ..] = header;
    if *version != VERSION {
        return Err(LetterError::Version(*version));
    }
    let suite = Suite::from_byte(*suite)?;
    let (id, prekey) = ids.split_first_chunk::<16>().ok_or(CborError::Truncated)?;
    let prekey = PrekeyId(prekey.first_chunk().copied().ok_or(CborError::Truncated)?);
    // The contact key is the one key of its suite and has no id.
    let to_contact_key = suite == Suite::X25519;
    if to_contact_key != (prekey == NO_PREKEY) {
        return Err(CborError::Range.into());
    }
    let prekey = (!to_contact_key).then_some(prekey);
    Ok(Header { id: LetterId(*id), suite, prekey })
}

/// A letter that was opened and whose sender was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedLetter {
    letter: Letter,
    card: VerifiedCard,
    record: VerifiedRecord,
}

impl VerifiedLetter {
    /// What was written.
    pub const fn letter(&self) -> &Letter {
        &self.letter
    }

    /// Who wrote it.
    pub const fn from(&self) -> ConnectId {
        self.record.connect_id()
    }

    /// The live part of the sender's card.
    pub const fn card(&self) -> &VerifiedCard {
        &self.card
    }

    /// The record of the instance that wrote it.
    pub const fn record(&self) -> &VerifiedRecord {
        &self.record
    }
}

/// Opens a letter to me and checks everything in it.
pub fn open(
    letter: &[u8],
    me: &IdentitySecrets,
    prekeys: &Prekeys,
) -> Result<VerifiedLetter, LetterError> {
    let header = peek(letter)?;
    let (aad, sealed) = letter.split_at_checked(HEADER).ok_or(CborError::Truncated)?;
    let my_id = me.connect_id();
    let info = info(&my_id);
    let plain = match header.prekey {
        Some(id) => {
            prekeys.find(&id).ok_or(LetterError::UnknownPrekey)?.open(&info, aad, sealed)?
        }
        None => seal::open(Suite::X25519, &me.contact_secret(), &info, aad, sealed)?,
    };
    let opened = read(unpad(&plain)?, &my_id)?;
    if opened.letter.id != header.id {
        return Err(LetterError::OtherId);
    }
    Ok(opened)
}

fn read(signed: &[u8], me: &ConnectId) -> Result<VerifiedLetter, LetterError> {
    let mut reader = Reader::new(signed);
    if reader.array(2)? != 2 {
        return Err(CborError::Range.into());
    }
    let (body, signature) = (reader.bytes()?, Signature(reader.array_of()?));
    reader.finish()?;
    let map = Map::decode(body)?;
    if map.get(RECIPIENT)?.array_of()? != *me.as_bytes() {
        return Err(LetterError::OtherRecipient);
    }
    let text = map.get(TEXT)?.text()?;
    check_text(text)?;
    let record_bytes = map.get(RECORD)?.bytes()?;
    // The cheap signature first: it decides whether the card's many are worth checking.
    let claimed = VerifiedRecord::verify_alone(record_bytes)?;
    claimed.instance().verify(CONTEXT, body, &signature)?;
    let card = VerifiedCard::decode(map.get(CARD)?.bytes()?)?;
    let record = VerifiedRecord::verify(record_bytes, &card)?;
    let invite = map.find(INVITE).map(|mut reader| reader.array_of().map(InviteSecret::new));
    let letter = Letter {
        id: LetterId(map.get(ID)?.array_of()?),
        created: Millis(map.get(CREATED)?.uint()?),
        text: text.to_owned(),
        invite: invite.transpose()?,
    };
    Ok(VerifiedLetter { letter, card, record })
}

fn check_text(text: &str) -> Result<(), LetterError> {
    match text.chars().count() {
        0..=MAX_TEXT => Ok(()),
        count => Err(LetterError::TextTooLong(count)),
    }
}

fn header(suite: Suite, id: LetterId, prekey: PrekeyId) -> Vec<u8> {
    [&[VERSION, suite.byte()][..], &id.0, &prekey.0].concat()
}

fn info(recipient: &ConnectId) -> Vec<u8> {
    [CONTEXT.as_bytes(), &[0], recipient.as_bytes()].concat()
}

/// Length (2 bytes), letter, zeros up to a multiple of [`BLOCK`].
fn pad(signed: &[u8]) -> Result<Zeroizing<Vec<u8>>, LetterError> {
    let len = u16::try_from(signed.len()).map_err(|_| LetterError::TooLong)?;
    let padded = (2 + signed.len()).next_multiple_of(BLOCK);
    let mut plain = Zeroizing::new(Vec::with_capacity(padded));
    plain.extend_from_slice(&len.to_be_bytes());
    plain.extend_from_slice(signed);
    plain.resize(padded, 0);
    Ok(plain)
}

fn unpad(plain: &[u8]) -> Result<&[u8], CborError> {
    let (len, rest) = plain.split_first_chunk().ok_or(CborError::Truncated)?;
    let len = usize::from(u16::from_be_bytes(*len));
    let (signed, padding) = rest.split_at_checked(len).ok_or(CborError::Truncated)?;
    let right_length = (2 + len).next_multiple_of(BLOCK) == plain.len();
    if !right_length || padding.iter().any(|byte| *byte != 0) {
        return Err(CborError::Trailing);
    }
    Ok(signed)
}
