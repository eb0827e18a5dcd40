//! Checks of this machine's surroundings, for `nexus doctor`.

use std::fs;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use rand::RngExt;
use tokio::net::UdpSocket;

use crate::beacon::MAGIC;
use crate::interfaces::{Interface, InterfaceFilter, scan};
use crate::udp::{GROUP_V4, GROUP_V6, pair};

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

impl Check {
    fn fine(check: &'static str, detail: String) -> Self {
        Self { check, ok: true, detail, hint: None }
    }

    fn bad(check: &'static str, detail: String, hint: impl Into<String>) -> Self {
        Self { check, ok: false, detail, hint: Some(hint.into()) }
    }
}

/// Time that a datagram to oneself may take.
const ECHO: Duration = Duration::from_millis(400);

/// Version byte of a probe: nodes skip it as a beacon of another version.
const PROBE_VERSION: u8 = 0;

/// Looks at interfaces, the discovery port, multicast and signs of a firewall. Takes up to 2 s; what it sends is a few
/// bytes to the discovery groups that every node skips.
pub async fn check(discovery_port: u16, loopback_only: bool) -> Vec<Check> {
    let all = match scan(&InterfaceFilter::default(), loopback_only) {
        Ok(all) => all,
        Err(error) => {
            let hint = "check that this program may read the network configuration";
            return vec![Check::bad(
                "interfaces",
                format!("the system does not tell its interfaces: {error}"),
                hint,
            )];
        }
    };
    let mut checks = vec![interfaces(&all, loopback_only)];
    if discovery_port == 0 {
        checks.push(Check::fine("discovery_port", "discovery is turned off".to_owned()));
        return checks;
    }
    let used: Vec<&Interface> = all.iter().filter(|interface| interface.unused.is_none()).collect();
    checks.push(port(&used, discovery_port));
    checks.push(multicast(&used, discovery_port).await);
    if !loopback_only {
        checks.push(firewall(discovery_port, &|path| fs::read_to_string(path).ok()));
    }
    checks
}

fn interfaces(all: &[Interface], loopback_only: bool) -> Check {
    let mut parts = Vec::new();
    for interface in all {
        let addresses: Vec<String> = interface
            .addresses
            .iter()
            .map(|(address, prefix)| format!("{address}/{prefix}"))
            .collect();
        let state = interface
            .unused
            .map_or_else(String::new, |unused| format!(" (not used: {})", unused.reason()));
        parts.push(format!("{} {}{state}", interface.name, addresses.join(" ")));
    }
    let detail = parts.join("; ");
    let lan = all
        .iter()
        .any(|interface| interface.unused.is_none() && (loopback_only || !interface.loopback));
    if lan {
        Check::fine("interfaces", detail)
    } else {
        let hint = "plug in a cable or join a network, and see that the interface has an address (IPv6 link-local is enough); \
                    until then only nodes on this machine are found";
        Check::bad("interfaces", format!("no usable network interface: {detail}"), hint)
    }
}

fn addresses(interface: &Interface) -> impl Iterator<Item = IpAddr> {
    interface.v4().map(IpAddr::V4).into_iter().chain(interface.v6_link_local().map(IpAddr::V6))
}

fn port(used: &[&Interface], port: u16) -> Check {
    let failed = used
        .iter()
        .flat_map(|interface| addresses(interface).map(move |address| (interface, address)))
        .find_map(|(interface, address)| {
            Some((&interface.name, pair(interface, address, port).err()?))
        });
    match failed {
        None => Check::fine("discovery_port", format!("UDP port {port} can be shared")),
        Some((name, error)) => Check::bad(
            "discovery_port",
            format!("UDP port {port} can't be used on {name}: {error}"),
            format!(
                "another program holds the port (`ss -ulpn sport = :{port}` names it): stop it, or set discovery_port \
                     to the same other number on all machines"
            ),
        ),
    }
}

async fn multicast(used: &[&Interface], port: u16) -> Check {
    let (mut heard, mut deaf) = (Vec::new(), Vec::new());
    for interface in used {
        for address in addresses(interface) {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            let name = format!("{} {family}", interface.name);
            if echoes(interface, address, port).await { heard.push(name) } else { deaf.push(name) }
        }
    }
    if deaf.is_empty() && !heard.is_empty() {
        return Check::fine("multicast", format!("heard on {}", heard.join(", ")));
    }
    let detail = match heard.is_empty() {
        true => format!("not heard on {}", deaf.join(", ")),
        false => format!("heard on {}, not on {}", heard.join(", "), deaf.join(", ")),
    };
    let hint = format!(
        "a firewall on this machine most likely drops it: allow UDP port {port} in and out; where a switch or access \
                        point drops multicast, `nexus contact add WHO --address HOST:PORT` works without it"
    );
    Check { check: "multicast", ok: !heard.is_empty(), detail, hint: Some(hint) }
}

/// Whether a datagram to the group comes back to this machine's own socket.
async fn echoes(interface: &Interface, address: IpAddr, port: u16) -> bool {
    let Ok((hearing, sending)) = pair(interface, address, port) else { return false };
    let mut probe = MAGIC.to_vec();
    probe.push(PROBE_VERSION);
    probe.extend(rand::rng().random::<[u8; 16]>());
    let group = match address {
        IpAddr::V4(_) => SocketAddr::from((GROUP_V4, port)),
        IpAddr::V6(_) => SocketAddr::V6(SocketAddrV6::new(GROUP_V6, port, 0, interface.index)),
    };
    if sending.send_to(&probe, group).await.is_err() {
        return false;
    }
    tokio::time::timeout(ECHO, comes_back(&hearing, &probe)).await.unwrap_or(false)
}

async fn comes_back(hearing: &UdpSocket, probe: &[u8]) -> bool {
    let mut buffer = [0; 600];
    while let Ok((length, _)) = hearing.recv_from(&mut buffer).await {
        if buffer.get(..length) == Some(probe) {
            return true;
        }
    }
    false
}

/// Looks for firewalls that are known to drop by default. Rules themselves can't be read without being root.
fn firewall(port: u16, read: &dyn Fn(&str) -> Option<String>) -> Check {
    let ufw = read("/etc/ufw/ufw.conf")
        .is_some_and(|conf| conf.lines().any(|line| line.trim() == "ENABLED=yes"));
    let firewalld =
        read("/run/firewalld.pid").is_some() || read("/var/run/firewalld.pid").is_some();
    match (ufw, firewalld) {
        (true, _) => Check::bad(
            "firewall",
            "ufw is on, and drops what comes in unless told".to_owned(),
            format!(
                "`sudo ufw allow {port}/udp`, and the TCP port of `nexus status` (set `listen` to keep it the same)"
            ),
        ),
        (_, true) => Check::bad(
            "firewall",
            "firewalld is running, and drops what comes in unless told".to_owned(),
            format!(
                "`sudo firewall-cmd --permanent --add-port={port}/udp`, the same for the TCP port of `nexus status`, then \
                     `sudo firewall-cmd --reload`"
            ),
        ),
        (false, false) => {
            Check::fine("firewall", "no sign of one that drops by default".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
