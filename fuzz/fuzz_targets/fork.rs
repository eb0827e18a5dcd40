//! A fork proof: one proof has one encoding.
#![no_main]

use nexus_log::fork::ForkProof;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(proof) = ForkProof::decode(data) {
        assert_eq!(proof.encode(), data);
    }
});
