//! Search: what is found, in which order, and what no longer is.
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

use common::{Author, conversation, prepared, say, them};
use nexus_log::ledger::Ledger;
use nexus_storage::{Opened, Queries, StoreError};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tempfile::TempDir;

/// Texts of two conversations, half of them in the index.
fn talk(indexed: bool) -> (TempDir, Opened) {
    let (dir, mut opened) = prepared();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let (mut one, mut two) = (Author::new(them(), 1, 1), Author::new(them(), 2, 2));
            one.open(tx);
            two.open(tx);
            let texts = [
                (1, "Crème brûlée at the Café tonight"),
                (2, "see you at the cafe"),
                (1, "我爱北京天安门"),
                (1, "the message about Messages"),
                (2, "an old text: 東京タワー"),
                (1, "\"quoted\" OR NOT (a*b) text:hello ^x NEAR(1)"),
                (2, "CAFÉ again"),
            ];
            for (i, (n, words)) in texts.into_iter().enumerate() {
                let author = if n == 1 { &mut one } else { &mut two };
                // Clocks fall while arrival rises: the order of search is arrival.
                say(tx, author, 1_000 - i as u64, words);
            }
            Ok(())
        })
        .unwrap();
    if indexed {
        opened
            .writer
            .transaction::<_, StoreError>(|tx| {
                while tx.index_messages(2)? {}
                assert_eq!(tx.index_lag()?, 0);
                Ok(())
            })
            .unwrap();
    }
    (dir, opened)
}

fn texts(queries: &Queries, query: &str, only: Option<u8>) -> Vec<String> {
    let only = only.map(conversation);
    let hits = queries.search(query, only.as_ref(), None, 100).unwrap();
    hits.into_iter().map(|hit| hit.row.message.state.text).collect()
}

/// The same answers from the index, from the tail, and from both.
fn check(query: &str, only: Option<u8>, expected: &[&str]) {
    for indexed in [false, true] {
        let (_dir, opened) = talk(indexed);
        assert_eq!(
            texts(opened.writer.queries(), query, only),
            expected,
            "{query} indexed: {indexed}"
        );
        let reader = opened.db.reader().unwrap();
        assert_eq!(texts(&reader, query, only), expected);
    }
    let (_dir, mut opened) = talk(false);
    opened.writer.transaction::<_, StoreError>(|tx| tx.index_messages(3).map(drop)).unwrap();
    assert_eq!(texts(opened.writer.queries(), query, only), expected, "{query} half indexed");
}

#[test]
fn diacritics_and_case_make_no_difference_and_the_newest_is_first() {
    let all = ["CAFÉ again", "see you at the cafe", "Crème brûlée at the Café tonight"];
    check("cafe", None, &all);
    check("CAFÉ", None, &all);
    check("Cafe\u{301}", None, &all);
}

#[test]
fn a_conversation_filters() {
    check("cafe", Some(2), &["CAFÉ again", "see you at the cafe"]);
    check("cafe", Some(3), &[]);
    check("c1", None, &[]);
}

#[test]
fn prefixes_find_from_three_letters() {
    check("mes", None, &["the message about Messages"]);
    check("me", None, &[]);
    check("ton bru", None, &["Crème brûlée at the Café tonight"]);
}

#[test]
fn scripts_without_spaces_are_found_by_any_part() {
    check("北京", None, &["我爱北京天安门"]);
    check("京", None, &["an old text: 東京タワー", "我爱北京天安门"]);
    check("京北", None, &[]);
    check("タワー", None, &["an old text: 東京タワー"]);
    check("old 東京", None, &["an old text: 東京タワー"]);
}

#[test]
fn query_syntax_is_only_words() {
    let odd = "\"quoted\" OR NOT (a*b) text:hello ^x NEAR(1)";
    check("\"quoted\" OR NOT (a*b) text:hello ^x NEAR(1)", None, &[odd]);
    check("text:hello", None, &[odd]);
    check("quoted\"; DROP TABLE messages; --", None, &[]);
    for hostile in [
        "\"", "*", "(", "a AND", "NEAR(", "{text}:", "-a", "^", "\0", "a\0b", "'", "col:*", ")",
        "+ +",
    ] {
        let (_dir, opened) = talk(true);
        texts(opened.writer.queries(), hostile, None);
    }
}

