//! The power cut before and after each call of what an operator or a reader asks for,
//! from the first call to the last one of a run without a cut.
//!
//! The number of calls is found, not given: a loop ends when the actions end before
//! the cut.

use std::time::Duration;

use virtual_world::Moment;

use super::scenario::{Action, run_counting_cuts};
use super::spares::WARM;

/// The kinds of static roles: keys that are not tried, that are taken to work after a
/// while, and that are probed.
const UNTRIED: u64 = 1;
const DELAYED: u64 = 4;
const PROBED: u64 = 7;

/// Long enough for a key to be made and to work.
const PASS: Action = Action::Pass(Duration::from_mins(4));

const ROTATE: Action = Action::RotateStatic {
    with_grace: true,
    wait: 20,
};

/// What a run calls at the least: a list of fewer calls was never reached by the cut.
const FEWEST_CALLS: u64 = 4;

/// Cuts the power before and after each call of the second actions in turn.
fn cut_at_every_step(before: &[Action], actions: &[Action]) {
    for moment in [Moment::Before, Moment::After] {
        let calls = calls_until_the_end(before, actions, moment);
        assert!(calls >= FEWEST_CALLS, "{calls} calls of {actions:#?}");
    }
}

fn calls_until_the_end(before: &[Action], actions: &[Action], moment: Moment) -> u64 {
    for calls in 0.. {
        let with_cut = [before, &[Action::Cut { calls, moment }], actions].concat();
        let (broken, cuts) = run_counting_cuts(&with_cut);
        assert!(broken.is_empty(), "{broken:#?}\nwith {with_cut:#?}");
        if cuts == 0 {
            return calls;
        }
    }
    unreachable!("every scenario ends")
}

/// A static role of a kind whose first key is served.
fn served(kind: u64) -> [Action; 3] {
    [Action::WriteStatic { kind }, PASS, Action::ReadStatic]
}

/// A static role of a kind with a staged key.
fn staged(kind: u64) -> Vec<Action> {
    [&served(kind)[..], &[Action::StepStatic("stage"), PASS]].concat()
}

fn read(role: usize, readers: usize) -> Action {
    Action::Read { role, readers }
}

/// The plainest lives of keys: of a single-use one, of shared ones, and of those whose
/// account is another one meanwhile.
fn lives() -> [Vec<Action>; 5] {
    let renew = Action::Renew {
        lease: 0,
        increment: Duration::ZERO,
    };
    let revoke = Action::Revoke {
        lease: 0,
        with_id: true,
    };
    let lose = Action::LoseLease { lease: 0 };
    let config = |admin, verified| Action::Config { admin, verified };
    let turn = Action::WriteRole {
        role: SHARED,
        cluster: 1,
    };
    let end = Action::DeleteRole { role: SHARED };
    let end_of_lease = Action::Pass(Duration::from_mins(15));
    let (single, shared) = (read(SINGLE, 1), read(SHARED, 1));
    [
        vec![single, renew, revoke],
        vec![
            read(SHARED, 3),
            renew,
            revoke,
            shared,
            revoke,
            revoke,
            revoke,
        ],
        vec![read(SHARED, 2), turn, shared, end, end_of_lease],
        vec![single, config(2, true), single, revoke, lose],
        vec![
            config(1, false),
            single,
            config(2, false),
            single,
            lose,
            lose,
        ],
    ]
}

#[test]
fn the_power_may_go_at_every_step_of_a_plain_life() {
    for life in lives() {
        cut_at_every_step(&[], &life);
    }
}

fn make(kind: u64) {
    cut_at_every_step(&[], &served(kind));
}

#[test]
fn the_power_may_go_at_every_step_of_making_a_key_that_is_not_tried() {
    make(UNTRIED);
}

#[test]
fn the_power_may_go_at_every_step_of_making_a_key_that_works_later() {
    make(DELAYED);
}

#[test]
fn the_power_may_go_at_every_step_of_making_a_key_that_is_probed() {
    make(PROBED);
}

