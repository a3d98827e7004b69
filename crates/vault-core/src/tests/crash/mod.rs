//! Scenarios in which clients hang up, engines panic, writes and audit devices fail
//! and the power goes at any step, and the promises that hold all the same:
//!
//! - memory says what storage says, and a restart changes nothing;
//! - no secret outlives its lease, and no lease is lost;
//! - nothing under a revoked token lives on, and such a token stays unusable;
//! - what answered that it ended has ended;
//! - no secret dies under a lease that nobody touched;
//! - no lease is answered that is not in the audit log;
//! - a removed mount leaves no storage behind, and every mount ticks.
//!
//! A seed gives the same scenario on every machine.

mod cloud;
mod scenario;
mod world;

use virtual_world::Moment;

use self::scenario::{Action, CALLS, of_seed, shrink};
use self::world::{Ran, run, run_counting};

/// How many random scenarios run.
const SEEDS: u64 = 2000;

fn keeps_all_promises(actions: &[Action]) -> Ran {
    let ran = run_counting(actions);
    assert!(ran.broken.is_empty(), "{ran:#?}\nwith {actions:#?}");
    ran
}

#[test]
fn random_scenarios_keep_all_promises() {
    for seed in 0..SEEDS {
        let broken = run(&of_seed(seed));
        if !broken.is_empty() {
            let actions = shrink(of_seed(seed));
            let broken = run(&actions);
            panic!("seed {seed}: {broken:#?}\nwith {actions:#?}");
        }
    }
}

/// Each kind of change once.
fn life() -> Vec<Action> {
    vec![
        Action::Mount(0),
        Action::Mount(1),
        Action::Token(0),
        Action::Lease { mount: 0, token: 0 },
        Action::Lease { mount: 1, token: 0 },
        Action::Tune(0),
        Action::Lease { mount: 0, token: 1 },
        Action::Lease { mount: 1, token: 1 },
        Action::Renew(1),
        Action::Revoke {
            lease: 2,
            sync: None,
        },
        Action::RevokeToken(0),
        Action::RevokePrefix {
            mount: 1,
            sync: Some(true),
        },
        Action::Disable(0),
        Action::Disable(1),
    ]
}

#[test]
fn the_power_may_go_at_every_step() {
    for moment in [Moment::Before, Moment::After] {
        for calls in 0.. {
            let mut actions = vec![Action::Cut { calls, moment }];
            actions.extend(life());
            if keeps_all_promises(&actions).cuts == 0 {
                assert!(calls > 4 * life().len() as u64, "{calls} calls");
                break;
            }
        }
    }
}

#[test]
fn a_client_may_hang_up_at_every_await() {
    let life = life();
    for at in 0..life.len() {
        for awaits in 0.. {
            let mut actions = vec![Action::SlowWrites];
            actions.extend(life.clone());
            actions.insert(at + 1, Action::HangUp(awaits));
            if keeps_all_promises(&actions).hang_ups == 0 {
                break;
            }
        }
    }
}

#[test]
fn an_engine_may_panic_or_fail_at_every_call() {
    for call in CALLS {
        for disturbance in [Action::Panic(call), Action::Fail(call)] {
            let mut fired = 0;
            for at in 0..=life().len() {
                let mut actions = life();
                // Ticks come by themselves, once a minute.
                let disturbed = [
                    disturbance,
                    Action::Pass(if call == "tick" { 70 } else { 0 }),
                ];
                actions.splice(at..at, disturbed);
                fired += keeps_all_promises(&actions).disturbed;
            }
            assert!(fired > 0, "{disturbance:?} never happened");
        }
    }
}
