//! Scenarios: lists of actions, made from a seed, carried out in a world of
//! their own, and cut down when they break a promise.

use std::time::Duration;

use jiff::SignedDuration;
use virtual_world::{Moment, Rng};

use super::fault::Fault;
use super::host::Lease;
use super::spares::{KINDS, WARM};
use super::world::{MINUTE, ROLES, World};

/// One thing that happens. Numbers choose among what there is at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Read {
        role: usize,
        readers: usize,
    },
    HangUp {
        role: usize,
        after: Duration,
    },
    FreezeDuringRead {
        role: usize,
        after: Duration,
    },
    Freeze,
    Thaw,
    EndOld,
    Restart,
    Cut {
        calls: u64,
        moment: Moment,
    },
    Renew {
        lease: usize,
        increment: Duration,
    },
    Revoke {
        lease: usize,
        with_id: bool,
    },
    /// All leases end at once.
    RevokeAll,
    /// No revocation failed when all leases ended.
    ExpectAllRevoked,
    /// So much time passes between two deletions from now on.
    Pace(Duration),
    Race {
        lease: usize,
        role: usize,
    },
    LoseLease {
        lease: usize,
    },
    DeleteByHand {
        key: usize,
    },
    WriteRole {
        role: usize,
        cluster: u64,
    },
    DeleteRole {
        role: usize,
    },
    Config {
        admin: usize,
        /// Whether Confluent is asked who it is; else its organization is not
        /// known at first.
        verified: bool,
    },
    Look,
    /// An operator ends a key on record.
    EndKey {
        key: usize,
    },
    /// An operator ends all keys of a role.
    EndRole {
        role: usize,
    },
    Reconcile,
    /// The mount is removed, and enabled again with nothing in it.
    Remove,
    WriteStatic {
        kind: u64,
    },
    ReadStatic,
    RotateStatic {
        with_grace: bool,
        wait: u64,
    },
    DeleteStatic,
    /// The static role is written with a key that a person made.
    ImportStatic {
        kind: u64,
    },
    /// The static role is written with the shared key of a role.
    AdoptStatic {
        kind: u64,
        role: usize,
    },
    /// Old keys of the static role must be quiet before they go.
    QuietStatic,
    /// The audit log tells of logins, with all keys or with the one that is served.
    PostUsage {
        of_all: bool,
    },
    /// A key is staged, committed or taken back by hand.
    StepStatic(&'static str),
    /// Two processes that both believe to be the only one rotate the static role.
    RotateTwice,
    /// Writes a role with spares; `kind` chooses how its keys are tried and how many
    /// are kept ready.
    WriteWarm {
        role: usize,
        kind: u64,
    },
    ReadWarm {
        role: usize,
        readers: usize,
    },
    HangUpWarm {
        role: usize,
        after: Duration,
    },
    FreezeDuringReadWarm {
        role: usize,
        after: Duration,
    },
    DeleteWarm {
        role: usize,
    },
    /// Two processes that both believe to be the only one read a role with spares, the
    /// second a little later.
    ReadWarmTwice {
        role: usize,
        later: Duration,
    },
    /// So many calls in a row are too many for Confluent.
    Storm(usize),
    Arm(Fault),
    Pass(Duration),
    /// The wall clock is wrong while a key is made.
    JumpDuringRead {
        role: usize,
        by: i64,
    },
    /// The wall clock is wrong for a while.
    ClockJumps {
        by: i64,
        for_seconds: u64,
    },
}

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

fn fault(chance: &mut Rng) -> Fault {
    let late = chance.seconds(1, 29);
    let slow = chance.seconds(1, 20);
    chance.one_of(&[
        Fault::WriteLost,
        Fault::WriteDone,
        Fault::WriteLost,
        Fault::WriteDone,
        Fault::ReadFails,
        Fault::CreateLost,
        Fault::CreateFails,
        Fault::CreateQuota,
        Fault::CreateLimited,
        Fault::CreateLate(late),
        Fault::CreateSlow(slow),
        Fault::DeleteFails,
        Fault::DeleteLost,
        Fault::DeleteForbidden,
        Fault::DeleteSlow(slow),
        Fault::DeleteHeldBack(slow),
        Fault::CreateHeldBack(slow),
        Fault::ListStale,
        Fault::ListCut,
        Fault::ListFails,
        Fault::ProbeLies,
        Fault::ProbeHeldBack(late),
    ])
}

