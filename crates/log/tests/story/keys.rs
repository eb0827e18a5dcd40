//! Keys: who gets them, who asks, who answers.

use crate::common::{DAY, Device, START, meet, pair, person, run_of};
use nexus_log::body::{KeyName, MAX_KEY_REQUESTS, Payload};
use nexus_log::compose::{EPOCH_AGE, EPOCH_ENTRIES};
use nexus_log::header::Kind;
use nexus_log::ids::LogKey;
use nexus_log::ledger::{Ledger, OpenRequest};
use nexus_log::requests::{MAX_ANSWERS, MAX_ASKED, MAX_REPEATS};

fn seals_in(device: &Device) -> usize {
    let run = run_of(device, 0).check().unwrap();
    run.entries().filter(|entry| entry.header.kind == Kind::Seals).count()
}

#[test]
fn after_sixty_days_apart_everything_becomes_readable_without_anybody_doing_anything() {
    let (mut a, mut b) = pair();
    let (mut to_a, mut to_b) = (vec![a.record()], vec![b.record()]);
    a.text("before", &to_b);
    b.text("before too", &to_a);
    meet(&mut a, &mut b);
    let start = a.time;
    // Each seals to the last prekey of the other that it knows, and those are erased in the meantime.
    for day in 0..60 {
        for device in [&mut a, &mut b] {
            device.time = start + day * DAY;
            device.rotate();
        }
        a.text(&format!("a{day}"), &to_b);
        b.text(&format!("b{day}"), &to_a);
    }
    meet(&mut a, &mut b);
    assert!(a.unreadable() > 20 && b.unreadable() > 20);
    // They met: each knows the other's new record. What follows is what a node does by itself.
    (to_a, to_b) = (vec![a.record()], vec![b.record()]);
    for _ in 0..3 {
        a.tend(&to_b);
        b.tend(&to_a);
        meet(&mut a, &mut b);
    }
    assert_eq!((a.unreadable(), b.unreadable()), (0, 0));
    assert_eq!(a.texts().len(), 122);
    assert_eq!(a.view(), b.view());
    assert_eq!(a.digest(), b.digest());
    // Nobody goes on asking or answering.
    let heads = (a.ledger.heads(&a.conversation.topic()), b.ledger.heads(&b.conversation.topic()));
    a.tend(&to_b);
    b.tend(&to_a);
    assert_eq!(heads.0, a.ledger.heads(&a.conversation.topic()));
    assert_eq!(heads.1, b.ledger.heads(&b.conversation.topic()));
}

#[test]
fn a_key_for_what_was_removed_from_the_view_shows_it_again() {
    let (mut a, mut b) = pair();
    a.text("hello", &[]);
    b.pull(&a);
    assert_eq!(b.unreadable(), 1);
    b.ledger.clear_view(&b.conversation.id).unwrap();
    b.tend(&[a.record()]);
    a.pull(&b);
    a.tend(&[b.record()]);
    b.pull(&a);
    assert_eq!(b.texts(), ["hello"]);
}

#[test]
fn a_new_device_reads_what_its_person_and_the_other_wrote_before_it_was_there() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    let to_a = [a.record()];
    for n in 0..5 {
        a.text(&format!("a{n}"), &to_b);
        meet(&mut a, &mut b);
        b.text(&format!("b{n}"), &to_a);
        meet(&mut a, &mut b);
    }
    let mut restored = Device::direct(&person(1), &person(2), 13);
    restored.time += DAY;
    restored.pull(&b);
    assert_eq!(restored.unreadable(), 10);
    restored.tend(&to_b);
    b.pull(&restored);
    b.tend(&[a.record(), restored.record()]);
    restored.pull(&b);
    assert_eq!(restored.unreadable(), 0);
    assert_eq!(restored.view(), b.view());
    // Both devices of one person go on writing, and each other's words reach all.
    let all = [a.record(), b.record(), restored.record()];
    restored.text("from the new one", &all);
    a.text("from the old one", &all);
    for _ in 0..2 {
        b.pull(&restored);
        b.pull(&a);
        a.pull(&b);
        restored.pull(&b);
        for device in [&mut a, &mut b, &mut restored] {
            device.tend(&all);
        }
    }
    b.pull(&a);
    b.pull(&restored);
    a.pull(&b);
    restored.pull(&b);
    assert_eq!(a.digest(), b.digest());
    assert_eq!(a.digest(), restored.digest());
    assert_eq!(a.unreadable(), 0);
    assert!(a.view().iter().all(|message| [a.me.who, b.me.who].contains(&message.base.author)));
}

