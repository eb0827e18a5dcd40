//! What was refused, by code and source, in a table of bounded size.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_identity::Millis;

use crate::api::RefusedView;
use crate::time::{Clock, rfc3339};

/// Rows kept; what comes later is counted in one row a code.
const ROWS: usize = 256;
/// Source of the row that counts what has no row of its own.
const OTHERS: &str = "others";

/// Counts refusals above the transport, which counts its own. Clones count in the same table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused {
    table: Arc<Mutex<Table>>,
    clock: Clock,
}

/// (code, source) → (count, last).
type Table = BTreeMap<(String, String), (u64, Millis)>;

impl Refused {
    /// Nothing was refused yet.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Counts one.
    pub(crate) fn count(&self, code: &str, source: &str) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (code.to_owned(), source.to_owned());
        let key = if table.len() >= ROWS && !table.contains_key(&key) {
            (code.to_owned(), OTHERS.to_owned())
        } else {
            key
        };
        let row = table.entry(key).or_insert((0, Millis(0)));
        *row = (row.0 + 1, self.clock.now());
    }

    /// The table.
    pub(crate) fn views(&self) -> Vec<RefusedView> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let view =
            |((code, source), (count, last)): (&(String, String), &(u64, Millis))| RefusedView {
                code: code.clone(),
                source: source.clone(),
                count: *count,
                last: rfc3339(*last),
            };
        table.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_does_not_grow_beyond_its_bound() {
        let refused = Refused::default();
        for n in 0..10 * ROWS {
            refused.count("bad_frame", &n.to_string());
        }
        let views = refused.views();
        assert_eq!(views.len(), ROWS + 1);
        assert_eq!(views.iter().map(|v| v.count).sum::<u64>(), 10 * ROWS as u64);
        assert!(views.iter().any(|v| v.source == OTHERS));
    }
}