fn action(chance: &mut Rng) -> Action {
    let role = chance.index(ROLES.len());
    let lease = chance.index(64);
    match chance.below(100) {
        0..25 => Action::Read {
            role,
            readers: chance.one_of(&[1, 1, 1, 3, 6]),
        },
        25..29 => Action::HangUp {
            role,
            after: Duration::from_millis(chance.below(400)),
        },
        29..31 => Action::FreezeDuringRead {
            role,
            after: Duration::from_millis(chance.below(400)),
        },
        31 => Action::Freeze,
        32..34 => Action::Thaw,
        34 => Action::EndOld,
        35 => Action::Restart,
        36 => Action::EndKey { key: lease },
        37 => match chance.below(3) {
            0 => Action::EndRole { role },
            1 => Action::Reconcile,
            _ => Action::Remove,
        },
        38..48 => Action::Cut {
            calls: chance.below(12),
            moment: chance.one_of(&MOMENTS),
        },
        48..54 => Action::Renew {
            lease,
            increment: chance.seconds(0, 3) * 300,
        },
        54 => match chance.below(3) {
            0 => Action::RevokeAll,
            _ => Action::Pace(chance.seconds(0, 30)),
        },
        55..64 => Action::Revoke {
            lease,
            with_id: chance.below(4) > 0,
        },
        64..68 => Action::Race { lease, role },
        68..70 => Action::LoseLease { lease },
        70..72 => Action::DeleteByHand { key: lease },
        72..75 => Action::WriteRole {
            role,
            cluster: chance.below(2),
        },
        75 => Action::DeleteRole { role },
        76..78 => {
            let choice = chance.index(6);
            Action::Config {
                admin: choice % 3,
                verified: choice < 3,
            }
        }
        78 => Action::Look,
        79..88 => Action::Arm(fault(chance)),
        88..98 => Action::Pass(match chance.below(4) {
            0 => chance.seconds(1, 30),
            1 => chance.seconds(30, 300),
            2 => chance.seconds(300, 1200),
            _ => chance.seconds(1200, 7200),
        }),
        98 => Action::JumpDuringRead {
            role,
            by: chance.one_of(&[-7200, -90, 90, 7200]),
        },
        _ => Action::ClockJumps {
            by: chance.one_of(&[-7200, -90, 90, 7200]),
            for_seconds: chance.below(540),
        },
    }
}

/// An action on the static role.
fn of_static_role(chance: &mut Rng) -> Action {
    match chance.below(32) {
        22 | 23 => Action::ImportStatic {
            kind: chance.below(9),
        },
        24..27 => Action::AdoptStatic {
            kind: chance.below(9),
            role: 1 + chance.index(2),
        },
        27 => Action::QuietStatic,
        28..31 => Action::PostUsage {
            of_all: chance.below(2) == 0,
        },
        0..3 => Action::WriteStatic {
            kind: chance.below(9),
        },
        19 => Action::RotateTwice,
        20 => Action::Storm(1 + chance.index(6)),
        21 => Action::Arm(Fault::ProbeLies),
        3..10 => Action::ReadStatic,
        10..15 => Action::RotateStatic {
            with_grace: chance.below(8) > 0,
            wait: chance.one_of(&[0, 0, 20]),
        },
        15 | 31 => Action::DeleteStatic,
        16 => Action::StepStatic("stage"),
        17 => Action::StepStatic("commit"),
        _ => Action::StepStatic("rollback"),
    }
}

