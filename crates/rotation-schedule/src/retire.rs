//! `retire_when`, `quiet` and `max_overlap`: what ends a replaced key.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{FieldError, quoted};
use crate::human::{short, words};
use crate::overlap::{KeyLead, Overlap, interval_named, limited};
use crate::timing::Timing;

const QUIET_MIN: u64 = 600;
const QUIET_DEFAULT: u64 = 86_400;
const OVERLAP_MIN: u64 = 300;
const OVERLAP_DEFAULT: u64 = 7 * 86_400;
/// Ten years: as long as any grace.
const MOST: u64 = 10 * 365 * 86_400;

/// What ends a key that was replaced. In JSON durations are seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "kebab-case")]
pub enum Retire {
    /// The end of its grace.
    #[default]
    Grace,
    /// The audit log: the new key logs in, and the old one has not for a while.
    Quiet {
        /// For how long nothing must have logged in with the old key.
        quiet: u64,
        /// How long the old key lives at most.
        max_overlap: u64,
    },
}

/// The fields as an operator gives them. A duration of zero is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetireFields<'a> {
    /// `grace` or `quiet`.
    pub retire_when: Option<&'a str>,
    /// For how long nothing must have logged in with the old key.
    pub quiet: Option<Duration>,
    /// How long the old key lives at most.
    pub max_overlap: Option<Duration>,
}

impl Retire {
    /// What is given over what is stored, or the defaults: the end of the grace;
    /// with `quiet` a day of silence, and seven days at most, or as much less as the
    /// shortest interval takes.
    pub fn update(
        stored: Self,
        given: RetireFields<'_>,
        overlap: &Overlap,
        timing: &Timing,
        key: KeyLead<'_>,
        now: Timestamp,
    ) -> Result<Self, FieldError> {
        let given_of = |duration: Option<Duration>| duration.filter(|given| !given.is_zero());
        let (quiet, max_overlap) = (given_of(given.quiet), given_of(given.max_overlap));
        let is_quiet = match given.retire_when {
            None => stored != Self::Grace,
            Some("grace") => false,
            Some("quiet") => true,
            Some(other) => {
                return Err(FieldError::new(
                    "retire_when",
                    format!(
                        "`retire_when` is {}: give `grace` or `quiet`",
                        quoted(other)
                    ),
                ));
            }
        };
        if !is_quiet {
            let needless = quiet
                .map(|_| "quiet")
                .or(max_overlap.map(|_| "max_overlap"));
            return needless.map_or(Ok(Self::Grace), |field| {
                Err(FieldError::new(
                    field,
                    format!(
                        "`{field}` was given and `retire_when` is `grace`: give `retire_when=quiet` \
                         too, or leave `{field}` out"
                    ),
                ))
            });
        }
        let (stored_quiet, stored_overlap) = match stored {
            Self::Grace => (None, None),
            Self::Quiet { quiet, max_overlap } => (Some(quiet), Some(max_overlap)),
        };
        let room = Room::of(timing, key, now);
        let max_overlap = match (max_overlap, stored_overlap) {
            (Some(given), _) => limited("max_overlap", given, OVERLAP_MIN, MOST)?,
            (None, Some(stored)) => stored,
            (None, None) => {
                // With some room: keys may take longer to work by the next write.
                let most = room.as_ref().map_or(OVERLAP_DEFAULT, |room| {
                    let longest = room.longest();
                    longest - longest / 10
                });
                OVERLAP_DEFAULT.min(most).max(overlap.grace().as_secs())
            }
        };
        let quiet = match (quiet, stored_quiet) {
            (Some(given), _) => limited("quiet", given, QUIET_MIN, MOST)?,
            (None, Some(stored)) => stored,
            (None, None) => QUIET_DEFAULT,
        };
        if max_overlap < overlap.grace().as_secs() {
            return Err(FieldError::new(
                "max_overlap",
                format!(
                    "`max_overlap` of {} is shorter than `grace` of {}: a key lives for its grace \
                     at least",
                    short(max_overlap),
                    short(overlap.grace().as_secs())
                ),
            ));
        }
        if let Some(room) = &room {
            room.must_hold(max_overlap)?;
        }
        if quiet > max_overlap {
            return Err(FieldError::new(
                "quiet",
                format!(
                    "`quiet` of {} is longer than `max_overlap` of {}, so that no key would ever be \
                     quiet for long enough: give a shorter `quiet`, or more time between two \
                     rotations",
                    short(quiet),
                    short(max_overlap)
                ),
            ));
        }
        Ok(Self::Quiet { quiet, max_overlap })
    }

    /// How long a replaced key may live, if longer than its grace.
    pub fn max_overlap(&self) -> Option<Duration> {
        match self {
            Self::Grace => None,
            Self::Quiet { max_overlap, .. } => Some(Duration::from_secs(*max_overlap)),
        }
    }

    /// For how long nothing must have logged in with a replaced key, if that ends
    /// it.
    pub fn quiet(&self) -> Option<Duration> {
        match self {
            Self::Grace => None,
            Self::Quiet { quiet, .. } => Some(Duration::from_secs(*quiet)),
        }
    }

    /// Whether it is the default.
    pub fn is_grace(&self) -> bool {
        *self == Self::Grace
    }
}

/// What is between two rotations.
struct Room<'a> {
    interval: u64,
    lead: u64,
    named: String,
    kind: &'a str,
}

impl<'a> Room<'a> {
    /// None where no rotation is planned.
    fn of(timing: &Timing, key: KeyLead<'a>, now: Timestamp) -> Option<Self> {
        let interval = timing.shortest_interval(now)?.as_secs();
        Some(Self {
            interval,
            lead: key.seconds(),
            named: interval_named(timing, interval),
            kind: key.kind,
        })
    }

