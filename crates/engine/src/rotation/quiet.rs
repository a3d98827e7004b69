//! Whether a key that was replaced is quiet, by what the audit log tells, and what it
//! wants next, without effects (`lifecycle.md`, 47).
//!
//! Silence of whoever reads the log is not silence of the key: only the time for
//! which every login is known counts.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::credential::later;
use crate::static_role::{StaticRole, WaitingKey};

/// Evidence that ended longer ago decides nothing.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// When it is looked again while the clock is not believed.
const CLOCK_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// For which time every login is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) since: Timestamp,
    pub(super) watermark: Timestamp,
}

/// What the audit log tells of a key that was replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) covered: Option<Covered>,
    /// The last login with it.
    pub(super) last: Option<Timestamp>,
    /// The last login with a key that was served after it.
    pub(super) newer: Option<Timestamp>,
}

/// Why a key that was replaced is not quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    /// Nobody reads the log, or has not since a time.
    Unread(Option<Timestamp>),
    /// Nothing logged in with a later key.
    NotFollowed,
    /// Something logged in with it.
    LoggedIn { at: Timestamp, quiet_at: Timestamp },
    /// The log was not read for long enough since it was replaced.
    TooSoon { quiet_at: Timestamp },
}

/// Whether evidence until a time decides something.
pub(super) fn is_fresh(watermark: Timestamp, now: Timestamp) -> bool {
    now.duration_since(watermark) <= FRESH
}

/// Whether a key is quiet, or why not.
pub(super) fn judge(
    key: &WaitingKey,
    quiet: Duration,
    seen: &Seen,
    now: Timestamp,
) -> Result<(), Busy> {
    let covered = seen.covered.ok_or(Busy::Unread(None))?;
    let watermark = covered.watermark;
    if !is_fresh(watermark, now) {
        return Err(Busy::Unread(Some(watermark)));
    }
    if seen.newer.is_none_or(|newer| newer < key.replaced) {
        return Err(Busy::NotFollowed);
    }
    let known_from = key.replaced.max(covered.since);
    let silent_from = seen.last.map_or(known_from, |last| last.max(known_from));
    let span = SignedDuration::try_from(quiet).unwrap_or(SignedDuration::MAX);
    let quiet_at = later(silent_from, span);
    if quiet_at <= watermark {
        return Ok(());
    }
    Err(match seen.last {
        Some(at) if at == silent_from => Busy::LoggedIn { at, quiet_at },
        _ => Busy::TooSoon { quiet_at },
    })
}

/// What is known of a key that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WaitingFacts {
    /// Whether its grace holder keeps it.
    pub(super) is_held: bool,
    pub(super) seen: Seen,
}

/// The next step of a key that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitingStep {
    /// Nothing before a time.
    Rest(Timestamp),
    /// Its holder lasts longer: the settings changed.
    Hold(Timestamp),
    /// Its holder goes.
    Release,
    /// Its holder is gone, and the record forgets it.
    Forget(Ending),
}

/// How the wait of a key ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was quiet.
    Quiet,
    /// Its time ran out although something may use it, for a cause.
    InUse(Busy),
    /// It is served again, a person ended it, or its silence counts no more.
    Otherwise,
}

impl Ending {
    /// As a label of measurements.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::InUse(_) => "in_use",
            Self::Otherwise => "other",
        }
    }
}

