//! Every error of `docs/cli.md`, met for real: text and JSON, exit code, hint.

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
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

use desk::{Desk, Person, Run, program};
use nexus_node::api::ErrorCode;
use nexus_node::control::MAX_CLIENTS;

/// The situation must give this error, told as the page says.
fn refuses(person: &Person, args: &[&str], code: &str) -> Run {
    check(code, &person.text(args), &person.json(args));
    person.json(args)
}

fn check(code: &str, text: &Run, json: &Run) {
    let known: ErrorCode = serde_json::from_value(code.into()).unwrap();
    let exit = i32::from(known.exit_code());
    let error = json.error();
    assert_eq!(error["code"], code, "{json:?}");
    assert_eq!((json.code, text.code), (exit, exit), "{code}: {text:?}");
    let message = error["message"].as_str().unwrap();
    let hint = error["hint"].as_str().unwrap();
    assert!(message.len() > 5 && hint.len() > 5, "{code} says too little: {error}");
    assert_eq!(text.stderr.lines().count(), 1, "{code} is not one line: {text:?}");
    let line = text.stderr.trim_end();
    assert!(line.starts_with("error: ") && line.contains(" — "), "{line}");
    assert!(!line.contains('\u{1b}'), "{line}");
}

#[test]
fn usage() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let twice = refuses(&ana, &["sned", "Ben", "hi"], "usage");
    assert!(twice.error()["hint"].as_str().unwrap().contains("send"), "{twice:?}");
    let run = refuses(&ana, &["send", "Ben"], "usage");
    assert!(run.error()["message"].as_str().unwrap().contains("<TEXT>"), "{run:?}");
    assert!(run.error()["hint"].as_str().unwrap().contains("nexus send --help"), "{run:?}");
    refuses(&ana, &["timer", "Ben", "soon"], "usage");
    refuses(&ana, &["wipe"], "usage");
    refuses(&ana, &["watch", "--event", "nonsense"], "usage");
    refuses(&ana, &["watch", "--since", "nonsense"], "usage");
    refuses(&ana, &["send", "Ben", "hi", "--wait", "soon"], "usage");
}

#[test]
fn failed() {
    let desk = Desk::new();
    let nobody = desk.nobody("nobody");
    fs::write(desk.path("file"), "").unwrap();
    let dir = desk.path("file/man");
    refuses(&nobody, &["man", "--dir", dir.to_str().unwrap()], "failed");
}

#[test]
fn no_identity_and_identity_exists() {
    let desk = Desk::new();
    let mut nobody = desk.nobody("nobody");
    for args in [&["id"][..], &["node"], &["send", "Ben", "hi"], &["wipe", "--yes-delete", "x"]] {
        refuses(&nobody, args, "no_identity");
    }
    nobody.dir = desk.path("not/there");
    refuses(&nobody, &["history", "Ben"], "no_identity");
    assert!(!nobody.dir.exists(), "reading made a directory");

    let ana = desk.person("Ana");
    let key = fs::read(ana.dir.join("identity.key")).unwrap();
    refuses(&ana, &["init", "--name", "Eve"], "identity_exists");
    refuses(&ana, &["backup", "restore", "/nonexistent"], "identity_exists");
    assert_eq!(fs::read(ana.dir.join("identity.key")).unwrap(), key);
}

#[test]
fn bad_name() {
    let desk = Desk::new();
    let nobody = desk.nobody("nobody");
    for name in ["", "  ", "\u{200b}\u{1b}", &"x".repeat(65)] {
        refuses(&nobody, &["init", "--name", name], "bad_name");
    }
    let ana = desk.person("Ana");
    refuses(&ana, &["profile", "set", "--name", " "], "bad_name");

    // What can't be seen is left out, and the hint says so instead of calling it an error.
    let seen = ana.json(&["profile", "set", "--name", "An\u{1b}a\u{202e} B."]).row();
    assert_eq!(seen["name"], "Ana B.");
    let run = refuses(&ana, &["profile", "set", "--name", &"ä".repeat(33)], "bad_name");
    assert!(run.error()["message"].as_str().unwrap().contains("66 bytes"), "{run:?}");
    assert!(run.error()["hint"].as_str().unwrap().contains("64 bytes"), "{run:?}");
    assert_eq!(
        ana.json(&["profile", "set", "--name", &"ä".repeat(32)]).row()["name"],
        "ä".repeat(32)
    );

    // A name that only I see may be longer.
    let _node = ana.node();
    let ben = desk.person("Ben");
    let add = |name: &str| ana.json(&["contact", "add", &ben.id, "--name", name]);
    assert_eq!(add(&"x".repeat(256)).row()["name"], "x".repeat(256));
    for name in ["\u{200b}", &"x".repeat(257)] {
        let run = refuses(&ana, &["contact", "add", &ben.id, "--name", name], "bad_name");
        assert!(run.error()["hint"].as_str().unwrap().contains("256 bytes"), "{run:?}");
        refuses(&ana, &["contact", "rename", &ben.id, name], "bad_name");
    }
    assert_eq!(
        ana.json(&["contact", "rename", &ben.id, " B\u{7}en\u{200b} "]).row()["name"],
        "Ben"
    );
}

