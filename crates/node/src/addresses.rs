//! Where this node can be reached.

use std::net::{IpAddr, SocketAddr};

use nexus_transport::interfaces::{InterfaceFilter, scan};

use crate::core::Core;

/// Addresses an invite may carry.
const MOST: usize = 6;

/// Listening addresses with the unspecified ones spelled out by interface; loopback only when nothing else is used.
pub(crate) fn reachable(core: &Core) -> Vec<SocketAddr> {
    let listening = core.transport().listen_addresses();
    let loopback = core.config.loopback_only;
    let interfaces = scan(&InterfaceFilter::default(), loopback).unwrap_or_default();
    let local = interfaces.iter().filter(|i| i.unused.is_none() && i.loopback == loopback);
    let local: Vec<IpAddr> = local.flat_map(|i| i.addresses.iter().map(|(ip, _)| *ip)).collect();
    let mut found: Vec<SocketAddr> = Vec::new();
    for address in listening {
        if !address.ip().is_unspecified() {
            found.push(address);
            continue;
        }
        // A link-local address means nothing without the interface of whoever dials.
        let same = local.iter().filter(|ip| ip.is_ipv4() == address.is_ipv4() && !link_local(ip));
        found.extend(same.map(|ip| SocketAddr::new(*ip, address.port())));
    }
    found.sort();
    found.dedup();
    found.truncate(MOST);
    found
}

const fn link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