/// An action on a role with spares.
fn of_warm_role(chance: &mut Rng) -> Action {
    let role = chance.index(WARM.len());
    match chance.below(22) {
        20.. => Action::ReadWarmTwice {
            role,
            later: Duration::from_millis(chance.below(60)),
        },
        0..3 => Action::WriteWarm {
            role,
            kind: chance.below(KINDS),
        },
        3..13 => Action::ReadWarm {
            role,
            readers: chance.one_of(&[1, 1, 1, 2, 4]),
        },
        13..15 => Action::HangUpWarm {
            role,
            after: Duration::from_millis(chance.below(30_000)),
        },
        15..17 => Action::FreezeDuringReadWarm {
            role,
            after: Duration::from_millis(chance.below(400)),
        },
        17 => Action::DeleteWarm { role },
        18 => Action::Arm(Fault::ProbeLies),
        _ => Action::Storm(1 + chance.index(3)),
    }
}

/// The actions of a seed. In every other there is a static role, in every fourth
/// there are roles with spares.
pub(crate) fn of_seed(seed: u64) -> Vec<Action> {
    let mut chance = Rng::new(seed);
    let length = 4 + chance.index(28);
    if seed.is_multiple_of(4) {
        let mut actions = Vec::new();
        for role in 0..WARM.len() {
            let kind = chance.below(KINDS);
            actions.push(Action::WriteWarm { role, kind });
        }
        for _ in 0..length {
            actions.push(action(&mut chance));
            actions.push(of_warm_role(&mut chance));
        }
        return actions;
    }
    if seed.is_multiple_of(2) {
        return (0..length).map(|_| action(&mut chance)).collect();
    }
    let kind = chance.below(9);
    let mut actions = match chance.below(6) {
        0 => vec![Action::ImportStatic { kind }],
        1 => vec![
            Action::Read {
                role: 1,
                readers: 1,
            },
            Action::AdoptStatic { kind, role: 1 },
        ],
        2 => vec![
            Action::WriteStatic { kind },
            Action::PostUsage { of_all: true },
            Action::QuietStatic,
        ],
        _ => vec![Action::WriteStatic { kind }],
    };
    for _ in 0..length {
        actions.push(action(&mut chance));
        actions.push(of_static_role(&mut chance));
    }
    actions
}

/// Carries actions out in a new world; gives the promises that were broken.
pub(crate) fn run(actions: &[Action]) -> Vec<String> {
    run_counting_cuts(actions).0
}

/// As [`run`], with how often the power went during the actions.
pub(crate) fn run_counting_cuts(actions: &[Action]) -> (Vec<String>, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new().await;
        for action in actions {
            perform(&mut world, *action).await;
            world.note_named().await;
        }
        let cuts = world.cuts;
        (world.settle().await, cuts)
    })
}

fn pick(world: &World, number: usize) -> Option<Lease> {
    let held = world.host.held();
    (!held.is_empty()).then(|| held[number % held.len()].clone())
}

/// The clients of these leases know that their keys end.
fn give_up(world: &World, knows: impl Fn(&Lease) -> bool) {
    for lease in world.host.held() {
        if knows(&lease) {
            world.host.begin_end(lease.number);
        }
    }
}

