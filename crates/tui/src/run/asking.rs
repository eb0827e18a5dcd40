//! Asking the node: what writes, one after the other; what reads, at once; what happens, as it comes.

use std::sync::Arc;

use nexus_node::api::{Command, ErrorBody, ErrorCode, EventView};
use nexus_node::client::Client;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::Host;
use crate::message::{Message, Purpose, Rows};

type Question = (u64, Purpose, Command);
type Door = watch::Sender<Option<Client>>;

/// Asks, and feeds back what is answered.
pub(super) struct Asking {
    sender: mpsc::Sender<Message>,
    door: Arc<Door>,
    openings: mpsc::UnboundedSender<Option<String>>,
    writes: Option<mpsc::UnboundedSender<Question>>,
    writer: Option<JoinHandle<()>>,
}

impl Asking {
    /// With a host that finds the node once it is wanted.
    pub(super) fn new<H: Host>(host: H, sender: mpsc::Sender<Message>) -> Self {
        let door = Arc::new(watch::Sender::new(None));
        let (openings, wanted) = mpsc::unbounded_channel();
        tokio::spawn(opened(host, wanted, sender.clone(), Arc::clone(&door)));
        let (writes, questions) = mpsc::unbounded_channel();
        let writer = tokio::spawn(written(questions, sender.clone(), door.subscribe()));
        Self { sender, door, openings, writes: Some(writes), writer: Some(writer) }
    }

    /// Finds the node; makes an identity first when a name is given.
    pub(super) fn open(&self, name: Option<String>) {
        let _ = self.openings.send(name);
    }

    /// Asks something.
    pub(super) fn ask(&self, serial: u64, purpose: Purpose, command: Command) {
        if command.writes() {
            if let Some(writes) = &self.writes {
                let _ = writes.send((serial, purpose, command));
            }
            return;
        }
        let mut door = self.door.subscribe();
        let sender = self.sender.clone();
        tokio::spawn(async move {
            // While one node takes the place of another, what is asked waits.
            let client = door.wait_for(Option::is_some).await.map(|client| client.clone());
            let Ok(Some(client)) = client else { return };
            let result = asked(&client, command).await;
            let _ = sender.send(Message::Answer { serial, purpose, result }).await;
        });
    }

    /// Waits until everything that was written is answered.
    pub(super) async fn finish(&mut self) {
        self.writes = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.await;
        }
    }
}

async fn asked(client: &Client, command: Command) -> Result<Rows, ErrorBody> {
    let rows = client.all::<Value>(command.clone()).await?;
    Rows::read(&command, rows).map_err(nexus_node::error::failed)
}

/// Writes go one after the other: two messages must not overtake one another.
async fn written(
    mut questions: mpsc::UnboundedReceiver<Question>,
    sender: mpsc::Sender<Message>,
    mut door: watch::Receiver<Option<Client>>,
) {
    while let Some((serial, purpose, command)) = questions.recv().await {
        let client = match door.wait_for(Option::is_some).await {
            Ok(client) => client.clone(),
            Err(_) => return,
        };
        let Some(client) = client else { return };
        let result = asked(&client, command).await;
        // At the end nobody hears it any more; what is left is written all the same.
        let _ = sender.send(Message::Answer { serial, purpose, result }).await;
    }
}

/// Opens the node whenever that is wanted, and tells what happens there.
async fn opened<H: Host>(
    mut host: H,
    mut wanted: mpsc::UnboundedReceiver<Option<String>>,
    sender: mpsc::Sender<Message>,
    door: Arc<Door>,
) {
    let mut before = false;
    while let Some(name) = wanted.recv().await {
        let mut name = name;
        loop {
            let told = match host.open(name.take()).await {
                Ok(client) => {
                    before = true;
                    door.send_replace(Some(client.clone()));
                    let told = watched(&client, &sender).await;
                    if told.is_err() {
                        // What is written now is kept by the next one.
                        door.send_replace(None);
                    }
                    told
                }
                Err(error) => Err(error),
            };
            match told {
                // The node ended while we go on: another is found or started.
                Err(error) if error.code == ErrorCode::Unreachable && !sender.is_closed() => {
                    if !before {
                        let _ = sender.send(Message::Detached(error)).await;
                        break;
                    }
                    let words = "the node has ended; starting it again".to_owned();
                    if sender.send(Message::Said(words)).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                }
                Err(error) => {
                    let _ = sender.send(Message::Detached(error)).await;
                    break;
                }
                Ok(()) => return,
            }
        }
    }
}

/// Tells every event. Ends well when nobody listens any more.
async fn watched(client: &Client, sender: &mpsc::Sender<Message>) -> Result<(), ErrorBody> {
    // Watching begins before anything is read, so that nothing falls in between.
    let mut events = client.request(Command::Watch { since: None }).await?;
    if sender.send(Message::Attached).await.is_err() {
        return Ok(());
    }
    loop {
        let event = tokio::select! {
            biased;
            // At the end: a node that waits for its last client must not wait for this.
            () = sender.closed() => return Ok(()),
            event = events.next::<EventView>() => event?,
        };
        let Some(event) = event else { break };
        if sender.send(Message::Event(Box::new(event))).await.is_err() {
            return Ok(());
        }
    }
    Err(ErrorBody::new(
        ErrorCode::Unreachable,
        "the node has ended",
        "start `nexus` again; what was confirmed is kept",
    ))
}
