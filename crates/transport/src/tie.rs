//! Which of two links to one instance stays. Both ends must come to the same answer without asking each other.

use std::net::IpAddr;
use std::time::Duration;

use nexus_identity::InstanceKey;

use crate::beacon::BootId;
use crate::event::Side;

/// Two links that came up within so long may stem from dials that crossed; an older one is replaced by a newer one,
/// because nobody dials while its own link is fine.
pub const CROSSING: Duration = Duration::from_secs(10);

/// What counts about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkFacts {
    /// Which end I am.
    pub side: Side,
    /// The peer's boot id, from its `Hello`.
    pub boot: BootId,
    /// Worse is greater.
    pub quality: Quality,
    /// When it came up here, since an arbitrary start.
    pub up_at: Duration,
}

/// How direct a path is; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quality {
    /// Within this machine.
    Host,
    /// Private or link-local addresses: most likely the same LAN.
    Near,
    /// Anything else.
    Far,
}

impl Quality {
    /// Of a path between these two addresses; both ends see the same pair, unless there is a NAT.
    #[must_use]
    pub fn of(a: IpAddr, b: IpAddr) -> Self {
        Self::of_address(a).max(Self::of_address(b))
    }

    /// The best that a path to this address can be.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        let near = match address.to_canonical() {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unique_local(),
        };
        match address.to_canonical() {
            address if address.is_loopback() => Self::Host,
            _ if near => Self::Near,
            _ => Self::Far,
        }
    }
}

/// Which link stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The one that is up.
    Existing,
    /// The one that just came.
    New,
}

/// Decides between a link that is up and a new one to the same instance.
///
/// A new process of the peer wins over its old one; so does any link over one older than [`CROSSING`]. Else the better
/// path, else the one dialled by the smaller instance key, else (same dialler) the newer.
#[must_use]
pub fn prefer(
    existing: &LinkFacts,
    new: &LinkFacts,
    mine: &InstanceKey,
    peer: &InstanceKey,
) -> Keep {
    if existing.boot != new.boot || new.up_at.saturating_sub(existing.up_at) > CROSSING {
        return Keep::New;
    }
    if existing.quality != new.quality {
        return if existing.quality < new.quality { Keep::Existing } else { Keep::New };
    }
    if existing.side == new.side {
        return Keep::New;
    }
    let smaller_dials = if mine < peer { Side::Dialler } else { Side::Listener };
    if existing.side == smaller_dials { Keep::Existing } else { Keep::New }
}

#[cfg(test)]
mod tests;
