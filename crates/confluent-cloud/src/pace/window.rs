//! The limit of requests in flight. It grows with answers and shrinks when the
//! service limits or fails.

use std::time::{Duration, Instant};

use super::bucket::count;

const FIRST: f64 = 16.0;
const LARGEST: f64 = 64.0;
const SMALLEST: f64 = 1.0;

/// A window that is full for so long is the bottleneck.
const FULL_FOR: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(super) struct Window {
    size: f64,
    in_flight: usize,
    full_since: Option<Instant>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: FIRST,
            in_flight: 0,
            full_since: None,
        }
    }
}

impl Window {
    pub(super) fn is_full(&self) -> bool {
        count(self.in_flight) + 1.0 > self.size
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Notes whether requests have to wait for the window.
    pub(super) fn is_short(&mut self, now: Instant, short: bool) {
        self.full_since = short.then(|| self.full_since.unwrap_or(now));
    }

    /// Whether requests have had to wait for it for a while.
    pub(super) fn is_the_limit(&self, now: Instant) -> bool {
        self.full_since.is_some_and(|since| now >= since + FULL_FOR)
    }

    pub(super) fn sends(&mut self) {
        self.in_flight += 1;
    }

    /// A request has ended.
    pub(super) fn ends(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A request was answered; `size` answers make room for one more.
    pub(super) fn grow(&mut self) {
        self.size = (self.size + 1.0 / self.size).min(LARGEST);
    }

    /// Shrinks to a part.
    pub(super) fn shrink(&mut self, part: f64) {
        self.size = (self.size * part).max(SMALLEST);
    }

    pub(super) fn lower_to(&mut self, other: &Self) {
        self.size = self.size.min(other.size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many can be in flight at once.
    fn room(window: &Window) -> usize {
        let mut window = window.clone();
        while !window.is_full() {
            window.sends();
        }
        window.in_flight()
    }

    #[test]
    fn as_many_answers_as_there_is_room_make_room_for_one_more() {
        let mut window = Window::default();
        assert_eq!(room(&window), 16);
        for _ in 0..17 {
            window.grow();
        }
        assert_eq!(room(&window), 17);
        for _ in 0..10_000 {
            window.grow();
        }
        assert_eq!(room(&window), 64);
    }

    #[test]
    fn it_never_closes() {
        let mut window = Window::default();
        window.shrink(0.5);
        assert_eq!(room(&window), 8);
        for _ in 0..100 {
            window.shrink(0.7);
        }
        assert_eq!(room(&window), 1);
    }

    #[test]
    fn a_window_that_was_full_for_a_moment_is_not_the_limit() {
        let now = Instant::now();
        let mut window = Window::default();
        window.is_short(now, true);
        assert!(!window.is_the_limit(now + Duration::from_secs(4)));
        window.is_short(now + Duration::from_secs(5), true);
        assert!(window.is_the_limit(now + Duration::from_secs(5)));
        window.is_short(now + Duration::from_secs(5), false);
        assert!(!window.is_the_limit(now + Duration::from_secs(20)));
    }
}
