//! What happens by the clock, with clocks that are set forward.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod lab;

use std::path::Path;
use std::time::Duration;

use lab::{Person, asked, contacts, copy, lan, until_equal};
use nexus_identity::Millis;
use nexus_identity::prekey::{PrekeyId, Prekeys};
use nexus_log::ledger::{KeyState, Ledger};
use nexus_node::api::{
    Command, ContactState, ContactView, ConversationView, DeviceView, Event, MessageState,
    RawEntryView,
};
use nexus_storage::{Database, OpenOptions, Opened};

const DAY: Duration = Duration::from_secs(86_400);

fn forward(who: &[&Person], by: Duration) {
    who.iter().for_each(|person| person.clock.forward(by));
}

/// A copy of the store of somebody whose node does not run.
fn store<T>(of: &Person, look: impl FnOnce(&mut Opened) -> T) -> T {
    let copy = copy(of.path());
    let options = OpenOptions::new(b"elsewhere".to_vec(), Millis(0));
    let mut opened = Database::open(&copy.path().join("nexus.db"), &options).unwrap();
    look(&mut opened)
}

fn ring(of: &Person) -> Prekeys {
    store(of, |opened| {
        let own = opened.writer.queries().own_instance().unwrap().unwrap();
        Prekeys::from_bytes(&own.prekeys).unwrap()
    })
}

/// The epoch keys that go with their last message.
fn fleeting_keys(of: &Person) -> Vec<[u8; 32]> {
    store(of, |opened| {
        let kept = opened.writer.queries().keys_for_backup().unwrap();
        let kept: Vec<[u8; 32]> = kept.iter().map(|row| *row.key.expose()).collect();
        let chains = opened.writer.queries().all_chains().unwrap();
        opened
            .writer
            .transaction(|tx| {
                let mut keys = Vec::new();
                for chain in chains {
                    for epoch in 0..32 {
                        for start in tx.epochs(&chain.log, epoch)? {
                            let key = tx.key(&chain.log, epoch, &start.commitment)?;
                            if let KeyState::Held(key) = key {
                                keys.push(*key.expose());
                            }
                        }
                    }
                }
                keys.retain(|key| !kept.contains(key));
                Ok::<_, nexus_storage::StoreError>(keys)
            })
            .unwrap()
    })
}

/// Whether any file of the directory holds these bytes.
fn on_disk(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|file| {
        let path = file.unwrap().path();
        path.is_file()
            && std::fs::read(path).is_ok_and(|all| all.windows(bytes.len()).any(|w| w == bytes))
    })
}

/// When the key was made to which others seal for this device.
async fn own_key(of: &Person) -> String {
    let all: Vec<DeviceView> = of.all(Command::Devices).await;
    all.into_iter().find(|d| d.this).and_then(|d| d.keys_from).unwrap()
}

/// Waits until the device has replaced its prekey since then.
async fn rotated(of: &Person, before: &str) -> String {
    of.eventually("a new prekey", async || {
        let now = own_key(of).await;
        (now.as_str() > before).then_some(now)
    })
    .await
}

