use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Result<Option<Message<'_>>, FrameError> {
    let (length, frame) = bytes.split_first_chunk::<4>().unwrap();
    assert_eq!(frame_len(*length)?, frame.len());
    parse(frame)
}

fn get(count: u32) -> Get {
    let blob = BlobId::from_bytes([7; 32]);
    Get { request: RequestId(1), blob, what: What::Content, first: 5, count }
}

#[test]
fn every_frame_is_read_back_as_it_was_written() {
    let bytes = vec![9; GROUP];
    let hashes = vec![[3; 32]; MAX_HASHES];
    let request = RequestId(0x0102_0304);
    let codes = [0, 1, 2, 3, 4, 5, 6].map(NoCode::from_byte);
    let mut messages = vec![
        Message::Get(get(1)),
        Message::Get(Get { what: What::Hashes, first: u64::MAX, ..get(MAX_GET) }),
        Message::Stop(request),
        Message::Group { request, index: 8, bytes: &[] },
        Message::Group { request, index: u64::MAX, bytes: &bytes },
        Message::Hashes { request, first: 0, hashes: HashList(&hashes) },
        Message::End(request),
    ];
    messages.extend(codes.map(|code| Message::No { request, code }));
    for message in messages {
        let written = message.to_bytes();
        assert!(written.len() <= MAX_FRAME);
        assert_eq!(read(&written), Ok(Some(message)));
    }
}

#[test]
fn each_limit_is_kept_and_one_past_it_is_refused() {
    assert_eq!(read(&Message::Get(get(0)).to_bytes()), Err(FrameError::Malformed));
    assert!(read(&Message::Get(get(MAX_GET)).to_bytes()).is_ok());
    assert_eq!(read(&Message::Get(get(MAX_GET + 1)).to_bytes()), Err(FrameError::Malformed));
    let group = |len: usize| [&[3][..], &vec![0; 12 + len]].concat();
    assert!(parse(&group(GROUP)).is_ok());
    assert_eq!(parse(&group(GROUP + 1)), Err(FrameError::Malformed));
    let hashes = |len: usize| [&[4][..], &vec![0; 12 + len]].concat();
    assert!(parse(&hashes(32 * MAX_HASHES)).is_ok());
    for len in [0, 31, 33, 32 * MAX_HASHES + 32] {
        assert_eq!(parse(&hashes(len)), Err(FrameError::Malformed), "{len} bytes of hashes");
    }
    let longest = u32::try_from(MAX_FRAME - 4).unwrap();
    assert_eq!(frame_len(longest.to_be_bytes()), Ok(MAX_FRAME - 4));
    assert_eq!(frame_len((longest + 1).to_be_bytes()), Err(FrameError::Oversized));
    assert_eq!(frame_len([0xff; 4]), Err(FrameError::Oversized));
    assert_eq!(frame_len([0; 4]), Err(FrameError::Oversized));
    assert_eq!(parse(&vec![200; MAX_FRAME - 3]), Err(FrameError::Oversized));
}

#[test]
fn later_frames_are_passed_over_and_undefined_ones_are_not() {
    assert_eq!(parse(&[128]), Ok(None));
    assert_eq!(parse(&[255, 1, 2, 3]), Ok(None));
    for code in [0, 7, 127] {
        assert_eq!(parse(&[code, 0, 0, 0, 1]), Err(FrameError::Unknown));
    }
    assert_eq!(parse(&[]), Err(FrameError::Malformed));
}

#[test]
fn a_get_outside_of_its_blob_does_not_fit() {
    let size = BlobSize::new(10 * GROUP as u64).unwrap();
    assert!(Get { first: 0, ..get(10) }.fits(size));
    assert!(!Get { first: 1, ..get(10) }.fits(size));
    assert!(!Get { first: u64::MAX, ..get(1) }.fits(size));
}

#[test]
fn reasons_of_later_versions_count_as_refused() {
    assert_eq!(
        parse(&[6, 0, 0, 0, 1, 99]),
        Ok(Some(Message::No { request: RequestId(1), code: NoCode::Refused }))
    );
}

proptest! {
    #[test]
    fn what_is_read_is_written_to_the_same_bytes(
        code in 0..9u8, body in prop::collection::vec(any::<u8>(), 0..120)
    ) {
        let frame = [&[code][..], &body].concat();
        if let Ok(Some(message)) = parse(&frame) {
            let written = message.to_bytes();
            // A reason of a later version is not kept.
            if !matches!(message, Message::No { code: NoCode::Refused, .. }) {
                prop_assert_eq!(&written[4..], &frame[..]);
            }
            prop_assert_eq!(read(&written), Ok(Some(message)));
        }
    }
}