/// The next step of a key that waits. `lets_lapse` is whether the clock is believed.
pub(super) fn waiting_step(
    role: &StaticRole,
    key: &WaitingKey,
    facts: &WaitingFacts,
    now: Timestamp,
    lets_lapse: bool,
) -> WaitingStep {
    let served = role.served.as_ref().map(|served| &served.credential);
    let is_served = served == Some(&key.credential);
    let end = role.held_until(key.replaced, key.grace_until);
    let quiet = role.retire.quiet();
    let judged = quiet.map(|quiet| judge(key, quiet, &facts.seen, now));
    if !facts.is_held {
        let ran_out = now >= end.min(key.held_until);
        return WaitingStep::Forget(match judged {
            _ if is_served => Ending::Otherwise,
            Some(Ok(())) => Ending::Quiet,
            Some(Err(busy)) if ran_out => Ending::InUse(busy),
            Some(Err(_)) | None => Ending::Otherwise,
        });
    }
    if is_served {
        return WaitingStep::Release;
    }
    if end > key.held_until {
        return WaitingStep::Hold(end);
    }
    let wanted = match judged {
        Some(Err(_)) => end,
        Some(Ok(())) | None => key.grace_until,
    };
    if now < wanted {
        return WaitingStep::Rest(wanted);
    }
    if lets_lapse {
        WaitingStep::Release
    } else {
        WaitingStep::Rest(later(now, CLOCK_PAUSE))
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(None) => f.write_str("nothing was written to `usage`"),
            Self::Unread(Some(watermark)) => write!(
                f,
                "the audit log was read until {watermark} only: look after whoever writes to `usage`"
            ),
            Self::NotFollowed => f.write_str("nothing has logged in with a later key yet"),
            Self::LoggedIn { at, quiet_at } => write!(
                f,
                "something logged in with it at {at}: it is quiet at {quiet_at} unless that happens \
                 again"
            ),
            Self::TooSoon { quiet_at } => write!(
                f,
                "nothing has logged in with it so far: it is quiet at {quiet_at} if that stays so"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::CredentialId;

    const HOUR: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// Replaced at 0.
    fn key() -> WaitingKey {
        WaitingKey {
            credential: CredentialId::parse("CCCCCCCCCCCCC").unwrap(),
            version: 1,
            replaced: at(0),
            grace_until: at(600),
            held_until: at(100 * HOUR),
        }
    }

    /// What is said of a key that must be quiet for two hours, when the log was read
    /// from `since` to `watermark`.
    fn said(
        (since, watermark): (i64, i64),
        last: Option<i64>,
        newer: Option<i64>,
    ) -> Result<(), Busy> {
        let seen = Seen {
            covered: Some(Covered {
                since: at(since),
                watermark: at(watermark),
            }),
            last: last.map(at),
            newer: newer.map(at),
        };
        let quiet = Duration::from_hours(2);
        judge(&key(), quiet, &seen, at(watermark))
    }

    #[test]
    fn a_key_is_quiet_once_the_new_one_logged_in_and_it_did_not() {
        let covered = (-HOUR, 2 * HOUR);
        assert_eq!(said(covered, None, Some(60)), Ok(()));
        assert_eq!(said(covered, Some(-60), Some(60)), Ok(()));
        let quiet_at = at(2 * HOUR);
        let early = said((-HOUR, 2 * HOUR - 1), None, Some(60));
        assert_eq!(early, Err(Busy::TooSoon { quiet_at }));
        let (last, quiet_at) = (at(60), at(60 + 2 * HOUR));
        let busy = Busy::LoggedIn { at: last, quiet_at };
        assert_eq!(said(covered, Some(60), Some(60)), Err(busy));
    }

    #[test]
    fn a_login_with_the_new_key_counts_only_after_the_switch() {
        let covered = (-HOUR, 3 * HOUR);
        for newer in [None, Some(-1)] {
            assert_eq!(said(covered, None, newer), Err(Busy::NotFollowed));
        }
        // A login that is known counts, wherever the watermark stands.
        for newer in [0, 3 * HOUR + 1] {
            assert_eq!(said(covered, None, Some(newer)), Ok(()));
        }
    }

    #[test]
    fn silence_of_the_reader_is_not_silence_of_the_key() {
        let seen = Seen {
            covered: Some(Covered {
                since: at(0),
                watermark: at(3 * HOUR),
            }),
            last: None,
            newer: Some(at(60)),
        };
        let quiet = Duration::from_hours(2);
        let judged = |now| judge(&key(), quiet, &seen, at(now));
        assert_eq!(judged(4 * HOUR), Ok(()));
        let unread = Busy::Unread(Some(at(3 * HOUR)));
        assert_eq!(judged(4 * HOUR + 1), Err(unread));
        let nothing = Seen::default();
        let judged = judge(&key(), quiet, &nothing, at(9 * HOUR));
        assert_eq!(judged, Err(Busy::Unread(None)));
    }

    #[test]
    fn time_that_nobody_read_is_not_silence() {
        let quiet_at = at(7 * HOUR);
        let read = said((5 * HOUR, 6 * HOUR), None, Some(5 * HOUR));
        assert_eq!(read, Err(Busy::TooSoon { quiet_at }));
    }

    /// A manual role whose old keys must be quiet for two hours and live for a hundred
    /// at most.
    fn role() -> StaticRole {
        let role = serde_json::json!({
            "name": "orders", "target": { "owner": "sa-1", "resource": "lkc-1" },
            "timing": { "rotation": "manual" }, "overlap": { "grace": 600, "refresh": 300 },
            "readiness": readiness::Settings::of(readiness::Mode::None), "version": 2,
            "retire": { "when": "quiet", "quiet": 7200, "max_overlap": 360_000 },
        });
        serde_json::from_value(role).unwrap()
    }

    fn facts(is_held: bool, last: Option<i64>) -> WaitingFacts {
        let seen = Seen {
            covered: Some(Covered {
                since: at(-HOUR),
                watermark: at(100 * HOUR),
            }),
            last: last.map(at),
            newer: Some(at(60)),
        };
        WaitingFacts { is_held, seen }
    }

    #[test]
    fn nothing_is_released_while_the_clock_is_not_believed() {
        let (role, key, now) = (role(), key(), at(100 * HOUR));
        let step = |lets_lapse| waiting_step(&role, &key, &facts(true, None), now, lets_lapse);
        assert_eq!(step(true), WaitingStep::Release);
        assert_eq!(step(false), WaitingStep::Rest(later(now, CLOCK_PAUSE)));
    }

    #[test]
    fn a_holder_that_is_gone_was_quiet_or_in_use_or_ended_by_a_person() {
        let (role, key) = (role(), key());
        let last = Some(100 * HOUR - 1);
        let ended = |last, now| waiting_step(&role, &key, &facts(false, last), now, true);
        let busy = judge(
            &key,
            Duration::from_hours(2),
            &facts(false, last).seen,
            at(100 * HOUR),
        );
        let in_use = Ending::InUse(busy.unwrap_err());
        assert_eq!(
            ended(None, at(100 * HOUR)),
            WaitingStep::Forget(Ending::Quiet)
        );
        assert_eq!(ended(last, at(100 * HOUR)), WaitingStep::Forget(in_use));
        let early = at(100 * HOUR - 1);
        assert_eq!(ended(last, early), WaitingStep::Forget(Ending::Otherwise));
    }

    #[test]
    fn a_longer_overlap_holds_a_key_for_longer_and_a_shorter_one_ends_it() {
        let key = key();
        let step = |max_overlap, now| {
            let mut role = role();
            role.retire = rotation_schedule::Retire::Quiet {
                quiet: 7200,
                max_overlap,
            };
            waiting_step(&role, &key, &facts(true, Some(100 * HOUR - 1)), now, true)
        };
        let now = at(99 * HOUR);
        assert_eq!(step(400_000, now), WaitingStep::Hold(at(400_000)));
        assert_eq!(step(360_000, now), WaitingStep::Rest(at(100 * HOUR)));
        assert_eq!(step(7200, now), WaitingStep::Release);
    }

    proptest! {
        /// Whenever a key is called quiet, for so long up to the watermark every login
        /// is known, none was with it, and one was with a later key.
        #[test]
        fn a_quiet_key_was_silent_for_long_enough_while_somebody_listened(
            since in -20_000_i64..20_000,
            read in 0_i64..40_000,
            late in 0_i64..8000,
            last in proptest::option::of(-20_000_i64..40_000),
            newer in proptest::option::of(-20_000_i64..40_000),
        ) {
            let watermark = since + read;
            let seen = Seen {
                covered: Some(Covered { since: at(since), watermark: at(watermark) }),
                last: last.map(at),
                newer: newer.map(at),
            };
            let quiet = Duration::from_hours(2);
            if judge(&key(), quiet, &seen, at(watermark + late)).is_ok() {
                let begins = watermark - 2 * HOUR;
                prop_assert!(late <= HOUR);
                prop_assert!(begins >= since && begins >= 0);
                prop_assert!(last.is_none_or(|last| last <= begins));
                prop_assert!(newer.is_some_and(|newer| newer >= 0));
            }
        }
    }
}
