//! The first frame of a link, from whoever connects: read, checked against the key of the link, and against what is
//! known of the sender.
#![no_main]

use nexus_fuzz::{card, instance, record};
use nexus_identity::InstanceKey;
use nexus_transport::beacon::BootId;
use nexus_transport::hello::{Hello, VERSION};

fn try_all(hello: &Hello) {
    let (mine, other) = (instance().key(), InstanceKey::from_bytes([9; 32]));
    for key in [mine, other] {
        for known in [None, Some(card())] {
            if let Ok(checked) = hello.check(key, Some(&card().connect_id()), known) {
                assert_eq!(checked.instance, mine, "the key of the link is in no card");
                assert_eq!(checked.connect_id, card().connect_id());
            }
            let _ = hello.check(key, None, known);
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(hello) = Hello::decode(data) {
        let again = Hello::decode(&hello.encode()).expect("what is read can be written");
        assert_eq!(again, hello);
        try_all(&hello);
    }
    // A right frame around any card, then around any record.
    for (card_bytes, record_bytes) in
        [(data.to_vec(), record().to_bytes().to_vec()), (card().to_bytes(), data.to_vec())]
    {
        try_all(&Hello {
            versions: vec![VERSION],
            connect_id: card().connect_id(),
            card: card_bytes,
            record: record_bytes,
            capabilities: 0,
            port: 4000,
            boot: BootId([1; 8]),
        });
    }
});