#[test]
fn not_found_and_ambiguous() {
    let desk = Desk::new();
    let (ana, ben, carl) = (desk.person("Ana"), desk.person("Ben"), desk.person("Carl"));
    refuses(&ana, &["config", "get", "nonsense"], "not_found");
    refuses(
        &ana,
        &["backup", "restore", "/nonexistent", "--data-dir", desk.path("x").to_str().unwrap()],
        "not_found",
    );
    let _node = ana.node();
    for args in [
        &["send", "Nobody", "hi"][..],
        &["history", "Nobody"],
        &["contact", "accept", "Nobody"],
        &["why", "0123456789abcdef"],
        &["edit", "0123456789abcdef", "x"],
        &["device", "revoke", "0123456789abcdef"],
    ] {
        refuses(&ana, args, "not_found");
    }
    for other in [&ben, &carl] {
        ana.json(&["contact", "add", &other.id, "--name", "Twin"]).row();
    }
    let run = refuses(&ana, &["contact", "rename", "Twin", "x"], "ambiguous");
    let message = run.error()["message"].as_str().unwrap().to_owned();
    for other in [&ben, &carl] {
        assert!(message.contains(&other.id[4..12]), "the candidates are listed: {message}");
    }
}

#[test]
fn bad_connect_id_and_bad_invite_and_is_self() {
    let desk = Desk::new();
    let (ana, ben) = (desk.person("Ana"), desk.person("Ben"));
    let _node = ana.node();
    let mut typo = ben.id.clone();
    typo.replace_range(20..21, if &typo[20..21] == "q" { "p" } else { "q" });
    let run = refuses(&ana, &["contact", "add", &typo], "bad_connect_id");
    assert!(run.error()["message"].as_str().unwrap().contains("21"), "the place is named: {run:?}");
    refuses(&ana, &["send", &typo, "hi"], "bad_connect_id");
    for link in ["nexus:", "nexus:AAAA", "nexus:%%%"] {
        refuses(&ana, &["contact", "add", link], "bad_invite");
    }
    refuses(&ana, &["contact", "add", &ana.id], "is_self");
}

#[test]
fn card_unknown() {
    let desk = Desk::new();
    let (ana, ben) = (desk.person("Ana"), desk.person("Ben"));
    let _node = ana.node();
    ana.json(&["contact", "add", &ben.id]).row();
    refuses(&ana, &["send", &ben.id, "hi"], "card_unknown");
    assert_eq!(ana.json(&["status"]).row()["queued"], 0, "nothing was stored");
}

#[test]
fn wrong_state_blocked_not_author_empty_and_too_long() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    refuses(&ana, &["contact", "accept", &ben.id], "wrong_state");
    let id = ben.delivers(&ana, "mine");
    refuses(&ana, &["edit", &id, "yours"], "not_author");
    let gone = ben.delivers(&ana, "taken back at once");
    ben.json(&["retract", &gone]).row();
    refuses(&ben, &["edit", &gone, "too late"], "wrong_state");
    refuses(&ben, &["react", &gone, "👍"], "wrong_state");
    refuses(&ana, &["retract", &id], "not_author");
    refuses(&ana, &["send", &ben.id, ""], "empty");
    let long = "x".repeat(32 * 1024 + 1);
    let text = {
        let mut command = ana.command(&["send", &ben.id, "-"]);
        command.stdin(Stdio::piped());
        Run::of(command, long.as_bytes())
    };
    check("too_long", &text, &ana.json_with_input(&["send", &ben.id, "-"], long.as_bytes()));
    let whole = &long.as_bytes()[1..];
    ana.json_with_input(&["send", &ben.id, "-"], whole).row();
    refuses(&ana, &["contact", "add", &ben.id, "--message", &"x".repeat(501)], "too_long");
    ana.json(&["contact", "block", &ben.id]).row();
    refuses(&ana, &["send", &ben.id, "hi"], "blocked");
}

