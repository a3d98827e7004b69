//! The thread that watches the plan: a timer of the runtime is up to a
//! millisecond late, which is more than many servers take for an answer.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Thread};
use std::time::Duration;

use super::Shared;

/// The shortest sleep: at high rates, requests are released in groups.
const SHORTEST: Duration = Duration::from_micros(50);
/// The longest sleep, after which it looks whether the test was stopped.
const LONGEST: Duration = Duration::from_millis(500);
/// More permits are not given at once.
const MOST_AT_ONCE: u64 = 1 << 30;

/// Starts the thread; it ends with the plan, or when the test is stopped.
pub(super) fn start(shared: Arc<Shared>, workers: NonZeroU32) -> std::io::Result<Thread> {
    let thread = thread::Builder::new().name("load-dispatch".to_owned());
    let handle = thread.spawn(move || dispatch(&shared, workers))?;
    Ok(handle.thread().clone())
}

fn dispatch(shared: &Shared, workers: NonZeroU32) {
    let mut released = 0;
    while !shared.due.is_closed() {
        let now = shared.now();
        let (due, next, is_over) = {
            let plan = shared.plan();
            let due = plan.due_by(now);
            (due, plan.instant_of(due).or(plan.end()), plan.is_over(now))
        };
        if is_over {
            shared.total.store(due, Ordering::Release);
        }
        release(shared, due - released);
        released = due;
        if is_over {
            // One permit for each worker, with which it learns that this is all.
            release(shared, u64::from(workers.get()));
            return end_after_timeout(shared);
        }
        let pause = next.map_or(LONGEST, |next| next.saturating_sub(shared.now()));
        thread::park_timeout(pause.clamp(SHORTEST, LONGEST));
    }
}

fn release(shared: &Shared, count: u64) {
    let count = usize::try_from(count.min(MOST_AT_ONCE)).unwrap_or_default();
    if count > 0 {
        shared.due.add_permits(count);
    }
}

/// Requests that could not even be sent within the time limit after the end of the
/// plan are given up.
fn end_after_timeout(shared: &Shared) {
    let end = shared.now() + shared.timeout;
    while !shared.due.is_closed() {
        let now = shared.now();
        if now >= end {
            shared.due.close();
        } else {
            thread::park_timeout(end.saturating_sub(now).min(LONGEST));
        }
    }
}
