//! Real bytes over real frames: a blob from two servers, with and without the root at the start.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_blobs::limits::MAX_SOURCES;
use nexus_blobs::serve::Next;
use nexus_blobs::tree::list_fits;
use nexus_blobs::wire::{Get, Message, What, frame_len, group_header, hashes_header, parse};
use nexus_blobs::{
    Action, BlobId, BlobSize, Check, Fetch, GroupHash, GroupSet, RootBuilder, Serve, SourceId,
    SourceKind, Take, group_hash,
};
use nexus_identity::Secret32;

const NOW: Duration = Duration::ZERO;

fn group(content: &[u8], size: BlobSize, index: u64) -> &[u8] {
    let start = size.group_start(index) as usize;
    &content[start..start + size.group_len(index)]
}

fn hashes(content: &[u8], size: BlobSize) -> Vec<GroupHash> {
    let hash = |index| group_hash(size, index, group(content, size, index)).unwrap();
    (0..size.groups()).map(hash).collect()
}

/// What a server writes next.
fn answer(serve: &mut Serve, content: &[u8], size: BlobSize) -> Option<Vec<u8>> {
    let piece = match serve.poll_next()? {
        Next::End(request) => return Some(Message::End(request).to_bytes()),
        Next::Piece(piece) => piece,
    };
    Some(match piece.what {
        What::Content => {
            let bytes = group(content, size, piece.index);
            [&group_header(piece.request, piece.index, bytes.len()), bytes].concat()
        }
        What::Hashes => {
            let range = piece.index as usize..piece.index as usize + piece.count as usize;
            let list: Vec<u8> =
                hashes(content, size)[range].iter().flat_map(|hash| *hash.as_bytes()).collect();
            [&hashes_header(piece.request, piece.index, piece.count as usize)[..], &list].concat()
        }
    })
}

struct Receiver {
    size: BlobSize,
    fetch: Fetch,
    disk: Vec<u8>,
    own: BTreeMap<u64, GroupHash>,
    list: BTreeMap<u64, GroupHash>,
    complete: bool,
}

impl Receiver {
    fn read(&mut self, source: SourceId, frame: &[u8]) {
        match parse(frame).unwrap().unwrap() {
            Message::Group { request, index, bytes } => {
                let hash = group_hash(self.size, index, bytes);
                let check = match (&hash, self.fetch.list_known()) {
                    (Err(_), _) => Check::Bad,
                    (Ok(_), false) => Check::Provisional,
                    (Ok(hash), true) if self.size.is_single() => {
                        let root = self.fetch.root().unwrap();
                        if hash.as_bytes() == root.as_bytes() { Check::Good } else { Check::Bad }
                    }
                    (Ok(hash), true) if self.list[&index] == *hash => Check::Good,
                    (Ok(_), true) => Check::Bad,
                };
                if self.fetch.handle_group(source, request, index, check, NOW) == Ok(Take::Write) {
                    let start = self.size.group_start(index) as usize;
                    self.disk[start..start + bytes.len()].copy_from_slice(bytes);
                    self.own.insert(index, hash.unwrap());
                    self.fetch.written(index);
                }
            }
            Message::Hashes { request, first, hashes } => {
                let taken = self.fetch.handle_hashes(source, request, first, hashes.len(), NOW);
                if taken == Ok(Take::Write) {
                    self.list.extend((first..).zip(hashes.iter()));
                }
            }
            Message::End(request) => self.fetch.handle_end(source, request, NOW).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

fn moves(len: usize, root_first: bool) {
    let content: Vec<u8> = (0..len).map(|at| (at * at % 251) as u8).collect();
    let size = BlobSize::new(len as u64).unwrap();
    let blob = BlobId::of(&Secret32::new([1; 32]));
    let mut builder = RootBuilder::new(size);
    hashes(&content, size).into_iter().for_each(|hash| builder.push(hash).unwrap());
    let root = builder.finish().unwrap();
    let mut to = Receiver {
        size,
        fetch: Fetch::new(size, GroupSet::new(), root_first.then_some(root), false),
        disk: vec![0; len],
        own: BTreeMap::new(),
        list: BTreeMap::new(),
        complete: false,
    };
    let mut servers = [Serve::new(), Serve::new()];
    assert!(to.fetch.add_source(SourceId(0), SourceKind::Author));
    assert!(to.fetch.add_source(SourceId(1), SourceKind::Holder));
    let mut turns = 0;
    while !to.complete {
        turns += 1;
        assert!(turns < 100_000);
        while let Some(action) = to.fetch.poll_action(NOW) {
            match action {
                Action::Ask { source, request, what, first, count } => {
                    let get = Message::Get(Get { request, blob, what, first, count }).to_bytes();
                    let Some(Message::Get(get)) = parse(&get[4..]).unwrap() else { panic!() };
                    assert!(get.fits(size));
                    servers[source.0 as usize].handle_get(get).unwrap();
                }
                Action::NeedRoot => to.fetch.set_root(root),
                Action::CheckList => {
                    to.fetch.list_complete(list_fits(size, &root, to.list.values().copied()));
                }
                Action::Verify => {
                    to.fetch.verified(list_fits(size, &root, to.own.values().copied()));
                }
                Action::Complete => to.complete = true,
                other => panic!("{other:?}"),
            }
        }
        for (number, serve) in servers.iter_mut().enumerate() {
            if let Some(framed) = answer(serve, &content, size) {
                let (length, frame) = framed.split_first_chunk::<4>().unwrap();
                assert_eq!(frame_len(*length), Ok(frame.len()));
                to.read(SourceId(number as u64), frame);
            }
        }
    }
    assert!(to.disk == content, "{len} bytes");
    assert_eq!(to.fetch.bytes_here(), len as u64);
    assert_eq!(to.fetch.unwanted(), 0);
}

#[test]
fn what_arrives_is_what_was_sent() {
    for len in [0, 1, 65_536, 65_537, 40 * 65_536 + 77] {
        moves(len, true);
        moves(len, false);
    }
}

#[test]
fn a_transfer_has_thirty_two_sources_and_no_more() {
    let size = BlobSize::new(1 << 30).unwrap();
    let mut fetch = Fetch::new(size, GroupSet::new(), None, false);
    for number in 0..MAX_SOURCES as u64 {
        assert!(fetch.add_source(SourceId(number), SourceKind::Holder));
    }
    assert!(!fetch.add_source(SourceId(99), SourceKind::Holder));
    fetch.remove_source(SourceId(0));
    assert!(fetch.add_source(SourceId(99), SourceKind::Holder));
}
