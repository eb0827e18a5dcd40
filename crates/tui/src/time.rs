//! Times as people read them. The time and the zone come as arguments.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// The time and the place that a screen is drawn for.
#[derive(Debug, Clone, PartialEq)]
pub struct Now {
    /// The time.
    pub at: Timestamp,
    /// The time zone.
    pub zone: TimeZone,
}

impl Now {
    fn local(&self, text: &str) -> Option<Zoned> {
        Some(text.parse::<Timestamp>().ok()?.to_zoned(self.zone.clone()))
    }

    /// Today.
    #[must_use]
    pub fn today(&self) -> Date {
        self.at.to_zoned(self.zone.clone()).date()
    }

    /// The day of an RFC 3339 time.
    #[must_use]
    pub fn day(&self, time: &str) -> Option<Date> {
        Some(self.local(time)?.date())
    }

    /// `14:05`.
    #[must_use]
    pub fn clock(&self, time: &str) -> String {
        self.local(time).map(|at| at.strftime("%H:%M").to_string()).unwrap_or_default()
    }

    /// `2026-11-23 14:05:09`.
    #[must_use]
    pub fn exact(&self, time: &str) -> String {
        let shown = self.local(time).map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
        shown.unwrap_or_else(|| crate::sanitize::line(time))
    }

    /// The beginning of a day that somebody typed: `2026-11-23`, `11-23` (the last one), `monday`, `yesterday`, `today`.
    #[must_use]
    pub fn a_day(&self, typed: &str) -> Option<Zoned> {
        let (typed, today) = (typed.trim().to_lowercase(), self.today());
        let before = |days: i64| today.checked_sub(days.days()).ok();
        let named = |day: &Date| {
            typed.len() >= 3 && day.strftime("%A").to_string().to_lowercase().starts_with(&typed)
        };
        let of_year = |year: i16| format!("{year}-{typed}").parse::<Date>().ok();
        let day = match typed.as_str() {
            "today" => Some(today),
            "yesterday" => before(1),
            _ => typed.parse().ok(),
        };
        let day = day
            .or_else(|| (1..=7).filter_map(before).find(named))
            .or_else(|| of_year(today.year()).filter(|day| *day <= today))
            .or_else(|| of_year(today.year() - 1))?;
        day.to_zoned(self.zone.clone()).ok()
    }

    /// For a list: the clock today, the weekday within a week, else the date.
    #[must_use]
    pub fn brief(&self, time: &str) -> String {
        let Some(at) = self.local(time) else { return String::new() };
        let days = (self.today() - at.date()).get_days();
        match days {
            0 => at.strftime("%H:%M"),
            1..=6 => at.strftime("%a"),
            _ if at.date().year() == self.today().year() => at.strftime("%-d %b"),
            _ => at.strftime("%Y-%m-%d"),
        }
        .to_string()
    }

    /// `Today`, `Yesterday`, or the date.
    #[must_use]
    pub fn day_name(&self, day: Date) -> String {
        match (self.today() - day).get_days() {
            0 => "Today".to_owned(),
            1 => "Yesterday".to_owned(),
            _ if day.year() == self.today().year() => day.strftime("%A, %-d %B").to_string(),
            _ => day.strftime("%A, %-d %B %Y").to_string(),
        }
    }

    /// `just now`, `5 min ago`, `3 h ago`, else as in a list.
    #[must_use]
    pub fn ago(&self, time: &str) -> String {
        let Ok(at) = time.parse::<Timestamp>() else { return String::new() };
        match self.at.as_second().saturating_sub(at.as_second()) {
            ..60 => "just now".to_owned(),
            seconds @ 60..3_600 => format!("{} min ago", seconds / 60),
            seconds @ 3_600..86_400 => format!("{} h ago", seconds / 3_600),
            _ => self.brief(time),
        }
    }
}

/// `45 s`, `10 min`, `2 h`, `7 d`.
#[must_use]
pub fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_may_be_typed_as_people_say_it() {
        let at = "2026-11-23T18:30:00Z".parse().unwrap();
        let now = Now { at, zone: TimeZone::UTC };
        for (typed, day) in [
            ("2025-01-31", "2025-01-31"),
            ("today", "2026-11-23"),
            (" Yesterday", "2026-11-22"),
            ("monday", "2026-11-16"),
            ("sun", "2026-11-22"),
            ("11-23", "2026-11-23"),
            ("12-24", "2025-12-24"),
        ] {
            let found = now.a_day(typed).map(|at| at.date().to_string());
            assert_eq!(found.as_deref(), Some(day), "{typed}");
        }
        for wrong in ["", "x", "mo", "02-30", "2026-13-01"] {
            assert_eq!(now.a_day(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn near_times_are_short_and_far_ones_have_a_date() {
        let now = Now { at: "2026-11-23T18:30:00Z".parse().unwrap(), zone: TimeZone::UTC };
        assert_eq!(now.brief("2026-11-23T14:05:00.000Z"), "14:05");
        assert_eq!(now.brief("2026-11-20T14:05:00.000Z"), "Fri");
        assert_eq!(now.brief("2026-03-02T14:05:00.000Z"), "2 Mar");
        assert_eq!(now.brief("2025-03-02T14:05:00.000Z"), "2025-03-02");
        assert_eq!(now.day_name(now.day("2026-11-22T00:00:00Z").unwrap()), "Yesterday");
        assert_eq!(now.ago("2026-11-23T18:25:00Z"), "5 min ago");
        assert_eq!(now.brief("nonsense"), "");
        assert_eq!(span(604_800), "7 d");
    }
}
