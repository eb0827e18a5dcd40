//! `config.toml`: what a person may set, with comments and order kept.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item, Value};

use crate::error::{self, Answered};

/// Default UDP port of LAN discovery.
pub const DISCOVERY_PORT: u16 = 46339;

/// How visible this node is on a LAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody on the LAN sees name and ConnectID.
    Everyone,
    /// Only contacts recognise it.
    Contacts,
    /// No beacon at all.
    Hidden,
}

/// Every setting with its value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Addresses to listen on (TCP); port 0 takes a free one. Empty: every address, a free port.
    pub listen: Vec<SocketAddr>,
    /// UDP port of LAN discovery.
    pub discovery_port: u16,
    /// How visible this node is on a LAN.
    pub visibility: Visibility,
    /// Only this machine: no other interface is used.
    pub loopback_only: bool,
    /// Whether others see what I have read.
    pub receipts: bool,
    /// Days until an invite expires, when not said otherwise.
    pub invite_days: u32,
    /// Where files go that were accepted without a place; empty: `downloads` in the data directory.
    pub downloads: String,
    /// Largest offer of a contact, in MiB, that is accepted without asking; 0: ask each time.
    pub auto_accept: u32,
    /// MiB that accepting without asking leaves free on the disk.
    pub keep_free: u32,
    /// KiB a second that all files together may be sent at; 0: as fast as it goes.
    pub upload_rate: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            discovery_port: DISCOVERY_PORT,
            visibility: Visibility::Everyone,
            loopback_only: false,
            receipts: true,
            invite_days: 7,
            downloads: String::new(),
            auto_accept: 0,
            keep_free: 1024,
            upload_rate: 0,
        }
    }
}

/// One key as `config get` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfigRow {
    /// The key.
    pub key: String,
    /// Value in force.
    pub value: serde_json::Value,
    /// Whether it is the built-in one.
    pub default: bool,
    /// What it does.
    pub help: String,
}

/// Keys and what they do.
const KEYS: [(&str, &str); 10] = [
    ("listen", "addresses to listen on, for example [\"0.0.0.0:46340\"]; empty: all, free port"),
    ("discovery_port", "UDP port of LAN discovery"),
    ("visibility", "who recognises this node on a LAN: everyone, contacts or hidden"),
    ("loopback_only", "use no interface but loopback"),
    ("receipts", "whether others see what I have read"),
    ("invite_days", "days until an invite expires (1 to 365)"),
    (
        "downloads",
        "directory for files accepted without a place; empty: downloads in the data directory",
    ),
    (
        "auto_accept",
        "largest offer of a contact, in MiB, that is accepted without asking; 0: ask each time",
    ),
    ("keep_free", "MiB that accepting without asking leaves free on the disk"),
    ("upload_rate", "KiB a second that all files together are sent at; 0: as fast as it goes"),
];

impl Config {
    /// Reads a file; a missing one means all defaults.
    ///
    /// # Errors
    /// `bad_config` with the line and what is wrong there.
    pub fn load(path: &Path) -> Answered<Self> {
        Self::parse(path, &read(path)?)
    }

    /// Reads text; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Answered<Self> {
        // The plain document forgets where things stand; the spanned one is for error lines only.
        let spanned = toml_edit::Document::parse(text)
            .map_err(|e| error::bad_config(path, syntax(text, &e)))?;
        let mut config = Self::default();
        for (key, item) in spanned.iter() {
            config.apply(key, item).map_err(|what| {
                let line = item.span().map_or(1, |s| line_of(text, s.start));
                error::bad_config(path, format!("line {line}: {what}"))
            })?;
        }
        Ok(config)
    }

    fn apply(&mut self, key: &str, item: &Item) -> Result<(), String> {
        let wrong = |want: &str| format!("`{key}` must be {want}");
        match key {
            "listen" => {
                let list = item
                    .as_array()
                    .ok_or_else(|| wrong("a list of addresses like \"0.0.0.0:46340\""))?;
                self.listen = list
                    .iter()
                    .map(|v| address(v.as_str().unwrap_or_default()))
                    .collect::<Result<_, _>>()?;
            }
            "discovery_port" => {
                self.discovery_port = item
                    .as_integer()
                    .and_then(|n| u16::try_from(n).ok())
                    .filter(|n| *n > 0)
                    .ok_or_else(|| wrong("a port from 1 to 65535"))?;
            }
            "visibility" => {
                self.visibility = match item.as_str() {
                    Some("everyone") => Visibility::Everyone,
                    Some("contacts") => Visibility::Contacts,
                    Some("hidden") => Visibility::Hidden,
                    _ => return Err(wrong("\"everyone\", \"contacts\" or \"hidden\"")),
                };
            }
            "loopback_only" => {
                self.loopback_only = item.as_bool().ok_or_else(|| wrong("true or false"))?
            }
            "receipts" => self.receipts = item.as_bool().ok_or_else(|| wrong("true or false"))?,
            "invite_days" => {
                self.invite_days = item
                    .as_integer()
                    .and_then(|n| u32::try_from(n).ok())
                    .filter(|n| (1..=365).contains(n))
                    .ok_or_else(|| wrong("a number from 1 to 365"))?;
            }
            "downloads" => {
                let place = item.as_str().filter(|p| p.is_empty() || Path::new(p).is_absolute());
                self.downloads = place.ok_or_else(|| wrong("an absolute path, or \"\""))?.into();
            }
            "auto_accept" => self.auto_accept = number(item).ok_or_else(|| wrong("MiB, or 0"))?,
            "keep_free" => self.keep_free = number(item).ok_or_else(|| wrong("MiB, or 0"))?,
            "upload_rate" => self.upload_rate = number(item).ok_or_else(|| wrong("KiB, or 0"))?,
            // How the terminal UI looks and which keys it has: it reads that itself.
            "tui" => {
                item.as_table_like()
                    .ok_or_else(|| wrong("a table, as docs/tui.md describes it"))?;
            }
            _ => return Err(format!("there is no setting `{key}`; there are {}", names())),
        }
        Ok(())
    }

    /// Every key with its value in force.
    #[must_use]
    pub fn rows(&self) -> Vec<ConfigRow> {
        let default = Self::default();
        KEYS.iter()
            .map(|(key, help)| ConfigRow {
                key: (*key).to_owned(),
                value: self.value(key),
                default: self.value(key) == default.value(key),
                help: (*help).to_owned(),
            })
            .collect()
    }

    fn value(&self, key: &str) -> serde_json::Value {
        match key {
            "listen" => serde_json::json!(self.listen),
            "discovery_port" => serde_json::json!(self.discovery_port),
            "visibility" => serde_json::json!(self.visibility),
            "loopback_only" => serde_json::json!(self.loopback_only),
            "receipts" => serde_json::json!(self.receipts),
            "invite_days" => serde_json::json!(self.invite_days),
            "downloads" => serde_json::json!(self.downloads),
            "auto_accept" => serde_json::json!(self.auto_accept),
            "keep_free" => serde_json::json!(self.keep_free),
            "upload_rate" => serde_json::json!(self.upload_rate),
            _ => serde_json::Value::Null,
        }
    }
}

