//! The story of two people, told through the program alone: every wait is a wait for something.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::process::{Command, Stdio};

use desk::{Desk, Person, Run, program};
use serde_json::Value;

fn words(person: &Person, with: &Person) -> Value {
    person.json(&["digest", &with.id]).row()["words"].clone()
}

/// What both sides must agree on.
fn seen(rows: &[Value]) -> Vec<(Value, Value, Value)> {
    let pick = |row: &Value| (row["entry_id"].clone(), row["author"].clone(), row["text"].clone());
    rows.iter().map(pick).collect()
}

#[test]
fn two_people_meet_write_and_see_the_same() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    ana.delivers(&ben, "hello");
    let id = ben.delivers(&ana, "hello too");
    let reply = ana.json(&["send", "Ben", "an answer", "--reply", &id[..8], "--wait", "delivered"]);
    assert_eq!(reply.row()["state"], "delivered");
    let history = ana.history(&ben);
    assert_eq!(seen(&history), seen(&ben.history(&ana)));
    assert_eq!(history.iter().filter(|r| r["type"] == "text" || r["type"] == "reply").count(), 3);
    assert_eq!(words(&ana, &ben), words(&ben, &ana));
    assert_eq!(words(&ana, &ben).as_str().unwrap().split(' ').count(), 6);
}

#[test]
fn who_sees_a_node_changes_while_it_runs() {
    let desk = Desk::new();
    let (ana, ben) = (desk.person("Ana"), desk.person("Ben"));
    ana.json(&["config", "set", "visibility", "hidden"]).row();
    let (_ana, _ben) = (ana.node(), ben.node());
    let mut at_ana = ana.goes_on(&["nearby", "--watch"]);
    at_ana.until(|row| row["connect_id"] == ben.id.as_str());
    assert_eq!(ben.json(&["nearby"]).rows().len(), 0, "Ana is hidden");
    let mut at_ben = ben.goes_on(&["nearby", "--watch"]);
    ana.json(&["config", "set", "visibility", "everyone"]).row();
    at_ben.until(|row| row["connect_id"] == ana.id.as_str());
}

#[test]
fn edits_reactions_retractions_and_read_marks_arrive() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    let mut at_ben = ben.goes_on(&["watch", "--event", "message"]);
    let id = ana.delivers(&ben, "frist");
    ana.json(&["edit", &id, "first"]).row();
    at_ben.until(|e| e["message"]["text"] == "first" && e["message"]["edited"] == true);
    let mut at_ana = ana.goes_on(&["watch"]);
    ben.json(&["react", &id[..8], "👍"]).row();
    at_ana.until(|e| e["message"]["reactions"][0]["emoji"] == "👍");
    ben.json(&["read", "Ana"]).row();
    at_ana.until(|e| e["event"] == "state" && e["entry_id"] == id.as_str() && e["state"] == "read");
    ana.json(&["retract", &id]).row();
    at_ben.until(|e| e["message"]["type"] == "retracted");
    assert!(ben.history(&ana).iter().all(|row| row["text"] != "first"));
    assert_eq!(ben.json(&["search", "first"]).rows().len(), 0);
}

#[test]
fn without_a_node_a_command_starts_one_for_as_long_as_it_needs() {
    let desk = Desk::new();
    let (ana, node_a, ben, _b) = desk.friends();
    node_a.stop();
    let row = ana.json(&["send", &ben.id, "from a passing node"]).row();
    assert_eq!(row["state"], "delivered", "it stayed until then");
    assert!(ben.history(&ana).iter().any(|row| row["text"] == "from a passing node"));
    assert_eq!(ana.history(&ben).len(), ben.history(&ana).len());
    assert!(!ana.dir.join("control.sock").exists());
}

#[test]
fn many_commands_at_once_without_a_node_find_one_another() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6).map(|_| scope.spawn(|| ana.json(&["conversations"]))).collect();
        for run in runs {
            run.join().unwrap().rows();
        }
    });
}

#[test]
fn what_was_queued_goes_out_later_and_watch_loses_nothing_over_a_restart() {
    let desk = Desk::new();
    let (ana, node_a, ben, node_b) = desk.friends();
    ana.delivers(&ben, "before");
    let last = ana.json(&["watch", "--since", "c0", "--event", "message", "--count", "1"]).row();
    let cursor = last["cursor"].as_str().unwrap().to_owned();
    node_b.stop();
    let row = ana.json(&["send", &ben.id, "while Ben is away"]).row();
    assert_eq!(row["state"], "queued");
    node_a.stop();
    let mut node_b = ben.node();
    let _node_a = ana.node();
    node_b.until(|e| e["message"]["text"] == "while Ben is away");
    let mut watch = ana.goes_on(&["watch", "--since", &cursor]);
    let id = row["entry_id"].as_str().unwrap();
    watch.until(|e| e["event"] == "message" && e["message"]["entry_id"] == id && e["new"] == true);
    watch.until(|e| e["event"] == "state" && e["entry_id"] == id && e["state"] == "delivered");
    let why = ana.json(&["why", id]).rows();
    let stages: Vec<&str> = why.iter().map(|row| row["stage"].as_str().unwrap()).collect();
    assert!(stages.contains(&"queued") && stages.contains(&"delivered"), "{stages:?}");
}

#[test]
fn who_is_asked_by_the_name_seen_nearby_is_named_so_in_the_answer() {
    let desk = Desk::new();
    let (ana, ben) = (desk.person("Ana"), desk.person("Ben"));
    let (_a, _b) = (ana.node(), ben.node());
    ana.sees(&ben);
    let row = ana.json(&["contact", "add", "Ben"]).row();
    assert_eq!((&row["name"], &row["connect_id"]), (&"Ben".into(), &ben.id.as_str().into()));
}

