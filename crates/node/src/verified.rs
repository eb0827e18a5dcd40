//! Cards and records whose signatures were checked already: the same bytes are not checked again for every message.

use std::cell::RefCell;
use std::collections::HashMap;

use nexus_identity::card::VerifiedCard;
use nexus_identity::record::VerifiedRecord;

/// Of each kind that one thread remembers; beyond, it begins anew.
const MOST: usize = 256;

thread_local! {
    static CARDS: RefCell<HashMap<Vec<u8>, VerifiedCard>> = RefCell::default();
    static RECORDS: RefCell<HashMap<Vec<u8>, VerifiedRecord>> = RefCell::default();
}

/// A card from its bytes; `None` when it is not what it should be.
pub(crate) fn card(bytes: &[u8]) -> Option<VerifiedCard> {
    CARDS.with_borrow_mut(|known| remembered(known, bytes, |b| VerifiedCard::decode(b).ok()))
}

/// A record from its bytes; `None` when it is not what it should be.
pub(crate) fn record(bytes: &[u8]) -> Option<VerifiedRecord> {
    RECORDS
        .with_borrow_mut(|known| remembered(known, bytes, |b| VerifiedRecord::verify_alone(b).ok()))
}

fn remembered<T: Clone>(
    known: &mut HashMap<Vec<u8>, T>,
    bytes: &[u8],
    verify: impl FnOnce(&[u8]) -> Option<T>,
) -> Option<T> {
    if let Some(found) = known.get(bytes) {
        return Some(found.clone());
    }
    let verified = verify(bytes)?;
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(bytes.to_vec(), verified.clone());
    Some(verified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_verified_is_remembered_and_never_too_much() {
        let mut known = HashMap::new();
        assert_eq!(remembered(&mut known, b"bad", |_| None::<u32>), None);
        assert!(known.is_empty());
        for n in 0..1_000u32 {
            assert_eq!(remembered(&mut known, &n.to_be_bytes(), |_| Some(n)), Some(n));
            assert_eq!(remembered(&mut known, &n.to_be_bytes(), |_| None), Some(n));
            assert!(known.len() <= MOST);
        }
    }
}