#[test]
fn who_asks_twice_within_a_day_writes_once_and_asks_again_after_it() {
    let (mut a, mut b) = pair();
    let (to_a, nobody) = ([a.record()], []);
    a.text("sealed to nobody", &nobody);
    b.pull(&a);
    let due = b.due();
    assert_eq!(due.len(), 1);
    b.tend(&to_a);
    assert_eq!(b.due(), []);
    b.time += DAY;
    assert_eq!(b.due(), due);
    // Without a record of b, a can't answer; with one it does.
    a.pull(&b);
    a.tend(&nobody);
    b.pull(&a);
    assert_eq!(b.unreadable(), 1);
    a.tend(&[b.record()]);
    b.pull(&a);
    assert_eq!(b.unreadable(), 0);
}

#[test]
fn an_epoch_ends_after_a_week_a_thousand_entries_or_another_set_of_devices() {
    let (mut a, b) = pair();
    let to_b = [b.record()];
    a.text("one", &to_b);
    a.text("two", &to_b);
    assert_eq!(seals_in(&a), 1);
    a.time += u64::try_from(EPOCH_AGE.as_millis()).unwrap();
    a.text("after a week", &to_b);
    assert_eq!(seals_in(&a), 2);
    let second = Device::direct(&person(2), &person(1), 14);
    let both = [b.record(), second.record()];
    a.text("with a second device", &both);
    a.text("again", &both);
    assert_eq!(seals_in(&a), 3);
    a.text("without it", &to_b);
    assert_eq!(seals_in(&a), 4);
    let start = a.ledger.heads(&a.conversation.topic())[0].head.seq;
    for _ in 0..EPOCH_ENTRIES {
        a.text("x", &to_b);
    }
    let end = a.ledger.heads(&a.conversation.topic())[0].head.seq;
    assert_eq!(end - start, u64::from(EPOCH_ENTRIES) + 1);
}

#[test]
fn a_key_from_a_backup_opens_what_comes_later() {
    let (mut a, mut b) = pair();
    let to_b = [b.record()];
    a.text("kept", &to_b);
    let keyring = a.ledger.keyring();
    b.pull(&a);
    let mut restored = Device::direct(&person(1), &person(2), 15);
    for (log, epoch, key) in keyring {
        use nexus_log::cipher::Commitment;
        use nexus_log::ledger::Ledger;
        let commitment = Commitment::of(&key, &log, epoch);
        restored.ledger.put_key(&log, epoch, &commitment, &key).unwrap();
    }
    restored.pull(&b);
    assert_eq!(restored.texts(), ["kept"]);
}

#[test]
fn an_answer_that_comes_before_the_log_it_is_about_opens_it_too() {
    let (mut a, mut b) = pair();
    let (to_a, to_b) = ([a.record()], [b.record()]);
    a.text("early", &to_b);
    b.pull(&a);
    b.text("later", &to_a);
    let mut restored = Device::direct(&person(1), &person(2), 16);
    // It knows of that epoch by a copy of its keyring, say, but holds nothing of the log.
    let name = KeyName { log: a.log(), epoch: 0 };
    restored.say(Payload::KeyRequest(vec![name]), &to_b);
    b.pull(&restored);
    b.tend(&[a.record(), restored.record()]);
    // First b's log with the answer, then a's.
    restored.take(&run_of(&b, 0).check().unwrap());
    assert_eq!(restored.texts(), [""]);
    restored.take(&run_of(&a, 0).check().unwrap());
    assert_eq!(restored.texts(), ["", "early"]);
    restored.tend(&to_b);
    b.pull(&restored);
    b.tend(&[a.record(), restored.record()]);
    restored.pull(&b);
    assert_eq!(restored.view(), b.view());
}

