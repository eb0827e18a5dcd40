//! Nexus sync: what is missing where; a sans-IO state machine for each link.
