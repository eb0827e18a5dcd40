//! A run of entries as a peer sends it.
#![no_main]

use nexus_log::header::Header;
use nexus_log::run::Run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(header) = Header::decode(data) {
        assert_eq!(header.encode(), data[..112]);
    }
    if let Ok(run) = Run::decode(data).check() {
        assert_eq!(run.bytes(), data);
        assert_eq!(run.entries().len(), run.len());
    }
});
