//! Why links end and why strangers are refused: one small set of codes with stable names.

use std::fmt;

/// Why a link ended, as told to the peer in `BYE` and to the caller in `LinkDown`.
///
/// The number is the byte on the wire; unknown numbers are read as [`CloseCode::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum CloseCode {
    /// Everything that this link was for is done; the usual end of a stranger's link.
    Done = 0,
    /// The node shuts down or its network was turned off.
    Shutdown = 1,
    /// Another link to the same instance took over.
    Replaced = 2,
    /// No common protocol version.
    Version = 3,
    /// The `Hello` can't be read, or its card or record does not verify.
    BadHello = 4,
    /// The ConnectID in `Hello` is not the one that was dialled.
    WrongIdentity = 5,
    /// The TLS key is not a live instance of the ConnectID in `Hello`.
    NotLive = 6,
    /// Over a limit of links, handshakes or letters; worth another try later.
    Busy = 7,
    /// A frame that no honest peer sends: too long, empty, or on the wrong stream.
    BadFrame = 8,
    /// The peer did not do in time what it had to.
    Timeout = 9,
    /// Several violations of the protocol above the link.
    Violation = 10,
    /// The peer is not wanted (any more).
    Unwanted = 11,
    /// This side can't keep up or failed inside.
    Internal = 12,
    /// The peer turned out to be this very instance.
    Myself = 13,
    /// The connection was lost: nothing came for too long, reset, or closed without `BYE`. Never sent.
    Lost = 254,
    /// A code that this version does not know. Never sent.
    Unknown = 255,
}

impl CloseCode {
    /// The code with this byte; an unknown byte gives [`CloseCode::Unknown`].
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Done,
            1 => Self::Shutdown,
            2 => Self::Replaced,
            3 => Self::Version,
            4 => Self::BadHello,
            5 => Self::WrongIdentity,
            6 => Self::NotLive,
            7 => Self::Busy,
            8 => Self::BadFrame,
            9 => Self::Timeout,
            10 => Self::Violation,
            11 => Self::Unwanted,
            12 => Self::Internal,
            13 => Self::Myself,
            254 => Self::Lost,
            _ => Self::Unknown,
        }
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        self as u8
    }

    /// Stable name, for `status`, `why` and scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Shutdown => "shutdown",
            Self::Replaced => "replaced",
            Self::Version => "version",
            Self::BadHello => "bad_hello",
            Self::WrongIdentity => "wrong_identity",
            Self::NotLive => "not_live",
            Self::Busy => "busy",
            Self::BadFrame => "bad_frame",
            Self::Timeout => "timeout",
            Self::Violation => "violation",
            Self::Unwanted => "unwanted",
            Self::Internal => "internal",
            Self::Myself => "myself",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What somebody on the network did that was refused. Counted by code and source, see [`crate::RefusedRow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefusedCode {
    /// A datagram on the discovery port that is no beacon, or whose signature is wrong.
    BadBeacon,
    /// A contact's beacon of some time ago, played back by somebody who recorded it.
    ReplayedBeacon,
    /// More beacons than an honest host sends.
    BeaconFlood,
    /// The first 16 bytes did not come from a contact, and only contacts may knock now.
    Gate,
    /// The bytes after the gate are no TLS 1.3 handshake with raw public keys as we want it.
    Tls,
    /// A handshake that took too long (slow-loris).
    SlowHandshake,
    /// A connection over the limit of unfinished handshakes.
    TooManyHandshakes,
    /// A stranger's link over the limit of such links.
    TooManyStrangers,
    /// A stranger did something else than send `Hello` and one letter.
    Stranger,
    /// A blob connection that is not one of a link that is up: another key than the link's, or nonsense where it begins.
    Blob,
    /// Blob connections over a limit, of one instance or altogether.
    TooManyBlobs,
    /// A link ended for a fault of the peer, with this code.
    Link(CloseCode),
}

impl RefusedCode {
    /// Stable name, for `status` and scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadBeacon => "bad_beacon",
            Self::ReplayedBeacon => "replayed_beacon",
            Self::BeaconFlood => "beacon_flood",
            Self::Gate => "gate",
            Self::Tls => "tls",
            Self::SlowHandshake => "slow_handshake",
            Self::TooManyHandshakes => "too_many_handshakes",
            Self::TooManyStrangers => "too_many_strangers",
            Self::Stranger => "stranger",
            Self::Blob => "blob",
            Self::TooManyBlobs => "too_many_blobs",
            Self::Link(code) => code.name(),
        }
    }
}

impl fmt::Display for RefusedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
