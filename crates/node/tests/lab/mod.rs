//! Nodes on loopback, driven through the control socket as every front end does it. Nothing here sleeps: it waits for
//! events.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test file uses its part"
)]

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_node::api::{
    Command, ContactState, ContactView, DigestView, Event, EventView, IdentityView, MessageState,
    MessageView, SentView, StatusView,
};
use nexus_node::client::{Answers, Client};
use nexus_node::{Clock, Node, Options, setup};
use tempfile::TempDir;

/// How long anything may take before the test calls it lost.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A UDP port that nobody uses: a LAN of its own for each test.
pub fn lan() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Somebody with a node.
pub struct Person {
    pub dir: TempDir,
    pub name: String,
    pub id: String,
    /// The wall clock of its node; setting it forward is as good as waiting.
    pub clock: Clock,
    port: u16,
    node: Option<Node>,
    client: Option<Client>,
}

impl Person {
    /// Makes an identity; its node does not run yet.
    pub fn new(name: &str, port: u16) -> Self {
        let dir = tempfile::Builder::new().prefix("nexus").tempdir().unwrap();
        let made = setup::init(dir.path(), name).unwrap();
        Self::at(dir, name, &made.connect_id, port)
    }

    /// Makes an identity and starts its node.
    pub async fn started(name: &str, port: u16) -> Self {
        let mut person = Self::new(name, port);
        person.start().await;
        person
    }

    /// Somebody whose directory is there already.
    pub fn at(dir: TempDir, name: &str, id: &str, port: u16) -> Self {
        let (name, id, clock) = (name.to_owned(), id.to_owned(), Clock::default());
        Self { dir, name, id, clock, port, node: None, client: None }
    }

    pub fn options(&self) -> Options {
        Options {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            discovery_port: Some(self.port),
            loopback_only: Some(true),
            clock: self.clock.clone(),
            ..Options::new(self.dir.path())
        }
    }

    pub async fn start(&mut self) {
        self.node = Some(Node::start(self.options()).await.unwrap());
        self.client = Some(Client::connect(self.dir.path()).await.unwrap());
    }

