//! What a person sets for the terminal UI: the table `[tui]` of `config.toml`.

mod quiet;

use toml_edit::{Document, DocumentMut, Item, TableLike, TomlError, Value};

use crate::keymap::{self, Action, Key, Keymap, Place, Set};
use crate::theme::Kind;
pub use quiet::QuietHours;

/// Settings with their values in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Which colours.
    pub theme: Kind,
    /// Whether the mouse is used: then the terminal's own selection needs Shift.
    pub mouse: bool,
    /// Whether news are told when the terminal is not looked at.
    pub notifications: bool,
    /// Whether the desktop tells them, where there is one.
    pub desktop: bool,
    /// Whether the bell rings with them.
    pub bell: bool,
    /// Whether nothing is told at all.
    pub do_not_disturb: bool,
    /// When nothing is told.
    pub quiet_hours: Option<QuietHours>,
    /// Whether Esc stops writing and gives the keys to the messages.
    pub vim: bool,
    /// Keys.
    pub keymap: Keymap,
    /// What a person changed of them; `None` takes a meaning away.
    pub changed: Vec<Change>,
}

/// A key with a meaning that a person gave it: place, keys, action.
pub type Change = (Place, Vec<Key>, Option<Action>);

impl Default for Config {
    fn default() -> Self {
        Self {
            theme: Kind::Dark,
            mouse: true,
            notifications: true,
            desktop: true,
            bell: false,
            do_not_disturb: false,
            quiet_hours: None,
            vim: false,
            keymap: Keymap::of(Set::Default),
            changed: Vec::new(),
        }
    }
}

/// The settings: name, what they take, what they do.
pub const HELP: [(&str, &str, &str); 8] = [
    ("theme", "`dark`, `light`, `contrast`, `16`, `none`", "colours; `NO_COLOR` means `none`"),
    ("mouse", "`true`, `false`", "click and wheel; off: the terminal selects as everywhere"),
    (
        "notifications",
        "`true`, `false`",
        "tell of new messages while the terminal is not looked at",
    ),
    ("desktop", "`true`, `false`", "tell by the desktop where there is one, else by the terminal"),
    ("bell", "`true`, `false`", "ring with it"),
    ("do_not_disturb", "`true`, `false`", "tell of nothing"),
    ("quiet_hours", "like `22:00-07:00`", "tell of nothing then"),
    ("keys", "`default`, `vim`", "which set of keys; changes to it are in `[tui.bind]`"),
];

impl Config {
    /// Reads the table `[tui]` of a configuration; all defaults where there is none.
    ///
    /// # Errors
    /// `line N: …`, in plain words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start);
            format!("line {}: {}", line_of(text, at), e.message())
        })?;
        let mut config = Self::default();
        let Some(item) = document.get("tui") else { return Ok(config) };
        let table = item.as_table_like().ok_or_else(|| at(text, item, "`tui` must be a table"))?;
        // Which set comes first: changes are made to it.
        if let Some(item) = table.get("keys") {
            let set = match item.as_str() {
                Some("default") => Set::Default,
                Some("vim") => Set::Vim,
                _ => return Err(at(text, item, "`keys` must be \"default\" or \"vim\"")),
            };
            config.vim = set == Set::Vim;
            config.keymap = Keymap::of(set);
        }
        for (key, item) in table.iter() {
            config.apply(text, key, item)?;
        }
        Ok(config)
    }

    /// Takes the other set of keys. What a person changed holds in it too.
    pub fn set_keys(&mut self, vim: bool) {
        self.vim = vim;
        self.keymap.take_set(if vim { Set::Vim } else { Set::Default });
        for (place, keys, action) in &self.changed {
            self.keymap.bind(*place, keys.clone(), *action);
        }
    }

    fn apply(&mut self, text: &str, key: &str, item: &Item) -> Result<(), String> {
        let truth = |item: &Item| {
            item.as_bool().ok_or_else(|| at(text, item, format!("`{key}` must be true or false")))
        };
        match key {
            "keys" => {}
            "mouse" => self.mouse = truth(item)?,
            "notifications" => self.notifications = truth(item)?,
            "desktop" => self.desktop = truth(item)?,
            "bell" => self.bell = truth(item)?,
            "do_not_disturb" => self.do_not_disturb = truth(item)?,
            "quiet_hours" => {
                let wrong = "`quiet_hours` must be like \"22:00-07:00\", or \"\" for none";
                self.quiet_hours = match item.as_str() {
                    Some("") => None,
                    hours => Some(
                        hours.and_then(QuietHours::parse).ok_or_else(|| at(text, item, wrong))?,
                    ),
                };
            }
            "theme" => {
                let wrong = "`theme` must be \"dark\", \"light\", \"contrast\", \"16\" or \"none\"";
                self.theme =
                    item.as_str().and_then(Kind::named).ok_or_else(|| at(text, item, wrong))?;
            }
            "bind" => {
                let table =
                    item.as_table_like().ok_or_else(|| at(text, item, "`bind` must be a table"))?;
                self.bind(text, table)?;
            }
            _ => {
                let known: Vec<&str> = HELP.iter().map(|(name, _, _)| *name).collect();
                let known = known.join(", ");
                return Err(at(
                    text,
                    item,
                    format!("there is no setting `{key}` in [tui]; there are {known}, bind"),
                ));
            }
        }
        Ok(())
    }

    fn bind(&mut self, text: &str, places: &dyn TableLike) -> Result<(), String> {
        for (name, item) in places.iter() {
            let place = Place::ALL.into_iter().find(|p| p.name() == name).ok_or_else(|| {
                let known = Place::ALL.map(Place::name).join(", ");
                at(text, item, format!("there is no place `{name}`; there are {known}"))
            })?;
            let keys = item.as_table_like().ok_or_else(|| {
                at(
                    text,
                    item,
                    format!("`bind.{name}` must be a table like {{ \"ctrl-t\" = \"switch\" }}"),
                )
            })?;
            for (key, item) in keys.iter() {
                let sequence = keymap::parse(key).map_err(|what| at(text, item, what))?;
                let action = match item.as_str() {
                    Some("none") => None,
                    Some(name) => Some(Action::named(name).ok_or_else(|| {
                        at(
                            text,
                            item,
                            format!("there is no action {name:?}; docs/tui.md lists them"),
                        )
                    })?),
                    None => return Err(at(text, item, "an action is a text, like \"switch\"")),
                };
                self.keymap.bind(place, sequence.clone(), action);
                self.changed.push((place, sequence, action));
            }
        }
        Ok(())
    }
}

