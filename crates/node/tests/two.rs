//! Two people on one LAN.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod lab;

use lab::{Person, contacts, lan, strangers, until_equal};
use nexus_node::api::{
    Command, ContactState, ContactView, ConversationView, ErrorCode, Event, HappenedView,
    IdentityView, InviteView, MessageState, MessageView, SentView, StatusView, WhyView,
};

#[tokio::test(flavor = "multi_thread")]
async fn they_meet_by_discovery_become_contacts_and_a_message_is_delivered_and_read() {
    let (ana, bob) = contacts(lan()).await;
    let sent = ana.send_until(&bob.id, "hello Bob", MessageState::Delivered).await;
    let got = bob.until_text(&ana.id, "hello Bob").await;
    assert_eq!(got.entry_id, sent.entry_id);
    assert_eq!(got.author_name, "Ana");
    bob.all::<serde_json::Value>(Command::Read { conversation: ana.id.clone(), to: None }).await;
    ana.until("read", async || {
        ana.history(&bob.id).await.into_iter().find(|m| m.state == MessageState::Read).map(drop)
    })
    .await;
    until_equal(&ana, &bob, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_apart_both_write_and_joined_they_show_the_same() {
    let (ana, bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "before", MessageState::Delivered).await;
    bob.network(false).await;
    for n in 0..20 {
        assert_eq!(ana.send(&bob.id, &format!("ana {n}")).await.state, MessageState::Queued);
        bob.send(&ana.id, &format!("bob {n}")).await;
    }
    bob.network(true).await;
    until_equal(&ana, &bob, 41).await;
    ana.until("all delivered", async || {
        let status: StatusView = ana.one(Command::Status).await;
        (status.queued == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_after_a_time_apart_and_what_links_there_were_is_known_after_a_restart() {
    let (mut ana, bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "before", MessageState::Delivered).await;
    bob.until_text(&ana.id, "before").await;
    bob.network(false).await;
    ana.until("apart", async || {
        let status: StatusView = ana.one(Command::Status).await;
        status.links.is_empty().then_some(())
    })
    .await;
    for n in 0..3 {
        bob.send(&ana.id, &format!("bob {n}")).await;
    }
    bob.network(true).await;
    ana.until_text(&bob.id, "bob 2").await;
    ana.stop().await;
    ana.start().await;
    let happened: Vec<HappenedView> =
        ana.all(Command::Happened { conversation: bob.id.clone() }).await;
    let merge = happened.iter().rfind(|h| h.kind == "merge").expect("a merge");
    assert_eq!(
        (merge.count, merge.detail.as_str()),
        (3, "3 messages arrived while you were apart")
    );
    let first = ana.until_text(&bob.id, "bob 0").await;
    assert_eq!(merge.first.as_ref(), Some(&first.entry_id));
    assert_eq!(merge.order, first.order);
    let links: Vec<WhyView> = ana.all(Command::PathHistory { who: bob.id.clone() }).await;
    let mut stages: Vec<&str> = links.iter().map(|l| l.stage.as_str()).collect();
    // Where both dialled at once there were two links for a moment.
    stages.dedup();
    assert!(stages.starts_with(&["linked", "unlinked", "linked"]), "{stages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_everything_and_goes_on() {
    let (mut ana, mut bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    bob.stop().await;
    let queued = ana.send(&bob.id, "two").await;
    assert_eq!(queued.state, MessageState::Queued);
    ana.stop().await;
    bob.start().await;
    ana.start().await;
    bob.until_text(&ana.id, "two").await;
    until_equal(&ana, &bob, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_before_acceptance_wait_and_then_arrive() {
    let (ana, bob) = strangers(lan()).await;
    ana.add("bob").await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
    assert_eq!(bob.contact(&ana.id).await.unwrap().message.as_deref(), Some("it is me"));
    // The card came with the first link, so it can be written, and waits.
    let sent = ana.until("a card", async || {
        let command =
            Command::Send { to: bob.id.clone(), text: "early".into(), reply: None, wait: None };
        ana.client().one::<SentView>(command).await.ok()
    });
    assert_eq!(sent.await.state, MessageState::Queued);
    assert_eq!(bob.fails(send(&ana.id, "x")).await, ErrorCode::WrongState);
    bob.accept(&ana.id).await;
    bob.until_text(&ana.id, "early").await;
}

fn send(to: &str, text: &str) -> Command {
    Command::Send { to: to.into(), text: text.into(), reply: None, wait: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_cross_accept_each_other() {
    let (ana, bob) = strangers(lan()).await;
    bob.until_nearby(&ana.id).await;
    tokio::join!(ana.add(&bob.id), bob.add(&ana.id));
    ana.until_state(&bob.id, ContactState::Accepted).await;
    bob.until_state(&ana.id, ContactState::Accepted).await;
    ana.send_until(&bob.id, "hi", MessageState::Delivered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_blocked_sees_silence_and_unblocking_catches_up() {
    let (ana, bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    bob.one::<ContactView>(Command::ContactBlock { who: ana.id.clone() }).await;
    ana.until("no link", async || {
        let status: StatusView = ana.one(Command::Status).await;
        status.links.is_empty().then_some(())
    })
    .await;
    let sent = ana.send(&bob.id, "two").await;
    assert_eq!(sent.state, MessageState::Queued);
    assert_eq!(bob.texts(&ana.id).await, ["one"], "what was said stays readable");
    assert_eq!(bob.fails(send(&ana.id, "x")).await, ErrorCode::Blocked);
    bob.one::<ContactView>(Command::ContactUnblock { who: ana.id.clone() }).await;
    bob.until_text(&ana.id, "two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_declined_is_not_shown_again() {
    let (ana, bob) = strangers(lan()).await;
    ana.add(&bob.id).await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
    let declined: ContactView = bob.one(Command::ContactDecline { who: ana.id.clone() }).await;
    assert_eq!(declined.state, ContactState::Removed);
    assert!(bob.all::<ContactView>(Command::Requests).await.is_empty());
    assert_eq!(ana.contact(&bob.id).await.unwrap().state, ContactState::Requested);
    // Asking them makes it good again: my request is the answer to theirs.
    bob.add(&ana.id).await;
    ana.until_state(&bob.id, ContactState::Accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_erases_here_and_accepting_again_goes_on_with_the_same_logs() {
    let (ana, bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    bob.one::<ContactView>(Command::ContactRemove { who: ana.id.clone() }).await;
    assert!(bob.history(&ana.id).await.is_empty());
    let search = Command::Search { query: "one".into(), conversation: None, limit: None };
    assert!(bob.all::<MessageView>(search).await.is_empty());
    assert!(bob.all::<ContactView>(Command::Contacts).await.is_empty());
    bob.add(&ana.id).await;
    bob.until_state(&ana.id, ContactState::Accepted).await;
    // The keys were erased: they come back by key request, and with them the text.
    bob.until_text(&ana.id, "one").await;
    bob.send_until(&ana.id, "again", MessageState::Delivered).await;
    until_equal(&ana, &bob, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_accepted_at_once_and_once_only() {
    let port = lan();
    let (ana, bob, eve) = (
        Person::started("Ana", port).await,
        Person::started("Bob", port).await,
        Person::started("Eve", port).await,
    );
    let invite: InviteView = ana.one(Command::Invite { expires: None, uses: 1 }).await;
    let asked = bob.add(&invite.link).await;
    assert_eq!(asked.connect_id, ana.id);
    ana.until_state(&bob.id, ContactState::Accepted).await;
    bob.until_state(&ana.id, ContactState::Accepted).await;
    eve.add(&invite.link).await;
    ana.until_state(&eve.id, ContactState::Incoming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_loses_no_event_across_a_restart() {
    let (mut ana, bob) = contacts(lan()).await;
    let mut watch = ana.watch(None).await;
    bob.send_until(&ana.id, "one", MessageState::Delivered).await;
    watch
        .until(|e| {
            matches!(e, Event::Message { message, .. } if message.text == "one").then_some(())
        })
        .await;
    let cursor = watch.cursor.clone();
    drop(watch);
    bob.send_until(&ana.id, "two", MessageState::Delivered).await;
    ana.stop().await;
    ana.start().await;
    let mut watch = ana.watch(cursor).await;
    watch
        .until(|e| {
            matches!(e, Event::Message { message, .. } if message.text == "two").then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_under_a_timer_disappear_on_both_sides() {
    let (ana, bob) = contacts(lan()).await;
    ana.one::<serde_json::Value>(Command::Timer { conversation: bob.id.clone(), seconds: Some(1) })
        .await;
    bob.until("the timer", async || {
        let all: Vec<ConversationView> = bob.all(Command::Conversations).await;
        all.first().filter(|c| c.timer == Some(1)).map(drop)
    })
    .await;
    ana.send_until(&bob.id, "gone soon", MessageState::Delivered).await;
    for (one, other) in [(&ana, &bob), (&bob, &ana)] {
        one.until("nothing left", async || {
            (!one.texts(&other.id).await.contains(&"gone soon".to_owned())).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_message_says_what_became_of_it() {
    let (ana, bob) = contacts(lan()).await;
    let sent = ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    let story: Vec<WhyView> = ana.all(Command::Why { id: sent.entry_id }).await;
    let stages: Vec<&str> = story.iter().map(|s| s.stage.as_str()).collect();
    assert!(stages.starts_with(&["queued"]), "{stages:?}");
    assert!(stages.contains(&"sent") && stages.contains(&"delivered"), "{stages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_message_to_somebody_away_tells_of_dials_refusals_and_the_path_in_the_end() {
    let (ana, mut bob) = contacts(lan()).await;
    bob.stop().await;
    let id = ana.send(&bob.id, "where are you?").await.entry_id;
    let story = async || ana.all::<WhyView>(Command::Why { id: id.clone() }).await;
    let waiting = ana
        .eventually("a refusal", async || {
            let story = story().await;
            story.iter().any(|s| s.stage == "refused").then_some(story)
        })
        .await;
    let last = waiting.last().unwrap();
    assert_eq!(last.stage, "waiting", "{waiting:?}");
    bob.start().await;
    bob.until_text(&ana.id, "where are you?").await;
    let story = ana
        .eventually("the end of it", async || {
            let story = story().await;
            story.iter().any(|s| s.stage == "delivered").then_some(story)
        })
        .await;
    let place = |stage: &str| {
        let found = story.iter().position(|s| s.stage == stage);
        found.unwrap_or_else(|| panic!("no {stage} in {story:#?}"))
    };
    let order = ["queued", "dialled", "refused", "linked", "sent", "delivered"].map(place);
    assert!(order.is_sorted(), "{story:#?}");
    let refused = &story[place("refused")];
    assert!(refused.detail.contains("nobody listens there"), "{}", refused.detail);
    for stage in ["sent", "delivered"] {
        let row = &story[place(stage)];
        assert_eq!(row.peer.as_ref(), Some(&bob.id));
        assert_eq!(row.path.as_deref(), Some("lan"));
    }
    // The same dial in vain is told once, however often it was tried.
    let mut told: Vec<_> =
        story.iter().filter(|s| s.stage == "refused").map(|s| &s.detail).collect();
    told.sort();
    let all = told.len();
    told.dedup();
    assert_eq!(told.len(), all, "{story:#?}");
    assert!(story.iter().all(|s| s.stage != "waiting"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_message_says_what_it_waits_for() {
    let (ana, bob) = strangers(lan()).await;
    ana.add(&bob.id).await;
    let sent =
        ana.until("a card", async || ana.client().one::<SentView>(send(&bob.id, "hi")).await.ok());
    let id = sent.await.entry_id;
    // The link of somebody who has not decided ends by itself.
    let waiting = ana
        .eventually("no link", async || {
            let story: Vec<WhyView> = ana.all(Command::Why { id: id.clone() }).await;
            story.into_iter().find(|s| s.stage == "waiting")
        })
        .await;
    assert!(waiting.detail.contains("not accepted yet"), "{}", waiting.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_reaches_contacts_over_the_link() {
    let (ana, bob) = contacts(lan()).await;
    ana.one::<IdentityView>(Command::ProfileSet { name: "Anastasia".into() }).await;
    bob.until("the new name", async || {
        bob.contact(&ana.id).await.filter(|c| c.name == "Anastasia").map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_marks_are_not_written_by_history_and_clear_the_unread_count() {
    let (ana, bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    bob.until_text(&ana.id, "one").await;
    let unread = async || bob.all::<ConversationView>(Command::Conversations).await[0].unread;
    assert_eq!(unread().await, 1);
    let read: ConversationView =
        bob.one(Command::Read { conversation: "Ana".into(), to: None }).await;
    assert_eq!(read.unread, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_reactions_and_retractions_reach_the_other_side() {
    let (ana, bob) = contacts(lan()).await;
    let first = ana.send(&bob.id, "helo").await.entry_id;
    bob.until_text(&ana.id, "helo").await;
    ana.one::<SentView>(Command::Edit { id: first.clone(), text: "hello".into() }).await;
    bob.until_text(&ana.id, "hello").await;
    bob.one::<SentView>(Command::React { id: first.clone(), emoji: "👍".into() }).await;
    assert_eq!(
        bob.fails(Command::Edit { id: first.clone(), text: "x".into() }).await,
        ErrorCode::NotAuthor
    );
    ana.until("the reaction", async || {
        ana.history(&bob.id).await.into_iter().find(|m| !m.reactions.is_empty()).map(drop)
    })
    .await;
    ana.one::<SentView>(Command::Retract { id: first }).await;
    bob.until("the retraction", async || {
        bob.history(&ana.id).await.into_iter().find(|m| m.kind == "retracted").map(drop)
    })
    .await;
    until_equal(&ana, &bob, 1).await;
}
