//! Checks of everything a message depends on, and what to do about what is wrong.

use std::sync::Arc;

use crate::api::CheckView;
use crate::core::Core;
use crate::time::{RELEASED, now, rfc3339};

/// Free space below which the disk is called nearly full, bytes.
const LITTLE_SPACE: u64 = 256 * 1024 * 1024;

/// Runs all checks; takes a second or two, for the network ones.
pub(crate) async fn checks(core: &Arc<Core>) -> Vec<CheckView> {
    let mut checks = vec![clock(), store(core), disk(core), identity(core)];
    let network =
        nexus_transport::doctor::check(core.config.discovery_port, core.config.loopback_only).await;
    checks.extend(network.into_iter().map(|c| CheckView {
        check: c.check.to_owned(),
        ok: c.ok,
        detail: c.detail,
        hint: c.hint,
    }));
    checks.push(listening(core));
    checks
}

fn check(name: &str, ok: bool, detail: String, hint: &str) -> CheckView {
    CheckView { check: name.to_owned(), ok, detail, hint: (!ok).then(|| hint.to_owned()) }
}

fn clock() -> CheckView {
    let now = now();
    check(
        "clock",
        now >= RELEASED,
        format!("this machine says that it is {}", rfc3339(now)),
        "set the date and time; messages keep their order whatever the clock says, but show wrong times",
    )
}

fn store(core: &Core) -> CheckView {
    let health = core.store_health();
    let hint = core.store.trouble().map(|error| error.hint);
    check(
        "store",
        health == "ok" || health == "checking",
        format!("{health}, {} bytes", core.db.size()),
        hint.as_deref()
            .unwrap_or("run `nexus log verify`; what is missing comes back from contacts"),
    )
}

fn disk(core: &Core) -> CheckView {
    let probe = core.paths.root().join("doctor.tmp");
    let written =
        std::fs::write(&probe, vec![0; 64 * 1024]).and_then(|()| std::fs::remove_file(&probe));
    if let Err(e) = written {
        return check(
            "disk",
            false,
            format!("a file can't be written: {e}"),
            "free some space, or mend permissions",
        );
    }
    match free_space(core) {
        Some(free) => check(
            "disk",
            free >= LITTLE_SPACE,
            format!("{} MiB are free", free / (1024 * 1024)),
            "free some space: without any, nothing can be received",
        ),
        None => check("disk", true, "a file can be written".to_owned(), ""),
    }
}

/// What `df` says of the data directory: there is no safe call for it in the standard library.
fn free_space(core: &Core) -> Option<u64> {
    let output =
        std::process::Command::new("df").arg("-Pk").arg(core.paths.root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let kib: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib.saturating_mul(1024))
}

fn identity(core: &Core) -> CheckView {
    let me = core.me();
    check(
        "identity",
        me.is_live(),
        if me.is_live() {
            "this device is live".to_owned()
        } else {
            "this device can only read".to_owned()
        },
        "see `nexus device list`: it was revoked, or there are more than 8; revoke one that is no longer used",
    )
}

fn listening(core: &Core) -> CheckView {
    let addresses = core.transport().listen_addresses();
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    check(
        "listening",
        !list.is_empty(),
        if list.is_empty() { "nowhere".to_owned() } else { format!("on {}", list.join(", ")) },
        "look at `listen` in config.toml, and whether another program has the port",
    )
}
