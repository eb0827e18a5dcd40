//! SEALS: the key of an epoch, sealed to each instance that may read it.
//!
//! Payload: `log key 32 ‖ epoch 4 ‖ commitment 32 ‖ suite 1 ‖ slot length 2 ‖ slots 1 ‖ slots`, each slot `tag 8 ‖ HPKE
//! (encapsulated key ‖ sealed epoch key)`. Naming the writer's own log it starts an epoch there; naming any log of the
//! topic it seals that epoch again. The SEALS that started the epoch has the commitment that decides.

use nexus_identity::id::InstanceKey;
use nexus_identity::kdf::Secret32;
use nexus_identity::prekey::{PrekeyId, Prekeys};
use nexus_identity::record::VerifiedRecord;
use nexus_identity::seal::{self, Suite};
use rand_core::CryptoRng;

use crate::cipher::Commitment;
use crate::ids::{ConversationId, Epoch, LogKey};
use crate::topic::{TAG_LEN, TopicSecret};

#[cfg(test)]
mod tests;

/// Slots of one SEALS at most; more recipients take more entries.
pub const MAX_SLOTS: usize = 48;
/// Bytes before the slots.
pub const SEALS_HEAD_LEN: usize = 72;
/// Context in the HPKE info of a slot.
pub const SEAL_CONTEXT: &str = "nexus seal v1";

/// What a SEALS is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Log of the epoch.
    pub log: LogKey,
    /// The epoch.
    pub epoch: Epoch,
    /// What its key must hash to.
    pub commitment: Commitment,
}

/// A SEALS as read: what it is about and its slots, not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seals<'a> {
    /// What it is about.
    pub sealed: Sealed,
    suite: u8,
    slot_len: usize,
    slots: &'a [u8],
}

impl<'a> Seals<'a> {
    /// Reads the payload of a SEALS; `None` if it is malformed. It is valid all the same and says nothing.
    #[must_use]
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        let (log, rest) = payload.split_first_chunk::<32>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (commitment, rest) = rest.split_first_chunk::<32>()?;
        let (&[suite, high, low, count], slots) = rest.split_first_chunk::<4>()?;
        let slot_len = usize::from(u16::from_be_bytes([high, low]));
        if slot_len < TAG_LEN || usize::from(count) > MAX_SLOTS {
            return None;
        }
        if slots.len() != slot_len * usize::from(count) {
            return None;
        }
        let sealed = Sealed {
            log: LogKey::from_bytes(*log),
            epoch: u32::from_be_bytes(*epoch),
            commitment: Commitment(*commitment),
        };
        Some(Self { sealed, suite, slot_len, slots })
    }

    /// The slots: tag and sealed bytes.
    pub fn slots(&self) -> impl Iterator<Item = ([u8; TAG_LEN], &'a [u8])> + use<'a> {
        self.slots
            .chunks_exact(self.slot_len)
            .filter_map(|slot| slot.split_first_chunk::<TAG_LEN>())
            .map(|(tag, sealed)| (*tag, sealed))
    }

    /// Finds the slot of one of my prekeys by its tag and opens it; `None` if there is none, or it holds another key
    /// than the commitment says.
    #[must_use]
    pub fn open(
        &self,
        secret: &TopicSecret,
        conversation: &ConversationId,
        me: &InstanceKey,
        prekeys: &Prekeys,
    ) -> Option<Secret32> {
        let Sealed { log, epoch, commitment } = self.sealed;
        prekeys.all().filter(|prekey| prekey.suite().byte() == self.suite).find_map(|prekey| {
            let tag = secret.slot_tag(&log, epoch, prekey.id().as_bytes());
            self.slots().filter(|(slot_tag, _)| *slot_tag == tag).find_map(|(_, sealed)| {
                let info = info(conversation, &self.sealed, me, &prekey.id());
                let key = Secret32::from_slice(&prekey.open(&info, &commitment.0, sealed).ok()?)?;
                (Commitment::of(&key, &log, epoch) == commitment).then_some(key)
            })
        })
    }
}

/// Seals an epoch key to the prekeys of `recipients`: payloads of one or more SEALS, one without slots if nobody can be
/// sealed to. Recipients with a suite that this version does not know are left out; they ask.
pub fn write(
    secret: &TopicSecret,
    conversation: &ConversationId,
    sealed: &Sealed,
    key: &Secret32,
    recipients: &[&VerifiedRecord],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Vec<Vec<u8>> {
    let suite = Suite::XWing;
    let slots: Vec<Vec<u8>> = recipients
        .iter()
        .filter(|record| record.suite() == Some(suite))
        .filter_map(|record| {
            let id = record.prekey_id();
            let info = info(conversation, sealed, &record.instance(), &id);
            let aad = &sealed.commitment.0;
            let closed = seal::seal(suite, record.prekey(), &info, aad, key.expose(), rng).ok()?;
            let tag = secret.slot_tag(&sealed.log, sealed.epoch, id.as_bytes());
            Some([tag.as_slice(), &closed].concat())
        })
        .collect();
    if slots.is_empty() {
        return vec![payload(sealed, suite, &[])];
    }
    slots.chunks(MAX_SLOTS).map(|slots| payload(sealed, suite, slots)).collect()
}

fn payload(sealed: &Sealed, suite: Suite, slots: &[Vec<u8>]) -> Vec<u8> {
    let slot_len = TAG_LEN + suite.overhead() + 32;
    let mut out = Vec::with_capacity(SEALS_HEAD_LEN + slots.len() * slot_len);
    out.extend_from_slice(sealed.log.as_bytes());
    out.extend_from_slice(&sealed.epoch.to_be_bytes());
    out.extend_from_slice(&sealed.commitment.0);
    out.push(suite.byte());
    out.extend_from_slice(&u16::try_from(slot_len).unwrap_or(u16::MAX).to_be_bytes());
    out.push(u8::try_from(slots.len()).unwrap_or(u8::MAX));
    slots.iter().for_each(|slot| out.extend_from_slice(slot));
    out
}

/// HPKE info: `"nexus seal v1" ‖ 0 ‖ conversation 32 ‖ log 32 ‖ epoch 4 ‖ recipient instance 32 ‖ prekey id 16`.
fn info(
    conversation: &ConversationId,
    sealed: &Sealed,
    recipient: &InstanceKey,
    prekey: &PrekeyId,
) -> Vec<u8> {
    let parts: [&[u8]; 7] = [
        SEAL_CONTEXT.as_bytes(),
        &[0],
        conversation.as_bytes(),
        sealed.log.as_bytes(),
        &sealed.epoch.to_be_bytes(),
        recipient.as_bytes(),
        prekey.as_bytes(),
    ];
    parts.concat()
}
