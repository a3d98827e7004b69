//! The clock: the machine's, or a virtual one that is advanced on request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A clock that is handed in. Clones of a virtual one are the same one.
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    Asked(Arc<dyn Fn() -> Timestamp + Send + Sync>),
    Virtual(Arc<watch::Sender<Timestamp>>),
}

/// Why a clock was not advanced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockError {
    /// It goes by itself.
    NotVirtual,
    /// There is no such time.
    OutOfRange,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotVirtual => {
                "the clock is the machine's and goes by itself: start with `-clock=virtual`"
            }
            Self::OutOfRange => "the clock cannot be advanced that far",
        })
    }
}

impl std::error::Error for ClockError {}

/// A text that names no clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidClock(String);

impl fmt::Display for InvalidClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clock {:?} is neither `real` nor `virtual`", self.0)
    }
}

impl std::error::Error for InvalidClock {}

/// Reads what the command line takes: `real`, or `virtual`, which begins at the
/// machine's time and then stands still until it is advanced.
///
/// # Errors
/// When the text is neither.
pub fn parse_clock(text: &str) -> Result<Clock, InvalidClock> {
    match text {
        "real" => Ok(Clock::real()),
        "virtual" => Ok(Clock::virtual_at(Timestamp::now())),
        other => Err(InvalidClock(other.chars().take(64).collect())),
    }
}

impl Clock {
    /// A clock that asks `now` whenever the time is needed.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Kind::Asked(Arc::new(now)))
    }

    /// The machine's clock.
    pub fn real() -> Self {
        Self::new(Timestamp::now)
    }

    /// A clock that stands at `begin` until it is advanced.
    pub fn virtual_at(begin: Timestamp) -> Self {
        Self(Kind::Virtual(Arc::new(watch::Sender::new(begin))))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Asked(now) => now(),
            Kind::Virtual(time) => *time.borrow(),
        }
    }

    /// Advances a virtual clock and returns the new time.
    ///
    /// # Errors
    /// When the clock goes by itself, or cannot go that far.
    pub fn advance(&self, by: Duration) -> Result<Timestamp, ClockError> {
        let Kind::Virtual(time) = &self.0 else {
            return Err(ClockError::NotVirtual);
        };
        let mut result = Err(ClockError::OutOfRange);
        time.send_if_modified(|time| {
            result = later(*time, by).ok_or(ClockError::OutOfRange);
            if let Ok(after) = result {
                *time = after;
            }
            result.is_ok()
        });
        result
    }

    /// Waits, by this clock where it is virtual and by the machine's otherwise.
    pub(crate) async fn sleep(&self, wait: Duration) {
        match &self.0 {
            Kind::Asked(_) => tokio::time::sleep(wait).await,
            Kind::Virtual(time) => {
                let mut time = time.subscribe();
                let Some(until) = later(*time.borrow(), wait) else {
                    return std::future::pending().await;
                };
                // The sender lives as long as this clock does.
                let _ = time.wait_for(|now| *now >= until).await;
            }
        }
    }
}

/// A time after another; none when there is no such time.
pub(crate) fn later(time: Timestamp, by: Duration) -> Option<Timestamp> {
    time.checked_add(SignedDuration::try_from(by).ok()?).ok()
}

/// A time before another; the earliest when there is no such time.
pub(crate) fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| time.checked_sub(by).ok())
        .unwrap_or(Timestamp::MIN)
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_stands_until_it_is_advanced() {
        let clock = Clock::virtual_at(Timestamp::UNIX_EPOCH);
        let same = clock.clone();
        clock.advance(Duration::from_mins(2)).unwrap();
        assert_eq!(same.now().as_second(), 120);
        assert_eq!(clock.advance(Duration::MAX), Err(ClockError::OutOfRange));
        assert_eq!(same.now().as_second(), 120);
    }

    #[test]
    fn a_real_clock_is_not_advanced() {
        let clock = parse_clock("real").unwrap();
        assert_eq!(clock.advance(Duration::ZERO), Err(ClockError::NotVirtual));
    }

    #[test]
    fn other_words_name_no_clock() {
        let error = parse_clock("atomic").unwrap_err().to_string();
        assert!(error.contains("\"atomic\"") && error.contains("`virtual`"));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_when_a_virtual_clock_is_advanced() {
        let clock = Clock::virtual_at(Timestamp::UNIX_EPOCH);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(5)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(4)).unwrap();
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1)).unwrap();
        sleeper.await.unwrap();
    }
}
