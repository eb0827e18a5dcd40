//! Hours in which nothing is told.

use jiff::civil::Time;

/// From one time of the day to another, over midnight where the second is the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    to: Time,
}

impl QuietHours {
    /// Reads `22:00-07:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let hours = Self { from: time(from)?, to: time(to)? };
        (hours.from != hours.to).then_some(hours)
    }

    /// Whether a time of the day is among them.
    #[must_use]
    pub fn contain(&self, time: Time) -> bool {
        match self.from < self.to {
            true => self.from <= time && time < self.to,
            false => self.from <= time || time < self.to,
        }
    }
}

impl std::fmt::Display for QuietHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn hours_go_over_midnight_and_end_before_their_end() {
        let night = QuietHours::parse("22:00-07:30").unwrap();
        for (hour, minute, quiet) in
            [(21, 59, false), (22, 0, true), (0, 0, true), (7, 29, true), (7, 30, false)]
        {
            assert_eq!(night.contain(time(hour, minute, 0, 0)), quiet, "{hour}:{minute}");
        }
        let noon = QuietHours::parse("12:00 - 13:00").unwrap();
        assert!(noon.contain(time(12, 30, 0, 0)) && !noon.contain(time(13, 0, 0, 0)));
        assert_eq!(noon.to_string(), "12:00-13:00");
        for wrong in ["", "22:00", "22-7", "25:00-07:00", "07:00-07:00", "a-b"] {
            assert_eq!(QuietHours::parse(wrong), None, "{wrong}");
        }
    }
}
