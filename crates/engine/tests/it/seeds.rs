//! Random tests, each with a number of seeds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Tries the seeds from `LOCKKEEPER_SEED` on, as many as the environment variable
/// `many` says, or `usual`, on all processors, until one fails. Gives the lowest
/// that failed, and how.
pub(crate) fn first_failure<F: Send>(
    many: &str,
    usual: u64,
    run: impl Fn(u64) -> Option<F> + Sync,
) -> Option<(u64, F)> {
    let first = number("LOCKKEEPER_SEED", 1);
    let last = first + number(many, usual);
    let next = AtomicU64::new(first);
    let until_one_fails = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= last {
                return None;
            }
            if let Some(failure) = run(seed) {
                // The others finish the lower seeds that they are at.
                next.fetch_max(last, Ordering::SeqCst);
                return Some((seed, failure));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(until_one_fails)).collect();
        let failed = workers.into_iter().map(|worker| worker.join().unwrap());
        failed.flatten().min_by_key(|(seed, _)| *seed)
    })
}
