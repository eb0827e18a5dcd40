//! What two people see of what they write.

use crate::common::{meet, pair};
use nexus_log::body::Payload;
use nexus_log::ingest::{ChangeKind, Placed, Said};

#[test]
fn a_text_reaches_the_other_side_with_its_author_and_order() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    let to_a = [a.record()];
    let hello = a.text("hello", &to_b);
    assert_eq!(hello.seq, 2);
    let got = b.pull(&a);
    assert_eq!(got[0].placed, Placed::New { count: 3, from: 0 });
    assert!(got[0].opened);
    assert_eq!(got[0].author.unwrap().who, a.me.who);
    assert_eq!(got[0].changes.len(), 1);
    assert_eq!((got[0].changes[0].hash, got[0].changes[0].kind), (hello.hash, ChangeKind::New));
    b.text("hi", &to_a);
    let got = a.pull(&b);
    assert!(got.iter().any(|got| got.said.iter().any(|said| matches!(
        said,
        Said::Cites { who, entry } if *entry == hello && who.who == b.me.who
    ))));
    assert_eq!(a.texts(), ["hello", "hi"]);
    assert_eq!(b.texts(), ["hello", "hi"]);
    assert_eq!(a.digest(), b.digest());
}

#[test]
fn edits_retractions_and_reactions_show_on_both_sides_and_only_the_author_may() {
    let (mut a, mut b) = pair();
    let (to_a, to_b) = ([a.record()], [b.record()]);
    let first = a.text("frist", &to_b);
    let second = a.text("second", &to_b);
    meet(&mut a, &mut b);
    a.say(Payload::Edit { target: first, text: "first".into() }, &to_b);
    b.say(Payload::Edit { target: first, text: "forged".into() }, &to_a);
    b.say(Payload::Retract { target: first }, &to_a);
    b.say(Payload::Reaction { target: first, emoji: "👍".into() }, &to_a);
    b.say(Payload::Reaction { target: first, emoji: "🎉".into() }, &to_a);
    a.say(Payload::Retract { target: second }, &to_b);
    b.say(Payload::Reply { target: first, text: "indeed".into() }, &to_a);
    meet(&mut a, &mut b);
    assert_eq!(a.texts(), ["first", "", "indeed"]);
    assert_eq!(a.view(), b.view());
    let view = b.view();
    assert!(view[0].state.edited && !view[0].state.retracted);
    assert_eq!(view[0].state.reactions.len(), 1);
    assert_eq!(view[0].state.reactions[0].emoji, "🎉");
    assert!(view[1].state.retracted);
    assert_eq!(view[1].base.text, "");
}

#[test]
fn the_same_run_again_or_overlapping_changes_nothing() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    for n in 0..5 {
        a.text(&n.to_string(), &to_b);
    }
    b.pull(&a);
    for n in 5..9 {
        a.text(&n.to_string(), &to_b);
    }
    let before = b.digest();
    let overlapping = b.ledger.run(&a.log(), None, 0, usize::MAX).unwrap().check().unwrap();
    assert_eq!(b.take(&overlapping).placed, Placed::Known);
    assert_eq!(b.digest(), before);
    let all = crate::common::run_of(&a, 1).check().unwrap();
    assert_eq!(b.take(&all).placed, Placed::New { count: 4, from: 7 });
    let gap = crate::common::run_of(&a, 4).check().unwrap();
    let (_, mut c) = pair();
    assert_eq!(c.take(&gap).placed, Placed::Gap);
    assert_eq!(a.digest(), b.digest());
}

#[test]
fn a_text_of_32_kib_is_written_and_one_byte_more_is_not() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    let limit = nexus_log::body::MAX_TEXT;
    let over = a.try_say(Payload::Text("x".repeat(limit + 1)), &to_b);
    assert!(matches!(over, Err(nexus_log::compose::ComposeError::TooLong)));
    assert!(a.ledger.heads(&a.conversation.topic()).is_empty());
    a.text(&"x".repeat(limit), &to_b);
    b.pull(&a);
    assert_eq!(b.texts()[0].len(), limit);
}

#[test]
fn wanting_writes_an_open_once_and_tells_who_is_there() {
    let (mut a, mut b) = pair();
    a.open();
    a.open();
    assert_eq!(a.ledger.heads(&a.conversation.topic())[0].head.seq, 0);
    let got = b.pull(&a);
    assert!(got[0].opened);
    assert_eq!(got[0].author.unwrap().instance, a.me.instance.key());
    assert!(got[0].changes.is_empty());
}

#[test]
fn marks_only_rise_and_belong_to_the_person() {
    let (mut a, mut b) = pair();
    let (to_a, to_b) = ([a.record()], [b.record()]);
    let first = a.text("one", &to_b);
    let second = a.text("two", &to_b);
    b.pull(&a);
    b.say(Payload::ReadMark(vec![second]), &to_a);
    b.say(Payload::ReadMark(vec![first]), &to_a);
    let got = a.pull(&b);
    let read: Vec<_> = got.iter().flat_map(|got| &got.said).collect();
    assert!(read.contains(&&Said::Read { who: b.me.who, mark: second }));
    assert!(!read.contains(&&Said::Read { who: b.me.who, mark: first }));
    let marks = a.ledger.read_marks(&a.conversation.id);
    assert_eq!(marks[&(b.me.who, a.log())], second.seq);
}

#[test]
fn a_run_of_another_conversation_is_not_taken() {
    let (mut a, _) = pair();
    let (_, mut b) = pair();
    let mut elsewhere = crate::common::Device::own(&crate::common::person(1), 31);
    elsewhere.text("to myself", &[]);
    a.text("to you", &[b.record()]);
    let run = crate::common::run_of(&elsewhere, 0).check().unwrap();
    assert_eq!(b.take(&run).placed, Placed::OtherTopic);
    assert!(b.ledger.heads(&b.conversation.topic()).is_empty());
}
