//! Runs of a contact who writes what no honest node writes.

use nexus_log::body::Payload;
use nexus_log::ids::{EntryHash, EntryRef, Head};
use nexus_log::ledger::{Chain, ChainId, Ledger};

use super::*;
use crate::api::MessageState;
use crate::desk::{Desk, Peer};
use crate::views::message_state;

/// An entry far beyond what anybody wrote.
const NOWHERE: EntryHash = EntryHash::from_bytes([7; 32]);

fn state(desk: &Desk, entry: &EntryRef) -> MessageState {
    let marks = desk.opened.writer.queries().marks(&entry.log).unwrap();
    message_state(&marks, entry.seq, Some(&desk.me.connect_id()))
}

/// Lets the peer cite `head` of `log` in its next entry.
fn cite(peer: &mut Peer, log: LogKey, head: Head) {
    let (mut chains, topic) = (peer.ledger.chains(&log).unwrap(), peer.topic());
    let author = chains.pop().and_then(|c| c.author).or(Some(nexus_log::open::Author {
        who: peer.me.who,
        identity: peer.me.identity,
        instance: peer.me.instance.key(),
    }));
    let chain = Chain {
        id: ChainId(0),
        topic,
        log,
        branch: Some(head.hash),
        base: None,
        first: 0,
        head,
        author,
        hlc: nexus_log::hlc::Hlc(0),
        cited: None,
        hidden_from: None,
        retired: None,
        stopped: false,
    };
    peer.ledger.create_chain(&chain).unwrap();
}

#[test]
fn a_read_mark_or_citation_of_any_number_is_taken_in() {
    let mut desk = Desk::new();
    let mut peer = desk.contact();
    let log = desk.me.log(peer.topic());
    let beyond = EntryRef { log, seq: u64::MAX, hash: NOWHERE };
    peer.say(Payload::ReadMark(vec![beyond]));
    cite(&mut peer, log, Head { seq: u64::MAX, hash: NOWHERE });
    peer.say(Payload::Text("hello".into()));
    assert_eq!(desk.take(&peer, 0).unwrap(), Taken::Stored);
}

#[test]
fn marks_on_entries_that_nobody_wrote_say_nothing_of_later_ones() {
    let mut desk = Desk::new();
    let mut peer = desk.contact();
    let log = desk.me.log(peer.topic());
    cite(&mut peer, log, Head { seq: 1 << 40, hash: NOWHERE });
    peer.say(Payload::ReadMark(vec![EntryRef { log, seq: 1 << 41, hash: NOWHERE }]));
    desk.take(&peer, 0).unwrap();
    let sent = desk.text(&peer, "are you there?");
    assert_eq!(state(&desk, &sent), MessageState::Queued);
    // The right hash at a wrong place is no entry either.
    peer.pull(&desk);
    let from = peer.say(Payload::ReadMark(vec![EntryRef { seq: 1 << 42, ..sent }]));
    desk.take(&peer, from).unwrap();
    let sent = desk.text(&peer, "and now?");
    assert_eq!(state(&desk, &sent), MessageState::Queued);
}

#[test]
fn a_mark_on_what_i_wrote_counts() {
    let mut desk = Desk::new();
    let mut peer = desk.contact();
    let sent = desk.text(&peer, "hello");
    peer.pull(&desk);
    peer.say(Payload::Text("hello too".into()));
    desk.take(&peer, 0).unwrap();
    assert_eq!(state(&desk, &sent), MessageState::Delivered);
    let from = peer.say(Payload::ReadMark(vec![sent]));
    desk.take(&peer, from).unwrap();
    assert_eq!(state(&desk, &sent), MessageState::Read);
}

#[test]
fn what_a_removed_contact_sent_in_time_is_not_taken_in() {
    let mut desk = Desk::new();
    let mut peer = desk.contact();
    peer.say(Payload::Text("before".into()));
    desk.take(&peer, 0).unwrap();
    let (who, id) = (peer.card.connect_id(), peer.conversation.id);
    desk.run(|work| crate::contacts::remove(work, &who)).unwrap();
    let from = peer.say(Payload::Text("after".into()));
    assert_eq!(desk.take(&peer, from).unwrap(), Taken::Unwanted);
    assert_eq!(desk.opened.writer.queries().message_count(&id).unwrap(), 0);
    // Taken up again, it comes in.
    desk.run(|work| crate::contacts::add(work, &who, &Default::default())).unwrap();
    assert_eq!(desk.take(&peer, from).unwrap(), Taken::Stored);
    assert_eq!(desk.opened.writer.queries().message_count(&id).unwrap(), 2);
}

#[test]
fn nothing_is_asked_of_or_said_to_a_contact_who_was_removed() {
    let mut desk = Desk::new();
    let mut peer = desk.contact();
    peer.say(Payload::Text("hello".into()));
    desk.take(&peer, 0).unwrap();
    let who = peer.card.connect_id();
    desk.run(|work| crate::contacts::remove(work, &who)).unwrap();
    let conversation = desk.me.conversation_with(&who).cloned().unwrap();
    let mine = |desk: &Desk| {
        desk.opened.writer.queries().chain(&desk.me.log(peer.topic()), None).unwrap().unwrap().head
    };
    let before = mine(&desk);
    // The keys are gone, and what was taken in waits for them once somebody looks at it again.
    let (topic, now) = (peer.topic(), nexus_log::hlc::Now::new(desk.now, crate::time::RELEASED));
    desk.run(|work| {
        nexus_log::rebuild::rebuild(work.tx, &conversation, &work.me.author()?, now)?;
        let missing = nexus_log::requests::due(work.tx, &conversation, work.clock())?;
        assert!(!missing.is_empty(), "nothing is missing in {topic:?}");
        settle_requests(work, &conversation)
    })
    .unwrap();
    assert_eq!(mine(&desk), before);
}

#[test]
fn what_only_i_wrote_is_built_anew_when_a_contact_is_taken_up_again() {
    let mut desk = Desk::new();
    let peer = desk.contact();
    desk.text(&peer, "are you there?");
    let (who, id) = (peer.card.connect_id(), peer.conversation.id);
    desk.run(|work| crate::contacts::remove(work, &who)).unwrap();
    assert_eq!(desk.opened.writer.queries().message_count(&id).unwrap(), 0);
    desk.run(|work| crate::contacts::add(work, &who, &Default::default())).unwrap();
    assert_eq!(desk.opened.writer.queries().message_count(&id).unwrap(), 1);
    // Its key was erased; they have it.
    assert!(desk.after.requests.contains(&peer.topic()));
}

#[test]
fn without_a_word_of_the_peer_nothing_is_delivered() {
    let mut desk = Desk::new();
    let peer = desk.contact();
    let sent = desk.text(&peer, "hello");
    // As a log of another device of mine, or one that was healed: nothing is known of its way.
    assert_eq!(message_state(&[], sent.seq, Some(&peer.card.connect_id())), MessageState::Queued);
    assert_eq!(message_state(&[], sent.seq, None), MessageState::Delivered);
}

#[test]
fn a_run_whose_beginning_was_not_stored_is_no_fault_of_its_log() {
    let mut desk = Desk::new();
    let mut peer = desk.contact();
    peer.say(Payload::Text("one".into()));
    let from = peer.say(Payload::Text("two".into()));
    assert_eq!(desk.take(&peer, from).unwrap(), Taken::Gap);
    assert_eq!(desk.take(&peer, 0).unwrap(), Taken::Stored);
}
