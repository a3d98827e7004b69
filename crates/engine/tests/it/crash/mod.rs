//! The crash harness: random scenarios in a simulated world, with the power cut
//! at every kind of step, and the promises of the product checked all the time.
//!
//! No orphan: in the end no key of ours is left. No early death: no key dies
//! while a lease that the host still holds is within its time. No double: those
//! who come together get one key. Revoking never succeeds early. No secret is
//! ever said. A seed gives the same scenario on every machine:
//!
//! ```text
//! LOCKKEEPER_SEED=42 LOCKKEEPER_SCENARIOS=1 cargo test -p engine scenarios
//! LOCKKEEPER_SCENARIOS=1000000 cargo test -p engine scenarios
//! ```

mod cloud;
mod every_step;
mod fault;
mod found;
mod host;
mod scenario;
mod spares;
mod static_role;
mod taken_over;
mod world;

use crate::seeds::first_failure;

/// How many scenarios a test run tries when nobody says another number.
const SCENARIOS: u64 = 10_000;

#[test]
fn random_scenarios_leave_no_orphan_and_no_key_dies_early() {
    let failed = first_failure("LOCKKEEPER_SCENARIOS", SCENARIOS, |seed| {
        let broken = scenario::run(&scenario::of_seed(seed));
        (!broken.is_empty()).then_some(())
    });
    if let Some((seed, ())) = failed {
        let actions = scenario::shrink(scenario::of_seed(seed));
        panic!(
            "seed {seed} breaks a promise:\n{:#?}\nin the end, with: {actions:#?}",
            scenario::run(&actions)
        );
    }
}
