//! Nexus transport: LAN discovery, paths, links and streams.
//!
//! Turns "I want this ConnectID" into the best authenticated link there is, keeps it alive, and makes a new one when it
//! is gone. It knows ConnectIDs, instance keys, pair secrets and cards; it never sees messages, contacts' local names or
//! the database.
//!
//! In reading order:
//! - [`config`], [`event`], [`transport`]: what goes in, what comes out, the handle
//! - [`link`], [`frame`], [`code`]: what a user of a link touches
//! - [`beacon`], [`gate`], [`tls`]: what goes over the wire
//! - [`tie`]: decisions, without any socket
//! - [`limits`], [`refused`]: what strangers can make this node do, and what of it was refused
//! - [`interfaces`]: which network interfaces count
//! - [`doctor`]: what may be wrong with this machine's network

pub mod beacon;
pub mod code;
pub mod config;
pub mod doctor;
pub mod event;
pub mod frame;
pub mod gate;
pub mod interfaces;
pub mod limits;
pub mod link;
pub mod refused;
pub mod stand_in;
pub mod tie;
pub mod tls;
pub mod transport;

pub use code::{CloseCode, RefusedCode};
pub use config::{Config, DISCOVERY_PORT, LocalHello, Peer, Timing, Visibility};
pub use event::{
    DialError, LinkId, LinkInfo, LinkUp, Nearby, PathInfo, PathKind, RefusedRow, Side,
    StrangerLetter, TransportEvent,
};
pub use frame::Frame;
pub use link::{Closer, FrameChannel, FrameReceiver, FrameSender, Link, LinkGone};
pub use transport::{StartError, Transport};
