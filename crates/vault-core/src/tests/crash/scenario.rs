//! What happens in a scenario.

use virtual_world::{Moment, Rng};

/// The mounts and tokens of a scenario, by number.
pub(super) const MOUNTS: usize = 3;
pub(super) const TOKENS: usize = 2;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Mount(usize),
    Tune(usize),
    Disable(usize),
    /// Makes a token, unless there is one of this number.
    Token(usize),
    /// `revoke-self` of a token.
    RevokeToken(usize),
    Lease {
        mount: usize,
        /// The operator's token if there is none of this number.
        token: usize,
    },
    /// Of a lease, modulo how many there were.
    Renew(usize),
    Revoke {
        lease: usize,
        sync: Option<bool>,
    },
    RevokePrefix {
        mount: usize,
        sync: Option<bool>,
    },
    /// Time passes, in seconds.
    Pass(u64),
    /// Every write takes a while, so that there are awaits to hang up at.
    SlowWrites,
    /// Batches are carried out change by change from now on.
    SplitBatches,
    /// The client of the next request hangs up after so many awaits.
    HangUp(usize),
    /// The power goes at a later step.
    Cut {
        calls: u64,
        moment: Moment,
    },
    /// The next call of this kind panics in the engine.
    Panic(&'static str),
    /// The next call of this kind fails in the engine.
    Fail(&'static str),
    /// The next write fails, though it may have happened.
    FailWrite {
        happens: bool,
    },
    /// The audit device writes so many lines of the next request.
    LogEnds(usize),
}

/// The kinds of calls of an engine that can panic or fail.
pub(super) const CALLS: [&str; 5] = ["handle", "revoke", "tick", "initialize", "cleanup"];

/// A scenario from a seed.
pub(super) fn of_seed(seed: u64) -> Vec<Action> {
    let mut rng = Rng::new(seed);
    let mut actions = vec![Action::Mount(0)];
    if rng.below(2) == 0 {
        actions.push(Action::SlowWrites);
    }
    if rng.below(4) == 0 {
        actions.push(Action::SplitBatches);
    }
    for _ in 0..(4 + rng.index(16)) {
        actions.push(any(&mut rng));
    }
    actions
}

fn any(rng: &mut Rng) -> Action {
    let sync = rng.one_of(&[None, Some(true), Some(false)]);
    match rng.below(28) {
        0 | 1 => Action::Mount(rng.index(MOUNTS)),
        2 => Action::Tune(rng.index(MOUNTS)),
        3 | 4 => Action::Disable(rng.index(MOUNTS)),
        5 => Action::Token(rng.index(TOKENS)),
        6 => Action::RevokeToken(rng.index(TOKENS)),
        7..=12 => Action::Lease {
            mount: rng.index(MOUNTS),
            token: rng.index(TOKENS + 1),
        },
        13 => Action::Renew(rng.index(8)),
        14 | 15 => Action::Revoke {
            lease: rng.index(8),
            sync,
        },
        16 => Action::RevokePrefix {
            mount: rng.index(MOUNTS),
            sync,
        },
        17 | 18 => Action::Pass(rng.below(90)),
        19 | 20 => Action::HangUp(rng.index(12)),
        21 | 22 => Action::Cut {
            calls: rng.below(40),
            moment: rng.one_of(&[Moment::Before, Moment::After]),
        },
        23 => Action::Panic(rng.one_of(&CALLS)),
        24 => Action::Fail(rng.one_of(&CALLS)),
        25 | 26 => Action::LogEnds(rng.index(2)),
        _ => Action::FailWrite {
            happens: rng.below(2) == 0,
        },
    }
}

/// A shorter scenario that still breaks a promise.
pub(super) fn shrink(mut actions: Vec<Action>) -> Vec<Action> {
    let mut at = 0;
    while at < actions.len() {
        let mut fewer = actions.clone();
        fewer.remove(at);
        if super::run(&fewer).is_empty() {
            at += 1;
        } else {
            actions = fewer;
            at = 0;
        }
    }
    actions
}
