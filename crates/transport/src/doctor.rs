//! Checks of this machine's surroundings, for `nexus doctor`.

/// One check and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, a stable word.
    pub check: &'static str,
    /// Whether it is fine.
    pub ok: bool,
    /// What was found, for people.
    pub detail: String,
    /// What to do, when it isn't fine.
    pub hint: Option<String>,
}

/// Looks at interfaces, the discovery port, multicast and signs of a firewall. Takes up to 2 s; sends only to itself.
#[expect(clippy::unused_async, reason = "skeleton")]
pub async fn check(_discovery_port: u16, _loopback_only: bool) -> Vec<Check> {
    Vec::new()
}
