//! Copied directories, backups, several devices.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    missing_docs,
    reason = "tests"
)]

mod lab;

use base64::Engine as _;
use lab::{Person, contacts, copy, lan, until_equal};
use nexus_node::api::{
    BackupView, Command, DeviceView, ErrorCode, MessageState, SecretText, StatusView,
};
use nexus_node::setup;

async fn notices(who: &Person) -> Vec<String> {
    who.one::<StatusView>(Command::Status).await.notices
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_directory_is_a_new_instance_and_both_go_on_and_converge() {
    let port = lan();
    let (mut ana, bob) = contacts(port).await;
    ana.send_until(&bob.id, "before", MessageState::Delivered).await;
    let first = ana.identity().await.instance;
    ana.stop().await;
    let mut twin = Person::at(copy(ana.path()), "Ana's copy", &ana.id, port);
    ana.start().await;
    twin.start().await;
    assert_eq!(ana.identity().await.instance, first, "the original goes on as it was");
    assert_ne!(twin.identity().await.instance, first);
    assert!(notices(&twin).await.iter().any(|n| n.contains("copied")), "it is said clearly");
    assert!(notices(&ana).await.is_empty());
    // All three write; all three see everything.
    ana.send(&bob.id, "from the original").await;
    twin.send(&bob.id, "from the copy").await;
    bob.until_text(&ana.id, "from the original").await;
    bob.until_text(&ana.id, "from the copy").await;
    bob.send(&ana.id, "to both").await;
    ana.until_text(&bob.id, "to both").await;
    twin.until_text(&bob.id, "to both").await;
    until_equal(&ana, &bob, 4).await;
    until_equal(&twin, &bob, 4).await;
    let devices: Vec<DeviceView> = ana.all(Command::Devices).await;
    assert_eq!(devices.iter().filter(|d| !d.revoked).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_put_back_in_place_writes_a_fork_that_both_see_and_goes_on_as_a_new_instance() {
    let port = lan();
    let (mut ana, bob) = contacts(port).await;
    ana.send_until(&bob.id, "before", MessageState::Delivered).await;
    let first = ana.identity().await.instance;
    ana.stop().await;
    // A snapshot of the very file, put back into the very inode: nothing tells but the logs themselves.
    let db = ana.path().join("nexus.db");
    let snapshot = std::fs::read(&db).unwrap();
    ana.start().await;
    ana.send_until(&bob.id, "lost by the snapshot", MessageState::Delivered).await;
    ana.stop().await;
    std::fs::write(&db, snapshot).unwrap();
    for rest in ["nexus.db-wal", "nexus.db-shm"] {
        let _ = std::fs::remove_file(ana.path().join(rest));
    }
    bob.network(false).await;
    ana.start().await;
    ana.send(&bob.id, "after the snapshot").await;
    bob.network(true).await;
    bob.until_text(&ana.id, "after the snapshot").await;
    ana.until_text(&bob.id, "lost by the snapshot").await;
    ana.until("a new instance", async || (ana.identity().await.instance != first).then_some(()))
        .await;
    ana.send_until(&bob.id, "as a new instance", MessageState::Delivered).await;
    until_equal(&ana, &bob, 4).await;
    assert!(!notices(&ana).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_store_is_a_new_instance_and_says_so() {
    let mut ana = Person::started("Ana", lan()).await;
    let first = ana.identity().await.instance;
    ana.stop().await;
    for file in ["nexus.db", "nexus.db-wal", "nexus.db-shm"] {
        let _ = std::fs::remove_file(ana.path().join(file));
    }
    ana.start().await;
    assert_ne!(ana.identity().await.instance, first);
    assert!(notices(&ana).await.iter().any(|n| n.contains("lost")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_brings_contacts_back_and_the_history_comes_from_them() {
    let port = lan();
    let (mut ana, bob) = contacts(port).await;
    for n in 0..5 {
        ana.send(&bob.id, &format!("ana {n}")).await;
        bob.send(&ana.id, &format!("bob {n}")).await;
    }
    until_equal(&ana, &bob, 10).await;
    let phrase = "correct horse battery staple on a rainy afternoon".to_owned();
    let backup: BackupView =
        ana.one(Command::BackupCreate { phrase: Some(SecretText::new(phrase.clone())) }).await;
    assert_eq!(backup.phrase, None);
    // Written after the backup: its key is in no keyring, and comes by key request.
    bob.send_until(&ana.id, "after the backup", MessageState::Delivered).await;
    ana.stop().await;

    let file = base64::engine::general_purpose::STANDARD.decode(backup.file).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let wrong = setup::restore(dir.path(), &file, "wrong phrase").unwrap_err();
    assert_eq!(wrong.code, ErrorCode::BadBackup);
    assert!(!setup::has_identity(dir.path()));
    let restored = setup::restore(dir.path(), &file, &phrase).unwrap();
    assert_eq!((restored.connect_id.as_str(), restored.contacts), (ana.id.as_str(), 1));
    assert_eq!(restored.other_instances.len(), 1);
    let mut new = Person::at(dir, "Ana restored", &ana.id, port);
    new.start().await;
    new.until_text(&bob.id, "after the backup").await;
    until_equal(&new, &bob, 11).await;
    new.one::<DeviceView>(Command::DeviceRevoke {
        instance: restored.other_instances[0].instance.clone(),
    })
    .await;
    new.send_until(&bob.id, "I am back", MessageState::Delivered).await;
    bob.send(&ana.id, "welcome back").await;
    new.until_text(&bob.id, "welcome back").await;
    until_equal(&new, &bob, 13).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_the_view_changes_nothing() {
    let (ana, bob) = contacts(lan()).await;
    ana.send_until(&bob.id, "one", MessageState::Delivered).await;
    bob.send_until(&ana.id, "two", MessageState::Delivered).await;
    until_equal(&ana, &bob, 2).await;
    let before = (ana.digest(&bob.id).await, ana.history(&bob.id).await);
    ana.all::<serde_json::Value>(Command::LogRebuild).await;
    assert_eq!((ana.digest(&bob.id).await, ana.history(&bob.id).await), before);
}