fn rotate(kind: u64) {
    cut_at_every_step(&served(kind), &[ROTATE, PASS, Action::ReadStatic]);
}

#[test]
fn the_power_may_go_at_every_step_of_a_rotation_without_trying() {
    rotate(UNTRIED);
}

#[test]
fn the_power_may_go_at_every_step_of_a_rotation_that_waits() {
    rotate(DELAYED);
}

#[test]
fn the_power_may_go_at_every_step_of_a_rotation_that_is_probed() {
    rotate(PROBED);
}

fn stage(kind: u64) {
    let stage = Action::StepStatic("stage");
    cut_at_every_step(&served(kind), &[stage, PASS, Action::ReadStatic]);
}

#[test]
fn the_power_may_go_at_every_step_of_staging_a_key_that_is_not_tried() {
    stage(UNTRIED);
}

#[test]
fn the_power_may_go_at_every_step_of_staging_a_key_that_is_probed() {
    stage(PROBED);
}

#[test]
fn the_power_may_go_at_every_step_of_committing() {
    for kind in [UNTRIED, PROBED] {
        let commit = Action::StepStatic("commit");
        cut_at_every_step(&staged(kind), &[commit, PASS, Action::ReadStatic]);
    }
}

#[test]
fn the_power_may_go_at_every_step_of_discarding_a_staged_key() {
    for kind in [UNTRIED, PROBED] {
        let discard = Action::StepStatic("rollback");
        cut_at_every_step(&staged(kind), &[discard, PASS, Action::ReadStatic]);
    }
}

#[test]
fn the_power_may_go_at_every_step_of_rolling_a_rotation_back() {
    for kind in [UNTRIED, PROBED] {
        let rotated = [&served(kind)[..], &[ROTATE, PASS]].concat();
        let back = Action::StepStatic("rollback");
        cut_at_every_step(&rotated, &[back, PASS, Action::ReadStatic]);
    }
}

#[test]
fn the_power_may_go_at_every_step_of_a_static_role_that_is_deleted_and_comes_back() {
    let rotated = [&served(PROBED)[..], &[ROTATE, PASS]].concat();
    let back = [Action::DeleteStatic, served(PROBED)[0], Action::ReadStatic];
    cut_at_every_step(&rotated, &back);
}

#[test]
fn the_power_may_go_at_every_step_of_the_end_of_a_static_role_that_rotates() {
    for kind in [UNTRIED, DELAYED] {
        let rotates = [&served(kind)[..], &[ROTATE]].concat();
        let [write, pass, read] = served(kind);
        cut_at_every_step(&rotates, &[Action::DeleteStatic, write, read, pass]);
    }
}

/// Kinds of static roles for a key that exists: taken on trust, and probed.
const TRUSTED: u64 = 0;
const TRIED: u64 = 6;

/// The role whose readers get a key each, and the one whose readers share one.
const SINGLE: usize = 0;
const SHARED: usize = 1;

/// The role of a shared key that works already, with two leases on it.
const SHARED_KEY: [Action; 2] = [
    Action::Read {
        role: SHARED,
        readers: 2,
    },
    PASS,
];

#[test]
fn the_power_may_go_at_every_step_of_an_import() {
    for kind in [TRUSTED, TRIED] {
        let import = Action::ImportStatic { kind };
        cut_at_every_step(&[], &[import, PASS, Action::ReadStatic, ROTATE, PASS]);
    }
}

#[test]
fn the_power_may_go_at_every_step_of_an_import_that_is_asked_for_again() {
    let import = Action::ImportStatic { kind: TRUSTED };
    let write = Action::WriteStatic { kind: TRUSTED };
    for again in [import, write] {
        cut_at_every_step(&[], &[import, again, PASS, Action::ReadStatic]);
    }
}

#[test]
fn the_power_may_go_at_every_step_of_an_adoption() {
    for kind in [TRUSTED, TRIED] {
        let adopt = Action::AdoptStatic { kind, role: SHARED };
        let actions = [adopt, PASS, Action::ReadStatic, ROTATE, PASS];
        cut_at_every_step(&SHARED_KEY, &actions);
    }
}

