//! What a stranger may put into the store: numbers at the end of their range, endless values, hostile words.
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

use common::{Author, conversation, me, prepared, say, text, them};
use nexus_identity::id::Millis;
use nexus_identity::kdf::Secret32;
use nexus_identity::keys::SigningKey;
use nexus_log::fold::{Action, Operation, Shown};
use nexus_log::header::{Header, Kind};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{EntryHash, EntryRef, Head, LogKey};
use nexus_log::ledger::{ChainId, Ledger, NewEntry};
use nexus_log::order::Position;
use nexus_storage::{StoreError, Window};

#[test]
fn clocks_at_the_end_of_their_range_keep_their_order() {
    let (_dir, mut opened) = prepared();
    let clocks = [u64::MAX, 0, 1 << 63, (1 << 63) - 1, 1, u64::MAX - 1];
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            for clock in clocks {
                say(tx, &mut author, clock, &format!("at {clock}"));
            }
            tx.set_clock(&conversation(1), Hlc(u64::MAX))?;
            assert_eq!(tx.clock(&conversation(1))?, Hlc(u64::MAX));
            Ok(())
        })
        .unwrap();
    let rows = opened.writer.queries().history(&conversation(1), Window::Newest, 100).unwrap();
    let mut sorted = clocks.to_vec();
    sorted.sort_unstable();
    let here: Vec<u64> = rows.iter().map(|row| row.message.base.position.hlc.0).collect();
    assert_eq!(here, sorted);
    let middle = rows[3].message.base.position;
    let queries = opened.writer.queries();
    assert_eq!(queries.history(&conversation(1), Window::Before(middle), 100).unwrap().len(), 3);
    assert_eq!(queries.history(&conversation(1), Window::After(middle), 100).unwrap().len(), 2);
}

#[test]
fn sequence_numbers_past_the_range_are_refused_and_leave_nothing() {
    let (_dir, mut opened) = prepared();
    let failed = opened.writer.transaction::<_, StoreError>(|tx| {
        let mut author = Author::new(them(), 1, 1);
        author.open(tx);
        let header =
            Header::for_payload(Kind::Entry, author.log(), u64::MAX, EntryHash::ZERO, b"x")
                .unwrap();
        let entry = NewEntry {
            seq: u64::MAX,
            hash: header.hash(),
            header: &header.encode(),
            payload: b"x",
            signature: None,
            pending: None,
        };
        tx.append(author.chain, &[entry], Millis(1))
    });
    assert!(matches!(failed, Err(StoreError::OutOfRange { .. })), "{failed:?}");
    assert_eq!(opened.writer.queries().entry_count().unwrap(), 0);
    // A mark may name any number that a peer likes; it must not break counting.
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let log = LogKey::from_bytes([1; 32]);
            let mark = |seq| EntryRef { log, seq, hash: EntryHash::ZERO };
            assert!(tx.raise_read_mark(&conversation(1), &me(), &mark(i64::MAX as u64))?);
            assert!(!tx.raise_read_mark(&conversation(1), &me(), &mark(u64::MAX))?);
            tx.put_citation(&mark(u64::MAX))?;
            assert_eq!(tx.citations(&log)?, []);
            assert_eq!(tx.entries(ChainId(1), u64::MAX, usize::MAX)?, []);
            Ok(())
        })
        .unwrap();
}