    fn longest(&self) -> u64 {
        self.interval.saturating_sub(self.lead)
    }

    fn must_hold(&self, max_overlap: u64) -> Result<(), FieldError> {
        if max_overlap <= self.longest() {
            return Ok(());
        }
        Err(FieldError::new(
            "max_overlap",
            format!(
                "`max_overlap` of {} and the {} that a {} key takes do not fit {}: give a \
                 `max_overlap` of at most {}",
                short(max_overlap),
                words(self.lead),
                self.kind,
                self.named,
                short(self.longest())
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OverlapFields, TimingFields};

    const DAY: u64 = 86_400;
    const NOW: Timestamp = Timestamp::constant(1_772_359_200, 0);
    const KAFKA: KeyLead<'_> = KeyLead {
        kind: "Kafka",
        lead: Duration::from_mins(4),
    };

    fn period(seconds: u64) -> Timing {
        Timing::parse(&TimingFields {
            rotation_period: Some(seconds),
            ..TimingFields::default()
        })
        .unwrap()
    }

    fn updated(
        stored: Retire,
        given: RetireFields<'_>,
        timing: &Timing,
    ) -> Result<Retire, FieldError> {
        let overlap = Overlap::new(OverlapFields::default(), timing, KAFKA, NOW).unwrap();
        Retire::update(stored, given, &overlap, timing, KAFKA, NOW)
    }

    fn quiet(quiet: u64, max_overlap: u64) -> RetireFields<'static> {
        RetireFields {
            retire_when: Some("quiet"),
            quiet: Some(Duration::from_secs(quiet)),
            max_overlap: Some(Duration::from_secs(max_overlap)),
        }
    }

    #[track_caller]
    fn refused(given: RetireFields<'_>, timing: &Timing, field: &str, text: &str) {
        let error = updated(Retire::Grace, given, timing).unwrap_err();
        assert_eq!((error.field(), error.to_string().as_str()), (field, text));
    }

    #[test]
    fn a_day_of_silence_and_seven_days_are_the_defaults_where_they_fit() {
        let wanted = RetireFields {
            retire_when: Some("quiet"),
            ..RetireFields::default()
        };
        for (timing, max_overlap) in [
            (Timing::Manual, 7 * DAY),
            (period(90 * DAY), 7 * DAY),
            (period(3 * DAY), (3 * DAY - 240) / 10 * 9),
        ] {
            let quiet = DAY;
            let expected = Retire::Quiet { quiet, max_overlap };
            assert_eq!(updated(Retire::Grace, wanted, &timing), Ok(expected));
        }
        let none = RetireFields::default();
        assert_eq!(
            updated(Retire::Grace, none, &period(DAY)),
            Ok(Retire::Grace)
        );
    }

    #[test]
    fn what_is_not_given_stays_and_zero_is_not_given() {
        let stored = updated(Retire::Grace, quiet(3600, DAY), &Timing::Manual).unwrap();
        let only = RetireFields {
            max_overlap: Some(Duration::from_secs(2 * DAY)),
            quiet: Some(Duration::ZERO),
            retire_when: None,
        };
        let longer = updated(stored, only, &Timing::Manual).unwrap();
        let (quiet, max_overlap) = (3600, 2 * DAY);
        assert_eq!(longer, Retire::Quiet { quiet, max_overlap });
        let back = RetireFields {
            retire_when: Some("grace"),
            quiet: Some(Duration::ZERO),
            max_overlap: None,
        };
        assert_eq!(updated(longer, back, &Timing::Manual), Ok(Retire::Grace));
    }

    #[test]
    fn what_contradicts_is_refused_with_the_field() {
        let weekly = period(7 * DAY);
        let other = RetireFields {
            retire_when: Some("never"),
            ..RetireFields::default()
        };
        let text = "`retire_when` is `never`: give `grace` or `quiet`";
        refused(other, &weekly, "retire_when", text);
        let alone = RetireFields {
            quiet: Some(Duration::from_secs(DAY)),
            ..RetireFields::default()
        };
        let text = "`quiet` was given and `retire_when` is `grace`: give `retire_when=quiet` too, \
                    or leave `quiet` out";
        refused(alone, &weekly, "quiet", text);
        let text = "`max_overlap` of 7d and the 4 minutes that a Kafka key takes do not fit into \
                    `rotation_period` of 7d: give a `max_overlap` of at most 167h56m";
        refused(quiet(DAY, 7 * DAY), &weekly, "max_overlap", text);
        let text = "`max_overlap` of 1h is shorter than `grace` of 24h: a key lives for its grace \
                    at least";
        refused(quiet(600, 3600), &weekly, "max_overlap", text);
        let text = "`quiet` of 2d is longer than `max_overlap` of 24h, so that no key would ever \
                    be quiet for long enough: give a shorter `quiet`, or more time between two \
                    rotations";
        refused(quiet(2 * DAY, DAY), &weekly, "quiet", text);
        let text = "`quiet` is 9m59s: give at least 10m";
        refused(quiet(599, DAY), &weekly, "quiet", text);
    }

    #[test]
    fn json_has_seconds() {
        let read: Retire =
            serde_json::from_str(r#"{"when":"quiet","quiet":60,"max_overlap":120}"#).unwrap();
        let (quiet, max_overlap) = (60, 120);
        assert_eq!(read, Retire::Quiet { quiet, max_overlap });
        assert_eq!(
            serde_json::to_string(&Retire::Grace).unwrap(),
            r#"{"when":"grace"}"#
        );
    }
}
