//! Letters: raw bytes, and bodies of the fuzzer's choice that are signed and sealed as they should be.
#![no_main]

use nexus_fuzz::{identity, instance, letter_around, prekeys};
use nexus_identity::letter;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = letter::peek(data);
    let _ = letter::open(data, identity(), prekeys());
    let _ = letter::open(&letter_around(data, instance()), identity(), prekeys());
});
