//! `nexus --screen-reader`: the same story as on the screen, in lines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::process::Stdio;

use desk::spoken::Spoken;
use desk::terminal::Terminal;
use desk::{Desk, Run, network};

/// Nothing but text: no drawing, and nothing that moves a cursor.
fn is_plain(lines: &[String]) {
    let drawn = |c: char| c.is_control() || ('\u{2500}'..='\u{259f}').contains(&c);
    for line in lines {
        assert!(!line.contains(drawn), "{line:?}");
    }
}

#[test]
fn two_people_who_hear_it_meet_write_part_join_search_leave_and_come_back() {
    let desk = Desk::new();
    let (ana, ben) = (desk.nobody("ana"), desk.nobody("ben"));
    let (mut one, mut two) = (Spoken::open(&ana), Spoken::open(&ben));
    for (person, name) in [(&mut one, "Ana"), (&mut two, "Ben")] {
        person.hears(&["How should others call you?"]);
        person.types(name);
        person.hears(&["Your ConnectID is nx1q"]);
        person.types("");
        person.hears(&["You are", name]);
    }

    one.hears(&["Ben is nearby"]);
    one.types("/ask Ben");
    one.hears(&["Asked."]);
    two.hears(&["Ana asks to be a contact", "/accept"]);
    two.types("/accept");
    two.hears(&["Accepted. You can write now."]);
    one.hears(&["Ben accepted your request."]);
    one.types("/open Ben");
    one.hears(&["With Ben, online by lan"]);
    one.types("/paste");
    for line in ["hello Ben", "    second line", "."] {
        one.types(line);
    }
    one.hears(&["Delivered."]);
    two.hears(&["Ana, ", ": hello Ben"]);
    two.hears(&["Ana:     second line"]);
    // The count follows the message.
    loop {
        two.types("/list");
        if two.hears(&["1: Ana"]).contains("1 new") {
            break;
        }
    }
    two.types("/open Ana");
    two.hears(&["With Ana, online by lan"]);
    two.hears(&["New messages:"]);
    two.hears(&["Ana, ", ": hello Ben"]);
    one.hears(&["Read."]);
    two.types("/react 👍");
    one.hears(&["Ben put 👍 to: hello Ben"]);
    two.types("/reply hello yourself");
    one.hears(&["Ben, ", "answering you, \"hello Ben\"", ": hello yourself"]);

    // Apart, both write; joined, both hear it, and that it was written apart.
    network(&ben, false);
    one.hears(&["Ben is away."]);
    two.hears(&["Ana is away."]);
    one.types("where are you");
    one.hears(&["Kept. Ben is away"]);
    two.types("lost the cable");
    two.hears(&["Kept. Ana is away"]);
    network(&ben, true);
    one.hears(&["Ben, ", ": lost the cable"]);
    one.hears(&["1 message arrived while you and Ben were apart"]);
    two.hears(&["Ana, ", ": where are you"]);
    two.hears(&["1 message arrived while you and Ana were apart"]);

    one.types("/search cable");
    one.hears(&["1: Ben, in Ben", "cable"]);
    one.types("1");
    one.hears(&["Ben, ", ": lost the cable"]);

    // A draft and what is unread are there after a restart.
    one.types("/draft half a thou");
    one.hears(&["Draft: \"half a thou\"."]);
    one.types("/close");
    one.hears(&["In the list."]);
    two.types("read this later");
    two.hears(&["Delivered."]);
    one.hears(&["Ben, ", ": read this later"]);
    one.types("/quit");
    let (code, told) = one.ends();
    assert_eq!(code, 0);
    is_plain(&told);
    two.hears(&["Ana is away."]);
    let mut one = Spoken::open(&ana);
    one.hears(&["1: Ben, ", "1 new", "read this later"]);
    one.types("/open Ben");
    one.hears(&["With Ben"]);
    one.hears(&["New messages:"]);
    one.hears(&["Ben, ", ": read this later"]);
    one.hears(&["Draft: \"half a thou\"."]);
    two.hears(&["Read."]);
    for spoken in [one, two] {
        let (code, told) = spoken.ends();
        assert_eq!(code, 0);
        is_plain(&told);
    }
}

#[test]
fn a_script_of_lines_does_the_same_as_a_person() {
    let desk = Desk::new();
    let (ana, node_a, ben, _node_b) = desk.friends();
    let script = "/open Ben\nfrom a script\n/details\n/network\n/nonsense\n/my-id\nthe last one";
    let mut command = ana.command(&["--screen-reader"]);
    command.stdin(Stdio::piped());
    let run = Run::of(command, script.as_bytes());
    let lines: Vec<String> = run.stdout.lines().map(str::to_owned).collect();
    assert_eq!(run.code, 0, "{run:?}");
    is_plain(&lines);
    for words in
        ["With Ben", "safety number", "Checks of this machine", "There is no /nonsense", &ana.id]
    {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    let texts: Vec<String> =
        ana.history(&ben).iter().map(|m| m["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(texts, ["from a script", "the last one"]);
    node_a.stop();
}

#[test]
fn at_a_terminal_there_is_a_prompt_and_the_screen_is_left_alone() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let terminal = Terminal::with(&ana, (80, 24), "TERM=dumb", "--screen-reader");
    terminal.shows(&["You are Ana", "no conversation yet", "\n>"]);
    terminal.types("/status");
    terminal.press(&["Enter"]);
    terminal.shows(&["You are Ana, no links"]);
    terminal.press(&["C-d"]);
    // All of it is still there: nothing was painted over.
    let screen = terminal.shows(&["You are Ana, no links", "/status", "ended 0", "icanon"]);
    assert!(!screen.contains("-icanon"), "{screen}");
}
