//! A line on the control socket.
#![no_main]

use nexus_node::api::{Answer, Request};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<Request>(data) {
        let again = serde_json::to_vec(&request).expect("it can be written");
        assert_eq!(serde_json::from_slice::<Request>(&again).expect("and read"), request);
    }
    let _ = serde_json::from_slice::<Answer>(data);
});
