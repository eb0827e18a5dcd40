//! Notices that this machine slept, by its clocks alone.

use std::time::{Duration, SystemTime};

/// A clock that is so much further than it should be means that the machine slept.
pub const SLEPT: Duration = Duration::from_secs(5);

/// Compares two clocks from look to look: the wall clock goes on while a machine sleeps, the monotonic one stands. Where
/// it does not stand, or where only this process was stopped, the look itself comes too late.
#[derive(Debug, Default)]
pub struct Wake {
    last: Option<(SystemTime, Duration, Duration)>,
}

impl Wake {
    /// Looks at the clocks; `now` is the monotonic one, `next` says when the next look is due. `true`: the machine slept
    /// since the last look. A wall clock that was set forward looks the same, and costs no more than a few beacons.
    pub fn look(&mut self, wall: SystemTime, now: Duration, next: Duration) -> bool {
        let slept = self.last.is_some_and(|(wall_then, then, due)| {
            let stood = wall
                .duration_since(wall_then)
                .is_ok_and(|passed| passed > now.saturating_sub(then) + SLEPT);
            stood || now > due + SLEPT
        });
        self.last = Some((wall, now, next));
        slept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(2);

    /// Looks every two seconds at clocks that agree, so often; gives them.
    fn looked(wake: &mut Wake, times: u32) -> (SystemTime, Duration) {
        let (mut wall, mut now) = (SystemTime::UNIX_EPOCH, Duration::ZERO);
        for _ in 0..times {
            (wall, now) = (wall + POLL, now + POLL);
            assert!(!wake.look(wall, now, now + POLL), "nothing happened");
        }
        (wall, now)
    }

    #[test]
    fn a_wall_clock_that_went_on_alone_means_sleep_and_is_told_once() {
        let mut wake = Wake::default();
        let (wall, now) = looked(&mut wake, 10);
        let (wall, now) = (wall + Duration::from_secs(3600), now + POLL);
        assert!(wake.look(wall, now, now + POLL));
        assert!(!wake.look(wall + POLL, now + POLL, now + 2 * POLL));
    }

    #[test]
    fn a_look_that_comes_far_too_late_means_sleep() {
        let mut wake = Wake::default();
        let (wall, now) = looked(&mut wake, 10);
        let pause = POLL + SLEPT + Duration::from_millis(1);
        assert!(wake.look(wall + pause, now + pause, now + pause + POLL));
    }

    #[test]
    fn a_busy_machine_and_a_clock_that_is_corrected_a_little_or_set_back_do_not() {
        let mut wake = Wake::default();
        let (wall, now) = looked(&mut wake, 10);
        let now = now + POLL + SLEPT;
        assert!(!wake.look(wall + POLL + SLEPT, now, now + POLL), "late, not stopped");
        let wall = wall - Duration::from_secs(7200);
        assert!(!wake.look(wall, now + POLL, now + 2 * POLL));
        assert!(!wake.look(wall + POLL + SLEPT, now + 2 * POLL, now + 3 * POLL));
    }
}