/// Cuts and joins the network, so that a link is tried at once; waits until it came and ended.
async fn try_a_link(of: &Person, to: &str) {
    let mut watch = of.watch(None).await;
    of.network(false).await;
    of.network(true).await;
    watch
        .until(|e| matches!(e, Event::LinkUp { link } if link.connect_id == to).then_some(()))
        .await;
    watch
        .until(|e| {
            matches!(e, Event::LinkDown { connect_id, .. } if connect_id == to).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_letter_is_repeated_once_a_day() {
    let (ana, mut bob) = asked(lan()).await;
    // Bob loses everything but himself: only a repetition can bring the request back.
    bob.stop().await;
    for file in ["nexus.db", "nexus.db-wal", "nexus.db-shm"] {
        let _ = std::fs::remove_file(bob.path().join(file));
    }
    bob.start().await;
    ana.until_nearby(&bob.id).await;
    try_a_link(&ana, &bob.id).await;
    assert_eq!(bob.contact(&ana.id).await, None, "not before a day is over");
    ana.clock.forward(DAY);
    try_a_link(&ana, &bob.id).await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
    assert_eq!(bob.contact(&ana.id).await.unwrap().message.as_deref(), Some("it is me"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_declined_is_ignored_for_thirty_days_and_then_shown_again() {
    let (ana, bob) = asked(lan()).await;
    bob.one::<ContactView>(Command::ContactDecline { who: ana.id.clone() }).await;
    forward(&[&ana, &bob], 29 * DAY);
    try_a_link(&ana, &bob.id).await;
    assert_eq!(bob.contact(&ana.id).await, None);
    forward(&[&ana, &bob], DAY);
    try_a_link(&ana, &bob.id).await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prekeys_are_replaced_after_a_week_told_to_who_is_linked_and_erased_thirty_days_later() {
    let (mut ana, bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    bob.send_until(&ana.id, "two", MessageState::Delivered).await;
    let first_made = own_key(&ana).await;
    ana.stop().await;
    let first = ring(&ana).current().id();
    ana.start().await;

    ana.clock.forward(7 * DAY);
    let second_made = rotated(&ana, &first_made).await;
    bob.eventually("the new record", async || {
        bob.contact(&ana.id).await.filter(|c| c.keys_from.as_ref() == Some(&second_made)).map(drop)
    })
    .await;
    // What Bob writes now is sealed to the new one: an epoch begins in his log.
    let seals = async || {
        let show = Command::LogShow { conversation: ana.id.clone(), raw: true };
        let all: Vec<RawEntryView> = bob.all(show).await;
        all.iter().filter(|e| e.header.starts_with("0102")).count()
    };
    let before = seals().await;
    bob.send_until(&ana.id, "three", MessageState::Delivered).await;
    ana.until_text(&bob.id, "three").await;
    assert_eq!(seals().await, before + 1);

    ana.clock.forward(29 * DAY);
    rotated(&ana, &second_made).await;
    ana.stop().await;
    assert!(ring(&ana).find(&first).is_some(), "kept for what is still on its way");
    ana.start().await;
    let third_made = own_key(&ana).await;
    ana.clock.forward(8 * DAY);
    rotated(&ana, &third_made).await;
    ana.stop().await;
    assert!(ring(&ana).find(&first).is_none(), "erased");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_disappear_while_nobody_runs_leave_neither_text_nor_key_on_either_disk() {
    let (mut ana, mut bob) = contacts(lan()).await;
    ana.one::<ConversationView>(Command::Timer {
        conversation: bob.id.clone(),
        seconds: Some(3_600),
    })
    .await;
    bob.until("the timer", async || {
        let all: Vec<ConversationView> = bob.all(Command::Conversations).await;
        all.first().filter(|c| c.timer == Some(3_600)).map(drop)
    })
    .await;
    let texts = ["platypus at the harbour", "ocelots in the attic"];
    ana.send_until(&bob.id, texts[0], MessageState::Delivered).await;
    bob.send_until(&ana.id, texts[1], MessageState::Delivered).await;
    ana.until_text(&bob.id, texts[1]).await;
    bob.until_text(&ana.id, texts[0]).await;
    ana.stop().await;
    bob.stop().await;
    let keys = fleeting_keys(&ana);
    assert_eq!(keys.len(), 2, "one epoch of each");
    assert!(fleeting_keys(&bob).iter().all(|key| keys.contains(key)));
    for dir in [ana.path(), bob.path()] {
        for text in texts {
            assert!(on_disk(dir, text.as_bytes()), "{text}");
        }
        for (n, key) in keys.iter().enumerate() {
            assert!(on_disk(dir, key), "key {n}");
        }
    }
    // They sleep through it, and longer than anything of that time may still be on its way.
    forward(&[&ana, &bob], 8 * DAY);
    ana.start().await;
    bob.start().await;
    for (one, other) in [(&ana, &bob), (&bob, &ana)] {
        one.until("nothing left", async || {
            let left = one.texts(&other.id).await;
            (!left.iter().any(|text| texts.contains(&text.as_str()))).then_some(())
        })
        .await;
    }
    ana.stop().await;
    bob.stop().await;
    for dir in [ana.path(), bob.path()] {
        for word in texts.iter().flat_map(|text| [text, &text[..7]]) {
            assert!(!on_disk(dir, word.as_bytes()), "{word} is still in {}", dir.display());
        }
        for (n, key) in keys.iter().enumerate() {
            assert!(!on_disk(dir, key), "key {n} is still in {}", dir.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_sixty_days_apart_everything_becomes_readable_without_anybodys_action() {
    let (mut ana, mut bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "see you in two months", MessageState::Delivered).await;
    bob.send_until(&ana.id, "take care", MessageState::Delivered).await;
    ana.stop().await;
    bob.stop().await;
    let first: [PrekeyId; 2] = [ring(&ana).current().id(), ring(&bob).current().id()];
    ana.start().await;
    bob.start().await;
    for person in [&ana, &bob] {
        person.network(false).await;
    }
    let (mut written, mut ages) = (2, [own_key(&ana).await, own_key(&bob).await]);
    for day in (0..60).step_by(10) {
        ana.send(&bob.id, &format!("ana, day {day}")).await;
        bob.send(&ana.id, &format!("bob, day {day}")).await;
        written += 2;
        forward(&[&ana, &bob], 10 * DAY);
        ages = [rotated(&ana, &ages[0]).await, rotated(&bob, &ages[1]).await];
    }
    ana.stop().await;
    bob.stop().await;
    // What both sealed to each other all the time can't be opened any more.
    for (person, id) in [(&ana, first[0]), (&bob, first[1])] {
        assert!(ring(person).find(&id).is_none());
    }
    ana.start().await;
    bob.start().await;
    for (one, other) in [(&ana, &bob), (&bob, &ana)] {
        one.until("all of it", async || {
            let all = one.history(&other.id).await;
            let readable = all.iter().filter(|m| m.kind == "text").count();
            (readable == written && all.len() == written).then_some(())
        })
        .await;
    }
    until_equal(&ana, &bob, written as u64).await;
}
