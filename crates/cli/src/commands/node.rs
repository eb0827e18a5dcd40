//! `node`: run in the foreground.

use std::future::{pending, ready};

use nexus_node::api::{Command, ErrorBody, ErrorCode, Event, EventView};
use nexus_node::client::{Answers, Client};
use nexus_node::{Node, Options};
use tokio::io::AsyncReadExt;

use crate::args::{Global, NodeArgs};
use crate::output::Out;
use crate::place;
use crate::render::event;
use crate::signals::Signals;
use crate::stop::{Done, Stop};

/// Runs until a signal, `Command::Shutdown`, or (when asked for) the end of standard input.
///
/// # Errors
/// What keeps a node from starting.
pub(crate) async fn run(global: &Global, args: NodeArgs, out: &mut Out) -> Done {
    let mut signals = Signals::listen();
    let data_dir = place::data_dir(global)?;
    let mut options = Options::new(&data_dir);
    options.config.clone_from(&global.config);
    options.listen = args.listen;
    let mut node = match Node::start(options).await {
        Ok(node) => node,
        Err(error) if error.code == ErrorCode::Busy => {
            return Err(runs_already(error, Client::attach(&data_dir).await).into());
        }
        Err(error) => return Err(error.into()),
    };
    let client = Client::connect(&data_dir).await?;
    // Asked for before `ready` is told: whoever waits for that line misses no event after it.
    let mut events = client.request(Command::Watch { since: None }).await?;
    let lines = event::Lines::new(out.style());
    let mut reader = Reader { out, lines, gone: false };
    reader.show(&EventView { cursor: None, event: node.ready().clone() });
    reader.flush();
    let ended_by_itself = tokio::select! {
        _ = signals.next() => false,
        () = node.closed() => true,
        () = end_of_stdin(args.until_stdin_closes) => false,
        () = reader.follow(&client, &mut events) => false,
    };
    if !ended_by_itself {
        tokio::select! {
            () = node.shutdown() => {}
            number = signals.next() => return Err(Stop::Signal(number)),
        }
    }
    Ok(())
}

fn runs_already(busy: ErrorBody, attached: Result<Option<Client>, ErrorBody>) -> ErrorBody {
    match attached {
        Ok(Some(_)) => ErrorBody::new(
            ErrorCode::Busy,
            "a node runs on this data directory already",
            "all commands use that one; `nexus status` shows it, `nexus watch` its events",
        ),
        _ => busy,
    }
}

/// Whoever reads the events of this node. When it goes away the node runs on.
struct Reader<'a> {
    out: &'a mut Out,
    lines: event::Lines,
    gone: bool,
}

impl Reader<'_> {
    fn show(&mut self, event: &EventView) {
        if self.gone {
            return;
        }
        let shown = if self.out.json() {
            self.out.object(&event::object(event))
        } else if let Some(line) = self.lines.show(&event.event) {
            self.out.text(&line)
        } else {
            return;
        };
        self.gone = shown.is_err();
    }

    fn flush(&mut self) {
        self.gone = self.gone || self.out.flush().is_err();
    }

    /// The next event; what was shown goes out before it is waited for.
    async fn next(&mut self, events: &mut Answers) -> Option<EventView> {
        let next = tokio::select! {
            biased;
            next = events.next() => next,
            () = ready(()) => {
                self.flush();
                events.next().await
            }
        };
        next.ok().flatten()
    }

    /// Shows events for ever; an interrupted answer is asked for again where it stopped.
    async fn follow(&mut self, client: &Client, events: &mut Answers) {
        let mut since = None;
        loop {
            while let Some(event) = self.next(events).await {
                since = event.cursor.clone().or(since);
                if !matches!(event.event, Event::Ready { .. }) {
                    self.show(&event);
                }
            }
            match client.request(Command::Watch { since: since.clone() }).await {
                Ok(again) => *events = again,
                // The node is ending; its `closed` tells.
                Err(_) => pending::<()>().await,
            }
        }
    }
}

async fn end_of_stdin(wanted: bool) {
    if !wanted {
        pending::<()>().await;
    }
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 64];
    while stdin.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}
