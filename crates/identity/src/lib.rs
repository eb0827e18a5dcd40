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
//! | [`letter`] | sealed contact requests |
//! | [`invite`] | `nexus:` links |
//! | [`backup`] | the phrase-sealed backup file |
//! | [`phrase`] | phrases: made, normalized, judged |
//! | [`safety`] | the 60-digit safety number |
//! | [`bugs`] | mistakes built in on purpose, for the simulator alone |
//! | [`words`](mod@words) | digests as words that people can compare aloud |

pub mod backup;
pub mod bugs;
pub mod card;
pub mod cbor;
pub mod id;
pub mod invite;
pub mod kdf;
pub mod keys;
pub mod letter;
pub mod name;
pub mod phrase;
pub mod prekey;
pub mod record;
pub mod safety;
pub mod seal;
pub mod words;

pub use card::{SignedStatement, Statement, VerifiedCard};
pub use id::{ConnectId, ContactKey, IdentityKey, InstanceKey, Millis, Signature};
pub use invite::{Invite, InviteSecret};
pub use kdf::Secret32;
pub use keys::{IdentitySecrets, InstanceSecret, SigningKey};
pub use letter::{Letter, LetterId, VerifiedLetter};
pub use prekey::{PrekeyId, Prekeys};
pub use record::{InstanceRecord, VerifiedRecord};
pub use safety::safety_number;
pub use words::words;
