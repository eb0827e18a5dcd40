//! The JSON fields of every command are those of `docs/cli.md`: none is missing, and none is there without being told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, Run, page};
use serde_json::Value;

/// The fields a row must have, and those it may have.
#[derive(Debug, Default)]
struct Fields {
    must: BTreeSet<String>,
    may: BTreeSet<String>,
}

impl Fields {
    /// Reads `a b[] c{…} [d]`.
    fn read(text: &str) -> Self {
        let mut fields = Self::default();
        for word in text.split_whitespace() {
            let name = word.replace("[]", "").replace("{…}", "");
            match name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
                Some(name) => fields.may.insert(name.to_owned()),
                None => fields.must.insert(name),
            };
        }
        assert!(!fields.must.is_empty(), "no fields in {text:?}");
        fields
    }

    fn check(&self, what: &str, row: &Value) {
        let have: BTreeSet<String> = row.as_object().expect(what).keys().cloned().collect();
        let missing: Vec<_> = self.must.difference(&have).collect();
        assert!(missing.is_empty(), "{what}: {missing:?} missing in {row}");
        let known: BTreeSet<String> = self.must.union(&self.may).cloned().collect();
        let untold: Vec<_> = have.difference(&known).collect();
        assert!(untold.is_empty(), "{what}: {untold:?} not on the page: {row}");
    }
}

struct Page(String);

impl Page {
    fn open() -> Self {
        Self(page("docs/cli.md"))
    }

    /// Fields of a command, by the beginning of its row in the table.
    fn command(&self, start: &str) -> Fields {
        let rows: Vec<&str> =
            self.0.lines().filter(|l| l.starts_with(&format!("| `{start}"))).collect();
        let row = rows.first().unwrap_or_else(|| panic!("no row for `{start}`"));
        let cell = row.trim_end_matches('|').rsplit(" | ").next().unwrap().trim();
        match cell.strip_prefix('`').and_then(|c| c.strip_suffix('`')) {
            Some(fields) => Fields::read(fields),
            // `message, and …`, `message; with …`: what is meant is the row named first.
            None => self.named(cell.split([',', ';']).next().unwrap()),
        }
    }

    /// Fields of a row that has a name of its own.
    fn named(&self, name: &str) -> Fields {
        let whole = self.0.replace("\n  ", " ");
        let start = format!("- **{name}**");
        let line = whole.lines().find(|l| l.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("no row named `{name}`"));
        Fields::read(line.split('`').skip(1).step_by(2).find(|code| code.contains(' ')).unwrap())
    }

    fn event(&self, kind: &str) -> (Fields, bool) {
        let row = self.0.lines().find(|l| l.starts_with(&format!("| `{kind}` | "))).unwrap();
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let mut fields = Fields::read(cells[3].trim_end_matches('|').trim().trim_matches('`'));
        fields.must.insert("event".to_owned());
        (fields, cells[1] == "yes")
    }
}

#[test]
fn commands_about_myself() {
    let (desk, page) = (Desk::new(), Page::open());
    let nobody = desk.nobody("nobody");
    page.command("nexus`").check("nexus", &nobody.json(&[]).row());
    let row = nobody.json(&["init", "--name", "Ana"]).row();
    page.command("init").check("init", &row);
    let ana = nobody;
    page.command("id ").check("id", &ana.json(&["id"]).row());
    page.command("id ").check("profile", &ana.json(&["profile", "set", "--name", "Ana B."]).row());
    page.command("status").check("status", &ana.json(&["status"]).row());
    for row in ana.json(&["doctor"]).rows() {
        page.command("doctor").check("doctor", &row);
    }
    page.command("invite").check("invite", &ana.json(&["invite"]).row());
    for row in ana.json(&["device", "list"]).rows() {
        page.command("device list").check("device", &row);
    }
    for row in ana.json(&["config", "get"]).rows() {
        page.command("config get").check("config", &row);
    }
    page.command("config path").check("config path", &ana.json(&["config", "path"]).row());
    let file = desk.path("a.backup");
    let file = file.to_str().unwrap();
    let made = ana.json(&["backup", "create", file]).row();
    page.command("backup create").check("backup create", &made);
    let again = desk.nobody("again");
    let phrase = format!("{}\n", made["phrase"].as_str().unwrap());
    let row = again.json_with_input(&["backup", "restore", file], phrase.as_bytes()).row();
    page.command("backup restore").check("backup restore", &row);
    assert_eq!(row["connect_id"], ana.json(&["id"]).row()["connect_id"]);
    let wiped = again.json(&["wipe", "--yes-delete", row["name"].as_str().unwrap()]).row();
    page.command("wipe").check("wipe", &wiped);
}

