//! The few colours used, and none where they are not wanted.

/// Colours on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whether colours are used.
    pub(crate) on: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.on && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Names and headings.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// What is beside the point: ids, times.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Fine.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Not fine.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Worth a look.
    pub(crate) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }
}
