//! Aligned columns. Cells are made safe here, so no caller can forget it.

use unicode_width::UnicodeWidthStr;

use super::style::Style;
use crate::sanitize;

/// Spaces between columns.
const GAP: usize = 2;
/// A cell wider than this does not push the others away.
const MAX_WIDTH: usize = 64;

/// Rows under named columns.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these column names.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; the cells are made safe.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(|c| sanitize::line(c.as_ref())).collect());
    }

    /// Columns side by side; a column that is empty in every row is left out.
    pub(crate) fn aligned(&self, style: Style) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let shown: Vec<(usize, &str, usize)> = self
            .columns
            .iter()
            .enumerate()
            .filter(|(i, _)| self.cells(*i).any(|c| !c.is_empty()))
            .map(|(i, name)| {
                let widest =
                    self.cells(i).map(UnicodeWidthStr::width).filter(|w| *w <= MAX_WIDTH).max();
                (i, *name, widest.unwrap_or(0).max(name.width()))
            })
            .collect();
        let mut out = String::new();
        let heading = padded(shown.iter().map(|(_, name, width)| (*name, *width)));
        out.push_str(&style.dim(&heading.to_uppercase()));
        out.push('\n');
        for row in &self.rows {
            let cells = shown.iter().map(|(i, _, w)| (row.get(*i).map_or("", String::as_str), *w));
            out.push_str(&padded(cells));
            out.push('\n');
        }
        out
    }

    /// One line a row, each cell under its name: what a screen reader can read out.
    pub(crate) fn spoken(&self) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let parts: Vec<String> = self
                .columns
                .iter()
                .zip(row)
                .filter(|(_, cell)| !cell.is_empty())
                .map(|(name, cell)| format!("{name}: {cell}"))
                .collect();
            out.push_str(&parts.join("; "));
            out.push('\n');
        }
        out
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row.get(column).map_or("", String::as_str))
    }
}

fn padded<'a>(cells: impl Iterator<Item = (&'a str, usize)>) -> String {
    let mut out = String::new();
    for (cell, width) in cells {
        out.push_str(cell);
        let fill = width.saturating_sub(cell.width()) + GAP;
        out.extend(std::iter::repeat_n(' ', fill));
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_the_width_of_the_letters() {
        let mut table = Table::new(&["name", "note", "state"]);
        table.row(["日本", "", "accepted"]);
        table.row(["Ana", "", "blocked"]);
        assert_eq!(
            table.aligned(Style { on: false }),
            "NAME  STATE\n日本  accepted\nAna   blocked\n"
        );
    }

    #[test]
    fn a_cell_can_neither_break_the_line_nor_paint() {
        let mut table = Table::new(&["name"]);
        table.row(["a\n\u{1b}[31mb"]);
        assert_eq!(table.aligned(Style { on: false }), "NAME\na␊␛[31mb\n");
    }

    #[test]
    fn a_screen_reader_hears_names_and_values() {
        let mut table = Table::new(&["name", "note", "state"]);
        table.row(["Ana", "", "accepted"]);
        assert_eq!(table.spoken(), "name: Ana; state: accepted\n");
    }
}
