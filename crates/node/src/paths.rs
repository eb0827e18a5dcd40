//! Where things are in a data directory.

use std::path::{Path, PathBuf};

use crate::file::TEMP_PREFIX;

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

    /// State of files that are on their way here.
    #[must_use]
    pub fn partial(&self) -> PathBuf {
        self.root.join("partial")
    }

    /// What is known of files that others may fetch from here.
    #[must_use]
    pub fn sent(&self) -> PathBuf {
        self.root.join("sent")
    }

    /// Where files go when nothing else was said.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// Everything that a node makes here but the lock, in the order in which it is to be removed: the secrets first, and
    /// the store last, which knows the name that confirms another try.
    pub(crate) fn everything(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.root) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut ours: Vec<(u8, String)> =
            names.filter_map(|name| Some((turn(&name)?, name))).collect();
        ours.sort();
        ours.into_iter().map(|(_, name)| self.root.join(name)).collect()
    }

    /// Whether secrets or texts of somebody are here, also in part.
    #[must_use]
    pub fn holds_anything(&self) -> bool {
        let known = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).and_then(turn);
        self.everything().iter().any(|path| known(path) != Some(OTHERS))
    }
}

const SECRETS: u8 = 0;
const OTHERS: u8 = 1;
const COPIES: u8 = 2;
const STORE: u8 = 3;

/// When a file of this name is removed; `None`: it is not ours.
fn turn(name: &str) -> Option<u8> {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match name {
        "identity.key" => Some(SECRETS),
        "nexus.db" => Some(STORE),
        "config.toml" | "control.sock" | "control.new" | "doctor.tmp" | "downloads" | "partial"
        | "sent" | "nexus.db.lock" => Some(OTHERS),
        _ if begins(&[TEMP_PREFIX, "identity.tmp", "config.tmp"]) => Some(SECRETS),
        _ if begins(&["nexus.db-", "nexus.db.damaged-", "nexus.db.heal", "nexus.db.aside-"]) => {
            Some(COPIES)
        }
        _ => None,
    }
}
