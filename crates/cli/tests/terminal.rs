//! What a person sees who types at a terminal: a phrase that opens a backup is not shown.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::fs;
use std::process::Command;

use desk::{Desk, Run, program};
use serde_json::Value;

/// Runs a program on a terminal of its own, types `sys.argv[1]` once it asks, and tells what was seen, how it ended, and
/// whether the terminal showed what is typed before, while it was asked, and after.
const TERMINAL: &str = r#"
import json, os, pty, select, sys, termios
shows = lambda fd: bool(termios.tcgetattr(fd)[3] & termios.ECHO)
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
before, asked, seen = shows(fd), None, b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if asked is None and b"Phrase of the backup" in seen and seen.rstrip().endswith(b":"):
        asked = shows(fd)
        os.write(fd, sys.argv[1].encode("latin-1"))
_, status = os.waitpid(pid, 0)
print(json.dumps(dict(seen=seen.decode(), code=os.waitstatus_to_exitcode(status), before=before, asked=asked, after=shows(fd))))
"#;

fn at_a_terminal(types: &str, args: &[&str]) -> Value {
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, types, program()]).args(args).env("TERM", "xterm");
    command.env_remove("NEXUS_DATA_DIR").env_remove("NEXUS_LOG");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Run::of(command, b"").row()
}

#[test]
fn the_phrase_of_a_backup_is_not_shown_while_it_is_typed() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let (file, phrase) = (desk.path("ana.backup"), desk.path("phrase"));
    fs::write(&phrase, "a longer phrase than anybody guesses, 4711 times\n").unwrap();
    let file = file.to_str().unwrap();
    ana.json(&["backup", "create", file, "--phrase-file", phrase.to_str().unwrap()]).row();

    // Ctrl-C at the question: nothing was made, and the terminal shows again what is typed.
    let dir = desk.path("back");
    let args = ["--data-dir", dir.to_str().unwrap(), "backup", "restore", file];
    let broken_off = at_a_terminal("\u{3}", &args);
    assert_eq!(broken_off["code"], 130, "{broken_off}");
    for (when, shown) in [("before", true), ("asked", false), ("after", true)] {
        assert_eq!(broken_off[when], shown, "{when}: {broken_off}");
    }
    assert!(!dir.join("identity.key").exists());

    // The phrase, and then no to the question whether other devices are to be revoked, which is shown.
    let typed = format!("{}no\n", fs::read_to_string(&phrase).unwrap());
    let back = at_a_terminal(&typed, &args);
    let seen = back["seen"].as_str().unwrap();
    assert_eq!(back["code"], 0, "{back}");
    assert!(seen.contains("Welcome back") && !seen.contains("guesses"), "{seen}");
    assert!(seen.contains("Revoke all of them?"), "{seen}");
    assert_eq!((&back["asked"], &back["after"]), (&false.into(), &true.into()), "{back}");
}
