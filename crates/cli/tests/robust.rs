//! What can go wrong around the terminal UI, with the real program at a real terminal: signals, a shell that comes
//! between, a terminal that goes away, a node that stalls or dies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::process::Command;

use desk::spoken::Spoken;
use desk::terminal::Terminal;
use desk::{Desk, Person, program};

/// The processes of the program on somebody's data directory.
fn processes(person: &Person) -> Vec<String> {
    let dir = format!("--data-dir {}", person.dir.display());
    let out = Command::new("pgrep").args(["-f", "--", &dir]).output().unwrap();
    let pids = String::from_utf8_lossy(&out.stdout).into_owned();
    let is_nexus = |pid: &&str| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == "nexus"
    };
    pids.lines().filter(is_nexus).map(str::to_owned).collect()
}

fn signal(person: &Person, name: &str) {
    let pids = processes(person);
    assert_eq!(pids.len(), 1, "{pids:?}");
    assert!(Command::new("kill").args([&format!("-{name}"), &pids[0]]).status().unwrap().success());
}

/// Ana's screen, the conversation with Ben open.
fn with_ben(ana: &Person) -> Terminal {
    let terminal = Terminal::open(ana, (80, 24), "");
    terminal.shows(&["Conversations", "Ben", "lan"]);
    terminal.press(&["Home", "Enter"]);
    terminal.shows(&["Nothing is written here yet"]);
    terminal
}

#[test]
fn signals_that_end_it_give_the_terminal_back_and_keep_the_draft() {
    let desk = Desk::new();
    let (ana, node_a, ben, node_b) = desk.friends();
    node_a.stop();
    for name in ["TERM", "INT", "HUP"] {
        let terminal = Terminal::open(&ana, (80, 24), "");
        terminal.shows(&["Conversations", "Ben"]);
        terminal.press(&["Home", "Enter"]);
        terminal.shows(&["> "]);
        terminal.types(&format!(" {name}"));
        terminal.shows(&[&format!(" {name}")]);
        signal(&ana, name);
        let screen = terminal.shows(&["ended 0", "icanon"]);
        assert!(!screen.contains("-icanon") && !screen.contains("Conversations"), "{screen}");
    }
    assert_eq!(ana.json(&["draft", &ben.id]).row()["text"], " TERM INT HUP");
    node_b.stop();
}

#[test]
fn a_signal_ends_it_in_good_order_where_there_is_no_screen() {
    let desk = Desk::new();
    let (ana, node_a, ben, node_b) = desk.friends();
    node_a.stop();
    let mut spoken = Spoken::open(&ana);
    spoken.hears(&["You are Ana"]);
    spoken.types("/open Ben");
    spoken.hears(&["With Ben"]);
    spoken.types("/draft half a thou");
    spoken.hears(&["Draft: \"half a thou\""]);
    signal(&ana, "TERM");
    assert_eq!(spoken.ends().0, 0);
    assert_eq!(ana.json(&["draft", &ben.id]).row()["text"], "half a thou");
    node_b.stop();
}

#[test]
fn the_shell_can_come_between_and_the_screen_comes_back() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let terminal = Terminal::shell(&ana, (80, 24));
    terminal.types(&format!("{} --data-dir {}", program(), ana.dir.display()));
    terminal.press(&["Enter"]);
    terminal.shows(&["What next?", "Ana · no links"]);
    for _ in 0..2 {
        terminal.press(&["C-z"]);
        terminal.shows(&["Stopped"]);
        terminal.types("echo the shell is $((40 + 2)); stty -a | grep -ow -e '-*echo'");
        terminal.press(&["Enter"]);
        terminal.shows(&["the shell is 42"]);
        terminal.types("fg");
        terminal.press(&["Enter"]);
        terminal.shows(&["What next?", "Ana · no links"]);
        // It has the keys again, and paints.
        terminal.press(&["F1"]);
        terminal.shows(&["Keys", "Everywhere"]);
        terminal.press(&["Escape"]);
        terminal.shows(&["What next?"]);
    }
    terminal.press(&["C-q"]);
    terminal.shows(&["the shell is 42"]);
}

#[test]
fn a_terminal_that_goes_away_ends_it_in_good_order_and_loses_nothing() {
    let desk = Desk::new();
    let (ana, node_a, ben, node_b) = desk.friends();
    node_a.stop();
    let terminal = Terminal::open(&ana, (80, 24), "");
    terminal.shows(&["Conversations", "Ben"]);
    terminal.press(&["Home", "Enter"]);
    terminal.shows(&["> "]);
    terminal.types("sent before");
    terminal.press(&["Enter"]);
    terminal.shows(&["sent before", "✓ delivered"]);
    terminal.types("half a thou");
    terminal.shows(&["> half a thou"]);
    drop(terminal);
    desk::terminal::until(|| processes(&ana).is_empty());
    assert_eq!(ana.json(&["draft", &ben.id]).row()["text"], "half a thou");
    assert_eq!(ana.history(&ben).len(), 1);
    node_b.stop();
}

#[test]
fn a_node_that_stalls_is_waited_for_in_words_and_the_screen_stays_alive() {
    let desk = Desk::new();
    let (ana, node_a, _ben, _node_b) = desk.friends();
    let terminal = with_ben(&ana);
    node_a.signal("STOP");
    terminal.types("into the silence");
    terminal.press(&["Enter"]);
    terminal.shows(&["into the silence", "your message is being kept ("]);
    // Two seconds and more, and it says how many.
    desk::terminal::until(|| {
        let screen = terminal.screen();
        let seconds = screen.split("being kept (").nth(1).and_then(|rest| rest.split(' ').next());
        seconds.and_then(|s| s.parse::<u64>().ok()).is_some_and(|s| s >= 2)
    });
    // Meanwhile everything that needs no node goes on.
    terminal.press(&["F1"]);
    terminal.shows(&["Keys", "Everywhere"]);
    terminal.press(&["Escape"]);
    terminal.types("still typing");
    terminal.shows(&["> still typing"]);
    node_a.signal("CONT");
    terminal.shows(&["into the silence", "✓ delivered", "> still typing", "online: 1 by lan"]);
}

#[test]
fn a_node_that_stalls_is_waited_for_in_words_where_there_is_no_screen() {
    let desk = Desk::new();
    let (ana, node_a, _ben, _node_b) = desk.friends();
    let mut spoken = Spoken::open(&ana);
    spoken.hears(&["You are Ana, online"]);
    spoken.types("/open Ben");
    spoken.hears(&["With Ben"]);
    node_a.signal("STOP");
    spoken.types("into the silence");
    spoken.hears(&["One moment: your message is being kept"]);
    node_a.signal("CONT");
    spoken.hears(&["Delivered."]);
    assert_eq!(spoken.ends().0, 0);
}

#[test]
fn a_node_that_dies_is_told_and_another_takes_its_place() {
    let desk = Desk::new();
    let (ana, node_a, _ben, _node_b) = desk.friends();
    let terminal = with_ben(&ana);
    node_a.kill();
    terminal.shows(&["the node has ended; starting it again"]);
    terminal.types("after the fall");
    terminal.press(&["Enter"]);
    terminal.shows(&["after the fall", "✓ delivered"]);
    terminal.press(&["C-q"]);
    terminal.shows(&["ended 0"]);
}
