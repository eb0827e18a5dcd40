//! The manifest at the front of a blob: what is read is safe, and is written to the same bytes.
#![no_main]

use nexus_blobs::BlobSize;
use nexus_blobs::manifest::{Decoder, Encoder, HEADER};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The size that would fit, so that more than the header is looked at.
    let content = data.get(17..HEADER).and_then(|bytes| bytes.try_into().ok());
    let content = content.map_or(0, u64::from_be_bytes);
    let Ok(size) = BlobSize::new((data.len() as u64).saturating_add(content)) else { return };
    let mut decoder = Decoder::new(size);
    let mut encoder = Encoder::new();
    for piece in data.chunks(1000) {
        if decoder.push(piece).is_err() {
            return;
        }
        loop {
            match decoder.next_entry() {
                Ok(Some(entry)) => encoder.push(&entry).expect("what was read can be written"),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    if decoder.is_done() {
        let (bytes, layout) = encoder.finish().expect("what was read can be written");
        assert_eq!((&bytes[..], layout.size()), (data, size));
        for group in layout.manifest_groups() {
            let pieces = layout.group_pieces(group).map(|piece| piece.len).sum::<u64>();
            assert_eq!(pieces, size.group_len(group) as u64);
        }
    }
});
