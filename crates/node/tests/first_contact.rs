//! First contact, sentence by sentence: request, answer, what waits meanwhile, and how it ends.
//!
//! What is said of it elsewhere: invites, crossing letters, blocking and removing in `two.rs`; repetition and the thirty
//! days in `clock.rs`; the bounds of the inbox in storage; forged and foreign letters in identity.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod lab;

use std::time::Duration;

use lab::{Person, asked, befriend, contacts, lan, strangers, until_equal};
use nexus_node::api::{
    Command, ContactState, ContactView, ConversationView, ErrorCode, Event, IdentityView,
    InviteView, LogView, MessageState, MessageView, RawEntryView, SentView, StatusView,
};

/// Kinds of the entries of the one log in a conversation, in order.
async fn kinds(of: &Person, with: &str) -> Vec<String> {
    let show = Command::LogShow { conversation: with.to_owned(), raw: true };
    let all: Vec<RawEntryView> = of.all(show).await;
    all.into_iter().map(|entry| entry.header[2..4].to_owned()).collect()
}

async fn logs(of: &Person, with: &str) -> Vec<LogView> {
    of.all(Command::LogShow { conversation: with.to_owned(), raw: false }).await
}

fn send(to: &str) -> Command {
    Command::Send { to: to.to_owned(), text: "early".into(), reply: None, wait: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_somebody_who_is_nowhere_is_noted_and_nothing_can_be_written_to_them_yet() {
    let port = lan();
    let mut ana = Person::started("Ana", port).await;
    let mut bob = Person::new("Bob", port);
    assert_eq!(ana.add(&bob.id).await.state, ContactState::Requested);
    assert_eq!(ana.fails(send(&bob.id)).await, ErrorCode::CardUnknown);
    let all: Vec<LogView> = ana.all(Command::LogVerify).await;
    let own: Vec<LogView> = logs(&ana, "self").await;
    assert_eq!(all.len(), own.len(), "nothing was stored for them");
    // It is kept, and goes out when they turn up.
    ana.stop().await;
    ana.start().await;
    bob.start().await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_soon_as_the_card_is_known_my_log_is_open_and_what_i_write_waits_in_it() {
    let (ana, bob) = strangers(lan()).await;
    ana.add(&bob.id).await;
    ana.until("my OPEN", async || (kinds(&ana, &bob.id).await == ["01"]).then_some(())).await;
    let sent: SentView = ana.one(send(&bob.id)).await;
    assert_eq!(sent.state, MessageState::Queued);
    assert_eq!(kinds(&ana, &bob.id).await, ["01", "02", "03"], "OPEN, SEALS, ENTRY");
    // As long as Bob has not decided he gets none of it, over however many links.
    bob.until_state(&ana.id, ContactState::Incoming).await;
    ana.network(false).await;
    ana.network(true).await;
    ana.until_letter_arrived(&bob.id).await;
    assert!(logs(&bob, &ana.id).await.is_empty());
    assert_eq!(ana.history(&bob.id).await[0].state, MessageState::Queued);
    bob.accept(&ana.id).await;
    bob.until_text(&ana.id, "early").await;
    ana.until("delivered", async || {
        let all = ana.history(&bob.id).await;
        (all[0].state == MessageState::Delivered).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_answered_alike_whether_it_is_new_known_declined_or_blocked() {
    let port = lan();
    let bob = Person::started("Bob", port).await;
    let (new, declined, blocked) = (
        Person::started("New", port).await,
        Person::started("Declined", port).await,
        Person::started("Blocked", port).await,
    );
    bob.one::<ContactView>(Command::ContactBlock { who: blocked.id.clone() }).await;
    for person in [&new, &declined, &blocked] {
        person.until_nearby(&bob.id).await;
        person.add(&bob.id).await;
        person.until_letter_arrived(&bob.id).await;
    }
    bob.until_state(&declined.id, ContactState::Incoming).await;
    bob.one::<ContactView>(Command::ContactDecline { who: declined.id.clone() }).await;
    // The same letter once more, from each of them.
    for person in [&new, &declined, &blocked] {
        person.clock.forward(Duration::from_secs(86_400));
        let mut watch = person.watch(None).await;
        person.network(false).await;
        person.network(true).await;
        watch.until(|e| matches!(e, Event::LinkUp { .. }).then_some(())).await;
        let end = watch.until(|e| match e {
            Event::LinkDown { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert_eq!(end.await, "done", "{}", person.name);
        assert_eq!(person.contact(&bob.id).await.unwrap().state, ContactState::Requested);
    }
    let requests: Vec<ContactView> = bob.all(Command::Requests).await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].connect_id, new.id);
    assert_eq!(bob.contact(&blocked.id).await.unwrap().state, ContactState::Blocked);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_that_nobody_saw_is_offered_again_by_every_later_link() {
    let (mut ana, mut bob) = asked(lan()).await;
    ana.stop().await;
    assert_eq!(bob.accept(&ana.id).await.state, ContactState::Accepted);
    assert_eq!(kinds(&bob, &ana.id).await, ["01"], "accepting is an OPEN and nothing else");
    bob.stop().await;
    bob.start().await;
    assert_eq!(bob.contact(&ana.id).await.unwrap().state, ContactState::Accepted);
    ana.start().await;
    ana.until_state(&bob.id, ContactState::Accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_has_expired_is_refused_here_and_makes_no_contact_there() {
    let port = lan();
    let (ana, bob) = strangers(port).await;
    let invite: InviteView = ana.one(Command::Invite { expires: Some(3_600), uses: 1 }).await;
    let add =
        Command::ContactAdd { who: invite.link.clone(), name: None, address: None, message: None };
    bob.clock.forward(Duration::from_secs(3_601));
    assert_eq!(bob.fails(add.clone()).await, ErrorCode::BadInvite);
    // Whose clock is behind gets as far as an ordinary request.
    let late = Person::started("Late", port).await;
    ana.clock.forward(Duration::from_secs(3_601));
    late.add(&invite.link).await;
    ana.until_state(&late.id, ContactState::Incoming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_blocked_gets_no_letter_through_and_no_link() {
    let (ana, bob) = contacts(lan()).await;
    bob.one::<ContactView>(Command::ContactBlock { who: ana.id.clone() }).await;
    // Ana gives up, and asks anew: from outside Bob looks like somebody who has not decided.
    ana.one::<ContactView>(Command::ContactRemove { who: bob.id.clone() }).await;
    ana.until_nearby(&bob.id).await;
    ana.add(&bob.id).await;
    ana.until_letter_arrived(&bob.id).await;
    assert!(bob.all::<ContactView>(Command::Requests).await.is_empty());
    assert_eq!(bob.contact(&ana.id).await.unwrap().state, ContactState::Blocked);
    let status: StatusView = bob.one(Command::Status).await;
    assert!(status.links.iter().all(|link| link.connect_id != ana.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_letter_of_somebody_removed_is_shown_and_accepting_goes_on_with_the_same_logs() {
    let (ana, bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    bob.send_until(&ana.id, "two", MessageState::Delivered).await;
    let sorted = |mut logs: Vec<LogView>| {
        logs.sort_by(|a, b| a.log.cmp(&b.log));
        logs
    };
    let before = sorted(logs(&bob, &ana.id).await);
    bob.one::<ContactView>(Command::ContactRemove { who: ana.id.clone() }).await;
    assert_eq!(sorted(logs(&bob, &ana.id).await), before, "headers and ciphertext stay");
    ana.one::<ContactView>(Command::ContactRemove { who: bob.id.clone() }).await;
    ana.until_nearby(&bob.id).await;
    ana.add(&bob.id).await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
    bob.accept(&ana.id).await;
    ana.until_state(&bob.id, ContactState::Accepted).await;
    bob.send_until(&ana.id, "three", MessageState::Delivered).await;
    let after = logs(&bob, &ana.id).await;
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|log| before.iter().any(|was| was.log == log.log)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_digest_knows_neither_names_nor_marks_nor_delivery() {
    let (ana, bob) = contacts(lan()).await;
    bob.network(false).await;
    ana.send(&bob.id, "one").await;
    let queued = ana.digest(&bob.id).await;
    bob.network(true).await;
    bob.until_text(&ana.id, "one").await;
    bob.one::<ConversationView>(Command::Read { conversation: ana.id.clone(), to: None }).await;
    ana.until("read", async || {
        let all = ana.history(&bob.id).await;
        all.iter().all(|m| m.state == MessageState::Read).then_some(())
    })
    .await;
    ana.one::<ContactView>(Command::ContactRename { who: bob.id.clone(), name: "B".into() }).await;
    bob.one::<IdentityView>(Command::ProfileSet { name: "Robert".into() }).await;
    let now = ana.digest(&bob.id).await;
    assert_eq!(now, queued);
    assert_eq!(now.words.split(' ').count(), 6);
    assert_eq!(bob.digest(&ana.id).await.words, now.words);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_and_look_alike_names_show_the_short_connect_id_of_both() {
    let port = lan();
    let ana = Person::started("Ana", port).await;
    let (one, two) = (Person::started("Bob", port).await, Person::started("B0b", port).await);
    befriend(&ana, &one).await;
    assert!(ana.contact(&one.id).await.unwrap().warnings.is_empty());
    befriend(&ana, &two).await;
    for (this, other) in [(&one, &two), (&two, &one)] {
        let warnings = ana.contact(&this.id).await.unwrap().warnings.join(" ");
        for id in [&this.id, &other.id] {
            assert!(warnings.contains(&id[4..12]), "{warnings} does not name {id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_receipts_off_nothing_of_my_reading_leaves_my_devices() {
    let port = lan();
    let (ana, mut bob) = (Person::started("Ana", port).await, Person::new("Bob", port));
    nexus_node::config::set(&bob.path().join("config.toml"), "receipts", "false").unwrap();
    bob.start().await;
    befriend(&ana, &bob).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    bob.until_text(&ana.id, "one").await;
    let before = (kinds(&bob, &ana.id).await.len(), kinds(&bob, "self").await.len());
    let read: ConversationView =
        bob.one(Command::Read { conversation: ana.id.clone(), to: None }).await;
    assert_eq!(read.unread, 0, "it counts here");
    // The end of the node writes down what still waits; nothing does.
    bob.stop().await;
    bob.start().await;
    let after = (kinds(&bob, &ana.id).await.len(), kinds(&bob, "self").await.len());
    assert_eq!(after.0, before.0, "nothing was written to the conversation");
    assert!(after.1 > before.1, "my own devices hear of it");
    let all: Vec<ConversationView> = bob.all(Command::Conversations).await;
    assert_eq!(all[0].unread, 0);
    bob.send_until(&ana.id, "two", MessageState::Delivered).await;
    ana.until_text(&bob.id, "two").await;
    let history: Vec<MessageView> = ana.history(&bob.id).await;
    assert_eq!(history[0].state, MessageState::Delivered);
    assert!(history[0].read_by.is_empty());
    until_equal(&ana, &bob, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn states_are_as_they_were_after_a_restart() {
    let (mut ana, mut bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "read", MessageState::Delivered).await;
    bob.until_text(&ana.id, "read").await;
    bob.one::<ConversationView>(Command::Read { conversation: ana.id.clone(), to: None }).await;
    ana.until("read", async || {
        ana.history(&bob.id).await.iter().all(|m| m.state == MessageState::Read).then_some(())
    })
    .await;
    ana.send_until(&bob.id, "delivered", MessageState::Delivered).await;
    bob.stop().await;
    ana.send(&bob.id, "queued").await;
    let states = async |of: &Person| {
        let all = of.history(&bob.id).await;
        all.into_iter().map(|m| m.state).collect::<Vec<_>>()
    };
    let wanted = [MessageState::Read, MessageState::Delivered, MessageState::Queued];
    assert_eq!(states(&ana).await, wanted);
    ana.stop().await;
    ana.start().await;
    assert_eq!(states(&ana).await, wanted);
}