/// The text of a configuration with a setting of `[tui]` changed; comments and order stay.
///
/// # Errors
/// What is wrong with the text, or with the value.
pub fn with(text: &str, key: &str, value: &str) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|e: TomlError| e.to_string())?;
    let value: Value = value.parse().map_err(|e: TomlError| e.to_string())?;
    let table = document.entry("tui").or_insert(toml_edit::table());
    let table = table.as_table_like_mut().ok_or("`tui` must be a table")?;
    put(table, key, value);
    let changed = document.to_string();
    Config::parse(&changed).map(|_| changed)
}

/// The text of a configuration with the meaning of keys changed: to an action, to none (`Some(None)`), or back to what the
/// set of keys says; comments and order stay.
///
/// # Errors
/// What is wrong with the text.
pub fn with_key(
    text: &str,
    place: Place,
    keys: &[Key],
    action: Option<Option<Action>>,
) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|e: TomlError| e.to_string())?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for name in ["tui", "bind", place.name()] {
        let implicit = || {
            let mut table = toml_edit::Table::new();
            table.set_implicit(true);
            Item::Table(table)
        };
        let item = table.entry(name).or_insert_with(implicit);
        table = item.as_table_like_mut().ok_or_else(|| format!("`{name}` must be a table"))?;
    }
    // However it was written before.
    let same = |name: &str| keymap::parse(name).as_deref() == Ok(keys);
    let known = table.iter().map(|(name, _)| name.to_owned()).find(|name| same(name));
    let name = known.unwrap_or_else(|| keymap::spelled(keys));
    match action {
        Some(action) => put(table, &name, action.map_or("none", Action::name).into()),
        None => drop(table.remove(&name)),
    }
    let changed = document.to_string();
    Config::parse(&changed).map(|_| changed)
}

/// Puts a value in the place of another; what stands around that stays.
fn put(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            value.decor_mut().clone_from(old.decor());
            *old = value;
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}

fn at(text: &str, item: &Item, what: impl AsRef<str>) -> String {
    let line = item.span().map_or(1, |s| line_of(text, s.start));
    format!("line {line}: {}", what.as_ref())
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap::Meaning;

    #[test]
    fn keys_can_be_changed_and_taken_away() {
        let config = Config::parse(
            "receipts = true\n[tui]\nkeys = \"vim\"\ntheme = \"light\"\n[tui.bind.list]\n\"ctrl-t\" = \"switch\"\nj = \"none\"\n",
        )
        .unwrap();
        assert_eq!(config.theme, Kind::Light);
        let means = |key: &str| config.keymap.meaning(Place::List, &keymap::parse(key).unwrap());
        assert_eq!(means("ctrl-t"), Meaning::Action(Action::Switch));
        assert_eq!(means("j"), Meaning::Nothing);
        assert_eq!(means("k"), Meaning::Action(Action::Up));
    }

    #[test]
    fn a_setting_is_changed_and_the_rest_stays() {
        let changed = with("# mine\nreceipts = true\n", "theme", "\"light\"").unwrap();
        assert_eq!(changed, "# mine\nreceipts = true\n\n[tui]\ntheme = \"light\"\n");
        assert!(with("", "theme", "\"pink\"").is_err());
    }

    #[test]
    fn what_stands_beside_a_changed_setting_stays() {
        let text = "[tui]\n# at night\ntheme = \"dark\" # mostly\nbell = false\n";
        let changed = with(text, "theme", "\"light\"").unwrap();
        assert_eq!(changed, text.replace("dark", "light"));
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, line, words) in [
            ("[tui]\ntheme = \"pink\"\n", 2, "theme"),
            ("[tui]\n\ncolour = 1\n", 3, "colour"),
            ("[tui.bind.list]\n\"ctrl-kk\" = \"switch\"\n", 2, "ctrl-kk"),
            ("[tui.bind.list]\nx = \"fly\"\n", 2, "fly"),
            ("[tui.bind.moon]\nx = \"up\"\n", 1, "moon"),
            ("[tui]\nkeys = \"emacs\"\n", 2, "keys"),
            ("[tui]\nquiet_hours = \"22\"\n", 2, "quiet_hours"),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.starts_with(&format!("line {line}:")), "{text:?}: {error}");
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }
}
