//! What one node does without anybody else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod lab;

use lab::{Person, lan};
use nexus_node::api::{Command, ErrorCode, Event, LogView, MessageState, SecretText, StatusView};
use nexus_node::{Node, Options};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_an_identity_says_so() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        Node::start(Options::new(dir.path())).await.unwrap_err().code,
        ErrorCode::NoIdentity
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_on_the_same_directory_is_refused() {
    let ana = Person::started("Ana", lan()).await;
    assert_eq!(Node::start(ana.options()).await.unwrap_err().code, ErrorCode::Busy);
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_to_myself_are_kept_across_a_restart_and_verify() {
    let mut ana = Person::started("Ana", lan()).await;
    assert_eq!(ana.identity().await.name, "Ana");
    let sent = ana.send("self", "buy milk").await;
    assert_eq!(sent.state, MessageState::Delivered);
    ana.stop().await;
    ana.start().await;
    assert_eq!(ana.texts("self").await, ["buy milk"]);
    let logs: Vec<LogView> = ana.all(Command::LogVerify).await;
    assert!(!logs.is_empty() && logs.iter().all(|l| l.ok), "{logs:?}");
    let status: StatusView = ana.one(Command::Status).await;
    assert_eq!((status.queued, status.store.as_str(), status.notices.len()), (0, "ok", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_store_is_told_to_miss_some_and_goes_on_with_all_that_is_kept() {
    let ana = Person::started("Ana", lan()).await;
    ana.send("self", "kept").await;
    let is_kept =
        |event: &Event| matches!(event, Event::Message { message, .. } if message.text == "kept");
    for since in ["1", "c9999999999999999999"] {
        let mut watch = ana.watch(Some(since.to_owned())).await;
        assert_eq!(watch.next().await, Event::Lagged { missed: 0 }, "{since}");
        watch.until(|event| is_kept(event).then_some(())).await;
        let mut again = ana.watch(watch.cursor).await;
        ana.send("self", "and then").await;
        again
            .until(|event| {
                assert!(!matches!(event, Event::Lagged { .. }), "it is said once");
                matches!(event, Event::Message { message, .. } if message.text == "and then")
                    .then_some(())
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_retractions_reactions_and_search_work_on_what_i_wrote() {
    let ana = Person::started("Ana", lan()).await;
    let first = ana.send("self", "frist").await.entry_id;
    ana.all::<serde_json::Value>(Command::Edit {
        id: first.clone(),
        text: "first Überraschung".into(),
    })
    .await;
    ana.all::<serde_json::Value>(Command::React { id: first[..10].into(), emoji: "👍".into() })
        .await;
    let history = ana.history("self").await;
    assert_eq!((history[0].text.as_str(), history[0].edited), ("first Überraschung", true));
    assert_eq!(history[0].reactions[0].emoji, "👍");
    let search = |q: &str| Command::Search { query: q.into(), conversation: None, limit: None };
    assert_eq!(ana.all::<serde_json::Value>(search("uberr")).await.len(), 1);
    ana.all::<serde_json::Value>(Command::Retract { id: first }).await;
    assert_eq!(ana.history("self").await[0].kind, "retracted");
    assert_eq!(ana.all::<serde_json::Value>(search("uberr")).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_their_codes() {
    let ana = Person::started("Ana", lan()).await;
    let send =
        |to: &str, text: String| Command::Send { to: to.into(), text, reply: None, wait: None };
    assert_eq!(ana.fails(send("nobody", "x".into())).await, ErrorCode::NotFound);
    assert_eq!(ana.fails(send("self", String::new())).await, ErrorCode::Empty);
    assert_eq!(ana.fails(send("self", "x".repeat(32 * 1024 + 1))).await, ErrorCode::TooLong);
    let add = |who: &str| Command::ContactAdd {
        who: who.into(),
        name: None,
        address: None,
        message: None,
    };
    assert_eq!(ana.fails(add(&ana.id)).await, ErrorCode::IsSelf);
    assert_eq!(ana.fails(add("nexus:abc")).await, ErrorCode::BadInvite);
    let bob = Person::new("Bob", lan());
    let mut typo = bob.id.clone();
    typo.replace_range(30..31, if &bob.id[30..31] == "q" { "p" } else { "q" });
    assert_eq!(ana.fails(add(&typo)).await, ErrorCode::BadConnectId);
    ana.all::<serde_json::Value>(add(&bob.id)).await;
    assert_eq!(ana.fails(send(&bob.id, "x".into())).await, ErrorCode::CardUnknown);
    assert_eq!(
        ana.fails(Command::Edit { id: "abcdef".into(), text: "x".into() }).await,
        ErrorCode::NotFound
    );
    assert_eq!(
        ana.fails(Command::ContactAccept { who: bob.id.clone() }).await,
        ErrorCode::WrongState
    );
    ana.all::<serde_json::Value>(Command::ContactBlock { who: bob.id.clone() }).await;
    assert_eq!(ana.fails(send(&bob.id, "x".into())).await, ErrorCode::Blocked);
    let weak = Command::BackupCreate { phrase: Some(SecretText::new("secret")) };
    assert_eq!(ana.fails(weak).await, ErrorCode::WeakPhrase);
    let watch = Command::Watch { since: Some("x".into()) };
    assert_eq!(ana.fails(watch).await, ErrorCode::Usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_can_not_keep_the_node_from_ending() {
    use tokio::io::AsyncWriteExt;
    let mut ana = Person::started("Ana", lan()).await;
    let mut stream =
        tokio::net::UnixStream::connect(ana.path().join("control.sock")).await.unwrap();
    // Nonsense until the answers to it fill every buffer, and so the node reads no more of it.
    let pause = std::time::Duration::from_millis(500);
    let lines = "nonsense\n".repeat(100);
    while let Ok(written) = tokio::time::timeout(pause, stream.write_all(lines.as_bytes())).await {
        written.unwrap();
    }
    ana.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_while_its_commands_wait_for_each_other_is_gone() {
    use tokio::io::AsyncWriteExt;
    let mut ana = Person::started("Ana", lan()).await;
    let bob = Person::new("Bob", lan());
    ana.add(&bob.id).await;
    ana.stop().await;
    let node = Node::start(ana.options()).await.unwrap();
    let mut stream =
        tokio::net::UnixStream::connect(ana.path().join("control.sock")).await.unwrap();
    for request in 1..4 {
        let line =
            format!("{{\"request\":{request},\"command\":\"settle\",\"who\":\"{}\"}}\n", bob.id);
        stream.write_all(line.as_bytes()).await.unwrap();
    }
    drop(stream);
    lab::within(node.until_alone()).await;
    lab::within(node.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_connection_writes_without_waiting_keeps_its_order() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
    let ana = Person::started("Ana", lan()).await;
    let mut stream =
        tokio::net::UnixStream::connect(ana.path().join("control.sock")).await.unwrap();
    let lines: String = (0..200)
        .map(|n| format!("{{\"request\":{n},\"command\":\"send\",\"to\":\"self\",\"text\":\"{n}\",\"reply\":null,\"wait\":null}}\n"))
        .collect();
    let (read, mut write) = stream.split();
    let mut answers = tokio::io::BufReader::new(read).lines();
    let (_, ()) = tokio::join!(async { write.write_all(lines.as_bytes()).await.unwrap() }, async {
        let mut done = 0;
        while done < 200 {
            let line = lab::within(answers.next_line()).await.unwrap().unwrap();
            done += u32::from(line.contains("\"done\""));
            assert!(!line.contains("\"error\""), "{line}");
        }
    });
    let expected: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    assert_eq!(ana.texts("self").await, expected);
}