#[test]
fn an_endless_query_is_cut_and_answered() {
    let (_dir, opened) = talk(true);
    assert!(texts(opened.writer.queries(), &"x".repeat(1_000_000), None).is_empty());
    assert_eq!(texts(opened.writer.queries(), &"cafe ".repeat(100_000), None).len(), 3);
}

#[test]
fn pages_go_on_by_arrival() {
    let (_dir, opened) = talk(true);
    let queries = opened.writer.queries();
    let first = queries.search("cafe", None, None, 2).unwrap();
    let rest = queries.search("cafe", None, Some(first[1].row.arrival), 2).unwrap();
    assert_eq!((first.len(), rest.len()), (2, 1));
    assert!(first.iter().all(|hit| hit.row.arrival > rest[0].row.arrival));
}

#[test]
fn snippets_show_the_place() {
    let (_dir, mut opened) = prepared();
    let long = format!("{} Nadel {}", "Heu ".repeat(500), "Stroh ".repeat(500));
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1);
            author.open(tx);
            say(tx, &mut author, 1, &long);
            Ok(())
        })
        .unwrap();
    let hits = opened.writer.queries().search("nadel", None, None, 1).unwrap();
    assert!(hits[0].snippet.contains("Nadel"), "{}", hits[0].snippet);
    assert!(hits[0].snippet.chars().count() < 100);
}

/// Whether any file of the database holds these bytes.
fn on_disk(opened: &Opened, needle: &[u8]) -> bool {
    let path = opened.db.path();
    let wal = path.with_extension("db-wal");
    [path.to_path_buf(), wal]
        .iter()
        .filter_map(|p| std::fs::read(p).ok())
        .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}

#[test]
fn what_was_retracted_is_not_found_and_not_on_disk() {
    for indexed in [false, true] {
        let (_dir, mut opened) = prepared();
        let mut author = Author::new(them(), 1, 1);
        let message = opened
            .writer
            .transaction::<_, StoreError>(|tx| {
                author.open(tx);
                // The payload is what the test writes in clear, so it must not hold the word.
                let position = author.append(tx, 5, b"ciphertext");
                let message = common::text(position, them(), "the Xylophonkonzert is off");
                tx.insert_message(&conversation(1), author.chain, &message)?;
                for i in 0..50 {
                    say(tx, &mut author, 10 + i, "xylem and other words");
                }
                if indexed {
                    tx.index_messages(1_000)?;
                }
                Ok(message)
            })
            .unwrap();
        assert_eq!(texts(opened.writer.queries(), "xylophonkonzert", None).len(), 1);
        opened.writer.checkpoint().unwrap();
        assert!(on_disk(&opened, b"ophonkonzert"));
        let mut gone = message.clone();
        gone.base.text.clear();
        gone.state.text.clear();
        gone.state.retracted = true;
        opened
            .writer
            .transaction::<_, StoreError>(|tx| tx.update_message(&conversation(1), &gone))
            .unwrap();
        assert!(texts(opened.writer.queries(), "xylophonkonzert", None).is_empty());
        assert_eq!(texts(opened.writer.queries(), "xylem", None).len(), 50);
        opened.writer.checkpoint().unwrap();
        // Terms share their beginnings in the index; this end is only there if the word is.
        assert!(!on_disk(&opened, b"ophonkonzert"), "indexed: {indexed}");
    }
}

#[test]
fn an_edit_is_found_by_its_new_text_only() {
    let (_dir, mut opened) = talk(true);
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut hit = tx.search("tonight", None, None, 1)?.remove(0);
            hit.row.message.state.text = "Flan tomorrow".into();
            hit.row.message.state.edited = true;
            tx.update_message(&conversation(1), &hit.row.message)
        })
        .unwrap();
    let queries = opened.writer.queries();
    assert!(texts(queries, "tonight", None).is_empty());
    assert_eq!(texts(queries, "tomorrow", None), ["Flan tomorrow"]);
    let row = queries.search("flan", None, None, 1).unwrap().remove(0).row;
    assert_eq!(row.message.base.text, "Crème brûlée at the Café tonight", "kept for a refold");
}

