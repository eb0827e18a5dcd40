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

#[test]
fn each_kind_of_payload_is_written_up_to_its_limit_and_not_one_past_it() {
    use nexus_log::body::{
        KeyName, MAX_EMOJI, MAX_KEY_REQUESTS, MAX_NAME, MAX_READ_MARKS, MAX_TEXT,
    };
    let (mut a, b) = pair();
    let to_b = [b.record()];
    let target = a.text("hello", &to_b);
    let log = a.log();
    let long = |len: usize| "x".repeat(len);
    let name = |n: usize| KeyName { log, epoch: u32::try_from(n).unwrap() };
    type Kind<'a> = (usize, Box<dyn Fn(usize) -> Payload + 'a>);
    let kinds: [Kind<'_>; 6] = [
        (MAX_TEXT, Box::new(|len| Payload::Edit { target, text: long(len) })),
        (MAX_TEXT, Box::new(|len| Payload::Reply { target, text: long(len) })),
        (MAX_EMOJI, Box::new(|len| Payload::Reaction { target, emoji: long(len) })),
        (MAX_NAME, Box::new(|len| Payload::Profile { name: long(len) })),
        (MAX_READ_MARKS, Box::new(|len| Payload::ReadMark(vec![target; len]))),
        (MAX_KEY_REQUESTS, Box::new(|len| Payload::KeyRequest((0..len).map(name).collect()))),
    ];
    for (at, (limit, kind)) in kinds.iter().enumerate() {
        a.say(kind(*limit), &to_b);
        let over = a.try_say(kind(limit + 1), &to_b);
        assert!(matches!(over, Err(nexus_log::compose::ComposeError::TooLong)), "kind {at}");
    }
}

#[test]
fn a_reaction_that_comes_before_its_message_shows_once_both_are_there() {
    let (mut a, mut b) = pair();
    let mut late = crate::common::Device::direct(&b.secrets, &a.secrets, 13);
    let hello = a.text("hello", &[b.record(), late.record()]);
    b.pull(&a);
    b.say(Payload::Reaction { target: hello, emoji: "👍".into() }, &[a.record(), late.record()]);
    late.take(&crate::common::run_of(&b, 0).check().unwrap());
    assert!(late.view().is_empty());
    late.pull(&a);
    assert_eq!(late.view(), b.view());
    assert_eq!(late.view()[0].state.reactions.len(), 1);
}

#[test]
fn only_the_run_that_brings_the_open_says_that_a_log_was_opened() {
    let (mut a, mut b) = pair();
    a.text("one", &[b.record()]);
    assert!(b.take(&crate::common::run_of(&a, 0).check().unwrap()).opened);
    a.text("two", &[b.record()]);
    assert!(!b.take(&crate::common::run_of(&a, 3).check().unwrap()).opened);
    a.text("three", &[b.record()]);
    assert!(!b.take(&crate::common::run_of(&a, 0).check().unwrap()).opened);
}

#[test]
fn what_i_say_of_my_contacts_is_heard_by_my_devices_and_by_nobody_else() {
    use nexus_log::body::ContactData;
    let (mut a, mut b) = pair();
    let mut second = crate::common::Device::direct(&a.secrets, &b.secrets, 13);
    let data = ContactData {
        who: b.me.who,
        name: Some("Bob".into()),
        state: Some(3),
        verified: None,
        card: None,
        muted: None,
    };
    a.say(Payload::Contact(data), &[b.record(), second.record()]);
    let heard = |device: &mut crate::common::Device| {
        let got = device.pull(&a);
        got.iter().flat_map(|got| &got.said).any(|said| matches!(said, Said::Contact { .. }))
    };
    assert_eq!((heard(&mut second), heard(&mut b)), (true, false));
}

#[test]
fn a_name_and_a_retirement_are_told_and_do_not_show() {
    let (mut a, mut b) = pair();
    a.say(Payload::Profile { name: "Alice".into() }, &[b.record()]);
    a.say(Payload::Retire, &[b.record()]);
    let got = b.pull(&a);
    let said: Vec<_> = got.iter().flat_map(|got| &got.said).collect();
    let named = |said: &&&Said| matches!(said, Said::Profile { who, name, .. } if *who == a.me.who && name == "Alice");
    assert_eq!(said.iter().filter(named).count(), 1);
    let retired = |said: &&&Said| matches!(said, Said::Retired(author) if author.instance == a.me.instance.key());
    assert_eq!(said.iter().filter(retired).count(), 1);
    assert!(b.view().is_empty());
}

#[test]
fn of_what_somebody_cites_of_one_log_the_newest_is_told() {
    let (mut a, mut b) = pair();
    let (to_a, to_b) = ([a.record()], [b.record()]);
    let mut newest = None;
    for n in 0..3 {
        newest = Some(b.text(&n.to_string(), &to_a));
        a.pull(&b);
        a.text("seen", &to_b);
    }
    let got = b.pull(&a);
    let cited: Vec<_> = got
        .iter()
        .flat_map(|got| &got.said)
        .filter_map(|said| match said {
            Said::Cites { entry, .. } => Some(*entry),
            _ => None,
        })
        .collect();
    assert_eq!(cited, [newest.unwrap()]);
}

#[test]
fn keys_are_sealed_to_members_only_and_not_to_the_writer() {
    use nexus_log::header::Kind;
    let (a, b) = pair();
    let stranger = crate::common::Device::own(&crate::common::person(3), 14);
    let sealed = |to: &[_]| {
        let mut writer = a.clone();
        writer.text("hello", to);
        let run = crate::common::run_of(&writer, 0).check().unwrap();
        run.entries().find(|entry| entry.header.kind == Kind::Seals).unwrap().payload.len()
    };
    let to_b = sealed(&[b.record()]);
    assert_eq!(sealed(&[b.record(), stranger.record(), a.record()]), to_b);
    assert!(sealed(&[]) < to_b);
}

#[test]
fn the_digest_says_how_many_messages_it_covers() {
    let (mut a, b) = pair();
    let mut digest = nexus_log::digest::Digest::new(&a.conversation.id);
    assert_eq!(digest.entries(), 0);
    for n in 0..3 {
        a.text(&n.to_string(), &[b.record()]);
    }
    for message in a.view() {
        digest.push(&message);
    }
    assert_eq!(digest.entries(), 3);
}

#[test]
fn an_entry_that_names_the_one_before_it_at_another_place_is_a_gap() {
    use nexus_log::entry::Entry;
    use nexus_log::header::Kind;
    let (mut a, mut b) = pair();
    for n in 0..3 {
        a.text(&n.to_string(), &[b.record()]);
    }
    b.pull(&a);
    let key = a.me.log_key(&a.conversation);
    let heads = a.ledger.heads(&a.conversation.topic());
    let last = heads[0].head;
    let earlier = a.ledger.hash_at(&a.log(), None, last.seq - 1).unwrap();
    for (seq, prev) in [(last.seq + 2, last.hash), (last.seq + 1, earlier), (last.seq + 5, earlier)]
    {
        let entry = Entry::write(&key, Kind::Entry, seq, prev, vec![0; 50]).unwrap();
        let mut builder = nexus_log::run::RunBuilder::new();
        builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), usize::MAX);
        let run = builder.finish().unwrap().check().unwrap();
        assert_eq!(b.take(&run).placed, Placed::Gap, "seq {seq}");
    }
    assert_eq!(b.ledger.heads(&b.conversation.topic()), heads);
}