#[test]
fn times_and_numbers_of_any_size_come_back() {
    let (_dir, mut opened) = prepared();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            for (i, shown) in
                [Shown::Timer(Some(u64::MAX)), Shown::Timer(None), Shown::Unknown(u64::MAX)]
                    .into_iter()
                    .enumerate()
            {
                let position = author.append(tx, i as u64 + 1, b"x");
                let mut message = text(position, them(), "");
                message.base.shown = shown;
                message.base.sent = Millis(i64::MAX as u64);
                tx.insert_message(&conversation(1), author.chain, &message)?;
                assert_eq!(tx.message(&conversation(1), &position.hash)?, Some(message));
            }
            tx.set_timer(&conversation(1), &Position::START, Some(u64::MAX))?;
            assert_eq!(tx.timer(&conversation(1))?, Some((Position::START, Some(u64::MAX))));
            // A time beyond the store's range becomes its end, which no clock reaches.
            let position = author.append(tx, 9, b"x");
            let mut message = text(position, them(), "late");
            message.base.expires = Some(Millis(u64::MAX));
            tx.insert_message(&conversation(1), author.chain, &message)?;
            assert_eq!(tx.due(Millis(i64::MAX as u64 - 1), 10)?, []);
            assert_eq!(tx.next_due()?, Some(Millis(i64::MAX as u64)));
            Ok(())
        })
        .unwrap();
}

#[test]
fn payloads_and_texts_at_their_limit_are_kept_whole() {
    let (_dir, mut opened) = prepared();
    let payload = vec![0xab; 64 * 1024];
    let words: String = "a\u{0}b 'quoted\"; DROP TABLE messages; -- \u{202e}é漢 ".repeat(700);
    let (stored, hash) = opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            let position = author.append(tx, 1, &payload);
            let message = text(position, them(), &words);
            tx.insert_message(&conversation(1), author.chain, &message)?;
            tx.index_messages(10)?;
            Ok((message, position.hash))
        })
        .unwrap();
    let queries = opened.writer.queries();
    assert_eq!(queries.entry(&hash).unwrap().unwrap().entry.payload, payload);
    assert_eq!(queries.message_by_hash(&hash).unwrap().unwrap().message, stored);
    assert_eq!(queries.search("漢 quoted", None, None, 1).unwrap().len(), 1);
    assert!(queries.check(&|| false).unwrap().is_ok());
}

#[test]
fn one_endless_word_and_many_different_ones_are_indexed_in_bounds() {
    let (_dir, mut opened) = prepared();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            say(tx, &mut author, 1, &"x".repeat(32 * 1024));
            let many: String = (0..6_000).map(|i| format!("{i:x} ")).collect();
            say(tx, &mut author, 2, &many);
            say(tx, &mut author, 3, &"\u{301}".repeat(10_000));
            say(tx, &mut author, 4, &"漢".repeat(10_000));
            tx.index_messages(10)?;
            assert_eq!(tx.search(&"x".repeat(30_000), None, None, 9)?.len(), 1);
            assert_eq!(tx.search("1a2b", None, None, 9)?.len(), 0);
            assert_eq!(tx.search("7af", None, None, 9)?.len(), 1);
            assert_eq!(tx.search(&"漢".repeat(500), None, None, 9)?.len(), 1);
            Ok(())
        })
        .unwrap();
}

#[test]
fn operations_on_what_is_not_there_are_kept_apart_from_what_is() {
    let (_dir, mut opened) = prepared();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            let shown = say(tx, &mut author, 1, "here").base.position;
            // The target of one is in another conversation, that of the other nowhere.
            for target in [shown.hash, EntryHash::from_bytes([9; 32])] {
                let position = author.append(tx, 2, b"op");
                let operation = Operation {
                    position,
                    author: them(),
                    target,
                    action: Action::React("'); DROP TABLE reactions; --".into()),
                    expires: Some(Millis(5)),
                };
                tx.insert_operation(&conversation(2), &operation)?;
                assert_eq!(tx.operations(&conversation(2), &target)?, [operation]);
            }
            assert!(tx.operations(&conversation(1), &shown.hash)?.is_empty());
            assert_eq!(tx.due(Millis(5), 10)?.len(), 2);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_run_that_is_damaged_on_disk_is_not_sent() {
    use nexus_sync::Store;
    let (_dir, mut opened) = prepared();
    let mut author = Author::new(them(), 1, 1);
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            author.open(tx);
            say(tx, &mut author, 1, "sound");
            Ok(())
        })
        .unwrap();
    let reader = opened.db.reader().unwrap();
    assert!(reader.run(&author.log(), None, 0, 70_000).unwrap().unwrap().check().is_ok());
    let path = opened.db.path().to_path_buf();
    opened.writer.close().unwrap();
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(
        "DROP TRIGGER entries_are_not_changed; UPDATE entries SET payload = x'00' WHERE seq = 1",
    )
    .unwrap();
    assert!(reader.run(&author.log(), None, 0, 70_000).is_err());
    assert!(reader.run(&author.log(), None, u64::MAX, 70_000).unwrap().is_none());
    assert!(reader.run(&LogKey::from_bytes([0; 32]), None, 0, 70_000).unwrap().is_none());
}

