//! Nexus transport: LAN discovery, paths, links and streams.
