//! What a restart costs, and what it must not lose.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod lab;

use lab::{Person, contacts, lan};
use nexus_node::api::{Command, LinkView, MessageState, RawEntryView, StatusView};

/// A frame that says "nothing new": length, code, SUMMARY.
const SUMMARY: u64 = 106;

async fn links(of: &Person) -> Vec<LinkView> {
    of.one::<StatusView>(Command::Status).await.links
}

/// Bytes that sync sent over the one link that there is, once it has said so much.
async fn sent(of: &Person) -> u64 {
    of.eventually("a link", async || {
        let links = links(of).await;
        links.first().map(|l| l.sync_sent).filter(|sent| *sent >= SUMMARY)
    })
    .await
}

/// The bytes of what somebody wrote last, as one frame: length, code, header, payload, signature.
async fn last_entry(of: &Person, with: &str) -> u64 {
    let show = Command::LogShow { conversation: with.to_owned(), raw: true };
    let all: Vec<RawEntryView> = of.all(show).await;
    let last = all.into_iter().max_by_key(|e| e.seq).unwrap();
    (5 + 64 + (last.header.len() + last.payload.len()) / 2) as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_one_or_both_the_first_link_says_nothing_new_in_one_frame_each_way() {
    let (mut ana, mut bob) = contacts(lan()).await;
    for n in 0..20 {
        ana.send(&bob.id, &format!("ana {n}")).await;
    }
    ana.send_until(&bob.id, "the last one", MessageState::Delivered).await;
    for both in [true, false] {
        bob.stop().await;
        if both {
            ana.stop().await;
            ana.start().await;
        }
        bob.start().await;
        sent(&ana).await;
        sent(&bob).await;
        // One more message, so that all that the link said before it is known to be over.
        ana.send_until(&bob.id, "one more", MessageState::Delivered).await;
        let frame = last_entry(&ana, &bob.id).await;
        assert_eq!(sent(&ana).await, SUMMARY + frame, "both restarted: {both}");
    }
}