#[test]
fn chains_that_claim_each_other_as_base_do_not_loop() {
    use nexus_sync::Store;
    let (_dir, mut opened) = prepared();
    let key = SigningKey::from_seed(Secret32::new([5; 32]));
    let log = LogKey::from_bytes(key.public());
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut chain = Author::new(them(), 1, 5).chain_row();
            (chain.first, chain.head) = (3, Head { seq: 4, hash: EntryHash::ZERO });
            chain.base = Some((ChainId(1), 2));
            assert!(tx.create_chain(&chain).is_ok());
            Ok(())
        })
        .unwrap();
    let reader = opened.db.reader().unwrap();
    assert!(reader.run(&log, None, 0, 70_000).unwrap().is_none());
    assert!(reader.hash_at(&log, None, 1).unwrap().is_none());
}

#[test]
fn as_many_logs_as_a_topic_may_hold_by_one_instance_cost_a_look_and_no_more() {
    let (_dir, mut opened) = prepared();
    let count = if std::env::var_os("NEXUS_TEST_LONG").is_some() { 65_536 } else { 4_096 };
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let author = Author::new(them(), 1, 1);
            for number in 0..count as u64 {
                let mut chain = author.chain_row();
                let mut log = [9; 32];
                log[..8].copy_from_slice(&number.to_be_bytes());
                chain.log = LogKey::from_bytes(log);
                chain.hlc = Hlc(number);
                tx.create_chain(&chain)?;
            }
            let began = std::time::Instant::now();
            let all = tx.topic_chains(&common::topic(1))?;
            println!("{count} logs: {:?} to look at all of them", began.elapsed());
            assert_eq!(all.len(), count);
            Ok(())
        })
        .unwrap();
}

#[test]
fn of_many_operations_on_one_message_only_those_that_count_are_read() {
    let (_dir, mut opened) = prepared();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            let target = say(tx, &mut author, 1, "here").base.position.hash;
            let mut put = |tx: &mut nexus_storage::Tx<'_>, who, action| {
                let position = author.append(tx, 2, b"op");
                let operation = Operation { position, author: who, target, action, expires: None };
                tx.insert_operation(&conversation(1), &operation).map(|()| operation)
            };
            let mut last = Vec::new();
            for n in 0..500 {
                last.clear();
                for who in [me(), them()] {
                    last.push(put(tx, who, Action::Edit(format!("edit {n}")))?);
                    last.push(put(tx, who, Action::React(format!("{n}")))?);
                }
            }
            let mut read = tx.operations(&conversation(1), &target)?;
            read.sort_by_key(|one| one.position);
            assert_eq!(read, last);
            // All of them go with their target.
            let mut message = tx.message(&conversation(1), &target)?.unwrap();
            message.base.expires = Some(Millis(5));
            tx.update_message(&conversation(1), &message)?;
            let gone =
                nexus_log::expire::expire(tx, nexus_log::hlc::Now::new(Millis(5), Millis(0)))?;
            assert_eq!(gone.len(), 1);
            assert_eq!(tx.operations(&conversation(1), &target)?, []);
            Ok(())
        })
        .unwrap();
}
