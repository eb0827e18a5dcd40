use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_itself(code: u8, body in proptest::collection::vec(any::<u8>(), 0..2000), tail in proptest::collection::vec(any::<u8>(), 0..9)) {
        let frame = Frame::new(code, body);
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).unwrap();
        let length = bytes.len();
        prop_assert_eq!(length, frame.wire_len());
        bytes.extend_from_slice(&tail);
        prop_assert_eq!(Frame::decode(&bytes).unwrap(), Some((frame, length)));
    }

    #[test]
    fn any_bytes_give_a_frame_a_wish_for_more_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(Some((frame, used))) = Frame::decode(&bytes) {
            prop_assert!(used <= bytes.len());
            let mut again = Vec::new();
            frame.encode(&mut again).unwrap();
            prop_assert_eq!(&again[..], &bytes[..used]);
        }
    }

    #[test]
    fn a_stream_gives_the_same_frames_as_a_buffer(frames in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..8)) {
        let frames: Vec<Frame> = frames.into_iter().map(|(code, body)| Frame::new(code, body)).collect();
        let mut bytes = Vec::new();
        for frame in &frames {
            frame.encode(&mut bytes).unwrap();
        }
        let read = futures::executor::block_on(async {
            let mut stream = &bytes[..];
            let mut read = Vec::new();
            while let Some(frame) = Frame::read(&mut stream).await.unwrap() {
                read.push(frame);
            }
            read
        });
        prop_assert_eq!(read, frames);
    }
}

#[test]
fn the_largest_frame_passes_and_one_byte_more_does_not() {
    let mut bytes = Vec::new();
    Frame::new(1, vec![0; MAX_FRAME - 1]).encode(&mut bytes).unwrap();
    assert!(Frame::decode(&bytes).unwrap().is_some());
    assert!(matches!(
        Frame::new(1, vec![0; MAX_FRAME]).encode(&mut Vec::new()),
        Err(FrameError::TooLong(_))
    ));
    let over = u32::try_from(MAX_FRAME + 1).unwrap().to_be_bytes();
    assert!(matches!(Frame::decode(&over), Err(FrameError::TooLong(_))));
}

#[test]
fn a_frame_without_a_code_is_refused() {
    assert!(matches!(Frame::decode(&[0, 0, 0, 0]), Err(FrameError::Empty)));
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_an_error() {
    let mut bytes = Vec::new();
    Frame::new(9, b"abc".to_vec()).encode(&mut bytes).unwrap();
    for cut in 1..bytes.len() {
        let mut stream = &bytes[..cut];
        assert!(matches!(
            futures::executor::block_on(Frame::read(&mut stream)),
            Err(FrameError::Io(_))
        ));
    }
}