#[test]
fn what_a_stranger_with_the_topic_but_no_membership_writes_is_stored_and_does_not_show() {
    let (mut a, mut b) = pair();
    a.text("hello", &[b.record()]);
    let mut stranger = Device::direct(&person(1), &person(2), 17);
    let secrets = person(9);
    stranger.me.who = secrets.connect_id();
    stranger.me.identity = secrets.identity_key();
    let add = nexus_identity::card::Statement::Add {
        instance: stranger.me.instance.key(),
        created: nexus_identity::id::Millis(0),
    };
    stranger.me.add = secrets.sign_statement(&add).unwrap();
    stranger.text("let me in", &[b.record()]);
    b.pull(&a);
    let got = b.pull(&stranger);
    assert_eq!(got[0].author, None);
    assert!(!got[0].opened);
    assert_eq!(b.texts(), ["hello"]);
    assert_eq!(b.ledger.heads(&b.conversation.topic()).len(), 2);
    b.say(Payload::KeyRequest(vec![]), &[]);
    assert_eq!(b.unreadable(), 0);
}

#[test]
fn requests_for_nothing_are_not_kept_and_do_not_hide_real_ones() {
    let (mut a, mut b) = pair();
    let to_a = [a.record()];
    a.text("for you", &[]);
    b.pull(&a);
    for round in 0..5 {
        let bogus = |n: u32| KeyName { log: a.log(), epoch: 1000 * (round + 1) + n };
        b.say(Payload::KeyRequest((0..256).map(bogus).collect()), &to_a);
    }
    b.tend(&to_a);
    a.pull(&b);
    use nexus_log::ledger::Ledger;
    let topic = a.conversation.topic();
    assert_eq!(a.ledger.open_requests(&topic, usize::MAX).unwrap().len(), 1);
    a.tend(&[b.record()]);
    assert!(a.ledger.open_requests(&topic, usize::MAX).unwrap().is_empty());
    b.pull(&a);
    assert_eq!(b.texts()[0], "for you");
    // Making the view anew asks and answers nothing again.
    let now = a.now();
    nexus_log::rebuild::rebuild(&mut a.ledger, &a.conversation, &a.me, now).unwrap();
    assert!(a.ledger.open_requests(&topic, usize::MAX).unwrap().is_empty());
}

#[test]
fn a_removed_conversation_that_is_taken_up_again_comes_back_by_request() {
    use nexus_log::ledger::Ledger;
    let (mut a, mut b) = pair();
    let (to_a, to_b) = ([a.record()], [b.record()]);
    a.text("one", &to_b);
    b.pull(&a);
    b.text("two", &to_a);
    a.pull(&b);
    b.ledger.clear_view(&b.conversation.id).unwrap();
    b.ledger.forget_keys();
    a.text("three, while it was removed", &to_b);
    let now = b.now();
    nexus_log::rebuild::rebuild(&mut b.ledger, &b.conversation, &b.me, now).unwrap();
    b.pull(&a);
    assert_eq!(b.unreadable(), 3);
    for _ in 0..2 {
        b.tend(&to_a);
        a.pull(&b);
        a.tend(&to_b);
        b.pull(&a);
    }
    b.text("four", &to_a);
    a.pull(&b);
    assert_eq!(b.texts(), ["one", "two", "three, while it was removed", "four"]);
    assert_eq!(a.view(), b.view());
}

#[test]
fn debug_output_shows_no_secret() {
    use nexus_identity::id::hex;
    use nexus_log::ledger::KeyState;
    let (mut a, b) = pair();
    a.text("hidden", &[b.record()]);
    let key = a.ledger.keyring()[0].2.clone();
    let shown = format!("{:?} {:?} {:?}", a.me, a.conversation, KeyState::Held(key.clone()));
    let secrets = [
        *key.expose(),
        *a.me.instance.seed().expose(),
        *a.conversation.secret.secret().expose(),
        *a.me.log_key(&a.conversation).seed().expose(),
    ];
    for secret in secrets {
        assert!(!shown.contains(&hex(&secret)));
        assert!(!shown.contains(&format!("{secret:?}")));
    }
}

