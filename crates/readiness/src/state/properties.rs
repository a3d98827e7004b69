//! What holds for every key, whatever the answers, the clock and restarts do.

use proptest::prelude::*;

use super::*;
use crate::{Kind, Settings};

/// One step of the world.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The driver does what is decided; a probe has this result.
    Drive(Observation),
    /// A probe cannot be sent.
    HoldBack(u64),
    /// Time passes, in milliseconds; less than zero: the clock is set back.
    Pass(i64),
    /// The state is stored and read again.
    Restart,
}

fn kinds() -> impl Strategy<Value = Kind> {
    proptest::sample::select(&Kind::ALL)
}

fn steps(results: &'static [Observation]) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => proptest::sample::select(results).prop_map(Step::Drive),
        1 => (0_u64..120).prop_map(Step::HoldBack),
        3 => (0_i64..90_000).prop_map(Step::Pass),
        1 => (-7_200_000_i64..7_200_000).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..100)
}

/// A key, its driver, and what they went through.
struct Story {
    plan: Plan,
    readiness: Readiness,
    now: Timestamp,
    /// Ages at the probes, with their results.
    probes: Vec<(u64, Observation)>,
}

impl Story {
    fn of(kind: Kind) -> Self {
        let now = Timestamp::from_second(1_750_000_000).unwrap();
        Self {
            plan: Settings::of(Mode::Probe).plan(kind),
            readiness: Readiness::of_key_made(now),
            now,
            probes: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Drive(result) => match self.readiness.decide(&self.plan, self.now) {
                Decision::Probe => {
                    self.probes.push((self.readiness.age, result));
                    self.readiness.observe(&self.plan, self.now, result);
                }
                Decision::Wait { until } => {
                    assert!(until > self.now, "a wait that is over");
                    self.now = until;
                }
                Decision::Ready(_) | Decision::NotReady => {}
            },
            Step::HoldBack(seconds) => {
                let wait = Duration::from_secs(seconds);
                self.readiness.postpone(&self.plan, self.now, wait);
            }
            Step::Pass(milliseconds) => {
                let passed = jiff::SignedDuration::from_millis(milliseconds);
                self.now = self.now.checked_add(passed).unwrap();
            }
            Step::Restart => {
                let stored = serde_json::to_string(&self.readiness).unwrap();
                self.readiness = serde_json::from_str(&stored).unwrap();
            }
        }
    }

    fn proof(&mut self) -> Option<Proof> {
        match self.readiness.decide(&self.plan, self.now) {
            Decision::Ready(proof) => Some(proof),
            _ => None,
        }
    }
}

const ANY: &[Observation] = &[
    Observation::LoggedIn,
    Observation::LoggedInWithoutRights,
    Observation::NotYet,
    Observation::Unreachable,
    Observation::NoProbe,
];
const NEVER_WORKS: &[Observation] = &[
    Observation::NotYet,
    Observation::NotYet,
    Observation::Unreachable,
    Observation::NoProbe,
];
const REFUSED: &[Observation] = &[Observation::NotYet];

proptest! {
    #[test]
    fn a_key_that_never_logs_in_is_never_proven(kind in kinds(), steps in steps(NEVER_WORKS)) {
        let mut story = Story::of(kind);
        for step in steps {
            story.step(step);
            prop_assert!(!story.proof().is_some_and(|proof| proof.basis.is_proven()));
        }
    }

    #[test]
    fn a_key_that_is_always_refused_is_not_even_assumed(
        kind in kinds().prop_filter("it cannot be asked", |kind| kind.can_be_probed()),
        steps in steps(REFUSED),
    ) {
        let mut story = Story::of(kind);
        for step in steps {
            story.step(step);
            prop_assert_eq!(story.proof(), None);
        }
    }

    #[test]
    fn brokers_of_which_one_does_not_know_it_prove_no_key(
        kind in proptest::sample::select(&[Kind::Kafka, Kind::SchemaRegistry][..]),
        knows_first: bool,
        steps in steps(REFUSED),
    ) {
        let mut story = Story::of(kind);
        let mut knows = knows_first;
        for step in steps {
            let step = match step {
                Step::Drive(_) if knows => Step::Drive(Observation::LoggedIn),
                other => other,
            };
            let before = story.probes.len();
            story.step(step);
            knows ^= story.probes.len() > before;
            prop_assert_eq!(story.proof(), None);
        }
    }

    #[test]
    fn a_kafka_key_is_proven_by_two_logins_in_a_row_ten_seconds_apart_and_nothing_else(
        steps in steps(ANY),
    ) {
        let mut story = Story::of(Kind::Kafka);
        for step in steps {
            story.step(step);
            let Some(proof) = story.proof() else { continue };
            if !proof.basis.is_proven() {
                continue;
            }
            let [.., (before, first), (at, second)] = story.probes[..] else {
                return Err(TestCaseError::fail("proven by less than two probes"));
            };
            prop_assert!(at - before >= 10_000);
            for (age, login) in [(before, first), (at, second)] {
                let late = age >= 120_000 && login == Observation::LoggedInWithoutRights;
                prop_assert!(login == Observation::LoggedIn || late, "{login:?} at {age}");
            }
            break;
        }
    }

    #[test]
    fn age_never_shrinks(kind in kinds(), steps in steps(ANY)) {
        let mut story = Story::of(kind);
        let mut age = 0;
        for step in steps {
            story.step(step);
            story.proof();
            prop_assert!(story.readiness.age >= age);
            age = story.readiness.age;
        }
    }

    #[test]
    fn probes_are_no_closer_than_the_table_says(kind in kinds(), steps in steps(ANY)) {
        let mut story = Story::of(kind);
        for step in steps {
            story.step(step);
        }
        let timeout = millis(story.plan.timeout);
        if let Some((first, _)) = story.probes.first() {
            prop_assert!(*first >= millis(kind.schedule().first));
        }
        for pair in story.probes.windows(2) {
            let ((before, result), (at, _)) = (pair[0], pair[1]);
            let usual = millis(kind.schedule().interval(Duration::from_millis(before)));
            let confirms = matches!(
                result,
                Observation::LoggedIn | Observation::LoggedInWithoutRights
            );
            let least = if confirms || at >= timeout {
                usual.min(kind.confirmation().map_or(5_000, millis))
            } else {
                usual
            };
            prop_assert!(at - before >= least, "{before} {result:?} {at}");
        }
    }

    #[test]
    fn every_key_ends_soon_after_its_timeout(
        kind in kinds(),
        results in proptest::collection::vec(proptest::sample::select(ANY), 300),
    ) {
        let mut story = Story::of(kind);
        for result in results {
            story.step(Step::Drive(result));
        }
        let end = story.readiness.decide(&story.plan, story.now);
        prop_assert!(matches!(end, Decision::Ready(_) | Decision::NotReady), "{end:?}");
        prop_assert!(story.readiness.age <= millis(story.plan.timeout) + 60_000);
        // 45 s to 3 min in steps of 10 s at most, then one a minute and its
        // confirmation; for others 5 s and 30 s.
        prop_assert!(story.probes.len() <= 60, "{}", story.probes.len());
    }
}
