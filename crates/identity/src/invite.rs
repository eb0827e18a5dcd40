//! Invites: `nexus:` links by which somebody can reach me, with and without a server.

use core::fmt;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::card::{CardError, SignedStatement, Statement, VerifiedCard, verify_statement};
use crate::cbor::{CborError, Extra, Map, MapWriter, Reader};
use crate::id::{ConnectId, ContactKey, IdentityKey, Millis};
use crate::kdf::derive;

#[cfg(test)]
mod tests;

/// What an invite begins with.
pub const SCHEME: &str = "nexus:";
/// Characters of an invite, at most: what a QR code still carries.
pub const MAX_INVITE: usize = 2048;
/// Addresses, servers and relays in an invite: of each at most so many.
pub const MAX_PLACES: usize = 8;
/// Bytes of one address, server or relay, at most.
pub const MAX_PLACE: usize = 200;
/// Bytes of the check behind the map.
const CHECK: usize = 4;
/// Context of the check.
const CONTEXT: &str = "nexus invite v1";

/// Keys of the map.
const IDENTITY: u64 = 1;
const CONTACT: u64 = 2;
const SECRET: u64 = 3;
const USES: u64 = 4;
const EXPIRES: u64 = 5;
const ADDRESSES: u64 = 6;
const SERVERS: u64 = 7;
const RELAYS: u64 = 8;
const KNOWN: [u64; 8] = [IDENTITY, CONTACT, SECRET, USES, EXPIRES, ADDRESSES, SERVERS, RELAYS];

/// Why a text is not an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InviteError {
    /// It does not begin with `nexus:`.
    #[error("an invite begins with nexus:")]
    Scheme,
    /// Longer than [`MAX_INVITE`] characters.
    #[error("the invite is too long")]
    TooLong,
    /// Cut off or changed on its way.
    #[error("the invite is damaged or incomplete")]
    Damaged,
    /// Intact, but not as this version writes it, or over a limit.
    #[error("the invite is not well formed: {0}")]
    Encoding(#[from] CborError),
    /// The contact key is not signed by the identity.
    #[error("the contact key in the invite is not signed by its identity")]
    Contact(#[from] CardError),
    /// The card has no contact key yet, so nobody could be invited with it.
    #[error("the card has no contact key")]
    NoContactKey,
}

/// An invite's secret: a letter that names it is accepted at once.
///
/// Wiped when dropped; no `Debug` output shows it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct InviteSecret([u8; 16]);

impl InviteSecret {
    /// Takes over bytes that are secret already.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// A fresh one.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut secret = Self([0; 16]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// The bytes themselves. Copy them only into something that is wiped too.
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for InviteSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for InviteSecret {}

impl fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSecret(..)")
    }
}

/// An invite whose contact key was checked against the identity key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    identity: IdentityKey,
    contact: SignedStatement,
    contact_key: ContactKey,
    /// Accepts the letter that names it.
    pub secret: InviteSecret,
    /// How many letters it accepts.
    pub uses: u32,
    /// Until when.
    pub expires: Millis,
    /// Where I can be reached directly, as `host:port`.
    pub addresses: Vec<String>,
    /// Servers that know me.
    pub servers: Vec<String>,
    /// Relays that reach me.
    pub relays: Vec<String>,
    extra: Extra,
}

impl Invite {
    /// An invite of the identity of `card`, without places yet.
    pub fn new(
        card: &VerifiedCard,
        secret: InviteSecret,
        uses: u32,
        expires: Millis,
    ) -> Result<Self, InviteError> {
        Ok(Self {
            identity: card.identity_key(),
            contact: card.contact_statement().ok_or(InviteError::NoContactKey)?,
            contact_key: card.contact_key().ok_or(InviteError::NoContactKey)?,
            secret,
            uses,
            expires,
            addresses: Vec::new(),
            servers: Vec::new(),
            relays: Vec::new(),
            extra: Extra::default(),
        })
    }