#[test]
fn commands_between_two() {
    let (desk, page) = (Desk::new(), Page::open());
    let (ana, _a, ben, _b) = desk.friends();
    let id = ana.delivers(&ben, "hello there");
    let answered = ben.delivers(&ana, "hello back");
    let every = |command: &str, args: &[&str]| {
        let rows = ana.json(args).rows();
        assert!(!rows.is_empty(), "{args:?}");
        for row in &rows {
            page.command(command).check(command, row);
        }
        rows
    };
    every("nearby", &["nearby"]);
    every("contact list", &["contact", "list"]);
    every("contact verify", &["contact", "verify", "Ben"]);
    every("contact rename", &["contact", "rename", "Ben", "Ben"]);
    every("send", &["send", "Ben", "again", "--reply", &answered, "--wait", "delivered"]);
    every("edit", &["edit", &id, "hello, there"]);
    every("edit", &["react", &answered, "👍"]);
    every("read", &["read", "Ben"]);
    every("timer", &["timer", "Ben", "off"]);
    every("mute", &["mute", "Ben", "1h"]);
    every("draft", &["draft", "Ben", "x"]);
    every("history", &["history", "Ben"]);
    every("conversations", &["conversations"]);
    let found = every("search", &["search", "hello"]);
    assert!(found[0]["snippet"].is_string());
    every("export", &["export", "Ben"]);
    every("log verify", &["log", "verify"]);
    every("log verify", &["log", "show", "Ben"]);
    every("log verify", &["log", "rebuild"]);
    every("log show CONV --raw", &["log", "show", "Ben", "--raw"]);
    every("digest", &["digest", "Ben"]);
    every("why", &["why", &id]);
    let status = ana.json(&["status"]).row();
    page.named("link").check("link", &status["links"][0]);
    let reacted =
        ana.history(&ben).into_iter().find(|r| r["entry_id"] == answered.as_str()).unwrap();
    Fields::read("emoji by[]").check("reaction", &reacted["reactions"][0]);
    every("contact accept", &["contact", "block", "Ben"]);
    every("contact accept", &["contact", "unblock", "Ben"]);
}

#[test]
fn events() {
    let (desk, page) = (Desk::new(), Page::open());
    let (ana, ben) = (desk.person("Ana"), desk.person("Ben"));
    let mut node = ana.goes_on(&["node"]);
    let mut seen = BTreeSet::new();
    let mut next = |until: &dyn Fn(&Value) -> bool| {
        loop {
            let event = node.line();
            let kind = event["event"].as_str().unwrap().to_owned();
            let (mut fields, durable) = page.event(&kind);
            if durable {
                fields.must.insert("cursor".to_owned());
            }
            fields.check(&kind, &event);
            seen.insert(kind);
            if until(&event) {
                return;
            }
        }
    };
    next(&|e| e["event"] == "ready");
    let _b = ben.node();
    ana.becomes_contact_of(&ben);
    let sent = ben.delivers(&ana, "hi");
    next(&|e| e["message"]["entry_id"] == sent.as_str());
    let mine = ana.delivers(&ben, "hi");
    next(&|e| e["event"] == "state" && e["entry_id"] == mine.as_str() && e["state"] == "delivered");
    drop(_b);
    next(&|e| e["event"] == "link_down");
    for kind in
        ["ready", "nearby", "contact", "conversation", "link_up", "link_down", "message", "state"]
    {
        assert!(seen.contains(kind), "{kind} was not told: {seen:?}");
    }
}

#[test]
fn times_are_rfc_3339_with_milliseconds_in_utc() {
    let desk = Desk::new();
    let (ana, _a, ben, _b) = desk.friends();
    let id = ana.delivers(&ben, "now");
    let mut times = vec![
        ana.history(&ben).pop().unwrap()["time"].clone(),
        ana.json(&["nearby"]).rows()[0]["last_seen"].clone(),
        ana.json(&["contact", "list"]).rows()[0]["last_seen"].clone(),
        ana.json(&["device", "list"]).rows()[0]["added"].clone(),
        ana.json(&["invite"]).row()["expires"].clone(),
    ];
    times.extend(ana.json(&["why", &id]).rows().iter().map(|row| row["time"].clone()));
    for time in times {
        let text = time.as_str().unwrap_or_else(|| panic!("{time}"));
        assert_eq!(text.len(), "2026-11-23T10:00:00.000Z".len(), "{text}");
        assert!(text.ends_with('Z') && text.as_bytes()[19] == b'.', "{text}");
    }
}

#[test]
fn a_file_of_a_bare_name_is_written_where_one_stands() {
    let desk = Desk::new();
    let ana = desk.person("Ana");
    ana.json(&["send", "self", "to be kept"]).row();
    let here = desk.path("here");
    std::fs::create_dir(&here).unwrap();
    for args in [
        &["backup", "create", "ana.backup"][..],
        &["export", "self", "--format", "html", "--output", "self.html"],
    ] {
        let mut command = ana.command(args);
        command.arg("--json").current_dir(&here);
        Run::of(command, b"").row();
        assert!(std::fs::metadata(here.join(args.last().unwrap())).unwrap().len() > 100);
    }
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 2, "nothing else is left there");
}
