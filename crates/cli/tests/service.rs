//! The user unit of systemd that keeps a node running.

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

use desk::{Desk, page, program};
use nexus_node::api::ErrorCode;

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    if !Command::new("systemd-analyze").arg("--version").output().is_ok_and(|o| o.status.success())
    {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI runs this through ./test");
        eprintln!("left out: there is no systemd-analyze; ./test installs it");
        return;
    }
    let desk = Desk::new();
    let (home, run) = (desk.path("home"), desk.path("run"));
    fs::create_dir_all(home.join(".local/bin")).unwrap();
    fs::create_dir_all(&run).unwrap();
    std::os::unix::fs::symlink(program(), home.join(".local/bin/nexus")).unwrap();
    let unit = desk.path("nexus.service");
    fs::write(&unit, page("dist/nexus.service")).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["--user", "verify"]).arg(&unit).env("HOME", &home).env("XDG_RUNTIME_DIR", &run);
    let out = verify.output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_unit_does_not_start_again_what_would_fail_again() {
    let unit = page("dist/nexus.service");
    let line = unit.lines().find_map(|l| l.strip_prefix("RestartPreventExitStatus=")).unwrap();
    let codes: Vec<u8> = line.split(' ').map(|code| code.parse().unwrap()).collect();
    for code in [ErrorCode::Usage, ErrorCode::BadConfig, ErrorCode::NoIdentity] {
        assert!(codes.contains(&code.exit_code()), "{code:?}");
    }
    // Busy: any short command holds the directory while no node runs.
    for code in [ErrorCode::Busy, ErrorCode::DiskFull] {
        assert!(!codes.contains(&code.exit_code()), "{code:?} may pass");
    }
    // systemd gives up for good after 5 starts in 10 s.
    let wait = unit.lines().find_map(|l| l.strip_prefix("RestartSec=")).unwrap();
    assert!(wait.parse::<u32>().unwrap() >= 3, "{wait}");
}
