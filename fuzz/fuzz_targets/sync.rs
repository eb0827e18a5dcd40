//! A frame of the sync stream: the first byte is its code.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some((code, body)) = data.split_first() {
        let _ = nexus_sync::Received::decode(*code, body);
    }
});