#[test]
fn timed_out_keeps_the_message() {
    let desk = Desk::new();
    let (ana, _a, ben, node_b) = desk.friends();
    node_b.stop();
    let args = ["send", &ben.id, "later", "--wait", "delivered", "--timeout", "1s"];
    let text = ana.text(&args);
    let json = ana.json(&args);
    check("timed_out", &text, &json);
    assert_eq!(json.lines().len(), 1);
    assert!(matches!(json.lines()[0]["state"].as_str(), Some("queued" | "sent")), "{json:?}");
    assert!(text.stdout.starts_with("queued") || text.stdout.starts_with("sent"), "{text:?}");
    assert_eq!(ana.history(&ben).iter().filter(|row| row["text"] == "later").count(), 2, "kept");
    let args = ["watch", "--event", "notice", "--timeout", "1s"];
    check("timed_out", &ana.text(&args), &ana.json(&args));
}

#[test]
fn unreachable_when_the_node_dies_in_the_middle() {
    let desk = Desk::new();
    let (ana, ben) = (desk.person("Ana"), desk.person("Ben"));
    let mut runs = Vec::new();
    for flag in ["--no-color", "--json"] {
        let node = ana.node();
        ana.json(&["contact", "add", &ben.id]).row();
        let mut watch = ana.command(&["watch", "--since", "c0", flag]).spawn().unwrap();
        // Once it has shown what is kept, it waits for more.
        let mut line = String::new();
        BufReader::new(watch.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("contact"), "{line}");
        node.kill();
        let out = watch.wait_with_output().unwrap();
        runs.push(Run {
            code: out.status.code().unwrap(),
            stdout: String::new(),
            stderr: String::from_utf8(out.stderr).unwrap(),
        });
    }
    check("unreachable", &runs[0], &runs[1]);
}

#[test]
fn busy_when_a_node_runs_and_when_the_directory_is_held() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let node = ana.node();
    refuses(&ana, &["node"], "busy");
    node.stop();
    // Somebody holds the lock and never opens the door.
    let mut holder = Command::new("flock")
        .arg("--no-fork")
        .arg(ana.dir.join("lock"))
        .args(["sh", "-c", "echo held; exec sleep 600"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (text, json) = std::thread::scope(|scope| {
        let text = scope.spawn(|| ana.text(&["id"]));
        let json = scope.spawn(|| ana.json(&["id"]));
        (text.join().unwrap(), json.join().unwrap())
    });
    holder.kill().unwrap();
    holder.wait().unwrap();
    check("busy", &text, &json);
}

#[test]
fn api_version() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let listener = UnixListener::bind(ana.dir.join("control.sock")).unwrap();
    let stranger = std::thread::spawn(move || {
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            writeln!(stream, r#"{{"answer":"hello","api":99,"version":"9.9.9"}}"#).unwrap();
        }
    });
    refuses(&ana, &["id"], "api_version");
    stranger.join().unwrap();
}

#[test]
fn newer_version() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let path = ana.dir.join("nexus.db");
    let mut bytes = fs::read(&path).unwrap();
    // `user_version` of an SQLite file.
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(&path, &bytes).unwrap();
    refuses(&ana, &["id"], "newer_version");
    assert_eq!(fs::read(&path).unwrap(), bytes, "it was not touched");
}

