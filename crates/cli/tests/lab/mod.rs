//! A laboratory for whole machines: network namespaces as hosts, a bridge as the switch, the shipped program on each.
//!
//! [`Lab`] makes hosts and cables, [`Person`] is one data directory on one host, [`person::Node`] its running node.
//! Everything is taken down on drop, also after a panic; what a killed run left behind is swept by the next one.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests; each test binary uses its part of the laboratory"
)]

pub mod attacker;
pub mod person;
pub mod random;
pub mod story;
pub mod written;

pub use person::Person;

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Waits until `probe` yields something; panics with `what` and the last state when `limit` is over.
pub fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let began = Instant::now();
    loop {
        match probe() {
            Ok(found) => return found,
            Err(state) if began.elapsed() > limit => {
                panic!("{what}: not within {limit:?}; last seen: {state}")
            }
            Err(_) => std::thread::park_timeout(Duration::from_millis(40)),
        }
    }
}

/// `usual`, or `long` under `./test --long`.
pub fn long(usual: usize, long: usize) -> usize {
    if std::env::var_os("NEXUS_TEST_LONG").is_some() { long } else { usual }
}

/// A UDP port that nobody uses now, for the discovery of nodes on loopback only.
pub fn free_udp_port() -> u16 {
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    socket.local_addr().unwrap().port()
}

/// Whether namespaces can be made. Leaving these tests out has to be asked for; it never happens by itself.
pub fn available() -> bool {
    if std::env::var_os("NEXUS_TEST_NO_NETNS").is_some() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI must run the network tests");
        eprintln!("left out: NEXUS_TEST_NO_NETNS is set");
        return false;
    }
    let probe = Command::new("ip").args(["netns", "list"]).output();
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    assert!(
        root && probe.is_ok_and(|out| out.status.success()),
        "this test makes network namespaces and needs root and iproute2's `ip`. \
         Run `sudo -E ./test`, or leave it out with NEXUS_TEST_NO_NETNS=1"
    );
    true
}

/// What addresses a host has. There is never a default route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// A static IPv4 address, IPv6 off.
    V4,
    /// Nothing but what the kernel gives by itself: fe80::/64.
    LinkLocalV6,
}

/// One switch with hosts on it.
pub struct Lab {
    prefix: String,
    hosts: Vec<String>,
    addressing: Addressing,
}

static LABS: AtomicU32 = AtomicU32::new(0);

impl Lab {
    /// Makes the switch. Names are unique to this process, so test binaries don't meet.
    pub fn new(addressing: Addressing) -> Self {
        sweep();
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("nxlab-{}-{number}", std::process::id());
        let lab = Self { prefix, hosts: Vec::new(), addressing };
        let switch = lab.switch();
        ip(&["netns", "add", &switch]);
        ip(&["-n", &switch, "link", "set", "lo", "up"]);
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"]);
        ip(&["-n", &switch, "link", "set", "br0", "up"]);
        lab
    }

    fn switch(&self) -> String {
        format!("{}-sw", self.prefix)
    }

    /// Adds a host with one network card, plugged in. Returns the name of its namespace.
    pub fn host(&mut self) -> String {
        let number = self.hosts.len() + 1;
        let name = format!("{}-h{number}", self.prefix);
        let (switch, port) = (self.switch(), format!("p{number}"));
        ip(&["netns", "add", &name]);
        self.hosts.push(name.clone());
        let setting = match self.addressing {
            Addressing::V4 => "disable_ipv6",
            // Duplicate address detection would only make each test seconds slower.
            Addressing::LinkLocalV6 => "accept_dad",
        };
        let value = if self.addressing == Addressing::V4 { "1" } else { "0" };
        for scope in ["all", "default"] {
            let script = format!("echo {value} > /proc/sys/net/ipv6/conf/{scope}/{setting}");
            ip(&["netns", "exec", &name, "sh", "-c", &script]);
        }
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        ip(&[
            "-n", &name, "link", "add", "eth0", "type", "veth", "peer", "name", &port, "netns",
            &switch,
        ]);
        ip(&["-n", &switch, "link", "set", &port, "master", "br0", "up"]);
        if self.addressing == Addressing::V4 {
            let address = format!("10.46.78.{number}/24");
            ip(&["-n", &name, "addr", "add", &address, "dev", "eth0"]);
        }
        ip(&["-n", &name, "link", "set", "eth0", "up"]);
        let routes = output(&["-n", &name, "route", "show", "default"]);
        assert!(routes.is_empty(), "a default route appeared: {routes}");
        name
    }

    /// Puts another card into a running host, on this switch; the host may be one of another lab.
    pub fn plug(&self, host: &str, card: &str, address: &str) {
        static PORTS: AtomicU32 = AtomicU32::new(0);
        let (switch, number) = (self.switch(), PORTS.fetch_add(1, Ordering::Relaxed));
        let port = format!("q{number}");
        self.ip(
            host,
            &["link", "add", card, "type", "veth", "peer", "name", &port, "netns", &switch],
        );
        ip(&["-n", &switch, "link", "set", &port, "master", "br0", "up"]);
        self.ip(host, &["addr", "add", address, "dev", card]);
        self.ip(host, &["link", "set", card, "up"]);
    }

    /// `ip …` inside a host.
    pub fn ip(&self, host: &str, args: &[&str]) {
        ip(&[&["-n", host], args].concat());
    }

    /// Packets that a host has sent on an interface.
    pub fn sent(&self, host: &str, interface: &str) -> u64 {
        let file = format!("/sys/class/net/{interface}/statistics/tx_packets");
        output(&["netns", "exec", host, "cat", &file]).trim().parse().unwrap()
    }

    /// Pulls the host's cable out of the switch. The host's own card stays up, as with a switch two rooms away.
    pub fn cut(&self, host: &str) {
        self.port(host, "down");
    }

    /// Plugs the cable in again.
    pub fn join(&self, host: &str) {
        self.port(host, "up");
    }

    fn port(&self, host: &str, state: &str) {
        let number =
            1 + self.hosts.iter().position(|known| known == host).expect("host of this lab");
        // Leaving the bridge, not going down, so that the host sees no carrier change.
        let (switch, port) = (self.switch(), format!("p{number}"));
        match state {
            "up" => ip(&["-n", &switch, "link", "set", &port, "master", "br0"]),
            _ => ip(&["-n", &switch, "link", "set", &port, "nomaster"]),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.switch()]) {
            remove(name);
        }
    }
}

/// Removes what labs of dead processes left behind.
fn sweep() {
    for name in output(&["netns", "list"]).lines().filter_map(|l| l.split_whitespace().next()) {
        let owner = name.strip_prefix("nxlab-").and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists()) {
            remove(name);
        }
    }
}

fn remove(name: &str) {
    for pid in output(&["netns", "pids", name]).split_whitespace() {
        let _ = Command::new("kill").args(["-KILL", pid]).status();
    }
    let _ = Command::new("ip").args(["netns", "del", name]).status();
}

fn ip(args: &[&str]) {
    let out = Command::new("ip").args(args).output().expect("ip runs");
    assert!(
        out.status.success(),
        "ip {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&out.stderr)
    );
}

fn output(args: &[&str]) -> String {
    let out = Command::new("ip").args(args).output().expect("ip runs");
    String::from_utf8_lossy(&out.stdout).into_owned()
}
