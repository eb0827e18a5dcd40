//! The hybrid logical clock of a conversation, and which clocks are believed.

use nexus_identity::id::Millis;

/// Bits of the counter below the milliseconds.
const COUNTER_BITS: u32 = 16;
/// The largest time that 48 bits hold.
const MAX_MILLIS: u64 = (1 << 48) - 1;
/// How far ahead of my own clock a time may be and still be followed: 10 years of 365.25 days.
pub const MAX_AHEAD_MILLIS: u64 = 315_576_000_000;

/// What my own clock says: the system clock, but never before the release of this program.
///
/// A device that thinks it is 1970 knows at least that much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(Millis);

impl Now {
    /// From the system clock and the release date of the program.
    #[must_use]
    pub fn new(system: Millis, released: Millis) -> Self {
        Self(system.max(released))
    }

    /// The time.
    #[must_use]
    pub const fn millis(self) -> Millis {
        self.0
    }

    /// As if it were later.
    #[must_use]
    pub fn later(self, by: core::time::Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// The last clock value that is followed.
    #[must_use]
    pub const fn horizon(self) -> Hlc {
        Hlc::from_millis(self.0.0.saturating_add(MAX_AHEAD_MILLIS))
    }
}

/// 48 bits of milliseconds since 1970, 16 bits of counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The first value of that millisecond; times past 48 bits stay at the end.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self((if millis > MAX_MILLIS { MAX_MILLIS } else { millis }) << COUNTER_BITS)
    }

    /// The milliseconds.
    #[must_use]
    pub const fn millis(self) -> Millis {
        Millis(self.0 >> COUNTER_BITS)
    }

    /// The value of the next entry: not before `now`, and above `self`, the highest value followed so far.
    #[must_use]
    pub fn next(self, now: Now) -> Self {
        Self(self.0.saturating_add(1)).max(Self::from_millis(now.0.0))
    }

    /// Whether this value is near enough to follow.
    #[must_use]
    pub fn is_followed(self, now: Now) -> bool {
        self <= now.horizon()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASED: Millis = Millis(1_790_000_000_000);

    #[test]
    fn a_clock_in_1970_is_lifted_to_the_release_date() {
        assert_eq!(Now::new(Millis(12), RELEASED).millis(), RELEASED);
        assert_eq!(
            Now::new(Millis(1_800_000_000_000), RELEASED).millis(),
            Millis(1_800_000_000_000)
        );
    }

    #[test]
    fn the_next_value_is_above_both_the_clock_and_what_was_seen() {
        let now = Now::new(RELEASED, RELEASED);
        assert_eq!(Hlc(0).next(now), Hlc::from_millis(RELEASED.0));
        let ahead = Hlc::from_millis(RELEASED.0 + 5);
        assert_eq!(ahead.next(now), Hlc(ahead.0 + 1));
        let full = Hlc(ahead.0 | 0xffff);
        assert_eq!(full.next(now).millis(), Millis(RELEASED.0 + 6));
    }

    #[test]
    fn ten_years_ahead_is_followed_and_a_millisecond_more_is_not() {
        let now = Now::new(RELEASED, RELEASED);
        let edge = Hlc::from_millis(RELEASED.0 + MAX_AHEAD_MILLIS);
        assert!(edge.is_followed(now));
        assert!(!Hlc::from_millis(RELEASED.0 + MAX_AHEAD_MILLIS + 1).is_followed(now));
        for past in [MAX_MILLIS + 1, u64::MAX] {
            assert_eq!(Hlc::from_millis(past).millis(), Millis(MAX_MILLIS));
        }
    }
}