/// Runs the program where the data directory is a file system of its own, mounted so.
fn mounted(person: &Person, options: &str, args: &[&str]) -> (Run, Run) {
    let run = |json: bool| {
        let mut command = Command::new("unshare");
        let dir = person.dir.to_str().unwrap();
        let flag = if json { "--json" } else { "--no-color" };
        // The directory's files are carried into the mount, as far as they fit.
        let script = format!(
            "cp -a '{dir}' '{dir}.copy' && mount -t tmpfs -o size=4m tmpfs '{dir}' && \
             cp -a '{dir}.copy/.' '{dir}/' && rm -r '{dir}.copy' && {options} && exec \"$@\""
        );
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
        command.arg(program()).args([flag, "--data-dir", dir]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Run::of(command, b"")
    };
    (run(false), run(true))
}

#[test]
fn disk_full_and_read_only() {
    if std::env::var_os("NEXUS_TEST_NO_NETNS").is_some() {
        eprintln!("left out: NEXUS_TEST_NO_NETNS is set, and this needs mount namespaces");
        return;
    }
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let dir = ana.dir.to_str().unwrap();
    let fill = format!("cat /dev/zero > '{dir}/fill' 2>/dev/null; true");
    let (text, json) = mounted(&ana, &fill, &["profile", "set", "--name", "Ana B."]);
    check("disk_full", &text, &json);
    let lock = format!("mount -o remount,ro '{dir}'");
    let (text, json) = mounted(&ana, &lock, &["profile", "set", "--name", "Ana B."]);
    check("read_only", &text, &json);
    assert_eq!(ana.json(&["id"]).row()["name"], "Ana", "nothing was lost");
}

#[test]
fn damaged() {
    let desk = Desk::new();
    let (ana, node_a, ben, node_b) = desk.friends();
    ana.delivers(&ben, "something to damage");
    node_a.stop();
    node_b.stop();
    let damage = "import sqlite3,sys
db=sqlite3.connect(sys.argv[1])
for (name,) in db.execute(\"select name from sqlite_master where type='trigger'\").fetchall():
    db.execute('drop trigger '+name)
n=0
for (table,) in db.execute(\"select name from sqlite_master where type='table'\").fetchall():
    columns=[c[1] for c in db.execute('pragma table_info('+table+')')]
    if 'payload' in columns and table in ('entries','entry'):
        n+=db.execute('update '+table+' set payload=zeroblob(length(payload))').rowcount
db.commit()
sys.exit(0 if n else 3)";
    let done = Command::new("python3").arg("-c").arg(damage).arg(ana.dir.join("nexus.db")).status();
    assert!(done.unwrap().success(), "no payload was found to damage");
    refuses(&ana, &["log", "verify"], "damaged");
}

#[test]
fn bad_backup_and_weak_phrase() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let (file, phrase) = (desk.path("ana.backup"), desk.path("phrase"));
    let (file, phrase) = (file.to_str().unwrap(), phrase.to_str().unwrap());
    fs::write(phrase, "abc\n").unwrap();
    refuses(&ana, &["backup", "create", file, "--phrase-file", phrase], "weak_phrase");
    let made = ana.json(&["backup", "create", file]).row();
    refuses(&ana, &["backup", "create", file], "usage");
    let nobody = desk.nobody("nobody");
    fs::write(phrase, "wrong words entirely\n").unwrap();
    refuses(&nobody, &["backup", "restore", file, "--phrase-file", phrase], "bad_backup");
    let cut = desk.path("cut.backup");
    let bytes = fs::read(file).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(phrase, made["phrase"].as_str().unwrap()).unwrap();
    refuses(
        &nobody,
        &["backup", "restore", cut.to_str().unwrap(), "--phrase-file", phrase],
        "bad_backup",
    );
    nobody.json(&["backup", "restore", file, "--phrase-file", phrase]).row();
}

#[test]
fn limit_of_commands_at_once() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let _node = ana.node();
    // Each is greeted, or told why not; `nexus node` watches its own node too.
    let attach = || {
        let stream = UnixStream::connect(ana.dir.join("control.sock")).unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        line.contains("hello").then_some(stream)
    };
    let others: Vec<UnixStream> = (0..=MAX_CLIENTS).map_while(|_| attach()).collect();
    assert!((MAX_CLIENTS - 4..=MAX_CLIENTS).contains(&others.len()), "{}", others.len());
    let run = refuses(&ana, &["id"], "limit");
    assert!(run.error()["message"].as_str().unwrap().contains("64"), "{run:?}");
    refuses(&ana, &["watch"], "limit");
    drop(others);
    let answered = || ana.json(&["id"]).code == 0;
    assert!((0..1_000).any(|_| answered()), "it is for as long as they are there");
}

#[test]
fn limit_of_open_invites() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    ana.json(&["invite", "--uses", "3"]).row();
    let fill = "import os,sqlite3,sys
db=sqlite3.connect(sys.argv[1])
with db: db.executemany('insert into invites (secret,uses,expires) values (?,1,1<<52)', [(os.urandom(16),) for _ in range(1023)])";
    let done = Command::new("python3").arg("-c").arg(fill).arg(ana.dir.join("nexus.db")).status();
    assert!(done.unwrap().success());
    let run = refuses(&ana, &["invite"], "limit");
    assert!(run.error()["hint"].as_str().unwrap().contains("--uses"), "{run:?}");
}