#[test]
fn a_cleared_conversation_leaves_the_index_and_others_stay() {
    let (_dir, mut opened) = talk(true);
    opened.writer.transaction::<_, StoreError>(|tx| tx.clear_view(&conversation(1))).unwrap();
    assert_eq!(texts(opened.writer.queries(), "cafe", None), ["CAFÉ again", "see you at the cafe"]);
    opened.writer.transaction::<_, StoreError>(|tx| tx.clear_view(&conversation(2))).unwrap();
    assert!(texts(opened.writer.queries(), "cafe", None).is_empty());
}

#[test]
fn a_commit_with_a_long_tail_indexes_it() {
    let (_dir, mut opened) = prepared();
    let lag = usize::try_from(nexus_storage::MAX_INDEX_LAG).unwrap();
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1).unsigned();
            author.open(tx);
            for i in 0..lag + 10 {
                say(tx, &mut author, i as u64, &format!("number {i}"));
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(opened.writer.queries().index_lag().unwrap(), 0);
    assert_eq!(texts(opened.writer.queries(), "number 4711", None), ["number 4711"]);
}

#[test]
fn pages_of_the_beginning_of_a_word_join_without_a_gap_however_old_they_are() {
    let (_dir, mut opened) = prepared();
    let count = 9_000;
    opened
        .writer
        .transaction::<_, StoreError>(|tx| {
            let mut author = Author::new(them(), 1, 1).unsigned();
            author.open(tx);
            for i in 0..count {
                let rare = if i % 1_000 == 0 { "thousandth" } else { "other" };
                say(tx, &mut author, i, &format!("number{i} {rare}"));
            }
            Ok(())
        })
        .unwrap();
    let queries = opened.writer.queries();
    assert_eq!(queries.index_lag().unwrap(), 0);
    for (query, expected) in [("numb", count), ("thous", 9), ("number10", 111)] {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = queries.search(query, None, before, 250).unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.row.arrival);
            found.extend(page.into_iter().map(|hit| hit.row.arrival));
        }
        assert_eq!(found.len() as u64, expected, "{query}");
        assert!(
            found.is_sorted_by(|newer, older| newer > older),
            "{query}: each once, newest first"
        );
    }
}

/// Words as they are written, and what each is made of.
const WORDS: [(&str, &[&str]); 16] = [
    ("station", &["station"]),
    ("Statistics", &["statistics"]),
    ("stat", &["stat"]),
    ("state", &["state"]),
    ("STATIC", &["static"]),
    ("Café", &["cafe"]),
    ("cafeteria", &["cafeteria"]),
    ("cafétières", &["cafetieres"]),
    ("Straße", &["strasse"]),
    ("strassen", &["strassen"]),
    ("я", &["я"]),
    ("ёлка", &["елка"]),
    ("7", &["7"]),
    ("北京", &["北", "京"]),
    ("京", &["京"]),
    ("to", &["to"]),
];
/// What is typed, what it is made of, and whether its end may go on.
const TYPED: [(&str, &[&str], bool); 16] = [
    ("station", &["station"], true),
    ("stat", &["stat"], true),
    ("sta", &["sta"], true),
    ("STATI", &["stati"], true),
    ("statistic", &["statistic"], true),
    ("cafe", &["cafe"], true),
    ("cafeti", &["cafeti"], true),
    ("café", &["cafe"], true),
    ("straß", &["strass"], true),
    ("strassen", &["strassen"], true),
    ("елка", &["елка"], true),
    ("ёлк", &["елк"], true),
    ("7", &["7"], false),
    ("北京", &["北", "京"], false),
    ("北", &["北"], false),
    ("to", &["to"], false),
];

/// Whether a text of these words has what is typed: written without anything of the index.
fn has(text: &[usize], typed: usize) -> bool {
    let (_, wanted, prefix) = TYPED[typed];
    let words: Vec<&str> = text.iter().flat_map(|i| WORDS[*i].1).copied().collect();
    words.windows(wanted.len()).any(|part| {
        let (have, want) = (part[part.len() - 1], wanted[wanted.len() - 1]);
        let end = if prefix { have.starts_with(want) } else { have == want };
        end && part[..part.len() - 1] == wanted[..wanted.len() - 1]
    })
}

