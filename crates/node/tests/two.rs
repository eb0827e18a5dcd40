//! Two people on one LAN.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod lab;

use lab::{contacts, lan, until_equal};
use nexus_node::api::{Command, MessageState};

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
