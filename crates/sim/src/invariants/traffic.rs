//! How much may be sent.

use crate::world::{Traffic, World};

/// RUN bytes that may arrive for each byte of runs that brought something.
const RUN_FACTOR: u64 = 4;
/// … and for each link that came up: what was under way when the one before it broke.
const RUN_SLACK: u64 = 128 * 1024;

/// Bytes of all sync frames that may be sent for each byte of runs that brought something …
const SENT_FACTOR: u64 = 4;
/// … and for each link that came up: what was under way when it broke, and who holds what.
const SENT_SLACK: u64 = 160 * 1024;
/// The same, of all frames that are no RUN.
const REST_FACTOR: u64 = 1;
/// … for each link.
const REST_SLACK: u64 = 4 * 1024;
/// … and for each device in an hour.
const HOURLY: u64 = 16;

impl World {
    /// The bytes of runs stay within a multiple of what was missing, and what breaking links cost.
    pub(super) fn check_bytes(&mut self) {
        let liars = self.nodes.values().any(|node| !node.is_honest());
        let most = self.traffic.useful * RUN_FACTOR + RUN_SLACK * (self.traffic.links + 1);
        if !liars && self.traffic.runs > most {
            self.fail(format!(
                "{} RUN bytes arrived for {} new ones",
                self.traffic.runs, self.traffic.useful
            ));
        }
        // All that was sent, whether or not it arrived; and what was said besides the runs.
        let hours = self.now.as_secs() / 3_600 * HOURLY * self.nodes.len() as u64;
        let per_link = |bytes: u64| bytes * (self.traffic.links + 1) + hours;
        let besides = self.traffic.sent - self.traffic.sent_runs;
        let (all, rest) = (
            self.traffic.useful * SENT_FACTOR + per_link(SENT_SLACK),
            self.traffic.useful * REST_FACTOR + per_link(REST_SLACK),
        );
        if !liars && (self.traffic.sent > all || besides > rest) {
            let Traffic { sent, useful, links, .. } = self.traffic;
            self.fail(format!(
                "{sent} bytes sent, {besides} of them besides runs, for {useful} new ones over {links} links"
            ));
        }
    }
}
