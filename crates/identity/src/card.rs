//! Cards: what an identity says of itself in signed statements, merged by union.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::cbor::{CborError, Map, MapWriter, Reader};
use crate::id::{BadSignature, ConnectId, ContactKey, IdentityKey, InstanceKey, Millis, Signature};
use crate::keys::IdentitySecrets;

mod statement;
#[cfg(test)]
mod tests;
mod view;

use view::View;

pub use statement::{MAX_STATEMENT, SignedStatement, Statement, verify_statement};

/// Instances of one identity that count as live, at most. Later ones wait for a revocation.
pub const MAX_LIVE_INSTANCES: usize = 8;
/// Statements in a card, at most: each costs a signature check.
pub const MAX_STATEMENTS: usize = 256;
/// Bytes of an encoded card, at most.
pub const MAX_CARD: usize = 48 * 1024;

/// Key of the identity key in an encoded card.
const IDENTITY: u64 = 1;
/// Key of the statements in an encoded card.
const STATEMENTS: u64 = 2;

/// Why a card or a statement was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CardError {
    /// Longer than [`MAX_CARD`], or a statement longer than [`MAX_STATEMENT`].
    #[error("the card is too long")]
    TooLong,
    /// More than [`MAX_STATEMENTS`].
    #[error("the card has too many statements")]
    TooMany,
    /// Not the encoding that this version writes.
    #[error("the card is not well formed: {0}")]
    Encoding(#[from] CborError),
    /// Statements not in rising order of their bytes, or one twice.
    #[error("the statements of the card are not in order")]
    Order,
    /// A statement that the identity did not sign.
    #[error("a statement of the card is not signed by its identity")]
    Signature(#[from] BadSignature),
    /// Two different contact keys: nobody honest signs that.
    #[error("the card names two contact keys")]
    SecondContactKey,
    /// A profile name longer than [`crate::name::MAX_NAME`] bytes.
    #[error("the name in the card is too long")]
    Name,
    /// The secrets are those of another identity.
    #[error("the card belongs to another identity")]
    OtherIdentity,
}

/// A card whose every statement was checked against the identity's key, in its one normal form.
///
/// Normal form: no ADD of a revoked instance, one ADD an instance (the earliest), one PROFILE (the
/// latest by hlc, then by hash), one CONTACT. Statements of kinds that this version does not know
/// are kept. So two sides that merged the same statements hold the same bytes, in whatever order
/// they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedCard {
    identity: IdentityKey,
    statements: Statements,
    view: View,
}

/// Statement bytes → what they say and who signed that.
type Statements = BTreeMap<Vec<u8>, (Statement, Signature)>;

/// What became of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The merged card.
    pub card: VerifiedCard,
    /// Whether it says more than before.
    pub changed: bool,
    /// The other card named another contact key, which was refused: to be shown as a warning.
    pub second_contact_key: bool,
    /// The union has more than [`MAX_STATEMENTS`]: nothing was merged.
    pub full: bool,
}

impl VerifiedCard {
    /// Signs a card with these statements.
    pub fn create(secrets: &IdentitySecrets, says: &[Statement]) -> Result<Self, CardError> {
        let empty = Self {
            identity: secrets.identity_key(),
            statements: Statements::new(),
            view: View::default(),
        };
        says.iter().try_fold(empty, |card, statement| card.with(secrets, statement))
    }

    /// This card with one more statement. Saying what is said already gives an equal card.
    pub fn with(&self, secrets: &IdentitySecrets, says: &Statement) -> Result<Self, CardError> {
        if secrets.identity_key() != self.identity {
            return Err(CardError::OtherIdentity);
        }
        if let (Statement::Contact { key }, Some(known)) = (says, self.contact_key())
            && *key != known
        {
            return Err(CardError::SecondContactKey);
        }
        let signed = secrets.sign_statement(says)?;
        let mut statements = self.statements.clone();
        insert(&mut statements, signed.bytes, says.clone(), signed.signature);
        Self::normal(self.identity, statements)
    }

