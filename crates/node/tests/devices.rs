//! Two devices of one person: what is done about contacts on one is known on the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod lab;

use base64::Engine as _;
use lab::{Person, befriend, lan};
use nexus_node::api::{
    BackupView, Command, ContactState, ContactView, ConversationView, DeviceView, MessageState,
    RawEntryView, SecretText,
};
use nexus_node::setup;

/// Ana with a second device, restored from a backup of the first.
async fn two_devices(port: u16) -> (Person, Person) {
    let ana = Person::started("Ana", port).await;
    let second = another(&ana, port).await;
    (ana, second)
}

async fn another(ana: &Person, port: u16) -> Person {
    let phrase = "correct horse battery staple on a rainy afternoon".to_owned();
    let backup: BackupView =
        ana.one(Command::BackupCreate { phrase: Some(SecretText::new(phrase.clone())) }).await;
    let file = base64::engine::general_purpose::STANDARD.decode(backup.file).unwrap();
    let dir = tempfile::tempdir().unwrap();
    setup::restore(dir.path(), &file, &phrase).unwrap();
    let mut second = Person::at(dir, "Ana's other device", &ana.id, port);
    second.start().await;
    second
}

async fn until_contact(of: &Person, who: &str, what: &str, is: impl Fn(&ContactView) -> bool) {
    of.until(what, async || of.contact(who).await.filter(|c| is(c)).map(drop)).await;
}

