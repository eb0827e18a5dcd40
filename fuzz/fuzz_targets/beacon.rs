//! Any datagram on the discovery port.
#![no_main]

use nexus_transport::beacon::Beacon;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(beacon) = Beacon::decode(data) {
        let _ = beacon.verify(data);
        let _ = beacon.head_bytes();
    }
});