    /// Decodes a card and checks every signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardError> {
        Self::decode_knowing(bytes, None)
    }

    /// As [`VerifiedCard::decode`], but statements that stand in `known` are not checked again.
    pub fn decode_knowing(bytes: &[u8], known: Option<&Self>) -> Result<Self, CardError> {
        if bytes.len() > MAX_CARD {
            return Err(CardError::TooLong);
        }
        let map = Map::decode(bytes)?;
        let identity = IdentityKey(map.get(IDENTITY)?.array_of()?);
        let signed = read_statements(&mut map.get(STATEMENTS)?)?;
        Self::verify(identity, signed, known)
    }

    /// A card of these statements, each checked.
    pub fn from_signed(
        identity: IdentityKey,
        signed: Vec<SignedStatement>,
    ) -> Result<Self, CardError> {
        if signed.len() > MAX_STATEMENTS {
            return Err(CardError::TooMany);
        }
        Self::verify(identity, signed, None)
    }

    fn verify(
        identity: IdentityKey,
        signed: Vec<SignedStatement>,
        known: Option<&Self>,
    ) -> Result<Self, CardError> {
        let known = known.filter(|known| known.identity == identity);
        let mut statements = Statements::new();
        let mut contact = None;
        for one in signed {
            let statement = match known.and_then(|known| known.statements.get(&one.bytes)) {
                Some((statement, signature)) if *signature == one.signature => statement.clone(),
                _ => verify_statement(&identity, &one)?,
            };
            if let Statement::Contact { key } = statement
                && *contact.get_or_insert(key) != key
            {
                return Err(CardError::SecondContactKey);
            }
            statements.insert(one.bytes, (statement, one.signature));
        }
        Self::normal(identity, statements)
    }

    /// The bytes that [`VerifiedCard::decode`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.bytes(IDENTITY, self.identity.as_bytes());
        map.value(STATEMENTS, |w| {
            w.array(self.statements.len());
            for (bytes, (_, signature)) in &self.statements {
                statement::write(w, bytes, signature);
            }
        });
        map.into_bytes()
    }

    /// The union of both cards, which must be of one identity (else nothing is merged).
    ///
    /// A contact key other than the one known here is refused and reported; all else is merged.
    pub fn merge(&self, other: &Self) -> Merge {
        let unchanged =
            |full| Merge { card: self.clone(), changed: false, second_contact_key: false, full };
        if self.identity != other.identity {
            return unchanged(false);
        }
        let mine = self.contact_key();
        let mut statements = self.statements.clone();
        let mut second_contact_key = false;
        for (bytes, (statement, signature)) in &other.statements {
            match statement {
                Statement::Contact { key } if mine.is_some_and(|mine| mine != *key) => {
                    second_contact_key = true;
                }
                _ => insert(&mut statements, bytes.clone(), statement.clone(), *signature),
            }
        }
        match Self::normal(self.identity, statements) {
            Ok(card) => Merge { changed: card != *self, card, second_contact_key, full: false },
            Err(_) => Merge { second_contact_key, ..unchanged(true) },
        }
    }

    /// The identity's public key.
    pub const fn identity_key(&self) -> IdentityKey {
        self.identity
    }

    /// The identity's ConnectID.
    pub fn connect_id(&self) -> ConnectId {
        ConnectId::of(&self.identity)
    }

    /// The display name, as the identity signed it: make it safe before showing it.
    pub fn name(&self) -> Option<&str> {
        self.view.profile.as_ref().map(|profile| profile.name.as_str())
    }

    /// The hybrid logical clock of the profile in force: a new one needs a higher one.
    pub fn profile_hlc(&self) -> Option<u64> {
        self.view.profile.as_ref().map(|profile| profile.hlc)
    }

    /// The contact key, with which a direct topic is reached.
    pub fn contact_key(&self) -> Option<ContactKey> {
        self.view.contact.as_ref().map(|(key, _)| *key)
    }

    /// The CONTACT statement as signed, for invites.
    pub fn contact_statement(&self) -> Option<SignedStatement> {
        self.signed(&self.view.contact.as_ref()?.1)
    }

    /// The live instances and when each was added, oldest first.
    pub fn live(&self) -> impl Iterator<Item = (InstanceKey, Millis)> + '_ {
        self.view.added.iter().take(MAX_LIVE_INSTANCES).map(|(created, key, _)| (*key, *created))
    }

    /// Instances that were added and not revoked, but are beyond [`MAX_LIVE_INSTANCES`].
    pub fn over_limit(&self) -> impl Iterator<Item = (InstanceKey, Millis)> + '_ {
        self.view.added.iter().skip(MAX_LIVE_INSTANCES).map(|(created, key, _)| (*key, *created))
    }

    /// The revoked instances.
    pub fn revoked(&self) -> impl Iterator<Item = InstanceKey> + '_ {
        self.view.revoked.iter().copied()
    }

    /// Whether this instance is live.
    pub fn is_live(&self, instance: &InstanceKey) -> bool {
        self.live().any(|(key, _)| key == *instance)
    }

    /// Whether this instance was revoked.
    pub fn is_revoked(&self, instance: &InstanceKey) -> bool {
        self.view.revoked.contains(instance)
    }

    /// The ADD statement of an instance that is not revoked, as signed.
    pub fn add_statement(&self, instance: &InstanceKey) -> Option<SignedStatement> {
        let (.., bytes) = self.view.added.iter().find(|(_, key, _)| key == instance)?;
        self.signed(bytes)
    }

    /// Only what is needed to talk: live instances, profile, contact key. For letters.
    #[must_use]
    pub fn live_part(&self) -> Self {
        let mut statements = self.statements.clone();
        statements.retain(|_, (statement, _)| match statement {
            Statement::Add { instance, .. } => self.is_live(instance),
            Statement::Profile { .. } | Statement::Contact { .. } => true,
            Statement::Revoke { .. } | Statement::Unknown { .. } => false,
        });
        Self { identity: self.identity, view: View::of(&statements), statements }
    }

    fn signed(&self, bytes: &[u8]) -> Option<SignedStatement> {
        let (_, signature) = self.statements.get(bytes)?;
        Some(SignedStatement { bytes: bytes.to_vec(), signature: *signature })
    }

    fn normal(identity: IdentityKey, mut statements: Statements) -> Result<Self, CardError> {
        let view = View::of(&statements);
        statements.retain(|bytes, (statement, _)| view.keeps(bytes, statement));
        let card = Self { identity, view, statements };
        if card.statements.len() > MAX_STATEMENTS {
            return Err(CardError::TooMany);
        }
        if card.to_bytes().len() > MAX_CARD { Err(CardError::TooLong) } else { Ok(card) }
    }
}

/// Adds a statement; of two signatures over the same bytes the smaller stays, on every side.
fn insert(all: &mut Statements, bytes: Vec<u8>, statement: Statement, signature: Signature) {
    let known = all.entry(bytes).or_insert((statement, signature));
    if signature.0 < known.1.0 {
        known.1 = signature;
    }
}

/// The signed statements of a card, in rising order of their bytes.
fn read_statements(reader: &mut Reader<'_>) -> Result<Vec<SignedStatement>, CardError> {
    let count = reader.array(usize::MAX)?;
    if count > MAX_STATEMENTS {
        return Err(CardError::TooMany);
    }
    let all =
        (0..count).map(|_| SignedStatement::read(reader)).collect::<Result<Vec<_>, CardError>>()?;
    if all.is_sorted_by(|a, b| a.bytes < b.bytes) { Ok(all) } else { Err(CardError::Order) }
}
