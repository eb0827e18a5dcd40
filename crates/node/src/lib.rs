//! The controller: it owns every running part of one data directory.
//!
//! A front end says [`api::Command`]s and hears rows and [`api::Event`]s, always over the control socket
//! ([`client::Client`]); nothing below this crate is visible to it. What works without a running node (making,
//! restoring and wiping an identity, reading and changing the configuration) are plain functions in [`setup`] and
//! [`config`].
//!
//! The modules, in reading order: [`api`] (the contract), [`error`] (its errors), [`paths`], [`config`], [`lock`],
//! [`setup`], [`node`] (start and stop), [`control`] (the socket), [`client`].

mod addresses;
mod answers;
pub mod api;
mod backup;
mod cards;
pub mod client;
pub mod config;
mod contacts;
pub mod control;
mod conversations;
mod core;
#[cfg(test)]
mod desk;
mod devices;
mod dispatch;
mod doctor;
pub mod error;
mod events;
mod file;
mod files;
mod happened;
mod hub;
mod ingest;
mod letters;
mod links;
pub mod lock;
mod lookups;
mod me;
mod messages;
pub mod names;
mod network;
pub mod node;
pub mod paths;
mod read_marks;
mod refused;
mod resolve;
mod rises;
pub mod setup;
mod start_up;
mod store_thread;
mod sync_thread;
#[cfg(test)]
mod testing;
mod time;
mod timers;
mod verified;
mod views;
mod wants;

pub use node::{Node, Options};
pub use time::Clock;
