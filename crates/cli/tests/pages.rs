//! What can be read without any identity: help, completions, the manual, and the pages of the project.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use desk::{Desk, Run, page, program};
use nexus_node::api::ErrorCode;

fn run(args: &[&str]) -> Run {
    let mut command = Command::new(program());
    command.args(args).env_remove("NEXUS_DATA_DIR").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Run::of(command, b"")
}

#[test]
fn help_and_version_are_output_and_no_error() {
    let help = run(&["--help"]);
    assert!(help.stdout.contains("nexus init --name Ana"), "{help:?}");
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(run(&["send", "--help"]).ok().contains("Example:"));
    assert!(run(&["--version"]).ok().starts_with("nexus "));
}

#[test]
fn completions_come_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).ok();
        assert!(script.contains("nexus") && script.contains("conversations"), "{shell}");
    }
    if Command::new("bash").arg("--version").output().is_ok() {
        let mut bash = Command::new("bash");
        bash.args(["-n", "/dev/stdin"]).stdin(Stdio::piped());
        bash.stdout(Stdio::piped()).stderr(Stdio::piped());
        let checked = Run::of(bash, run(&["completions", "bash"]).ok().as_bytes());
        assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    assert!(run(&["man"]).ok().contains(".TH nexus 1"));
    let desk = Desk::new();
    let dir = desk.path("man");
    run(&["man", "--dir", dir.to_str().unwrap()]).ok();
    for name in ["nexus.1", "nexus-send.1", "nexus-contact-add.1", "nexus-log-verify.1"] {
        assert!(dir.join(name).exists(), "{name}");
    }
}

#[test]
fn nexus_alone_says_what_to_do_next() {
    let desk = Desk::new();
    let nobody = desk.nobody("nobody");
    let text = nobody.text(&[]).ok();
    assert!(
        text.contains("nexus init --name NAME") && text.contains("On a terminal `nexus` opens")
    );
    let ana = desk.person("Ana");
    assert!(ana.text(&[]).ok().contains("nexus node"));
    let row = ana.json(&[]).row();
    assert_eq!((&row["identity"], &row["running"]), (&true.into(), &false.into()));
    let _node = ana.node();
    assert!(ana.text(&[]).ok().contains("nexus nearby"));
}

/// The cells of the rows of the table under a heading.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split(&format!("\n{heading}\n")).nth(1).expect(heading);
    section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
        })
        .collect()
}

#[test]
fn every_error_code_is_on_the_page_with_its_exit_code() {
    let page = page("docs/cli.md");
    let listed: BTreeMap<String, String> =
        table(&page, "## Errors").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let known: BTreeMap<String, String> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let name = serde_json::to_value(code).unwrap().as_str().unwrap().to_owned();
            (name, code.exit_code().to_string())
        })
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn every_event_is_on_the_page_and_can_be_watched() {
    let rows = table(&page("docs/cli.md"), "## Events");
    let listed: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let refused = run(&["--json", "watch", "--event", "nonsense"]).error();
    let message = refused["message"].as_str().unwrap();
    for kind in [
        "ready",
        "message",
        "state",
        "contact",
        "conversation",
        "happened",
        "transfer",
        "link_up",
        "link_down",
        "nearby",
        "notice",
        "lagged",
    ] {
        assert!(listed.contains(&kind), "{kind}");
        assert!(message.contains(kind), "{kind} can't be watched: {message}");
    }
    assert_eq!(listed.len(), 12);
    assert!(rows.iter().all(|row| row[1] == "yes" || row[1] == "no"));
}

#[test]
fn every_command_of_the_page_exists() {
    let page = page("docs/cli.md");
    let help = run(&["--help"]).ok();
    let commands = help.split("Commands:").nth(1).unwrap().split("Options").next().unwrap();
    for name in commands.lines().filter(|l| l.starts_with("  ") && !l.starts_with("   ")) {
        let name = name.split_whitespace().next().unwrap();
        if name != "help" {
            assert!(page.contains(&format!("`{name}")), "`{name}` is not on the page");
        }
    }
}
