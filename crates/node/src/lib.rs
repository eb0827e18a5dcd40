//! The controller: it owns every running part of one data directory.
//!
//! A front end says [`api::Command`]s and hears rows and [`api::Event`]s, always over the control socket
//! ([`client::Client`]); nothing below this crate is visible to it. What works without a running node (making,
//! restoring and wiping an identity, reading and changing the configuration) are plain functions in [`setup`] and
//! [`config`].
//!
//! The modules, in reading order: [`api`] (the contract), [`error`] (its errors), [`paths`], [`config`], [`lock`],
//! [`setup`], [`node`] (start and stop), [`control`] (the socket), [`client`].

pub mod api;
pub mod client;
pub mod config;
pub mod control;
pub mod error;
pub mod lock;
pub mod node;
pub mod paths;
pub mod setup;

pub use node::{Node, Options};
