//! The keys as a table for `docs/tui.md`.

use super::{Action, Keymap, Place, Set, spelled};

/// All keys of both sets, as Markdown. A test holds `docs/tui.md` to it.
#[must_use]
pub fn markdown() -> String {
    let (default, vim) = (Keymap::of(Set::Default), Keymap::of(Set::Vim));
    let mut page = String::new();
    for place in Place::ALL {
        page.push_str(&format!("**{}** (`{}`)\n\n", place.title(), place.name()));
        page.push_str(
            "| action | does | keys | more in the Vim-like set |\n| --- | --- | --- | --- |\n",
        );
        for action in Action::ALL {
            let keys = keys(&default, place, *action);
            let more: Vec<String> = self::keys(&vim, place, *action)
                .into_iter()
                .filter(|key| !keys.contains(key))
                .collect();
            if !keys.is_empty() || !more.is_empty() {
                page.push_str(&format!(
                    "| `{}` | {} | {} | {} |\n",
                    action.name(),
                    action.help(),
                    keys.join(", "),
                    more.join(", ")
                ));
            }
        }
        page.push('\n');
    }
    page.push_str(
        "**Without a key of their own**, by the palette, or by one that you give them:\n\n",
    );
    page.push_str("| action | does |\n| --- | --- |\n");
    let keyless = |a: &&Action| vim.bindings().iter().all(|b| b.action != **a);
    for action in Action::ALL.iter().filter(keyless) {
        page.push_str(&format!("| `{}` | {} |\n", action.name(), action.help()));
    }
    page.push('\n');
    page
}

fn keys(map: &Keymap, place: Place, action: Action) -> Vec<String> {
    let here = map.bindings().iter().filter(|b| b.place == place && b.action == action);
    here.map(|b| format!("`{}`", spelled(&b.keys))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NEXUS_BLESS=1` writes it.
    #[test]
    fn the_page_of_the_terminal_ui_has_the_keys_as_they_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tui.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once("writes it -->\n").unwrap();
        let (found, after) = rest.split_once("<!-- end of keys -->").unwrap();
        let wanted = format!("\n{}", markdown());
        if std::env::var_os("NEXUS_BLESS").is_some() {
            let page = format!("{before}writes it -->\n{wanted}<!-- end of keys -->{after}");
            return std::fs::write(path, page).unwrap();
        }
        assert_eq!(found, wanted);
    }
}
