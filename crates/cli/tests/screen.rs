//! Two people at two terminals, with real nodes: keys in, screen out. The terminals are those of tmux, which `./test`
//! installs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use desk::terminal::Terminal;
use desk::{Desk, Person, network};

#[test]
fn two_people_meet_write_part_join_search_leave_and_come_back() {
    let desk = Desk::new();
    let (ana, ben) = (desk.nobody("ana"), desk.nobody("ben"));
    let one = Terminal::open(&ana, (80, 24), "");
    let two = Terminal::open(&ben, (160, 50), "");
    for (terminal, name) in [(&one, "Ana"), (&two, "Ben")] {
        terminal.shows(&["How should others call you?"]);
        terminal.types(name);
        terminal.press(&["Enter"]);
        terminal.shows(&["This is you", "nx1q"]);
        terminal.press(&["Enter"]);
    }

    one.shows(&["Nearby", "+ Ben"]);
    one.press(&["Enter"]);
    two.shows(&["Requests", "? Ana"]);
    two.press(&["Home"]);
    two.press(&["a"]);
    two.shows(&["Conversations", "● Ana", "lan"]);
    one.shows(&["● Ben", "lan"]);
    one.press(&["Home", "Enter"]);
    one.types("hello Ben");
    one.press(&["M-Enter"]);
    one.types("second line");
    one.press(&["Enter"]);
    one.shows(&["hello Ben", "✓ delivered"]);
    two.shows(&["1 new"]);
    two.press(&["Home", "Enter"]);
    two.shows(&["new messages from here", "hello Ben", "second line"]);
    one.shows(&["✓✓ read"]);

    // Apart, both write; joined, both see it, and that it was written apart.
    network(&ben, false);
    one.shows(&["○ away"]);
    two.shows(&["○ away"]);
    one.types("where are you");
    one.press(&["Enter"]);
    one.shows(&["· waiting"]);
    two.types("lost the cable");
    two.press(&["Enter"]);
    two.shows(&["lost the cable"]);
    network(&ben, true);
    one.shows(&["1 message arrived while you were apart", "lost the cable"]);
    two.shows(&["1 message arrived while you were apart", "where are you"]);

    one.press(&["C-f"]);
    one.types("cable");
    one.shows(&["Search everywhere", "▸ Ben"]);
    one.press(&["Enter"]);
    one.shows(&["▌ lost the cable"]);
    one.press(&["Escape"]);

    // A draft and what is unread are there after a restart, and the terminal is as it was before.
    one.types("half a thou");
    one.shows(&["> half a thou"]);
    one.press(&["C-q"]);
    one.shows(&["ended 0", "icanon"]);
    assert!(!one.screen().contains("-icanon"));
    drop(one);
    two.shows(&["○ away"]);
    two.types("read this later");
    two.press(&["Enter"]);
    two.shows(&["read this later", "· waiting"]);
    let one = Terminal::open(&ana, (60, 20), "");
    one.shows(&["1 new", "read this later"]);
    one.press(&["Home", "Enter"]);
    one.shows(&["read this later", "> half a thou", "new messages from here"]);
    two.shows(&["✓✓ read"]);

    // A signal ends it in good order too.
    let ids = one.tmux(&["list-panes", "-F", "#{pane_pid}"]).1;
    let killed = Command::new("pkill").args(["-TERM", "-P", ids.trim(), "nexus"]).status();
    assert!(killed.unwrap().success());
    one.shows(&["ended 0", "icanon"]);
    assert!(!one.screen().contains("-icanon"));
}

#[test]
fn what_cannot_show_it_says_so() {
    let desk = Desk::new();
    let ana = desk.person("ana");
    let dumb = Terminal::open(&ana, (80, 24), "TERM=dumb");
    dumb.shows(&["TERM=dumb", "ended 2"]);
    std::fs::write(ana.dir.join("config.toml"), "loopback_only = true\n[tui]\ntheme = \"pink\"\n")
        .unwrap();
    let wrong = Terminal::open(&ana, (100, 24), "");
    wrong.shows(&["line 3", "`theme` must be", "ended 2"]);
}

/// The texts of the rows that a command of the control socket answers.
fn rows(person: &Person, command: &serde_json::Value) -> Vec<(String, String)> {
    let mut socket = UnixStream::connect(person.dir.join("control.sock")).unwrap();
    writeln!(socket, "{command}").unwrap();
    let mut found = Vec::new();
    for line in BufReader::new(socket).lines() {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        match line["answer"].as_str().unwrap() {
            "row" => found.push((
                line["row"]["text"].as_str().unwrap().to_owned(),
                line["row"]["time"].as_str().unwrap().to_owned(),
            )),
            "done" => break,
            "error" => panic!("{line}"),
            _ => {}
        }
    }
    found
}

#[test]
fn windows_of_a_conversation_are_where_they_were_asked_for() {
    let desk = Desk::new();
    let (ana, _node_a, ben, _node_b) = desk.friends();
    let ids: Vec<String> = (0..7).map(|n| ana.delivers(&ben, &n.to_string())).collect();
    let window = |place: serde_json::Value, limit: u32| {
        let command = serde_json::json!({
            "request": 1, "command": "window", "conversation": ana.id, "place": place, "limit": limit
        });
        rows(&ben, &command)
    };
    let texts = |place: serde_json::Value, limit: u32| -> String {
        window(place, limit).into_iter().map(|(text, _)| text).collect()
    };
    use serde_json::json;
    assert_eq!(texts(json!("newest"), 3), "456");
    assert_eq!(texts(json!("oldest"), 3), "012");
    assert_eq!(texts(json!({"before": ids[3]}), 2), "12");
    assert_eq!(texts(json!({"after": ids[3]}), 2), "45");
    assert_eq!(texts(json!({"around": ids[3]}), 3), "234");
    let time = &window(json!({"around": ids[3]}), 1)[0].1;
    assert!(texts(json!({"at": time}), 3).contains('3'));
    assert_eq!(
        texts(json!({"at": "2400-01-01T00:00:00Z"}), 2),
        "56",
        "after the end comes the end"
    );

    let first = json!({"request": 1, "command": "first_unread", "conversation": ana.id});
    assert_eq!(rows(&ben, &first)[0].0, "0");
    ben.json(&["read", &ana.id, "--to", &ids[4]]).row();
    assert_eq!(rows(&ben, &first)[0].0, "5");
    ben.json(&["read", &ana.id]).row();
    assert!(rows(&ben, &first).is_empty());
    // In the one order, and by text.
    let order = |row: &serde_json::Value| row["order"].as_str().unwrap().to_owned();
    let history = ben.history(&ana);
    assert!(history.iter().map(order).collect::<Vec<_>>().is_sorted());
}