    pub async fn stop(&mut self) {
        self.client = None;
        if let Some(node) = self.node.take() {
            within(node.shutdown()).await;
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    /// Where the node listens.
    pub fn address(&self) -> String {
        match self.node.as_ref().unwrap().ready() {
            Event::Ready { listen, .. } => listen[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    pub async fn all<T: serde::de::DeserializeOwned>(&self, command: Command) -> Vec<T> {
        within(self.client().all(command)).await.unwrap()
    }

    pub async fn one<T: serde::de::DeserializeOwned>(&self, command: Command) -> T {
        within(self.client().one(command)).await.unwrap()
    }

    pub async fn fails(&self, command: Command) -> nexus_node::api::ErrorCode {
        within(self.client().all::<serde_json::Value>(command)).await.unwrap_err().code
    }

    pub async fn network(&self, enabled: bool) {
        within(self.client().done(Command::Network { enabled })).await.unwrap();
    }

    pub async fn identity(&self) -> IdentityView {
        self.one(Command::Id).await
    }

    pub async fn status(&self) -> StatusView {
        self.one(Command::Status).await
    }

    pub async fn add(&self, who: &str) -> ContactView {
        self.one(Command::ContactAdd {
            who: who.to_owned(),
            name: None,
            address: None,
            message: Some("it is me".to_owned()),
        })
        .await
    }

    pub async fn accept(&self, who: &str) -> ContactView {
        self.one(Command::ContactAccept { who: who.to_owned() }).await
    }

    pub async fn contact(&self, who: &str) -> Option<ContactView> {
        let mut all: Vec<ContactView> = self.all(Command::Contacts).await;
        all.extend(self.all::<ContactView>(Command::Requests).await);
        all.into_iter().find(|c| c.connect_id == who)
    }

    pub async fn send(&self, to: &str, text: &str) -> SentView {
        self.one(Command::Send {
            to: to.to_owned(),
            text: text.to_owned(),
            reply: None,
            wait: None,
        })
        .await
    }

    /// Sends, and waits until the message is in that state.
    pub async fn send_until(&self, to: &str, text: &str, state: MessageState) -> SentView {
        let command = Command::Send {
            to: to.to_owned(),
            text: text.to_owned(),
            reply: None,
            wait: Some(state),
        };
        self.all::<SentView>(command).await.pop().unwrap()
    }

    pub async fn history(&self, with: &str) -> Vec<MessageView> {
        let command = Command::History {
            conversation: with.to_owned(),
            limit: Some(10_000),
            before: None,
            follow: false,
        };
        self.all(command).await
    }

    pub async fn texts(&self, with: &str) -> Vec<String> {
        self.history(with).await.into_iter().map(|m| m.text).collect()
    }

    pub async fn digest(&self, with: &str) -> DigestView {
        self.one(Command::Digest { conversation: with.to_owned() }).await
    }

    pub async fn watch(&self, since: Option<String>) -> Watch {
        Watch {
            answers: within(self.client().request(Command::Watch { since })).await.unwrap(),
            cursor: None,
        }
    }

    /// Asks again at each event until the answer is what is wanted.
    pub async fn until<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        ask: impl Fn() -> F,
    ) -> T {
        let mut watch = self.watch(None).await;
        let found = async {
            loop {
                if let Some(found) = ask().await {
                    return found;
                }
                watch.next().await;
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => panic!("{} never saw: {what}\n{:#?}", self.name, self.status().await),
        }
    }

    /// Asks again and again, where no event tells of what is waited for.
    pub async fn eventually<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        ask: impl Fn() -> F,
    ) -> T {
        let found = async {
            let mut again = tokio::time::interval(Duration::from_millis(20));
            loop {
                if let Some(found) = ask().await {
                    return found;
                }
                again.tick().await;
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => panic!("{} never saw: {what}\n{:#?}", self.name, self.status().await),
        }
    }

    pub async fn until_state(&self, who: &str, state: ContactState) {
        self.until(&format!("{who} {state:?}"), async || {
            self.contact(who).await.filter(|c| c.state == state).map(drop)
        })
        .await;
    }

    pub async fn until_text(&self, with: &str, text: &str) -> MessageView {
        self.until(text, async || self.history(with).await.into_iter().find(|m| m.text == text))
            .await
    }

    /// Waits until the other side has said that it has my letter.
    pub async fn until_letter_arrived(&self, to: &str) {
        within(self.client().done(Command::Settle { who: to.to_owned() })).await.unwrap();
    }

    pub async fn until_nearby(&self, who: &str) {
        self.until("somebody nearby", async || {
            let seen: Vec<nexus_node::api::NearbyView> =
                self.all(Command::Nearby { watch: false }).await;
            seen.iter().any(|n| n.connect_id == who).then_some(())
        })
        .await;
    }
}

/// Events of somebody.
pub struct Watch {
    answers: Answers,
    pub cursor: Option<String>,
}

impl Watch {
    pub async fn next(&mut self) -> Event {
        let view: EventView = within(self.answers.next()).await.unwrap().unwrap();
        if view.cursor.is_some() {
            self.cursor = view.cursor;
        }
        view.event
    }

    pub async fn until<T>(&mut self, pick: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = pick(&self.next().await) {
                return found;
            }
        }
    }
}

/// Fails the test instead of hanging.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("took too long")
}

/// Two people with nodes, of whom Ana sees Bob.
pub async fn strangers(port: u16) -> (Person, Person) {
    let (ana, bob) = (Person::started("Ana", port).await, Person::started("Bob", port).await);
    ana.until_nearby(&bob.id).await;
    (ana, bob)
}

/// Two people of whom Ana has asked Bob, who has not answered but has her letter, and said so.
pub async fn asked(port: u16) -> (Person, Person) {
    let (ana, bob) = strangers(port).await;
    ana.add(&bob.id).await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
    ana.until_letter_arrived(&bob.id).await;
    (ana, bob)
}

/// Two people who are contacts by discovery, request and acceptance.
pub async fn contacts(port: u16) -> (Person, Person) {
    let (ana, bob) = (Person::started("Ana", port).await, Person::started("Bob", port).await);
    befriend(&ana, &bob).await;
    (ana, bob)
}

pub async fn befriend(ana: &Person, bob: &Person) {
    ana.until_nearby(&bob.id).await;
    ana.add(&bob.id).await;
    bob.until_state(&ana.id, ContactState::Incoming).await;
    bob.accept(&ana.id).await;
    ana.until_state(&bob.id, ContactState::Accepted).await;
}

/// Waits until both show the same, with so many messages.
pub async fn until_equal(ana: &Person, bob: &Person, entries: u64) {
    // What is new at the other one is no event here.
    bob.eventually("the same digest", async || {
        let (a, b) = (ana.digest(&bob.id).await, bob.digest(&ana.id).await);
        (a.words == b.words && a.entries == entries).then_some(())
    })
    .await;
}

/// Copies a data directory, as a person would do it.
pub fn copy(from: &Path) -> TempDir {
    let to = tempfile::Builder::new().prefix("nexus").tempdir().unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file: PathBuf = file.unwrap().path();
        if file.extension().is_none_or(|e| e != "sock") && file.is_file() {
            std::fs::copy(&file, to.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    to
}
