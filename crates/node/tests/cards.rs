//! What people and devices say of themselves: merged from all sides, the newest counts, and what does not fit is shown.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod lab;

use std::time::Duration;

use lab::{Person, contacts, copy, lan};
use nexus_identity::kdf::derive;
use nexus_node::api::{Command, ContactView, DeviceView, IdentityView, MessageState, StatusView};

/// The same identity with another contact key, on a device of its own: what a thief of the identity's seed could make.
fn with_another_contact_key(of: &Person, port: u16) -> Person {
    let dir = tempfile::tempdir().unwrap();
    let mut file = std::fs::read(of.path().join("identity.key")).unwrap();
    file[48..80].copy_from_slice(&[7; 32]);
    let check = derive("nexus identity file v1", &[&file[..112]]);
    file[112..128].copy_from_slice(&check[..16]);
    std::fs::write(dir.path().join("identity.key"), file).unwrap();
    Person::at(dir, "Somebody else", &of.id, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_contact_key_is_refused_and_shown() {
    let port = lan();
    let (ana, mut bob) = contacts(port).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    let number = ana.contact(&bob.id).await.unwrap().safety_number;
    bob.stop().await;
    let mut thief = with_another_contact_key(&bob, port);
    thief.start().await;
    thief.until_nearby(&ana.id).await;
    thief.add(&ana.id).await;
    ana.until("the warning", async || {
        let contact = ana.contact(&bob.id).await.unwrap();
        contact.warnings.iter().any(|w| w.contains("second contact key")).then_some(())
    })
    .await;
    let notices = ana.one::<StatusView>(Command::Status).await.notices;
    assert!(notices.iter().any(|n| n.contains("second contact key")), "{notices:?}");
    // The conversation is the old one: what is written now the thief can't read, and Bob can.
    ana.send(&bob.id, "are you there?").await;
    thief.stop().await;
    bob.start().await;
    bob.until_text(&ana.id, "are you there?").await;
    let contact = ana.contact(&bob.id).await.unwrap();
    assert_eq!(contact.safety_number, number);
    assert!(!contact.warnings.is_empty(), "it stays until somebody has asked Bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_names_given_on_two_devices_the_newer_reaches_everybody() {
    let port = lan();
    let (mut ana, bob) = contacts(port).await;
    ana.stop().await;
    let mut twin = Person::at(copy(ana.path()), "Ana's copy", &ana.id, port);
    let rename = |name: &str| Command::ProfileSet { name: name.into() };
    // Apart: first the copy with a clock that is ahead, then the original.
    twin.clock.forward(Duration::from_secs(3_600));
    twin.start().await;
    bob.network(false).await;
    twin.one::<IdentityView>(rename("Anna")).await;
    twin.stop().await;
    ana.start().await;
    ana.one::<IdentityView>(rename("Annie")).await;
    twin.start().await;
    bob.network(true).await;
    let name = async |of: &Person| of.identity().await.name;
    for device in [&ana, &twin] {
        device
            .eventually("the newer name", async || (name(device).await == "Anna").then_some(()))
            .await;
    }
    bob.until("the newer name", async || {
        bob.contact(&ana.id).await.filter(|c| c.name == "Anna").map(drop)
    })
    .await;
    // My own devices see each other's keys, and how old they are.
    ana.eventually("the other device's key", async || {
        let all: Vec<DeviceView> = ana.all(Command::Devices).await;
        (all.len() == 2 && all.iter().all(|d| d.keys_from.is_some())).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_known_to_one_side_counts_on_the_other() {
    let port = lan();
    let (mut ana, bob) = contacts(port).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    let lost = ana.identity().await.instance;
    ana.stop().await;
    let mut new = Person::at(copy(ana.path()), "Ana's new device", &ana.id, port);
    new.start().await;
    new.one::<DeviceView>(Command::DeviceRevoke { instance: lost.clone() }).await;
    new.send_until(&bob.id, "the old one is lost", MessageState::Delivered).await;
    new.stop().await;
    // The revoked one has not heard of it; Bob has, lets it in no more, and tells nothing to it.
    let mut watch = bob.watch(None).await;
    ana.start().await;
    ana.until_nearby(&bob.id).await;
    bob.send(&ana.id, "only for the new one").await;
    new.start().await;
    new.until_text(&bob.id, "only for the new one").await;
    // From its own other device it learns what became of it.
    ana.until("its revocation", async || {
        let notices = ana.one::<StatusView>(Command::Status).await.notices;
        notices.iter().any(|n| n.contains("revoked")).then_some(())
    })
    .await;
    let devices: Vec<DeviceView> = ana.all(Command::Devices).await;
    assert!(devices.iter().any(|d| d.instance == lost && d.revoked));
    watch.until(|e| matches!(e, nexus_node::api::Event::LinkUp { .. }).then_some(())).await;
    let status: StatusView = bob.one(Command::Status).await;
    assert!(status.links.iter().all(|link| link.instance != lost));
    let contact: ContactView = bob.contact(&ana.id).await.unwrap();
    assert_eq!(contact.name, "Ana");
}
