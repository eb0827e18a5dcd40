//! Which key does what, as data: the defaults, a Vim-like set, and what a person changed.
//!
//! Help, the palette and the table in `docs/tui.md` are made from it.

mod action;
mod key;
mod sets;
mod table;

pub use action::{Action, Place};
pub use key::{Code, Key};
pub use table::markdown;

/// Longest sequence of keys, as in `g g`.
pub const MAX_SEQUENCE: usize = 2;

/// The sets that come with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Set {
    /// For everybody.
    #[default]
    Default,
    /// For those whose fingers know Vim.
    Vim,
}

/// Keys that do something somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where they are pressed.
    pub place: Place,
    /// The keys, one after the other.
    pub keys: Vec<Key>,
    /// What they do.
    pub action: Action,
}

/// What a sequence of keys means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// This.
    Action(Action),
    /// Something, once further keys follow.
    Prefix,
    /// Nothing.
    Nothing,
}

/// All keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    bindings: Vec<Binding>,
    by_name: bool,
}

impl Keymap {
    /// One of the sets.
    #[must_use]
    pub fn of(set: Set) -> Self {
        let mut map = Self { bindings: Vec::new(), by_name: false };
        map.take_set(set);
        map
    }

    /// Takes the keys of a set instead of those it has.
    pub fn take_set(&mut self, set: Set) {
        self.bindings.clear();
        self.add(sets::DEFAULT);
        if set == Set::Vim {
            self.add(sets::VIM);
        }
    }

    fn add(&mut self, set: &[(Place, &str, Action)]) {
        for (place, keys, action) in set {
            if let Ok(keys) = key::sequence(keys) {
                self.bind(*place, keys, Some(*action));
            }
        }
    }

    /// Gives keys another meaning in a place, or (`None`) none.
    pub fn bind(&mut self, place: Place, keys: Vec<Key>, action: Option<Action>) {
        self.bindings.retain(|b| b.place != place || b.keys != keys);
        self.bindings.extend(action.map(|action| Binding { place, keys, action }));
    }

    /// What these keys mean here: first what the place says, then what holds everywhere.
    #[must_use]
    pub fn meaning(&self, place: Place, keys: &[Key]) -> Meaning {
        for place in [place, Place::Everywhere] {
            let here = || self.bindings.iter().filter(move |b| b.place == place);
            if let Some(found) = here().find(|b| b.keys == keys) {
                return Meaning::Action(found.action);
            }
            if here().any(|b| b.keys.len() > keys.len() && b.keys.starts_with(keys)) {
                return Meaning::Prefix;
            }
        }
        Meaning::Nothing
    }

    /// Actions are typed by their names: that is what is told of them instead of keys.
    #[must_use]
    pub fn by_name(self) -> Self {
        Self { by_name: true, ..self }
    }

    /// All of them.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The keys of an action, the first of them in `place` when it has some there.
    #[must_use]
    pub fn keys_of(&self, action: Action, place: Option<Place>) -> String {
        if self.by_name {
            return format!("/{}", action.name());
        }
        let mut keys: Vec<&Binding> = self.bindings.iter().filter(|b| b.action == action).collect();
        keys.sort_by_key(|b| Some(b.place) != place);
        keys.first().map(|b| spelled(&b.keys)).unwrap_or_default()
    }
}

impl Keymap {
    /// All keys of an action in a place, with commas between them.
    #[must_use]
    pub fn all_keys_of(&self, action: Action, place: Place) -> String {
        let here = self.bindings.iter().filter(|b| b.place == place && b.action == action);
        here.map(|b| spelled(&b.keys)).collect::<Vec<_>>().join(", ")
    }
}

/// Keys as they are written in `config.toml` and in the help.
#[must_use]
pub fn spelled(keys: &[Key]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Reads `ctrl-k`, `g g`.
///
/// # Errors
/// What is wrong, in plain words.
pub fn parse(text: &str) -> Result<Vec<Key>, String> {
    key::sequence(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_key_can_be_read_and_written() {
        for (_, keys, action) in sets::DEFAULT.iter().chain(sets::VIM) {
            let parsed = parse(keys).unwrap_or_else(|e| panic!("{action:?}: {e}"));
            assert_eq!(spelled(&parsed), *keys);
        }
    }

    #[test]
    fn no_key_has_two_meanings_in_one_place() {
        for set in [sets::DEFAULT, sets::VIM] {
            for (n, (place, keys, _)) in set.iter().enumerate() {
                let again = set.iter().skip(n + 1).find(|(p, k, _)| p == place && k == keys);
                assert!(again.is_none(), "{place:?} {keys}: {again:?}");
            }
        }
    }

    #[test]
    fn every_action_has_a_name_of_its_own_and_is_found_by_it() {
        for action in Action::ALL {
            assert_eq!(Action::named(action.name()), Some(*action));
            assert!(!action.help().is_empty());
        }
    }

    #[test]
    fn a_place_goes_before_everywhere_and_sequences_wait() {
        let map = Keymap::of(Set::Vim);
        let g = parse("g").unwrap();
        assert_eq!(map.meaning(Place::Messages, &g), Meaning::Prefix);
        assert_eq!(
            map.meaning(Place::Messages, &parse("g g").unwrap()),
            Meaning::Action(Action::Top)
        );
        assert_eq!(map.meaning(Place::Composer, &g), Meaning::Nothing);
        assert_eq!(
            map.meaning(Place::Composer, &parse("ctrl-q").unwrap()),
            Meaning::Action(Action::Quit)
        );
    }
}
