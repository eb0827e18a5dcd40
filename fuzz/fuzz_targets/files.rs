//! Files of one's own that a disk may have damaged: the identity and the ring of prekeys.
#![no_main]

use nexus_identity::{IdentitySecrets, Prekeys};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(secrets) = IdentitySecrets::from_bytes(data) {
        assert_eq!(secrets.to_bytes().as_slice(), data);
    }
    let _ = Prekeys::from_bytes(data);
});