    /// Who invites.
    pub const fn identity_key(&self) -> IdentityKey {
        self.identity
    }

    /// Who invites.
    pub fn connect_id(&self) -> ConnectId {
        ConnectId::of(&self.identity)
    }

    /// The contact key: enough to seal a letter to and to reach the topic.
    pub const fn contact_key(&self) -> ContactKey {
        self.contact_key
    }

    /// The signed CONTACT, to begin a card with.
    pub const fn contact_statement(&self) -> &SignedStatement {
        &self.contact
    }

    /// What is known of the inviter's card: the contact key.
    pub fn card(&self) -> Result<VerifiedCard, CardError> {
        VerifiedCard::from_signed(self.identity, vec![self.contact.clone()])
    }

    /// The link: `nexus:` and base64url (without padding) of map and check.
    ///
    /// Refuses places over a limit and what gets too long.
    pub fn encode(&self) -> Result<String, InviteError> {
        let mut map = MapWriter::new();
        map.bytes(IDENTITY, self.identity.as_bytes());
        map.value(CONTACT, |w| self.contact.write(w));
        map.bytes(SECRET, self.secret.expose());
        map.uint(USES, u64::from(self.uses)).uint(EXPIRES, self.expires.0);
        let places =
            [(ADDRESSES, &self.addresses), (SERVERS, &self.servers), (RELAYS, &self.relays)];
        for (key, places) in places.into_iter().filter(|(_, places)| !places.is_empty()) {
            map.value(key, |w| {
                w.array(places.len());
                for place in places {
                    w.text(place);
                }
            });
        }
        map.extra(&self.extra);
        let mut bytes = map.into_bytes();
        let check = check(&bytes);
        bytes.extend_from_slice(&check);
        let link = format!("{SCHEME}{}", URL_SAFE_NO_PAD.encode(&bytes));
        Self::from_str(&link).map(|_| link)
    }
}

impl FromStr for Invite {
    type Err = InviteError;

    fn from_str(link: &str) -> Result<Self, InviteError> {
        if link.len() > MAX_INVITE {
            return Err(InviteError::TooLong);
        }
        let (scheme, data) = link.split_at_checked(SCHEME.len()).ok_or(InviteError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(InviteError::Scheme);
        }
        let bytes = URL_SAFE_NO_PAD.decode(data).map_err(|_| InviteError::Damaged)?;
        let (bytes, sum) = bytes.split_last_chunk::<CHECK>().ok_or(InviteError::Damaged)?;
        if check(bytes) != *sum {
            return Err(InviteError::Damaged);
        }
        decode(bytes)
    }
}

fn decode(bytes: &[u8]) -> Result<Invite, InviteError> {
    let map = Map::decode(bytes)?;
    let identity = IdentityKey(map.get(IDENTITY)?.array_of()?);
    let contact = SignedStatement::read(&mut map.get(CONTACT)?)?;
    let Statement::Contact { key } = verify_statement(&identity, &contact)? else {
        return Err(CborError::Expected("a CONTACT statement").into());
    };
    Ok(Invite {
        identity,
        contact,
        contact_key: key,
        secret: InviteSecret::new(map.get(SECRET)?.array_of()?),
        uses: map.get(USES)?.u32()?,
        expires: Millis(map.get(EXPIRES)?.uint()?),
        addresses: places(map.find(ADDRESSES))?,
        servers: places(map.find(SERVERS))?,
        relays: places(map.find(RELAYS))?,
        extra: map.unknown(&KNOWN),
    })
}

fn places(reader: Option<Reader<'_>>) -> Result<Vec<String>, CborError> {
    let Some(mut reader) = reader else { return Ok(Vec::new()) };
    (0..reader.array(MAX_PLACES)?)
        .map(|_| reader.text_up_to(MAX_PLACE).map(str::to_owned))
        .collect()
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    derive(CONTEXT, &[bytes]).first_chunk().copied().unwrap_or_default()
}
