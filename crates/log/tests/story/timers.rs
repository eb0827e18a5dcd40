//! Disappearing messages.

use crate::common::{DAY, Device, meet, pair};
use nexus_log::body::{KeyName, Payload};
use nexus_log::fold::Shown;
use nexus_log::ledger::{KeyState, Ledger};
use nexus_log::rebuild::rebuild;

const HOUR: u64 = 3_600;

fn set_timer(device: &mut Device, other: &Device, seconds: u64) {
    device.say(Payload::Timer { seconds: (seconds > 0).then_some(seconds) }, &[other.record()]);
}

fn held_keys(device: &mut Device, of: &Device) -> Vec<bool> {
    let mut held = Vec::new();
    for epoch in 0.. {
        let Some(start) = device.ledger.epochs(&of.log(), epoch).unwrap().first().copied() else {
            break;
        };
        let state = device.ledger.key(&of.log(), epoch, &start.commitment).unwrap();
        held.push(matches!(state, KeyState::Held(_)));
    }
    held
}

#[test]
fn texts_go_on_both_sides_each_counted_from_its_own_storing() {
    let (mut a, mut b) = pair();
    a.text("stays", &[b.record()]);
    set_timer(&mut a, &b, HOUR);
    a.text("goes", &[b.record()]);
    b.time += 10 * 60 * 1000;
    b.pull(&a);
    a.time += HOUR * 1000;
    b.time = a.time;
    assert_eq!(a.expire().len(), 1);
    assert_eq!(b.expire().len(), 0);
    assert_eq!(a.texts(), ["stays", ""]);
    assert_eq!(b.texts(), ["stays", "", "goes"]);
    b.time += 10 * 60 * 1000;
    assert_eq!(b.expire().len(), 1);
    assert_eq!(a.view(), b.view());
    assert_eq!(a.view()[1].base.shown, Shown::Timer(Some(HOUR)));
}

#[test]
fn a_key_that_comes_after_its_messages_are_gone_goes_too_and_is_in_no_backup() {
    let (mut a, mut b) = pair();
    set_timer(&mut a, &b, HOUR);
    a.text("goes", &[]);
    b.pull(&a);
    (a.time, b.time) = (a.time + HOUR * 1000, b.time + HOUR * 1000);
    b.tend(&[a.record()]);
    a.pull(&b);
    a.tend(&[b.record()]);
    b.pull(&a);
    assert_eq!(b.texts(), [""]);
    let held = held_keys(&mut b, &a).iter().filter(|held| **held).count();
    let own = held_keys(&mut b.clone(), &b).len();
    assert!(held > 0, "the key came");
    let stays = b.ledger.keyring().len() - own;
    assert!(stays < held, "the key of what is gone is fleeting: {stays} of {held} stay");
    b.time += 8 * DAY;
    b.expire();
    assert_eq!(held_keys(&mut b, &a).last(), Some(&false));
}

#[test]
fn a_device_that_slept_through_it_catches_up_and_keys_go_with_their_last_message() {
    let (mut a, mut b) = pair();
    set_timer(&mut a, &b, HOUR);
    let first = a.text("one", &[b.record()]);
    a.text("two", &[b.record()]);
    b.pull(&a);
    b.say(Payload::Reaction { target: first, emoji: "👍".into() }, &[a.record()]);
    a.pull(&b);
    let own = a.clone();
    assert_eq!(held_keys(&mut a, &own), [true, true]);
    a.time += 30 * DAY;
    b.time += 30 * DAY;
    a.expire();
    b.expire();
    assert_eq!((a.texts().len(), b.texts().len()), (1, 1));
    assert_eq!(held_keys(&mut a, &own), [true, false]);
    assert_eq!(held_keys(&mut b, &own), [true, false]);
    assert_eq!(a.ledger.next_due().unwrap(), None);
    // Nothing brings it back: not taking the entries again, not asking, not making the view anew.
    b.pull(&a);
    a.tend(&[b.record()]);
    b.tend(&[a.record()]);
    let now = a.now();
    rebuild(&mut a.ledger, &a.conversation, &a.me, now).unwrap();
    assert_eq!(a.texts(), [""]);
    assert_eq!(a.digest(), b.digest());
}

