//! Backup files. The cost that the file asks for is held down, or the fuzzer would only see Argon2 at work.
#![no_main]

use nexus_identity::backup;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut file = data.to_vec();
    // Behind `nexus backup\0` and the version: memory, passes, lanes.
    if let Some(cost) = file.get_mut(14..26) {
        cost.copy_from_slice(&[0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1]);
    }
    let _ = backup::open(&file, nexus_fuzz::PHRASE);
});
