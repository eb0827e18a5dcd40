//! Instance records, alone and against a card.
#![no_main]

use nexus_fuzz::card;
use nexus_identity::VerifiedRecord;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = VerifiedRecord::verify(data, card());
    if let Ok(record) = VerifiedRecord::verify_alone(data) {
        assert_eq!(record.to_bytes(), data);
        assert!(!record.newer_than(&record));
    }
});
