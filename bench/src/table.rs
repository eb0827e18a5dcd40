//! The table that is printed in the end; each row is also said on stderr as soon as it is known.

/// Rows of: what, size, figure, unit, target, ratio to the target.
pub(crate) struct Table {
    rows: Vec<[String; 5]>,
}

/// What a figure is held against.
pub(crate) enum Target {
    /// More is better; at least this.
    AtLeast(f64),
    /// Less is better; at most this.
    AtMost(f64),
    /// Only for orientation.
    None,
}

impl Table {
    pub(crate) fn new() -> Self {
        let head = ["measure", "messages", "figure", "target", "ratio"];
        Self { rows: vec![head.map(Into::into)] }
    }

    /// Adds a row. The ratio is above 1 where the target is met, whichever way is better.
    pub(crate) fn add(&mut self, what: &str, size: usize, figure: f64, unit: &str, target: Target) {
        let (goal, ratio) = match target {
            Target::AtLeast(least) => {
                (format!("≥ {}", short(least)), format!("{:.2}", figure / least))
            }
            Target::AtMost(most) => (format!("≤ {}", short(most)), format!("{:.2}", most / figure)),
            Target::None => ("–".into(), "–".into()),
        };
        let size = if size == 0 { "–".into() } else { size.to_string() };
        let row = [what.into(), size, format!("{} {unit}", short(figure)), goal, ratio];
        eprintln!("  {}", row.join("  "));
        self.rows.push(row);
    }

    /// Prints it as Markdown, aligned.
    pub(crate) fn print(&self) {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..5).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("| {} |", cells.join(" | "));
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                println!("| {} |", rules.join(" | "));
            }
        }
    }
}

/// Three or four digits that say something.
fn short(figure: f64) -> String {
    match figure {
        f if f >= 100.0 => format!("{f:.0}"),
        f if f >= 1.0 => format!("{f:.1}"),
        f => format!("{f:.2}"),
    }
}
