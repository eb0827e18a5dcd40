//! Invite links: raw text, and maps of the fuzzer's choice with a right check.
#![no_main]

use std::str::FromStr;

use nexus_identity::Invite;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let links = [String::from_utf8_lossy(data).into_owned(), nexus_fuzz::invite_around(data)];
    for link in links {
        if let Ok(invite) = Invite::from_str(&link) {
            let again = invite.encode().expect("an invite that was read can be written");
            assert_eq!(Invite::from_str(&again), Ok(invite));
        }
    }
});
