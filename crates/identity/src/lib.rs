//! Nexus identities: keys, ConnectID, cards, sealing, backup; pure functions over bytes.
