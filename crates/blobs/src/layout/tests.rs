use proptest::prelude::*;

use super::*;

fn layout(manifest: u64, files: &[u64]) -> Layout {
    let size = BlobSize::new(manifest + files.iter().sum::<u64>()).unwrap();
    Layout::new(size, manifest, files.iter().enumerate().map(|(at, len)| (2 * at as u32, *len)))
}

#[test]
fn a_single_file_is_the_whole_blob() {
    let layout = Layout::single(BlobSize::new(70_000).unwrap());
    assert_eq!(layout.locate(69_999), Some(Place::File { file: 0, entry: 0, offset: 69_999 }));
    assert_eq!(layout.locate(70_000), None);
    assert_eq!((layout.groups(0), layout.manifest_groups()), (Some(0..2), 0..0));
    let empty = Layout::single(BlobSize::default());
    assert_eq!((empty.groups(0), empty.locate(0)), (Some(0..0), None));
    assert_eq!(empty.group_pieces(0).count(), 0);
}

#[test]
fn empty_files_have_a_place_but_no_bytes() {
    let layout = layout(10, &[0, 5, 0, 0, 7, 0]);
    assert_eq!(layout.bytes(2), Some(15..15));
    assert_eq!(layout.locate(15), Some(Place::File { file: 4, entry: 8, offset: 0 }));
    assert_eq!(layout.bytes(5), Some(22..22));
    assert_eq!((layout.bytes(6), layout.entry(6), layout.file_of(3)), (None, None, None));
    assert_eq!(layout.file_of(8), Some(4));
}

#[test]
fn a_hundred_thousand_files_are_found() {
    let layout = layout(3_000_000, &vec![4096; 100_000]);
    let groups = 0..layout.size().groups();
    let pieces = groups.flat_map(|group| layout.group_pieces(group));
    assert_eq!(pieces.map(|piece| piece.len).sum::<u64>(), layout.size().get());
}

proptest! {
    #[test]
    fn every_byte_belongs_to_the_file_that_it_lies_in(
        manifest in 0..100_000u64,
        files in prop::collection::vec(prop_oneof![Just(0), 1..5u64, 1..300_000u64], 1..12),
        at: prop::sample::Index,
    ) {
        let layout = layout(manifest, &files);
        let total = layout.size().get();
        let mut start = manifest;
        for (file, len) in files.iter().enumerate() {
            prop_assert_eq!(layout.bytes(file), Some(start..start + len));
            let groups = layout.groups(file).unwrap();
            for group in 0..layout.size().groups() {
                let holds = layout.group_pieces(group)
                    .any(|piece| matches!(piece.place, Place::File { file: of, .. } if of == file));
                prop_assert_eq!(groups.contains(&group), holds);
            }
            start += len;
        }
        if total > 0 {
            let at = at.index(total as usize) as u64;
            match layout.locate(at).unwrap() {
                Place::Manifest(offset) => prop_assert!(offset == at && at < manifest),
                Place::File { file, entry, offset } => {
                    let begin = layout.bytes(file).unwrap().start;
                    prop_assert_eq!((begin + offset, entry), (at, 2 * file as u32));
                    prop_assert!(offset < files[file]);
                }
            }
        }
        let mut next = 0;
        for piece in layout.pieces(0..total) {
            prop_assert_eq!(layout.locate(next), Some(piece.place));
            next += piece.len;
        }
        prop_assert_eq!(next, total);
    }
}
