//! The order of turns, and requests that are held back at once because none
//! comes in time.

use proptest::prelude::*;

use super::*;

const HOST: Class = Class::Removal(RemovalBy::Host);
const SWEEP: Class = Class::Removal(RemovalBy::Sweep);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        Just(Class::Operator),
        Just(Class::Reader),
        Just(Class::Rotation),
        Just(Class::Removal(RemovalBy::Operator)),
        Just(HOST),
        Just(SWEEP),
        Just(Class::Proof),
        Just(Class::Spare),
        Just(Class::Look),
    ]
}

fn rate() -> impl Strategy<Value = Option<Rate>> {
    let limited = (1_u32..50, 0_u32..60).prop_map(|(rate, burst)| Some(Rate::new(rate, burst)));
    prop_oneof![4 => limited, 1 => Just(None)]
}

type Arrival = (u64, Class, &'static str, usize);

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let name = prop::sample::select(vec!["a/x", "a/y", "b/x", "c/x"]);
    prop::collection::vec((0_u64..400, class(), name, 0_usize..30), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn in_no_stretch_of_time_is_more_sent_than_rate_and_burst(
        rate in (1_u32..50, 10_u32..60),
        arrivals in arrivals(),
    ) {
        let (per_second, burst) = rate;
        let mut crowd = Crowd::new(Some(Rate::new(per_second, burst)));
        for (pause, class, name, count) in arrivals {
            crowd.pass(Duration::from_millis(pause));
            crowd.enter(class, name, count);
        }
        crowd.pass(seconds(2));
        for (index, from) in crowd.times.iter().enumerate() {
            for (count, to) in crowd.times[index..].iter().enumerate() {
                let gained = (to.as_millis() - from.as_millis()) * u128::from(per_second);
                prop_assert!((count as u128 + 1) * 1000 <= u128::from(burst) * 1000 + gained + 1);
            }
        }
    }

    #[test]
    fn every_request_is_granted_in_the_end_and_no_more_at_once_than_the_window_holds(
        rate in rate(),
        arrivals in arrivals(),
    ) {
        let mut crowd = Crowd::new(rate);
        crowd.latency = Duration::from_millis(100);
        for (pause, class, name, count) in arrivals {
            crowd.pass(Duration::from_millis(pause));
            crowd.enter(class, name, count);
        }
        // At the slowest one a second, of which a tenth is for rotations.
        while !crowd.waiting.is_empty() {
            crowd.pass(seconds(10));
            prop_assert!(crowd.now < crowd.began + seconds(1500));
        }
        prop_assert!(crowd.most_in_flight <= 64);
    }

    #[test]
    fn the_requests_of_one_caller_keep_their_order(rate in rate(), arrivals in arrivals()) {
        let mut crowd = Crowd::new(rate);
        let mut entered = Vec::new();
        for (pause, class, name, _) in arrivals {
            crowd.pass(Duration::from_millis(pause));
            let number = entered.len();
            entered.push((class, name));
            let wish_flow = name.split_once('/').unwrap();
            let flow = Flow::new(wish_flow.0, wish_flow.1);
            let ticket = crowd.pace.enter(crowd.now, &wanted(class, &flow, crowd.now)).unwrap();
            crowd.waiting.insert(ticket, (class, number.to_string()));
        }
        crowd.pass(seconds(60));
        for one in &entered {
            let mine = crowd.served.iter().map(|(_, name)| name.parse::<usize>().unwrap());
            let mine: Vec<usize> = mine.filter(|number| entered[*number] == *one).collect();
            prop_assert!(mine.is_sorted());
        }
    }

    #[test]
    fn removals_and_rotations_wait_for_no_crowd_of_readers(
        rate in (1_u32..50, 10_u32..60),
        readers in 1_usize..300,
        others in 0_usize..300,
        since in 0_u64..3000,
    ) {
        let mut crowd = Crowd::new(Some(Rate::new(rate.0, rate.1)));
        crowd.enter(Class::Reader, "a", readers);
        crowd.enter(Class::Look, "a", others);
        crowd.pass(Duration::from_millis(since) + crowd.latency * 2);
        crowd.enter(HOST, "sa-1", 1);
        crowd.enter(Class::Rotation, "b", 1);
        crowd.pass(crowd.latency * 2);
        prop_assert_eq!(crowd.count(|class| class == HOST), 1);
        prop_assert_eq!(crowd.count(|class| class == Class::Rotation), 1);
    }

    #[test]
    fn a_request_is_granted_at_the_time_that_was_announced(
        rate in (1_u32..50, 10_u32..60),
        count in 1_usize..40,
        class in class(),
    ) {
        let (flow, began) = (Flow::default(), Instant::now());
        let mut now = began;
        let mut pace = Pace::new(Some(Rate::new(rate.0, rate.1)), now);
        for _ in 0..count {
            pace.enter(now, &wanted(class, &flow, now)).unwrap();
            let mut looks = 0;
            loop {
                let decided = pace.advance(now);
                if let [(_, permit)] = &*decided.granted {
                    pace.finish(now, permit, Outcome::Answered, None, 0);
                    break;
                }
                now = decided.next.unwrap();
                looks += 1;
                prop_assert!(looks <= 4);
            }
        }
        // And no later than the whole rate allows, but for the other parts.
        let slowest = f64::from(rate.0) * 0.7;
        let longest = seconds_of(count, slowest) + Duration::from_millis(100);
        prop_assert!(now - began <= longest);
    }
}

fn seconds_of(tokens: usize, per_second: f64) -> Duration {
    Duration::from_secs_f64(f64::from(u32::try_from(tokens).unwrap()) / per_second)
}

#[test]
fn a_flood_of_readers_leaves_a_fifth_of_the_rate_to_removals_and_a_tenth_to_rotations() {
    let mut crowd = Crowd::new(Some(Rate::new(10, 50)));
    crowd.enter(Class::Reader, "a", 1000);
    crowd.enter(HOST, "sa-1", 1000);
    crowd.enter(Class::Rotation, "b", 1000);
    crowd.pass(Duration::from_millis(9_900));
    let readers = crowd.count(|class| class == Class::Reader);
    let removals = crowd.count(|class| class == HOST);
    let rotations = crowd.count(|class| class == Class::Rotation);
    assert!(
        readers + removals + rotations >= 145,
        "{readers} {removals} {rotations}"
    );
    assert!((101..=105).contains(&readers), "{readers}");
    assert!((28..=30).contains(&removals), "{removals}");
    assert!((13..=15).contains(&rotations), "{rotations}");
}

#[test]
fn an_unused_part_flows_on_to_the_others() {
    for class in [
        Class::Reader,
        HOST,
        Class::Rotation,
        Class::Proof,
        Class::Operator,
    ] {
        let mut crowd = Crowd::new(Some(Rate::new(10, 50)));
        crowd.enter(class, "a", 1000);
        crowd.pass(Duration::from_millis(9_990));
        let served = crowd.served.len();
        assert!(served >= 130, "{class:?}: {served}");
    }
}

#[test]
fn where_the_window_limits_the_parts_share_it_by_weight() {
    let mut crowd = Crowd::new(None);
    crowd.latency = seconds(5);
    crowd.enter(Class::Reader, "a", 2000);
    crowd.enter(HOST, "sa-1", 2000);
    crowd.enter(Class::Rotation, "b", 2000);
    crowd.pass(seconds(60));
    let all = crowd.served.len();
    assert!(all < 1500, "{all}");
    for (class, percent) in [(Class::Reader, 70), (HOST, 20), (Class::Rotation, 10)] {
        let served = crowd.count(|other| other == class) * 100;
        assert!(
            served.abs_diff(all * percent) <= 400,
            "{class:?}: {served} of {all}"
        );
    }
}

#[test]
fn a_quiet_role_is_served_next_however_many_hammer_another() {
    let mut crowd = Crowd::new(Some(Rate::new(10, 50)));
    for client in 0..200 {
        crowd.enter(Class::Reader, &format!("busy/{client}"), 5);
    }
    crowd.pass(seconds(5));
    let before = crowd.served.len();
    crowd.enter(Class::Reader, "quiet/x", 1);
    crowd.pass(Duration::from_millis(250));
    assert!(crowd.names()[before..].contains(&"quiet/x"));
}

#[test]
fn the_requesters_of_one_role_are_served_in_turn() {
    let mut crowd = Crowd::new(Some(Rate::new(1, 10)));
    crowd.enter(Class::Reader, "a/greedy", 100);
    crowd.pass(seconds(1));
    let before = crowd.served.len();
    crowd.enter(Class::Reader, "a/modest", 2);
    crowd.pass(seconds(4));
    let served = &crowd.names()[before..];
    assert_eq!(served, ["a/greedy", "a/modest", "a/greedy", "a/modest"]);
}

#[test]
fn background_work_gets_every_second_turn_of_the_general_part_while_readers_wait() {
    let mut crowd = Crowd::new(Some(Rate::new(10, 10)));
    crowd.enter(Class::Look, "a", 20);
    crowd.enter(Class::Proof, "a", 10);
    crowd.enter(Class::Reader, "a", 10);
    crowd.pass(seconds(10));
    let background = |class| matches!(class, Class::Look | Class::Proof);
    let classes: Vec<Class> = crowd.served.iter().map(|(class, _)| *class).collect();
    let (contended, alone) = classes.split_at(20);
    assert!(!background(contended[0]), "readers come first");
    for turns in contended.windows(2) {
        assert!(
            !(background(turns[0]) && background(turns[1])),
            "{contended:?}"
        );
    }
    assert_eq!(
        contended.iter().filter(|class| background(**class)).count(),
        10
    );
    assert_eq!(alone.len(), 20);
}

#[test]
fn removals_go_by_operator_host_and_sweep_and_owners_in_turn() {
    let mut crowd = Crowd::new(Some(Rate::new(1, 10)));
    crowd.enter(Class::Reader, "a", 100);
    crowd.enter(Class::Rotation, "b", 1);
    crowd.pass(seconds(1));
    crowd.served.clear();
    crowd.enter(SWEEP, "sa-1", 1);
    crowd.enter(HOST, "sa-1", 3);
    crowd.enter(HOST, "sa-2", 2);
    crowd.enter(Class::Removal(RemovalBy::Operator), "sa-3", 1);
    crowd.pass(seconds(60));
    let removals = crowd.served.iter().filter_map(|(class, name)| match class {
        Class::Removal(by) => Some((*by, name.as_str())),
        _ => None,
    });
    assert_eq!(
        removals.collect::<Vec<_>>(),
        [
            (RemovalBy::Operator, "sa-3"),
            (RemovalBy::Host, "sa-1"),
            (RemovalBy::Host, "sa-2"),
            (RemovalBy::Host, "sa-1"),
            (RemovalBy::Host, "sa-2"),
            (RemovalBy::Host, "sa-1"),
            (RemovalBy::Sweep, "sa-1"),
        ]
    );
}

#[test]
fn an_operator_may_use_every_part_and_goes_first() {
    let mut crowd = Crowd::new(Some(Rate::new(1, 10)));
    crowd.enter(Class::Reader, "a", 20);
    crowd.look();
    assert_eq!(crowd.served.len(), 7);
    crowd.enter(Class::Operator, "", 3);
    crowd.enter(HOST, "sa-1", 1);
    crowd.look();
    assert_eq!(crowd.served.len(), 10);
    assert_eq!(crowd.count(|class| class == Class::Operator), 3);
}

#[test]
fn a_request_that_cannot_be_served_in_time_is_held_back_at_once() {
    let mut crowd = Crowd::new(Some(Rate::new(10, 50)));
    crowd.enter(Class::Reader, "a", 35 + 100);
    crowd.look();
    let flow = Flow::new("a", "");
    let mut enter = |until| {
        let wanted = TurnRequest {
            until: crowd.now + until,
            ..wanted(Class::Reader, &flow, crowd.now)
        };
        crowd.pace.enter(crowd.now, &wanted)
    };
    // The tokens for rotations and removals are there, so that all flows in.
    let wait = enter(seconds(9)).unwrap_err();
    assert!((seconds(10)..seconds(11)).contains(&wait), "{wait:?}");
    assert!(enter(seconds(11)).is_ok());
}

#[test]
fn a_role_that_is_hammered_holds_back_its_own_readers_and_no_others() {
    let mut crowd = Crowd::new(Some(Rate::new(10, 50)));
    crowd.enter(Class::Reader, "busy", 1000);
    crowd.look();
    let enter = |crowd: &mut Crowd, name: &str| {
        let flow = Flow::new(name, "");
        let wanted = TurnRequest {
            until: crowd.now + seconds(19),
            ..wanted(Class::Reader, &flow, crowd.now)
        };
        crowd.pace.enter(crowd.now, &wanted)
    };
    assert!(enter(&mut crowd, "busy").is_err());
    assert!(enter(&mut crowd, "quiet").is_ok());
}

#[test]
fn a_429_holds_back_at_once_what_cannot_be_sent_in_time_any_more() {
    let mut crowd = Crowd::new(Some(Rate::new(1, 10)));
    crowd.enter(Class::Reader, "a", 7);
    crowd.look();
    let flow = Flow::new("a", "");
    let tickets = [5, 60].map(|patience| {
        let wanted = TurnRequest {
            until: crowd.now + seconds(patience),
            ..wanted(Class::Reader, &flow, crowd.now)
        };
        crowd.pace.enter(crowd.now, &wanted).unwrap()
    });
    let (_, permit) = crowd.in_flight.pop().unwrap();
    let limited = Outcome::Limited(Some(seconds(20)));
    crowd.pace.finish(crowd.now, &permit, limited, None, 0);
    let decided = crowd.pace.advance(crowd.now);
    let [(ticket, wait)] = &*decided.held_back else {
        panic!("{decided:?}");
    };
    assert_eq!(*ticket, tickets[0]);
    assert!(*wait >= seconds(20), "{wait:?}");
}

#[test]
fn a_request_that_was_not_granted_by_its_deadline_is_held_back() {
    let mut crowd = Crowd::new(None);
    crowd.latency = LONG;
    crowd.enter(Class::Reader, "a", 16);
    crowd.look();
    let flow = Flow::new("b", "");
    let wanted = TurnRequest {
        until: crowd.now + seconds(3),
        ..wanted(Class::Reader, &flow, crowd.now)
    };
    crowd.pace.enter(crowd.now, &wanted).unwrap();
    let next = crowd.pace.advance(crowd.now).next;
    assert_eq!(next, Some(crowd.now + seconds(3)));
    let decided = crowd.pace.advance(crowd.now + seconds(3));
    assert_eq!(decided.held_back.len(), 1);
    assert!(crowd.pace.waiting.is_empty() && crowd.pace.deadlines.is_empty());
}

#[test]
fn a_slow_service_holds_back_what_the_window_lets_through_too_late() {
    let mut crowd = Crowd::new(None);
    crowd.latency = seconds(4);
    crowd.enter(Class::Reader, "a", 500);
    crowd.pass(seconds(10));
    let flow = Flow::new("a", "");
    let wanted = TurnRequest {
        until: crowd.now + seconds(19),
        ..wanted(Class::Reader, &flow, crowd.now)
    };
    assert!(crowd.pace.enter(crowd.now, &wanted).is_err());
}

#[test]
fn a_request_that_is_sent_again_is_next() {
    let mut crowd = Crowd::new(Some(Rate::new(1, 10)));
    crowd.enter(Class::Reader, "a", 17);
    crowd.look();
    let flow = Flow::new("b", "");
    let wanted = TurnRequest {
        end: QueueEnd::Front,
        until: crowd.now + seconds(2),
        ..wanted(Class::Reader, &flow, crowd.now)
    };
    let again = crowd.pace.enter(crowd.now, &wanted).unwrap();
    let granted = crowd.pace.advance(crowd.now + seconds(1)).granted;
    assert_eq!(granted[0].0, again);
}

#[test]
fn a_cancelled_request_makes_room() {
    let now = Instant::now();
    let flow = Flow::default();
    let mut pace = Pace::new(Some(Rate::new(1, 10)), now);
    for _ in 0..7 {
        pace.enter(now, &wanted(Class::Reader, &flow, now)).unwrap();
    }
    assert_eq!(pace.advance(now).granted.len(), 7);
    let first = pace.enter(now, &wanted(Class::Reader, &flow, now)).unwrap();
    let second = pace.enter(now, &wanted(Class::Reader, &flow, now)).unwrap();
    pace.leave(first);
    pace.leave(first);
    let granted = pace.advance(now + seconds(1)).granted;
    assert_eq!(granted[0].0, second);
    assert_eq!(pace.status(now).waiting, Waiting::default());
}

#[test]
fn the_status_counts_waiting_requests_and_the_age_of_the_oldest() {
    let mut crowd = Crowd::new(Some(Rate::new(1, 10)));
    crowd.enter(Class::Reader, "a", 9);
    crowd.enter(HOST, "sa-1", 4);
    crowd.enter(Class::Proof, "a", 1);
    crowd.look();
    let status = crowd.pace.status(crowd.now + seconds(3));
    assert_eq!(
        status.waiting,
        Waiting {
            readers: 3,
            removals: 2,
            ..Waiting::default()
        }
    );
    assert_eq!(status.oldest, Some(seconds(3)));
    assert_eq!(status.requests_per_second, Some(1.0));
    let idle = Crowd::new(None);
    let status = idle.pace.status(idle.now);
    assert_eq!((status.oldest, status.requests_per_second), (None, None));
}