/// Texts by the indices of their words; every third is in conversation 2.
fn told(texts: &[Vec<usize>], indexed: u32) -> (TempDir, Opened) {
    let (dir, mut opened) = prepared();
    let write = |tx: &mut nexus_storage::Tx<'_>| {
        let mut authors = [1, 2].map(|n| Author::new(them(), n, n).unsigned());
        authors.iter_mut().for_each(|author| author.open(tx));
        for (i, text) in texts.iter().enumerate() {
            let words: Vec<&str> = text.iter().map(|word| WORDS[*word].0).collect();
            let author = &mut authors[usize::from(i % 3 == 2)];
            say(tx, author, 1_000 + i as u64, &words.join(" "));
        }
        Ok(())
    };
    opened.writer.transaction::<_, StoreError>(write).unwrap();
    let index = |tx: &mut nexus_storage::Tx<'_>| tx.index_messages(indexed).map(drop);
    opened.writer.transaction::<_, StoreError>(index).unwrap();
    (dir, opened)
}

/// The page of `limit` that a search gives and the one that reading everything gives.
fn same(
    opened: &Opened,
    texts: &[Vec<usize>],
    typed: &[usize],
    only: Option<u8>,
    skip: usize,
    limit: usize,
) {
    let query: Vec<&str> = typed.iter().map(|word| TYPED[*word].0).collect();
    let all: Vec<u64> = (0..texts.len())
        .rev()
        .filter(|i| only.is_none_or(|n| (n == 2) == (i % 3 == 2)))
        .filter(|i| typed.iter().all(|word| has(&texts[*i], *word)))
        .map(|i| 1_000 + i as u64)
        .collect();
    let search = |before, limit: usize| {
        let only = only.map(conversation);
        let limit = u32::try_from(limit).unwrap();
        opened.writer.queries().search(&query.join(" "), only.as_ref(), before, limit).unwrap()
    };
    let before = if skip > 0 { search(None, skip).last().map(|hit| hit.row.arrival) } else { None };
    let found: Vec<u64> =
        search(before, limit).into_iter().map(|hit| hit.row.message.base.position.hlc.0).collect();
    let skip = if before.is_some() { skip } else { 0 };
    let expected: Vec<u64> = all.into_iter().skip(skip).take(limit).collect();
    assert_eq!(found, expected, "{query:?} only {only:?} after {skip}");
}

fn typed() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..TYPED.len(), 1..4)
}

fn text() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..WORDS.len(), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_found_is_what_reading_everything_finds(
        texts in prop::collection::vec(text(), 1..60),
        queries in prop::collection::vec((typed(), select(vec![None, Some(1), Some(2)])), 20),
        (indexed, skip, limit) in (0_u32..70, any::<Index>(), 1_usize..30),
    ) {
        let (_dir, opened) = told(&texts, indexed);
        for (typed, only) in queries {
            same(&opened, &texts, &typed, only, skip.index(texts.len()), limit);
        }
    }
}

#[test]
fn words_that_are_common_only_with_others_or_long_ago_are_found_as_by_reading_everything() {
    // Old ones have all the words; then there are only such that begin alike, more than are looked at one by one.
    let texts: Vec<Vec<usize>> = (0..9_000)
        .map(|i| match i {
            0..500 => vec![i % 16, i / 16 % 16, i / 7 % 16],
            500..3_000 => vec![0, 1, 6],
            _ if i % 2 == 0 => vec![1, 8, 11],
            _ => vec![[3, 4][i / 2 % 2], 9, 5],
        })
        .collect();
    let (_dir, opened) = told(&texts, u32::MAX);
    assert_eq!(opened.writer.queries().index_lag().unwrap(), 0);
    for one in 0..TYPED.len() {
        for other in 0..TYPED.len() {
            for (only, limit) in [(None, 20), (Some(2), 2_000)] {
                same(&opened, &texts, &[one, other], only, 0, limit);
            }
        }
        same(&opened, &texts, &[one], None, 2_500, 5_000);
    }
}
