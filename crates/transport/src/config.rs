//! What a caller gives the transport: who it is, where it listens, whom it wants.

use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::{ConnectId, InstanceSecret, Secret32, VerifiedCard, VerifiedRecord};

use crate::interfaces::InterfaceFilter;

/// UDP port of LAN discovery, unless configured otherwise.
pub const DISCOVERY_PORT: u16 = 46339;

/// Everything that [`crate::Transport::start`] needs.
pub struct Config {
    /// My ConnectID.
    pub connect_id: ConnectId,
    /// My instance: its key is the TLS key.
    pub instance: InstanceSecret,
    /// What my `Hello` says; [`crate::Transport::set_hello`] changes it later.
    pub hello: LocalHello,
    /// TCP addresses to listen at; empty: every address, at a free port, the same for IPv4 and IPv6. With
    /// `loopback_only` unspecified addresses become loopback ones.
    pub listen: Vec<SocketAddr>,
    /// UDP port of discovery; 0 turns discovery off.
    pub discovery_port: u16,
    /// Who may notice this node on the LAN.
    pub visibility: Visibility,
    /// Whether the network is on at the start; see [`crate::Transport::set_enabled`].
    pub enabled: bool,
    /// Use the loopback interface only: nothing leaves the machine.
    pub loopback_only: bool,
    /// Which interfaces discovery uses.
    pub interfaces: InterfaceFilter,
    /// Intervals and time limits.
    pub timing: Timing,
}

impl Config {
    /// The defaults, for this identity, instance and `Hello`.
    #[must_use]
    pub fn new(connect_id: ConnectId, instance: InstanceSecret, hello: LocalHello) -> Self {
        Self {
            connect_id,
            instance,
            hello,
            listen: Vec::new(),
            discovery_port: DISCOVERY_PORT,
            visibility: Visibility::Everyone,
            enabled: true,
            loopback_only: false,
            interfaces: InterfaceFilter::default(),
            timing: Timing::default(),
        }
    }
}

/// Who may notice this node on the LAN, and who may knock at its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Visibility {
    /// Beacons name the instance, ConnectID and profile name; anybody may knock.
    #[default]
    Everyone,
    /// Beacons are recognised by contacts only; others that knock are closed in silence.
    Contacts,
    /// No beacons; only contacts may knock.
    Hidden,
}

/// What this side says of itself in `Hello`.
#[derive(Debug, Clone)]
pub struct LocalHello {
    /// My own card; its profile name goes into beacons that everyone may read.
    pub card: VerifiedCard,
    /// My own instance record.
    pub record: VerifiedRecord,
    /// Bits of what this node can do beyond version 1; 0 today.
    pub capabilities: u64,
}

/// Somebody whom the caller wants links with: a contact that was accepted or asked.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Who.
    pub connect_id: ConnectId,
    /// The newest card known; a link's card is merged into it before anything is believed.
    pub card: Option<VerifiedCard>,
    /// The secret shared with this peer, for tokens and gates; `None` while its contact key is unknown.
    pub pair_secret: Option<Secret32>,
    /// Addresses to try beside those that discovery finds; the first are tried first.
    pub addresses: Vec<SocketAddr>,
}

/// Intervals and time limits. The defaults are the protocol's; tests shorten them.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Mean time between two beacons on an interface.
    pub beacon_interval: Duration,
    /// Time between two looks at the interfaces and at the clock.
    pub interface_poll: Duration,
    /// A peer of which no beacon came for so long is gone from `nearby`.
    pub nearby_expiry: Duration,
    /// Silence of a link after which its dialler sends a `PING`; its listener waits half as long again.
    pub ping_interval: Duration,
    /// A link on which nothing came for so long is dead. The protocol promises 15 s.
    pub dead_after: Duration,
    /// Time limit for a TCP connection.
    pub connect_timeout: Duration,
    /// Time limit for gate, TLS and `Hello` together.
    pub handshake_timeout: Duration,
    /// Head start of one candidate address before the next is tried, too.
    pub stagger: Duration,
    /// First pause after a failed dial of an address; it doubles from there.
    pub backoff_first: Duration,
    /// Longest pause between two dials of an address.
    pub backoff_max: Duration,
    /// Longest life of a stranger's link.
    pub stranger_life: Duration,
    /// Time limit from the wish for a blob connection to its first byte.
    pub blob_open: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            beacon_interval: Duration::from_secs(5),
            interface_poll: Duration::from_millis(1000),
            nearby_expiry: Duration::from_secs(20),
            ping_interval: Duration::from_secs(6),
            dead_after: Duration::from_secs(14),
            connect_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(8),
            stagger: Duration::from_millis(200),
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(300),
            stranger_life: Duration::from_secs(10),
            blob_open: Duration::from_secs(10),
        }
    }
}