#[test]
fn a_request_that_is_repeated_at_once_gets_few_answers() {
    let (mut a, mut b) = pair();
    a.text("hello", &[b.record()]);
    b.pull(&a);
    let name = KeyName { log: a.log(), epoch: 0 };
    let mut answers = Vec::new();
    for _ in 0..10 {
        b.say(Payload::KeyRequest(vec![name]), &[a.record()]);
        a.pull(&b);
        let before = seals_in(&a);
        a.tend(&[b.record()]);
        answers.push(seals_in(&a) - before);
    }
    assert_eq!(answers.iter().sum::<usize>(), MAX_REPEATS as usize);
    // The next day is another matter.
    (a.time, b.time) = (a.time + DAY, b.time + DAY);
    b.say(Payload::KeyRequest(vec![name]), &[a.record()]);
    a.pull(&b);
    let before = seals_in(&a);
    a.tend(&[b.record()]);
    assert_eq!(seals_in(&a) - before, 1);
}

#[test]
fn an_answer_closes_the_request_however_many_others_are_open() {
    let (mut a, mut b) = pair();
    a.text("hello", &[b.record()]);
    let topic = a.conversation.topic();
    let instance = b.me.instance.key();
    let log = a.log();
    let request = |epoch| OpenRequest { topic, instance, log, epoch };
    let before = |n| OpenRequest { log: LogKey::from_bytes([0; 32]), ..request(n) };
    for n in 0..5_000 {
        b.ledger.put_request(&before(n)).unwrap();
    }
    b.ledger.put_request(&request(0)).unwrap();
    b.pull(&a);
    // Somebody else answers it.
    let c = Device::direct(&b.secrets, &a.secrets, 13);
    b.say(Payload::KeyRequest(vec![KeyName { log: a.log(), epoch: 0 }]), &[a.record(), c.record()]);
    a.pull(&b);
    a.tend(&[b.record()]);
    b.pull(&a);
    let open = b.ledger.open_requests(&topic, usize::MAX).unwrap();
    assert!(!open.contains(&request(0)));
    assert_eq!(open.len(), 5_000);
}

#[test]
fn what_was_asked_while_the_clock_ran_ahead_is_asked_again_once_it_is_right() {
    let (mut a, mut b) = pair();
    a.text("not for him", &[]);
    b.time += 1_000 * DAY;
    b.pull(&a);
    let names = b.due();
    b.say(Payload::KeyRequest(names.clone()), &[a.record()]);
    b.time -= 1_000 * DAY;
    assert_eq!(b.due(), names);
    b.say(Payload::KeyRequest(names.clone()), &[a.record()]);
    assert_eq!(b.due(), []);
}

#[test]
fn what_nobody_answers_is_asked_for_more_and_more_rarely() {
    let (mut a, mut b) = pair();
    a.text("unreadable", &[]);
    b.pull(&a);
    let mut asked = Vec::new();
    for day in 0..100 {
        b.time = START + day * DAY;
        if !b.due().is_empty() {
            asked.push(day);
            b.tend(&[]);
        }
    }
    assert_eq!(asked, [0, 1, 3, 7, 15, 31, 63, 95]);
}

