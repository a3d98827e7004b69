//! What the engine believes of the time, when wall clock and monotonic clock
//! tell different things (`lifecycle.md`, 25).
//!
//! A wall clock can be wrong for some minutes: a machine that was resumed, a
//! clock that was set by hand. Keys must not die of that. So for ten minutes
//! after the clocks drifted apart no holder lapses; a new deadline counts from
//! the later of both clocks, and a new intent from the earlier: a key that seems
//! older than its intent would be nobody's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Clock;

use crate::credential::later;

/// Clocks may differ by this much: less than the margin of every deadline.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

/// For how long nothing lapses.
const PAUSE: Duration = Duration::from_mins(10);

/// An intent is never dated back by more than this, so that one of a clock which
/// was rightly set forward is not taken for one that nobody acts on any more.
const MOST_AHEAD: SignedDuration = SignedDuration::from_hours(12);

/// Compares the clocks whenever it is asked.
pub(crate) struct Timekeeper {
    clock: Arc<dyn Clock>,
    belief: Mutex<Belief>,
}

struct Belief {
    /// What both clocks told at one moment.
    wall: Timestamp,
    monotonic: Duration,
    /// Until when, in monotonic time, nothing lapses, if the clocks drifted.
    paused_until: Option<Duration>,
    /// By how much the wall clock was set forward since that pause began.
    ahead: SignedDuration,
    /// By how much it was set back since then.
    behind: SignedDuration,
}

impl Timekeeper {
    /// Believes the wall clock as it is now.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let belief = Belief {
            wall: clock.now(),
            monotonic: clock.monotonic(),
            paused_until: None,
            ahead: SignedDuration::ZERO,
            behind: SignedDuration::ZERO,
        };
        Self {
            clock,
            belief: Mutex::new(belief),
        }
    }

    /// Compares the clocks. Must be called every few minutes: a clock that was
    /// wrong twice by the same amount looks right to who only saw those times.
    pub(crate) fn observe(&self) {
        self.compare();
    }

    /// The time that a new deadline counts from: the later of both clocks. One
    /// that was set back may be set right again before the deadline.
    pub(crate) fn deadlines_from(&self) -> Timestamp {
        let (latest, _) = self.compare();
        latest
    }

    /// The time of a new intent, and so the one by which the age of a key is told
    /// that has the time of its intent on record.
    pub(crate) fn intents_from(&self) -> Timestamp {
        self.compare();
        let belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = belief.wall;
        wall.checked_sub(belief.ahead).unwrap_or(Timestamp::MIN)
    }

    /// What the wall clock tells at a time of [`Self::intents_from`].
    pub(crate) fn on_wall_clock(&self, time: Timestamp) -> Timestamp {
        let belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        later(time, belief.ahead)
    }

    /// Whether a holder whose deadline has passed may lapse now.
    pub(crate) fn lets_lapse(&self) -> bool {
        let (_, paused) = self.compare();
        !paused
    }

    /// The later of the wall clock and what it should tell by the monotonic one,
    /// and whether lapsing pauses.
    fn compare(&self) -> (Timestamp, bool) {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let mut belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = monotonic.saturating_sub(belief.monotonic);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        let steady = belief.wall.checked_add(passed).unwrap_or(Timestamp::MAX);
        let steady = later(steady, belief.behind);
        let drift = wall.duration_since(later(steady, -belief.behind));
        if drift.abs() > TOLERANCE {
            belief.paused_until = Some(monotonic + PAUSE);
            let ahead = belief.ahead.saturating_add(drift);
            belief.ahead = ahead.clamp(SignedDuration::ZERO, MOST_AHEAD);
            let behind = belief.behind.saturating_sub(drift);
            belief.behind = behind.clamp(SignedDuration::ZERO, MOST_AHEAD);
        }
        // From here on the two are compared anew, so that a clock which stays
        // where it was set is believed after the pause.
        belief.wall = wall;
        belief.monotonic = monotonic;
        let paused = belief.paused_until.is_some_and(|until| monotonic < until);
        let latest = steady.max(later(wall, belief.behind));
        if !paused {
            belief.ahead = SignedDuration::ZERO;
            belief.behind = SignedDuration::ZERO;
        }
        (latest, paused)
    }
}

#[cfg(test)]
mod tests {
    use virtual_world::ManualClock;

    use super::*;

    fn started() -> (Arc<ManualClock>, Timekeeper) {
        let clock = Arc::new(ManualClock::default());
        let keeper = Timekeeper::new(Arc::clone(&clock) as _);
        (clock, keeper)
    }

    /// So many seconds pass, by each clock.
    fn pass(clock: &ManualClock, wall: i64, monotonic: u64) {
        clock.pass(
            SignedDuration::from_secs(wall),
            Duration::from_secs(monotonic),
        );
    }

    #[test]
    fn nothing_lapses_in_the_ten_minutes_after_a_jump() {
        let (clock, keeper) = started();
        pass(&clock, 700, 700);
        assert!(keeper.lets_lapse());
        pass(&clock, 7200, 1);
        assert!(!keeper.lets_lapse());
        pass(&clock, 500, 500);
        assert!(!keeper.lets_lapse());
        pass(&clock, 101, 101);
        assert!(keeper.lets_lapse());
        pass(&clock, -40, 20);
        assert!(!keeper.lets_lapse());
    }

    #[test]
    fn a_small_correction_changes_nothing() {
        let (clock, keeper) = started();
        pass(&clock, 700, 700);
        pass(&clock, 40, 20);
        assert!(keeper.lets_lapse());
    }

    #[test]
    fn a_deadline_counts_from_the_later_clock() {
        let (clock, keeper) = started();
        pass(&clock, -3600, 10);
        assert_eq!(keeper.deadlines_from(), Timestamp::from_second(10).unwrap());
        pass(&clock, 7200, 10);
        assert_eq!(keeper.deadlines_from(), clock.now());
    }

    #[test]
    fn a_deadline_is_not_dated_back_while_the_clock_is_behind() {
        let (clock, keeper) = started();
        pass(&clock, -7200, 1);
        keeper.observe();
        pass(&clock, 20, 20);
        let second = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(keeper.deadlines_from(), second(21));
        // Set right again, and later believed as it is.
        pass(&clock, 7201, 0);
        assert_eq!(keeper.deadlines_from(), second(21));
        pass(&clock, 700, 700);
        assert_eq!(keeper.deadlines_from(), clock.now());
    }

    #[test]
    fn an_intent_is_not_younger_than_its_key_while_the_clock_is_ahead() {
        let clock = Arc::new(ManualClock::default());
        let keeper = Timekeeper::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let second = |second| Timestamp::from_second(second).unwrap();
        pass(&clock, 7200, 0);
        assert_eq!(keeper.intents_from(), second(0));
        pass(&clock, 60, 60);
        assert_eq!(keeper.intents_from(), second(60));
        assert_eq!(keeper.on_wall_clock(second(60)), clock.now());
        // Set right again.
        pass(&clock, -7140, 60);
        assert_eq!(keeper.intents_from(), second(120));
        assert_eq!(keeper.on_wall_clock(second(120)), clock.now());
        // Set forward, and believed after the pause.
        pass(&clock, 7200, 0);
        assert_eq!(keeper.intents_from(), second(120));
        pass(&clock, 600, 600);
        assert_eq!(keeper.intents_from(), second(7920));
        let days = 48 * 3600;
        pass(&clock, days, 0);
        assert_eq!(keeper.intents_from(), second(7920 + days / 4 * 3));
    }
}
