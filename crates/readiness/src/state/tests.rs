//! Whole stories of keys, by the table of `lifecycle.md`, "Whether a new key works".

use super::*;
use crate::{Given, Kind, Settings};

use Observation::{LoggedIn, LoggedInWithoutRights, NoProbe, NotYet, Unreachable};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + seconds).unwrap()
}

fn probed(kind: Kind) -> Plan {
    Settings::of(Mode::Probe).plan(kind)
}

fn delayed(kind: Kind) -> Plan {
    Settings::of(Mode::Delay).plan(kind)
}

/// What becomes of a key that is tried whenever it is due, the first times with
/// the answers of a script and then with the last of them: the ages in seconds
/// at which it was tried, and how it ended.
fn run(plan: &Plan, script: &[Observation]) -> (Vec<i64>, Decision) {
    let mut readiness = Readiness::of_key_made(at(0));
    let mut answers = script.iter().chain(script.last().into_iter().cycle());
    let mut tried = Vec::new();
    let mut now = at(0);
    loop {
        match readiness.decide(plan, now) {
            Decision::Wait { until } => now = until,
            Decision::Probe => {
                tried.push(now.duration_since(at(0)).as_secs());
                readiness.observe(plan, now, *answers.next().unwrap());
            }
            end => return (tried, end),
        }
        assert!(tried.len() < 1000, "{tried:?}");
    }
}

fn ready(basis: Basis, seconds: i64) -> Decision {
    Decision::Ready(Proof {
        basis,
        at: at(seconds),
    })
}

#[test]
fn a_kafka_key_is_tried_at_the_times_of_the_table() {
    let (tried, end) = run(&probed(Kind::Kafka), &[NotYet]);
    let often = (45..=180).step_by(15);
    let seldom = (240..=1200).step_by(60);
    assert_eq!(tried, often.chain(seldom).collect::<Vec<_>>());
    assert_eq!(end, Decision::NotReady);
}

#[test]
fn other_keys_are_tried_at_the_times_of_the_table() {
    for kind in [
        Kind::SchemaRegistry,
        Kind::Flink,
        Kind::Tableflow,
        Kind::Cloud,
    ] {
        let (tried, end) = run(&probed(kind), &[NotYet]);
        let often = (5..=60).step_by(5);
        let seldom = (90..=1200).step_by(30);
        assert_eq!(tried, often.chain(seldom).collect::<Vec<_>>(), "{kind}");
        assert_eq!(end, Decision::NotReady, "{kind}");
    }
}

#[test]
fn a_kafka_key_is_proven_by_two_logins_ten_seconds_apart() {
    let (tried, end) = run(&probed(Kind::Kafka), &[NotYet, LoggedIn]);
    assert_eq!(tried, [45, 60, 70]);
    assert_eq!(end, ready(Basis::Probe, 70));
}

#[test]
fn two_logins_in_quick_succession_prove_nothing() {
    let plan = probed(Kind::Kafka);
    let mut readiness = Readiness::of_key_made(at(0));
    readiness.observe(&plan, at(45), LoggedIn);
    readiness.observe(&plan, at(46), LoggedIn);
    let wait = Decision::Wait { until: at(55) };
    assert_eq!(readiness.decide(&plan, at(46)), wait);
    readiness.observe(&plan, at(55), LoggedIn);
    assert_eq!(readiness.decide(&plan, at(55)), ready(Basis::Probe, 55));
}

#[test]
fn brokers_that_alternate_do_not_prove_a_key() {
    let alternating: Vec<_> = [LoggedIn, NotYet].into_iter().cycle().take(999).collect();
    for kind in [Kind::Kafka, Kind::SchemaRegistry] {
        let (_, end) = run(&probed(kind), &alternating);
        assert_eq!(end, Decision::NotReady, "{kind}");
    }
}

#[test]
fn a_probe_that_did_not_get_through_breaks_the_row() {
    let script = [LoggedIn, Unreachable, LoggedIn, NotYet, LoggedIn, LoggedIn];
    let (tried, end) = run(&probed(Kind::Kafka), &script);
    assert_eq!(tried, [45, 55, 70, 80, 95, 105]);
    assert_eq!(end, ready(Basis::Probe, 105));
}

#[test]
fn a_kafka_key_without_rights_counts_after_two_minutes() {
    let (tried, end) = run(&probed(Kind::Kafka), &[LoggedInWithoutRights]);
    assert_eq!(tried, [45, 60, 75, 90, 105, 120, 130]);
    assert_eq!(end, ready(Basis::ProbeWithoutRights, 130));
    let rights_come = [LoggedInWithoutRights, LoggedIn, LoggedIn];
    let (_, end) = run(&probed(Kind::Kafka), &rights_come);
    assert_eq!(end, ready(Basis::Probe, 70));
}

#[test]
fn a_key_of_a_schema_registry_without_rights_counts_at_once() {
    let (tried, end) = run(&probed(Kind::SchemaRegistry), &[LoggedInWithoutRights]);
    assert_eq!(tried, [5, 10]);
    assert_eq!(end, ready(Basis::ProbeWithoutRights, 10));
    let (tried, end) = run(&probed(Kind::SchemaRegistry), &[NotYet, LoggedIn]);
    assert_eq!(tried, [5, 10, 15]);
    assert_eq!(end, ready(Basis::Probe, 15));
}

