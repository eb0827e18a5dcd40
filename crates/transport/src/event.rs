//! What the transport tells its caller.

use std::net::SocketAddr;
use std::time::Duration;

use nexus_identity::kdf::Secret32;
use nexus_identity::{ConnectId, InstanceKey, VerifiedCard, VerifiedRecord};

use crate::blob::BlobStream;
use crate::code::{CloseCode, RefusedCode};
use crate::link::{FrameSender, Link};

/// Number of one link within this run of the transport; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// Which end of a link this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// This node dialled.
    Dialler,
    /// The peer dialled.
    Listener,
}

/// Everything that happens. The caller must keep receiving: links wait for it, the rest is dropped when it does not.
#[derive(Debug)]
pub enum TransportEvent {
    /// A link to a wanted peer is up: authenticated, its `Hello` checked.
    LinkUp(Box<LinkUp>),
    /// A link that was up is gone.
    LinkDown {
        /// The link.
        link: LinkId,
        /// The peer.
        peer: ConnectId,
        /// The peer's instance.
        instance: InstanceKey,
        /// Why.
        reason: CloseCode,
        /// Whether the peer ended it; else this side did, or nobody (`Lost`).
        by_peer: bool,
    },
    /// A wanted peer opened a blob connection beside its link, and will ask on it.
    Blob {
        /// The link.
        link: LinkId,
        /// The peer.
        peer: ConnectId,
        /// The peer's instance.
        instance: InstanceKey,
        /// The connection; dropping it closes it.
        stream: BlobStream,
    },
    /// An authenticated stranger brought a letter.
    Letter(Box<StrangerLetter>),
    /// Discovery heard of somebody for the first time, or something it shows changed. Claims, until a link proves them.
    Nearby(Nearby),
    /// Somebody was not heard for [`crate::Timing::nearby_expiry`].
    NearbyGone(Nearby),
    /// A dial begins; for the story of a message.
    Dialling {
        /// The peer.
        peer: ConnectId,
        /// Where.
        address: SocketAddr,
    },
    /// A dial failed; for the story of a message.
    DialFailed {
        /// The peer.
        peer: ConnectId,
        /// Where.
        address: SocketAddr,
        /// Why.
        error: DialError,
        /// When the same address is tried again at the latest.
        retry_in: Duration,
    },
    /// Something was refused; the counters are in [`crate::Transport::refused`]. At most one a second and row.
    Refused {
        /// What it was.
        code: RefusedCode,
        /// Address it came from.
        source: SocketAddr,
    },
    /// This machine's usable addresses changed, or it woke up: all wanted peers are tried again.
    AddressesChanged(Vec<SocketAddr>),
}

/// Why a dial failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DialError {
    /// Nobody listens there.
    #[error("nobody listens there")]
    ConnectionRefused,
    /// No answer in time: the machine is off, or a firewall drops.
    #[error("no answer in time")]
    TimedOut,
    /// There is no way to that address from here.
    #[error("no way to that address")]
    Unreachable,
    /// The connection was closed before the handshake was over: not a Nexus node, or it only lets contacts in.
    #[error("closed without an answer")]
    ClosedEarly,
    /// What listens there does not speak TLS 1.3 with raw public keys.
    #[error("the TLS handshake failed")]
    Tls,
    /// The handshake ended with this code, from either side.
    #[error("ended with {0}")]
    Ended(CloseCode),
    /// Another error of the operating system.
    #[error("failed")]
    Other,
}

/// A link that just came up.
#[derive(Debug)]
pub struct LinkUp {
    /// Its number.
    pub link: LinkId,
    /// Who it leads to.
    pub peer: ConnectId,
    /// The peer's instance: its TLS key.
    pub instance: InstanceKey,
    /// The peer's card, merged with what was known: keep it.
    pub card: VerifiedCard,
    /// Whether the peer's card shows a second contact key, which was refused: warn the person.
    pub second_contact_key: bool,
    /// The peer's own instance record.
    pub record: VerifiedRecord,
    /// The peer's capability bits.
    pub capabilities: u64,
    /// How it runs.
    pub path: PathInfo,
    /// Where the peer can be dialled when this link is gone, if it told; keep it for the next start.
    pub redial: Option<SocketAddr>,
    /// Which end this is.
    pub side: Side,
    /// 32 bytes that only the two ends of this very connection know (TLS exporter, label `nexus exporter v1`).
    pub exporter: Secret32,
    /// The streams.
    pub frames: Link,
}

/// How a link runs and why so.
#[derive(Debug, Clone, PartialEq)]
pub struct PathInfo {
    /// `lan` (TLS over TCP) is the only one today.
    pub kind: PathKind,
    /// The peer's address.
    pub address: SocketAddr,
    /// Own address.
    pub local: SocketAddr,
    /// TLS cipher suite, as rustls names it.
    pub cipher: String,
    /// Key exchange group, as rustls names it.
    pub group: String,
    /// Why this path: which candidates there were, and what decided. For people.
    pub why: String,
}

/// Kind of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathKind {
    /// TLS over TCP.
    Lan,
}

impl PathKind {
    /// Stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lan => "lan",
        }
    }
}

/// A link as shown in `status`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkInfo {
    /// Its number.
    pub link: LinkId,
    /// The peer.
    pub peer: ConnectId,
    /// The peer's instance.
    pub instance: InstanceKey,
    /// How it runs.
    pub path: PathInfo,
    /// Which end this is.
    pub side: Side,
    /// Last measured round-trip time.
    pub rtt: Option<Duration>,
    /// Time since it came up.
    pub age: Duration,
}

/// A letter from an authenticated stranger, still sealed. Store what it asks for, then answer.
#[derive(Debug)]
pub struct StrangerLetter {
    /// Who brought it.
    pub peer: ConnectId,
    /// From which instance.
    pub instance: InstanceKey,
    /// The bringer's card.
    pub card: VerifiedCard,
    /// The bringer's instance record.
    pub record: VerifiedRecord,
    /// Address it came from.
    pub address: SocketAddr,
    /// Where the bringer can be dialled, if it told.
    pub redial: Option<SocketAddr>,
    /// Body of the `LETTER` frame.
    pub letter: Vec<u8>,
    /// Takes the `LETTER_OK` frame. When it is dropped the link ends with `BYE(done)`, or, if the peer is wanted by
    /// then, comes up as a usual link.
    pub reply: FrameSender,
}

/// Somebody that discovery hears.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearby {
    /// ConnectID: claimed for `everyone`, known for a contact's token.
    pub connect_id: ConnectId,
    /// Instance key claimed; `None` for a contact's token.
    pub instance: Option<InstanceKey>,
    /// Name claimed; raw text of a stranger, empty for a contact's token.
    pub name: String,
    /// Whether a token that only this contact can make said so.
    pub by_token: bool,
    /// Where it listens, most recent first.
    pub addresses: Vec<SocketAddr>,
    /// Time since its last beacon.
    pub last_seen: Duration,
}

/// One row of the table of refusals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// What it was.
    pub code: RefusedCode,
    /// Address it came from; `None` sums up those that the bounded table has no room for.
    pub source: Option<std::net::IpAddr>,
    /// How often.
    pub count: u64,
    /// Time since the last one.
    pub ago: Duration,
}
