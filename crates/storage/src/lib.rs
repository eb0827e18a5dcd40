//! Nexus storage: SQLite behind the append-only log, views, contacts, peers and search.
