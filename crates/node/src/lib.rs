//! Nexus node: the controller that owns every running part; Command in, Event out.

pub mod api;
