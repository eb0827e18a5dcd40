use super::*;

fn get(request: u32, blob: u8, first: u64, count: u32) -> Get {
    let (request, blob) = (RequestId(request), BlobId::from_bytes([blob; 32]));
    Get { request, blob, what: What::Content, first, count }
}

fn all(serve: &mut Serve) -> Vec<(u32, Option<u64>)> {
    let one = |next| match next {
        Next::Piece(piece) => (piece.request.0, Some(piece.index)),
        Next::End(request) => (request.0, None),
    };
    core::iter::from_fn(|| serve.poll_next()).map(one).collect()
}

#[test]
fn blobs_take_turns_and_each_is_read_from_front_to_back() {
    let mut serve = Serve::new();
    for one in [get(1, 1, 0, 2), get(2, 1, 2, 2), get(3, 2, 7, 3)] {
        serve.handle_get(one).unwrap();
    }
    assert_eq!(
        all(&mut serve),
        [
            (1, Some(0)),
            (3, Some(7)),
            (1, Some(1)),
            (3, Some(8)),
            (1, None),
            (2, Some(2)),
            (3, Some(9)),
            (2, Some(3)),
            (3, None),
            (2, None),
        ]
    );
    assert_eq!(serve.open(), 0);
}

#[test]
fn hashes_come_in_lists_of_a_thousand() {
    let mut serve = Serve::new();
    serve.handle_get(Get { what: What::Hashes, ..get(1, 1, 10, 2500) }).unwrap();
    let counts = core::iter::from_fn(|| serve.poll_next()).map(|next| match next {
        Next::Piece(piece) => (piece.index, piece.count),
        Next::End(_) => (0, 0),
    });
    assert_eq!(counts.collect::<Vec<_>>(), [(10, 1024), (1034, 1024), (2058, 452), (0, 0)]);
}

#[test]
fn sixteen_requests_may_be_open_and_no_more() {
    let mut serve = Serve::new();
    for request in 0..MAX_OPEN as u32 {
        serve.handle_get(get(request, 1, 0, 1)).unwrap();
    }
    assert_eq!(serve.handle_get(get(99, 1, 0, 1)), Err(ServeViolation::TooMany));
    assert_eq!(serve.handle_get(get(3, 2, 0, 1)), Err(ServeViolation::InUse));
    assert_eq!(all(&mut serve).len(), 2 * MAX_OPEN);
    assert_eq!(serve.handle_get(get(99, 1, 0, 1)), Ok(()));
}

#[test]
fn a_stop_leaves_only_the_end() {
    let mut serve = Serve::new();
    serve.handle_get(get(1, 1, 0, 100)).unwrap();
    serve.handle_get(get(2, 1, 100, 1)).unwrap();
    serve.poll_next();
    serve.handle_stop(RequestId(1));
    serve.handle_stop(RequestId(5));
    assert_eq!(all(&mut serve), [(1, None), (2, Some(100)), (2, None)]);
}

#[test]
fn what_is_dropped_is_not_answered() {
    let mut serve = Serve::new();
    for one in [get(1, 1, 0, 2), get(2, 2, 0, 1), get(3, 2, 1, 1)] {
        serve.handle_get(one).unwrap();
    }
    assert!(serve.drop_request(RequestId(1)));
    assert!(!serve.drop_request(RequestId(1)));
    assert_eq!(serve.drop_blob(&BlobId::from_bytes([2; 32])), [RequestId(2), RequestId(3)]);
    assert_eq!(serve.poll_next(), None);
}