#[test]
fn one_login_proves_keys_of_other_kinds() {
    for kind in [Kind::Flink, Kind::Tableflow, Kind::Cloud, Kind::Global] {
        let (tried, end) = run(&probed(kind), &[NotYet, LoggedIn]);
        assert_eq!(tried, [5, 10], "{kind}");
        assert_eq!(end, ready(Basis::Probe, 10), "{kind}");
        let (_, end) = run(&probed(kind), &[LoggedInWithoutRights]);
        let wait = i64::try_from(kind.documented_wait().as_secs()).unwrap();
        assert_eq!(end, ready(Basis::ProbeWithoutRights, wait), "{kind}");
    }
}

#[test]
fn a_key_for_a_place_that_cannot_be_reached_is_assumed_after_the_wait() {
    for (kind, wait) in [
        (Kind::Kafka, 120),
        (Kind::SchemaRegistry, 60),
        (Kind::Flink, 60),
        (Kind::Tableflow, 15),
        (Kind::Cloud, 15),
        (Kind::Global, 15),
    ] {
        let (_, end) = run(&probed(kind), &[Unreachable]);
        assert_eq!(end, ready(Basis::Assumed, wait), "{kind}");
        let (tried, end) = run(&probed(kind), &[NoProbe]);
        assert_eq!(end, ready(Basis::Assumed, wait), "{kind}");
        // There is nothing to ask in between.
        assert_eq!((tried.len(), tried.last()), (2, Some(&wait)), "{kind}");
    }
}

#[test]
fn a_ksqldb_key_is_assumed_after_five_minutes_without_a_probe() {
    let (tried, end) = run(&probed(Kind::Ksqldb), &[NotYet]);
    assert_eq!(tried, [0_i64; 0]);
    assert_eq!(end, ready(Basis::Assumed, 300));
}

#[test]
fn the_wait_counts_anew_from_a_refusal() {
    let script = [NotYet, NotYet, NotYet, Unreachable];
    let (_, end) = run(&probed(Kind::Kafka), &script);
    // Refused at 75 s: 195 s, and the next probe after that.
    assert_eq!(end, ready(Basis::Assumed, 240));
    // One that does not get through now and then hides no refusals.
    let mostly: Vec<_> = [Unreachable, NotYet]
        .into_iter()
        .cycle()
        .take(999)
        .collect();
    let (_, end) = run(&probed(Kind::Kafka), &mostly);
    assert_eq!(end, Decision::NotReady);
}

#[test]
fn one_failure_long_after_the_wait_does_not_make_a_key_assumed() {
    let plan = probed(Kind::Kafka);
    let mut readiness = Readiness::of_key_made(at(0));
    readiness.observe(&plan, at(3000), Unreachable);
    let wait = Decision::Wait { until: at(3010) };
    assert_eq!(readiness.decide(&plan, at(3000)), wait);
    readiness.observe(&plan, at(3010), Unreachable);
    let assumed = ready(Basis::Assumed, 3010);
    assert_eq!(readiness.decide(&plan, at(3010)), assumed);
}

#[test]
fn the_key_of_an_account_is_never_assumed() {
    let plan = Plan::of_account();
    for script in [[Unreachable], [NoProbe], [LoggedInWithoutRights], [NotYet]] {
        assert_eq!(run(&plan, &script).1, Decision::NotReady, "{script:?}");
    }
    assert_eq!(run(&plan, &[LoggedIn]).1, ready(Basis::Probe, 5));
}

#[test]
fn a_key_that_was_not_tried_for_long_is_tried_before_it_is_given_up() {
    let plan = probed(Kind::Kafka);
    let mut readiness = Readiness::of_key_made(at(0));
    assert_eq!(readiness.decide(&plan, at(90_000)), Decision::Probe);
    readiness.observe(&plan, at(90_000), LoggedIn);
    readiness.observe(&plan, at(90_010), LoggedIn);
    let proven = ready(Basis::Probe, 90_010);
    assert_eq!(readiness.decide(&plan, at(90_010)), proven);
}

#[test]
fn a_key_is_given_up_at_its_timeout() {
    let given = Given {
        readiness_timeout: Some(Duration::from_secs(130)),
        ..Given::default()
    };
    let settings = Settings::of(Mode::Probe).with(&given, Kind::Kafka).unwrap();
    let (tried, end) = run(&settings.plan(Kind::Kafka), &[NotYet]);
    assert_eq!(tried, [45, 60, 75, 90, 105, 120, 130]);
    assert_eq!(end, Decision::NotReady);
}

#[test]
fn a_key_that_is_never_tried_is_given_up_after_twice_the_time() {
    let plan = probed(Kind::Kafka);
    let mut readiness = Readiness::of_key_made(at(0));
    readiness.postpone(&plan, at(45), Duration::from_secs(30));
    let wait = Decision::Wait { until: at(75) };
    assert_eq!(readiness.decide(&plan, at(45)), wait);
    readiness.postpone(&plan, at(2399), Duration::ZERO);
    assert_eq!(readiness.decide(&plan, at(2399)), Decision::Probe);
    readiness.postpone(&plan, at(2400), Duration::ZERO);
    assert_eq!(readiness.decide(&plan, at(2400)), Decision::NotReady);
}

