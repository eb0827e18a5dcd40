//! The CBOR inside an ENTRY: what is read, known or not, is written back to the same bytes.
#![no_main]

use nexus_log::body::Body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(body) = Body::decode(data) {
        let again = body.encode();
        let second = Body::decode(&again).expect("what was written can be read");
        assert_eq!(second, body);
    }
});
