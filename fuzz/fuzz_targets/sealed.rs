//! Sealed groups: what nobody sealed does not open; what was sealed does, and only in its place.
#![no_main]

use nexus_blobs::sealed::Sealer;
use nexus_blobs::{BlobSize, Root};
use nexus_identity::Secret32;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let size = BlobSize::new(2 * 65_536 + data.len() as u64 % 65_536).expect("small");
    let (secret, root) = (Secret32::new([1; 32]), Root::from_bytes([2; 32]));
    let sealer = Sealer::new(&secret, &root, size).expect("a cipher");
    for index in 0..4 {
        assert!(sealer.open(index, &mut data.to_vec()).is_err());
    }
    let mut group = data[..size.group_len(2)].to_vec();
    if !group.is_empty() {
        let tag = sealer.seal(2, &mut group).expect("sealed");
        group.extend_from_slice(&tag);
        assert!(sealer.open(1, &mut group.clone()).is_err());
        assert_eq!(sealer.open(2, &mut group).expect("opened"), &data[..size.group_len(2)]);
    }
});
