//! Numbers that a front end can ask for, at the control socket: each limit itself is fine, and one more is not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use desk::{Desk, Person};
use nexus_node::control::MAX_REQUESTS;
use serde_json::{Value, json};

/// A client that says what it likes.
struct Client {
    out: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Client {
    fn of(person: &Person) -> Self {
        let out = UnixStream::connect(person.dir.join("control.sock")).unwrap();
        let mut client = Self { lines: BufReader::new(out.try_clone().unwrap()), out };
        assert_eq!(client.line()["answer"], "hello");
        client
    }

    fn say(&mut self, request: usize, mut command: Value) {
        command["request"] = json!(request);
        writeln!(self.out, "{command}").unwrap();
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "the node closed the connection");
        serde_json::from_str(&line).unwrap()
    }

    /// How it ends: `done`, or the code of the error.
    fn outcome(&mut self, command: Value) -> String {
        self.say(1, command);
        loop {
            let line = self.line();
            match line["answer"].as_str().unwrap() {
                "done" => return "done".to_owned(),
                "error" => return line["error"]["code"].as_str().unwrap().to_owned(),
                _ => {}
            }
        }
    }
}

#[test]
fn numbers_past_their_limit_are_refused_and_the_limit_is_not() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    let mut client = Client::of(&ana);
    let ten_years = 315_576_000;
    let timer =
        |seconds: u64| json!({"command": "timer", "conversation": ben.id, "seconds": seconds});
    assert_eq!(client.outcome(timer(ten_years)), "done");
    assert_eq!(client.outcome(timer(ten_years + 1)), "usage");
    assert_eq!(client.outcome(timer(0)), "usage");
    let invite =
        |uses: u32, days: u64| json!({"command": "invite", "uses": uses, "expires": days * 86_400});
    assert_eq!(client.outcome(invite(100, 365)), "done");
    assert_eq!(client.outcome(invite(101, 1)), "usage");
    assert_eq!(client.outcome(invite(0, 1)), "usage");
    assert_eq!(client.outcome(invite(1, 366)), "usage");
    assert_eq!(client.outcome(invite(1, 0)), "usage");
}

#[test]
fn a_client_that_asks_for_more_at_once_than_it_may_keeps_nobody_else_waiting() {
    let desk = Desk::new();
    let (ana, _a, _ben, _b) = desk.friends();
    let mut greedy = Client::of(&ana);
    // These go on for ever and take every place that one client has.
    for request in 0..MAX_REQUESTS {
        greedy.say(request, json!({"command": "watch"}));
    }
    greedy.say(MAX_REQUESTS, json!({"command": "id"}));
    let mut other = Client::of(&ana);
    assert_eq!(other.outcome(json!({"command": "id"})), "done");
    assert_eq!(other.outcome(json!({"command": "status"})), "done");
}
