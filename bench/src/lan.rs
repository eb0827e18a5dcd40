//! A LAN: hosts in network namespaces on one bridge, as the network tests have it.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// One switch with hosts on it; taken down on drop.
pub(crate) struct Lan {
    name: String,
    hosts: Vec<String>,
}

impl Lan {
    /// Makes the switch. Needs root and iproute2.
    pub(crate) fn new() -> Result<Self> {
        let lan = Self { name: format!("nxbench-{}", std::process::id()), hosts: Vec::new() };
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
    }
}

fn ip(args: &[&str]) -> Result<()> {
    let out = Command::new("ip").args(args).output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "ip {}: {said}", args.join(" "));
    Ok(())
}
