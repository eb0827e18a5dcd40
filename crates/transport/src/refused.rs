//! The table of what was refused, by code and source: bounded, whatever comes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::code::RefusedCode;
use crate::event::RefusedRow;

/// Rows with a source of their own; what comes from further ones is summed up by code.
pub const MAX_ROWS: usize = 256;

/// At most one event a row in this time.
pub const EVENT_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Row {
    count: u64,
    last: Duration,
    last_event: Duration,
}

/// Counts refusals.
#[derive(Debug, Default)]
pub struct RefusedTable {
    rows: HashMap<(RefusedCode, Option<IpAddr>), Row>,
}

impl RefusedTable {
    /// Counts one; `true` when the caller should be told, which is the first time and then once a second at most.
    pub fn count(&mut self, code: RefusedCode, source: IpAddr, now: Duration) -> bool {
        let own = (code, Some(source.to_canonical()));
        let key = if self.rows.len() < MAX_ROWS || self.rows.contains_key(&own) {
            own
        } else {
            (code, None)
        };
        match self.rows.get_mut(&key) {
            Some(row) => {
                row.count = row.count.saturating_add(1);
                row.last = now;
                let tell = now.saturating_sub(row.last_event) >= EVENT_EVERY;
                if tell {
                    row.last_event = now;
                }
                tell
            }
            None => {
                self.rows.insert(key, Row { count: 1, last: now, last_event: now });
                true
            }
        }
    }

    /// All rows, the latest first.
    #[must_use]
    pub fn rows(&self, now: Duration) -> Vec<RefusedRow> {
        let mut rows: Vec<RefusedRow> = self
            .rows
            .iter()
            .map(|((code, source), row)| RefusedRow {
                code: *code,
                source: *source,
                count: row.count,
                ago: now.saturating_sub(row.last),
            })
            .collect();
        rows.sort_by_key(|row| (row.ago, row.code, row.source));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_sources_take_a_bounded_table_and_none_is_lost_from_the_count() {
        let mut table = RefusedTable::default();
        for n in 0..1_000_000u32 {
            table.count(RefusedCode::BadBeacon, IpAddr::V4(n.into()), Duration::ZERO);
        }
        let rows = table.rows(Duration::ZERO);
        assert!(rows.len() <= MAX_ROWS + 16);
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 1_000_000);
    }

    #[test]
    fn events_come_once_a_second_at_most() {
        let mut table = RefusedTable::default();
        let source = IpAddr::V4(1.into());
        let told: usize = (0..3000)
            .filter(|ms| table.count(RefusedCode::Gate, source, Duration::from_millis(*ms)))
            .count();
        assert_eq!(told, 3);
    }
}
