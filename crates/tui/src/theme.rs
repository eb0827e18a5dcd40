//! Colours. Nothing is told by colour alone: every sign also has a word, a letter or a shape.

use ratatui::style::{Color, Modifier, Style};

/// The themes that come with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// For dark terminals.
    #[default]
    Dark,
    /// For light terminals.
    Light,
    /// As much contrast as there is.
    Contrast,
    /// The sixteen colours that every terminal has, as the person set them.
    Sixteen,
    /// No colours: bold, underlined and reversed only.
    None,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Dark, Self::Light, Self::Contrast, Self::Sixteen, Self::None];

    /// Its name in `config.toml`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Contrast => "contrast",
            Self::Sixteen => "16",
            Self::None => "none",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// Styles by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Ordinary text.
    pub text: Style,
    /// Less important text.
    pub dim: Style,
    /// Headings.
    pub title: Style,
    /// My own name.
    pub mine: Style,
    /// The names of others.
    pub theirs: Style,
    /// What is selected, in the pane that has the keys.
    pub selected: Style,
    /// What is selected, in another pane.
    pub marked: Style,
    /// What is new.
    pub unread: Style,
    /// What is fine.
    pub good: Style,
    /// What is wrong.
    pub bad: Style,
    /// Borders.
    pub border: Style,
    /// The border of the pane that has the keys.
    pub focus: Style,
    /// The bar at the bottom.
    pub bar: Style,
}

impl Theme {
    /// The styles of a theme.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Dark => Self::colours(
                &[252, 245, 255, 114, 117, 238, 235, 221, 114, 210, 239, 117, 236],
                true,
            ),
            Kind::Light => {
                Self::colours(&[235, 243, 232, 28, 25, 153, 254, 130, 28, 124, 250, 25, 254], false)
            }
            Kind::Contrast => Self::contrast(),
            Kind::Sixteen => Self::sixteen(),
            Kind::None => Self::plain(),
        }
    }

    fn colours(c: &[u8; 13], dark: bool) -> Self {
        let [
            text,
            dim,
            title,
            mine,
            theirs,
            selected,
            marked,
            unread,
            good,
            bad,
            border,
            focus,
            bar,
        ] = c.map(Color::Indexed);
        let bold = Modifier::BOLD;
        let fg = |color| Style::new().fg(color);
        let chosen = if dark { Color::Indexed(255) } else { Color::Indexed(232) };
        Self {
            text: fg(text),
            dim: fg(dim),
            title: fg(title).add_modifier(bold),
            mine: fg(mine).add_modifier(bold),
            theirs: fg(theirs).add_modifier(bold),
            selected: fg(chosen).bg(selected).add_modifier(bold),
            marked: fg(text).bg(marked),
            unread: fg(unread).add_modifier(bold),
            good: fg(good),
            bad: fg(bad).add_modifier(bold),
            border: fg(border),
            focus: fg(focus),
            bar: fg(text).bg(bar),
        }
    }

    fn contrast() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            text: plain,
            dim: plain,
            title: bold,
            mine: bold,
            theirs: bold.add_modifier(Modifier::UNDERLINED),
            selected: bold.add_modifier(Modifier::REVERSED),
            marked: plain.add_modifier(Modifier::UNDERLINED),
            unread: bold.fg(Color::Yellow),
            good: bold.fg(Color::Green),
            bad: bold.fg(Color::Red),
            border: plain,
            focus: bold,
            bar: plain.add_modifier(Modifier::REVERSED),
        }
    }

    fn sixteen() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            text: plain,
            dim: plain.fg(Color::DarkGray),
            title: bold,
            mine: bold.fg(Color::Green),
            theirs: bold.fg(Color::Cyan),
            selected: plain.add_modifier(Modifier::REVERSED),
            marked: bold,
            unread: bold.fg(Color::Yellow),
            good: plain.fg(Color::Green),
            bad: bold.fg(Color::Red),
            border: plain.fg(Color::DarkGray),
            focus: plain.fg(Color::Cyan),
            bar: plain.add_modifier(Modifier::REVERSED),
        }
    }

    fn plain() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            text: plain,
            dim: plain,
            title: bold,
            mine: bold,
            theirs: bold,
            selected: plain.add_modifier(Modifier::REVERSED),
            marked: plain.add_modifier(Modifier::UNDERLINED),
            unread: bold,
            good: plain,
            bad: bold,
            border: plain,
            focus: bold,
            bar: plain.add_modifier(Modifier::REVERSED),
        }
    }
}