/// Restores a backup as another device, and gives it with a backup of its own: a chain in which each knows all before.
fn next_device(desk: &Desk, name: &str, file: &str, phrase: &str) -> (Person, String) {
    let device = desk.nobody(name);
    device.json(&["backup", "restore", file, "--phrase-file", phrase]).row();
    let own = desk.path(&format!("{name}.backup")).to_str().unwrap().to_owned();
    device.json(&["backup", "create", &own, "--phrase-file", phrase]).row();
    (device, own)
}

#[test]
fn device_limit_of_the_ninth() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let (mut file, phrase) =
        (desk.path("0.backup").to_str().unwrap().to_owned(), desk.path("phrase"));
    fs::write(&phrase, "a longer phrase than anybody guesses, 4711 times").unwrap();
    let phrase = phrase.to_str().unwrap();
    ana.json(&["backup", "create", &file, "--phrase-file", phrase]).row();
    let mut last = ana;
    for number in 2..=9 {
        if number == 9 {
            last.json(&["send", "self", "the eighth may write"]).row();
        }
        (last, file) = next_device(&desk, &format!("device {number}"), &file, phrase);
    }
    let devices = last.json(&["device", "list"]).rows();
    assert_eq!(devices.len(), 9, "the list to revoke from: {devices:?}");
    let run = refuses(&last, &["send", "self", "the ninth may not"], "device_limit");
    assert!(run.error()["hint"].as_str().unwrap().contains("nexus device revoke"), "{run:?}");
    last.json(&["history", "self"]).rows();

    let other = devices.iter().find(|d| d["this"] == false).unwrap();
    last.json(&["device", "revoke", other["instance"].as_str().unwrap()]).row();
    last.json(&["send", "self", "now there is room"]).row();
}

#[test]
fn device_limit_of_a_revoked_one() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let device = ana.json(&["device", "list"]).row()["instance"].as_str().unwrap().to_owned();
    ana.json(&["send", "self", "while it is live"]).row();
    ana.json(&["device", "revoke", &device]).row();
    refuses(&ana, &["send", "self", "too late"], "device_limit");
    assert_eq!(ana.json(&["history", "self"]).rows().len(), 1, "it can still read");
}

#[test]
fn bad_config() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    refuses(&ana, &["config", "set", "visibility", "sometimes"], "bad_config");
    fs::write(ana.dir.join("config.toml"), "# mine\nvisibility = 7\n").unwrap();
    for args in [&["config", "get"][..], &["id"], &["node"]] {
        let run = refuses(&ana, args, "bad_config");
        assert!(run.error()["message"].as_str().unwrap().contains("line 2"), "{run:?}");
    }
}

#[test]
fn a_backup_that_can_not_be_written_leaves_nothing() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    let run = ana.text(&["backup", "create", "/nonexistent/nexus.backup"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("opens with these words"), "{run:?}");
    assert!(!run.stdout.contains("is written"), "{run:?}");
}

#[test]
fn not_confirmed_and_then_wiped() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    refuses(&ana, &["wipe", "--yes-delete", "Ben"], "not_confirmed");
    let node = ana.node();
    refuses(&ana, &["wipe", "--yes-delete", "Ben"], "not_confirmed");
    assert_eq!(ana.json(&["id"]).row()["name"], "Ana");
    assert_eq!(ana.json(&["wipe", "--yes-delete", "Ana"]).row()["wiped"], true);
    assert_eq!(node.ends(), 0, "the node was ended first");
    refuses(&ana, &["id"], "no_identity");
}
