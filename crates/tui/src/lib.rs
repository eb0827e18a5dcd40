//! The terminal UI: it draws a [`model::Model`] and turns keys into commands for the node. Presentation only: no socket to a
//! peer, no store, no secrets.
//!
//! It goes round like this: a [`message::Message`] (a key, a row from the node, the time) comes in, [`update::update`]
//! changes the model and tells which [`message::Effect`]s are wanted, [`view::draw`] paints the model. Both are pure: they
//! read no clock and do no I/O, so that tests need no terminal. [`run`] is the rim: it owns the terminal, performs
//! effects by a node's `Client` and feeds back what comes of them.
//!
//! The modules, in reading order: [`message`], [`model`], [`update`], [`view`], [`keymap`] (keys as data), [`config`] (what a
//! person sets), [`theme`], [`layout`] (panes and lines, shared by update and view), [`text`], [`time`], [`sanitize`]
//! (text of others made safe), [`links`], [`qr`], [`spoken`] (the same model in lines, for a screen reader), [`run`].

pub mod config;
pub mod files;
pub mod keymap;
pub mod layout;
pub mod links;
pub mod message;
pub mod model;
pub mod qr;
pub mod run;
pub mod sanitize;
pub mod spoken;
pub mod text;
pub mod theme;
pub mod time;
#[cfg(test)]
mod twelve;
pub mod update;
pub mod view;