/// One setting.
///
/// # Errors
/// `not_found` for an unknown key, `bad_config` as [`Config::load`].
pub fn get(path: &Path, key: &str) -> Answered<ConfigRow> {
    Config::load(path)?
        .rows()
        .into_iter()
        .find(|row| row.key == key)
        .ok_or_else(|| unknown_key(key))
}

/// Changes one setting in the file, keeping comments and order. `value` is TOML, or bare text.
///
/// # Errors
/// `not_found` for an unknown key, `bad_config` when the value does not fit; the file is not changed then.
pub fn set(path: &Path, key: &str, value: &str) -> Answered<ConfigRow> {
    if !KEYS.iter().any(|(k, _)| *k == key) {
        return Err(unknown_key(key));
    }
    let text = read(path)?;
    let mut document: DocumentMut =
        text.parse().map_err(|e| error::bad_config(path, syntax(&text, &e)))?;
    let parsed: Value = match (key, value.parse::<Value>()) {
        // `config set listen 0.0.0.0:1,[::]:1` needs no TOML from the person.
        ("listen", Err(_)) => {
            Value::Array(value.split(',').map(str::trim).filter(|s| !s.is_empty()).collect())
        }
        ("listen", Ok(v)) if v.is_str() => Value::Array([v].into_iter().collect()),
        (_, Ok(v)) => v,
        (_, Err(_)) => Value::from(value),
    };
    document.insert(key, Item::Value(parsed));
    let text = document.to_string();
    let config = Config::parse(path, &text).map_err(|e| crate::api::ErrorBody {
        hint: "nothing was changed; `nexus config get` tells what each setting takes".to_owned(),
        ..e
    })?;
    crate::setup::write_atomically(path, text.as_bytes(), true)?;
    config.rows().into_iter().find(|row| row.key == key).ok_or_else(|| unknown_key(key))
}

fn unknown_key(key: &str) -> crate::api::ErrorBody {
    crate::api::ErrorBody::new(
        crate::api::ErrorCode::NotFound,
        format!("there is no setting `{key}`"),
        format!("the settings are {}", names()),
    )
}

fn names() -> String {
    KEYS.map(|(k, _)| k).join(", ")
}

fn read(path: &Path) -> Answered<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(error::io("can't read", path, &e)),
    }
}

fn number(item: &Item) -> Option<u32> {
    item.as_integer().and_then(|n| u32::try_from(n).ok())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no address with port, like 0.0.0.0:46340 or [::]:46340"))
}

fn syntax(text: &str, error: &toml_edit::TomlError) -> String {
    let line = error.span().map_or(1, |s| line_of(text, s.start));
    format!("line {line}: {}", error.message())
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line() {
        let error =
            Config::parse(Path::new("c"), "receipts = true\n\ndiscovery_port = 0\n").unwrap_err();
        assert!(error.message.contains("line 3"), "{}", error.message);
        let error = Config::parse(Path::new("c"), "receipts = true\nnonsense = 1\n").unwrap_err();
        assert!(
            error.message.contains("line 2") && error.message.contains("nonsense"),
            "{}",
            error.message
        );
        let error = Config::parse(Path::new("c"), "receipts = true\n\n= 1\n").unwrap_err();
        assert!(error.message.contains("line 3"), "{}", error.message);
    }

    #[test]
    fn set_keeps_comments_and_refuses_what_does_not_fit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        fs::write(&path, "# mine\nreceipts = true # yes\n").unwrap();
        assert!(set(&path, "discovery_port", "70000").is_err());
        let row = set(&path, "discovery_port", "7000").unwrap();
        assert_eq!((row.value, row.default), (serde_json::json!(7000), false));
        set(&path, "listen", "127.0.0.1:0").unwrap();
        set(&path, "visibility", "contacts").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\nreceipts = true # yes\n"), "{text}");
        let config = Config::load(&path).unwrap();
        assert_eq!(config.listen, vec!["127.0.0.1:0".parse().unwrap()]);
        assert_eq!(config.visibility, Visibility::Contacts);
    }
}