#[test]
fn a_probe_that_was_held_back_is_put_off_and_no_other_comes_before() {
    let plan = probed(Kind::Tableflow);
    let mut readiness = Readiness::of_key_made(at(0));
    readiness.observe(&plan, at(5), NotYet);
    readiness.postpone(&plan, at(10), Duration::from_secs(40));
    let wait = Decision::Wait { until: at(50) };
    assert_eq!(readiness.decide(&plan, at(10)), wait);
}

#[test]
fn time_passes_in_steps_of_any_size() {
    let plan = probed(Kind::Tableflow);
    let mut readiness = Readiness::of_key_made(at(0));
    let mut now = at(0);
    while now < at(5) {
        assert_ne!(readiness.decide(&plan, now), Decision::Probe);
        now += Duration::from_micros(999);
    }
    assert_eq!(readiness.decide(&plan, now), Decision::Probe);
}

#[test]
fn without_readiness_a_key_counts_when_it_is_made() {
    let plan = Settings::of(Mode::None).plan(Kind::Kafka);
    assert_eq!(run(&plan, &[NotYet]), (vec![], ready(Basis::Unchecked, 0)));
}

#[test]
fn with_a_delay_only_time_counts() {
    let plan = delayed(Kind::SchemaRegistry);
    assert_eq!(run(&plan, &[NotYet]), (vec![], ready(Basis::Assumed, 60)));
    let given = Given {
        readiness_delay: Some(Duration::from_mins(30)),
        ..Given::default()
    };
    let settings = Settings::of(Mode::Delay).with(&given, Kind::Kafka).unwrap();
    let plan = settings.plan(Kind::Kafka);
    assert_eq!(run(&plan, &[NotYet]), (vec![], ready(Basis::Assumed, 1800)));
}

#[test]
fn what_is_decided_stays_decided() {
    let plan = Plan::of_account();
    let mut readiness = Readiness::of_key_made(at(0));
    readiness.observe(&plan, at(5), LoggedIn);
    readiness.observe(&plan, at(9_999_999), NotYet);
    readiness.postpone(&plan, at(9_999_999), Duration::ZERO);
    let proven = ready(Basis::Probe, 5);
    assert_eq!(readiness.decide(&plan, at(9_999_999)), proven);
}

#[test]
fn a_clock_that_was_set_back_does_not_put_off_the_next_probe() {
    let plan = probed(Kind::Kafka);
    let mut readiness = Readiness::of_key_made(at(0));
    readiness.observe(&plan, at(45), NotYet);
    let wait = Decision::Wait { until: at(-3585) };
    assert_eq!(readiness.decide(&plan, at(-3600)), wait);
    assert_eq!(readiness.decide(&plan, at(-3585)), Decision::Probe);
}

#[test]
fn whoever_gets_a_key_too_early_is_told_when_it_works() {
    let plan = probed(Kind::Kafka);
    let mut readiness = Readiness::of_key_made(at(0));
    assert_eq!(readiness.expected(&plan), at(120));
    readiness.observe(&plan, at(45), NotYet);
    assert_eq!(readiness.expected(&plan), at(120));
    readiness.observe(&plan, at(300), NotYet);
    assert_eq!(readiness.expected(&plan), at(360));
    assert_eq!(readiness.last_observation(), Some(NotYet));
}

#[test]
fn a_stored_state_goes_on_as_it_was() {
    let plan = probed(Kind::Kafka);
    let mut readiness = Readiness::of_key_made(at(0));
    readiness.observe(&plan, at(45), LoggedIn);
    let stored = serde_json::to_string(&readiness).unwrap();
    let mut restored: Readiness = serde_json::from_str(&stored).unwrap();
    assert_eq!(restored, readiness);
    restored.observe(&plan, at(55), LoggedIn);
    assert_eq!(restored.decide(&plan, at(55)), ready(Basis::Probe, 55));
}

#[test]
fn no_stored_state_is_too_strange_to_go_on() {
    for (age, at) in [(0, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX, 0)] {
        for login in [true, false] {
            let mut stored = serde_json::json!({
                "seen": "2025-01-01T00:00:00Z", "age": age, "not_before": at,
                "refused_at": at, "unreachable": 255,
                "last": {"at": at, "observation": "not-yet"},
            });
            if login {
                stored["login"] = serde_json::json!({"at": at, "without_rights": false});
            }
            for observation in [LoggedIn, NotYet, Unreachable, NoProbe] {
                let plan = probed(Kind::Kafka);
                let mut readiness: Readiness = serde_json::from_value(stored.clone()).unwrap();
                readiness.decide(&plan, Timestamp::MAX);
                readiness.observe(&plan, Timestamp::MIN, observation);
                readiness.postpone(&plan, Timestamp::MAX, Duration::MAX);
                let _ = readiness.expected(&plan);
            }
        }
    }
}
