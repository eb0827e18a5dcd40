//! Wrong clocks.

use crate::common::{DAY, RELEASED, START, meet, pair};
use nexus_log::body::Payload;
use nexus_log::compose::ComposeError;
use nexus_log::hlc::{Hlc, MAX_AHEAD_MILLIS};
use nexus_log::ingest::Said;
use nexus_log::ledger::Ledger;
use nexus_log::memory::MemoryLedger;

#[test]
fn a_device_in_1970_answers_after_what_it_read() {
    let (mut a, mut b) = pair();
    b.time = 5;
    a.text("question", &[b.record()]);
    b.pull(&a);
    b.text("answer", &[a.record()]);
    a.pull(&b);
    a.text("thanks", &[b.record()]);
    meet(&mut a, &mut b);
    assert_eq!(a.texts(), ["question", "answer", "thanks"]);
    assert_eq!(a.digest(), b.digest());
    // It knows at least when its program was made.
    let (mut c, _) = pair();
    c.time = 5;
    c.text("first", &[]);
    assert_eq!(c.view()[0].base.position.hlc.millis(), RELEASED);
}

#[test]
fn a_device_years_ahead_is_followed_so_order_holds() {
    let (mut a, mut b) = pair();
    b.time = START + MAX_AHEAD_MILLIS / 2;
    a.text("question", &[b.record()]);
    b.pull(&a);
    b.text("answer", &[a.record()]);
    a.pull(&b);
    a.text("thanks", &[b.record()]);
    meet(&mut a, &mut b);
    assert_eq!(a.texts(), ["question", "answer", "thanks"]);
    assert!(a.view().iter().all(|message| !message.base.far));
}

#[test]
fn more_than_ten_years_ahead_is_shown_and_marked_but_not_followed() {
    let (mut a, mut b) = pair();
    b.time = START + MAX_AHEAD_MILLIS + 2 * DAY;
    b.text("from the future", &[a.record()]);
    let got = a.pull(&b);
    let told = |said: &Said| matches!(said, Said::FarAhead(author) if author.who == b.me.who);
    assert!(got.iter().flat_map(|got| &got.said).any(told));
    a.text("from now", &[b.record()]);
    let chains = a.ledger.topic_chains(&a.conversation.topic()).unwrap();
    let far = chains.iter().find(|chain| chain.log == b.log()).unwrap();
    assert_eq!(far.cited, None, "nobody writes below what they cite");
    let view = a.view();
    assert_eq!(a.texts(), ["from now", "from the future"]);
    assert!(view[1].base.far && !view[0].base.far);
    assert!(view[0].base.position.hlc.millis().0 < START + DAY);
    b.pull(&a);
    assert_eq!(a.digest(), b.digest());
    // Once its clock is right again, that device must open a new instance.
    b.time = START;
    let refused = b.try_say(Payload::Text("now".into()), &[a.record()]);
    assert!(matches!(refused, Err(ComposeError::ClockBeyond)));
}

#[test]
fn a_clock_that_once_ran_far_ahead_does_not_stop_the_next_instance_too() {
    let (mut a, mut b) = pair();
    // Read while the clock said so, it is followed; afterwards it is not.
    b.time = START + 2 * MAX_AHEAD_MILLIS;
    a.time = b.time;
    b.text("from the future", &[a.record()]);
    a.pull(&b);
    (a.time, b.time) = (START, START);
    for n in 0..3 {
        a.text(&n.to_string(), &[b.record()]);
    }
    assert!(a.view()[..3].iter().all(|message| !message.base.far));
    assert_eq!(a.texts()[..3], ["0", "1", "2"]);
    // What others wrote meanwhile is still below what I write.
    let (mut c, _) = pair();
    let (mut a, mut b) = (c.clone(), b);
    c.time = START + 2 * MAX_AHEAD_MILLIS;
    a.ledger.set_clock(&a.conversation.id, Hlc::from_millis(c.time)).unwrap();
    b.ledger = MemoryLedger::new();
    b.time = START + DAY;
    b.text("tomorrow", &[a.record()]);
    a.pull(&b);
    a.text("after that", &[b.record()]);
    assert_eq!(a.texts(), ["tomorrow", "after that"]);
}

#[test]
fn somebody_at_the_very_edge_of_ten_years_does_not_stop_me() {
    let (mut a, mut b) = pair();
    b.time = START + MAX_AHEAD_MILLIS;
    b.text("as far as can be", &[a.record()]);
    a.pull(&b);
    for n in 0..5 {
        a.text(&n.to_string(), &[b.record()]);
    }
    assert_eq!(a.texts(), ["as far as can be", "0", "1", "2", "3", "4"]);
    b.pull(&a);
    assert_eq!(a.digest(), b.digest());
}

#[test]
fn what_shows_of_a_log_that_ends_far_ahead_is_below_what_i_write_however_much_it_is() {
    let (mut a, mut b) = pair();
    a.ledger.set_clock(&a.conversation.id, Hlc::from_millis(START + 2 * MAX_AHEAD_MILLIS)).unwrap();
    for minute in 0..300 {
        b.time = START + DAY + minute * 60_000;
        b.text("tomorrow", &[a.record()]);
    }
    b.time = START + 2 * MAX_AHEAD_MILLIS;
    b.text("from the future", &[a.record()]);
    a.pull(&b);
    a.text("after that", &[b.record()]);
    let texts = a.texts();
    assert_eq!(texts[texts.len() - 2..], ["after that", "from the future"]);
}
