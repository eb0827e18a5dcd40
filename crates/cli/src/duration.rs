//! Lengths of time as people type them: `30s`, `10m`, `2h`, `7d`, `1h30m`; a bare number is seconds.

use std::time::Duration;

/// The longest one accepted: ten years. More is a slip of the keyboard.
pub(crate) const MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Reads one; for clap.
///
/// # Errors
/// What is wrong, in words for the person.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write it like 30s, 10m, 2h or 7d");
    let mut total: u64 = 0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let mut tail_chars = tail.chars();
        let unit = match tail_chars.next() {
            None if rest == text => 1,
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some('w') => 7 * 86_400,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(unit).and_then(|n| n.checked_add(total)).ok_or_else(wrong)?;
        rest = tail_chars.as_str();
    }
    let total = Duration::from_secs(total);
    if total > MAX {
        return Err(format!("`{text}` is longer than ten years"));
    }
    Ok(total)
}

/// A length that may also be `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrOff(pub(crate) Option<Duration>);

/// Reads a length or `off`; for clap.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_or_off(text: &str) -> Result<OrOff, String> {
    if text == "off" { Ok(OrOff(None)) } else { parse(text).map(|d| OrOff(Some(d))) }
}

/// How long to be quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// Not any more.
    Off,
    /// For so long.
    For(Duration),
    /// Until it is turned off.
    Forever,
}

/// Reads a length, `off` or `forever`; for clap.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_quiet(text: &str) -> Result<Quiet, String> {
    match text {
        "off" => Ok(Quiet::Off),
        "forever" => Ok(Quiet::Forever),
        _ => parse(text).map(|d| if d.is_zero() { Quiet::Off } else { Quiet::For(d) }),
    }
}

/// Seconds for people: the largest unit that divides it, else the two largest.
#[must_use]
pub(crate) fn show(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut rest = seconds;
    let mut out = String::new();
    let mut parts = 0;
    for (unit, letter) in UNITS {
        if (rest >= unit || (unit == 1 && out.is_empty())) && parts < 2 {
            out.push_str(&format!("{}{letter}", rest / unit));
            rest %= unit;
            parts += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("30s", 30),
            ("10m", 600),
            ("2h", 7_200),
            ("7d", 604_800),
            ("45", 45),
            ("1h30m", 5_400),
        ] {
            assert_eq!(parse(text).unwrap().as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn nonsense_and_absurd_lengths_are_refused() {
        for text in ["", "h", "10x", "1.5h", "-3s", "10m5", "99999999999999999999d", "4000d"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse("3650d").is_ok());
    }

    #[test]
    fn lengths_are_shown_short() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (600, "10m"), (5_400, "1h30m"), (90_061, "1d1h")]
        {
            assert_eq!(show(seconds), text);
        }
    }

    #[test]
    fn off_and_forever_are_words() {
        assert_eq!(parse_or_off("off"), Ok(OrOff(None)));
        assert_eq!(parse_quiet("forever"), Ok(Quiet::Forever));
        assert_eq!(parse_quiet("0s"), Ok(Quiet::Off));
    }
}
