//! A LAN: hosts in network namespaces on one bridge, as the network tests have it.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// How many neighbours the kernel knows at most, of all namespaces together; its usual 1,024 are those of one host.
const NEIGHBOURS: [&str; 2] =
    ["/proc/sys/net/ipv4/neigh/default/gc_thresh3", "/proc/sys/net/ipv6/neigh/default/gc_thresh3"];

/// Enough for a hundred hosts that all know each other.
const MANY: &str = "65536";

/// One switch with hosts on it; taken down on drop.
pub(crate) struct Lan {
    name: String,
    hosts: Vec<String>,
    neighbours: Vec<(&'static str, String)>,
}

impl Lan {
    /// Makes the switch. Needs root and iproute2.
    pub(crate) fn new() -> Result<Self> {
        let name = format!("nxbench-{}", std::process::id());
        let mut lan = Self { name, hosts: Vec::new(), neighbours: Vec::new() };
        for file in NEIGHBOURS {
            lan.neighbours.push((file, std::fs::read_to_string(file)?));
            std::fs::write(file, MANY).with_context(|| format!("{file}: namespaces need root"))?;
        }
        let switch = lan.switch();
        ip(&["netns", "add", &switch]).context("namespaces need root and iproute2's `ip`")?;
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "br0", "up"])?;
        Ok(lan)
    }

    fn switch(&self) -> String {
        format!("{}-sw", self.name)
    }

    /// Plugs in one more host: an IPv4 address of its own, IPv6 link-local as the kernel gives it, no default route.
    pub(crate) fn host(&mut self) -> Result<String> {
        let number = self.hosts.len() + 1;
        let (name, switch) = (format!("{}-h{number}", self.name), self.switch());
        let port = format!("p{number}");
        ip(&["netns", "add", &name])?;
        self.hosts.push(name.clone());
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        let peer = ["type", "veth", "peer", "name", &port, "netns", &switch];
        ip(&[&["-n", &name, "link", "add", "eth0"], &peer[..]].concat())?;
        ip(&["-n", &switch, "link", "set", &port, "master", "br0", "up"])?;
        let address = format!("10.46.{}.{}/16", 79 + number / 200, 1 + number % 200);
        ip(&["-n", &name, "addr", "add", &address, "dev", "eth0"])?;
        ip(&["-n", &name, "link", "set", "eth0", "up"])?;
        Ok(name)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.switch()]) {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
        for (file, before) in &self.neighbours {
            let _ = std::fs::write(file, before);
        }
    }
}

fn ip(args: &[&str]) -> Result<()> {
    let out = Command::new("ip").args(args).output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "ip {}: {said}", args.join(" "));
    Ok(())
}
