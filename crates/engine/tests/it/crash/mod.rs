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

pub(crate) mod chance;
mod cloud;
mod fault;
mod found;
mod host;
mod process;
mod scenario;
mod spares;
mod static_role;
mod storage;
mod taken_over;
mod time;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// How many scenarios a test run tries when nobody says another number.
const SCENARIOS: u64 = 10_000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn random_scenarios_leave_no_orphan_and_no_key_dies_early() {
    let first = number("LOCKKEEPER_SEED", 1);
    let last = first + number("LOCKKEEPER_SCENARIOS", SCENARIOS);
    let next = AtomicU64::new(first);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let failed: Vec<u64> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut failed = Vec::new();
                    while failed.is_empty() {
                        let seed = next.fetch_add(1, Ordering::SeqCst);
                        if seed >= last {
                            break;
                        }
                        if !scenario::run(&scenario::of_seed(seed)).is_empty() {
                            failed.push(seed);
                        }
                    }
                    failed
                })
            })
            .collect();
        let workers = workers.into_iter();
        workers.flat_map(|worker| worker.join().unwrap()).collect()
    });
    if let Some(seed) = failed.iter().min() {
        let actions = scenario::shrink(scenario::of_seed(*seed));
        panic!(
            "seed {seed} breaks a promise:\n{:#?}\nin the end, with: {actions:#?}",
            scenario::run(&actions)
        );
    }
}