#[test]
fn so_many_requests_are_answered_at_a_time_and_the_rest_after_them() {
    let (mut a, mut b) = pair();
    let epochs = MAX_ANSWERS as u32 + 3;
    for n in 0..epochs {
        a.time += 8 * DAY;
        a.text(&n.to_string(), &[]);
    }
    b.time = a.time;
    let log = a.log();
    let names: Vec<_> = (0..epochs).map(|epoch| KeyName { log, epoch }).collect();
    for part in names.chunks(MAX_KEY_REQUESTS) {
        b.say(Payload::KeyRequest(part.to_vec()), &[a.record()]);
    }
    a.pull(&b);
    let topic = a.conversation.topic();
    let open = |a: &mut Device| a.ledger.open_requests(&topic, usize::MAX).unwrap().len();
    assert_eq!(open(&mut a), names.len());
    a.tend(&[b.record()]);
    assert_eq!(open(&mut a), names.len() - MAX_ANSWERS);
    a.tend(&[b.record()]);
    assert_eq!(open(&mut a), 0);
}

#[test]
fn of_one_log_only_so_many_epochs_are_asked_for() {
    let (mut a, mut b) = pair();
    for n in 0..=MAX_ASKED as u64 {
        // Each is an epoch of its own, sealed to nobody.
        a.time += 8 * DAY;
        a.text(&n.to_string(), &[]);
    }
    b.time = a.time;
    b.pull(&a);
    let mut asked = 0;
    for _ in 0..10 {
        asked += b.due().len();
        b.tend(&[]);
    }
    assert_eq!(asked, MAX_ASKED);
}

#[test]
fn who_sees_that_somebody_else_answered_does_not_answer_too() {
    let (mut a, mut b) = pair();
    a.text("hello", &[b.record()]);
    b.pull(&a);
    let mut late = Device::direct(&b.secrets, &a.secrets, 13);
    let all = [a.record(), b.record(), late.record()];
    late.pull(&a);
    late.tend(&all);
    for device in [&mut a, &mut b] {
        device.pull(&late);
    }
    a.tend(&all);
    let mut other = b.clone();
    other.tend(&all);
    assert_eq!(seals_in(&other), 1, "nobody answered, as far as it knows");
    b.pull(&a);
    b.tend(&all);
    assert!(b.ledger.heads(&b.conversation.topic()).iter().all(|head| head.log != b.log()));
    late.pull(&a);
    assert_eq!(late.texts(), ["hello"]);
}

#[test]
fn what_waits_for_a_key_gets_it_though_the_view_was_made_anew_meanwhile() {
    let (mut a, mut b) = pair();
    a.text("hello", &[]);
    b.pull(&a);
    let now = b.now();
    nexus_log::rebuild::rebuild(&mut b.ledger, &b.conversation, &b.me, now).unwrap();
    assert_eq!(b.unreadable(), 1);
    b.tend(&[a.record()]);
    a.pull(&b);
    a.tend(&[b.record()]);
    b.pull(&a);
    assert_eq!(b.texts(), ["hello"]);
}

#[test]
fn who_asks_is_answered_with_what_they_asked_for_and_others_with_nothing() {
    let (mut a, mut b) = pair();
    let mut other = Device::direct(&person(2), &person(1), 14);
    a.text("first", &[]);
    a.time += u64::try_from(EPOCH_AGE.as_millis()).unwrap();
    a.text("second", &[]);
    let to_a = [a.record()];
    let name = |epoch| KeyName { log: a.log(), epoch };
    b.say(Payload::KeyRequest(vec![name(0)]), &to_a);
    other.say(Payload::KeyRequest(vec![name(1)]), &to_a);
    a.pull(&b);
    a.pull(&other);
    let before = seals_in(&a);
    // Of the other device nothing is known to seal to.
    a.tend(&[b.record()]);
    assert_eq!(seals_in(&a), before + 1);
    b.pull(&a);
    let readable: Vec<String> = b.texts().into_iter().filter(|text| !text.is_empty()).collect();
    assert_eq!(readable, ["first"]);
}

#[test]
fn what_says_nothing_to_people_changes_nothing_in_the_view() {
    let (mut a, mut b) = pair();
    a.text("words", &[b.record()]);
    b.pull(&a);
    a.say(Payload::KeyRequest(vec![]), &[b.record()]);
    a.say(Payload::ReadMark(vec![]), &[b.record()]);
    let got = b.pull(&a);
    assert!(got.iter().all(|got| got.changes.is_empty()));
}
