//! What the deterministic CBOR decoder accepts, it writes back to the same bytes.
#![no_main]

use nexus_identity::cbor::{Map, MapWriter};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(map) = Map::decode(data) {
        let mut again = MapWriter::new();
        again.extra(&map.unknown(&[]));
        assert_eq!(again.into_bytes(), data);
    }
});
