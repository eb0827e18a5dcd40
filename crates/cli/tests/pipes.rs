//! Pipes: early readers, standard input, colours, and what goes where.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::io::Read;
use std::process::{Command, Stdio};

use desk::{Desk, Run, program};

#[test]
fn a_reader_that_goes_away_early_is_no_error() {
    for args in [&["completions", "zsh"][..], &["man"], &["--help"], &["config", "get", "--json"]] {
        let mut child = Command::new(program())
            .args(args)
            .args(["--data-dir", "/nonexistent"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_full_device_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let out = Command::new(program())
        .args(["--json", "completions", "bash"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8(out.stderr).unwrap().contains("standard output can't be written"));
}

#[test]
fn what_is_no_terminal_gets_neither_colours_nor_progress() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    for args in [&["id", "--qr"][..], &["status"], &["conversations"], &["doctor"], &["nearby"]] {
        let run = ana.text(args);
        assert_eq!(run.code, 0, "{args:?} {run:?}");
        assert!(
            !run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'),
            "{args:?} {run:?}"
        );
    }
}

#[test]
fn a_text_comes_from_standard_input_without_its_last_line_break() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    let input = "two\nlines ü\n".as_bytes();
    let sent = ana.json_with_input(&["send", &ben.id, "-", "--wait", "delivered"], input).row();
    assert_eq!(sent["state"], "delivered");
    assert_eq!(ben.history(&ana).last().unwrap()["text"], "two\nlines ü");
    let bytes = ana.json_with_input(&["send", &ben.id, "-"], b"\xff\xfe");
    assert_eq!((bytes.code, bytes.error()["code"].as_str()), (2, Some("usage")));
}

#[test]
fn a_signal_ends_what_goes_on_in_good_order() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    for name in ["INT", "TERM"] {
        let node = ana.node();
        let watch = ana.goes_on(&["nearby", "--watch"]);
        // The node's own row, or nothing: either way it is attached once another command was answered.
        ana.json(&["id"]).row();
        watch.signal(name);
        node.signal(name);
        assert_eq!(node.ends(), 0, "{name}");
        drop(watch);
        assert!(!ana.dir.join("control.sock").exists(), "{name}");
    }
}

#[test]
fn json_goes_to_standard_output_and_everything_else_does_not() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let run: Run = ana.json(&["contact", "list"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    let run = ana.text(&["contact", "list"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    assert!(run.stderr.contains("No contacts yet"));
}
