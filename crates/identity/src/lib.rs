//! Nexus identities: keys, ConnectID, cards, sealing, backup; pure functions over bytes.
//!
//! Everything here is computed from its arguments. Time comes in as [`id::Millis`], randomness as
//! a `CryptoRng`; nothing here reads a clock, opens a file or waits. What a stranger can send is
//! checked by a decoder that returns a `Verified…` type, and only that decoder can make one.
//!
//! The modules in reading order:
//!
//! | module | holds |
//! | --- | --- |
//! | [`kdf`] | [`kdf::derive`], [`kdf::hkdf32`] and [`kdf::Secret32`] |
//! | [`cbor`] | the deterministic CBOR that every signed or sealed map uses |
//! | [`id`] | [`id::ConnectId`], public keys, signatures, time |
//! | [`keys`] | secret keys and the contents of `identity.key` |
//! | [`name`] | which display names are allowed |
//! | [`card`] | an identity's signed statements, merged by union |
//! | [`record`] | what an instance says of itself now |
//! | [`prekey`] | the ring of an instance's own prekeys |
//! | [`seal`] | HPKE to a prekey or to a contact key |

pub mod card;
pub mod cbor;
pub mod id;
pub mod kdf;
pub mod keys;
pub mod name;
pub mod prekey;
pub mod record;
pub mod seal;

pub use card::{SignedStatement, Statement, VerifiedCard};
pub use id::{ConnectId, ContactKey, IdentityKey, InstanceKey, Millis, Signature};
pub use kdf::Secret32;
pub use keys::{IdentitySecrets, InstanceSecret, SigningKey};
pub use prekey::{PrekeyId, Prekeys};
pub use record::{InstanceRecord, VerifiedRecord};