async fn perform(world: &mut World, action: Action) {
    match action {
        Action::Read { role, readers } => world.read(role, readers).await,
        Action::HangUp { role, after } => world.read_and_hang_up(role, after).await,
        Action::FreezeDuringRead { role, after } => world.freeze_during_read(role, after).await,
        Action::Freeze => world.freeze(),
        Action::Thaw => world.thaw(),
        Action::EndOld => world.end_old().await,
        Action::Restart => world.restart().await,
        Action::Cut { calls, moment } => world.process().cut_in(calls, moment),
        Action::Renew { lease, increment } => {
            if let Some(lease) = pick(world, lease) {
                world.renew(&lease, increment).await;
            }
        }
        Action::Revoke { lease, with_id } => {
            if let Some(lease) = pick(world, lease) {
                world.revoke(&lease, with_id).await;
            }
        }
        Action::RevokeAll => world.revoke_all().await,
        Action::ExpectAllRevoked => world.expect_no_failed_revocation(),
        Action::Pace(between) => world.cloud.set_pace(between),
        Action::Race { lease, role } => {
            if let Some(lease) = pick(world, lease) {
                world.race(&lease, role).await;
            }
        }
        Action::LoseLease { lease } => {
            if let Some(lease) = pick(world, lease) {
                world.host.lose(lease.number);
            }
        }
        Action::DeleteByHand { key } => {
            let live = world.cloud.live();
            if !live.is_empty() {
                let key = &live[key % live.len()];
                world.cloud.delete_by_hand(key);
                // Who held it knows that a person did it.
                world.host.warn_readers(key);
                give_up(world, |lease| lease.key == *key);
            }
        }
        Action::EndKey { key } => {
            let live = world.cloud.live();
            if !live.is_empty() {
                let key = &live[key % live.len()];
                give_up(world, |lease| lease.key == *key);
                world.host.warn_readers(key);
                world.given.ended(key);
                world.end_key(key).await;
            }
        }
        Action::EndRole { role } => {
            give_up(world, |lease| lease.role == ROLES[role].0);
            world.end_role(role).await;
        }
        Action::Reconcile => world.reconcile().await,
        Action::Remove => world.remove().await,
        Action::WriteStatic { kind } => world.write_static(kind).await,
        Action::ReadStatic => world.read_static().await,
        Action::RotateStatic { with_grace, wait } => world.rotate_static(with_grace, wait).await,
        Action::DeleteStatic => world.delete_static().await,
        Action::ImportStatic { kind } => world.import_static(kind).await,
        Action::AdoptStatic { kind, role } => world.adopt_static(kind, role).await,
        Action::QuietStatic => world.quiet_static().await,
        Action::PostUsage { of_all } => world.post_usage(of_all).await,
        Action::StepStatic(step) => world.step_static(step).await,
        Action::RotateTwice => world.rotate_twice().await,
        Action::WriteWarm { role, kind } => world.write_warm(role, kind).await,
        Action::ReadWarm { role, readers } => world.read_warm(role, readers).await,
        Action::HangUpWarm { role, after } => world.hang_up_warm(role, after).await,
        Action::FreezeDuringReadWarm { role, after } => {
            world.freeze_during_read_warm(role, after).await;
        }
        Action::DeleteWarm { role } => world.delete_warm(role).await,
        Action::ReadWarmTwice { role, later } => world.read_warm_twice(role, later).await,
        Action::Storm(calls) => {
            for _ in 0..calls {
                world.faults.arm(Fault::CreateLimited);
                world.faults.arm(Fault::ProbeHeldBack(MINUTE));
            }
        }
        Action::WriteRole { role, cluster } => world.write_role(role, cluster).await,
        Action::DeleteRole { role } => world.delete_role(role).await,
        Action::Config { admin, verified } => world.write_config(admin, verified).await,
        Action::Look => world.look().await,
        Action::Arm(fault) => world.faults.arm(fault),
        Action::Pass(time) => world.pass(time, MINUTE).await,
        Action::JumpDuringRead { role, by } => {
            world.process().cancel_cut();
            world.go_on().await;
            world
                .jump_during_read(role, SignedDuration::from_secs(by))
                .await;
            world.pass(MINUTE, MINUTE).await;
        }
        Action::ClockJumps { by, for_seconds } => {
            // A process that starts meanwhile has nothing to compare with. One
            // that died in work that no answer waited for is followed before.
            world.process().cancel_cut();
            world.go_on().await;
            world.time.jump(SignedDuration::from_secs(by));
            world
                .pass(Duration::from_secs(for_seconds), Duration::from_mins(1))
                .await;
            world.time.jump(SignedDuration::from_secs(-by));
            // Right for a while: a clock that is wrong for longer than ten
            // minutes is believed.
            world.pass(MINUTE, MINUTE).await;
        }
    }
}

/// The same breach with fewer actions: leaves out what it does not need.
pub(crate) fn shrink(mut actions: Vec<Action>) -> Vec<Action> {
    loop {
        let shorter = (0..actions.len()).find_map(|left_out| {
            let mut fewer = actions.clone();
            fewer.remove(left_out);
            (!run(&fewer).is_empty()).then_some(fewer)
        });
        match shorter {
            Some(fewer) => actions = fewer,
            None => return actions,
        }
    }
}
