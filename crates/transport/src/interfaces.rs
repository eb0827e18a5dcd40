//! Which network interfaces this machine has, and which of them discovery uses.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use if_addrs::IfAddr;

/// Interfaces that discovery uses at most; loopback and real hardware come first.
pub const MAX_INTERFACES: usize = 16;

/// Addresses of one interface that count.
pub const MAX_ADDRESSES: usize = 16;

/// Names of interfaces made by container and machine emulators for their own inner networks.
const INNER: [&str; 8] = ["docker", "podman", "cni", "virbr", "vmnet", "vboxnet", "lxcbr", "lxdbr"];

/// Names of tunnels: what is behind them is no LAN.
const TUNNELS: [&str; 8] = ["tun", "wg", "utun", "ppp", "tailscale", "zt", "ipsec", "nordlynx"];

/// Which interfaces discovery uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterfaceFilter {
    /// If not empty: only interfaces with these names, junk or not.
    pub only: Vec<String>,
    /// Never interfaces with these names.
    pub never: Vec<String>,
}

/// An interface with what counts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Index, by which the system names it in socket calls and scopes.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Addresses with their prefix lengths, sorted.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Whether it is the loopback interface.
    pub loopback: bool,
    /// Why discovery does not use it; `None`: it does.
    pub unused: Option<Unused>,
}

/// Why discovery does not use an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unused {
    /// No cable, no radio link, or switched off.
    Down,
    /// A tunnel or another link between two points.
    Tunnel,
    /// The inner network of containers or virtual machines.
    Inner,
    /// A port of a bridge; the bridge itself counts.
    BridgePort,
    /// Left out by the configuration.
    Configured,
    /// More than [`MAX_INTERFACES`].
    TooMany,
}

impl Unused {
    /// For people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Tunnel => "a tunnel",
            Self::Inner => "an inner network of containers or virtual machines",
            Self::BridgePort => "a port of a bridge",
            Self::Configured => "left out by the configuration",
            Self::TooMany => "one too many",
        }
    }
}

impl Interface {
    /// First IPv4 address.
    #[must_use]
    pub fn v4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|(address, _)| match address {
            IpAddr::V4(v4) => Some(*v4),
            IpAddr::V6(_) => None,
        })
    }

    /// IPv6 link-local address; without one there is no IPv6 discovery.
    #[must_use]
    pub fn v6_link_local(&self) -> Option<Ipv6Addr> {
        self.addresses.iter().find_map(|(address, _)| match address {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(*v6),
            _ => None,
        })
    }

    /// Whether `address` is on the link of this interface, as far as its prefixes tell.
    #[must_use]
    pub fn is_on_link(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let link_local = match address {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        link_local && !self.loopback
            || self.addresses.iter().any(|(own, prefix)| same_prefix(*own, address, *prefix))
    }
}

fn same_prefix(a: IpAddr, b: IpAddr, prefix: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32u32.saturating_sub(prefix.into());
            prefix > 0 && (a.to_bits() ^ b.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128u32.saturating_sub(prefix.into());
            prefix > 0 && (a.to_bits() ^ b.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// All interfaces that have an address, by index; `unused` says which of them discovery leaves out and why.
///
/// # Errors
/// When the system does not tell.
pub fn scan(filter: &InterfaceFilter, loopback_only: bool) -> std::io::Result<Vec<Interface>> {
    let mut found: BTreeMap<u32, (Interface, bool, bool)> = BTreeMap::new();
    for one in if_addrs::get_if_addrs()? {
        let Some(index) = one.index else { continue };
        let (entry, up, point_to_point) = found.entry(index).or_insert_with(|| {
            let loopback = one.is_loopback();
            let interface = Interface {
                index,
                name: one.name.clone(),
                addresses: Vec::new(),
                loopback,
                unused: None,
            };
            (interface, one.is_oper_up(), one.is_p2p())
        });
        *up |= one.is_oper_up();
        *point_to_point |= one.is_p2p();
        let prefix = match &one.addr {
            IfAddr::V4(v4) => v4.prefixlen,
            IfAddr::V6(v6) => v6.prefixlen,
        };
        entry.addresses.push((one.ip(), prefix));
    }
    let mut all: Vec<Interface> = found
        .into_values()
        .map(|(mut interface, up, point_to_point)| {
            interface.addresses.sort_unstable();
            interface.addresses.truncate(MAX_ADDRESSES);
            interface.unused = judge(
                &interface,
                up,
                point_to_point,
                is_bridge_port(&interface.name),
                filter,
                loopback_only,
            );
            interface
        })
        .collect();
    let mut used = 0;
    let order =
        |interface: &Interface| (!interface.loopback, interface.v4().is_none(), interface.index);
    all.sort_by_key(order);
    for interface in all.iter_mut().filter(|interface| interface.unused.is_none()) {
        used += 1;
        if used > MAX_INTERFACES {
            interface.unused = Some(Unused::TooMany);
        }
    }
    all.sort_by_key(|interface| interface.index);
    Ok(all)
}

fn judge(
    interface: &Interface,
    up: bool,
    point_to_point: bool,
    bridge_port: bool,
    filter: &InterfaceFilter,
    loopback_only: bool,
) -> Option<Unused> {
    let name = interface.name.as_str();
    let named = |list: &[String]| list.iter().any(|one| one == name);
    if loopback_only {
        return (!interface.loopback).then_some(Unused::Configured);
    }
    if named(&filter.never) || (!filter.only.is_empty() && !named(&filter.only)) {
        return Some(Unused::Configured);
    }
    if !up {
        return Some(Unused::Down);
    }
    if interface.loopback || named(&filter.only) {
        return None;
    }
    // `br-` and twelve hex digits is how Docker names the bridges of its further networks.
    let docker_bridge = name
        .strip_prefix("br-")
        .is_some_and(|rest| rest.len() == 12 && rest.chars().all(|c| c.is_ascii_hexdigit()));
    if point_to_point || TUNNELS.iter().any(|prefix| name.starts_with(prefix)) {
        Some(Unused::Tunnel)
    } else if docker_bridge || INNER.iter().any(|prefix| name.starts_with(prefix)) {
        Some(Unused::Inner)
    } else if bridge_port {
        Some(Unused::BridgePort)
    } else {
        None
    }
}

/// Linux tells it under `/sys`; elsewhere a bridge port is used like any interface, which does no harm.
fn is_bridge_port(name: &str) -> bool {
    !name.contains(['/', '.'])
        && std::path::Path::new("/sys/class/net").join(name).join("brport").exists()
}

#[cfg(test)]
mod tests;