async fn conversation(of: &Person, with: &str) -> Option<ConversationView> {
    let all: Vec<ConversationView> = of.all(Command::Conversations).await;
    all.into_iter().find(|c| c.members.iter().any(|m| m == with))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_about_a_contact_on_one_device_the_other_does_too() {
    let port = lan();
    let (ana, other) = two_devices(port).await;
    let bob = Person::started("Bob", port).await;
    befriend(&ana, &bob).await;
    other.until_state(&bob.id, ContactState::Accepted).await;
    // It takes part: it hears and is heard.
    bob.send_until(&ana.id, "hello both", MessageState::Delivered).await;
    other.until_text(&bob.id, "hello both").await;
    other.send_until(&bob.id, "from the other one", MessageState::Delivered).await;
    ana.until_text(&bob.id, "from the other one").await;

    let who = bob.id.clone();
    ana.one::<ContactView>(Command::ContactRename { who: who.clone(), name: "Robert".into() })
        .await;
    until_contact(&other, &bob.id, "the name", |c| c.name == "Robert").await;
    other
        .one::<ContactView>(Command::ContactVerify { who: who.clone(), verified: Some(true) })
        .await;
    until_contact(&ana, &bob.id, "the word on the number", |c| c.verified).await;
    ana.one::<ConversationView>(Command::Mute { conversation: who.clone(), seconds: None }).await;
    other
        .until("quiet", async || {
            conversation(&other, &bob.id).await.filter(|c| c.muted.is_some()).map(drop)
        })
        .await;

    other.one::<ContactView>(Command::ContactBlock { who: who.clone() }).await;
    ana.until_state(&bob.id, ContactState::Blocked).await;
    ana.one::<ContactView>(Command::ContactUnblock { who: who.clone() }).await;
    other.until_state(&bob.id, ContactState::Accepted).await;
    bob.send(&ana.id, "you are back").await;
    other.until_text(&bob.id, "you are back").await;

    other.one::<ContactView>(Command::ContactRemove { who }).await;
    ana.until("no contact any more", async || ana.contact(&bob.id).await.is_none().then_some(()))
        .await;
    assert!(ana.history(&bob.id).await.is_empty(), "what was readable is gone there too");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_message_is_sealed_to_every_known_device_of_both_but_the_author() {
    let port = lan();
    let (ana, other) = two_devices(port).await;
    let bob = Person::started("Bob", port).await;
    befriend(&ana, &bob).await;
    ana.eventually("the other device's key", async || {
        let all: Vec<DeviceView> = ana.all(Command::Devices).await;
        (all.len() == 2 && all.iter().all(|d| d.keys_from.is_some())).then_some(())
    })
    .await;
    ana.send_until(&bob.id, "for two", MessageState::Delivered).await;
    other.until_text(&bob.id, "for two").await;
    bob.until_text(&ana.id, "for two").await;
    let show = Command::LogShow { conversation: bob.id.clone(), raw: true };
    let all: Vec<RawEntryView> = ana.all(show).await;
    let seals: Vec<_> = all.iter().filter(|e| e.header.starts_with("0102")).collect();
    assert_eq!(seals.len(), 1);
    // The number of slots is at offset 71 of the payload.
    assert_eq!(seals[0].payload[142..144], *"02");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_taken_up_on_one_device_is_taken_up_on_the_other() {
    let port = lan();
    let (ana, other) = two_devices(port).await;
    let bob = Person::started("Bob", port).await;
    bob.until_nearby(&ana.id).await;
    bob.add(&ana.id).await;
    let asked = async |of: &Person| of.contact(&bob.id).await.map(|c| c.state);
    // Whichever of the devices the letter came to.
    let first = ana
        .eventually("the request", async || {
            for device in [&ana, &other] {
                if asked(device).await == Some(ContactState::Incoming) {
                    return Some(device);
                }
            }
            None
        })
        .await;
    first.accept(&bob.id).await;
    for device in [&ana, &other] {
        device.until_state(&bob.id, ContactState::Accepted).await;
    }
    bob.send(&ana.id, "to all of you").await;
    for device in [&ana, &other] {
        device.until_text(&bob.id, "to all of you").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_away_catches_up_and_the_last_word_counts_on_both() {
    let port = lan();
    let (ana, mut other) = two_devices(port).await;
    let bob = Person::started("Bob", port).await;
    befriend(&ana, &bob).await;
    other.until_state(&bob.id, ContactState::Accepted).await;
    // Apart, each has a word; the later one counts, whatever comes first when they meet.
    other.network(false).await;
    let rename = |name: &str| Command::ContactRename { who: bob.id.clone(), name: name.into() };
    ana.one::<ContactView>(rename("Bobby")).await;
    other.clock.forward(std::time::Duration::from_secs(60));
    other.one::<ContactView>(rename("Robert")).await;
    let carl = Person::started("Carl", port).await;
    befriend(&ana, &carl).await;
    other.stop().await;
    other.start().await;
    until_contact(&other, &carl.id, "Carl", |c| c.state == ContactState::Accepted).await;
    for device in [&ana, &other] {
        until_contact(device, &bob.id, "the last word", |c| c.name == "Robert").await;
    }
    carl.send(&ana.id, "hello").await;
    other.until_text(&carl.id, "hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_repeated_by_the_device_that_asked_and_nobody_else_makes_me_write() {
    let port = lan();
    let (ana, other) = two_devices(port).await;
    let bob = Person::started("Bob", port).await;
    ana.until_nearby(&bob.id).await;
    ana.add(&bob.id).await;
    other.until_state(&bob.id, ContactState::Requested).await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
    // Its words come from the device that asked: the other one has none to send.
    assert_eq!(bob.contact(&ana.id).await.unwrap().message.as_deref(), Some("it is me"));
    other.network(false).await;
    other.network(true).await;
    let carl = Person::started("Carl", port).await;
    carl.until_nearby(&ana.id).await;
    carl.add(&ana.id).await;
    let devices = [&ana, &other];
    let place = ana
        .eventually("the request", async || {
            for (place, device) in devices.iter().enumerate() {
                if device.contact(&carl.id).await.is_some() {
                    return Some(place);
                }
            }
            None
        })
        .await;
    // Whatever the one that got it says after that the other hears, but not the request.
    let (first, second) = (devices[place], devices[1 - place]);
    let rename = Command::ContactRename { who: bob.id.clone(), name: "Robert".into() };
    first.one::<ContactView>(rename).await;
    until_contact(second, &bob.id, "the name", |c| c.name == "Robert").await;
    assert_eq!(second.contact(&carl.id).await, None, "a stranger's letter is not told");
    assert_eq!(bob.contact(&ana.id).await.unwrap().message.as_deref(), Some("it is me"));
}
