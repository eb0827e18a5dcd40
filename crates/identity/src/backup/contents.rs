//! What a backup holds.

use zeroize::Zeroizing;

use super::BackupError;
use crate::card::{CardError, VerifiedCard};
use crate::cbor::{CborError, Map, MapWriter, Reader, Writer};
use crate::id::{ConnectId, Millis, Signature};
use crate::kdf::Secret32;
use crate::keys::IdentitySecrets;

/// Bytes of a local name, at most.
pub const MAX_LOCAL_NAME: usize = 256;

/// Signature context.
const CONTEXT: &str = "nexus backup v1";

/// Keys of the signed map.
const IDENTITY_SEED: u64 = 1;
const CONTACT_SECRET: u64 = 2;
const SELF_SECRET: u64 = 3;
const VERSION: u64 = 4;
const CREATED: u64 = 5;
const CARD: u64 = 6;
const KEYRING: u64 = 7;
const CONTACTS: u64 = 8;
const KEYS: usize = 8;

/// Keys of a contact's map.
const CONNECT_ID: u64 = 1;
const CONTACT_CARD: u64 = 2;
const NAME: u64 = 3;
const STATE: u64 = 4;
const VERIFIED: u64 = 5;

/// One epoch's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochKey {
    /// Log key of the log whose epoch it is.
    pub log: [u8; 32],
    /// Number of the epoch.
    pub epoch: u32,
    /// The key.
    pub key: Secret32,
}

/// One contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub connect_id: ConnectId,
    /// Their card, if it is known.
    pub card: Option<VerifiedCard>,
    /// The name given to them here, at most [`MAX_LOCAL_NAME`] bytes.
    pub name: Option<String>,
    /// 1 requested, 2 incoming, 3 accepted, 4 blocked; others are kept as they are.
    pub state: u8,
    /// Whether their safety number was compared.
    pub verified: bool,
}

/// What a backup holds.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The identity's secrets.
    pub secrets: IdentitySecrets,
    /// Rises with each backup of the identity.
    pub version: u64,
    /// When it was made.
    pub created: Millis,
    /// The own card: its live instances can be revoked after a restore.
    pub card: VerifiedCard,
    /// Keys of kept history.
    pub keyring: Vec<EpochKey>,
    /// Everybody known.
    pub contacts: Vec<Contact>,
}

impl Contents {
    /// CBOR `[contents, signature by the identity]`.
    pub(super) fn sign(&self) -> Result<Zeroizing<Vec<u8>>, BackupError> {
        if self.card.identity_key() != self.secrets.identity_key() {
            return Err(CardError::OtherIdentity.into());
        }
        let contacts: Vec<Vec<u8>> =
            self.contacts.iter().map(encode_contact).collect::<Result<_, _>>()?;
        let card = self.card.to_bytes();
        // Reserved at once: growing would leave copies of the secrets behind.
        let room = 256 + card.len() + 80 * self.keyring.len();
        let room = contacts.iter().fold(room, |room, contact| room + contact.len());
        let mut w = Writer::with_capacity(room);
        let file = self.secrets.to_bytes();
        let mut secrets = file.get(16..).unwrap_or_default().chunks(32);
        w.map(KEYS);
        for key in [IDENTITY_SEED, CONTACT_SECRET, SELF_SECRET] {
            w.uint(key).bytes(secrets.next().unwrap_or_default());
        }
        w.uint(VERSION).uint(self.version).uint(CREATED).uint(self.created.0);
        w.uint(CARD).bytes(&card);
        w.uint(KEYRING).array(self.keyring.len());
        for one in &self.keyring {
            w.array(3).bytes(&one.log).uint(u64::from(one.epoch)).bytes(one.key.expose());
        }
        w.uint(CONTACTS).array(contacts.len());
        for contact in &contacts {
            w.raw(contact);
        }
        let body = Zeroizing::new(w.into_bytes());
        let signature = self.secrets.sign(CONTEXT, &body);
        let mut w = Writer::with_capacity(body.len() + 96);
        w.array(2).bytes(&body).bytes(&signature.0);
        Ok(Zeroizing::new(w.into_bytes()))
    }

    /// Reads and checks what [`Contents::sign`] writes.
    pub(super) fn verify(signed: &[u8]) -> Result<Self, BackupError> {
        let mut reader = Reader::new(signed);
        if reader.array(2)? != 2 {
            return Err(CborError::Range.into());
        }
        let (body, signature) = (reader.bytes()?, Signature(reader.array_of()?));
        reader.finish()?;
        let map = Map::decode(body)?;
        let secret = |key| Ok::<_, CborError>(Secret32::new(map.get(key)?.array_of()?));
        let secrets = IdentitySecrets::from_parts(
            secret(IDENTITY_SEED)?,
            secret(CONTACT_SECRET)?,
            secret(SELF_SECRET)?,
        );
        secrets.identity_key().verify(CONTEXT, body, &signature)?;
        let card = VerifiedCard::decode(map.get(CARD)?.bytes()?)?;
        if card.identity_key() != secrets.identity_key() {
            return Err(CardError::OtherIdentity.into());
        }
        let mut keyring = map.get(KEYRING)?;
        let mut contacts = map.get(CONTACTS)?;
        Ok(Self {
            secrets,
            version: map.get(VERSION)?.uint()?,
            created: Millis(map.get(CREATED)?.uint()?),
            card,
            keyring: (0..keyring.array(usize::MAX)?)
                .map(|_| decode_key(&mut keyring))
                .collect::<Result<_, _>>()?,
            contacts: (0..contacts.array(usize::MAX)?)
                .map(|_| decode_contact(&mut contacts))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn decode_key(reader: &mut Reader<'_>) -> Result<EpochKey, CborError> {
    if reader.array(3)? != 3 {
        return Err(CborError::Range);
    }
    Ok(EpochKey {
        log: reader.array_of()?,
        epoch: reader.u32()?,
        key: Secret32::new(reader.array_of()?),
    })
}

fn encode_contact(contact: &Contact) -> Result<Vec<u8>, BackupError> {
    let mut map = MapWriter::new();
    map.bytes(CONNECT_ID, contact.connect_id.as_bytes());
    if let Some(card) = &contact.card {
        if card.connect_id() != contact.connect_id {
            return Err(CardError::OtherIdentity.into());
        }
        map.bytes(CONTACT_CARD, &card.to_bytes());
    }
    if let Some(name) = &contact.name {
        if name.len() > MAX_LOCAL_NAME {
            return Err(CborError::Range.into());
        }
        map.text(NAME, name);
    }
    map.uint(STATE, u64::from(contact.state)).bool(VERIFIED, contact.verified);
    Ok(map.into_bytes())
}

fn decode_contact(reader: &mut Reader<'_>) -> Result<Contact, BackupError> {
    let map = Map::read(reader)?;
    let connect_id = ConnectId::from_bytes(map.get(CONNECT_ID)?.array_of()?);
    let card = match map.find(CONTACT_CARD) {
        Some(mut card) => Some(VerifiedCard::decode(card.bytes()?)?),
        None => None,
    };
    if card.as_ref().is_some_and(|card| card.connect_id() != connect_id) {
        return Err(CardError::OtherIdentity.into());
    }
    let name = map.find(NAME).map(|mut name| name.text_up_to(MAX_LOCAL_NAME).map(str::to_owned));
    Ok(Contact {
        connect_id,
        card,
        name: name.transpose()?,
        state: map.get(STATE)?.u8()?,
        verified: map.get(VERIFIED)?.bool()?,
    })
}