#[test]
fn an_invite_makes_a_contact_at_once() {
    let desk = Desk::new();
    let (ana, ben) = (desk.person("Ana"), desk.person("Ben"));
    let (_a, _b) = (ana.node(), ben.node());
    let mut at_ben = ben.goes_on(&["watch", "--event", "contact"]);
    let link = ana.json(&["invite", "--expires", "1h"]).row()["link"].as_str().unwrap().to_owned();
    assert!(link.starts_with("nexus:"));
    // As it comes out of a QR code or a mail.
    let link = format!("  NEXUS:{} ", link.strip_prefix("nexus:").unwrap());
    ben.json(&["contact", "add", &link]).row();
    at_ben.until(|e| e["contact"]["state"] == "accepted");
    ben.delivers(&ana, "invited");
}

#[test]
fn text_of_a_peer_is_harmless_on_a_terminal_and_in_pages_and_kept_as_sent() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2Ja\u{202e}b\u{9b}31m<script>\rx";
    ana.delivers(&ben, evil);
    assert_eq!(ben.history(&ana).last().unwrap()["text"], evil, "kept as sent");
    for args in [
        &["history", "Ana"][..],
        &["conversations"],
        &["search", "script"],
        &["export", "Ana", "--format", "md"],
        &["export", "Ana", "--format", "html"],
        &["history", "Ana", "--json"],
        &["export", "Ana"],
        &["watch", "--since", "c0", "--event", "message", "--count", "1"],
    ] {
        let shown = ben.text(args).ok();
        for bad in ['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}', '\r'] {
            assert!(!shown.contains(bad), "{args:?}: {shown:?}");
        }
        assert!(args.contains(&"watch") || shown.contains("script"), "{args:?}: {shown:?}");
    }
    let page = ben.text(&["export", "Ana", "--format", "html"]).ok();
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn an_export_is_written_once_and_whole() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    ana.delivers(&ben, "for the file");
    let file = desk.path("out.html");
    let row =
        ana.json(&["export", "Ben", "--format", "html", "--output", file.to_str().unwrap()]).row();
    assert_eq!(row["messages"], ana.history(&ben).len());
    assert!(std::fs::read_to_string(&file).unwrap().contains("for the file"));
    let again = ana.json(&["export", "Ben", "--output", file.to_str().unwrap()]);
    assert_eq!((again.code, again.error()["code"].as_str()), (2, Some("usage")));
}

#[test]
fn history_follows_until_a_signal() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    ana.delivers(&ben, "one");
    let mut follow = ben.goes_on(&["history", "Ana", "--follow"]);
    follow.until(|row| row["text"] == "one");
    ana.delivers(&ben, "two");
    follow.until(|row| row["text"] == "two");
    follow.signal("INT");
    assert_eq!(follow.ends(), 0);
}

#[test]
fn settings_of_a_conversation_are_kept() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    assert_eq!(ana.json(&["timer", "Ben", "7d"]).row()["timer"], 7 * 86_400);
    assert_eq!(ana.json(&["timer", "Ben", "off"]).row()["timer"], Value::Null);
    assert_eq!(ana.json(&["mute", "Ben", "forever"]).row()["muted"], "forever");
    assert_eq!(ana.json(&["mute", "Ben", "off"]).row()["muted"], Value::Null);
    assert_eq!(ana.json(&["draft", "Ben", "half a", "thought"]).row()["text"], "half a thought");
    assert_eq!(ana.json(&["draft", &ben.id]).row()["text"], "half a thought");
    assert_eq!(ana.json(&["draft", "Ben", "--clear"]).row()["text"], "");
    assert_eq!(ana.json(&["contact", "rename", "Ben", "Benjamin"]).row()["name"], "Benjamin");
    assert_eq!(ana.json(&["contact", "verify", "Benjamin", "--yes"]).row()["verified"], true);
    assert_eq!(ana.json(&["contact", "verify", "Benjamin", "--no"]).row()["verified"], false);
}

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("demo").args(arguments).env_remove("NEXUS_DATA_DIR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn the_demo_works_and_leaves_nothing() {
    let desk = Desk::new();
    let mut command = demo(&["--json"]);
    command.env("TMPDIR", desk.path(""));
    let rows = Run::of(command, b"").rows();
    assert!(rows.len() >= 10, "{rows:?}");
    for row in &rows {
        assert_eq!(row["ok"], true, "{row}");
        assert!(
            row["step"].is_string() && row["ms"].is_u64() && row["detail"].is_string(),
            "{row}"
        );
    }
    let total: u64 = rows.iter().map(|row| row["ms"].as_u64().unwrap()).sum();
    eprintln!("the demo took {total} ms");
    assert_eq!(std::fs::read_dir(desk.path("")).unwrap().count(), 0, "something was left");
}

#[test]
fn the_demo_cleans_up_after_a_signal() {
    use std::io::{BufRead, BufReader};
    let desk = Desk::new();
    let mut command = demo(&["--json"]);
    let mut child = command.env("TMPDIR", desk.path("")).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let nodes = lines.find(|line| line.as_ref().unwrap().contains("\"nodes\"")).unwrap().unwrap();
    assert!(nodes.contains("\"ok\":true"), "{nodes}");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(std::fs::read_dir(desk.path("")).unwrap().count(), 0, "something was left");
    let marker = desk.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    let left = Command::new("pgrep").args(["-f", &format!("data-dir {marker}")]).output().unwrap();
    assert!(left.stdout.is_empty(), "a node still runs: {left:?}");
}
