//! ConnectIDs as people type them.
#![no_main]

use std::str::FromStr;

use nexus_identity::ConnectId;

libfuzzer_sys::fuzz_target!(|data: &str| {
    if let Ok(id) = ConnectId::from_str(data) {
        assert_eq!(ConnectId::from_str(&id.to_string()).ok(), Some(id));
    }
});
