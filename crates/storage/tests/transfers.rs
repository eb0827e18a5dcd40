//! Files in the store: what is offered, what became of it, and the transfers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use common::{Author, conversation, me, prepared, text, them};
use nexus_identity::id::Millis;
use nexus_identity::kdf::Secret32;
use nexus_log::body::{Answer, FileKind, FileOffer, FileRoot, FileSecret};
use nexus_log::fold::{Action, Message, Operation, Shown};
use nexus_log::hlc::Hlc;
use nexus_log::ids::EntryHash;
use nexus_log::ledger::Ledger;
use nexus_log::order::Position;
use nexus_storage::StoreError;
use nexus_storage::transfers::{MAX_DETAIL, MAX_PLACE, TransferRow, TransferState};

fn offer(name: &str) -> FileOffer {
    FileOffer {
        name: name.to_owned(),
        size: 70_000,
        kind: FileKind::Folder,
        secret: FileSecret::new(Secret32::new([5; 32])),
        root: None,
        manifest: 90,
        files: 3,
        media_type: None,
        mtime: None,
        executable: false,
    }
}

fn transfer(n: u8, state: TransferState) -> TransferRow {
    TransferRow {
        entry: EntryHash::from_bytes([n; 32]),
        blob: [n % 2; 32],
        outgoing: n > 1,
        state,
        place: b"/tmp/\xff\xfe".to_vec(),
        landed: (n > 2).then(|| b"/tmp/x".to_vec()),
        size: 1 << 44,
        done: u64::from(n),
        detail: "why".to_owned(),
        created: Millis(u64::from(n)),
        changed: Millis(7),
    }
}

#[test]
fn an_offer_is_kept_with_what_was_said_of_it_and_found_among_the_files() {
    let (_dir, mut opened) = prepared();
    let kept = opened
        .writer
        .transaction(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            common::say(tx, &mut author, 10, "look at this");
            let position = author.append(tx, 11, b"file");
            let offered = Message {
                base: nexus_log::fold::Base {
                    shown: Shown::File(Box::new(offer("trip"))),
                    ..text(position, them(), "trip").base
                },
                ..text(position, them(), "trip")
            };
            tx.insert_message(&conversation(1), author.chain, &offered)?;
            let root = FileRoot { content: [0x1f; 32], sealed: Some([0xe0; 32]) };
            for (who, action) in [
                (them(), Action::Root(root)),
                (me(), Action::Answer(Answer::Declined)),
                (me(), Action::Answer(Answer::Done)),
            ] {
                let at = author.append(tx, 12, format!("{action:?}").as_bytes());
                let operation = Operation {
                    position: Position { hlc: Hlc(12), ..at },
                    author: who,
                    target: position.hash,
                    action,
                    expires: None,
                };
                tx.insert_operation(&conversation(1), &operation)?;
            }
            Ok::<_, StoreError>((position.hash, root))
        })
        .unwrap();
    let (hash, root) = kept;
    let rows = opened.writer.queries().offers(10).unwrap();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row.message.base.position.hash, hash);
    assert_eq!(row.message.base.shown, Shown::File(Box::new(offer("trip"))));
    assert_eq!(row.message.state.root, Some(root));
    assert_eq!(row.message.state.answers, [(me(), Answer::Done)]);
}

#[test]
fn a_transfer_is_kept_replaced_and_forgotten() {
    let (_dir, mut opened) = prepared();
    let states = [TransferState::Active, TransferState::Offered, TransferState::Failed];
    opened
        .writer
        .transaction(|tx| {
            for (n, state) in (1..).zip(states) {
                tx.put_transfer(&transfer(n, state))?;
            }
            tx.put_transfer(&TransferRow { done: 99, ..transfer(1, TransferState::Active) })?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let found = opened.writer.queries().transfer(&EntryHash::from_bytes([1; 32])).unwrap();
    assert_eq!(found, Some(TransferRow { done: 99, ..transfer(1, TransferState::Active) }));
    let of_blob = opened.writer.queries().transfers_of_blob(&[1; 32]).unwrap();
    assert_eq!(of_blob.iter().map(|row| row.created.0).collect::<Vec<_>>(), [1, 3]);
    let some = [TransferState::Offered, TransferState::Failed];
    assert_eq!(opened.writer.queries().transfers_in(&some).unwrap().len(), 2);
    let gone = EntryHash::from_bytes([1; 32]);
    opened.writer.transaction(|tx| tx.drop_transfer(&gone)).unwrap();
    assert_eq!(opened.writer.queries().transfers_of_blob(&[1; 32]).unwrap().len(), 1);
}

#[test]
fn a_transfer_one_past_a_limit_is_refused() {
    let (_dir, mut opened) = prepared();
    let row = |place: usize, detail: usize| TransferRow {
        place: vec![b'p'; place],
        detail: "d".repeat(detail),
        ..transfer(1, TransferState::Paused)
    };
    let mut put = |row: TransferRow| -> Result<(), StoreError> {
        opened.writer.transaction(|tx| tx.put_transfer(&row))
    };
    put(row(MAX_PLACE, MAX_DETAIL)).unwrap();
    assert!(matches!(put(row(MAX_PLACE + 1, 0)), Err(StoreError::TooLong { .. })));
    assert!(matches!(put(row(1, MAX_DETAIL + 1)), Err(StoreError::TooLong { .. })));
}
