//! A stream cut into frames: what is decoded, is encoded to the same bytes.
#![no_main]

use nexus_transport::Frame;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some((frame, used))) = Frame::decode(rest) {
        let mut again = Vec::new();
        frame.encode(&mut again).expect("a frame that was read can be written");
        assert_eq!(again, rest[..used]);
        rest = &rest[used..];
    }
});
