//! What can be set from inside.

use nexus_node::config::Visibility;

use super::Model;
use crate::sanitize;

/// One line of the settings page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// My name for others.
    Name,
    /// Who sees this node nearby.
    Visibility,
    /// Colours.
    Theme,
    /// The mouse.
    Mouse,
    /// Whether news are told.
    Notifications,
    /// Whether the desktop tells them.
    Desktop,
    /// Whether the bell rings with them.
    Bell,
    /// Whether nothing is told.
    DoNotDisturb,
    /// When nothing is told.
    QuietHours,
    /// Which set of keys.
    Keys,
    /// What was changed of it.
    Bindings,
}

impl Setting {
    /// All of them, from top to bottom.
    pub const ALL: [Self; 11] = [
        Self::Name,
        Self::Visibility,
        Self::Theme,
        Self::Mouse,
        Self::Notifications,
        Self::Desktop,
        Self::Bell,
        Self::DoNotDisturb,
        Self::QuietHours,
        Self::Keys,
        Self::Bindings,
    ];

    /// What it says on the page.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Name => "My name, as others see it",
            Self::Visibility => "Who sees me nearby",
            Self::Theme => "Theme",
            Self::Mouse => "Mouse",
            Self::Notifications => "Tell of news while nobody looks",
            Self::Desktop => "… by the desktop, where there is one",
            Self::Bell => "… and ring the bell",
            Self::DoNotDisturb => "Do not disturb: tell of nothing",
            Self::QuietHours => "… and of nothing between",
            Self::Keys => "Keys",
            Self::Bindings => "… single ones",
        }
    }

    /// Its value now; safe to show.
    #[must_use]
    pub fn value(self, model: &Model) -> String {
        let yes = |on: bool| if on { "yes" } else { "no" }.to_owned();
        let config = &model.config;
        match self {
            Self::Name => model.me.as_ref().map(|me| sanitize::line(&me.name)).unwrap_or_default(),
            Self::Visibility => visibility(model.visibility).to_owned(),
            Self::Theme => config.theme.name().to_owned(),
            Self::Mouse => yes(config.mouse),
            Self::Notifications => yes(config.notifications),
            Self::Desktop => yes(config.desktop),
            Self::Bell => yes(config.bell),
            Self::DoNotDisturb => yes(config.do_not_disturb),
            Self::QuietHours => {
                config.quiet_hours.map_or_else(|| "never".to_owned(), |h| h.to_string())
            }
            Self::Keys => if config.vim { "vim" } else { "default" }.to_owned(),
            Self::Bindings => match config.changed.len() as u64 {
                0 => "as they come".to_owned(),
                n => format!("{n} changed"),
            },
        }
    }
}

/// Its name in `config.toml`.
#[must_use]
pub const fn visibility(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Everyone => "everyone",
        Visibility::Contacts => "contacts",
        Visibility::Hidden => "hidden",
    }
}
