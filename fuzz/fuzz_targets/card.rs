//! Cards: raw bytes, and statements of the fuzzer's choice that carry a right signature.
#![no_main]

use nexus_fuzz::identity;
use nexus_identity::{SignedStatement, VerifiedCard};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(card) = VerifiedCard::decode(data) {
        assert_eq!(VerifiedCard::decode(&card.to_bytes()).as_ref(), Ok(&card));
    }
    let me = identity();
    let signed = data.split(|byte| *byte == 0xff).map(|bytes| SignedStatement {
        bytes: bytes.to_vec(),
        signature: me.sign("nexus card v1", bytes),
    });
    if let Ok(card) = VerifiedCard::from_signed(me.identity_key(), signed.take(8).collect()) {
        let again = VerifiedCard::decode(&card.to_bytes()).expect("a made card can be read");
        assert_eq!(again, card);
        assert!(!card.merge(&again).changed);
        assert!(card.live().count() <= nexus_identity::card::MAX_LIVE_INSTANCES);
        let _ = VerifiedCard::decode(&card.live_part().to_bytes()).expect("so can its live part");
    }
});
