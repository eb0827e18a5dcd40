//! Nexus transport: LAN discovery, paths, links and streams.
//!
//! Turns "I want this ConnectID" into the best authenticated link there is, keeps it alive, and makes a new one when it
//! is gone. It knows ConnectIDs, instance keys, pair secrets and cards; it never sees messages, contacts' local names or
//! the database.
//!
//! In reading order:
//! - [`config`], [`event`], [`transport`]: what goes in, what comes out, the handle
//! - [`link`], [`frame`], [`code`], [`blob`]: what a user of a link touches
//! - [`beacon`], [`gate`], [`tls`], [`hello`]: what goes over the wire
//! - [`discovery`], [`dial`], [`tie`]: decisions, without any socket
//! - [`udp`], `handshake`, `mux`, `streams`, `session`, `stranger`: the sockets and tasks around them
//! - `hub`, `driver`: what these tasks share, and the one that gives the machines their time
//! - [`limits`], [`refused`]: what strangers can make this node do, and what of it was refused
//! - [`interfaces`], [`wake`]: which network interfaces count, and whether the machine slept
//! - [`doctor`]: what may be wrong with this machine's network

pub mod beacon;
pub mod blob;
pub mod code;
pub mod config;
pub mod dial;
pub mod discovery;
pub mod doctor;
pub mod event;
pub mod frame;
pub mod gate;
pub mod hello;
pub mod interfaces;
pub mod limits;
pub mod link;
pub mod refused;
pub mod tie;
pub mod tls;
pub mod transport;
pub mod udp;
pub mod wake;

mod driver;
mod handshake;
mod hub;
mod mux;
mod question;
mod session;
mod stranger;
mod streams;
mod watched;

pub use blob::rate::{Measured, RateTest};
pub use blob::{BlobError, BlobInfo, BlobStream};
pub use code::{CloseCode, RefusedCode};
pub use config::{Config, DISCOVERY_PORT, LocalHello, Peer, Timing, Visibility};
pub use event::{
    DialError, LinkId, LinkInfo, LinkUp, Nearby, PathInfo, PathKind, RefusedRow, Side,
    StrangerLetter, TransportEvent,
};
pub use frame::Frame;
pub use link::{Closer, FrameChannel, FrameReceiver, FrameSender, Link, LinkGone};
pub use transport::{StartError, Transport};