#[test]
fn the_power_may_go_at_every_step_of_an_adoption_that_something_follows() {
    let adopt = Action::AdoptStatic {
        kind: TRUSTED,
        role: SHARED,
    };
    let write = Action::WriteStatic { kind: TRUSTED };
    for then in [adopt, write, Action::RevokeAll] {
        cut_at_every_step(&SHARED_KEY, &[adopt, then, PASS, Action::ReadStatic]);
    }
}

/// The old key of a role waits for silence, and is let go of, kept, served again or
/// left by its role.
#[test]
fn the_power_may_go_at_every_step_of_a_wait_for_silence() {
    let pass = Action::Pass(Duration::from_secs(320));
    let (post, post_all) = (
        Action::PostUsage { of_all: false },
        Action::PostUsage { of_all: true },
    );
    let waits = [
        Action::WriteStatic { kind: TRUSTED },
        post_all,
        Action::QuietStatic,
        pass,
        Action::ReadStatic,
    ];
    let back = Action::StepStatic("rollback");
    // What follows at once, since every call of a pass would be cut, too.
    let soon = Action::Pass(Duration::from_secs(5));
    for (then, cut) in [
        (vec![], vec![ROTATE, soon]),
        (vec![ROTATE, pass, post, pass], vec![post, soon]),
        (vec![ROTATE, pass], vec![post_all, soon]),
        (vec![ROTATE], vec![back, post_all, soon]),
        (vec![ROTATE, ROTATE], vec![Action::DeleteStatic, soon]),
    ] {
        cut_at_every_step(&[&waits[..], &then].concat(), &cut);
    }
}

/// Kinds of roles with spares: probed with one spare, refused before it works with
/// none, and told with a warning with one that works after a while.
const SPARE_KINDS: [u64; 3] = [15, 3, 14];

/// Cuts the power at every step of what each role with spares of each kind is asked for.
fn at_every_role_with_spares(actions: impl Fn(usize, u64) -> (Vec<Action>, Vec<Action>)) {
    for role in 0..WARM.len() {
        for kind in SPARE_KINDS {
            let (before, actions) = actions(role, kind);
            cut_at_every_step(&before, &actions);
        }
    }
}

#[test]
fn the_power_may_go_at_every_step_of_making_a_spare() {
    at_every_role_with_spares(|role, kind| {
        let read = Action::ReadWarm { role, readers: 2 };
        (vec![], vec![Action::WriteWarm { role, kind }, PASS, read])
    });
}

#[test]
fn the_power_may_go_at_every_step_of_taking_a_spare() {
    at_every_role_with_spares(|role, kind| {
        let read = Action::ReadWarm { role, readers: 2 };
        let before = vec![Action::WriteWarm { role, kind }, PASS];
        (before, vec![read, PASS, read])
    });
}

#[test]
fn the_power_may_go_at_every_step_of_a_reader_of_a_spare_who_hangs_up() {
    at_every_role_with_spares(|role, kind| {
        let after = Duration::from_secs(10);
        let hang_up = Action::HangUpWarm { role, after };
        let read = Action::ReadWarm { role, readers: 2 };
        let before = vec![Action::WriteWarm { role, kind }];
        (before, vec![hang_up, PASS, read])
    });
}

#[test]
fn the_power_may_go_at_every_step_of_the_end_of_a_role_with_spares() {
    at_every_role_with_spares(|role, kind| {
        let write = Action::WriteWarm { role, kind };
        (vec![write, PASS], vec![Action::DeleteWarm { role }, PASS])
    });
}

#[test]
fn the_power_may_go_at_every_step_of_a_role_with_spares_that_turns_to_another_cluster() {
    at_every_role_with_spares(|role, kind| {
        let write = |kind| Action::WriteWarm { role, kind };
        (vec![write(kind), PASS], vec![write(kind ^ 6), PASS])
    });
}