#[test]
fn the_key_of_others_waits_for_a_later_epoch_or_a_week_for_messages_still_on_their_way() {
    let (mut a, mut b) = pair();
    set_timer(&mut a, &b, HOUR);
    a.text("seen", &[b.record()]);
    let seen = a.clone();
    b.pull(&seen);
    a.text("on its way", &[b.record()]);
    b.time += 2 * HOUR * 1000;
    assert_eq!(b.expire().len(), 1);
    b.pull(&a);
    assert_eq!(b.texts(), ["", "on its way"]);
    a.time += 2 * HOUR * 1000;
    a.text("of a later epoch", &[b.record()]);
    b.pull(&a);
    b.time += 2 * HOUR * 1000;
    b.expire();
    assert_eq!(held_keys(&mut b, &seen), [true, false, true]);
}

#[test]
fn an_epoch_spans_at_most_its_timer_and_its_keys_are_in_no_backup() {
    let (mut a, b) = pair();
    a.text("kept", &[b.record()]);
    set_timer(&mut a, &b, HOUR);
    a.text("one", &[b.record()]);
    a.time += HOUR * 1000 - 1;
    a.text("two", &[b.record()]);
    let own = a.clone();
    assert_eq!(held_keys(&mut a, &own).len(), 2);
    a.time += 1;
    a.text("three", &[b.record()]);
    assert_eq!(held_keys(&mut a, &own).len(), 3);
    assert_eq!(a.ledger.keyring().len(), 1);
    set_timer(&mut a, &b, 0);
    a.text("stays again", &[b.record()]);
    assert_eq!(held_keys(&mut a, &own).len(), 4);
    assert_eq!(a.ledger.keyring().len(), 2);
}

#[test]
fn what_does_not_show_brings_no_epoch_however_short_the_timer_is() {
    let (mut a, b) = pair();
    set_timer(&mut a, &b, 5);
    for day in 0..6 {
        a.say(Payload::KeyRequest(vec![KeyName { log: b.log(), epoch: day }]), &[b.record()]);
        a.time += DAY;
    }
    let own = a.clone();
    assert_eq!(held_keys(&mut a, &own).len(), 1);
    a.text("shows", &[b.record()]);
    a.say(Payload::KeyRequest(vec![KeyName { log: b.log(), epoch: 9 }]), &[b.record()]);
    assert_eq!(held_keys(&mut a, &own).len(), 2);
    a.time += 5_000;
    a.expire();
    assert_eq!(held_keys(&mut a, &own), [true, false]);
    a.say(Payload::KeyRequest(vec![KeyName { log: b.log(), epoch: 10 }]), &[b.record()]);
    assert_eq!(held_keys(&mut a, &own), [true, false, true], "its key is gone for good");
}

#[test]
fn an_edit_of_a_message_that_stays_stays_though_a_timer_runs() {
    let (mut a, mut b) = pair();
    let old = a.text("old", &[b.record()]);
    set_timer(&mut a, &b, HOUR);
    let fresh = a.text("fresh", &[b.record()]);
    a.say(Payload::Edit { target: old, text: "old, mended".into() }, &[b.record()]);
    a.say(Payload::Edit { target: fresh, text: "fresh, mended".into() }, &[b.record()]);
    meet(&mut a, &mut b);
    assert_eq!(b.texts(), ["old, mended", "", "fresh, mended"]);
    for device in [&mut a, &mut b] {
        device.time += 40 * DAY;
        device.expire();
        let now = device.now();
        rebuild(&mut device.ledger, &device.conversation, &device.me, now).unwrap();
        assert_eq!(device.texts(), ["old, mended", ""]);
    }
}

#[test]
fn what_was_done_to_a_message_goes_with_it() {
    let (mut a, mut b) = pair();
    set_timer(&mut a, &b, HOUR);
    let secret = a.text("secret", &[b.record()]);
    b.pull(&a);
    for device in [&mut a, &mut b] {
        device.time += HOUR * 500;
    }
    a.say(Payload::Edit { target: secret, text: "secret, mended".into() }, &[b.record()]);
    a.say(Payload::Edit { target: secret, text: "secret, again".into() }, &[b.record()]);
    b.pull(&a);
    for device in [&mut a, &mut b] {
        device.time += HOUR * 500;
        device.expire();
        assert_eq!(device.texts(), [""]);
        let left = device.ledger.operations(&device.conversation.id, &secret.hash).unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}
