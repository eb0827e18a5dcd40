//! Where things are in a data directory.

use std::path::{Path, PathBuf};

/// The layout of one data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The layout under `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The identity's secrets, 0600.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.root.join("identity.key")
    }

    /// The store.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.root.join("nexus.db")
    }

    /// Held by the one process that runs the node.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The control socket, 0600.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Every file that a node makes here but the lock, the secrets first.
    pub(crate) fn all_files(&self) -> Vec<PathBuf> {
        let names = [
            "identity.key",
            "nexus.db",
            "nexus.db-wal",
            "nexus.db-shm",
            "nexus.db.lock",
            "control.sock",
            "control.new",
            "config.toml",
        ];
        names.iter().map(|name| self.root.join(name)).collect()
    }

    /// Every directory that a node makes here.
    pub(crate) fn all_directories(&self) -> Vec<PathBuf> {
        ["downloads", "partial"].iter().map(|name| self.root.join(name)).collect()
    }
}
